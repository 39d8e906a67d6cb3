//! Flushing: the one place where bytes leave. Owns the order of what follows from it: the next frames of a group, a FIN
//! that waited, the notices of pressure.

use std::io::{ErrorKind, IoSlice};

use crate::connection::{Care, NONE, Pauses, Phase, Pressure, Reading, Writing};
use crate::error::Lost;
use crate::inspector::RarePath;
use crate::limits::{Idle, WRITE_BUDGET};
use crate::network::{Farewell, Network, SocketId, Time};
use crate::outbound::Outbound;
use crate::rate::Direction;
use crate::table::ConnectionId;

use super::timed::Timed;
use super::unsent::Unsent;
use super::{Reactor, wire};

/// How a connection's output stands after it was offered to the system.
pub(super) enum Offered {
    All,
    /// The system takes no more now, and will say when it does.
    Blocked,
    /// Others are to have their turn first.
    Enough,
    /// Its rate allows no more now, and will have it flushed when it does.
    Throttled,
    Broken(std::io::Error),
}

/// Pieces handed over in one system call, and if there are more of them: Linux takes up to 1,024.
const PIECES: usize = 64;
const MOST_PIECES: usize = 1024;

// Not a part of its caller, most of whose calls need no such room on the stack.
#[inline(never)]
fn write_pieces<const N: usize>(
    network: &mut dyn Network,
    socket: SocketId,
    queue: &Outbound,
) -> std::io::Result<usize> {
    let mut pieces = [IoSlice::new(&[]); N];
    let count = queue.pieces(&mut pieces);
    network.write(socket, &pieces[..count])
}

/// How an output stands if no more of it is to be offered now.
#[inline]
pub(super) fn standing(unsent: &Unsent, enough: bool) -> Option<Offered> {
    if unsent.queue.is_empty() {
        Some(Offered::All)
    } else if unsent.blocked {
        Some(Offered::Blocked)
    } else {
        enough.then_some(Offered::Enough)
    }
}

impl Reactor {
    /// Offers the system all that was written since the last time.
    #[inline]
    pub(super) fn flush_dirty(&mut self) {
        self.send_replies();
        if !self.dirty.is_empty() {
            self.flush_all_dirty();
        }
    }

    #[inline(never)]
    fn flush_all_dirty(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        self.flush_each(dirty.drain(..));
        // Nothing was marked meanwhile, as no user code runs here but that of layers: keep the room.
        if self.dirty.is_empty() {
            self.dirty = dirty;
        }
    }

    /// The system takes bytes again.
    pub(super) fn unblock(&mut self, id: ConnectionId) {
        if let Some(connection) = self.connections.get(id)
            && let Some(unsent) = self.outs.get_mut(connection.out)
        {
            unsent.blocked = false;
            self.mark_dirty(id);
        }
    }

    pub(super) fn flush(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.dirty = false;
        if connection.phase >= Phase::Lost {
            return;
        }
        // Nothing follows from it that all was sent.
        let plain = connection.phase == Phase::Open
            && connection.writing == Writing::Open
            && connection.pressure == Pressure::Low
            && connection.rare.is_none();
        let socket = connection
            .socket()
            .filter(|_| connection.phase > Phase::Connecting);
        let Some(socket) = socket else {
            self.note_waiting(id);
            return;
        };
        let out = connection.out;
        let care = connection.care;
        let mut place = out;
        loop {
            if place == NONE {
                match self.refilled(id) {
                    Some(output) => place = output,
                    None => return self.all_was_sent(id),
                }
            }
            let offered = if care.contains(Care::POLICED) {
                self.offer_within_rate(id, place, socket)
            } else {
                self.offer(id, place, socket)
            };
            if care.contains(Care::WATCHED) {
                self.note_if_taken(id, place, &offered);
            }
            match offered {
                Offered::All => {
                    self.release_output(id);
                    if plain {
                        return;
                    }
                    self.move_frames_down(id);
                    place = NONE;
                }
                Offered::Blocked => {
                    self.note_waiting(id);
                    self.arm_stall(id, place);
                    break;
                }
                Offered::Enough => {
                    self.note_waiting(id);
                    self.queue_ready(id);
                    break;
                }
                Offered::Throttled => {
                    self.note_waiting(id);
                    break;
                }
                Offered::Broken(error) => return self.write_failed(id, error.into()),
            }
        }
        self.note_pressure(id);
    }

    /// What was offered and not taken is no activity.
    #[cold]
    fn note_if_taken(&mut self, id: ConnectionId, place: u32, offered: &Offered) {
        if matches!(offered, Offered::All) || self.outs[place].progress == self.now {
            self.note_activity(id, Idle::Writing);
        }
    }

    /// The connection's output, after what waits above it has come down; `None` if there is none.
    fn refilled(&mut self, id: ConnectionId) -> Option<u32> {
        let connection = self.connections.get(id)?;
        if connection.out == NONE && connection.rare.is_some() {
            self.note_waiting(id);
            // Layers may have become ready.
            self.move_frames_down(id);
        }
        let place = self.connections.get(id)?.out;
        (place != NONE).then_some(place)
    }

    /// Offers one connection's output, until it is all taken or no more is.
    fn offer(&mut self, id: ConnectionId, place: u32, socket: SocketId) -> Offered {
        let budget = self.share(WRITE_BUDGET, RarePath::WriteBudget);
        let mut taken = 0;
        loop {
            let unsent = &mut self.outs[place];
            if let Some(stands) = standing(unsent, taken >= budget) {
                return stands;
            }
            let Unsent {
                queue,
                blocked,
                progress,
                ..
            } = unsent;
            let result = match queue.only_piece() {
                Some(only) => self.network.write(socket, &[IoSlice::new(only)]),
                None if queue.count() <= PIECES => {
                    write_pieces::<PIECES>(&mut *self.network, socket, queue)
                }
                None => write_pieces::<MOST_PIECES>(&mut *self.network, socket, queue),
            };
            match result {
                Ok(0) => return Offered::Broken(ErrorKind::WriteZero.into()),
                Ok(size) => {
                    wire::sent(id, &self.connections, queue.first_piece(), size);
                    queue.consume(size);
                    *progress = self.now;
                    if canary!(ShortWriteBlocks) && !queue.is_empty() {
                        *blocked = true;
                    }
                    taken += size;
                    self.counters.bytes_out += size as u64;
                    if queue.is_empty() {
                        return Offered::All;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => *blocked = true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Offered::Broken(error),
            }
        }
    }

    /// Remembers how much is left over, for the hard limit to look at in later turns.
    fn note_waiting(&mut self, id: ConnectionId) {
        let turn = self.turn;
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if let Some(rare) = connection.rare.as_mut() {
            rare.early.note_waiting(turn);
            rare.frames.note_waiting(turn);
        }
        if let Some(unsent) = self.outs.get_mut(connection.out) {
            unsent.note_waiting(turn);
        }
    }

    fn arm_stall(&mut self, id: ConnectionId, place: u32) {
        let Some(within) = self.limits(id).write else {
            return;
        };
        let unsent = &mut self.outs[place];
        if unsent.stall.is_none() {
            unsent.stall = Some(
                self.timers
                    .arm(unsent.progress.max(self.now) + within, Timed::Stall(id)),
            );
        }
    }

    /// When the peer last took something of what is still unsent.
    pub(super) fn last_progress(&self, id: ConnectionId) -> Option<Time> {
        let connection = self.connections.get(id)?;
        Some(self.outs.get(connection.out)?.progress)
    }

    /// The write deadline of a connection passed: it counts from when the peer last took something.
    pub(super) fn check_stall(&mut self, id: ConnectionId) {
        let Some(within) = self.limits(id).write else {
            return;
        };
        let Some(connection) = self.connections.get(id) else {
            return;
        };
        let Some(unsent) = self.outs.get_mut(connection.out) else {
            return;
        };
        unsent.stall = None;
        if !unsent.blocked {
            return;
        }
        let due = unsent.progress + within;
        if due > self.now {
            unsent.stall = Some(self.timers.arm(due, Timed::Stall(id)));
        } else {
            self.time_out(id, crate::error::Deadline::Write);
        }
    }

    /// All that was written has been taken by the system: what waited for that comes now.
    fn all_was_sent(&mut self, id: ConnectionId) {
        match self.connections.get(id).map(|connection| connection.phase) {
            Some(Phase::Draining) => self.finish_draining(id),
            Some(Phase::Open) => {
                self.note_pressure(id);
                self.end_writing_if_asked(id);
            }
            _ => {}
        }
    }

    /// FIN follows what was sent.
    fn end_writing_if_asked(&mut self, id: ConnectionId) {
        let ready = self.layers_are_ready(id);
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.writing != Writing::Ending || !ready {
            return;
        }
        connection.writing = Writing::Ended;
        let both = connection.reading == Reading::Ended || canary!(HalfCloseEndsBoth);
        let done = connection.done();
        if let Some(socket) = connection.socket()
            && !canary!(FinUnsent)
        {
            // A failure here means that the peer has broken the connection, which reading will tell.
            let _ = self.network.shutdown_write(socket);
        }
        if both {
            self.retire(id, done, Farewell::Close.into());
        }
    }

    /// A write failed. What the peer sent before that is still read and delivered, if it may be; then the loss is told.
    pub(super) fn write_failed(&mut self, id: ConnectionId, reason: Lost) {
        self.release_output(id);
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let readable = connection.reading == Reading::Open
            && connection.pauses.is_empty()
            && !connection.awaits_rate(Direction::Received);
        if connection.phase == Phase::Open && readable {
            connection.writing = Writing::Broken;
            connection.care.add(Care::HINTED);
            connection.latch_reason(reason);
            self.queue_ready(id);
        } else {
            self.retire(id, reason, Farewell::Close.into());
        }
    }

    fn note_pressure(&mut self, id: ConnectionId) {
        if self.pressure_to_tell(id).is_some() {
            self.pressed.push(id);
        }
    }

    /// The notice that is due to a connection's protocol, as its output stands now.
    fn pressure_to_tell(&self, id: ConnectionId) -> Option<Pressure> {
        let connection = self
            .connections
            .get(id)
            .filter(|connection| connection.phase == Phase::Open)?;
        let unsent = self.sent_bytes(id);
        let limits = match connection.pressure {
            Pressure::Low if unsent == 0 => return None,
            _ => self.limits(id),
        };
        match connection.pressure {
            Pressure::Low if canary!(HighMarkOff) && unsent == limits.high_water => {
                Some(Pressure::High)
            }
            Pressure::Low => (unsent > limits.high_water).then_some(Pressure::High),
            Pressure::High if canary!(LowMarkOff) && unsent == limits.low_water => None,
            Pressure::High => (unsent <= limits.low_water).then_some(Pressure::Low),
        }
    }

    /// Tells protocols to pause or resume writing; those not at all whose output has changed back.
    pub(super) fn tell_pressure(&mut self) {
        for id in std::mem::take(&mut self.pressed) {
            let Some(pressure) = self.pressure_to_tell(id) else {
                continue;
            };
            if let Some(connection) = self.connections.get_mut(id)
                && !(canary!(ResumedTwice) && pressure == Pressure::Low)
            {
                connection.pressure = pressure;
            }
            match pressure {
                Pressure::High => {
                    self.dispatch(id, |protocol, transport| protocol.pause_writing(transport))
                }
                Pressure::Low => {
                    self.resume(id, Pauses::PRESSURE);
                    self.dispatch(id, |protocol, transport| protocol.resume_writing(transport))
                }
            };
        }
    }
}
