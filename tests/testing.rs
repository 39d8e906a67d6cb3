//! `ropewalk::testing` itself: what the peer does reaches the protocol as from a real network, at once and in order.

use std::time::Duration;

use ropewalk::testing;
use ropewalk::{Limits, LineReceiver, Lost, Protocol, Transport};

/// Says back what it is told.
struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        transport.write(data);
    }
}

#[test]
fn bytes_come_in_the_pieces_they_were_sent_in() {
    let mut wire = testing::connect(Echo);
    wire.receives("ab").receives_in_pieces("cde", 2);
    wire.sent("abcde").sent("");
    let long = [b'x'; 100];
    wire.receives(long).sent(long);
    let shown = format!("data \"{}…\" of 100 bytes", "x".repeat(60));
    let expected = ["made", "data \"ab\"", "data \"cd\"", "data \"e\"", &shown];
    assert_eq!(wire.callbacks(), expected);
    assert!(!wire.is_closed());
    assert_eq!(wire.lost(), None);
}

#[test]
#[should_panic = "sent: \"ab\\r\\n\""]
fn other_bytes_than_expected_fail_the_test() {
    testing::connect(Echo).receives("ab\r\n").sent("ab\n");
}

#[test]
fn a_fin_is_answered_and_a_reset_is_not() {
    let mut wire = testing::connect(Echo);
    wire.receives("a").ends().sent("a");
    assert!(wire.is_closed() && !wire.was_aborted());
    let mut wire = testing::connect(Echo);
    wire.receives("a").resets();
    assert_eq!(wire.lost(), Some(Lost::Reset));
}

#[test]
#[should_panic = "the peer has ended"]
fn a_peer_that_has_ended_sends_nothing() {
    testing::connect(Echo).ends().receives("a");
}

#[test]
fn losing_sends_what_is_owed_and_aborting_does_not() {
    let mut wire = testing::connect(Echo);
    wire.protocol(|_, transport| {
        transport.write("bye");
        transport.lose_connection();
    });
    wire.sent("bye");
    assert!(wire.is_closed() && !wire.was_aborted());
    assert_eq!(wire.callbacks(), ["made", "lost done, ended by us"]);
    let mut wire = testing::connect(Echo);
    wire.protocol(|_, transport| {
        transport.write("bye");
        transport.abort_connection();
    });
    wire.sent("");
    assert!(wire.was_aborted());
    assert_eq!(wire.callbacks(), ["made", "lost aborted"]);
}

#[test]
fn a_peer_that_takes_nothing_is_not_read_either() {
    let limits = Limits::default().water_marks(2, 8);
    let mut wire = testing::wiring().limits(limits).connect(Echo);
    wire.blocks().receives("123456789").receives("abc");
    wire.sent("");
    wire.takes(6).sent("123456");
    assert_eq!(wire.callbacks(), ["made", "data \"123456789\"", "pause"]);
    wire.takes(1).sent("7");
    wire.unblocks().sent("89abc");
    assert_eq!(
        wire.callbacks(),
        [
            "made",
            "data \"123456789\"",
            "pause",
            "resume",
            "data \"abc\""
        ]
    );
}

#[test]
fn a_peer_that_takes_nothing_for_too_long_is_lost() {
    let mut wire = testing::connect(Echo);
    wire.blocks().receives("a").advance(Duration::from_secs(61));
    assert!(wire.was_aborted());
    assert_eq!(
        wire.callbacks().last().map(String::as_str),
        Some("lost timed out: the peer takes nothing")
    );
}

/// Arms timers in the wrong order.
struct Timers;

impl Protocol for Timers {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        for seconds in [3, 1, 2] {
            let text = format!("{seconds} ");
            transport.call_later(
                Duration::from_secs(seconds),
                move |_: &mut Self, transport| {
                    let now = transport.now();
                    transport.write(format!("{text}at {now} "));
                },
            );
        }
    }

    fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
}

#[test]
fn timers_fire_in_their_order_each_at_its_moment() {
    let mut wire = testing::connect(Timers);
    wire.advance(Duration::from_secs(2));
    wire.sent("1 at 1000.000ms 2 at 2000.000ms ");
    wire.advance(Duration::from_secs(9))
        .sent("3 at 3000.000ms ");
}

#[test]
fn a_stop_is_told_and_finishes_the_connection() {
    let mut wire = testing::connect(Echo);
    wire.reactor().stop();
    assert_eq!(
        wire.callbacks(),
        ["made", "stopping", "lost done, ended by us"]
    );
}

#[test]
fn a_panic_ends_the_connection_as_in_production() {
    struct Fragile;
    impl LineReceiver for Fragile {
        fn line_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {
            panic!("as it should in this test");
        }
    }
    let mut wire = testing::connect(Fragile);
    wire.receives("a\n");
    assert_eq!(wire.lost(), Some(Lost::Panicked));
    assert!(wire.was_aborted());
}

#[test]
#[should_panic = "a wrong guess"]
fn an_assertion_about_the_protocol_fails_the_test() {
    testing::connect(Echo).protocol(|_, _| panic!("a wrong guess"));
}

#[test]
#[should_panic = "does something call itself without end?"]
fn a_program_that_never_rests_fails_the_test() {
    let mut wire = testing::connect(Echo);
    wire.reactor().call_every(Duration::ZERO, |_| {});
    wire.callbacks();
}

#[test]
fn a_client_is_made_and_hears_a_greeting_that_came_with_the_connection() {
    let mut wire = testing::wiring()
        .greeted("220 hello")
        .connect_as_client(Echo);
    assert_eq!(wire.callbacks(), ["made", "data \"220 hello\""]);
    wire.sent("220 hello");
    assert_eq!(wire.reactor().counters().connected, 1);
}
