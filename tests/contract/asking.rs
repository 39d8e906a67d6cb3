//! A protocol that asks questions by lines, its peer, and the two brought together. Asserts nothing but that questions are
//! taken.

use std::time::Duration;

use ropewalk::{LineReceiver, Lost, Match, Pending, RequestError, Transport, Unanswered};

use crate::known::Known;
use crate::spy::Log;
use crate::world::{Peer, World};

pub(crate) const LONG: Duration = Duration::from_secs(600);
pub(crate) const SOON: Duration = Duration::from_millis(8);

/// Asks by lines such as `7 what?`, and takes `7 that.` for the reply. Notes what becomes of its requests.
pub(crate) struct Asker {
    pub(crate) log: Log,
    pub(crate) known: Known,
    pub(crate) requests: Pending<u16>,
    pub(crate) lost: Option<fn(&mut Self, &mut Transport<'_>)>,
}

pub(crate) type Outcome = Result<Vec<u8>, Unanswered>;

impl Asker {
    pub(crate) fn ask(&mut self, transport: &mut Transport<'_>, key: u16, within: Duration) {
        let result = self.try_ask(transport, key, within, move |this, _, outcome| {
            this.note(key, outcome);
        });
        result.expect("it is taken");
    }

    pub(crate) fn try_ask(
        &mut self,
        transport: &mut Transport<'_>,
        key: u16,
        within: Duration,
        told: impl FnOnce(&mut Self, &mut Transport<'_>, Outcome) + 'static,
    ) -> Result<(), RequestError> {
        self.requests.request(transport, key, within, told)?;
        transport.send(format!("{key} what?"));
        Ok(())
    }

    pub(crate) fn note(&self, key: u16, outcome: Outcome) {
        self.log.note(match outcome {
            Ok(reply) => format!("{key}: {}", String::from_utf8_lossy(&reply)),
            Err(why) => format!("{key}: {why}"),
        });
    }
}

impl LineReceiver for Asker {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        self.known.note(transport);
    }

    fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
        let line = String::from_utf8_lossy(line).into_owned();
        match line
            .split_once(' ')
            .map(|(key, reply)| (key.parse(), reply))
        {
            Some((Ok(key), reply)) => {
                let found = self
                    .requests
                    .reply(&key, reply.into())
                    .tell(self, transport);
                if found != Match::Asked {
                    self.log.note(format!("{key} {found:?}"));
                }
            }
            _ => self.log.note(line),
        }
    }

    fn connection_lost(&mut self, transport: &mut Transport<'_>, reason: &Lost) {
        self.log.note(format!("lost {reason}"));
        if let Some(lost) = self.lost.take() {
            lost(self, transport);
        }
    }
}

pub(crate) struct Scene {
    world: World,
    pub(crate) log: Log,
    pub(crate) known: Known,
    pub(crate) peer: Peer,
}

impl Scene {
    pub(crate) fn new(world: &World) -> Self {
        Self::with(world, Pending::new)
    }

    pub(crate) fn with(world: &World, requests: impl Fn() -> Pending<u16> + 'static) -> Self {
        let (log, known) = (Log::default(), Known::default());
        let (ours, ids) = (log.clone(), known.clone());
        let listener = world.serve(move |_| Asker {
            log: ours.clone(),
            known: ids.clone(),
            requests: requests(),
            lost: None,
        });
        let peer = world.peer(&listener);
        world.run_until("it is made", || known.count() == 1);
        Self {
            world: world.clone(),
            log,
            known,
            peer,
        }
    }

    /// Has the protocol do something, in a callback of its own.
    pub(crate) fn tell(&self, act: impl FnOnce(&mut Asker, &mut Transport<'_>) + 'static) {
        let id = self.known.id();
        self.world.on(|reactor| reactor.tell(id, act));
    }

    /// The protocol asks, and the peer has heard it.
    pub(crate) fn ask(&self, keys: &'static [u16], within: Duration) {
        self.tell(move |asker, transport| {
            for &key in keys {
                asker.ask(transport, key, within);
            }
        });
        for key in keys {
            self.peer.expect(format!("{key} what?"));
        }
    }

    /// What has been told, as soon as it is so much.
    #[track_caller]
    pub(crate) fn told(&self, count: usize) -> Vec<String> {
        self.world
            .run_until("it is told", || self.log.lines().len() >= count);
        self.log.lines()
    }
}
