//! Layers through the whole reactor: handshakes, stacks, messages, failures and farewells.

use std::time::Duration;

use ropewalk::testing;
use ropewalk::{Limits, Lost, Protocol, Transport};

mod toy;

use toy::{
    ALERT, ALERTED, BAD_BYTE, CLIENT_HELLO, FAREWELL, Messages, NO_HELLO, SERVER_HELLO, Says, Toy,
    join, message, portion, sealed,
};

#[test]
fn made_comes_after_the_handshake_and_data_in_the_same_portion_after_that() {
    let stream = join([CLIENT_HELLO, &sealed("a\nRNQ\nc"), &[FAREWELL]]);
    for size in [1, 2, 3, 5, 7, stream.len()] {
        let mut wire = testing::wiring().through(Toy::server()).connect(Says);
        wire.receives_in_pieces(&stream[..3], size);
        assert!(wire.callbacks().is_empty());
        wire.receives_in_pieces(&stream[3..], size);
        wire.sent(join([
            SERVER_HELLO,
            &sealed("hello\r\n<a>\r\n<RNQ>\r\n<c>\r\ngoodbye\r\n"),
            &[FAREWELL],
        ]));
        let expected = [
            "made",
            "frame \"a\"",
            "frame \"RNQ\"",
            "frame \"c\"",
            "eof",
            "lost done, ended by the peer",
        ];
        assert_eq!(wire.callbacks(), expected, "in pieces of {size}");
        assert!(!wire.was_aborted());
    }
}

#[test]
fn a_client_speaks_first_and_what_it_wrote_waits_for_the_handshake() {
    let mut wire = testing::wiring()
        .through(Toy::client())
        .connect_as_client(Says);
    wire.sent(CLIENT_HELLO);
    let id = wire.id();
    wire.reactor().write(id, "early ");
    wire.sent("");
    wire.receives(SERVER_HELLO).sent(sealed("early hello\r\n"));
    assert_eq!(wire.callbacks(), ["made"]);
}

#[test]
fn others_write_through_the_layer_too() {
    let mut wire = testing::wiring().through(Toy::server()).connect(Says);
    wire.receives(CLIENT_HELLO).take_sent();
    let id = wire.id();
    wire.reactor().write(id, "a");
    wire.reactor().send(id, "b");
    wire.reactor().write_shared(id, vec![b'c'; 8000].into());
    wire.sent(join([&sealed("ab\r\n"), &sealed([b'c'; 8000])]));
    wire.reactor().lose_connection(id);
    wire.sent([FAREWELL]);
}

#[test]
fn messages_pass_by_the_framing() {
    let mut wire = testing::wiring().through(Messages::default()).connect(Says);
    wire.sent(message("hello"));
    let stream = join([
        &message("a\nb"),
        &portion("c\nd"),
        &message(""),
        &portion("e\n"),
    ]);
    for size in [1, 4, stream.len()] {
        let mut wire = testing::wiring().through(Messages::default()).connect(Says);
        wire.receives_in_pieces(&stream, size);
        assert_eq!(
            wire.callbacks(),
            [
                "made",
                "frame \"a\\nb\"",
                "frame \"c\"",
                "frame \"\"",
                "frame \"de\""
            ]
        );
    }
    wire.protocol(|_, transport| {
        transport.write("raw");
        assert_eq!(transport.try_send("with\nnewline"), Ok(()));
    });
    wire.sent(join([&portion("raw"), &message("with\nnewline")]));
}

#[test]
fn messages_that_came_in_a_pause_wait_in_their_order() {
    struct Pauses;
    impl Protocol for Pauses {
        fn data_received(&mut self, transport: &mut Transport<'_>, _: &[u8]) {
            transport.pause_reading();
            transport.call_later(Duration::from_secs(1), |_: &mut Self, transport| {
                transport.resume_reading();
            });
        }
    }
    let stream = join([
        &message("a"),
        &portion("b"),
        &message("c"),
        &message("d"),
        &portion("e"),
    ]);
    for size in [1, stream.len()] {
        let mut wire = testing::wiring()
            .through(Messages::default())
            .connect(Pauses);
        wire.receives_in_pieces(&stream, size).ends();
        assert_eq!(wire.callbacks(), ["made", "frame \"a\""]);
        wire.advance(Duration::from_secs(2));
        assert_eq!(wire.callbacks()[2..], ["data \"b\"", "frame \"c\""]);
        wire.advance(Duration::from_secs(9));
        assert_eq!(wire.callbacks()[4..6], ["frame \"d\"", "data \"e\""]);
        assert_eq!(
            wire.callbacks()[6..],
            ["eof", "lost done, ended by the peer"]
        );
    }
}

#[test]
fn two_layers_are_a_stack() {
    let stacked = || {
        testing::wiring()
            .through(Toy::server())
            .through(Toy::server())
    };
    let inner = join([CLIENT_HELLO, &sealed("a\n"), &[FAREWELL]]);
    let stream = join([CLIENT_HELLO, &sealed(&inner), &[FAREWELL]]);
    for size in [1, 6, stream.len()] {
        let mut wire = stacked().connect(Says);
        wire.receives_in_pieces(&stream, size);
        let answer = join([
            SERVER_HELLO,
            &sealed("hello\r\n<a>\r\ngoodbye\r\n"),
            &[FAREWELL],
        ]);
        wire.sent(join([SERVER_HELLO, &sealed(answer), &[FAREWELL]]));
        assert_eq!(
            wire.callbacks(),
            ["made", "frame \"a\"", "eof", "lost done, ended by the peer"]
        );
    }
}

#[test]
fn a_failing_layers_alert_is_sent_and_its_reason_is_told() {
    let stream = join([CLIENT_HELLO, &sealed("a\n"), b"\x1Bx", &sealed("b\n")]);
    for size in [1, stream.len()] {
        let mut wire = testing::wiring().through(Toy::server()).connect(Says);
        wire.receives_in_pieces(&stream, size);
        if size > 1 {
            // It failed before anybody above it could answer, and sends nothing after its alert.
            wire.sent(join([SERVER_HELLO, &[ALERT]]));
        } else {
            wire.sent(join([SERVER_HELLO, &sealed("hello\r\n<a>\r\n"), &[ALERT]]));
        }
        assert_eq!(wire.lost(), Some(BAD_BYTE));
        let expected = ["made", "frame \"a\"", "lost bad frame: toy: a bad byte"];
        assert_eq!(wire.callbacks(), expected);
        assert!(wire.is_closed() && !wire.was_aborted());
    }
    let mut wire = testing::wiring().through(Toy::server()).connect(Says);
    wire.receives(CLIENT_HELLO).receives([ALERT]);
    assert_eq!(wire.lost(), Some(ALERTED));
}

#[test]
fn what_a_failing_layer_let_through_still_passes_the_layers_above_it() {
    let mut wire = testing::wiring()
        .through(Toy::server())
        .through(Messages::default())
        .connect(Says);
    let inner = join([&message("a"), &message("b")]);
    wire.receives(join([CLIENT_HELLO, &sealed(inner), &[ALERT]]));
    assert_eq!(
        wire.callbacks(),
        [
            "made",
            "frame \"a\"",
            "frame \"b\"",
            "lost bad frame: toy: the peer's alert"
        ]
    );
}

#[test]
fn a_failed_handshake_is_not_made_but_alerted() {
    let mut wire = testing::wiring().through(Toy::server()).connect(Says);
    wire.receives("GET / HTTP/1.0\r\n").sent([ALERT]);
    assert!(wire.is_closed());
    assert!(wire.callbacks().is_empty());
    assert_eq!(wire.reactor().connections(), 1, "it lingers");
    wire.advance(Duration::from_secs(5));
    assert_eq!(wire.reactor().connections(), 0);
    assert_ne!(NO_HELLO, BAD_BYTE);
}

#[test]
fn a_panicking_layer_costs_its_connection_and_nothing_goes_out_bare() {
    let mut wire = testing::wiring().through(Toy::server()).connect(Says);
    wire.receives(CLIENT_HELLO).take_sent();
    wire.receives(sealed("a\nb%\n")).sent("");
    assert_eq!(wire.callbacks(), ["made", "lost the protocol panicked"]);
    assert!(wire.was_aborted());

    let mut wire = testing::wiring().through(Toy::server()).connect(Says);
    wire.receives(CLIENT_HELLO).take_sent();
    wire.protocol(|_, transport| {
        transport.write("100%");
        transport.write("secret");
        transport.send("secret");
        transport.write_shared(vec![b's'; 8000].into());
    });
    wire.sent("");
    assert_eq!(wire.lost(), Some(Lost::Panicked));
    assert_eq!(wire.reactor().counters().panics, 1);
}

#[test]
fn a_layer_that_panics_while_its_protocol_closes_sends_nothing_bare_either() {
    struct Bomb;
    impl ropewalk::Layer for Bomb {
        fn receive(
            &mut self,
            wire: &[u8],
            up: &mut ropewalk::Up,
            _: &mut Vec<u8>,
        ) -> Result<(), Lost> {
            up.bytes(wire);
            Ok(())
        }
        fn send(&mut self, _: &[u8], _: &mut Vec<u8>) {}
        fn finish(&mut self, _: &mut Vec<u8>) {
            panic!("as it should in this test");
        }
    }
    let mut wire = testing::wiring().through(Bomb).connect(Says);
    wire.protocol(|_, transport| {
        transport.lose_connection();
        transport.write("secret");
    });
    wire.sent("");
    assert_eq!(wire.lost(), Some(Lost::Panicked));
}

#[test]
fn a_handshake_has_a_deadline() {
    let limits = Limits::default().handshake(Duration::from_secs(3));
    let mut wire = testing::wiring()
        .limits(limits)
        .through(Toy::server())
        .connect(Says);
    wire.receives("to").advance(Duration::from_secs(2));
    assert!(!wire.is_closed());
    wire.advance(Duration::from_secs(1));
    assert!(wire.was_aborted());
    assert!(wire.callbacks().is_empty());
    assert_eq!(wire.reactor().counters().timed_out, 1);
}

#[test]
fn an_end_without_farewell_is_truncation() {
    let mut wire = testing::wiring().through(Toy::server()).connect(Says);
    wire.receives(join([CLIENT_HELLO, &sealed("a\nb")])).ends();
    assert_eq!(
        wire.callbacks(),
        [
            "made",
            "frame \"a\"",
            "lost truncated: the peer ended in the middle"
        ]
    );
    wire.sent(join([
        SERVER_HELLO,
        &sealed("hello\r\n<a>\r\n"),
        &[FAREWELL],
    ]));
    let mut wire = testing::wiring().through(Toy::server()).connect(Says);
    wire.receives("to").ends();
    assert!(wire.is_closed());
    assert!(wire.callbacks().is_empty());
}

#[test]
fn a_farewell_half_closes_within_the_layer() {
    struct Listens;
    impl Protocol for Listens {
        fn connection_made(&mut self, transport: &mut Transport<'_>) {
            transport.write("all");
            transport.lose_write_connection();
            transport.write("more");
        }
        fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
    }
    let mut wire = testing::wiring().through(Toy::server()).connect(Listens);
    wire.receives(CLIENT_HELLO);
    wire.sent(join([SERVER_HELLO, &sealed("all"), &[FAREWELL]]));
    wire.receives(sealed("still heard"));
    assert_eq!(wire.callbacks(), ["made", "data \"still heard\""]);
    wire.receives([FAREWELL]);
    assert_eq!(wire.callbacks()[2..], ["eof", "lost done, ended by us"]);
}

#[test]
fn a_farewell_of_a_lower_layer_is_not_the_upper_ones() {
    let stacked = || {
        testing::wiring()
            .through(Toy::server())
            .through(Toy::server())
            .connect(Says)
    };
    let inner = join([CLIENT_HELLO, &sealed("a\nb")]);
    let mut wire = stacked();
    wire.receives(join([CLIENT_HELLO, &sealed(inner), &[FAREWELL]]));
    assert_eq!(wire.lost(), Some(Lost::Truncated));
    assert_eq!(wire.callbacks()[..2], ["made", "frame \"a\""]);
    let mut wire = stacked();
    wire.receives(join([
        CLIENT_HELLO,
        &sealed(&CLIENT_HELLO[..2]),
        &[FAREWELL],
    ]));
    assert!(wire.is_closed() && wire.callbacks().is_empty());
}
