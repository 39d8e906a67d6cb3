//! An event-driven reactor for network protocols.

#![forbid(unsafe_code)]

mod address;
mod endpoint;
mod error;
pub mod framing;
pub mod network;
mod outbound;
mod timer;

pub use address::Address;
pub use endpoint::*;
pub use error::*;
pub use timer::TimerId;
