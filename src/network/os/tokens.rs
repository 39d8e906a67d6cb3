//! What the selector knows things by. Owns which tokens are ours, and which may be a socket's.

use std::io;

use crate::network::Token;

/// Tokens of our own, from the top; no socket may have them.
pub(super) const WAKER: mio::Token = mio::Token(usize::MAX);
pub(super) const SIGNALS: [mio::Token; 3] = [
    mio::Token(usize::MAX - 1),
    mio::Token(usize::MAX - 2),
    mio::Token(usize::MAX - 3),
];
pub(super) const ALARM: mio::Token = mio::Token(usize::MAX - 4);
pub(super) const FIRST_RESERVED: usize = usize::MAX - 4;

/// The selector's token for a socket's, which may be none of ours.
pub(super) fn selector_token(token: Token) -> io::Result<mio::Token> {
    match usize::try_from(token.0) {
        Ok(token) if token < FIRST_RESERVED => Ok(mio::Token(token)),
        _ => Err(io::ErrorKind::InvalidInput.into()),
    }
}
