//! The mailbox under every order that threads can run in: `RUSTFLAGS="--cfg loom" cargo test --release --lib mailbox`. A
//! wake-up that were lost would leave the loop asleep for ever, which loom reports as a deadlock.

use std::collections::VecDeque;
use std::sync::Arc;

use loom::sync::Notify;
use loom::thread;

use super::{Mailbox, NotPut};
use crate::network::Wake;

/// A selector that can only be woken.
struct Bell(Notify);

impl Wake for Bell {
    fn wake(&self) {
        self.0.notify();
    }
}

fn mailbox(most: usize) -> (Arc<Mailbox<u32>>, Arc<Bell>) {
    let bell = Arc::new(Bell(Notify::new()));
    let mailbox = Mailbox::new(most, Arc::clone(&bell) as Arc<dyn Wake>);
    (Arc::new(mailbox), bell)
}

/// What a loop does: takes what there is, and sleeps only if nothing waits.
fn take_all(mailbox: &Mailbox<u32>, bell: &Bell, count: usize, at_a_time: usize) -> VecDeque<u32> {
    let mut taken = VecDeque::new();
    while taken.len() < count {
        mailbox.take(at_a_time, &mut taken);
        if taken.len() < count && !mailbox.has_mail() {
            bell.0.wait();
        }
    }
    taken
}

#[test]
fn nothing_posted_is_slept_on() {
    loom::model(|| {
        let (mailbox, bell) = mailbox(10);
        let posters = [1, 2].map(|mail| {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || mailbox.put(mail))
        });
        let mut taken: Vec<u32> = take_all(&mailbox, &bell, 2, 10).into();
        taken.sort_unstable();
        assert_eq!(taken, [1, 2]);
        for poster in posters {
            assert_eq!(poster.join().unwrap(), Ok(()));
        }
    });
}

#[test]
fn what_one_thread_posts_comes_in_its_order_however_little_is_taken_at_a_time() {
    loom::model(|| {
        let (mailbox, bell) = mailbox(10);
        let poster = {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || [1, 2, 3].map(|mail| mailbox.put(mail)))
        };
        assert_eq!(take_all(&mailbox, &bell, 3, 1), [1, 2, 3]);
        assert_eq!(poster.join().unwrap(), [Ok(()); 3]);
    });
}

#[test]
fn at_the_close_each_post_is_either_refused_or_returned() {
    loom::model(|| {
        let (mailbox, _bell) = mailbox(1);
        let poster = {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || [1, 2].map(|mail| mailbox.put(mail)))
        };
        let left = mailbox.close();
        let outcomes = poster.join().unwrap();
        let taken = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(taken, left.len());
        assert!(!outcomes.contains(&Err(NotPut::Full)) || left == [1]);
        assert_eq!(mailbox.put(3), Err(NotPut::Closed));
    });
}
