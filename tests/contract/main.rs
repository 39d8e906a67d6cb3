//! The contract: each behaviour is one body, run on real sockets, in simulation, and in simulation under a layer. The list
//! of the tests' names is the specification; `catalogue.txt` says which rule each of them keeps.

#[path = "../toy/mod.rs"]
mod toy;

mod spy;
mod world;

mod closing;
mod depth;
mod from_callbacks;
mod half_closing;
mod handles;
mod reasons;
mod reentrancy;
