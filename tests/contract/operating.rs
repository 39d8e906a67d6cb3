//! What an operator sees: counters that move when something happens, a dump of what stands, callbacks that take too long.

use std::time::Duration;

use ropewalk::{Counters, Limits, Lines, Reactor};

use crate::known::Known;
use crate::logs::{count, warnings};
use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { everywhere:
    what_comes_and_goes_is_counted,
    how_things_stand_is_counted,
    a_dump_has_a_line_for_each_connection,
    a_dump_of_very_many_shows_those_with_unsent_bytes_first,
}

contract! { simulated:
    each_deadline_is_counted_under_its_name,
}

contract! { real:
    a_slow_callback_is_warned_of_by_name,
    quick_callbacks_are_not_warned_of,
}

fn counters(world: &World) -> Counters {
    world.on(|reactor| reactor.counters().clone())
}

fn what_comes_and_goes_is_counted(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| Spy::new(&ours).echo());
    let peer = world.peer(&listener);
    peer.send("hello").expect("hello");
    let now = counters(world);
    assert!(now.bytes_in >= 7 && now.bytes_out >= 7 && now.turns > 0);
    assert_eq!((now.accepted, now.connections, now.lost), (1, 1, 0));
    peer.closes();
    world.run_until("it is lost", || log.count("lost") == 1);
    world.run_until_all_are_gone();
    let then = counters(world);
    assert_eq!((then.accepted, then.connections, then.lost), (1, 0, 1));
    assert!(then.to_string().contains("accepted=1 lost=1"), "{then}");
    let names: Vec<&str> = then.iter().map(|(name, _)| name).collect();
    assert!(names.contains(&"too_slow") && names.contains(&"turn_longest_us"));
}

fn how_things_stand_is_counted(world: &World) {
    let known = Known::default();
    let ids = known.clone();
    let listener = world.serve(move |_| {
        let ids = ids.clone();
        Spy::new(&Log::default()).made(move |transport| {
            ids.note(transport);
            transport.write(vec![b'.'; 8 << 20]);
        })
    });
    let peer = world.peer(&listener);
    peer.stops_reading();
    world.run_until("it is made", || known.count() == 1);
    world.on(|reactor| {
        reactor.call_later(Duration::from_secs(3600), |_| ());
        reactor.call_soon(|_| ());
        let now = reactor.counters();
        assert_eq!((now.connections_unsent, now.listeners), (1, 1));
        assert_eq!(now.calls_waiting, 1);
        assert!(now.timers >= 1 && now.buffers_made >= 1);
    });
}

fn a_dump_has_a_line_for_each_connection(world: &World) {
    let known = Known::default();
    let ids = known.clone();
    let limits = Limits::default().water_marks(10, 100);
    let listener = world.serve_with(limits, move |_| {
        let ids = ids.clone();
        Spy::new(&Log::default()).made(move |transport| {
            ids.note(transport);
            if ids.count() == 2 {
                transport.write(vec![b'.'; 8 << 20]);
            }
        })
    });
    let (_one, other) = (world.peer(&listener), world.peer(&listener));
    other.stops_reading();
    world.run_until("both are made", || known.count() == 2);
    world.settle();
    let dump = world.on(|reactor| reactor.dump().to_string());
    let lines: Vec<&str> = dump.lines().collect();
    assert!(lines[0].contains("running, 2 connections"), "{dump}");
    assert!(lines[1].starts_with("listener "), "{dump}");
    let [quiet, busy] = [0, 1].map(|at| {
        let id = known.ids()[at].to_string();
        *lines
            .iter()
            .find(|line| line.starts_with(&format!("{id} ")))
            .expect("each has a line")
    });
    assert!(quiet.contains("phase=open") && quiet.contains("spy::Spy unsent=0"));
    assert!(busy.contains("pressure=high paused=pressure"), "{busy}");
    assert!(lines[lines.len() - 2].starts_with("timers: "));
    assert!(lines[lines.len() - 1].starts_with("counters: "));
}

fn a_dump_of_very_many_shows_those_with_unsent_bytes_first(world: &World) {
    // Connects to nowhere in particular: what is being made has a line too.
    world.on(|reactor| {
        for _ in 0..1200 {
            reactor
                .connect("tcp:127.0.0.1:9")
                .failed(|_, _| ())
                .with(Spy::new(&Log::default()));
        }
        let last = reactor
            .connect("tcp:127.0.0.1:9")
            .failed(|_, _| ())
            .with(Spy::new(&Log::default()));
        reactor.write(last, "unsent");
        let dump = reactor.dump().to_string();
        let first = dump.lines().nth(1).expect("it has lines");
        assert!(first.starts_with(&last.to_string()), "{first}");
        assert!(
            dump.contains("201 more connections are not shown"),
            "{dump}"
        );
        assert!(dump.lines().count() < 1010);
        reactor.stop_now();
    });
    world.run_to_the_end();
}

fn each_deadline_is_counted_under_its_name(world: &World) {
    let limits = Limits::default()
        .write(Duration::from_secs(2))
        .close(Duration::from_secs(1));
    let listener = world.serve_with(limits, |_| {
        Spy::new(&Log::default())
            .made(|transport| transport.set_framing(Lines::default()))
            .data(|transport, line| {
                transport.write(vec![b'.'; 1 << 20]);
                if line == b"close" {
                    transport.lose_connection();
                }
            })
    });
    let (one, other) = (world.peer(&listener), world.peer(&listener));
    one.stops_reading().send_bytes("close\r\n");
    other.stops_reading().send_bytes("write\r\n");
    world.run_for(Duration::from_secs(5));
    let now = counters(world);
    assert_eq!((now.timed_out_writing, now.timed_out_closing), (1, 1));
    assert_eq!(now.timed_out, 2);
}

fn spins(most: Duration) -> impl FnMut(&mut Reactor) {
    move |_| {
        let time = std::process::Command::new("sleep")
            .arg(most.as_secs_f64().to_string())
            .status();
        assert!(time.expect("there is a shell").success());
    }
}

fn a_slow_callback_is_warned_of_by_name(world: &World) {
    let known = Known::default();
    let ids = known.clone();
    let listener = world.serve(move |_| {
        let ids = ids.clone();
        Spy::new(&Log::default())
            .made(move |transport| {
                ids.note(transport);
                transport.set_framing(Lines::default());
            })
            .data(|transport, _| {
                spins(Duration::from_millis(30))(transport.reactor());
                transport.send("done");
            })
    });
    world.on(|reactor| reactor.set_slow_callback(Duration::from_millis(20)));
    let peer = world.peer(&listener);
    let lines = warnings(|| {
        peer.send("work").expect("done");
    });
    // A machine that is busy may make others slow too.
    let name = known.id().to_string();
    let named = |line: &String| line.contains(&name) && line.contains("Spy");
    let slow = |line: &String| line.contains("slow: a callback of");
    assert!(
        lines.iter().any(|line| slow(line) && named(line)),
        "{lines:?}"
    );
    let now = counters(world);
    assert!(now.turns_slow >= 1 && now.turn_longest >= Duration::from_millis(20));
}

fn quick_callbacks_are_not_warned_of(world: &World) {
    let listener = world.serve(|_| Spy::new(&Log::default()).echo());
    world.on(|reactor| reactor.set_slow_callback(Duration::from_secs(3600)));
    let peer = world.peer(&listener);
    let lines = warnings(|| {
        peer.send("hello").expect("hello");
    });
    assert_eq!(count(&lines, "slow"), 0, "{lines:?}");
    assert_eq!(counters(world).turns_slow, 0);
}
