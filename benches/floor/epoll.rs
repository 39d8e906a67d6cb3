//! The floor: a bare epoll loop with the same protocol work as `bench_server`, as well made as we can. Owns its sockets and
//! buffers; has no timers, no limits but one, no other interface than its port.
//!
//! Edge-triggered and registered once; one read buffer for all; no second read after a short one, unless the event spoke of
//! an end; replies sent straight from the buffer they are in. Where connections write to each other, what is said in one
//! moment is gathered by one more look before anything leaves.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{self, RecvFlags, SendFlags, SocketFlags};
use rustix::time::Timespec;

use crate::service::{Service, cut};

const READ_BUFFER: usize = 256 * 1024;
const EVENTS: usize = 512;
/// As much as `bench_server` lets wait for a member of its room.
const UNSENT: usize = 64 << 20;
const INPUT: u64 = u64::MAX;

pub(crate) struct Server {
    epoll: OwnedFd,
    listener: OwnedFd,
    service: Service,
    /// By descriptor.
    connections: Vec<Option<Connection>>,
    members: Vec<usize>,
    dirty: Vec<usize>,
    events: Vec<Event>,
    buffer: Box<[u8]>,
    reply: Vec<u8>,
    spoken: usize,
    pub(crate) sent: Sent,
    stopped: bool,
}

/// What has left so far.
#[derive(Default)]
pub(crate) struct Sent {
    pub(crate) calls: u64,
    pub(crate) bytes: u64,
}

struct Connection {
    socket: OwnedFd,
    unsent: Vec<u8>,
    /// The beginning of a line whose end has not come.
    tail: Vec<u8>,
    blocked: bool,
    dirty: bool,
    /// The peer has ended: close when all is sent.
    ending: bool,
}

/// What became of a connection.
#[derive(PartialEq, Eq)]
enum Fate {
    Lives,
    Ends,
}

impl Server {
    pub(crate) fn new(service: Service) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let listener = net::socket_with(
            net::AddressFamily::INET,
            net::SocketType::STREAM,
            SocketFlags::NONBLOCK | SocketFlags::CLOEXEC,
            None,
        )?;
        // Accepted connections inherit it.
        net::sockopt::set_tcp_nodelay(&listener, true)?;
        net::bind(&listener, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
        net::listen(&listener, 1024)?;
        let token = EventData::new_u64(listener.as_raw_fd() as u64);
        epoll::add(&epoll, &listener, token, EventFlags::IN | EventFlags::ET)?;
        Ok(Self {
            epoll,
            listener,
            service,
            connections: Vec::new(),
            members: Vec::new(),
            dirty: Vec::new(),
            events: Vec::with_capacity(EVENTS),
            buffer: vec![0; READ_BUFFER].into_boxed_slice(),
            reply: Vec::with_capacity(READ_BUFFER),
            spoken: 0,
            sent: Sent::default(),
            stopped: false,
        })
    }

    pub(crate) fn port(&self) -> io::Result<u16> {
        let address = SocketAddrV4::try_from(net::getsockname(&self.listener)?)?;
        Ok(address.port())
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.iter().flatten().count()
    }

    /// Serves until standard input ends.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        let input = io::stdin();
        epoll::add(
            &self.epoll,
            &input,
            EventData::new_u64(INPUT),
            EventFlags::IN,
        )?;
        while !self.stopped {
            self.turn(None)?;
        }
        Ok(())
    }

    pub(crate) fn turn(&mut self, timeout: Option<&Timespec>) -> io::Result<()> {
        self.spoken = 0;
        self.look(timeout)?;
        if self.spoken > 1 {
            self.look(Some(&Timespec::default()))?;
        }
        self.flush_dirty();
        Ok(())
    }

    fn look(&mut self, timeout: Option<&Timespec>) -> io::Result<()> {
        let mut events = std::mem::take(&mut self.events);
        match epoll::wait(&self.epoll, spare_capacity(&mut events), timeout) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in events.drain(..) {
            let Event { flags, data } = event;
            if data.u64() == INPUT {
                self.stopped = true;
            } else if data.u64() == self.listener.as_raw_fd() as u64 {
                self.accept()?;
            } else {
                self.serve(data.u64() as usize, flags);
            }
        }
        self.events = events;
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let socket = match net::accept_with(&self.listener, flags) {
                Ok(socket) => socket,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::CONNABORTED | Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let place = socket.as_raw_fd() as usize;
            let interest = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
            epoll::add(
                &self.epoll,
                &socket,
                EventData::new_u64(place as u64),
                interest,
            )?;
            if self.connections.len() <= place {
                self.connections.resize_with(place + 1, || None);
            }
            self.connections[place] = Some(Connection::new(socket));
            if self.service == Service::Chat {
                self.members.push(place);
            }
        }
    }

    fn serve(&mut self, place: usize, flags: EventFlags) {
        let Some(connection) = self.connections[place].as_mut() else {
            return;
        };
        let mut fate = Fate::Lives;
        if connection.blocked && flags.contains(EventFlags::OUT) {
            connection.blocked = false;
            fate = connection.flush(&mut self.sent);
        }
        if fate == Fate::Lives && flags.intersects(!EventFlags::OUT) {
            let ended = flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR);
            fate = self.read(place, ended);
        }
        if fate == Fate::Ends {
            self.close(place);
        }
    }

    /// Reads while there is something and the peer takes our replies.
    fn read(&mut self, place: usize, ended: bool) -> Fate {
        let chat = self.service == Service::Chat;
        loop {
            let Some(connection) = self.connections[place].as_mut() else {
                return Fate::Lives;
            };
            if connection.ending || (connection.blocked && !chat) {
                return Fate::Lives;
            }
            let size = match net::recv(&connection.socket, &mut self.buffer[..], RecvFlags::empty())
            {
                Ok((0, _)) => return connection.end(),
                Ok((size, _)) => size,
                Err(Errno::AGAIN) => return Fate::Lives,
                Err(Errno::INTR) => continue,
                Err(_) => return Fate::Ends,
            };
            if self.received(place, size) == Fate::Ends {
                return Fate::Ends;
            }
            if size < READ_BUFFER && !ended {
                return Fate::Lives;
            }
        }
    }

    fn received(&mut self, place: usize, size: usize) -> Fate {
        let Some(connection) = self.connections[place].as_mut() else {
            return Fate::Lives;
        };
        let data = &self.buffer[..size];
        match self.service {
            Service::Echo => connection.reply(data, &mut self.sent),
            Service::Lines => {
                let reply = &mut self.reply;
                reply.clear();
                if !cut(&mut connection.tail, data, |line| {
                    reply.extend_from_slice(line);
                    reply.extend_from_slice(b"\r\n");
                }) {
                    connection.ending = true;
                }
                connection.reply(reply, &mut self.sent)
            }
            Service::Chat | Service::Room(_) => self.say(place, size),
        }
    }

    /// Queues what one says for all others.
    fn say(&mut self, place: usize, size: usize) -> Fate {
        let Some(speaker) = self.connections[place].as_mut() else {
            return Fate::Lives;
        };
        self.spoken += 1;
        self.reply.clear();
        let said = &mut self.reply;
        let mut tail = std::mem::take(&mut speaker.tail);
        let sound = cut(&mut tail, &self.buffer[..size], |line| {
            said.extend_from_slice(line);
            said.extend_from_slice(b"\r\n");
        });
        speaker.tail = tail;
        for &member in &self.members {
            if member == place {
                continue;
            }
            if let Some(connection) = self.connections[member].as_mut() {
                connection.unsent.extend_from_slice(&self.reply);
                if !connection.dirty {
                    connection.dirty = true;
                    self.dirty.push(member);
                }
            }
        }
        if sound { Fate::Lives } else { Fate::Ends }
    }

    fn flush_dirty(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for place in dirty.drain(..) {
            let Some(connection) = self.connections[place].as_mut() else {
                continue;
            };
            connection.dirty = false;
            let fate = if connection.blocked && connection.unsent.len() > UNSENT {
                Fate::Ends
            } else {
                connection.flush(&mut self.sent)
            };
            if fate == Fate::Ends {
                self.close(place);
            }
        }
        self.dirty = dirty;
    }

    fn close(&mut self, place: usize) {
        self.connections[place] = None;
        if self.service == Service::Chat {
            self.members.retain(|member| *member != place);
        }
    }
}

impl Connection {
    fn new(socket: OwnedFd) -> Self {
        Self {
            socket,
            unsent: Vec::new(),
            tail: Vec::new(),
            blocked: false,
            dirty: false,
            ending: false,
        }
    }

    /// Sends straight from where the bytes are; keeps what is left over. A short write says that the system takes no more.
    fn reply(&mut self, data: &[u8], total: &mut Sent) -> Fate {
        let sent = loop {
            if data.is_empty() {
                break 0;
            }
            total.calls += 1;
            match net::send(&self.socket, data, SendFlags::NOSIGNAL) {
                Ok(size) => break size,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break 0,
                Err(_) => return Fate::Ends,
            }
        };
        total.bytes += sent as u64;
        if sent < data.len() {
            self.blocked = true;
            self.unsent.extend_from_slice(&data[sent..]);
            Fate::Lives
        } else if self.ending {
            Fate::Ends
        } else {
            Fate::Lives
        }
    }

    fn flush(&mut self, total: &mut Sent) -> Fate {
        if self.blocked {
            return Fate::Lives;
        }
        let mut unsent = std::mem::take(&mut self.unsent);
        let fate = self.reply(&unsent, total);
        if self.unsent.is_empty() {
            unsent.clear();
            self.unsent = unsent;
        }
        fate
    }

    /// The peer has ended.
    fn end(&mut self) -> Fate {
        self.ending = true;
        if self.blocked {
            Fate::Lives
        } else {
            Fate::Ends
        }
    }
}
