//! The way from the loop to the tape. Owns the thread that writes, and what waits for it; decides nothing about what is
//! recorded.
//!
//! A thread of its own writes, for three reasons: what is recorded is on the tape within a tenth of a second though the
//! loop sleeps, or hangs in a callback (which is when a tape is wanted most); a disk that stands still holds nobody up; and
//! the checksums cost the loop nothing.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::encode::Encoder;
use super::tape;

/// How long events may wait for more of them to be written with.
const WAIT: Duration = Duration::from_millis(40);

/// So many bytes are written at once without waiting.
const ENOUGH: usize = 128 * 1024;

/// So many bytes may wait for a slow disk, beside the block of at most as many that it is at. When there are more, the
/// recording ends.
const MOST: usize = 64 * 1024 * 1024;

/// How long the end of a run waits for its tape.
const PATIENCE: Duration = Duration::from_secs(5);

/// The loop's end of a tape.
pub(super) struct TapeWriter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    patience: Duration,
}

struct Shared {
    line: Mutex<Line>,
    more: Condvar,
    /// The thread is done.
    done: Condvar,
}

struct Line {
    encoder: Encoder,
    state: State,
    /// The thread sleeps until it is notified.
    asleep: bool,
    is_done: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Recording,
    /// What is there is to be written, and then the thread is to end.
    Closing,
    /// It could not be written: nothing is recorded any more.
    Failed,
}

impl TapeWriter {
    /// Begins a tape.
    pub(super) fn begin(mut sink: impl Write + Send + 'static, memo: &str) -> io::Result<Self> {
        tape::write_header(&mut sink, memo)?;
        let shared = Arc::new(Shared {
            line: Mutex::new(Line {
                encoder: Encoder::default(),
                state: State::Recording,
                asleep: false,
                is_done: false,
            }),
            more: Condvar::new(),
            done: Condvar::new(),
        });
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("ropewalk-tape".to_owned())
            .spawn(move || {
                let _done = Done(&theirs);
                theirs.write_all(sink);
            })?;
        Ok(Self {
            shared,
            thread: Some(thread),
            patience: PATIENCE,
        })
    }

    /// Puts events on the tape. After a failure nothing is put any more.
    #[inline]
    pub(super) fn put(&self, events: impl FnOnce(&mut Encoder)) {
        let mut line = self.shared.line();
        if line.state != State::Recording {
            return;
        }
        let before = line.encoder.out.len();
        events(&mut line.encoder);
        let waiting = line.encoder.out.len();
        // Told once, not call by call: a thread that is at a block finds the rest when it comes back.
        if line.asleep || before < ENOUGH && waiting >= ENOUGH || waiting > MOST {
            self.shared.hand_over(&mut line);
        }
    }

    /// Writes what is there, and waits for that; not for ever, for a program has to end though its disk hangs.
    pub(super) fn end(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        let mut line = self.shared.line();
        if line.state == State::Recording {
            line.state = State::Closing;
        }
        self.shared.more.notify_one();
        let (line, _) = self
            .shared
            .done
            .wait_timeout_while(line, self.patience, |line| !line.is_done)
            .unwrap_or_else(PoisonError::into_inner);
        if !line.is_done {
            log::error!(
                "the end of the tape is given up: it is not written after {:?}",
                self.patience
            );
            return;
        }
        drop(line);
        if thread.join().is_err() {
            log::error!("the thread that writes the tape panicked");
        }
    }
}

/// Tells that the thread is done, however it ends.
struct Done<'a>(&'a Shared);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.line().is_done = true;
        self.0.done.notify_one();
    }
}

impl Shared {
    fn line(&self) -> MutexGuard<'_, Line> {
        // What panics under the lock is a fault of this module's; the events before it are good.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cold]
    fn hand_over(&self, line: &mut Line) {
        if line.encoder.out.len() > MOST {
            line.state = State::Failed;
            line.encoder = Encoder::default();
            log::error!(
                "recording ends: more than {} MiB wait to be written",
                MOST >> 20
            );
        }
        line.asleep = false;
        self.more.notify_one();
    }

    /// The thread: takes what has gathered and writes it, until the tape ends or can't be written.
    fn write_all(&self, mut sink: impl Write) {
        let mut block = Vec::new();
        for number in 0.. {
            let state = self.gather(&mut block);
            if !block.is_empty()
                && let Err(error) = tape::write_block(&mut sink, number, &block)
            {
                log::error!("recording ends, for the tape can't be written: {error}");
                let mut line = self.line();
                line.state = State::Failed;
                line.encoder = Encoder::default();
                return;
            }
            if state != State::Recording {
                return;
            }
            block.clear();
            // One burst need not be remembered by the room that it took.
            block.shrink_to(2 * ENOUGH);
        }
    }

    /// Waits for events, then a little for more of them, and takes all.
    fn gather(&self, block: &mut Vec<u8>) -> State {
        let mut line = self.line();
        while line.encoder.out.is_empty() && line.state == State::Recording {
            line.asleep = true;
            line = self.more.wait(line).unwrap_or_else(PoisonError::into_inner);
        }
        line.asleep = false;
        let waits =
            |line: &mut Line| line.state == State::Recording && line.encoder.out.len() < ENOUGH;
        let (mut line, _) = self
            .more
            .wait_timeout_while(line, WAIT, waits)
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(block, &mut line.encoder.out);
        line.state
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Takes the header; of all else it tells, then hangs until it is told to go on.
    struct Hanging {
        begun: Sender<()>,
        goes_on: Receiver<()>,
    }

    impl Write for Hanging {
        fn write(&mut self, data: &[u8]) -> io::Result<usize> {
            if !data.starts_with(b"ropetape") {
                self.begun.send(()).ok();
                self.goes_on.recv().ok();
            }
            Ok(data.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_disk_that_hangs_does_not_keep_a_program_from_its_end() {
        let ((begun, begins), (go, goes_on)) = (channel(), channel());
        let mut writer = TapeWriter::begin(Hanging { begun, goes_on }, "").expect("a thread");
        writer.patience = Duration::from_millis(20);
        writer.put(|tape| tape.out.push(0));
        begins.recv().expect("a block is written");
        writer.end();
        drop(go);
    }
}
