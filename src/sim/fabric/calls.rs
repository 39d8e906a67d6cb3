//! How connections come to be: calling, the backlog, accepting. Owns routes and the handshake; does not
//! touch the bytes that follow it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::{Event, Fabric, LEAST_WINDOW, LENGTHS, length};
use crate::network::SocketId;
use crate::sim::choose::Site;
use crate::sim::errno;
use crate::sim::host::{HostId, Socket};
use crate::sim::link::{End, EndId, Holder, Link, LinkId, Phase, Side};
use crate::sim::pipe::{Payload, Pipe};
use crate::sim::trace::{Flight, What, Wire};
use crate::sim::unix_names::is_unix;

/// How often a kernel repeats a call that is not answered, with pauses of 1 s, 2 s, 4 s and so on: Linux gives up after
/// 127 s.
const REPEATS: u32 = 6;

/// Where a call leads.
pub(super) enum Route {
    Host(HostId),
    /// It gets lost without a word.
    Nowhere,
    /// Somebody on the way answers that nobody is there.
    NoHost,
}

impl Fabric {
    /// Begins a call; the [`Phase`] of its end tells how it goes. Somebody is to hold the end at once.
    pub(in crate::sim) fn connect(
        &mut self,
        from: HostId,
        to: SocketAddr,
        bind: Option<SocketAddr>,
    ) -> io::Result<EndId> {
        let end = self.prepare_call(from, to, bind)?;
        self.appear(end);
        self.send_call(end);
        Ok(end)
    }

    /// Makes the ends of a connection to be.
    pub(super) fn prepare_call(
        &mut self,
        from: HostId,
        mut to: SocketAddr,
        bind: Option<SocketAddr>,
    ) -> io::Result<EndId> {
        if to.ip().is_unspecified() {
            to.set_ip(loopback(to.ip()));
        }
        if self.cut_off.contains(&to.ip()) {
            return Err(errno::error(errno::ENETUNREACH));
        }
        let fault = if is_unix(to) {
            0
        } else {
            self.choose(Site::Connect, 3)
        };
        match fault {
            0 => {}
            1 => return Err(errno::error(errno::ENETUNREACH)),
            _ => return Err(errno::error(errno::EADDRNOTAVAIL)),
        }
        let local = self.claim_local(from, to, bind)?;
        let id = LinkId(self.next_link);
        self.next_link += 1;
        let link = Link::new(
            Wire::new(id, from, local, to).shown_as([local, to].map(|end| self.shown(from, end))),
            [
                End::new(from, local, to, Holder::Nobody, Phase::Connecting),
                End::new(from, to, local, Holder::Nobody, Phase::Absent),
            ],
            [self.make_pipe(), self.make_pipe()],
        );
        self.links.insert(id, link);
        Ok(EndId {
            link: id,
            side: Side::Caller,
        })
    }

    /// Has the call of an end leave.
    pub(super) fn send_call(&mut self, from: EndId) {
        self.note_end(from, What::Departs(Flight::call()));
        let at = self.arrival();
        let call = Event::Call {
            link: from.link,
            attempt: 0,
        };
        self.queue.push(at, call);
    }

    fn claim_local(
        &mut self,
        from: HostId,
        to: SocketAddr,
        bind: Option<SocketAddr>,
    ) -> io::Result<SocketAddr> {
        let host = self.host_mut(from);
        let mut local = bind.unwrap_or_else(|| (host.source_for(to.ip()), 0).into());
        if !host.owns(local.ip()) || local.is_ipv4() != to.is_ipv4() {
            return Err(errno::error(errno::EADDRNOTAVAIL));
        }
        if local.ip().is_unspecified() {
            local.set_ip(host.source_for(to.ip()));
        }
        if local.port() == 0 {
            let free = host.ports.take();
            local.set_port(free.ok_or_else(|| errno::error(errno::EADDRNOTAVAIL))?);
        } else if !host.ports.claim(local.port()) {
            return Err(errno::error(errno::EADDRINUSE));
        }
        Ok(local)
    }

    fn make_pipe(&mut self) -> Pipe {
        let smaller = |size: usize, halvings: u64| (size >> halvings).max(LEAST_WINDOW.min(size));
        let buffer = smaller(self.window, self.choose(Site::SendBuffer, 7));
        let window = smaller(self.window, self.choose(Site::Window, 7));
        Pipe::new(buffer, window)
    }

    pub(super) fn route(&self, from: HostId, to: IpAddr) -> Route {
        if to.is_loopback() {
            return Route::Host(from);
        }
        if self.holes.contains(&to) {
            return Route::Nowhere;
        }
        let found = self.hosts.iter().position(|host| host.owns(to));
        match found.map(HostId) {
            Some(host) if self.is_cut(from, host) || self.host(host).is_off => Route::Nowhere,
            Some(host) => Route::Host(host),
            None => Route::NoHost,
        }
    }

    /// A call arrives, unless its caller has hung up meanwhile.
    pub(super) fn call(&mut self, id: LinkId, attempt: u32) {
        let Some(link) = self.links.get(&id) else {
            return;
        };
        let caller = link.end(Side::Caller);
        if caller.holder == Holder::Nobody {
            return self.bury(id);
        }
        let (from, to) = (caller.host, caller.remote);
        let callee = EndId {
            link: id,
            side: Side::Callee,
        };
        if attempt > 0 {
            self.note_end(callee.other(), What::Departs(Flight::call()));
        }
        let host = match self.route(from, to.ip()) {
            Route::Host(host) => host,
            Route::Nowhere => {
                self.note_dropped_call(callee.other(), "nobody answers");
                return self.repeat_call(id, attempt);
            }
            Route::NoHost => {
                self.note_dropped_call(callee.other(), "there is no such host");
                let at = self.arrival();
                let error = errno::EHOSTUNREACH;
                return self.queue.push(at, Event::CallFails { link: id, error });
            }
        };
        self.call_arrives(callee, attempt, host, to);
    }

    /// A call has come to its host, which answers it; or a fault does.
    fn call_arrives(&mut self, callee: EndId, attempt: u32, host: HostId, to: SocketAddr) {
        let id = callee.link;
        let link = self.links.get_mut(&id).expect("it was there above");
        link.end_mut(Side::Callee).host = host;
        self.reach(callee);
        let fault = if is_unix(to) {
            0
        } else {
            self.choose(Site::Answer, 6)
        };
        match fault {
            0 => {}
            1 => return self.reset(callee),
            2 => return self.call_fails(id, errno::EHOSTUNREACH),
            3 => return self.call_fails(id, errno::ETIMEDOUT),
            4 => return self.meet_itself(id),
            _ => return self.repeat_call(id, attempt),
        }
        let Some(listener) = self.host(host).listener_at(to) else {
            self.note_end(callee, What::Arrives(Flight::call()));
            return self.reset(callee);
        };
        if self.enqueue(host, listener, callee) {
            self.appear(callee);
            self.note_end(callee, What::Arrives(Flight::call()));
            self.depart(callee, Payload::Welcome);
            if self.choose(Site::ResetBeforeAccept, 2) == 1 {
                self.reset_from_outside(callee);
                self.depart(callee, Payload::Rst);
            }
        } else {
            self.note_dropped_call(callee, "the backlog is full");
            if is_unix(to) {
                // Nobody waits for room in it.
                self.call_fails(id, errno::EAGAIN);
            } else {
                self.repeat_call(id, attempt);
            }
        }
    }

    /// The port that the kernel gave out was the very one that was called: the caller has called itself.
    fn meet_itself(&mut self, id: LinkId) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let end = link.end_mut(Side::Caller);
        end.local = end.remote;
        end.phase = Phase::Open;
        self.tell_change(EndId {
            link: id,
            side: Side::Caller,
        });
    }

    /// Puts a connection in a listener's backlog, if there is room.
    fn enqueue(&mut self, host: HostId, listener: SocketId, callee: EndId) -> bool {
        let seems_full = self.choose(Site::FullBacklog, 2) == 1;
        let queue = self
            .host_mut(host)
            .listener_mut(listener)
            .expect("the listener was just found");
        if queue.backlog.len() >= queue.depth || seems_full {
            return false;
        }
        queue.backlog.push_back(callee);
        let awaited = std::mem::replace(&mut queue.awaits_input, false);
        let link = self.links.get_mut(&callee.link).expect("it calls");
        let end = link.end_mut(Side::Callee);
        end.holder = Holder::Backlog;
        end.phase = Phase::Open;
        if awaited || self.choose(Site::ExtraEdge, 2) == 1 {
            match self.choose(Site::LateAccept, LENGTHS) {
                0 => self.host_mut(host).mark(listener),
                number => {
                    let at = self.now + length(number);
                    self.queue.push(at, Event::TellListener { host, listener });
                }
            }
        }
        true
    }

    /// The caller's kernel hears nothing and tries again later.
    fn repeat_call(&mut self, link: LinkId, attempt: u32) {
        let pause = Duration::from_secs(1 << attempt);
        let event = if attempt < REPEATS {
            Event::Call {
                link,
                attempt: attempt + 1,
            }
        } else {
            let error = errno::ETIMEDOUT;
            Event::CallFails { link, error }
        };
        self.queue.push(self.now + pause, event);
    }

    pub(super) fn call_fails(&mut self, id: LinkId, error: i32) {
        let Some(link) = self.links.get_mut(&id) else {
            return;
        };
        let end = EndId {
            link: id,
            side: Side::Caller,
        };
        link.break_end(Side::Caller, error);
        self.note_end(end, What::Failed(error));
        self.mark(end);
        self.bury(id);
    }

    /// Takes the next connection off a listener's backlog. A kernel finds the descriptor first, so that without one it
    /// says so even if nothing waits.
    pub(in crate::sim) fn accept(
        &mut self,
        on: HostId,
        listener: SocketId,
    ) -> io::Result<(SocketId, SocketAddr)> {
        let host = self.host_mut(on);
        host.check_descriptors()?;
        if let Some(number) = host.injected.accept.pop_front() {
            return Err(errno::error(number));
        }
        self.unlucky(Site::Accept, &errno::OF_ACCEPT)?;
        let end = self.take_call(on, listener)?;
        if self.choose(Site::WouldBlock, 2) == 1 {
            self.put_back(on, listener, end);
            return Err(errno::would_block());
        }
        let socket = Socket::Stream { end, token: None };
        let socket = self.host_mut(on).insert(socket);
        self.hold(end, socket);
        let link = self.link(end.link).expect("it waited");
        Ok((socket, link.end(end.side).remote))
    }

    /// An error that a call has for no reason of its own, if that is chosen.
    pub(in crate::sim) fn unlucky(&mut self, site: Site, numbers: &[i32]) -> io::Result<()> {
        match self.choose_index(site, numbers.len() + 1) {
            0 => Ok(()),
            nth => Err(errno::error(numbers[nth - 1])),
        }
    }

    /// Takes a connection off the backlog, without a descriptor for it.
    pub(in crate::sim) fn take_call(
        &mut self,
        on: HostId,
        listener: SocketId,
    ) -> io::Result<EndId> {
        let Some(listener) = self.host_mut(on).listener_mut(listener) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        listener.backlog.pop_front().ok_or_else(|| {
            listener.awaits_input = true;
            errno::would_block()
        })
    }

    /// Undoes [`take_call`](Self::take_call), and has it told of once more.
    fn put_back(&mut self, on: HostId, id: SocketId, end: EndId) {
        let host = self.host_mut(on);
        if let Some(listener) = host.listener_mut(id) {
            listener.backlog.push_front(end);
            host.mark(id);
        }
    }
}

/// The loopback address of the same family.
pub(super) fn loopback(like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    }
}
