//! Work on threads: its result finds who asked for it and nobody else, whatever becomes of the work.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use ropewalk::{DeferError, Protocol, Transport};

use crate::known::Known;
use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { everywhere:
    the_result_of_work_is_told_to_its_protocol,
    the_result_of_work_is_told_to_the_reactor,
    work_that_panics_is_told_and_ends_nothing,
    a_result_is_told_when_no_callback_is_under_way,
    a_result_for_a_protocol_of_another_type_is_dropped_and_counted,
    a_result_for_a_connection_that_has_ended_is_dropped_and_counted,
    a_result_does_not_reach_the_successor_of_its_protocol,
    a_panic_over_a_result_ends_the_connection_alone,
    too_much_work_is_told_as_busy_and_counted,
    a_stop_does_not_wait_for_work,
}

fn the_result_of_work_is_told_to_its_protocol(world: &World) {
    let listener = world.serve(|_| {
        Spy::new(&Log::default()).data(|transport, data| {
            let question = data.to_vec();
            transport.defer_to_thread(
                move || question.len(),
                |_: &mut Spy, transport, size| transport.write(format!("{size:?} ")),
            );
        })
    });
    let peer = world.peer(&listener);
    peer.send_bytes("x");
    peer.expect_bytes("Ok(1) ");
    peer.send_bytes("y");
    peer.expect_bytes("Ok(1) ");
    assert_eq!(world.on(|reactor| reactor.counters().works_waiting), 0);
}

fn the_result_of_work_is_told_to_the_reactor(world: &World) {
    let sum = Rc::new(Cell::new(None));
    let told = Rc::clone(&sum);
    world.on(|reactor| {
        reactor.defer_to_thread(|| (1..=100).sum::<u32>(), move |_, sum| told.set(Some(sum)));
        assert_eq!(reactor.counters().works_waiting, 1);
    });
    let heard = Cell::new(None);
    world.run_until("it is told", || {
        heard.set(sum.take().or(heard.take()));
        let known = heard.take();
        let is_known = known.is_some();
        heard.set(known);
        is_known
    });
    assert_eq!(heard.take(), Some(Ok(5050)));
}

fn work_that_panics_is_told_and_ends_nothing(world: &World) {
    let listener = world.serve(|_| {
        Spy::new(&Log::default()).data(|transport, _| {
            transport.defer_to_thread(
                || -> u8 { panic!("as asked") },
                |_: &mut Spy, transport, result| transport.write(format!("{result:?}")),
            );
        })
    });
    let peer = world.peer(&listener);
    peer.send_bytes("x");
    peer.expect_bytes(format!(
        "{:?}",
        Err::<u8, _>(DeferError::Panicked("as asked".into()))
    ));
    assert_eq!(world.on(|reactor| reactor.counters().panics), 1);
}

fn a_result_is_told_when_no_callback_is_under_way(world: &World) {
    let shared = Rc::new(RefCell::new(Vec::new()));
    let told = Rc::clone(&shared);
    world.on(|reactor| {
        let borrowed = Rc::clone(&told);
        reactor.call_soon(move |reactor| {
            let mut held = borrowed.borrow_mut();
            for number in 0..3 {
                let told = Rc::clone(&borrowed);
                reactor.defer_to_thread(
                    move || number,
                    move |_, number| told.borrow_mut().push(number),
                );
            }
            held.clear();
        });
    });
    world.run_until("all are told", || shared.borrow().len() == 3);
    let mut all: Vec<_> = shared.take();
    all.sort_by_key(|number| number.clone().unwrap_or(9));
    assert_eq!(all, [Ok(0), Ok(1), Ok(2)]);
}

/// Another type than the spy's.
struct Other;

impl Protocol for Other {
    fn data_received(&mut self, transport: &mut Transport<'_>, _: &[u8]) {
        transport.write("other");
    }
}

fn a_result_for_a_protocol_of_another_type_is_dropped_and_counted(world: &World) {
    let listener = world.serve(|_| {
        Spy::new(&Log::default()).made(|transport| {
            transport.defer_to_thread(
                || (),
                |_: &mut Other, transport, _| transport.write("wrong"),
            );
        })
    });
    let peer = world.peer(&listener);
    world.run_until("it is dropped", || {
        world.on(|reactor| reactor.counters().stale_calls) == 1
    });
    assert_eq!(peer.received(), 0);
}

/// Work is asked for by the first byte; `and_then` is what comes in between.
fn asked_and_then(
    world: &World,
    and_then: impl Fn(&mut Transport<'_>) + Clone + 'static,
) -> (Known, Arc<()>) {
    let (known, held) = (Known::default(), Arc::new(()));
    let (ours, captured) = (known.clone(), Arc::clone(&held));
    let listener = world.serve(move |_| {
        let (known, held, and_then) = (ours.clone(), Arc::clone(&captured), and_then.clone());
        Spy::new(&Log::default()).data(move |transport, _| {
            known.note(transport);
            let held = Arc::clone(&held);
            transport.defer_to_thread(
                move || held,
                |_: &mut Spy, transport, _| transport.write("late"),
            );
            and_then(transport);
        })
    });
    let peer = world.peer(&listener);
    peer.send_bytes("x");
    world.run_until("it is dropped", || {
        world.on(|reactor| reactor.counters().stale_calls) == 1
    });
    assert_eq!(peer.received(), 0);
    (known, held)
}

fn a_result_for_a_connection_that_has_ended_is_dropped_and_counted(world: &World) {
    let (known, _held) = asked_and_then(world, |transport| transport.abort_connection());
    assert_eq!(known.count(), 1);
}

fn a_result_does_not_reach_the_successor_of_its_protocol(world: &World) {
    let (known, _held) = asked_and_then(world, |transport| {
        transport.switch_protocol(Spy::new(&Log::default()));
    });
    assert!(world.on(|reactor| reactor.is_connected(known.id())));
}

fn a_panic_over_a_result_ends_the_connection_alone(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| {
        Spy::new(&ours).data(|transport, _| {
            transport.defer_to_thread(|| (), |_: &mut Spy, _, _| panic!("as asked"));
        })
    });
    let (victim, bystander) = (world.peer(&listener), world.peer(&listener));
    victim.send_bytes("x");
    world.run_until("it is lost", || log.has("lost the protocol panicked"));
    drop(bystander);
    assert_eq!(log.count("lost"), 1);
}

fn too_much_work_is_told_as_busy_and_counted(world: &World) {
    /// More than may wait, and than there are threads.
    const PIECES: usize = 1100;
    let (gate, told) = (Arc::new(Mutex::new(())), Rc::new(RefCell::new(Vec::new())));
    // Where threads are real, they are kept busy until all was asked for.
    let closed = world
        .simulated()
        .is_none()
        .then(|| gate.lock().expect("nobody panics under it"));
    world.on(|reactor| {
        for _ in 0..PIECES {
            let (gate, told) = (Arc::clone(&gate), Rc::clone(&told));
            reactor.defer_to_thread(
                move || drop(gate.lock()),
                move |_, result| told.borrow_mut().push(result),
            );
        }
    });
    drop(closed);
    world.run_until("all are told", || told.borrow().len() == PIECES);
    let told = told.borrow();
    let busy = told
        .iter()
        .filter(|result| **result == Err(DeferError::Busy));
    let (busy, refused) = (
        busy.count(),
        world.on(|reactor| reactor.counters().works_refused),
    );
    assert!((PIECES - 1034..=PIECES - 1024).contains(&busy), "{busy}");
    assert_eq!(busy as u64, refused);
}

fn a_stop_does_not_wait_for_work(world: &World) {
    let (gate, held) = (Arc::new(Mutex::new(())), Rc::new(()));
    let closed = world
        .simulated()
        .is_none()
        .then(|| gate.lock().expect("nobody panics under it"));
    let (captured, ours) = (Rc::clone(&held), Arc::clone(&gate));
    world.on(|reactor| {
        reactor.defer_to_thread(move || drop(ours.lock()), move |_, _| drop(captured));
        reactor.stop();
    });
    world.run_to_the_end();
    assert_eq!(
        Rc::strong_count(&held),
        1,
        "whoever waited for it is dropped"
    );
    drop(closed);
}
