//! Layers put in while a connection is under way: what follows belongs to them, from the exact byte on.

use std::time::Duration;

use ropewalk::testing::{self, Wire};
use ropewalk::{LineReceiver, Lines, Lost, Protocol, Transport};

mod toy;

use toy::{
    ALERT, CLIENT_HELLO, FAREWELL, Messages, NO_HELLO, SERVER_HELLO, Says, Toy, join, message,
    portion, sealed,
};

/// Begins its layer in the middle of the stream: at the line `go`, or when told to.
#[derive(Clone, Copy, Debug, Default)]
struct Starts {
    pauses: bool,
    switches: bool,
    gives_back: usize,
}

impl LineReceiver for Starts {
    fn lines(&self) -> Lines {
        Lines::lf()
    }

    fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
        match line {
            b"go" => {
                transport.send("ready");
                transport.start_layer(Toy::server());
                transport.send("secret");
                transport.unread(self.gives_back);
                if self.pauses {
                    transport.pause_reading();
                    transport.call_later(Duration::from_secs(1), |_: &mut Self, transport| {
                        transport.resume_reading();
                    });
                }
                if self.switches {
                    transport.switch_protocol(Says);
                }
            }
            _ => transport.send(line),
        }
    }
}

#[test]
fn a_layer_takes_effect_at_the_exact_byte() {
    let stream = join([b"a\ngo\n", CLIENT_HELLO, &sealed("b\nc\n"), &[FAREWELL]]);
    for pauses in [false, true] {
        for size in 1..=stream.len() {
            let mut wire = testing::connect(Starts {
                pauses,
                ..Starts::default()
            });
            wire.receives_in_pieces(&stream, size)
                .advance(Duration::from_secs(1));
            wire.sent(join([
                b"a\nready\n",
                SERVER_HELLO,
                &sealed("secret\nb\nc\n"),
                &[FAREWELL],
            ]));
            let expected = [
                "made",
                "frame \"a\"",
                "frame \"go\"",
                "frame \"b\"",
                "frame \"c\"",
                "eof",
                "lost done, ended by the peer",
            ];
            assert_eq!(wire.callbacks(), expected, "{pauses} {size}");
        }
    }
}

#[test]
fn bytes_given_back_are_the_layers() {
    let stream = join([b"a\ngo\n", &CLIENT_HELLO[1..], &sealed("b\n")]);
    for size in 1..=stream.len() {
        // The line's LF is no beginning of a hello, so that the layer fails at it.
        let mut wire = testing::connect(Starts {
            gives_back: 1,
            ..Starts::default()
        });
        wire.receives_in_pieces(&stream, size);
        wire.sent(join([b"a\nready\n", &[ALERT]]));
        assert_eq!(wire.lost(), Some(NO_HELLO));
    }
}

#[test]
fn a_layer_and_a_successor_may_come_at_once() {
    let stream = join([b"a\ngo\n", CLIENT_HELLO, &sealed("b\n"), &[FAREWELL]]);
    for size in 1..=stream.len() {
        let mut wire = testing::connect(Starts {
            switches: true,
            ..Starts::default()
        });
        wire.receives_in_pieces(&stream, size);
        wire.sent(join([
            b"a\nready\n",
            SERVER_HELLO,
            &sealed("secret\nhello\r\n<b>\r\ngoodbye\r\n"),
            &[FAREWELL],
        ]));
    }
}

#[test]
fn a_layer_put_in_from_outside_gets_what_was_held() {
    let mut wire = testing::connect(Starts::default());
    wire.receives("a\nto");
    wire.protocol(|_, transport| transport.start_layer(Toy::server()));
    wire.receives("y?").receives(sealed("b\n"));
    wire.sent(join([b"a\n", SERVER_HELLO, &sealed("b\n")]));
}

#[test]
fn a_layer_may_be_put_on_a_layer_in_the_middle_of_a_portion() {
    let stream = join([
        &message("a"),
        &portion("go\n"),
        &message(CLIENT_HELLO),
        &portion(sealed("b\nc\n")),
    ]);
    for pauses in [false, true] {
        for size in [1, 2, 3, 4, 5, 7, 11, stream.len()] {
            let mut wire = testing::wiring()
                .through(Messages::default())
                .connect(Starts {
                    pauses,
                    ..Starts::default()
                });
            wire.receives_in_pieces(&stream, size)
                .advance(Duration::from_secs(1));
            let expected = [
                "made",
                "frame \"a\"",
                "frame \"go\"",
                "frame \"b\"",
                "frame \"c\"",
            ];
            assert_eq!(wire.callbacks(), expected, "{pauses} {size}");
        }
    }
}

#[test]
fn a_layer_may_be_put_in_at_a_message() {
    let stream = join([
        &message("go"),
        &message(CLIENT_HELLO),
        &portion(sealed("b\nc")),
        &message(sealed("d\n")),
    ]);
    for pauses in [false, true] {
        for size in [1, 2, 3, 4, 5, 7, 11, stream.len()] {
            let mut wire = testing::wiring()
                .through(Messages::default())
                .connect(Starts {
                    pauses,
                    ..Starts::default()
                });
            wire.receives_in_pieces(&stream, size)
                .advance(Duration::from_secs(1));
            let expected = ["made", "frame \"go\"", "frame \"b\"", "frame \"cd\""];
            assert_eq!(wire.callbacks(), expected, "{pauses} {size}");
        }
    }
}

#[test]
fn a_layer_put_in_during_a_pause_gets_the_messages_that_wait() {
    struct Waits;
    impl Protocol for Waits {
        fn data_received(&mut self, transport: &mut Transport<'_>, _: &[u8]) {
            transport.pause_reading();
        }
    }
    let mut wire: Wire<Waits> = testing::wiring()
        .through(Messages::default())
        .connect(Waits);
    wire.receives(join([
        &message("a"),
        &message(CLIENT_HELLO),
        &portion(sealed("b")),
        &message(sealed("c")),
    ]));
    wire.protocol(|_, transport| transport.start_layer(Toy::server()));
    wire.protocol(|_, transport| transport.resume_reading());
    wire.protocol(|_, transport| transport.resume_reading());
    assert_eq!(wire.callbacks(), ["made", "frame \"a\"", "data \"bc\""]);
}

#[test]
fn a_layer_put_in_later_has_the_same_deadline() {
    let mut wire = testing::connect(Starts::default());
    wire.receives("go\nto").advance(Duration::from_secs(9));
    assert_eq!(wire.lost(), None);
    wire.advance(Duration::from_secs(1));
    assert_eq!(wire.callbacks()[2..], ["lost timed out: the handshake"]);
    let mut wire = testing::connect(Starts::default());
    wire.receives("go\ntoy?").advance(Duration::from_secs(1000));
    assert_eq!(wire.lost(), None);
}

#[test]
fn a_layer_put_in_after_the_end_hears_of_it() {
    for size in [1, 100] {
        let mut wire = testing::connect(Starts::default());
        wire.receives_in_pieces("a\ngo", size).ends();
        assert_eq!(wire.lost(), Some(Lost::Truncated));
    }
}
