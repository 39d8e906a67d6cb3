//! The contract: each behaviour is one body, run on real sockets, in simulation, and in simulation under a layer. The list
//! of the tests' names is the specification; `catalogue.txt` says which rule each of them keeps.

#[path = "../toy/mod.rs"]
mod toy;

mod known;
mod spy;
mod world;

mod broadcasting;
mod closing;
mod pressure;
mod reading;
mod writing;
