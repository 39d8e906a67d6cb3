//! What a poll tells of one host. Owns the batch: who is in it, in which order, with which hints; changes nothing on
//! the sockets themselves.

use super::Fabric;
use crate::network::{Batch, Readiness, SocketId};
use crate::sim::choose::Site;
use crate::sim::host::{HostId, Socket};

impl Fabric {
    /// Appends to `batch` what is ready on a host, and forgets that it was to be told.
    pub(in crate::sim) fn poll(&mut self, on: HostId, batch: &mut Batch) {
        let host = self.host_mut(on);
        host.waker.lower();
        host.polls += 1;
        batch.names.append(&mut host.names);
        batch.works.append(&mut host.works);
        if host.watches_signals {
            batch.signals.append(&mut host.signals);
        }
        let mut marked = host.take_marked();
        self.reorder(Site::ReadyOrder, &mut marked);
        if marked.len() > 1 {
            match self.choose_index(Site::BatchSize, marked.len()) {
                0 => {}
                size => {
                    for later in marked.drain(size..) {
                        self.host_mut(on).mark(later);
                    }
                }
            }
        }
        for id in marked {
            if let Some(ready) = self.readiness(on, id) {
                if ready.readable {
                    self.host_mut(on).tell_readable(id);
                }
                self.events += 1;
                self.mix(ready.token.0);
                batch.ready.push(self.hint(ready));
            }
        }
        batch.ready.extend(self.spurious(on));
    }

    /// What a socket is ready for now: as with epoll all of it, not only what has changed.
    fn readiness(&self, on: HostId, id: SocketId) -> Option<Readiness> {
        let ready = match self.host(on).socket(id)? {
            Socket::Listener(listener) => Readiness {
                token: listener.token?,
                readable: !listener.backlog.is_empty(),
                writable: false,
                ended: false,
                failed: false,
            },
            Socket::Stream { end, token } => {
                let link = self.link(end.link)?;
                Readiness {
                    token: (*token)?,
                    readable: link.is_readable(end.side),
                    writable: link.is_writable(end.side),
                    ended: link.has_ended(end.side),
                    failed: link.end(end.side).error.is_some(),
                }
            }
            Socket::Datagrams(socket) => Readiness {
                token: socket.token?,
                readable: socket.is_readable(),
                writable: true,
                ended: false,
                failed: socket.error.is_some(),
            },
        };
        (ready.readable || ready.writable).then_some(ready)
    }

    /// Not every kernel tells of a FIN apart from input. An error is told always: who does not read must hear of it.
    fn hint(&mut self, ready: Readiness) -> Readiness {
        let ended = ready.ended && (ready.failed || self.choose(Site::Unhinted, 2) == 0);
        Readiness { ended, ..ready }
    }

    /// A socket that nothing happened to.
    fn spurious(&mut self, on: HostId) -> Option<Readiness> {
        let open = self.host(on).open_sockets();
        let nth = match self.choose_index(Site::Spurious, open + 1) {
            0 => return None,
            nth => nth - 1,
        };
        let (_, socket) = self.host(on).sockets().nth(nth)?;
        Some(Readiness {
            token: socket.token()?,
            readable: true,
            writable: !matches!(socket, Socket::Listener(_)),
            ended: false,
            failed: false,
        })
    }
}
