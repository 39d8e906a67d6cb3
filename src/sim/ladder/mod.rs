//! A run as a picture: hosts side by side, time downwards, an arrow for each segment. Owns what such a picture shows;
//! notes nothing itself, and draws only what the story has kept.

mod crop;
mod lanes;
mod steps;
mod svg;
mod text;

use std::fmt;
use std::io;
use std::path::Path;

use super::trace::Story;
use super::world::World;
use steps::Step;

/// How many rows text has at most, and a drawing.
const TEXT_ROWS: usize = 80;
const DRAWN_ROWS: usize = 400;

/// What happened in a [`World`], as a ladder diagram. A column is a host or a peer; an arrow is a segment, from its
/// departure to its arrival, and ends in an x if it got lost; what happened at one place stands beside its column.
///
/// Its [`Display`](fmt::Display) is text of about 100 columns; [`svg`](Self::svg) is a drawing. If it gets long, the
/// middle is left out. A failed `expect` of a [`Peer`](super::Peer) prints it.
///
/// ```
/// use ropewalk::sim::{Faults, World};
///
/// let world = World::new(0, Faults::None);
/// let listener = world.peer_listener("server", 7);
/// let alice = world.peer("tcp:server:7");
/// let server = listener.accept();
/// alice.send("hello").closes();
/// server.expect("hello");
///
/// let ladder = world.ladder();
/// assert!(ladder.to_string().contains(r#" data 7B "hello\r\n" "#));
/// assert!(ladder.svg().starts_with("<svg"));
/// ```
#[derive(Clone, Debug)]
pub struct Ladder {
    steps: Vec<Step>,
}

impl World {
    /// What happened so far, as a picture, as far as it is kept: see [`Trace`](super::Trace).
    pub fn ladder(&self) -> Ladder {
        Ladder::of(self.fabric().borrow().story())
    }
}

impl Ladder {
    pub(super) fn of(story: &Story) -> Self {
        Self {
            steps: steps::of(story),
        }
    }

    /// The drawing, as a document of its own.
    pub fn svg(&self) -> String {
        svg::draw(&crop::crop(&self.steps, DRAWN_ROWS))
    }

    /// Writes the drawing to a file, which is made, or replaced.
    ///
    /// # Errors
    /// What the system says if it can't be written.
    pub fn write_svg(&self, path: impl AsRef<Path>) -> io::Result<()> {
        std::fs::write(path, self.svg())
    }
}

impl fmt::Display for Ladder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write(f, &crop::crop(&self.steps, TEXT_ROWS))
    }
}
