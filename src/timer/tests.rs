//! Timers, by example and against a map in order of time. Owns the firing of what is due, as the loop does it; no clock
//! runs.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const ALL: usize = usize::MAX;

fn at(nanoseconds: u64) -> Time {
    Time::from_nanos(nanoseconds)
}

/// Fires what is due, one after the other, and returns the actions.
fn fire(timers: &mut Timers<u32>, now: Time) -> Vec<u32> {
    let mut due = Vec::new();
    timers.collect_due(now, ALL, &mut due);
    due.into_iter()
        .filter_map(|id| {
            let action = timers.begin(id);
            timers.finish(id);
            action
        })
        .collect()
}

#[test]
fn equal_deadlines_fire_in_the_order_of_arming() {
    let mut timers = Timers::new();
    for action in 0..100 {
        timers.arm(at(7), action);
    }
    timers.arm(at(3), 100);
    assert_eq!(timers.next(), Some(at(3)));
    let expected: Vec<u32> = [100].into_iter().chain(0..100).collect();
    assert_eq!(fire(&mut timers, at(7)), expected);
    assert!(timers.is_empty());
}

#[test]
fn a_timer_never_fires_early() {
    let mut timers = Timers::new();
    timers.arm(at(10), 1);
    assert_eq!(fire(&mut timers, at(9)), []);
    assert_eq!(fire(&mut timers, at(10)), [1]);
}

#[test]
fn a_sibling_cancelled_in_the_same_batch_does_not_fire() {
    let mut timers = Timers::new();
    let (first, second) = (timers.arm(at(1), 1), timers.arm(at(1), 2));
    let mut due = Vec::new();
    timers.collect_due(at(1), ALL, &mut due);
    assert_eq!(due, [first, second]);
    assert_eq!(timers.begin(first), Some(1));
    assert_eq!(timers.cancel(second), Cancelled::Pending(2));
    timers.finish(first);
    assert_eq!(timers.begin(second), None);
    assert_eq!(timers.len(), 0);
}

#[test]
fn a_sibling_reset_in_the_same_batch_fires_at_its_new_deadline_only() {
    let mut timers = Timers::new();
    let (first, second) = (timers.arm(at(1), 1), timers.arm(at(1), 2));
    let mut due = Vec::new();
    timers.collect_due(at(1), ALL, &mut due);
    assert_eq!(timers.begin(first), Some(1));
    assert!(timers.reset(second, at(0)), "even to one in the past");
    assert_eq!(timers.begin(second), None);
    assert_eq!(timers.deadline(second), Some(at(0)));
    assert_eq!(fire(&mut timers, at(1)), [2]);
}

#[test]
fn what_is_armed_while_firing_waits_for_the_next_batch() {
    let mut timers = Timers::new();
    timers.arm(at(1), 1);
    let mut due = Vec::new();
    timers.collect_due(at(5), ALL, &mut due);
    timers.arm(at(0), 2);
    assert_eq!(due.len(), 1);
    assert_eq!(timers.next(), Some(at(0)));
}

#[test]
fn what_is_over_the_limit_stays_first() {
    let mut timers = Timers::new();
    for action in 0..5 {
        timers.arm(at(1), action);
    }
    let mut due = Vec::new();
    timers.collect_due(at(1), 2, &mut due);
    timers.arm(at(1), 5);
    assert_eq!(due.len(), 2);
    assert_eq!(timers.next(), Some(at(1)));
    assert_eq!(fire(&mut timers, at(1)), [2, 3, 4, 5]);
}

#[test]
fn a_repeating_timer_keeps_its_id_and_can_be_cancelled_by_itself() {
    let mut timers = Timers::new();
    let id = timers.arm(at(1), 1);
    let mut due = Vec::new();
    timers.collect_due(at(1), ALL, &mut due);
    assert_eq!(timers.begin(id), Some(1));
    assert_eq!(timers.deadline(id), None);
    assert_eq!(timers.rearm(id, at(2), 1), Ok(()));
    assert_eq!(timers.deadline(id), Some(at(2)));

    timers.collect_due(at(2), ALL, &mut due);
    assert_eq!(timers.begin(id), Some(1));
    assert_eq!(timers.cancel(id), Cancelled::Running);
    assert_eq!(timers.cancel(id), Cancelled::Unknown);
    assert_eq!(timers.rearm(id, at(3), 1), Err(1));
    timers.finish(id);
    assert!(timers.is_empty());
}

#[test]
fn a_running_timer_is_rearmed_to_what_it_was_reset_to() {
    let mut timers = Timers::new();
    let id = timers.arm(at(1), 1);
    let mut due = Vec::new();
    timers.collect_due(at(1), ALL, &mut due);
    timers.begin(id);
    assert!(timers.reset(id, at(9)));
    timers.arm(at(9), 2);
    assert_eq!(timers.rearm(id, at(2), 1), Ok(()));
    assert_eq!(timers.deadline(id), Some(at(9)));
    assert_eq!(fire(&mut timers, at(9)), [1, 2], "reset came before arming");
}

#[test]
fn a_stale_id_does_nothing_to_the_slots_next_owner() {
    let mut timers = Timers::new();
    let stale = timers.arm(at(1), 1);
    assert_eq!(timers.cancel(stale), Cancelled::Pending(1));
    let id = timers.arm(at(1), 2);
    assert_eq!(stale.slot, id.slot);

    assert_eq!(timers.cancel(stale), Cancelled::Unknown);
    assert!(!timers.reset(stale, at(5)));
    assert!(!timers.contains(stale));
    assert_eq!(timers.deadline(stale), None);
    let mut due = Vec::new();
    timers.collect_due(at(1), ALL, &mut due);
    assert_eq!(timers.begin(stale), None);
    assert_eq!(timers.begin(id), Some(2));
    timers.finish(stale);
    assert_eq!(timers.rearm(stale, at(1), 3), Err(3));
    assert!(timers.contains(id));
}

#[test]
fn a_timer_for_never_waits_behind_all_others() {
    let mut timers = Timers::new();
    let never = timers.arm(Time::NEVER, 1);
    timers.arm(at(u64::MAX - 1), 2);
    assert_eq!(fire(&mut timers, at(u64::MAX - 1)), [2]);
    assert_eq!(timers.next(), Some(Time::NEVER));
    assert_eq!(timers.cancel(never), Cancelled::Pending(1));
    assert_eq!(timers.next(), None);
}

#[test]
fn a_million_armed_and_cancelled_take_the_room_of_the_few_that_live() {
    let mut timers = Timers::new();
    let mut live: Vec<TimerId> = (0..10).map(|n| timers.arm(at(n), 0)).collect();
    for n in 0..1_000_000 {
        let id = std::mem::replace(&mut live[n % 10], timers.arm(at(n as u64), 0));
        assert_eq!(timers.cancel(id), Cancelled::Pending(0));
        timers.reset(live[(n + 5) % 10], at(n as u64 * 3));
    }
    assert_eq!((timers.len(), timers.heap.len()), (10, 10));
    assert_eq!(
        (timers.slots.capacity(), timers.heap.capacity()),
        (256, 256)
    );
}

#[test]
fn many_that_lived_together_give_their_room_back() {
    let mut timers = Timers::new();
    let ids: Vec<TimerId> = (0..20_000).map(|n| timers.arm(at(n % 7), 0)).collect();
    for id in ids {
        timers.cancel(id);
    }
    assert!(timers.slots.capacity() <= 512 && timers.heap.capacity() == 256);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Arm(u64),
    Cancel(usize),
    Reset(usize, u64),
    /// Moves the clock and fires, at most so many; every third timer repeats after so long, if not zero.
    Fire(u64, usize, u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..40u64).prop_map(Step::Arm),
        2 => any::<usize>().prop_map(Step::Cancel),
        2 => (any::<usize>(), 0..40u64).prop_map(|(which, delay)| Step::Reset(which, delay)),
        2 => (0..20u64, 0..12usize, 0..9u64).prop_map(|(by, limit, every)| Step::Fire(by, limit, every)),
    ];
    prop::collection::vec(step, 0..300)
}

/// The plainest thing that has the same rules: a sorted map.
#[derive(Default)]
struct Model {
    order: BTreeMap<(Time, u64), TimerId>,
    serial: u64,
}

impl Model {
    fn insert(&mut self, deadline: Time, id: TimerId) {
        self.order.insert((deadline, self.serial), id);
        self.serial += 1;
    }

    fn remove(&mut self, id: TimerId) -> bool {
        let before = self.order.len();
        self.order.retain(|_, other| *other != id);
        self.order.len() < before
    }

    fn pop(&mut self, now: Time) -> Option<TimerId> {
        let (&key, _) = self.order.range(..=(now, u64::MAX)).next()?;
        self.order.remove(&key)
    }
}

proptest! {
    #[test]
    fn it_does_what_a_sorted_map_does(steps in steps()) {
        let (mut timers, mut model) = (Timers::new(), Model::default());
        let (mut now, mut ids) = (Time::START, Vec::<TimerId>::new());
        for (n, step) in steps.into_iter().enumerate() {
            let pick = |which: usize| ids.get(which % ids.len().max(1)).copied();
            match step {
                Step::Arm(delay) => {
                    let deadline = at(now.as_nanos() + delay);
                    let id = timers.arm(deadline, n as u32);
                    model.insert(deadline, id);
                    ids.push(id);
                }
                Step::Cancel(which) => if let Some(id) = pick(which) {
                    let cancelled = matches!(timers.cancel(id), Cancelled::Pending(_));
                    prop_assert_eq!(cancelled, model.remove(id));
                },
                Step::Reset(which, delay) => if let Some(id) = pick(which) {
                    let deadline = at(now.as_nanos() + delay);
                    let known = model.remove(id);
                    prop_assert_eq!(timers.reset(id, deadline), known);
                    if known { model.insert(deadline, id); }
                },
                Step::Fire(by, limit, every) => {
                    now = at(now.as_nanos() + by);
                    let mut due = Vec::new();
                    timers.collect_due(now, limit, &mut due);
                    let expected: Vec<_> = std::iter::from_fn(|| model.pop(now)).take(limit).collect();
                    prop_assert_eq!(&due, &expected);
                    for id in due {
                        let action = timers.begin(id).expect("nobody cancelled it");
                        if every > 0 && action % 3 == 0 {
                            let deadline = at(now.as_nanos() + every);
                            prop_assert_eq!(timers.rearm(id, deadline, action), Ok(()));
                            model.insert(deadline, id);
                        } else {
                            timers.finish(id);
                        }
                    }
                }
            }
            prop_assert_eq!(timers.len(), model.order.len());
            prop_assert_eq!(timers.heap.len(), timers.len());
            prop_assert_eq!(timers.next(), model.order.keys().next().map(|key| key.0));
            for (key, id) in &model.order {
                prop_assert_eq!(timers.deadline(*id), Some(key.0));
            }
        }
    }
}
