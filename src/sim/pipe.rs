//! One direction of a TCP stream, from its sender's buffer over what is in flight to its receiver's buffer. Owns the
//! bytes and the window between the two; knows neither sockets nor clocks.
//!
//! ```text
//!   write ─► unsent (≤ buffer) ─► flight ─► arrived ─► read
//!                       flight + arrived ≤ window
//! ```

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::network::Time;

/// While bytes wait for the window, writes smaller than this are joined, as a kernel would.
const JOINED_BELOW: usize = 4096;

#[derive(Debug)]
pub(super) struct Pipe {
    sending: Sending,
    unsent: VecDeque<Bytes>,
    /// Small writes that wait behind `unsent`. Invariant: empty if `unsent` is.
    joined: BytesMut,
    unsent_size: usize,
    buffer: usize,
    /// How much more may be put in flight.
    credit: usize,
    flight: VecDeque<Segment>,
    /// How many segments were put in flight, and how many bytes with them.
    departed: u64,
    sent: u64,
    /// When the last segment put in flight will be delivered: none overtakes it.
    last_delivery: Time,
    /// What waits to be read, and when it came.
    arrived: VecDeque<(Bytes, Time)>,
    arrived_size: usize,
    /// When the last of what was read had come.
    read_arrival: Time,
    receiving: Receiving,
    /// How many bytes were read, or went lost unread.
    read: u64,
    window: usize,
    /// Read, but not yet told to the sender as new credit.
    owed: usize,
}

/// The sender's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    Open,
    /// FIN follows what is unsent.
    Ending,
    /// FIN is on its way or there.
    Ended,
    /// RST, in one direction or the other: nothing is sent any more.
    Broken,
}

/// The receiver's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Receiving {
    Open,
    /// FIN has arrived.
    Ended,
    /// RST has arrived.
    Broken,
}

/// What is in flight is an object, so that faults can act on it.
#[derive(Debug)]
pub(super) struct Segment {
    deliver_at: Time,
    /// Counts from 1 in its direction.
    pub(super) serial: u64,
    /// How many bytes of the stream went before it.
    pub(super) offset: u64,
    pub(super) payload: Payload,
}

#[derive(Debug)]
pub(super) enum Payload {
    /// The listener's side has taken the connection.
    Welcome,
    Data(Bytes),
    Fin,
    Rst,
}

impl Pipe {
    pub(super) fn new(buffer: usize, window: usize) -> Self {
        Self {
            sending: Sending::Open,
            unsent: VecDeque::new(),
            joined: BytesMut::new(),
            unsent_size: 0,
            buffer,
            credit: window,
            flight: VecDeque::new(),
            departed: 0,
            sent: 0,
            last_delivery: Time::START,
            arrived: VecDeque::new(),
            arrived_size: 0,
            read_arrival: Time::START,
            receiving: Receiving::Open,
            read: 0,
            window,
            owed: 0,
        }
    }

    pub(super) fn sending(&self) -> Sending {
        self.sending
    }

    pub(super) fn receiving(&self) -> Receiving {
        self.receiving
    }

    /// How much the sender's buffer would take.
    pub(super) fn room(&self) -> usize {
        self.buffer.saturating_sub(self.unsent_size)
    }

    /// Whether there is room enough to tell the sender of it: a third of the buffer, as on Linux, so that it is not
    /// woken for every few bytes.
    pub(super) fn is_roomy(&self) -> bool {
        self.room() >= self.buffer.div_ceil(3)
    }

    /// Peers in scripts never block: their buffer has no bound.
    pub(super) fn lift_bound(&mut self) {
        self.buffer = usize::MAX;
    }

    /// How many bytes were pushed in all.
    pub(super) fn taken(&self) -> u64 {
        self.sent + self.unsent_size as u64
    }

    pub(super) fn push(&mut self, data: Bytes) {
        self.unsent_size += data.len();
        if self.unsent.is_empty() {
            self.unsent.push_back(data);
        } else if data.len() < JOINED_BELOW {
            self.joined.extend_from_slice(&data);
        } else {
            self.unjoin();
            self.unsent.push_back(data);
        }
    }

    /// FIN after what is unsent.
    pub(super) fn finish(&mut self) {
        if self.sending == Sending::Open {
            self.sending = Sending::Ending;
        }
    }

    /// Nothing is sent any more; what was not in flight is gone.
    pub(super) fn break_off(&mut self) {
        self.sending = Sending::Broken;
        self.unsent.clear();
        self.joined.clear();
        self.unsent_size = 0;
    }

    /// The size of what could be put in flight as one segment.
    pub(super) fn sendable(&self) -> usize {
        self.unsent
            .front()
            .map_or(0, |first| first.len().min(self.credit))
    }

    /// Takes `size` bytes of what is [`sendable`](Self::sendable).
    pub(super) fn cut(&mut self, size: usize) -> Bytes {
        let first = self
            .unsent
            .front_mut()
            .expect("only what is sendable is cut");
        let data = first.split_to(size);
        if first.is_empty() {
            self.unsent.pop_front();
        }
        self.credit -= size;
        self.unsent_size -= size;
        if self.unsent.is_empty() {
            self.unjoin();
        }
        data
    }

    /// Takes the FIN to send, if it is its turn.
    pub(super) fn take_fin(&mut self) -> bool {
        let due = self.sending == Sending::Ending && self.unsent.is_empty();
        if due {
            self.sending = Sending::Ended;
        }
        due
    }

    /// Puts a segment in flight, to be delivered at `at` or when the one before it is. Returns when.
    pub(super) fn depart(&mut self, payload: Payload, at: Time) -> Time {
        self.last_delivery = self.last_delivery.max(at);
        let offset = self.sent;
        if let Payload::Data(data) = &payload {
            self.sent += data.len() as u64;
        }
        self.departed += 1;
        self.flight.push_back(Segment {
            deliver_at: self.last_delivery,
            serial: self.departed,
            offset,
            payload,
        });
        self.last_delivery
    }

    /// Takes the first segment in flight, if it is there by `now`.
    pub(super) fn land(&mut self, now: Time) -> Option<Segment> {
        let first = self.flight.front()?;
        (first.deliver_at <= now).then(|| self.flight.pop_front().expect("it has a first"))
    }

    pub(super) fn last_in_flight(&self) -> Option<&Segment> {
        self.flight.back()
    }

    pub(super) fn is_in_flight(&self) -> bool {
        !self.flight.is_empty()
    }

    pub(super) fn deliver(&mut self, data: Bytes, now: Time) {
        self.arrived_size += data.len();
        self.arrived.push_back((data, now));
    }

    pub(super) fn deliver_fin(&mut self) {
        if self.receiving == Receiving::Open {
            self.receiving = Receiving::Ended;
        }
    }

    pub(super) fn deliver_rst(&mut self) {
        if self.receiving == Receiving::Open {
            self.receiving = Receiving::Broken;
        }
    }

    /// What was received and not yet read is gone.
    pub(super) fn lose_arrived(&mut self) {
        self.arrived.clear();
        self.read += std::mem::take(&mut self.arrived_size) as u64;
    }

    /// Whether anything of it was read.
    pub(super) fn was_read(&self) -> bool {
        self.read > 0
    }

    /// How many bytes were read, or went lost unread.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// How much waits to be read.
    pub(super) fn waiting(&self) -> usize {
        self.arrived_size
    }

    /// How much of it came as one segment.
    pub(super) fn waiting_first(&self) -> usize {
        self.arrived.front().map_or(0, |(first, _)| first.len())
    }

    /// Reads the first `size` bytes of the first segment, without a copy.
    pub(super) fn lend(&mut self, size: usize) -> Bytes {
        let (first, time) = self.arrived.front_mut().expect("only what waits is lent");
        self.read_arrival = *time;
        let data = first.split_to(size);
        if first.is_empty() {
            self.arrived.pop_front();
        }
        self.arrived_size -= size;
        self.read += size as u64;
        self.owed += size;
        data
    }

    /// When the last of what was read had come.
    pub(super) fn read_arrival(&self) -> Time {
        self.read_arrival
    }

    /// Reads into all of `buffer`, which is not longer than what waits.
    pub(super) fn fill(&mut self, mut buffer: &mut [u8]) {
        while !buffer.is_empty() {
            let data = self.lend(self.waiting_first().min(buffer.len()));
            let (filled, rest) = std::mem::take(&mut buffer).split_at_mut(data.len());
            filled.copy_from_slice(&data);
            buffer = rest;
        }
    }

    /// The credit to tell the sender of, once it is worth telling: not each few bytes. A sender that waits for it is told
    /// at the latest when all is read, for then the whole window is owed.
    pub(super) fn take_owed(&mut self) -> Option<usize> {
        let worth = self.owed > 0 && self.owed * 4 >= self.window;
        worth.then(|| std::mem::take(&mut self.owed))
    }

    pub(super) fn grant(&mut self, credit: usize) {
        self.credit += credit;
    }

    /// Whether the sender waits for the window.
    pub(super) fn is_stalled(&self) -> bool {
        !self.unsent.is_empty()
    }

    fn unjoin(&mut self) {
        if !self.joined.is_empty() {
            self.unsent.push_back(self.joined.split().freeze());
        }
    }
}

#[cfg(test)]
mod tests;
