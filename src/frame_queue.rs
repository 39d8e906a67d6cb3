//! Frames that wait for a slow connection, above its framing and layers, where they can still be dropped or replaced. Owns
//! their order and their count; knows no connection.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::group::Slow;
use crate::latest::{GroupId, Latest, Places};
use crate::reactor::LeftOver;

/// A frame that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// In the envelope of the connection's framing.
    Encoded(Bytes),
    /// For the top layer to wrap.
    Message(Bytes),
}

impl Waiting {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Encoded(bytes) | Self::Message(bytes) => bytes.len(),
        }
    }
}

/// Whose a waiting frame is, and so what may become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    /// A group's, whose policy says how many may wait.
    Group(GroupId),
    /// The newest of its key, until there is a newer one.
    Latest(Latest),
    /// It was that, before the envelope changed: now it is only sent.
    Pinned,
}

/// The frames that wait for one connection. Most have none: then it is a null pointer.
#[derive(Default)]
pub(crate) struct FrameQueue {
    queue: Option<Box<Queue>>,
}

#[derive(Default)]
struct Queue {
    /// By the order in which they are to be sent.
    frames: BTreeMap<u64, (Of, Waiting)>,
    next: u64,
    /// The bytes of all, and of those that are no group's: the latter count against the hard limit.
    size: usize,
    latest_size: usize,
    left_over: LeftOver,
    /// The numbers of each group's frames, so that neither their count nor the oldest one has to be looked for.
    groups: BTreeMap<GroupId, VecDeque<u64>>,
    places: Places,
}

impl FrameQueue {
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_none()
    }

    /// How many bytes wait.
    pub(crate) fn size(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.size)
    }

    pub(crate) fn clear(&mut self) {
        self.queue = None;
    }

    /// Whose frame is to be sent next.
    pub(crate) fn next(&self) -> Option<&Of> {
        let (of, _) = self.queue.as_ref()?.frames.first_key_value()?.1;
        Some(of)
    }

    /// Adds a frame of a group; returns how many frames of that group were dropped for it, itself counted.
    pub(crate) fn push(&mut self, slow: Slow, group: GroupId, frame: Waiting) -> u64 {
        let (most, oldest_goes) = match slow {
            Slow::Disconnect => (usize::MAX, false),
            Slow::DropOldest(most) => (most.max(1), true),
            Slow::DropNewest(most) => (most, false),
            Slow::LatestOnly => (1, true),
        };
        let waiting = self.queue.as_ref().map_or(0, |queue| queue.count_of(group));
        if waiting >= most && !oldest_goes {
            return 1;
        }
        let queue = self.queue.get_or_insert_default();
        let mut dropped = 0;
        if waiting >= most {
            dropped = 1;
            queue.drop_oldest_of(group);
        }
        let number = queue.push(Of::Group(group), frame);
        queue.groups.entry(group).or_default().push_back(number);
        dropped
    }

    /// Puts a frame in the place of the one with the same key, or at the end if there is none. Whether there was one.
    pub(crate) fn push_latest(&mut self, latest: Latest, frame: Waiting) -> bool {
        let queue = self.queue.get_or_insert_default();
        let first = queue.first();
        if let Some(number) = queue.places.find(&latest, first)
            && let Some((_, older)) = queue.frames.get_mut(&number)
        {
            let size = frame.len();
            let before = std::mem::replace(older, frame).len();
            queue.size = queue.size - before + size;
            queue.latest_size = queue.latest_size - before + size;
            return true;
        }
        queue.latest_size += frame.len();
        let number = queue.push(Of::Latest(latest.clone()), frame);
        let count = queue.frames.len();
        queue.places.note(latest, number, first, count);
        false
    }

    /// What comes from now on has another envelope, and replaces nothing that waits.
    pub(crate) fn pin(&mut self) {
        let Some(queue) = &mut self.queue else { return };
        queue.places = Places::default();
        for (of, _) in queue.frames.values_mut() {
            if matches!(of, Of::Latest(_)) {
                *of = Of::Pinned;
            }
        }
    }

    /// Takes the first one.
    pub(crate) fn pop(&mut self) -> Option<(Of, Waiting)> {
        let queue = self.queue.as_mut()?;
        let (_, (of, frame)) = queue.frames.pop_first()?;
        queue.size -= frame.len();
        match &of {
            Of::Group(group) => queue.forget_first_of(*group),
            Of::Latest(_) | Of::Pinned => queue.latest_size -= frame.len(),
        }
        if queue.frames.is_empty() {
            self.queue = None;
        }
        Some((of, frame))
    }

    /// How many bytes of it count against the hard limit.
    pub(crate) fn limited_size(&self) -> usize {
        self.queue.as_ref().map_or(0, |queue| queue.latest_size)
    }

    /// Notes what a flush left over, of what counts against the hard limit.
    pub(crate) fn note_waiting(&mut self, turn: u32) {
        if let Some(queue) = &mut self.queue {
            queue.left_over.note(turn, queue.latest_size);
        }
    }

    /// How much of that has waited since an earlier turn.
    pub(crate) fn waiting_since_before(&self, turn: u32) -> usize {
        let queue = self.queue.as_ref();
        queue.map_or(0, |queue| queue.left_over.before(turn, queue.latest_size))
    }
}

impl Queue {
    fn push(&mut self, of: Of, frame: Waiting) -> u64 {
        let number = self.next;
        self.next += 1;
        self.size += frame.len();
        self.frames.insert(number, (of, frame));
        number
    }

    fn first(&self) -> u64 {
        let first = self.frames.first_key_value();
        first.map_or(self.next, |(&number, _)| number)
    }

    fn count_of(&self, group: GroupId) -> usize {
        self.groups.get(&group).map_or(0, VecDeque::len)
    }

    fn drop_oldest_of(&mut self, group: GroupId) {
        let oldest = self.groups.get(&group).and_then(VecDeque::front).copied();
        if let Some((_, frame)) = oldest.and_then(|oldest| self.frames.remove(&oldest)) {
            self.size -= frame.len();
            self.forget_first_of(group);
        }
    }

    fn forget_first_of(&mut self, group: GroupId) {
        if let Some(numbers) = self.groups.get_mut(&group) {
            numbers.pop_front();
            if numbers.is_empty() {
                self.groups.remove(&group);
            }
        }
    }
}

#[cfg(test)]
mod tests;
