//! SIGINT, SIGTERM and SIGUSR1 as bytes in pipes that the selector watches. Owns the handlers and gives the default action back when
//! nobody watches any more; does not decide what a signal means.

use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
use signal_hook::SigId;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::{flag, low_level};

use super::Signal;
use super::signal::SIGNALS;

const WATCHED: [Signal; SIGNALS] = [Signal::Interrupt, Signal::Terminate, Signal::User1];

/// While it is true a signal does what it does by default: it ends the process.
static UNWATCHED: AtomicBool = AtomicBool::new(false);

/// How many networks of this process watch; `None` before the first ever did.
static WATCHERS: Mutex<Option<usize>> = Mutex::new(None);

/// The signals of the process, as long as it lives.
#[derive(Debug)]
pub(super) struct Signals {
    // Dropped first: between the two, a signal ends the process rather than going unseen.
    _watch: Watch,
    pipes: Vec<Pipe>,
}

impl Signals {
    /// Watches under the given tokens. The handlers of signals are the process's: every network that watches is told.
    pub(super) fn watch(registry: &Registry, tokens: [Token; SIGNALS]) -> io::Result<Self> {
        let watch = Watch::begin()?;
        let pipes = WATCHED
            .into_iter()
            .zip(tokens)
            .map(|(signal, token)| Pipe::open(registry, signal, token))
            .collect::<io::Result<_>>()?;
        Ok(Self {
            _watch: watch,
            pipes,
        })
    }

    /// Takes what came under `token`.
    pub(super) fn drain(&mut self, token: Token, caught: &mut Vec<Signal>) {
        for pipe in &mut self.pipes {
            if pipe.token == token {
                pipe.drain(caught);
            }
        }
    }
}

#[derive(Debug)]
struct Pipe {
    signal: Signal,
    token: Token,
    reader: UnixStream,
    handler: SigId,
}

impl Pipe {
    fn open(registry: &Registry, signal: Signal, token: Token) -> io::Result<Self> {
        let (mut reader, writer) = UnixStream::pair()?;
        registry.register(&mut reader, token, Interest::READABLE)?;
        let handler = low_level::pipe::register(number(signal), writer)?;
        Ok(Self {
            signal,
            token,
            reader,
            handler,
        })
    }

    /// To the end, for there is one edge for many bytes: one byte a signal.
    fn drain(&mut self, caught: &mut Vec<Signal>) {
        let mut bytes = [0; 16];
        loop {
            match self.reader.read(&mut bytes) {
                Ok(0) => return,
                Ok(count) => caught.extend(std::iter::repeat_n(self.signal, count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    log::debug!("{}: its pipe failed: {error}", self.signal);
                    return;
                }
            }
        }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        low_level::unregister(self.handler);
    }
}

/// One of those that watch. A handler once installed stays, so without the default action given back by hand a program
/// whose reactor is gone could not be ended by Ctrl-C.
#[derive(Debug)]
struct Watch;

impl Watch {
    fn begin() -> io::Result<Self> {
        let mut watchers = watchers();
        let count = match *watchers {
            Some(count) => count,
            None => {
                // Never taken off again: a second one would be in no better place than this.
                for signal in WATCHED {
                    flag::register_conditional_default(number(signal), &UNWATCHED)?;
                }
                0
            }
        };
        *watchers = Some(count + 1);
        UNWATCHED.store(false, Ordering::SeqCst);
        Ok(Self)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watchers = watchers();
        let left = watchers.map_or(0, |count| count.saturating_sub(1));
        *watchers = Some(left);
        UNWATCHED.store(left == 0, Ordering::SeqCst);
    }
}

fn watchers() -> MutexGuard<'static, Option<usize>> {
    WATCHERS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn number(signal: Signal) -> i32 {
    match signal {
        Signal::Interrupt => SIGINT,
        Signal::Terminate => SIGTERM,
        Signal::User1 => SIGUSR1,
    }
}
