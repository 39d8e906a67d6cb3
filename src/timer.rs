//! Which timer fires next. Owns their actions and their order, by deadline and then first come, first served; reads no
//! clock and calls no action.

use std::fmt;

mod blocks;

use crate::arena::Arena;
use crate::network::Time;

use blocks::Blocks;

/// Names one timer for as long as it lives; afterwards it names nothing, for no later timer gets the same.
///
/// Sorts by the order of arming.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId {
    born: u64,
    slot: u32,
}

impl fmt::Debug for TimerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimerId({})", self.born)
    }
}

/// The timers of one reactor, each with an action of type `A`.
///
/// A timer waits in the heap; [`collect_due`](Self::collect_due) makes it due, [`begin`](Self::begin) running, and
/// [`finish`](Self::finish) or [`rearm`](Self::rearm) ends that. Cancelling removes it at once from wherever it is, so
/// memory is that of the timers that live.
#[derive(Debug)]
pub(crate) struct Timers<A> {
    /// A 4-ary heap: an entry's children are at `4 * at + 1 ..= 4 * at + 4` and are never before it.
    heap: Blocks<Entry>,
    slots: Arena<Slot<A>>,
    /// The next serial. One counter gives ids their uniqueness and equal deadlines their order.
    serial: u64,
}

/// When a timer fires, and its turn among those of the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    deadline: Time,
    serial: u64,
}

/// The key lies beside the slot's number, so that sifting compares without looking at the slots.
#[derive(Clone, Copy, Debug)]
struct Entry {
    key: Key,
    slot: u32,
}

#[derive(Debug)]
struct Slot<A> {
    born: u64,
    phase: Phase,
    /// `None` exactly while the timer is running.
    action: Option<A>,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// In the heap, at this place.
    Waiting { at: usize },
    /// Collected, its action not yet begun.
    Due { deadline: Time },
    /// Its action is out; `again` is what a reset asked for meanwhile.
    Running { again: Option<Key> },
}

/// What [`Timers::cancel`] found. The action is handed out rather than dropped, for dropping it runs user code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cancelled<A> {
    /// It will not fire.
    Pending(A),
    /// Its action is being run; it will not be run again.
    Running,
    /// There is no such timer, or no longer.
    Unknown,
}

const ARITY: usize = 4;

impl<A> Timers<A> {
    pub(crate) fn new() -> Self {
        Self {
            heap: Blocks::default(),
            slots: Arena::default(),
            serial: 0,
        }
    }

    /// How many live: waiting, due or running.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.len() == 0
    }

    /// The earliest deadline of those that wait.
    pub(crate) fn next(&self) -> Option<Time> {
        self.heap.first().map(|entry| entry.key.deadline)
    }

    pub(crate) fn contains(&self, id: TimerId) -> bool {
        self.slot(id).is_some()
    }

    /// When it will fire, or was to if it is due; `None` if it is dead, or running and not reset.
    pub(crate) fn deadline(&self, id: TimerId) -> Option<Time> {
        match self.slot(id)?.phase {
            Phase::Waiting { at } => Some(self.heap[at].key.deadline),
            Phase::Due { deadline } => Some(deadline),
            Phase::Running { again } => again.map(|key| key.deadline),
        }
    }

    /// Arms a timer. It fires after all that were armed or reset before it to the same deadline.
    pub(crate) fn arm(&mut self, deadline: Time, action: A) -> TimerId {
        let key = self.key(deadline);
        let slot = self.slots.insert(Slot {
            born: key.serial,
            phase: Phase::Waiting {
                at: self.heap.len(),
            },
            action: Some(action),
        });
        self.insert(Entry { key, slot });
        TimerId {
            born: key.serial,
            slot,
        }
    }

    /// Ends a timer, whatever its phase.
    pub(crate) fn cancel(&mut self, id: TimerId) -> Cancelled<A> {
        let Some(slot) = self.slot(id) else {
            return Cancelled::Unknown;
        };
        if canary!(CancelledTimerFires) && matches!(slot.phase, Phase::Due { .. }) {
            return Cancelled::Unknown;
        }
        if let Phase::Waiting { at } = slot.phase {
            self.remove(at);
        }
        match self.slots.remove(id.slot) {
            Some(Slot {
                action: Some(action),
                ..
            }) => Cancelled::Pending(action),
            Some(_) => Cancelled::Running,
            None => Cancelled::Unknown,
        }
    }

    /// Gives a timer another deadline, in order as if it were armed now; false if it is dead.
    ///
    /// One that is due goes back to wait and does not fire in this batch. One that is running is armed to this
    /// deadline when [`rearm`](Self::rearm) comes, whichever that names; so a timer that fires only once has to be
    /// finished *before* its action is called, or this would promise what cannot be.
    pub(crate) fn reset(&mut self, id: TimerId, deadline: Time) -> bool {
        let Some(slot) = self.slot(id) else {
            return false;
        };
        let phase = slot.phase;
        let key = self.key(deadline);
        let entry = Entry { key, slot: id.slot };
        match phase {
            Phase::Waiting { at } => {
                let before = self.heap[at].key;
                if key < before {
                    self.sift_up(at, entry);
                } else {
                    self.sift_down(at, entry);
                }
            }
            Phase::Due { .. } => self.insert(entry),
            Phase::Running { .. } => {
                self.slots[id.slot].phase = Phase::Running { again: Some(key) };
            }
        }
        true
    }

    /// Moves the timers whose deadline has come, at most `limit` of them, to the end of `due`, in order.
    ///
    /// Those above the limit go on waiting and come first the next time, and so does whatever is armed while these
    /// are run. For each collected id [`begin`](Self::begin) has to be called.
    pub(crate) fn collect_due(&mut self, now: Time, limit: usize, due: &mut Vec<TimerId>) {
        for _ in 0..limit {
            let Some(&Entry { key, slot }) = self.heap.first() else {
                break;
            };
            let early = canary!(TimerEarly) && key.deadline.since(now).as_millis() == 0;
            if key.deadline > now && !early {
                break;
            }
            self.remove(0);
            let timer = &mut self.slots[slot];
            timer.phase = Phase::Due {
                deadline: key.deadline,
            };
            due.push(TimerId {
                born: timer.born,
                slot,
            });
        }
    }

    /// Takes the action of a due timer, which is running from now on; `None` if it was cancelled or reset meanwhile.
    pub(crate) fn begin(&mut self, id: TimerId) -> Option<A> {
        let slot = self.slot_mut(id)?;
        let Phase::Due { .. } = slot.phase else {
            return None;
        };
        slot.phase = Phase::Running { again: None };
        slot.action.take()
    }

    /// Ends a running timer, if it was not cancelled meanwhile; does nothing to one that is not running.
    pub(crate) fn finish(&mut self, id: TimerId) {
        if let Some(Phase::Running { .. }) = self.slot(id).map(|slot| slot.phase) {
            self.slots.remove(id.slot);
        }
    }

    /// Makes a running timer wait again: until the deadline it was reset to meanwhile, else until this one. Gives the
    /// action back if the timer was cancelled meanwhile.
    pub(crate) fn rearm(&mut self, id: TimerId, deadline: Time, action: A) -> Result<(), A> {
        let Some(Phase::Running { again }) = self.slot(id).map(|slot| slot.phase) else {
            return Err(action);
        };
        let key = again.unwrap_or_else(|| self.key(deadline));
        self.slots[id.slot].action = Some(action);
        self.insert(Entry { key, slot: id.slot });
        Ok(())
    }

    /// What each of those does that wait, or are due, in no order.
    pub(crate) fn actions(&self) -> impl Iterator<Item = &A> {
        self.slots
            .iter()
            .filter_map(|(_, slot)| slot.action.as_ref())
    }

    /// All that will not fire any more.
    pub(crate) fn into_actions(self) -> impl Iterator<Item = A> {
        self.slots.into_things().filter_map(|slot| slot.action)
    }

    fn slot(&self, id: TimerId) -> Option<&Slot<A>> {
        self.slots.get(id.slot).filter(|slot| slot.born == id.born)
    }

    fn slot_mut(&mut self, id: TimerId) -> Option<&mut Slot<A>> {
        self.slots
            .get_mut(id.slot)
            .filter(|slot| slot.born == id.born)
    }

    fn key(&mut self, deadline: Time) -> Key {
        let serial = self.serial;
        self.serial += 1;
        Key { deadline, serial }
    }

    fn insert(&mut self, entry: Entry) {
        let at = self.heap.len();
        self.heap.push(entry);
        self.sift_up(at, entry);
    }

    /// Takes the entry at `at` out of the heap; the last one fills the gap.
    fn remove(&mut self, at: usize) {
        let gone = self.heap[at].key;
        let last = self.heap.pop().expect("the heap holds what is removed");
        if at == self.heap.len() {
            return;
        }
        // The last entry need not come from below the gap: it may belong above it as well.
        if last.key < gone {
            self.sift_up(at, last);
        } else {
            self.sift_down(at, last);
        }
    }

    fn sift_up(&mut self, mut at: usize, entry: Entry) {
        while at > 0 {
            let parent = (at - 1) / ARITY;
            let above = self.heap[parent];
            if above.key < entry.key {
                break;
            }
            self.put(at, above);
            at = parent;
        }
        self.put(at, entry);
    }

    fn sift_down(&mut self, mut at: usize, entry: Entry) {
        loop {
            let first = ARITY * at + 1;
            let end = self.heap.len().min(first + ARITY);
            let Some(child) = (first..end).min_by_key(|&child| self.heap[child].key) else {
                break;
            };
            let below = self.heap[child];
            if entry.key < below.key {
                break;
            }
            self.put(at, below);
            at = child;
        }
        self.put(at, entry);
    }

    fn put(&mut self, at: usize, entry: Entry) {
        self.heap[at] = entry;
        self.slots[entry.slot].phase = Phase::Waiting { at };
    }
}

#[cfg(test)]
mod tests;
