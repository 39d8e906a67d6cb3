//! What is going to happen, in order. Owns the order of events, (time, serial); does not move the clock.

use std::collections::BTreeMap;

use crate::network::Time;

#[derive(Debug)]
pub(super) struct Queue<E> {
    events: BTreeMap<(Time, u64), E>,
    serial: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self {
            events: BTreeMap::new(),
            serial: 0,
        }
    }
}

impl<E> Queue<E> {
    pub(super) fn push(&mut self, at: Time, event: E) {
        self.events.insert((at, self.serial), event);
        self.serial += 1;
    }

    /// When the next event is.
    pub(super) fn next(&self) -> Option<Time> {
        self.events.first_key_value().map(|(&(at, _), _)| at)
    }

    /// Takes the next event, if it is due at `now`.
    pub(super) fn pop(&mut self, now: Time) -> Option<E> {
        let first = self.events.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &E> {
        self.events.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_one_moment_keep_their_order() {
        let mut queue = Queue::default();
        let (early, late) = (Time::from_nanos(1), Time::from_nanos(2));
        queue.push(late, "third");
        queue.push(early, "first");
        queue.push(early, "second");
        assert_eq!(queue.next(), Some(early));
        assert_eq!(queue.pop(early), Some("first"));
        assert_eq!(queue.pop(early), Some("second"));
        assert_eq!(queue.pop(early), None);
        assert_eq!(queue.pop(late), Some("third"));
    }
}
