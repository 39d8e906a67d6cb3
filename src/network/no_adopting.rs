//! Inherited sockets in a build without the feature `unix`, or a system without them. Owns the refusal.

use super::sockets::Socket;
use crate::address::Address;
use crate::endpoint::Inherited;
use crate::error::AdoptError;

pub(super) fn adopt(_: &Inherited) -> Result<(Socket, Address), AdoptError> {
    Err(AdoptError::Unsupported)
}
