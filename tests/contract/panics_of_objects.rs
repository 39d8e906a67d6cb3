//! Panics in framings, and in whatever users' objects do when they are dropped.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::framing::{Found, Framing, Tail};
use ropewalk::{FrameError, Listener, Lost, Protocol, Reactor, RemoteError, Transport};

use crate::panics::{PANICKED, panics};
use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { everywhere:
    a_framing_that_panics_over_input_ends_its_connection_alone,
    a_framing_that_panics_at_the_end_ends_its_connection_alone,
    a_framing_that_panics_over_anothers_frame_loses_none_of_its_output,
    a_protocol_that_panics_when_dropped_is_counted_and_no_more,
    a_successor_does_not_suffer_from_the_drop_of_its_predecessor,
    a_framing_that_panics_when_dropped_is_counted_and_no_more,
    what_a_panic_carries_may_panic_when_dropped,
    calls_and_timers_that_panic_when_dropped_do_not_keep_the_reactor_from_stopping,
}

/// A framing of single bytes that is a framing no more where it is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Broken {
    Input,
    End,
    Output,
    Drop,
}

impl Framing for Broken {
    fn next(&self, data: &[u8], _: usize) -> Found {
        assert!(*self != Self::Input, "over input");
        match data {
            [b'.', ..] => Found::More { scanned: 0 },
            _ => Found::Frame {
                body: 0..1,
                size: 1,
            },
        }
    }

    fn at_eof(&self, _: &[u8]) -> Tail {
        assert!(*self != Self::End, "at the end");
        Tail::Dropped
    }

    fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        out.extend_from_slice(frame);
        assert!(*self != Self::Output, "over output");
        Ok(())
    }
}

impl Drop for Grenade {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.0.set(self.0.get() + 1);
            panic!("in a drop")
        }
    }
}

/// Panics when it is dropped, and counts that.
struct Grenade(Rc<Cell<u32>>);

impl Framing for Grenade {
    fn next(&self, data: &[u8], scanned: usize) -> Found {
        Broken::Drop.next(data, scanned)
    }

    fn at_eof(&self, rest: &[u8]) -> Tail {
        Broken::Drop.at_eof(rest)
    }

    fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        Broken::Drop.encode(frame, out)
    }
}

fn framed(world: &World, framing: Broken, said: &str) {
    let log = Log::default();
    let ours = log.clone();
    let listener =
        world.serve(move |_| Spy::new(&ours).made(move |transport| transport.set_framing(framing)));
    let victim = world.peer(&listener);
    victim.send_bytes(said).half_closes();
    victim.expect_closed();
    assert_eq!(log.lines(), ["made", PANICKED]);
    assert_eq!(panics(world), 1);
}

fn a_framing_that_panics_over_input_ends_its_connection_alone(world: &World) {
    framed(world, Broken::Input, "x");
}

fn a_framing_that_panics_at_the_end_ends_its_connection_alone(world: &World) {
    framed(world, Broken::End, ".");
}

/// The panic is that of who sent it: the one it was sent to goes on as if nothing had been.
fn a_framing_that_panics_over_anothers_frame_loses_none_of_its_output(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let mut first = None;
    let listener = world.serve(move |_| {
        let id = Rc::new(Cell::new(None));
        let receiver = Rc::clone(first.get_or_insert_with(|| Rc::clone(&id)));
        Spy::new(&ours)
            .made(move |transport| {
                id.set(Some(transport.id()));
                transport.set_framing(Broken::Output);
            })
            .data(move |transport, _| {
                let receiver = receiver.get().expect("the first was made first");
                let reactor = transport.reactor();
                reactor.write(receiver, "one ");
                reactor.send(receiver, "never");
            })
    });
    let (receiver, sender) = (world.peer(&listener), world.peer(&listener));
    sender.send_bytes("x").expect_closed();
    receiver.expect_bytes("one ");
    assert_eq!((log.count(PANICKED), panics(world)), (1, 1));
    world.settle();
    assert_eq!(receiver.received(), 0);
}

/// What happens to whom holds a grenade.
struct Holder {
    _grenade: Grenade,
    log: Log,
    successor: bool,
}

impl Protocol for Holder {
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        transport.write(data);
        if self.successor {
            transport.switch_protocol(Spy::new(&self.log).echo());
        }
    }

    fn connection_lost(&mut self, _: &mut Transport<'_>, reason: &Lost) {
        self.log.note(format!("lost {reason}"));
    }
}

fn held(world: &World, successor: bool) -> (Listener, Log, Rc<Cell<u32>>) {
    let (log, dropped) = (Log::default(), Rc::new(Cell::new(0)));
    let (ours, count) = (log.clone(), Rc::clone(&dropped));
    let listener = world.serve(move |_| Holder {
        _grenade: Grenade(Rc::clone(&count)),
        log: ours.clone(),
        successor,
    });
    (listener, log, dropped)
}

fn a_protocol_that_panics_when_dropped_is_counted_and_no_more(world: &World) {
    let (listener, log, dropped) = held(world, false);
    let (victim, other) = (world.peer(&listener), world.peer(&listener));
    victim.half_closes().expect_eof();
    world.run_until("it is dropped", || dropped.get() == 1);
    other.send("still here").expect("still here");
    assert_eq!(log.lines(), ["lost done, ended by the peer"]);
    assert_eq!(panics(world), 1);
    world.on(Reactor::stop);
    other.expect_eof().closes();
    world.run_to_the_end();
    assert_eq!((dropped.get(), panics(world)), (2, 2));
}

fn a_successor_does_not_suffer_from_the_drop_of_its_predecessor(world: &World) {
    let (listener, log, dropped) = held(world, true);
    let peer = world.peer(&listener);
    peer.send("one").expect("one");
    peer.send("two").expect("two");
    assert_eq!((dropped.get(), panics(world)), (1, 1));
    assert_eq!(log.without_data(), ["made"]);
}

fn a_framing_that_panics_when_dropped_is_counted_and_no_more(world: &World) {
    let (log, dropped) = (Log::default(), Rc::new(Cell::new(0)));
    let (ours, count) = (log.clone(), Rc::clone(&dropped));
    let listener = world.serve(move |_| {
        let (log, count) = (ours.clone(), Rc::clone(&count));
        Spy::new(&ours)
            .made(move |transport| transport.set_framing(Grenade(Rc::clone(&count))))
            .data(move |transport, data| {
                transport.write(data);
                if data == b"s" {
                    transport.switch_protocol(Spy::new(&log).echo());
                }
            })
    });
    let (switched, ended) = (world.peer(&listener), world.peer(&listener));
    switched.send_bytes("s").expect_bytes("s");
    switched.send("still here").expect("still here");
    assert_eq!((dropped.get(), panics(world)), (1, 1));
    ended.half_closes().expect_eof();
    world.run_until("its framing is dropped", || dropped.get() == 2);
    switched.send("still here").expect("still here");
    assert_eq!((log.count("lost"), panics(world)), (1, 2));
}

fn what_a_panic_carries_may_panic_when_dropped(world: &World) {
    struct Payload;
    impl Drop for Payload {
        fn drop(&mut self) {
            panic!("in the drop of what a panic carries")
        }
    }
    let log = Log::default();
    let ours = log.clone();
    let listener =
        world.serve(move |_| Spy::new(&ours).data(|_, _| std::panic::panic_any(Payload)));
    world.on(|reactor| reactor.call_soon(|_| std::panic::panic_any(Payload)));
    world.peer(&listener).send_bytes("x").expect_closed();
    assert_eq!(log.without_data(), ["made", PANICKED]);
    assert_eq!(panics(world), 2);
}

fn calls_and_timers_that_panic_when_dropped_do_not_keep_the_reactor_from_stopping(world: &World) {
    struct Sent;
    impl Drop for Sent {
        fn drop(&mut self) {
            panic!("in the drop of a call")
        }
    }
    let dropped = Rc::new(Cell::new(0));
    let listener = world.serve(move |_| {
        Spy::new(&Log::default()).lost(|transport, _| {
            let reactor = transport.reactor();
            for _ in 0..2 {
                let sent = Sent;
                let posted = reactor.remote().post(move |_| drop(sent));
                assert_eq!(posted, Ok(()));
            }
        })
    });
    let peer = world.peer(&listener);
    let remote = world.on(|reactor| {
        for _ in 0..3 {
            let grenade = Grenade(Rc::clone(&dropped));
            reactor.call_later(Duration::from_secs(3600), move |_| drop(grenade));
        }
        reactor.stop_now();
        reactor.remote()
    });
    world.run_to_the_end();
    peer.expect_reset();
    // Five: of the calls posted in the last turn as well, which nobody makes.
    assert_eq!((dropped.get(), panics(world)), (3, 5));
    assert_eq!(remote.stop(), Err(RemoteError::Stopped));
}
