//! The log of what goes over a connection's wire.

use std::sync::{Arc, Mutex};

use ropewalk::{Direction, Limits, Rate, TrafficLog};

use crate::known::{Known, text};
use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { streams:
    a_log_has_all_that_goes_over_the_wire,
    a_log_may_begin_and_end_on_a_live_connection,
    a_log_that_panics_costs_its_connection_only,
}

/// All that came, and all that went.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<[Vec<u8>; 2]>>);

impl Seen {
    fn log(&self) -> TrafficLog {
        let seen = Arc::clone(&self.0);
        TrafficLog::text().to(move |traffic| {
            assert!(traffic.peer.is_some());
            let mut seen = seen.lock().expect("nobody panicked");
            seen[traffic.direction as usize].extend_from_slice(traffic.bytes);
        })
    }

    fn of(&self, direction: Direction) -> Vec<u8> {
        self.0.lock().expect("nobody panicked")[direction as usize].clone()
    }
}

fn a_log_has_all_that_goes_over_the_wire(world: &World) {
    const ALL: usize = 100_000;
    let seen = Seen::default();
    let rate = Rate::per_second(10_000_000).burst(50_000);
    for limits in [
        Limits::default(),
        Limits::default().rate(Direction::Sent, rate),
    ] {
        *seen.0.lock().expect("nobody panicked") = Default::default();
        let limits = limits.traffic_log(seen.log());
        let listener = world.serve_with(limits, |_| Spy::new(&Log::default()).echo());
        let peer = world.peer(&listener);
        peer.send_bytes(text(ALL)).expect_bytes(text(ALL));
        let counted = world.on(|reactor| reactor.counters());
        let (came, went) = (seen.of(Direction::Received), seen.of(Direction::Sent));
        if world.layered {
            // Those of the wire, which the layer has changed, with its handshake.
            assert!(came.starts_with(b"toy?") && went.starts_with(b"toy!"));
            assert!(came.len() > ALL && went.len() > ALL);
        } else {
            assert!(came == text(ALL) && went == text(ALL));
        }
        assert!(counted.bytes_in >= came.len() as u64 && counted.bytes_out >= went.len() as u64);
    }
}

fn a_log_may_begin_and_end_on_a_live_connection(world: &World) {
    let (seen, known) = (Seen::default(), Known::default());
    let ids = known.clone();
    let listener = world.serve(move |_| {
        let ids = ids.clone();
        Spy::new(&Log::default())
            .echo()
            .made(move |transport| ids.note(transport))
    });
    let change = |limits: Limits| known.set_limits(world, limits);
    let peer = world.peer(&listener);
    peer.send("unseen").expect("unseen");
    assert!(seen.of(Direction::Received).is_empty());
    change(Limits::default().traffic_log(seen.log()));
    peer.send("hello").expect("hello");
    change(Limits::default());
    let count = (
        seen.of(Direction::Received).len(),
        seen.of(Direction::Sent).len(),
    );
    assert!(count.0 >= 7 && count.1 >= 7, "{count:?}");
    peer.send("unseen").expect("unseen");
    assert_eq!(seen.of(Direction::Received).len(), count.0);
    // The sink goes with the last connection that has it.
    assert_eq!(Arc::strong_count(&seen.0), 1);
}

fn a_log_that_panics_costs_its_connection_only(world: &World) {
    for direction in [Direction::Received, Direction::Sent] {
        let log = Log::default();
        let ours = log.clone();
        let traffic = TrafficLog::text().to(move |traffic| {
            assert!(traffic.direction != direction || traffic.bytes.len() <= 8);
        });
        let limits = Limits::default().traffic_log(traffic);
        let listener = world.serve_with(limits, move |_| Spy::new(&ours).echo());
        let (peer, other) = (world.peer(&listener), world.peer(&listener));
        world.run_until("both are made", || log.count("made") == 2);
        while log.count("lost") == 0 {
            peer.send_bytes([b'.'; 64]);
            world.step();
        }
        peer.expect_closed();
        assert!(log.has("lost the protocol panicked"), "{log:?}");
        other.send_bytes("ab").expect_bytes("ab");
        assert_eq!(log.count("lost"), 1);
    }
}
