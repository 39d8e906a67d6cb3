//! What happens before a connection's layers are ready: writes wait, in order and within limits, and both ways of ending
//! come to an end.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::sim::{self, Faults};
use ropewalk::{
    ConnectError, ConnectionId, Layer, Limits, Lost, Protocol, Reactor, Transport, Up, testing,
};

/// Ready once the peer has said its first byte; says farewell by a dot.
#[derive(Default)]
struct Gate {
    open: bool,
}

impl Layer for Gate {
    fn receive(&mut self, wire: &[u8], up: &mut Up, _: &mut Vec<u8>) -> Result<(), Lost> {
        let rest = if self.open { wire } else { &wire[1..] };
        self.open = true;
        up.bytes(rest);
        Ok(())
    }

    fn send(&mut self, plain: &[u8], down: &mut Vec<u8>) {
        assert!(
            self.open,
            "a protocol's bytes wait until the layer is ready"
        );
        down.extend_from_slice(plain);
    }

    fn finish(&mut self, down: &mut Vec<u8>) {
        if self.open {
            down.push(b'.');
        }
    }

    fn is_ready(&self) -> bool {
        self.open
    }
}

/// Stays open for writing when the peer ends.
struct HalfOpen;

impl Protocol for HalfOpen {
    fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
    fn eof_received(&mut self, _: &mut Transport<'_>) {}
}

#[test]
fn what_is_written_before_the_layers_are_ready_follows_in_order() {
    let mut wire = testing::wiring().through(Gate::default()).connect(HalfOpen);
    let id = wire.id();
    wire.reactor().write(id, "one ");
    wire.reactor().send(id, "two ");
    assert_eq!(wire.reactor().unsent(id), Some(8));
    wire.receives("H").sent("one two ");
    wire.reactor().write(id, "three");
    wire.sent("three");
}

#[test]
fn a_half_close_before_the_layers_are_ready_is_said_when_they_are() {
    let mut wire = testing::wiring().through(Gate::default()).connect(HalfOpen);
    let id = wire.id();
    wire.reactor().write(id, "last words");
    wire.reactor().lose_write_connection(id);
    wire.advance(Duration::from_secs(1));
    assert!(!wire.is_closed());
    wire.receives("H").sent("last words.");
    assert!(wire.is_closed());
    assert_eq!(wire.callbacks(), ["made"]);
}

/// A reactor in a simulated world that has called one peer, through a gate that the peer does not open.
struct Call {
    world: sim::World,
    _peer: sim::Peer,
    id: ConnectionId,
    failures: Rc<RefCell<Vec<ConnectError>>>,
}

impl Call {
    fn new(limits: Limits) -> Self {
        let world = sim::World::new(0, Faults::None);
        let failures: Rc<RefCell<Vec<ConnectError>>> = Rc::default();
        let told = Rc::clone(&failures);
        world.host("us", |_| Ok(()));
        let target = world.peer_listener("target", 9000);
        let endpoint = format!("tcp:{}:9000", world.address("target"));
        let id = world.on("us", |reactor| {
            reactor
                .connect(endpoint.as_str())
                .limits(limits)
                .through(Gate::default())
                .failed(move |_, error| told.borrow_mut().push(error.clone()))
                .with(HalfOpen)
        });
        let peer = target.accept();
        world.run_for(Duration::from_secs(1));
        Self {
            world,
            _peer: peer,
            id,
            failures,
        }
    }

    fn failures_after(&self, act: fn(&mut Reactor, ConnectionId)) -> Vec<ConnectError> {
        self.world.on("us", |reactor| act(reactor, self.id));
        self.world.run_for(Duration::from_secs(60));
        self.failures.borrow().clone()
    }
}

#[test]
fn whoever_gives_a_call_up_during_the_handshake_has_cancelled_it() {
    for act in [Reactor::lose_connection, Reactor::abort_connection] {
        let call = Call::new(Limits::default());
        assert_eq!(call.failures_after(act), [ConnectError::Cancelled]);
    }
}

#[test]
fn a_calls_own_limits_hold_for_its_handshake() {
    let call = Call::new(Limits::default().handshake(Duration::from_secs(3)));
    let begin = call.world.now();
    call.world.run_until(|_| !call.failures.borrow().is_empty());
    assert!(call.world.now() - begin <= Duration::from_secs(3));
}

#[test]
fn writes_during_the_handshake_are_held_to_the_hard_limit() {
    const PIECE: usize = 1 << 20;
    let call = Call::new(Limits::default().unsent(PIECE));
    let mut taken = 0;
    for _ in 0..10 {
        let unsent = call.world.on("us", |reactor| {
            reactor.write(call.id, vec![0; PIECE]);
            reactor.unsent(call.id)
        });
        taken += usize::from(unsent.is_some());
        call.world.run_for(Duration::from_millis(10));
    }
    assert_eq!(taken, 2);
    assert!(matches!(
        call.failures.borrow()[..],
        [ConnectError::Handshake(Lost::TooSlow)]
    ));
}

#[test]
fn of_what_is_sent_before_the_layers_are_ready_only_the_newest_follows() {
    let mut wire = testing::wiring().through(Gate::default()).connect(HalfOpen);
    let id = wire.id();
    wire.reactor().send_latest(id, "price", "5 ");
    wire.advance(Duration::from_secs(1)).sent("");
    wire.reactor().send_latest(id, "name", "tea ");
    wire.reactor().send_latest(id, "price", "6 ");
    assert_eq!(wire.reactor().unsent(id), Some(6));
    wire.advance(Duration::from_secs(1)).sent("");
    wire.receives("H").sent("6 tea ");
    assert_eq!(wire.reactor().counters().frames_replaced, 1);
}

#[test]
fn behind_what_the_layers_were_given_only_the_newest_waits() {
    let mut wire = testing::wiring().through(Gate::default()).connect(HalfOpen);
    wire.receives("H").blocks();
    let id = wire.id();
    for n in 0..100 {
        wire.reactor().send_latest(id, "price", format!("{n} "));
        wire.reactor().send_latest(id, "name", format!("tea{n} "));
        wire.advance(Duration::from_millis(1));
    }
    wire.unblocks().sent("0 tea0 99 tea99 ");
    wire.reactor().send_latest(id, "price", "100");
    wire.sent("100");
}

#[test]
fn a_layer_that_is_put_in_gets_nothing_of_what_was_sent_before() {
    let mut wire = testing::connect(HalfOpen);
    wire.blocks();
    let id = wire.id();
    wire.reactor().send_latest(id, 1, "plain, old ");
    wire.reactor().send_latest(id, 1, "plain ");
    wire.protocol(|_, transport| transport.start_layer(Gate::default()));
    wire.reactor().send_latest(id, 1, "through the gate, old ");
    wire.reactor().send_latest(id, 1, "through the gate ");
    wire.unblocks().sent("plain ");
    wire.receives("H").sent("through the gate ");
}
