//! The contract: each behaviour is one body, run on real sockets, in simulation, and in simulation under a layer. The list
//! of the tests' names is the specification; `rules/` says which rule each of them keeps.

#[path = "../toy/mod.rs"]
mod toy;

mod alone;
mod asking;
mod calling;
mod counted;
mod directory;
mod known;
mod logs;
mod peer;
mod real;
mod spy;
mod strict;
mod world;

mod accepting;
#[cfg(all(feature = "unix", target_os = "linux"))]
mod adopting;
mod apart;
mod between_frames;
mod broadcasting;
mod cancelling;
mod clock;
mod closing;
mod connecting;
mod deferring;
mod depth;
mod descriptors;
mod economy;
mod exhaustion;
mod flooding;
mod forwarding;
mod framing;
mod framings;
mod from_callbacks;
mod half_closing;
mod handles;
mod idle;
mod latency;
mod limiting;
mod listening;
mod names;
mod operating;
mod panics;
mod panics_of_layers;
mod panics_of_objects;
mod piping;
mod piping_to_the_end;
mod pressure;
mod process;
mod reactors;
mod reading;
mod reasons;
mod reentrancy;
mod refused_at_the_stop;
mod remote;
mod repeating;
mod replacing;
mod replacing_in_groups;
mod replying;
mod requesting;
mod small_services;
mod stopping;
mod timers;
mod unanswered;
mod unix_streams;
mod when_idle;
mod wrapping;
mod writing;
mod writing_in_vain;
