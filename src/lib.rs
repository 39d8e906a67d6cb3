//! An event-driven reactor for network protocols: callbacks, one thread, no `Send`, no lifetimes to fight.
#![forbid(unsafe_code)]

pub mod framing;
pub mod layer;
pub mod network;
pub mod sim;
pub mod testing;

mod address;
mod connection;
mod counters;
mod endpoint;
mod error;
mod group;
mod limits;
mod log_limit;
mod outbound;
mod protocol;
mod reactor;
mod remote;
mod timer;
mod transport;

pub use address::Address;
pub use connection::ConnectionId;
pub use counters::Counters;
pub use endpoint::{ClientEndpoint, Port, ServerEndpoint};
pub use error::{
    ConnectError, Deadline, EndpointError, Error, Fault, FrameError, Lost, NameError, OsError,
    Result, Side,
};
pub use framing::{Framing, Lines, UnfinishedLine};
pub use group::{Group, Slow};
pub use layer::{Layer, Up};
pub use limits::{Limits, Overflow};
pub use network::{Network, OsNetwork, Signal, Time};
#[doc(hidden)]
pub use protocol::Input;
pub use protocol::{Factory, LineReceiver, Protocol, Refusal};
pub use reactor::{Connect, Listen, Listener, Reactor, Report, Stepper, run};
pub use remote::{Remote, RemoteError};
pub use timer::TimerId;
pub use transport::Transport;

#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;
