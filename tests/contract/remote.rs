//! Calls from other threads: none is lost, all are bounded, and each finds only whom it is for.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use ropewalk::{Protocol, Reactor, Remote, RemoteError, Stepper, Transport};

use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { everywhere:
    posts_are_called_in_their_order,
    a_call_for_a_protocol_reaches_it_and_no_other_type,
    a_call_for_a_protocol_does_not_reach_its_successor,
    a_call_for_a_connection_that_has_ended_is_dropped_and_counted,
    too_many_posts_are_refused_and_counted,
    a_post_to_a_reactor_that_has_stopped_is_refused_and_dropped,
}

/// As many calls may wait.
const MOST: usize = 65_536;

fn posts_are_called_in_their_order(world: &World) {
    let remote = world.on(Reactor::remote);
    let called = Arc::new(AtomicUsize::new(0));
    // More than a turn makes.
    for number in 0..3000 {
        let called = Arc::clone(&called);
        let post = remote.post(move |_| {
            let before = called.fetch_add(1, Ordering::Relaxed);
            assert_eq!(before, number, "they come in order");
        });
        assert_eq!(post, Ok(()));
    }
    world.run_until("all were called", || called.load(Ordering::Relaxed) == 3000);
    assert_eq!(world.on(|reactor| reactor.counters().panics), 0);
}

/// Another type than the spy's.
struct Other;

impl Protocol for Other {
    fn data_received(&mut self, transport: &mut Transport<'_>, _: &[u8]) {
        transport.write("other ");
    }
}

fn a_call_for_a_protocol_reaches_it_and_no_other_type(world: &World) {
    let id = Rc::new(Cell::new(None));
    let made = Rc::clone(&id);
    let listener = world.serve(move |_| {
        let made = Rc::clone(&made);
        Spy::new(&Log::default()).made(move |transport| made.set(Some(transport.id())))
    });
    let peer = world.peer(&listener);
    world.run_until("it is made", || id.get().is_some());
    let (remote, id) = (world.on(Reactor::remote), id.get().expect("it was made"));
    let wrong = remote.tell(id, |_: &mut Other, transport| transport.write("wrong "));
    let right = remote.tell(id, |_: &mut Spy, transport| transport.write("right "));
    assert_eq!((wrong, right), (Ok(()), Ok(())));
    peer.expect_bytes("right ");
    assert_eq!(world.on(|reactor| reactor.counters().stale_calls), 1);
}

fn a_call_for_a_protocol_does_not_reach_its_successor(world: &World) {
    let remotes = Rc::new(Cell::new(None));
    let ours = Rc::clone(&remotes);
    let listener = world.serve(move |_| {
        let ours = Rc::clone(&ours);
        Spy::new(&Log::default())
            .made(move |transport| ours.set(Some(transport.remote::<Spy>())))
            .data(|transport, _| transport.switch_protocol(Spy::new(&Log::default())))
    });
    let peer = world.peer(&listener);
    let remote = Cell::new(None);
    world.run_until("it is made", || {
        remote.set(remotes.take().or(remote.take()));
        let remote_now = remote.take();
        let there = remote_now.is_some();
        remote.set(remote_now);
        there
    });
    let remote = remote.take().expect("it was made");
    assert_eq!(
        remote.tell(|_, transport| transport.write("first ")),
        Ok(())
    );
    peer.expect_bytes("first ");
    peer.send_bytes("x");
    world.settle();
    assert_eq!(remote.tell(|_, transport| transport.write("late ")), Ok(()));
    let id = remote.id();
    world.run_until("it was dropped", || {
        world.on(|reactor| reactor.counters().stale_calls) == 1
    });
    world.on(|reactor| reactor.write(id, "second "));
    peer.expect_bytes("second ");
}

fn a_call_for_a_connection_that_has_ended_is_dropped_and_counted(world: &World) {
    let (log, id) = (Log::default(), Rc::new(Cell::new(None)));
    let (ours, made) = (log.clone(), Rc::clone(&id));
    let listener = world.serve(move |_| {
        let made = Rc::clone(&made);
        Spy::new(&ours).made(move |transport| made.set(Some(transport.id())))
    });
    let peer = world.peer(&listener);
    world.run_until("it is made", || id.get().is_some());
    peer.closes();
    world.run_until("it is lost", || log.count("lost") == 1);
    let (remote, dropped) = (world.on(Reactor::remote), Arc::new(()));
    let held = Arc::clone(&dropped);
    let told = remote.tell(id.get().expect("it was made"), move |_: &mut Spy, _| {
        drop(held)
    });
    assert_eq!(told, Ok(()));
    world.run_until("it is dropped", || Arc::strong_count(&dropped) == 1);
    assert_eq!(world.on(|reactor| reactor.counters().stale_calls), 1);
}

fn too_many_posts_are_refused_and_counted(world: &World) {
    let (remote, called) = (world.on(Reactor::remote), Arc::new(AtomicUsize::new(0)));
    let post = || {
        let called = Arc::clone(&called);
        remote.post(move |_| {
            called.fetch_add(1, Ordering::Relaxed);
        })
    };
    for _ in 0..MOST {
        assert_eq!(post(), Ok(()));
    }
    assert_eq!(post(), Err(RemoteError::Full));
    assert_eq!(
        Arc::strong_count(&called),
        MOST + 1,
        "the refused one is dropped"
    );
    world.run_until("all were called", || called.load(Ordering::Relaxed) == MOST);
    assert_eq!(world.on(|reactor| reactor.counters().posts_refused), 1);
    assert_eq!(post(), Ok(()));
}

fn a_post_to_a_reactor_that_has_stopped_is_refused_and_dropped(world: &World) {
    let remote = world.on(Reactor::remote);
    assert_eq!(remote.stop(), Ok(()));
    world.run_to_the_end();
    let held = Arc::new(());
    let captured = Arc::clone(&held);
    let refused = remote.post(move |_| drop(captured));
    assert_eq!(refused, Err(RemoteError::Stopped));
    assert_eq!(Arc::strong_count(&held), 1);
}

/// The reactor sleeps as often as it can; each post has to wake it.
#[test]
fn no_post_of_many_threads_is_slept_on() {
    const THREADS: usize = 4;
    const POSTS: usize = 250_000;
    /// Only a lost wake-up sleeps for as long: another post comes within microseconds.
    const LONG: Duration = Duration::from_secs(20);
    let mut reactor = Reactor::new().expect("the system has a selector");
    let (remote, called) = (reactor.remote(), Arc::new(AtomicUsize::new(0)));
    let post_all = |remote: Remote, called: Arc<AtomicUsize>| {
        move || {
            for number in 0..POSTS {
                let post = || {
                    let called = Arc::clone(&called);
                    remote.post(move |_| {
                        called.fetch_add(1, Ordering::Relaxed);
                    })
                };
                while post() == Err(RemoteError::Full) {
                    thread::yield_now();
                }
                if number % 16 == 0 {
                    thread::yield_now();
                }
            }
        }
    };
    let threads: Vec<_> = (0..THREADS)
        .map(|_| thread::spawn(post_all(remote.clone(), Arc::clone(&called))))
        .collect();
    let mut stepper = Stepper::new(reactor);
    while called.load(Ordering::Relaxed) < THREADS * POSTS {
        let begin = stepper.reactor().now();
        assert!(stepper.turn(Some(LONG)).expect("nothing fails"));
        let slept = stepper.reactor().now().since(begin);
        assert!(slept < LONG, "it slept on a post");
    }
    for thread in threads {
        thread.join().expect("it does not panic");
    }
}
