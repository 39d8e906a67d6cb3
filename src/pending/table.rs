//! Which requests are unanswered, which of them is overdue, and which were given up. Owns the keys and what is kept under
//! each; reads no clock and calls nobody.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use super::{Match, RequestError};
use crate::network::Time;

/// Requests by key, each with a `T`.
#[derive(Debug)]
pub(super) struct Table<K, T> {
    entries: BTreeMap<K, Entry<T>>,
    /// Those that are asked and have a deadline, by that and then by the order of asking.
    deadlines: BTreeMap<(Time, u64), K>,
    /// Those that were given up, by the order in which that was done.
    given_up: BTreeMap<u64, K>,
    serial: u64,
    most: usize,
}

#[derive(Debug)]
enum Entry<T> {
    Asked {
        serial: u64,
        deadline: Option<Time>,
        kept: T,
    },
    /// A reply may still come, and is nobody's.
    GivenUp { serial: u64 },
}

impl<K: Ord + Clone, T> Table<K, T> {
    /// Takes at most so many requests, and remembers as many that were given up.
    pub(super) fn new(most: usize) -> Self {
        Self {
            entries: BTreeMap::new(),
            deadlines: BTreeMap::new(),
            given_up: BTreeMap::new(),
            serial: 0,
            most,
        }
    }

    /// How many are asked and unanswered.
    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.given_up.len()
    }

    /// How many keys are not free.
    pub(super) fn in_the_way(&self) -> usize {
        self.entries.len()
    }

    /// What speaks against a request under this key.
    pub(super) fn refusal(&self, key: &K) -> Option<RequestError> {
        match self.entries.get(key) {
            Some(Entry::Asked { .. }) => Some(RequestError::InUse),
            Some(Entry::GivenUp { .. }) => Some(RequestError::GivenUp),
            None if self.len() >= self.most => Some(RequestError::Full(self.most)),
            None => None,
        }
    }

    pub(super) fn is_free<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        !self.entries.contains_key(key)
    }

    pub(super) fn is_asked<Q: Ord + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        matches!(self.entries.get(key), Some(Entry::Asked { .. }))
    }

    /// Adds a request that nothing speaks against.
    pub(super) fn ask(&mut self, key: K, deadline: Option<Time>, kept: T) {
        debug_assert_eq!(self.refusal(&key), None);
        let serial = self.next_serial();
        if let Some(deadline) = deadline {
            self.deadlines.insert((deadline, serial), key.clone());
        }
        let asked = Entry::Asked {
            serial,
            deadline,
            kept,
        };
        self.entries.insert(key, asked);
    }

    /// A reply came: the key is free again, whatever it stood for.
    pub(super) fn answer<Q: Ord + ?Sized>(&mut self, key: &Q) -> (Match, Option<T>)
    where
        K: Borrow<Q>,
    {
        match self.entries.remove(key) {
            Some(Entry::Asked {
                serial,
                deadline,
                kept,
            }) => {
                self.drop_deadline(deadline, serial);
                (Match::Asked, Some(kept))
            }
            Some(Entry::GivenUp { serial }) => {
                self.given_up.remove(&serial);
                (Match::GivenUp, None)
            }
            None => (Match::Unknown, None),
        }
    }

    /// No reply is wanted any more. Its key is not free before one has come, or many others were given up.
    pub(super) fn give_up<Q: Ord + ?Sized>(&mut self, key: &Q) -> (Match, Option<T>)
    where
        K: Borrow<Q>,
    {
        let Some((key, _)) = self.entries.get_key_value(key) else {
            return (Match::Unknown, None);
        };
        let key = key.clone();
        let next = self.next_serial();
        let Some(entry) = self.entries.get_mut(key.borrow()) else {
            return (Match::Unknown, None);
        };
        if let Entry::GivenUp { .. } = entry {
            return (Match::GivenUp, None);
        }
        let Entry::Asked {
            serial,
            deadline,
            kept,
        } = std::mem::replace(entry, Entry::GivenUp { serial: next })
        else {
            unreachable!("it is not given up");
        };
        self.drop_deadline(deadline, serial);
        self.given_up.insert(next, key);
        if self.given_up.len() > self.most
            && let Some((_, oldest)) = self.given_up.pop_first()
        {
            self.entries.remove(oldest.borrow());
        }
        (Match::Asked, Some(kept))
    }

    /// Whether the key was given up; it is free now.
    pub(super) fn forget<Q: Ord + ?Sized>(&mut self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        !self.is_asked(key) && self.answer(key).0 == Match::GivenUp
    }

    /// The next deadline.
    pub(super) fn earliest(&self) -> Option<Time> {
        self.deadlines.first_key_value().map(|(&(time, _), _)| time)
    }

    /// Gives the first one up that is overdue, of those asked before `serial`.
    pub(super) fn expire(&mut self, now: Time, before: u64) -> Option<T> {
        let (&(time, serial), key) = self.deadlines.first_key_value()?;
        if time > now || serial >= before {
            return None;
        }
        let key = key.clone();
        self.give_up(key.borrow()).1
    }

    /// The serial of the next request.
    pub(super) fn serial(&self) -> u64 {
        self.serial
    }

    /// Forgets everything, and hands out what was kept, in the order of asking.
    pub(super) fn clear(&mut self) -> Vec<T> {
        self.deadlines.clear();
        self.given_up.clear();
        let mut asked: Vec<_> = std::mem::take(&mut self.entries)
            .into_values()
            .filter_map(|entry| match entry {
                Entry::Asked { serial, kept, .. } => Some((serial, kept)),
                Entry::GivenUp { .. } => None,
            })
            .collect();
        asked.sort_unstable_by_key(|&(serial, _)| serial);
        asked.into_iter().map(|(_, kept)| kept).collect()
    }

    fn next_serial(&mut self) -> u64 {
        let serial = self.serial;
        self.serial += 1;
        serial
    }

    fn drop_deadline(&mut self, deadline: Option<Time>, serial: u64) {
        if let Some(deadline) = deadline {
            self.deadlines.remove(&(deadline, serial));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::time::Duration;

    use super::*;

    const MOST: usize = 4;

    fn at(seconds: u64) -> Time {
        Time::START + Duration::from_secs(seconds)
    }

    #[derive(Clone, Debug)]
    enum Step {
        Ask(u8, Option<u64>),
        Answer(u8),
        GiveUp(u8),
        Forget(u8),
        Expire(u64),
        Clear,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let key = 0..8u8;
        let step = prop_oneof![
            8 => (key.clone(), prop::option::of(0..50u64)).prop_map(|(key, time)| Step::Ask(key, time)),
            4 => key.clone().prop_map(Step::Answer),
            3 => key.clone().prop_map(Step::GiveUp),
            1 => key.prop_map(Step::Forget),
            3 => (0..50u64).prop_map(Step::Expire),
            1 => Just(Step::Clear),
        ];
        prop::collection::vec(step, 0..200)
    }

    /// The requests in the order of asking, and the keys in the order of giving up: all of it looked for one by one.
    #[derive(Default)]
    struct Model {
        asked: Vec<(u8, Option<u64>, usize)>,
        given_up: Vec<u8>,
    }

    impl Model {
        fn take(&mut self, key: u8) -> Option<usize> {
            let place = self.asked.iter().position(|asked| asked.0 == key)?;
            Some(self.asked.remove(place).2)
        }

        fn give_up(&mut self, key: u8) -> Option<usize> {
            let kept = self.take(key)?;
            self.given_up.push(key);
            if self.given_up.len() > MOST {
                self.given_up.remove(0);
            }
            Some(kept)
        }

        fn end(&mut self, key: u8) -> bool {
            let before = self.given_up.len();
            self.given_up.retain(|&other| other != key);
            self.given_up.len() < before
        }

        fn overdue(&self, now: u64) -> Option<u8> {
            let due = self
                .asked
                .iter()
                .filter(|asked| asked.1.is_some_and(|time| time <= now));
            due.min_by_key(|asked| asked.1).map(|asked| asked.0)
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn it_does_what_plain_lists_do(steps in steps()) {
            let (mut table, mut model) = (Table::new(MOST), Model::default());
            for (n, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Ask(key, time) => {
                        let refusal = if model.asked.iter().any(|asked| asked.0 == key) {
                            Some(RequestError::InUse)
                        } else if model.given_up.contains(&key) {
                            Some(RequestError::GivenUp)
                        } else {
                            (model.asked.len() == MOST).then_some(RequestError::Full(MOST))
                        };
                        prop_assert_eq!(table.refusal(&key), refusal.clone());
                        if refusal.is_none() {
                            table.ask(key, time.map(at), n);
                            model.asked.push((key, time, n));
                        }
                    }
                    Step::Answer(key) => {
                        let expected = match model.take(key) {
                            Some(kept) => (Match::Asked, Some(kept)),
                            None if model.end(key) => (Match::GivenUp, None),
                            None => (Match::Unknown, None),
                        };
                        prop_assert_eq!(table.answer(&key), expected);
                    }
                    Step::GiveUp(key) => {
                        let before = model.given_up.contains(&key);
                        let expected = match model.give_up(key) {
                            Some(kept) => (Match::Asked, Some(kept)),
                            None if before => (Match::GivenUp, None),
                            None => (Match::Unknown, None),
                        };
                        prop_assert_eq!(table.give_up(&key), expected);
                    }
                    Step::Forget(key) => prop_assert_eq!(table.forget(&key), model.end(key)),
                    Step::Expire(now) => {
                        let expected = model.overdue(now).and_then(|key| model.give_up(key));
                        prop_assert_eq!(table.expire(at(now), u64::MAX), expected);
                    }
                    Step::Clear => {
                        let expected: Vec<_> = std::mem::take(&mut model).asked.iter().map(|asked| asked.2).collect();
                        prop_assert_eq!(table.clear(), expected);
                    }
                }
                prop_assert_eq!(table.len(), model.asked.len());
                let earliest = model.asked.iter().filter_map(|asked| asked.1).min();
                prop_assert_eq!(table.earliest(), earliest.map(at));
                for key in 0..8 {
                    prop_assert_eq!(table.is_asked(&key), model.asked.iter().any(|asked| asked.0 == key));
                    prop_assert_eq!(table.is_free(&key), !table.is_asked(&key) && !model.given_up.contains(&key));
                }
            }
        }
    }
}
