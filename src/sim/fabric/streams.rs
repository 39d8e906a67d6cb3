//! What the holder of an end may do to it: read, write, shut down, close. Owns the kernel's rules for these calls; knows
//! nothing of listeners or of making connections.

use std::io::{self, IoSlice};

use bytes::{Bytes, BytesMut};

use super::{Event, Fabric};
use crate::network::{Farewell, Received, SocketId, Time};
use crate::sim::choose::Site;
use crate::sim::errno;
use crate::sim::link::{EndId, Holder, Phase};
use crate::sim::pipe::{Payload, Receiving, Sending};
use crate::sim::trace::What;

impl Fabric {
    /// Reads as Linux does: first what was received, even before a reset; then after FIN always the end, for a reset
    /// that follows it shows to writers only; then the pending error, once; then the end.
    pub(in crate::sim) fn read(&mut self, id: EndId, buffer: &mut [u8]) -> io::Result<Received> {
        let Some(link) = self.links.get_mut(&id.link) else {
            return Err(errno::error(errno::ENOTCONN));
        };
        if link.inbound(id.side).waiting() > 0 {
            return self.read_waiting(id, buffer);
        }
        let ended = link.inbound(id.side).receiving() == Receiving::Ended;
        let end = link.end_mut(id.side);
        if ended {
            end.told_of_end = true;
            self.check_all_read(id);
            return Ok(Received::Ended);
        }
        match (end.phase, end.error.take()) {
            (_, Some(error)) => Err(errno::error(error)),
            (Phase::Broken, None) => Ok(Received::Ended),
            (_, None) => {
                end.awaits_input = true;
                Err(errno::would_block())
            }
        }
    }

    fn read_waiting(&mut self, id: EndId, buffer: &mut [u8]) -> io::Result<Received> {
        if self.choose(Site::WouldBlock, 2) == 1 {
            self.mark(id);
            return Err(errno::would_block());
        }
        let joined = self.choose(Site::Joined, 2) == 1;
        let link = self.links.get_mut(&id.link).expect("it was read from");
        let inbound = link.inbound_mut(id.side);
        let waits = if joined {
            inbound.waiting()
        } else {
            inbound.waiting_first()
        };
        let most = waits.min(buffer.len());
        if most == 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let size = self.choices.portion(Site::ReadSize, most);
        let lent = if joined {
            inbound.fill(&mut buffer[..size]);
            None
        } else {
            Some(inbound.lend(size))
        };
        match &lent {
            Some(data) => self.hand_over(id, data),
            None => self.hand_over(id, &buffer[..size]),
        }
        let drained = self.settle_drained(id);
        self.return_credit(id);
        Ok(match lent {
            Some(data) => Received::Lent { data, drained },
            None => Received::Filled { size, drained },
        })
    }

    /// When the last of what an end has read had come.
    pub(in crate::sim) fn read_arrival(&self, id: EndId) -> Time {
        let link = self.links.get(&id.link);
        link.map_or(self.now, |link| link.inbound(id.side).read_arrival())
    }

    /// Whether to tell a reader that nothing more waits. If so, the next arrival is to be told of.
    fn settle_drained(&mut self, id: EndId) -> bool {
        let link = self.links.get_mut(&id.link).expect("it was read from");
        if link.is_readable(id.side) || self.choices.choose(Site::Undrained, 2) == 1 {
            return false;
        }
        link.end_mut(id.side).awaits_input = true;
        true
    }

    /// Lets the sender put more in flight. Unless it waits for that, it need not be an event.
    pub(super) fn return_credit(&mut self, id: EndId) {
        let Some(link) = self.links.get_mut(&id.link) else {
            return;
        };
        let inbound = link.inbound_mut(id.side);
        let Some(size) = inbound.take_owed() else {
            return;
        };
        if inbound.is_stalled() {
            let at = self.arrival();
            let end = id.other();
            self.queue.push(at, Event::Credit { end, size });
        } else {
            inbound.grant(size);
        }
    }

    /// Writes as Linux does: the pending error, once, then EPIPE.
    pub(in crate::sim) fn write(&mut self, id: EndId, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let total = pieces.iter().map(|piece| piece.len()).sum::<usize>();
        let link = self
            .links
            .get_mut(&id.link)
            .ok_or_else(|| errno::error(errno::ENOTCONN))?;
        let sending = link.outbound(id.side).sending();
        let room = link.outbound(id.side).room();
        let roomy = link.outbound(id.side).is_roomy();
        let end = link.end_mut(id.side);
        if let Some(error) = end.error.take() {
            return Err(errno::error(error));
        }
        if sending != Sending::Open {
            return Err(errno::error(errno::EPIPE));
        }
        if total == 0 {
            return Ok(0);
        }
        if room == 0 || end.phase == Phase::Connecting {
            end.awaits_room = true;
            return Err(errno::would_block());
        }
        if self.choices.choose(Site::WouldBlock, 2) == 1 {
            // If the room is too little to be told of now, it will be told of when it has grown.
            end.awaits_room = !roomy;
            self.mark(id);
            return Err(errno::would_block());
        }
        let size = self.choices.portion(Site::WriteSize, total.min(room));
        let data = gather(pieces, size);
        self.check_taken(id, total, &data);
        self.send(id, data);
        Ok(size)
    }

    /// Puts bytes in the send buffer, whatever its room, and in flight what the window allows.
    pub(super) fn send(&mut self, id: EndId, data: Bytes) {
        if let Some(link) = self.links.get_mut(&id.link) {
            link.outbound_mut(id.side).push(data);
            self.transmit(id);
        }
    }

    /// Puts in flight what the window allows, then FIN if it is its turn; tells the writer of the room it waits for.
    pub(super) fn transmit(&mut self, id: EndId) {
        loop {
            let Some(link) = self.links.get_mut(&id.link) else {
                return;
            };
            if link.end(id.side).phase != Phase::Open {
                return;
            }
            let outbound = link.outbound_mut(id.side);
            let payload = match outbound.sendable() {
                0 if outbound.take_fin() => Payload::Fin,
                0 => break,
                most => Payload::Data(outbound.cut(self.choices.portion(Site::Chunk, most))),
            };
            self.depart(id, payload);
        }
        let link = self.links.get_mut(&id.link).expect("it was there above");
        let roomy = link.outbound(id.side).is_roomy();
        let end = link.end_mut(id.side);
        if end.awaits_room && roomy {
            end.awaits_room = false;
            self.mark(id);
        }
    }

    pub(super) fn depart(&mut self, from: EndId, payload: Payload) {
        let at = self.arrival();
        if let Some(link) = self.links.get_mut(&from.link) {
            let at = link.outbound_mut(from.side).depart(payload, at);
            self.note_departure(from);
            self.queue.push(at, Event::Arrive(from.other()));
        }
    }

    pub(in crate::sim) fn shut_down(&mut self, id: EndId) -> io::Result<()> {
        let open = |phase| phase == Phase::Open;
        match self.links.get_mut(&id.link) {
            Some(link) if open(link.end(id.side).phase) => link.outbound_mut(id.side).finish(),
            _ => return Err(errno::error(errno::ENOTCONN)),
        }
        self.check_all_taken(id, "FIN is sent");
        self.note_end(id, What::ShutsDown);
        self.transmit(id);
        Ok(())
    }

    /// Lets go of an end. FIN follows what was written; but RST takes its place, and the place of what is unsent, if
    /// that is asked for or if there is input that nobody will read now.
    pub(in crate::sim) fn close(&mut self, id: EndId, farewell: Farewell) {
        let Some(link) = self.links.get(&id.link) else {
            return;
        };
        let unread = link.inbound(id.side).waiting() > 0;
        let phase = link.end(id.side).phase;
        // A Unix stream knows no reset but of what was not read, or not even accepted.
        let lets_go_softly = self.is_unix(id) && link.end(id.side).holder != Holder::Backlog;
        let farewell = if lets_go_softly {
            Farewell::Close
        } else {
            farewell
        };
        self.close_account(id);
        self.note_end(
            id,
            match farewell {
                Farewell::Close => What::Closes,
                Farewell::Reset => What::Aborts,
            },
        );
        match phase {
            Phase::Open if unread || farewell == Farewell::Reset => self.reset(id),
            Phase::Open => {
                let link = self.links.get_mut(&id.link).expect("it was there above");
                link.outbound_mut(id.side).finish();
                self.transmit(id);
            }
            Phase::Absent | Phase::Connecting | Phase::Broken => {}
        }
        self.let_go(id);
    }

    /// Gives an end to a socket.
    pub(in crate::sim) fn hold(&mut self, id: EndId, socket: SocketId) {
        if let Some(link) = self.links.get_mut(&id.link) {
            link.end_mut(id.side).holder = Holder::Socket(socket);
        }
    }

    pub(in crate::sim) fn phase(&self, id: EndId) -> Phase {
        self.link(id.link)
            .map_or(Phase::Absent, |link| link.end(id.side).phase)
    }

    pub(in crate::sim) fn take_error(&mut self, id: EndId) -> Option<i32> {
        self.links.get_mut(&id.link)?.end_mut(id.side).error.take()
    }

    fn let_go(&mut self, id: EndId) {
        if let Some(link) = self.links.get_mut(&id.link) {
            link.end_mut(id.side).holder = Holder::Nobody;
            self.bury(id.link);
        }
    }

    /// Sends RST after what is in flight; what is not is gone. Does nothing if the end is broken already, or if both sides
    /// have sent their FIN: then the kernel has no connection any more.
    pub(super) fn reset(&mut self, id: EndId) {
        let Some(link) = self.links.get_mut(&id.link) else {
            return;
        };
        let is_over = link.outbound(id.side).sending() == Sending::Ended
            && link.inbound(id.side).receiving() == Receiving::Ended;
        if link.end(id.side).phase != Phase::Broken && !is_over {
            link.end_mut(id.side).phase = Phase::Broken;
            link.outbound_mut(id.side).break_off();
            self.depart(id, Payload::Rst);
        }
    }
}

fn gather(pieces: &[IoSlice<'_>], size: usize) -> Bytes {
    let mut data = BytesMut::with_capacity(size);
    for piece in pieces {
        let left = size - data.len();
        data.extend_from_slice(&piece[..piece.len().min(left)]);
    }
    data.freeze()
}
