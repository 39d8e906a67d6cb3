//! Calls for a protocol of datagrams: its timers, what others tell it, other threads.

use std::time::Duration;

use crate::datagram_spy::{ByDefault, DatagramSpy};
use crate::spy::Log;
use crate::world::{World, contract};

contract! { bare:
    a_protocols_timers_are_called_with_it,
    a_cancelled_timer_of_a_protocol_is_not_called,
    a_call_is_made_with_the_protocol_it_was_told,
    a_call_for_another_type_is_dropped_and_counted,
    other_threads_call_a_protocol_of_datagrams,
    work_on_a_thread_comes_back_to_its_protocol,
}

fn a_protocols_timers_are_called_with_it(world: &World) {
    let log = Log::default();
    let noted = log.clone();
    DatagramSpy::new(&log)
        .started(move |transport| {
            let (later, beats) = (noted.clone(), noted.clone());
            let millisecond = Duration::from_millis(1);
            transport.call_later(millisecond, move |_: &mut DatagramSpy, _| {
                later.note("later")
            });
            transport.call_every(millisecond, move |_: &mut DatagramSpy, transport| {
                beats.note("beat");
                if beats.count("beat") == 3 {
                    transport.stop_listening();
                }
            });
        })
        .on(world);
    world.run_until("it is stopped", || log.count("stopped") == 1);
    world.settle();
    assert_eq!((log.count("later"), log.count("beat")), (1, 3));
    let counters = world.on(|reactor| reactor.counters());
    assert_eq!((counters.timers, counters.stale_calls), (0, 0));
}

fn a_cancelled_timer_of_a_protocol_is_not_called(world: &World) {
    let log = Log::default();
    let noted = log.clone();
    DatagramSpy::new(&log)
        .started(move |transport| {
            let (first, second) = (noted.clone(), noted.clone());
            let first = transport.call_later(Duration::ZERO, move |_: &mut DatagramSpy, _| {
                first.note("the first");
            });
            assert!(transport.cancel(first) && !transport.cancel(first));
            transport.call_later(Duration::ZERO, move |_: &mut DatagramSpy, _| {
                second.note("the second");
            });
        })
        .on(world);
    world.run_until("the other is called", || log.has("the second"));
    assert_eq!(log.lines(), ["started", "the second"]);
}

fn a_call_is_made_with_the_protocol_it_was_told(world: &World) {
    let log = Log::default();
    let socket = DatagramSpy::new(&log).on(world);
    let noted = log.clone();
    world.on(|reactor| {
        reactor.tell_datagrams(socket.id(), move |_: &mut DatagramSpy, transport| {
            noted.note(format!("told on {}", transport.id()));
        });
    });
    let told = format!("told on {}", socket.id());
    world.run_until("it is told", || log.has(&told));
    assert_eq!(log.lines(), ["started".to_owned(), told]);
}

fn a_call_for_another_type_is_dropped_and_counted(world: &World) {
    let socket = DatagramSpy::new(&Log::default()).on(world);
    world.on(|reactor| {
        reactor.tell_datagrams(socket.id(), |_: &mut ByDefault, _| unreachable!());
    });
    let dropped = || world.on(|reactor| reactor.counters().stale_calls);
    world.run_until("it is dropped", || dropped() == 1);
}

fn other_threads_call_a_protocol_of_datagrams(world: &World) {
    let log = Log::default();
    let peer = world.datagram_peer();
    let to = peer.address();
    DatagramSpy::new(&log)
        .started(move |transport| {
            let remote = transport.remote::<DatagramSpy>();
            let thread = std::thread::spawn(move || {
                remote.tell(move |_, transport| transport.send_to("from a thread", to))
            });
            assert_eq!(thread.join().expect("it does not panic"), Ok(()));
        })
        .on(world);
    peer.expect("from a thread");
}

fn work_on_a_thread_comes_back_to_its_protocol(world: &World) {
    let log = Log::default();
    let peer = world.datagram_peer();
    let to = peer.address();
    DatagramSpy::new(&log)
        .started(move |transport| {
            transport.defer_to_thread(
                || 6 * 7,
                move |_: &mut DatagramSpy, transport, product| {
                    transport.send_to(format!("{product:?}"), to);
                },
            );
        })
        .on(world);
    peer.expect("Ok(42)");
}
