//! Sending to many: groups of connections, by key, with a policy for members that can't keep up. Owns who is a member and
//! what waits for the slow; a frame is encoded once for all members with the same framing.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::rc::Rc;

use bytes::Bytes;

use crate::connection::Phase;
use crate::error::FrameError;
use crate::reactor::{Reactor, encode};
use crate::table::ConnectionId;

/// Connections that are spoken to together: a chat room, the watchers of a price, the players of a game.
///
/// Clones are the same group. Members are told apart by a key and served in its order. A member whose connection has ended
/// is no member any more, without anybody's doing; so `leave` is for those who stay connected, and for a key that is to be
/// free at once. A key is not free before its member was told
/// [`connection_lost`](crate::Protocol::connection_lost): what is said there of a key is said of the one who had it.
///
/// ```
/// use ropewalk::{Group, LineReceiver, Transport};
///
/// #[derive(Clone)]
/// struct Shouter {
///     everybody: Group<u64>,
/// }
///
/// impl LineReceiver for Shouter {
///     fn connection_made(&mut self, transport: &mut Transport<'_>) {
///         let key = transport.reactor().random();
///         self.everybody.join(transport, key);
///     }
///     fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
///         self.everybody.send(transport, line);
///     }
/// }
/// ```
pub struct Group<K> {
    members: Rc<RefCell<BTreeMap<K, ConnectionId>>>,
    /// How many joins from now those whose connection has ended are looked for: each time after as many as there are
    /// members, so that a group that never sends does not grow, and a join costs the same.
    until_pruned: Rc<Cell<usize>>,
    slow: Slow,
}

/// What becomes of a member that does not take what it is sent.
///
/// Frames that wait for a member can still be dropped, so they stand behind what is written to its connection directly:
/// that may arrive before a frame that was sent to the group earlier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Slow {
    /// It is sent everything, until its connection's hard limit ends it as [`TooSlow`](crate::Lost::TooSlow).
    #[default]
    Disconnect,
    /// At most so many frames wait for it; beyond that the oldest one is dropped.
    DropOldest(usize),
    /// At most so many frames wait for it; beyond that new ones are dropped.
    DropNewest(usize),
    /// Only the newest frame waits for it.
    LatestOnly,
}

impl<K> Clone for Group<K> {
    fn clone(&self) -> Self {
        Self {
            members: Rc::clone(&self.members),
            until_pruned: Rc::clone(&self.until_pruned),
            slow: self.slow,
        }
    }
}

impl<K: Ord> Default for Group<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: fmt::Debug> fmt::Debug for Group<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Group")
            .field("members", &self.members.borrow())
            .field("slow", &self.slow)
            .finish()
    }
}

impl<K: Ord> Group<K> {
    /// An empty group whose slow members are disconnected.
    pub fn new() -> Self {
        Self::with(Slow::Disconnect)
    }

    /// An empty group with another policy.
    pub fn with(slow: Slow) -> Self {
        Self {
            members: Rc::default(),
            until_pruned: Rc::default(),
            slow,
        }
    }

    /// Makes the transport's connection a member under `key`; `false` if the key belongs to another connection.
    pub fn join(&self, transport: &mut crate::Transport<'_>, key: K) -> bool {
        let id = transport.id();
        self.add(transport.reactor(), key, id)
    }

    /// Makes any connection a member under `key`; `false` if the key belongs to another connection, or this one has ended.
    pub fn add(&self, reactor: &mut Reactor, key: K, id: ConnectionId) -> bool {
        let mut members = self.members.borrow_mut();
        let taken = members
            .get(&key)
            .is_some_and(|&other| other != id && reactor.member_takes(other).is_some());
        if taken || !reactor.is_connected(id) {
            return false;
        }
        members.insert(key, id);
        match self.until_pruned.get().checked_sub(1) {
            Some(left) => self.until_pruned.set(left),
            None => {
                members.retain(|_, id| reactor.member_takes(*id).is_some());
                self.until_pruned.set(members.len());
            }
        }
        true
    }

    /// Ends a membership; the connection it was.
    pub fn leave<Q>(&self, key: &Q) -> Option<ConnectionId>
    where
        K: std::borrow::Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.members.borrow_mut().remove(key)
    }

    /// The connection under `key`, which may have ended by now.
    pub fn get<Q>(&self, key: &Q) -> Option<ConnectionId>
    where
        K: std::borrow::Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.members.borrow().get(key).copied()
    }

    /// The members' keys, in order, with those whose connection has ended since the last sending.
    pub fn keys(&self) -> Vec<K>
    where
        K: Clone,
    {
        self.members.borrow().keys().cloned().collect()
    }

    /// How many members there are, those counted whose connection has ended since the last sending.
    pub fn len(&self) -> usize {
        self.members.borrow().len()
    }

    /// Whether there is no member, counted as [`len`](Self::len) does.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sends a frame to every member, in its own framing.
    pub fn send(&self, reactor: &mut impl AsMut<Reactor>, frame: impl AsRef<[u8]>) {
        self.send_to(reactor.as_mut(), frame.as_ref(), |_| true);
    }

    /// Sends a frame to every member but the one under `key`.
    pub fn send_except<Q>(
        &self,
        reactor: &mut impl AsMut<Reactor>,
        key: &Q,
        frame: impl AsRef<[u8]>,
    ) where
        K: std::borrow::Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.send_to(reactor.as_mut(), frame.as_ref(), |other| {
            std::borrow::Borrow::borrow(other) != key
        });
    }

    fn send_to(&self, reactor: &mut Reactor, frame: &[u8], wanted: impl Fn(&K) -> bool) {
        let group = Rc::as_ptr(&self.members) as usize;
        let mut copies = Copies::new(frame);
        self.members.borrow_mut().retain(|key, &mut id| {
            let Some(takes) = reactor.member_takes(id) else {
                return false;
            };
            if takes && wanted(key) {
                reactor.send_to_member(id, &mut copies, self.slow, group);
            }
            true
        });
    }
}

impl AsMut<Self> for Reactor {
    fn as_mut(&mut self) -> &mut Self {
        self
    }
}

/// One frame in the envelopes it is wanted in, each made once.
struct Copies<'f> {
    frame: &'f [u8],
    encoded: Vec<(u32, Result<Bytes, FrameError>)>,
    plain: Option<Bytes>,
}

impl<'f> Copies<'f> {
    fn new(frame: &'f [u8]) -> Self {
        Self {
            frame,
            encoded: Vec::new(),
            plain: None,
        }
    }

    fn plain(&mut self) -> Bytes {
        self.plain
            .get_or_insert_with(|| Bytes::copy_from_slice(self.frame))
            .clone()
    }
}

/// A frame that waits for a slow member, above framing and layers.
enum Waiting {
    Encoded(Bytes),
    Message(Bytes),
}

impl Waiting {
    fn len(&self) -> usize {
        match self {
            Self::Encoded(bytes) | Self::Message(bytes) => bytes.len(),
        }
    }
}

/// The frames of groups that wait for one connection.
#[derive(Default)]
pub(crate) struct FrameQueue {
    frames: VecDeque<(usize, Waiting)>,
}

impl FrameQueue {
    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub(crate) fn size(&self) -> usize {
        self.frames.iter().map(|(_, frame)| frame.len()).sum()
    }

    pub(crate) fn clear(&mut self) {
        self.frames.clear();
    }

    /// Adds a frame of a group; returns how many frames of that group were dropped for it, itself counted.
    fn push(&mut self, slow: Slow, group: usize, frame: Waiting) -> u64 {
        let (most, oldest_goes) = match slow {
            Slow::Disconnect => (usize::MAX, false),
            Slow::DropOldest(most) => (most.max(1), true),
            Slow::DropNewest(most) => (most, false),
            Slow::LatestOnly => (1, true),
        };
        let waiting = self.frames.iter().filter(|(of, _)| *of == group).count();
        let mut dropped = 0;
        if waiting >= most {
            dropped = 1;
            if !oldest_goes {
                return dropped;
            }
            if let Some(place) = self.frames.iter().position(|(of, _)| *of == group) {
                self.frames.remove(place);
            }
        }
        self.frames.push_back((group, frame));
        dropped
    }
}

impl Reactor {
    /// Whether a member's connection takes what is sent; `None` if it is over, its loss told.
    fn member_takes(&self, id: ConnectionId) -> Option<bool> {
        let connection = self.connections.get(id)?;
        (connection.phase <= Phase::Lost).then(|| connection.takes_writes())
    }

    fn send_to_member(
        &mut self,
        id: ConnectionId,
        copies: &mut Copies<'_>,
        slow: Slow,
        group: usize,
    ) {
        if slow == Slow::Disconnect || self.keeps_up(id) {
            if self.admits_write(id) {
                if self.sends_messages(id) {
                    self.send_message(id, copies.frame);
                } else {
                    self.send_copy(id, copies);
                }
            }
            return;
        }
        let frame = if self.sends_messages(id) {
            Waiting::Message(copies.plain())
        } else {
            let Some(copy) = self.copy_for(id, copies) else {
                return;
            };
            Waiting::Encoded(copy)
        };
        if let Some(rare) = self.rare(id) {
            self.counters.frames_dropped += rare.frames.push(slow, group, frame);
        }
    }

    /// Whether the member has taken nearly all that it was sent.
    fn keeps_up(&self, id: ConnectionId) -> bool {
        let waits = self
            .live(id)
            .and_then(|connection| connection.rare.as_ref());
        waits.is_none_or(|rare| rare.frames.is_empty())
            && self.sent_bytes(id) <= self.limits(id).low_water
    }

    fn send_copy(&mut self, id: ConnectionId, copies: &mut Copies<'_>) {
        let Some(copy) = self.copy_for(id, copies) else {
            return;
        };
        self.write_encoded(id, copy);
    }

    fn copy_for(&mut self, id: ConnectionId, copies: &mut Copies<'_>) -> Option<Bytes> {
        let place = self.live(id)?.framing;
        let found = copies
            .encoded
            .iter()
            .find(|(of, _)| *of == place)
            .map(|(_, copy)| copy.clone());
        let copy = found.unwrap_or_else(|| {
            let mut out = Vec::with_capacity(copies.frame.len() + 8);
            let framing = self.framing_of(id);
            let copy =
                encode(framing.as_deref(), copies.frame, &mut out).map(|()| Bytes::from(out));
            copies.encoded.push((place, copy.clone()));
            copy
        });
        copy.map_err(|error| self.frame_not_sent(id, copies.frame.len(), &error))
            .ok()
    }

    /// Moves waiting frames down while the member takes them.
    pub(crate) fn move_frames_down(&mut self, id: ConnectionId) {
        while self.sent_bytes(id) <= self.limits(id).low_water && self.move_frame_down(id) {}
    }

    /// Moves all waiting frames down: the connection is being closed, and they are owed.
    pub(crate) fn move_all_frames_down(&mut self, id: ConnectionId) {
        while self.move_frame_down(id) {}
    }

    fn move_frame_down(&mut self, id: ConnectionId) -> bool {
        let Some(connection) = self.connections.get_mut(id) else {
            return false;
        };
        let sends = connection.phase <= Phase::Draining;
        let Some(rare) = connection.rare.as_mut().filter(|_| sends) else {
            return false;
        };
        match rare.frames.frames.pop_front() {
            Some((_, Waiting::Encoded(bytes))) => self.write_encoded(id, bytes),
            Some((_, Waiting::Message(bytes))) => self.send_message(id, &bytes),
            None => return false,
        }
        true
    }
}
