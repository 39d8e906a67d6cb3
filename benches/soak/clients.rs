//! The clients, some hundreds at a time. Owns their places and who is next; what one does is its way's.

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};
use rustix::time::Timespec;

use crate::client::{Client, Progress};
use crate::machine;
use crate::text::Text;
use crate::ways::{Hears, SERVICES, Told, WAYS, Way};

/// At one time.
const PLACES: usize = 512;
/// Longer than the server lingers.
const STAYS: Duration = Duration::from_millis(60);
/// Until one who stays speaks again.
const SPEAKS_AGAIN: Duration = Duration::from_millis(10);
/// How long nothing at all may happen to anybody.
const PATIENCE: Duration = Duration::from_secs(30);
/// Of one who never reads: the less fits into it the sooner it is noticed.
const RECEIVE_BUFFER: usize = 4096;

pub(crate) struct Clients {
    epoll: OwnedFd,
    ports: [u16; SERVICES.len()],
    text: Text,
    places: Vec<Option<Client>>,
    vacant: Vec<usize>,
    /// Those whose server has ended, with the time at which they speak again: in its order.
    staying: VecDeque<(Instant, usize)>,
    number: usize,
    /// How many have gone each of [`WAYS`].
    tally: [u64; WAYS.len()],
    events: Vec<Event>,
    buffer: Vec<u8>,
}

impl Clients {
    pub(crate) fn new(ports: [u16; SERVICES.len()]) -> Self {
        Self {
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC).expect("the system has epoll"),
            ports,
            text: Text::new(),
            places: (0..PLACES).map(|_| None).collect(),
            vacant: (0..PLACES).collect(),
            staying: VecDeque::new(),
            number: 0,
            tally: [0; WAYS.len()],
            events: Vec::with_capacity(PLACES),
            buffer: vec![0; 256 * 1024],
        }
    }

    pub(crate) fn tally(&self) -> &[u64; WAYS.len()] {
        &self.tally
    }

    /// Has `count` more come, go all ways there are, and be gone.
    pub(crate) fn play(&mut self, count: usize) {
        self.play_by(count, Way::of);
    }

    /// Has as many as there may be at one time owe their server a read, and be gone.
    ///
    /// Each of them has the server take a buffer, a spare one if there is one, and make it so large that it is freed in the
    /// end. So nothing is spare afterwards, and the server's memory is that of no luck with its last clients.
    pub(crate) fn use_spare_buffers_up(&mut self) {
        let owing = |way: &Way| way.told == Told::TimedOutClosing;
        let owing = WAYS.iter().position(owing).expect("it is a way");
        self.play_by(PLACES, |_| owing);
    }

    fn play_by(&mut self, count: usize, way: impl Fn(usize) -> usize) {
        let end = self.number + count;
        loop {
            while self.number < end
                && let Some(place) = self.vacant.pop()
            {
                self.come(place, way(self.number));
            }
            if self.vacant.len() == PLACES {
                return;
            }
            self.wait();
            let mut events = std::mem::take(&mut self.events);
            for event in events.drain(..) {
                self.proceed(event.data.u64() as usize);
            }
            self.events = events;
            self.speak_again();
        }
    }

    fn come(&mut self, place: usize, way: usize) {
        self.tally[way] += 1;
        let way = &WAYS[way];
        let mut client = Client::new(self.connect(way), way, self.number);
        self.number += 1;
        if client.begin(&self.text) == Progress::Gone {
            self.vacant.push(place);
            return;
        }
        let interest = match way.hears {
            // Of an error it is told all the same.
            Hears::Ignores => EventFlags::empty(),
            _ => EventFlags::IN | EventFlags::OUT | EventFlags::ET,
        };
        let token = EventData::new_u64(place as u64);
        epoll::add(&self.epoll, client.socket(), token, interest).expect("sockets can be watched");
        self.places[place] = Some(client);
    }

    /// A connection, non-blocking from here on.
    fn connect(&self, way: &Way) -> OwnedFd {
        let (family, kind) = (AddressFamily::INET, SocketType::STREAM);
        let socket = net::socket_with(family, kind, SocketFlags::CLOEXEC, None)
            .expect("the system has sockets");
        sockopt::set_tcp_nodelay(&socket, true).expect("TCP has this option");
        if matches!(way.hears, Hears::Ignores) {
            sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER)
                .expect("sockets have this option");
        }
        // A port that was used rests for a minute; there are more of them at more addresses.
        let host = 2 + (self.number % 250) as u8;
        let from = SocketAddrV4::new(Ipv4Addr::new(127, 0, 0, host), 0);
        net::bind(&socket, &from).expect("the address has a free port");
        let service = SERVICES.iter().position(|of| *of == way.service);
        let port = self.ports[service.expect("each service is among all of them")];
        net::connect(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
            .expect("the server listens");
        rustix::io::ioctl_fionbio(&socket, true).expect("sockets can be non-blocking");
        socket
    }

    /// Waits for something to happen.
    ///
    /// # Panics
    /// If nothing does.
    fn wait(&mut self) {
        let within = match self.staying.front() {
            Some((due, _)) => due.saturating_duration_since(machine::now()),
            None => PATIENCE,
        };
        let timeout = Timespec::try_from(within).expect("it is short");
        let buffer = spare_capacity(&mut self.events);
        let count = epoll::wait(&self.epoll, buffer, Some(&timeout)).expect("epoll works");
        if count == 0 && self.staying.is_empty() {
            panic!("nothing happens to {:?}", self.waiting());
        }
    }

    fn waiting(&self) -> BTreeMap<&'static str, usize> {
        let mut waiting = BTreeMap::new();
        for client in self.places.iter().flatten() {
            *waiting.entry(client.name()).or_default() += 1;
        }
        waiting
    }

    fn proceed(&mut self, place: usize) {
        let Some(client) = &mut self.places[place] else {
            return;
        };
        match client.proceed(&self.text, &mut self.buffer) {
            Progress::Waits => {}
            Progress::Gone => self.leave(place),
            Progress::Stays => {
                epoll::delete(&self.epoll, client.socket()).expect("it was watched");
                self.staying.push_back((machine::now() + STAYS, place));
            }
        }
    }

    fn leave(&mut self, place: usize) {
        self.places[place] = None;
        self.vacant.push(place);
    }

    /// Those who stay speak until they are not heard any more.
    fn speak_again(&mut self) {
        while let Some((due, place)) = self.staying.front().copied()
            && due <= machine::now()
        {
            self.staying.pop_front();
            let heard = self.places[place].as_mut().is_some_and(Client::says_more);
            if heard {
                // Out of order by a few milliseconds, which nobody minds.
                self.staying.push_back((due + SPEAKS_AGAIN, place));
            } else {
                self.leave(place);
            }
        }
    }
}
