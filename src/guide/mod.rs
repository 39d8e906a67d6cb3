//! Longer texts, to be read with a program of one's own in mind. Owns words and the programs in them, which are run as
//! tests; holds no code of the crate.
//!
//! - [`finger`]: a tutorial, a server from nothing to something that may be left alone.
//! - [`recipes`]: the small things every protocol needs, each as a whole protocol with its test.
//! - [`coming_from`]: Twisted, asyncio, gevent, tokio and the socket module, name by name, and a program beside a program.
//! - [`own_framing`]: how to cut a stream by rules of your own.
//! - [`own_protocol`]: how to test a protocol of your own, from one line to a storm; a bug, and how it was found.

#[doc = include_str!("finger/steps.md")]
#[doc = "```no_run"]
#[doc = include_str!("../../examples/finger/finger.rs")]
#[doc = "# fn main() {}"]
#[doc = "```"]
#[doc = include_str!("finger/service.md")]
pub mod finger {}

#[doc = include_str!("recipes.md")]
pub mod recipes {}

#[doc = include_str!("coming_from.md")]
pub mod coming_from {}

#[doc = include_str!("own_framing.md")]
pub mod own_framing {}

#[doc = include_str!("own_protocol/protocol.md")]
#[doc = "```no_run"]
#[doc = include_str!("own_protocol/room.rs")]
#[doc = "# fn main() {}"]
#[doc = "```"]
#[doc = include_str!("own_protocol/network.md")]
#[doc = "```no_run"]
#[doc = "# use ropewalk::Reactor;"]
#[doc = "# fn serve(_: &mut Reactor) -> ropewalk::Result<()> { Ok(()) }"]
#[doc = include_str!("own_protocol/scenario.rs")]
#[doc = "# fn main() {}"]
#[doc = "```"]
#[doc = include_str!("own_protocol/faults.md")]
#[doc = "```no_run"]
#[doc = include_str!("own_protocol/forgetful.rs")]
#[doc = "# fn main() {}"]
#[doc = "```"]
#[doc = include_str!("own_protocol/report.md")]
#[doc = "```text"]
#[doc = include_str!("own_protocol/report.txt")]
#[doc = "```"]
#[doc = include_str!("own_protocol/bug.md")]
#[doc = "<div style=\"overflow-x: auto\">"]
#[doc = include_str!("own_protocol/forgotten.svg")]
#[doc = "</div>"]
#[doc = include_str!("own_protocol/limits.md")]
pub mod own_protocol {}
