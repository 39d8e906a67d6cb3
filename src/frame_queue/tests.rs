//! The queue beside a plain list, in which everything is looked for one by one.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Push(usize, Slow, usize),
    Latest(usize, u8, usize),
    Pop,
    Pin,
    Clear,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..3usize, 0..20usize).prop_map(|(group, size)| Step::Push(group, SLOW[group], size)),
        8 => (0..3usize, 0..4u8, 0..20usize)
            .prop_map(|(group, key, size)| Step::Latest(group, key, size)),
        5 => Just(Step::Pop),
        1 => Just(Step::Pin),
        1 => Just(Step::Clear),
    ];
    prop::collection::vec(step, 0..200)
}

const SLOW: [Slow; 3] = [Slow::DropOldest(3), Slow::DropNewest(2), Slow::LatestOnly];

fn frame(n: usize, size: usize) -> Waiting {
    Waiting::Encoded(vec![n as u8; size].into())
}

fn latest(group: usize, key: u8) -> Latest {
    Latest {
        group: Some(GroupId(group as u64)),
        key: key.into(),
    }
}

#[derive(Default)]
struct Model(Vec<(Of, Waiting)>);

impl Model {
    fn push(&mut self, slow: Slow, group: usize, frame: Waiting) -> u64 {
        let of = Of::Group(GroupId(group as u64));
        let count = self.0.iter().filter(|(other, _)| *other == of).count();
        let dropped = match slow {
            Slow::DropNewest(most) if count >= most => return 1,
            Slow::DropOldest(most) if count >= most => true,
            Slow::LatestOnly => count == 1,
            _ => false,
        };
        if dropped {
            let oldest = self.0.iter().position(|(other, _)| *other == of).unwrap();
            self.0.remove(oldest);
        }
        self.0.push((of, frame));
        dropped.into()
    }

    fn push_latest(&mut self, latest: Latest, frame: Waiting) -> bool {
        let of = Of::Latest(latest);
        match self.0.iter_mut().find(|(other, _)| *other == of) {
            Some((_, older)) => {
                *older = frame;
                true
            }
            None => {
                self.0.push((of, frame));
                false
            }
        }
    }

    fn pin(&mut self) {
        for (of, _) in &mut self.0 {
            if matches!(of, Of::Latest(_)) {
                *of = Of::Pinned;
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn it_does_what_a_plain_list_does(steps in steps()) {
        let (mut queue, mut model) = (FrameQueue::default(), Model::default());
        for (n, step) in steps.into_iter().enumerate() {
            match step {
                Step::Push(group, slow, size) => prop_assert_eq!(
                    queue.push(slow, GroupId(group as u64), frame(n, size)),
                    model.push(slow, group, frame(n, size))
                ),
                Step::Latest(group, key, size) => prop_assert_eq!(
                    queue.push_latest(latest(group, key), frame(n, size)),
                    model.push_latest(latest(group, key), frame(n, size))
                ),
                Step::Pop => {
                    let first = (!model.0.is_empty()).then(|| model.0.remove(0));
                    prop_assert_eq!(queue.pop(), first);
                }
                Step::Pin => {
                    queue.pin();
                    model.pin();
                }
                Step::Clear => {
                    queue.clear();
                    model.0.clear();
                }
            }
            prop_assert_eq!(queue.is_empty(), model.0.is_empty());
            prop_assert_eq!(queue.next(), model.0.first().map(|(of, _)| of));
            prop_assert_eq!(queue.size(), model.0.iter().map(|(_, frame)| frame.len()).sum::<usize>());
            queue.note_waiting(1);
            let latest = model.0.iter().filter(|(of, _)| !matches!(of, Of::Group(_)));
            prop_assert_eq!(queue.waiting_since_before(2), latest.map(|(_, frame)| frame.len()).sum::<usize>());
        }
    }
}

#[test]
fn a_hundred_thousand_that_wait_are_no_work_of_their_square() {
    const MANY: usize = 100_000;
    let mut queue = FrameQueue::default();
    for n in 0..4 * MANY {
        let dropped = queue.push(Slow::DropOldest(MANY), GroupId(1), frame(n, 1));
        queue.push(Slow::DropOldest(MANY), GroupId(2), frame(n, 1));
        assert_eq!(dropped, u64::from(n >= MANY));
        queue.push_latest(latest(0, n as u8), frame(n, 1));
    }
    assert_eq!(queue.size(), 2 * MANY + 256);
}

#[test]
fn keys_that_come_and_go_leave_nothing_behind() {
    let mut queue = FrameQueue::default();
    queue.push_latest(latest(0, 0), frame(0, 1));
    for n in 0..10_000_u64 {
        let latest = Latest {
            group: None,
            key: n.into(),
        };
        queue.push_latest(latest, frame(0, 1));
        queue.pop();
    }
    assert!(queue.queue.unwrap().places.len() < 32);
}
