//! Several connections speak at the same moment, and what one of them says decides about another: about the bytes of that
//! other too which have come, and which it has not heard yet.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use ropewalk::{ConnectionId, Listener, Reactor};

use crate::known::{Known, text};
use crate::spy::{Log, Spy};
use crate::world::{Peer, World, contract};

contract! { streams:
    who_is_paused_by_another_hears_all_of_it_after_the_pause,
    who_is_paused_by_another_hears_the_end_after_the_pause,
    who_is_aborted_by_another_hears_no_more,
    who_is_closed_by_another_hears_no_more,
    all_hear_what_is_theirs_whoever_pauses_whom,
}

contract! { everywhere:
    who_is_reset_and_closed_by_another_is_told_once,
}

type Heard = Rc<RefCell<Vec<u8>>>;

/// A connection whose peer says what becomes of the other one's, and that other one.
struct Two {
    known: Known,
    log: Log,
    heard: Heard,
    first: Peer,
    second: Peer,
}

impl Two {
    /// Whatever the first one hears, `deed` is done to the second, and `now` is noted in its log.
    fn new(world: &World, deed: fn(&mut Reactor, ConnectionId)) -> Self {
        let (known, log, heard) = (Known::default(), Log::default(), Heard::default());
        let listener = listener(world, &known, &log, &heard, deed);
        let first = world.peer(&listener);
        world.run_until("the first is made", || known.count() == 1);
        let second = world.peer(&listener);
        world.run_until("both are made", || known.count() == 2);
        Self {
            known,
            log,
            heard,
            first,
            second,
        }
    }

    /// What the second one heard after the deed, but for its loss.
    fn heard_since(&self, world: &World) -> Vec<String> {
        world.run_until("the deed is done", || self.log.has("now"));
        let lines = self.log.lines();
        let before = lines.iter().position(|line| line == "now").unwrap_or(0);
        let since = lines[before + 1..].iter();
        since
            .filter(|line| !line.starts_with("lost"))
            .cloned()
            .collect()
    }
}

fn listener(
    world: &World,
    known: &Known,
    log: &Log,
    heard: &Heard,
    deed: fn(&mut Reactor, ConnectionId),
) -> Listener {
    let (known, log, heard) = (known.clone(), log.clone(), Rc::clone(heard));
    world.serve(move |_| {
        let (made, known, noted) = (known.clone(), known.clone(), log.clone());
        if known.count() > 0 {
            return Spy::new(&log)
                .collecting(&heard)
                .made(move |transport| made.note(transport));
        }
        Spy::new(&Log::default())
            .made(move |transport| made.note(transport))
            .data(move |transport, _| {
                noted.note("now");
                deed(transport.reactor(), known.id());
            })
    })
}

fn who_is_paused_by_another_hears_all_of_it_after_the_pause(world: &World) {
    for size in [5, 5_000, 400_000] {
        let two = Two::new(world, Reactor::pause_reading);
        two.first.send_bytes("!");
        two.second.send_bytes(text(size));
        world.settle();
        assert_eq!(two.heard_since(world), [""; 0]);
        world.on(|reactor| reactor.resume_reading(two.known.id()));
        world.run_until("all is heard", || two.heard.borrow().len() == size);
        assert_eq!(*two.heard.borrow(), text(size));
    }
}

fn who_is_paused_by_another_hears_the_end_after_the_pause(world: &World) {
    let two = Two::new(world, Reactor::pause_reading);
    two.first.send_bytes("!");
    two.second.send_bytes("last words").half_closes();
    world.settle();
    assert_eq!(two.heard_since(world), [""; 0]);
    world.on(|reactor| reactor.resume_reading(two.known.id()));
    world.run_until("the loss is told", || two.log.count("lost") == 1);
    assert_eq!(*two.heard.borrow(), b"last words");
    assert_eq!(two.log.count("eof"), 1);
}

fn who_is_aborted_by_another_hears_no_more(world: &World) {
    for size in [5, 400_000] {
        let two = Two::new(world, Reactor::abort_connection);
        two.first.send_bytes("!");
        two.second.send_bytes(text(size));
        world.run_until("the loss is told", || two.log.count("lost") == 1);
        assert_eq!(two.heard_since(world), [""; 0], "{:?}", two.log);
        two.second.expect_closed();
    }
}

fn who_is_closed_by_another_hears_no_more(world: &World) {
    for size in [5, 400_000] {
        let two = Two::new(world, Reactor::lose_connection);
        two.first.send_bytes("!");
        two.second.send_bytes(text(size)).half_closes();
        world.run_until("the loss is told", || two.log.count("lost") == 1);
        assert_eq!(two.heard_since(world), [""; 0], "{:?}", two.log);
        two.second.expect_eof();
    }
}

fn who_is_reset_and_closed_by_another_is_told_once(world: &World) {
    for deed in [Reactor::lose_connection, Reactor::pause_reading] {
        let two = Two::new(world, deed);
        two.first.send_bytes("!");
        two.second.send_bytes("last words").resets();
        world.run_until("the loss is told", || two.log.count("lost") == 1);
        world.settle();
        assert_eq!(two.log.count("lost"), 1, "{:?}", two.log);
        assert_eq!(two.log.count("eof"), 0, "{:?}", two.log);
    }
}

/// Portions of all sizes, at once, while each that hears something pauses its neighbour and wakes the next but one.
fn all_hear_what_is_theirs_whoever_pauses_whom(world: &World) {
    const SIZES: [usize; 6] = [3, 70_000, 1, 4_000, 300_000, 64];
    const ROUNDS: usize = 12;
    let known = Known::default();
    let paused: Rc<RefCell<BTreeSet<ConnectionId>>> = Rc::default();
    let heard: [Heard; SIZES.len()] = Default::default();
    let (ours, silent, all) = (known.clone(), Rc::clone(&paused), heard.clone());
    let listener = world.serve(move |_| {
        let (made, known, paused) = (ours.clone(), ours.clone(), Rc::clone(&silent));
        let place = known.count();
        Spy::new(&Log::default())
            .collecting(&all[place])
            .made(move |transport| made.note(transport))
            .data(move |transport, _| {
                let ids = known.ids();
                assert!(!paused.borrow().contains(&transport.id()), "it is paused");
                let neighbour = ids[(place + 1) % ids.len()];
                transport.reactor().pause_reading(neighbour);
                paused.borrow_mut().insert(neighbour);
                let next = ids[(place + 2) % ids.len()];
                paused.borrow_mut().remove(&next);
                transport.reactor().resume_reading(next);
            })
    });
    let peers = SIZES.map(|_| {
        let before = known.count();
        let peer = world.peer(&listener);
        world.run_until("it is made", || known.count() > before);
        peer
    });
    for round in 0..ROUNDS {
        for (place, peer) in peers.iter().enumerate() {
            peer.send_bytes(text(SIZES[(place + round) % SIZES.len()]));
        }
        world.settle();
    }
    for _ in 0..ROUNDS * SIZES.len() {
        paused.borrow_mut().clear();
        for id in known.ids() {
            world.on(|reactor| reactor.resume_reading(id));
        }
        world.settle();
    }
    for (place, heard) in heard.iter().enumerate() {
        let said = (0..ROUNDS).map(|round| text(SIZES[(place + round) % SIZES.len()]));
        let said = said.collect::<Vec<_>>().concat();
        assert!(
            *heard.borrow() == said,
            "connection {place} missed something"
        );
    }
}
