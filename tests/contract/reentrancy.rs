//! What callbacks may do while they run: everything, and none of it calls another callback before they return.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use ropewalk::{
    ConnectionId, FrameError, Lines, Lost, Protocol, Reactor, Refusal, Remote, Transport,
};

use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { streams:
    who_closes_itself_in_a_callback_hears_nothing_more_but_the_loss,
    no_callback_runs_inside_another,
    nothing_of_a_users_is_dropped_inside_a_callback,
    a_protocols_drop_may_reach_the_reactor_from_outside,
}

type Closing = fn(&mut Transport<'_>);

fn who_closes_itself_in_a_callback_hears_nothing_more_but_the_loss(world: &World) {
    let closings: [(Closing, &str); 2] = [
        (|t| t.lose_connection(), "lost done, ended by us"),
        (|t| t.abort_connection(), "lost aborted"),
    ];
    for (close, reason) in closings {
        let log = Log::default();
        let ours = log.clone();
        let listener = world.serve(move |_| {
            Spy::new(&ours)
                .made(|transport| transport.set_framing(Lines::default()))
                .data(move |transport, _| {
                    transport.resume_reading();
                    close(transport);
                    transport.resume_reading();
                })
        });
        let peer = world.peer(&listener);
        peer.send_bytes("one\r\ntwo\r\nthree\r\nfour").half_closes();
        peer.expect_closed();
        world.run_until("the loss is told", || log.count("lost") == 1);
        world.settle();
        assert_eq!(log.lines(), ["made", "data 3", reason]);
    }
}

/// Whether users' code is under way. Clones are the same.
#[derive(Clone, Default)]
struct Busy(Rc<Cell<bool>>);

impl Busy {
    #[track_caller]
    fn during<R>(&self, act: impl FnOnce() -> R) -> R {
        assert!(!self.0.replace(true), "a callback inside a callback");
        let result = act();
        self.0.set(false);
        result
    }
}

/// A protocol all of whose callbacks are watched.
struct Watched {
    busy: Busy,
    inside: Spy,
}

impl Protocol for Watched {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        self.busy.during(|| self.inside.connection_made(transport));
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        self.busy
            .during(|| self.inside.data_received(transport, data));
    }

    fn frame_refused(&mut self, transport: &mut Transport<'_>, error: &FrameError) -> Refusal {
        self.busy
            .during(|| self.inside.frame_refused(transport, error))
    }

    fn eof_received(&mut self, transport: &mut Transport<'_>) {
        self.busy.during(|| self.inside.eof_received(transport));
    }

    fn pause_writing(&mut self, transport: &mut Transport<'_>) {
        self.busy.during(|| self.inside.pause_writing(transport));
    }

    fn resume_writing(&mut self, transport: &mut Transport<'_>) {
        self.busy.during(|| self.inside.resume_writing(transport));
    }

    fn stopping(&mut self, transport: &mut Transport<'_>) {
        self.busy
            .during(|| Protocol::stopping(&mut self.inside, transport));
    }

    fn connection_lost(&mut self, transport: &mut Transport<'_>, reason: &Lost) {
        self.busy
            .during(|| self.inside.connection_lost(transport, reason));
    }
}

/// All that might be tempted to call somebody at once: itself, the others, whoever is called later, who can't be reached.
fn tempts(busy: &Busy, log: &Log, others: &[ConnectionId], t: &mut Transport<'_>) {
    let id = t.id();
    t.write(vec![b'.'; 300_000]);
    t.pause_reading();
    t.resume_reading();
    let reactor = t.reactor();
    for &other in others {
        reactor.resume_reading(other);
        reactor.write(other, vec![b'.'; 300_000]);
        reactor.pause_reading(other);
        reactor.resume_reading(other);
    }
    let watch = busy.clone();
    reactor.call_soon(move |_| watch.during(|| ()));
    let watch = busy.clone();
    reactor.call_later(Duration::ZERO, move |_| watch.during(|| ()));
    let (watch, told) = (busy.clone(), log.clone());
    let refused = reactor.connect("tcp:");
    let refused = refused.failed(move |_, _| watch.during(|| told.note("failed")));
    refused.with(Spy::new(log));
    let (watch, told) = (busy.clone(), log.clone());
    reactor.tell(id, move |_: &mut Watched, _| {
        watch.during(|| told.note("told"))
    });
    let watch = busy.clone();
    t.call_later(Duration::from_millis(1), move |_: &mut Watched, t| {
        watch.during(|| t.lose_connection());
    });
    t.reactor().stop();
}

fn no_callback_runs_inside_another(world: &World) {
    let (busy, log, ids) = (Busy::default(), Log::default(), Rc::default());
    let (watch, ours, all) = (busy.clone(), log.clone(), Rc::clone(&ids));
    let listener = world.serve(move |_| {
        let (busy, log) = (watch.clone(), ours.clone());
        let (ids, others): (Rc<RefCell<Vec<_>>>, _) = (Rc::clone(&all), Rc::clone(&all));
        let inside = Spy::new(&ours)
            .made(move |transport| {
                let id = transport.id();
                if let Some(socket) = transport.reactor().socket_options(id) {
                    socket.set_send_buffer_size(8192).expect("a socket option");
                }
                transport.set_framing(Lines::default());
                ids.borrow_mut().push(id);
            })
            .data(move |transport, _| tempts(&busy, &log, &others.borrow(), transport))
            .stopping(|_| ());
        Watched {
            busy: watch.clone(),
            inside,
        }
    });
    let (one, two) = (world.peer(&listener), world.peer(&listener));
    world.run_until("both are made", || ids.borrow().len() == 2);
    two.send("a").send("b");
    one.send("c").send("d");
    world.run_to_the_end();
    one.expect_closed();
    two.expect_closed();
    assert!(log.has("failed") && log.has("told") && log.has("pause"));
    assert_eq!(log.count("lost"), 2);
    assert_eq!(world.on(|reactor| reactor.counters().panics), 0);
}

/// Borrows what the callback holds for all of its length: it may be dropped before or after, not meanwhile.
struct Guard(Rc<RefCell<u32>>);

impl Drop for Guard {
    fn drop(&mut self) {
        *self.0.borrow_mut() += 1;
    }
}

struct Guarded {
    _guard: Guard,
}

impl Protocol for Guarded {
    fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
}

/// Puts objects of the user's into the reactor's hands in each way in which it lets go of them; how many that were.
fn throws_away(transport: &mut Transport<'_>, dropped: &Rc<RefCell<u32>>) -> u32 {
    let guard = || Guard(Rc::clone(dropped));
    let reactor = transport.reactor();
    let captured = guard();
    let timer = reactor.call_later(Duration::from_secs(1), move |_| drop(captured));
    assert!(reactor.cancel(timer));
    let captured = guard();
    let timer = reactor.call_every(Duration::from_secs(1), move |_| {
        let _ = &captured;
    });
    assert!(reactor.cancel(timer));
    let captured = guard();
    let listener = reactor.listen("tcp:0").serve(move |_| {
        let _ = &captured;
        Spy::new(&Log::default())
    });
    let listener = listener.expect("a free port can be listened on");
    let (captured, protocol) = (guard(), Guarded { _guard: guard() });
    let connect = reactor.connect(format!("tcp:{}", listener.address()));
    let id = connect
        .failed(move |_, _| drop(captured))
        .with(Guarded { _guard: guard() });
    reactor.abort_connection(id);
    reactor.stop_listening(&listener);
    let captured = guard();
    reactor.tell(id, move |_: &mut Spy, _| drop(captured));
    transport.switch_protocol(protocol);
    transport.switch_protocol(Guarded { _guard: guard() });
    transport.abort_connection();
    transport.switch_protocol(Guarded { _guard: guard() });
    9
}

fn nothing_of_a_users_is_dropped_inside_a_callback(world: &World) {
    let log = Log::default();
    let dropped = Rc::new(RefCell::new(0));
    let (ours, counted) = (log.clone(), Rc::clone(&dropped));
    let listener = world.serve(move |_| {
        let (log, dropped) = (ours.clone(), Rc::clone(&counted));
        Spy::new(&ours).data(move |transport, _| {
            let held = dropped.borrow_mut();
            let thrown = throws_away(transport, &dropped);
            assert_eq!(*held, 0);
            drop(held);
            log.note(format!("threw {thrown}"));
        })
    });
    let peer = world.peer(&listener);
    peer.send_bytes("!").expect_closed();
    world.run_until("all are dropped", || *dropped.borrow() == 9);
    assert!(log.has("threw 9"));
    assert_eq!(world.on(|reactor| reactor.counters().panics), 0);
}

/// Tells the reactor of its own end, the only way there is from a drop.
struct LastWill {
    remote: Remote,
    log: Log,
}

impl Drop for LastWill {
    fn drop(&mut self) {
        self.log.note("dropped");
        let _ = self.remote.post(|reactor: &mut Reactor| {
            reactor.call_later(Duration::ZERO, Reactor::stop);
        });
    }
}

impl Protocol for LastWill {
    fn data_received(&mut self, transport: &mut Transport<'_>, _: &[u8]) {
        transport.abort_connection();
    }

    fn connection_lost(&mut self, _: &mut Transport<'_>, _: &Lost) {
        self.log.note("lost");
    }
}

fn a_protocols_drop_may_reach_the_reactor_from_outside(world: &World) {
    let log = Log::default();
    let remote = world.on(|reactor| reactor.remote());
    let ours = log.clone();
    let listener = world.serve(move |_| LastWill {
        remote: remote.clone(),
        log: ours.clone(),
    });
    let peer = world.peer(&listener);
    peer.send_bytes("!").expect_closed();
    world.run_to_the_end();
    assert_eq!(log.lines(), ["lost", "dropped"]);
}
