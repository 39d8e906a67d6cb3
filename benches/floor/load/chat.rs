//! A room: some speak, everybody else listens. Owns the modes `chat1`, `chat8` and `silent`. A line carries who says it and
//! how many he has said, and each listener checks that it is the very next one of its speaker.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{self, RecvFlags, SendFlags};

use super::text::Blocks;
use super::{Load, Round, connect, wait};
use crate::machine;

const LINE: usize = 32;
/// A prime, so that lines and buffers do not keep step.
const LINES: usize = 61;

pub(crate) struct Chat {
    epoll: OwnedFd,
    members: Vec<Member>,
    speakers: Vec<Speaker>,
    /// Connected, and never read.
    _silent: Vec<OwnedFd>,
    events: Vec<Event>,
    buffer: Box<[u8]>,
}

struct Member {
    socket: OwnedFd,
    /// How many lines of each speaker were heard.
    heard: Vec<usize>,
    tail: Vec<u8>,
}

struct Speaker {
    lines: Blocks,
    said: usize,
    when: Instant,
    /// How many have yet to hear the last line; `None` at rest.
    awaited: Option<usize>,
}

impl Chat {
    /// The first `speakers` of the `listening` members speak. `silent` members more never read.
    pub(crate) fn new(port: u16, listening: usize, speakers: usize, silent: usize) -> Self {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("the system has epoll");
        let members = (0..listening)
            .map(|place| {
                let socket = connect(port);
                let (token, interest) = (
                    EventData::new_u64(place as u64),
                    EventFlags::IN | EventFlags::ET,
                );
                epoll::add(&epoll, &socket, token, interest).expect("a socket can be watched");
                Member {
                    socket,
                    heard: vec![0; speakers],
                    tail: Vec::new(),
                }
            })
            .collect();
        let room = Self {
            epoll,
            members,
            speakers: (0..speakers).map(Speaker::new).collect(),
            _silent: (0..silent).map(|_| deaf(port)).collect(),
            events: Vec::with_capacity(512),
            buffer: vec![0; 64 * 1024].into_boxed_slice(),
        };
        // Nobody hears what is said before he has entered.
        machine::pause(Duration::from_millis(20));
        room
    }
}

/// A connection that takes as little as the system allows.
fn deaf(port: u16) -> OwnedFd {
    let socket = connect(port);
    net::sockopt::set_socket_recv_buffer_size(&socket, 4096).expect("the system can be stingy");
    socket
}

impl Load for Chat {
    fn round(&mut self, end: Instant) -> Round {
        let mut round = Round::default();
        let listeners = self.members.len() - 1;
        for (speaker, member) in self.speakers.iter_mut().zip(&self.members) {
            speaker.speak(&member.socket, listeners);
        }
        let mut speaking = self.speakers.len();
        while speaking > 0 {
            let came = wait(&self.epoll, &mut self.events);
            assert!(came, "{speaking} speakers are not heard by all");
            let over = machine::now() >= end;
            for event in self.events.drain(..) {
                let member = &mut self.members[event.data.u64() as usize];
                member.listen(&mut self.buffer, &mut self.speakers, &mut round);
            }
            for (speaker, member) in self.speakers.iter_mut().zip(&self.members) {
                if speaker.awaited != Some(0) {
                    continue;
                }
                if over {
                    speaking -= 1;
                    speaker.awaited = None;
                } else {
                    speaker.speak(&member.socket, listeners);
                }
            }
        }
        round
    }
}

impl Speaker {
    fn new(place: usize) -> Self {
        let mut lines = Blocks::lines(LINE, LINE, LINES);
        lines.sign(b'A' + u8::try_from(place).expect("few speak"));
        Self {
            lines,
            said: 0,
            when: machine::now(),
            awaited: None,
        }
    }

    fn speak(&mut self, socket: &OwnedFd, listeners: usize) {
        self.when = machine::now();
        let sent = net::send(socket, self.lines.block(self.said), SendFlags::NOSIGNAL);
        assert!(sent == Ok(LINE), "a server broke a connection");
        self.said += 1;
        self.awaited = Some(listeners);
    }
}

impl Member {
    /// Reads all there is.
    fn listen(&mut self, buffer: &mut [u8], speakers: &mut [Speaker], round: &mut Round) {
        loop {
            let size = match net::recv(&self.socket, &mut *buffer, RecvFlags::empty()) {
                Ok((0, _)) => panic!("a server ended a connection"),
                Ok((size, _)) => size,
                Err(Errno::AGAIN) => return,
                Err(error) => panic!("a server broke a connection: {error}"),
            };
            let now = machine::now();
            let mut data = &buffer[..size];
            if !self.tail.is_empty() {
                let (rest, next) = data.split_at(data.len().min(LINE - self.tail.len()));
                self.tail.extend_from_slice(rest);
                data = next;
                if self.tail.len() == LINE {
                    let line = std::mem::take(&mut self.tail);
                    self.hear(&line, speakers, now, round);
                }
            }
            let mut lines = data.chunks_exact(LINE);
            for line in &mut lines {
                self.hear(line, speakers, now, round);
            }
            self.tail.extend_from_slice(lines.remainder());
            if size < buffer.len() {
                return;
            }
        }
    }

    fn hear(&mut self, line: &[u8], speakers: &mut [Speaker], now: Instant, round: &mut Round) {
        let place = usize::from(line[0].wrapping_sub(b'A'));
        let speaker = speakers
            .get_mut(place)
            .expect("a line begins with its speaker");
        assert!(
            line == speaker.lines.block(self.heard[place]),
            "a server sent other bytes than were said"
        );
        self.heard[place] += 1;
        speaker.awaited = speaker.awaited.map(|awaited| awaited - 1);
        round.operations += 1;
        round.latencies.push(now - speaker.when);
    }
}
