//! The contract: each behaviour is one body, run on real sockets, in simulation, and in simulation under a layer. The list
//! of the tests' names is the specification; `catalogue.txt` says which rule each of them keeps.

#[path = "../toy/mod.rs"]
mod toy;

mod spy;
mod world;

mod closing;
mod panics;
mod panics_of_layers;
mod panics_of_objects;
mod refused_at_the_stop;
mod stopping;
mod timers;
