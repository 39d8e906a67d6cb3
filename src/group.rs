//! Sending to many: groups of connections, by key, with a policy for members that can't keep up. Owns who is a member and
//! what waits for the slow; a frame is encoded once for all members with the same framing.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::connection::Phase;
use crate::copies::Copies;
use crate::frame_queue::Waiting;
use crate::latest::{FrameKey, GroupId, Latest};
use crate::reactor::Reactor;
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
    id: GroupId,
}

/// What becomes of a member that does not take what it is sent.
///
/// It says nothing of frames sent by [`Group::send_latest`], of which the newest of each key waits in any case.
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
            id: self.id,
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
        // Only ever compared: no order hangs on it.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            members: Rc::default(),
            until_pruned: Rc::default(),
            slow,
            id: GroupId(NEXT.fetch_add(1, Ordering::Relaxed)),
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

    /// Sends every member a frame that takes the place of the last one with the same key, if that is still unsent, see
    /// [`Transport::send_latest`](crate::Transport::send_latest). So a member that can't keep up has the newest one of each
    /// key waiting, whatever the group's policy is. The keys are the group's: no other's frames are replaced.
    pub fn send_latest(
        &self,
        reactor: &mut impl AsMut<Reactor>,
        key: impl Into<FrameKey>,
        frame: impl AsRef<[u8]>,
    ) {
        self.send_latest_to(reactor.as_mut(), key.into(), frame.as_ref(), |_| true);
    }

    /// Like [`send_latest`](Self::send_latest), to every member but the one under `member`.
    pub fn send_latest_except<Q>(
        &self,
        reactor: &mut impl AsMut<Reactor>,
        member: &Q,
        key: impl Into<FrameKey>,
        frame: impl AsRef<[u8]>,
    ) where
        K: std::borrow::Borrow<Q>,
        Q: Ord + ?Sized,
    {
        self.send_latest_to(reactor.as_mut(), key.into(), frame.as_ref(), |other| {
            std::borrow::Borrow::borrow(other) != member
        });
    }

    fn send_latest_to(
        &self,
        reactor: &mut Reactor,
        key: FrameKey,
        frame: &[u8],
        wanted: impl Fn(&K) -> bool,
    ) {
        let mut copies = Copies::new(frame);
        let latest = Latest {
            group: Some(self.id),
            key,
        };
        self.for_each(reactor, wanted, |reactor, id| {
            reactor.send_latest_copy(id, latest.clone(), &mut copies);
        });
        reactor.let_go_of_copies(copies);
    }

    fn send_to(&self, reactor: &mut Reactor, frame: &[u8], wanted: impl Fn(&K) -> bool) {
        let mut copies = Copies::new(frame);
        self.for_each(reactor, wanted, |reactor, id| {
            reactor.send_to_member(id, &mut copies, self.slow, self.id);
        });
        reactor.let_go_of_copies(copies);
    }

    /// Calls `send` for those wanted that take what is sent, and lets go of those who are no members any more.
    fn for_each(
        &self,
        reactor: &mut Reactor,
        wanted: impl Fn(&K) -> bool,
        mut send: impl FnMut(&mut Reactor, ConnectionId),
    ) {
        let mut some_are_over = false;
        for (key, &id) in self.members.borrow().iter() {
            match reactor.member_takes(id) {
                Some(true) if wanted(key) => send(reactor, id),
                Some(_) => {}
                None => some_are_over = true,
            }
        }
        if some_are_over {
            let mut members = self.members.borrow_mut();
            members.retain(|_, id| reactor.member_takes(*id).is_some());
        }
    }
}

impl AsMut<Self> for Reactor {
    fn as_mut(&mut self) -> &mut Self {
        self
    }
}

impl Reactor {
    /// Whether a member's connection takes what is sent; `None` if it is over, its loss told.
    #[inline]
    fn member_takes(&self, id: ConnectionId) -> Option<bool> {
        let connection = self.connections.get(id)?;
        (connection.phase <= Phase::Lost).then(|| connection.takes_writes())
    }

    fn send_to_member(
        &mut self,
        id: ConnectionId,
        copies: &mut Copies<'_>,
        slow: Slow,
        group: GroupId,
    ) {
        if self.send_copy_plainly(id, copies) {
            return;
        }
        if slow == Slow::Disconnect || self.keeps_up(id) {
            if self.admits_write(id) {
                if self.sends_messages(id) {
                    self.send_message(id, copies.frame());
                } else {
                    self.send_copy(id, copies);
                }
            }
            return;
        }
        let Some(frame) = self.waiting_copy(id, copies) else {
            return;
        };
        if let Some(rare) = self.rare(id) {
            self.counters.frames_dropped += rare.frames.push(slow, group, frame);
        }
    }

    /// The frame as it may have to wait for a member.
    pub(crate) fn waiting_copy(
        &mut self,
        id: ConnectionId,
        copies: &mut Copies<'_>,
    ) -> Option<Waiting> {
        if self.sends_messages(id) {
            Some(Waiting::Message(copies.plain()))
        } else {
            self.copy_for(id, copies).map(Waiting::Encoded)
        }
    }

    /// Whether the member has taken nearly all that it was sent.
    fn keeps_up(&self, id: ConnectionId) -> bool {
        !self.frames_wait(id) && self.sent_bytes(id) <= self.limits(id).low_water
    }
}
