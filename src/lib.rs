//! An event-driven reactor for network protocols.

#![forbid(unsafe_code)]

mod address;
mod endpoint;
mod error;
pub mod network;

pub use address::Address;
pub use endpoint::*;
pub use error::*;
