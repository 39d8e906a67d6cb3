//! A tape against a program: what is asked is compared with what was asked, and answered as that was. Owns the place on the
//! tape, and what is known of each socket there; is no network itself.
//!
//! The order of all calls that do something is compared, as one thread made them. Questions (the clock, our own address) are
//! answered in their order too, but one more or less is no difference: a log that tells more asks more.

use std::collections::BTreeMap;
use std::io::IoSlice;
use std::time::SystemTime;

use super::call::{Answer, Call, Event, Excerpt};
use super::tape::Tape;
use super::verdict::{Difference, Post, ReplayError, Replayed, Verdict};
use crate::address::Address;
use crate::network::{Credentials, Posted, SocketId, Time, Token};
use crate::table::{ConnectionId, Owner};

#[derive(Debug)]
pub(super) struct Player {
    tape: Tape,
    /// The next event, if it was read.
    head: Option<Event>,
    verdict: Verdict,
    events: u64,
    bytes_out: u64,
    parties: BTreeMap<SocketId, Party>,
    time: Time,
    wall_clock: SystemTime,
    descriptor_limit: Option<u64>,
}

/// What is known of a socket.
#[derive(Debug, Default)]
struct Party {
    token: Option<Token>,
    peer: Option<Address>,
    local: Option<Address>,
    credentials: Option<Credentials>,
    /// Bytes of its output so far.
    sent: u64,
}

impl Player {
    pub(super) fn new(tape: Tape) -> Self {
        Self {
            tape,
            head: None,
            verdict: Verdict::default(),
            events: 0,
            bytes_out: 0,
            parties: BTreeMap::new(),
            time: Time::START,
            wall_clock: SystemTime::UNIX_EPOCH,
            descriptor_limit: None,
        }
    }

    pub(super) fn memo(&self) -> &str {
        self.tape.memo()
    }

    pub(super) fn verdict(&self) -> Verdict {
        self.verdict.clone()
    }

    /// The answer to a call that the recorded program made here too; `None` if the replay is over, also by this call.
    pub(super) fn answer(&mut self, asked: &Call) -> Option<Answer> {
        self.pass_questions()?;
        match self.head.take() {
            Some(event) if event.call == *asked => {
                self.note(&event);
                Some(event.answer)
            }
            other => {
                self.head = other;
                self.differs(asked.socket(), 0, asked.to_string());
                None
            }
        }
    }

    /// Likewise for a write, whose bytes are compared one by one: how many were taken, and the answer.
    pub(super) fn answer_write(
        &mut self,
        socket: SocketId,
        pieces: &[IoSlice<'_>],
    ) -> Option<(usize, Answer)> {
        self.pass_questions()?;
        let written = || pieces.iter().flat_map(|piece| piece.iter().copied());
        let difference = match &self.head {
            Some(Event {
                call:
                    Call::Write {
                        socket: other,
                        taken,
                        rest,
                    },
                ..
            }) if *other == socket => {
                let size = pieces.iter().map(|piece| piece.len()).sum::<usize>();
                let alike = same(taken, pieces);
                let as_many = size as u64 == taken.len() as u64 + rest;
                (alike < taken.len() || !as_many).then_some(alike)
            }
            _ => Some(0),
        };
        if let Some(offset) = difference {
            let size = written().count();
            let differs: Vec<u8> = written().skip(offset).take(80).collect();
            let written = format!("write {} ({size} bytes in all)", Excerpt(&differs));
            self.differs(Some(socket), offset, written);
            return None;
        }
        let event = self.head.take()?;
        self.note(&event);
        match event.call {
            Call::Write { taken, .. } => Some((taken.len(), event.answer)),
            _ => None,
        }
    }

    /// What was known last when this is asked; the tape goes on as far as it was asked too.
    pub(super) fn ask(&mut self, asked: &Call) {
        while self.load().is_some() {
            let Some(event) = self.head.take_if(|event| event.call.is_question()) else {
                return;
            };
            self.note(&event);
            if event.call == *asked {
                return;
            }
        }
    }

    pub(super) fn time(&self) -> Time {
        self.time
    }

    pub(super) fn wall_clock(&self) -> SystemTime {
        self.wall_clock
    }

    pub(super) fn descriptor_limit(&self) -> Option<u64> {
        self.descriptor_limit
    }

    pub(super) fn local_address(&self, socket: SocketId) -> Option<Address> {
        self.parties.get(&socket)?.local.clone()
    }

    pub(super) fn credentials(&self, socket: SocketId) -> Option<Credentials> {
        self.parties.get(&socket)?.credentials
    }

    /// Another thread has posted a call in the replay.
    pub(super) fn posted(&mut self, post: Posted) {
        if self.pass_questions().is_some() {
            let is_recorded = matches!(&self.head, Some(event) if event.call == Call::Posted(post));
            self.ends_at_post(post, is_recorded);
        }
    }

    /// Work was done again: whether it panicked then, and now.
    pub(super) fn worked(&mut self, recorded: bool, replayed: bool) {
        let outcome = |panicked| {
            if panicked {
                "work that panicked"
            } else {
                "work that was done"
            }
        };
        if recorded != replayed {
            let (recorded, replayed) = (outcome(recorded), outcome(replayed));
            self.differs_with(None, 0, recorded.to_owned(), replayed.to_owned());
        }
    }

    /// The program is over.
    pub(super) fn finish(&mut self) {
        if self.answer(&Call::End).is_some() {
            self.verdict.give(Ok(self.replayed(true)));
        }
    }

    /// An answer that its call can't have: the tape was not written by a recorder.
    pub(super) fn senseless(&mut self) {
        let error = self.tape.corrupt_here("an answer that its call can't have");
        self.verdict.give(Err(error.into()));
    }

    /// Reads the next event, unless one is there. `None` if there is none: the verdict is given.
    fn load(&mut self) -> Option<()> {
        if self.verdict.is_given() {
            return None;
        }
        if self.head.is_none() {
            let next = self.tape.next().and_then(|event| {
                if event.as_ref().is_some_and(|event| event.call == Call::End) {
                    self.tape.end()?;
                }
                Ok(event)
            });
            match next {
                Ok(Some(event)) => self.head = Some(event),
                Ok(None) => self.verdict.give(Ok(self.replayed(false))),
                Err(error) => self.verdict.give(Err(error.into())),
            }
        }
        self.head.as_ref().map(drop)
    }

    /// Goes on to what is no question.
    fn pass_questions(&mut self) -> Option<()> {
        self.load()?;
        while let Some(event) = self.head.take_if(|event| event.call.is_question()) {
            self.note(&event);
            self.load()?;
        }
        Some(())
    }

    /// Remembers what an event tells of sockets and clocks.
    fn note(&mut self, event: &Event) {
        self.events += 1;
        match (&event.call, &event.answer) {
            (Call::Now, Answer::Time(time)) => self.time = *time,
            (Call::WallClock, Answer::WallClock(time)) => self.wall_clock = *time,
            (Call::DescriptorLimit, Answer::Maybe(limit)) => self.descriptor_limit = *limit,
            (Call::LocalAddress(socket), answer) => {
                let local = match answer {
                    Answer::Address(address) => Some(address.clone()),
                    _ => None,
                };
                self.party(*socket).local = local;
            }
            (Call::PeerCredentials(socket), Answer::Credentials(credentials)) => {
                self.party(*socket).credentials = *credentials;
            }
            (Call::Accept(_), Answer::Socket(socket, peer)) => {
                *self.party(*socket) = Party {
                    peer: peer.clone(),
                    ..Party::default()
                };
            }
            (Call::Connect { address, token, .. }, Answer::Socket(socket, _)) => {
                let (token, peer) = (Some(*token), Some(address.clone()));
                *self.party(*socket) = Party {
                    token,
                    peer,
                    ..Party::default()
                };
            }
            (Call::Register(socket, token), _) => self.party(*socket).token = Some(*token),
            (Call::Write { socket, taken, .. }, _) => {
                self.bytes_out += taken.len() as u64;
                self.party(*socket).sent += taken.len() as u64;
            }
            (Call::Close(socket, _), _) => drop(self.parties.remove(socket)),
            _ => {}
        }
    }

    fn party(&mut self, socket: SocketId) -> &mut Party {
        self.parties.entry(socket).or_default()
    }

    fn replayed(&self, is_whole: bool) -> Replayed {
        Replayed {
            events: self.events,
            bytes_out: self.bytes_out,
            is_whole,
        }
    }

    /// The program did something else than is on the tape here: of a write, from so many bytes on.
    fn differs(&mut self, socket: Option<SocketId>, alike: usize, replayed: String) {
        let recorded = match &self.head {
            Some(Event {
                call: Call::Posted(post),
                ..
            }) => {
                let post = *post;
                return self.ends_at_post(post, true);
            }
            Some(Event {
                call:
                    Call::Write {
                        socket: other,
                        taken,
                        rest,
                    },
                ..
            }) if Some(*other) == socket && alike > 0 => {
                let size = taken.len() as u64 + rest;
                format!("write {} ({size} bytes in all)", Excerpt(&taken[alike..]))
            }
            Some(event) => event.call.to_string(),
            None => return,
        };
        let of_tape = self.head.as_ref().and_then(|event| event.call.socket());
        self.differs_with(of_tape.or(socket), alike, recorded, replayed);
    }

    fn differs_with(
        &mut self,
        socket: Option<SocketId>,
        alike: usize,
        recorded: String,
        replayed: String,
    ) {
        let party = socket.and_then(|socket| self.parties.get(&socket));
        let connection = party.and_then(|party| connection(party.token?));
        self.verdict
            .give(Err(ReplayError::Differs(Box::new(Difference {
                events: self.events,
                at: self.time,
                connection,
                peer: party.and_then(|party| party.peer.clone()),
                offset: party.map(|party| party.sent + alike as u64),
                recorded,
                replayed,
            }))));
    }

    fn ends_at_post(&mut self, post: Posted, is_recorded: bool) {
        let token = match post {
            Posted::ToReactor => None,
            Posted::ToProtocol(token) => Some(token),
        };
        let party = self
            .parties
            .values()
            .find(|party| token.is_some() && party.token == token);
        self.verdict.give(Err(ReplayError::Posted(Post {
            events: self.events,
            at: self.time,
            connection: token.and_then(connection),
            peer: party.and_then(|party| party.peer.clone()),
            is_recorded,
        })));
    }
}

fn connection(token: Token) -> Option<ConnectionId> {
    match Owner::from(token) {
        Owner::Connection(id) => Some(id),
        Owner::Listener(_) | Owner::Datagrams(_) => None,
    }
}

/// How many bytes some pieces begin with in common with others that stand in one.
fn same(one: &[u8], pieces: &[IoSlice<'_>]) -> usize {
    let mut alike = 0;
    for piece in pieces {
        let rest = &one[alike..];
        let size = rest.len().min(piece.len());
        if rest[..size] != piece[..size] {
            let same = rest.iter().zip(&**piece).take_while(|(a, b)| a == b);
            return alike + same.count();
        }
        alike += size;
    }
    alike
}
