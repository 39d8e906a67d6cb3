//! The standard small services: echo, discard, chargen, daytime, time and quote of the day. Owns what each says over TCP; it
//! listens nowhere by itself, and does not serve datagrams, with which such services flood others: the example `udp_echo` shows with how
//! much care an echo of them can be had.
//!
//! Each is a protocol, good for a first server, for a test of somebody else's client, or to be read. Times are those of
//! the reactor's wall clock, quotes are drawn by its randomness: in simulation they repeat themselves.
//!
//! ```
//! use std::rc::Rc;
//! use ropewalk::{Reactor, sim, wire};
//!
//! fn serve(reactor: &mut Reactor) -> ropewalk::Result<()> {
//!     let quotes: Rc<[String]> = ["Measure twice, cut once.".to_owned()].into();
//!     reactor.listen("tcp:echo").serve(|_| wire::Echo)?;
//!     reactor.listen("tcp:discard").serve(|_| wire::Discard)?;
//!     reactor.listen("tcp:daytime").serve(|_| wire::Daytime)?;
//!     reactor.listen("tcp:qotd").serve(move |_| wire::Qotd::new(Rc::clone(&quotes)))?;
//!     reactor.listen("tcp:chargen").serve(|_| wire::Chargen::default())?;
//!     reactor.listen("tcp:time").serve(|_| wire::Time)?;
//!     Ok(())
//! }
//!
//! let world = sim::World::new(1, sim::Faults::None);
//! world.host("server", serve);
//! world.peer("tcp:server:17").expect("Measure twice, cut once.").expect_eof();
//! assert_eq!(world.peer("tcp:server:37").read_until_eof().len(), 4);
//! ```

mod chargen;
mod civil;
mod clock;
mod echo;
mod qotd;

pub use chargen::Chargen;
pub use clock::{Daytime, Time};
pub use echo::{Discard, Echo};
pub use qotd::Qotd;
