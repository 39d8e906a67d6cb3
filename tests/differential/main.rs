//! The same scenario on the kernel and in simulation: what the kernel did must be among what the simulation can do, or a
//! test in simulation proves nothing.

mod generated;
mod golden;
mod kernel;
mod outcome;
mod play;
mod puppet;
mod regressions;
mod scenario;
mod simulated;
