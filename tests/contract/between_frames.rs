//! What a protocol does between two frames of any framing: pauses, resumes, ends, changes the framing, hands over.

use std::rc::Rc;
use std::time::Duration;

use ropewalk::framing::{Cobs, FixedSize, Int8, Int32, LengthDelimited, Netstring, Slip};
use ropewalk::{Protocol, Transport};

use crate::framings::{Data, kinds};
use crate::known::Known;
use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { everywhere:
    a_pause_between_two_frames_holds_at_the_exact_byte,
    resuming_inside_a_frame_delivers_none_twice,
    no_frame_is_delivered_after_the_connection_was_lost_or_aborted,
    the_framing_may_change_between_any_two_frames,
    a_successor_gets_the_bytes_behind_the_last_frame_exactly_once,
}

fn a_pause_between_two_frames_holds_at_the_exact_byte(world: &World) {
    for (kind, size) in kinds().iter().flat_map(|kind| [(kind, 1), (kind, 100)]) {
        let (log, known, data) = (Log::default(), Known::default(), Data::default());
        let (ours, id, bytes, set) = (log.clone(), known.clone(), Rc::clone(&data), kind.set);
        let listener = world.serve(move |_| {
            let id = id.clone();
            Spy::new(&ours)
                .collecting(&bytes)
                .made(move |transport| {
                    id.note(transport);
                    set(transport);
                })
                .data(|transport, _| transport.pause_reading())
        });
        let peer = world.peer(&listener);
        let stream = [b"a".as_slice(), b"bb", b"ccc"].map(kind.encode).concat();
        for piece in stream.chunks(size) {
            peer.send_bytes(piece);
            world.run_for(Duration::from_millis(1));
        }
        for (n, expected) in ["a", "abb", "abbccc"].into_iter().enumerate() {
            world.run_until("the next frame is heard", || log.count("data ") > n);
            world.settle();
            assert_eq!(*data.borrow(), expected.as_bytes(), "{}", kind.name);
            world.on(|reactor| reactor.resume_reading(known.id()));
        }
        world.settle();
        assert_eq!(log.lines(), ["made", "data 1", "data 2", "data 3"]);
    }
}

fn resuming_inside_a_frame_delivers_none_twice(world: &World) {
    for kind in kinds() {
        let (log, data) = (Log::default(), Data::default());
        let (ours, bytes, set) = (log.clone(), Rc::clone(&data), kind.set);
        let listener = world.serve(move |_| {
            Spy::new(&ours)
                .collecting(&bytes)
                .made(set)
                .data(|transport, _| {
                    transport.pause_reading();
                    transport.resume_reading();
                })
        });
        let peer = world.peer(&listener);
        peer.send_bytes(
            [b"a".as_slice(), b"b", b"c", b"d"]
                .map(kind.encode)
                .concat(),
        )
        .half_closes();
        world.run_until("the loss is told", || log.count("lost") == 1);
        assert_eq!(*data.borrow(), b"abcd", "{}", kind.name);
    }
}

/// How a connection is ended, and the reason that is told.
type Way = (fn(&mut Transport<'_>), &'static str);

fn no_frame_is_delivered_after_the_connection_was_lost_or_aborted(world: &World) {
    let ways: [Way; 2] = [
        (
            |transport| transport.lose_connection(),
            "lost done, ended by us",
        ),
        (|transport| transport.abort_connection(), "lost aborted"),
    ];
    for (kind, (way, reason)) in kinds().iter().flat_map(|kind| ways.map(|way| (kind, way))) {
        let log = Log::default();
        let (ours, set) = (log.clone(), kind.set);
        let listener = world.serve(move |_| {
            Spy::new(&ours)
                .made(set)
                .data(move |transport, _| way(transport))
        });
        let peer = world.peer(&listener);
        peer.send_bytes((kind.encode)(b"frame").repeat(3));
        world.run_until("the loss is told", || log.count("lost") == 1);
        world.settle();
        assert_eq!(log.lines(), ["made", "data 5", reason], "{}", kind.name);
        peer.closes();
    }
}

/// Each frame's first byte says how the next one is cut.
fn set_by(transport: &mut Transport<'_>, frame: &[u8]) {
    match frame[0] {
        b'8' => transport.set_framing(Int8::default()),
        b'3' => transport.set_framing(Int32::default()),
        b'n' => transport.set_framing(Netstring::default()),
        b's' => transport.set_framing(Slip::default()),
        b'c' => transport.set_framing(Cobs::default()),
        b'f' => transport.set_framing(FixedSize::new(2)),
        b'l' => transport.set_framing(LengthDelimited::new(3).little_endian()),
        _ => {}
    }
}

fn the_framing_may_change_between_any_two_frames(world: &World) {
    let stream = b"\x023!\0\0\0\x02n!2:s!,c\xDB\xDC\xC0\x02f\x02!\x01\0l!\x02\0\08!\x04done";
    for size in [1, 2, 3, 7, stream.len()] {
        let (log, data) = (Log::default(), Data::default());
        let (ours, bytes) = (log.clone(), Rc::clone(&data));
        let listener = world.serve(move |_| {
            Spy::new(&ours)
                .collecting(&bytes)
                .made(|transport| transport.set_framing(Int8::default()))
                .data(set_by)
        });
        let peer = world.peer(&listener);
        for piece in stream.chunks(size) {
            peer.send_bytes(piece);
            world.run_for(Duration::from_millis(1));
        }
        peer.half_closes();
        world.run_until("the loss is told", || log.count("lost") == 1);
        assert_eq!(
            log.lines().last().map(String::as_str),
            Some("lost done, ended by the peer")
        );
        assert_eq!(
            *data.borrow(),
            b"3!n!s!c\xC0f\0!\0l!8!done",
            "in pieces of {size}"
        );
    }
}

/// Takes over with netstrings.
struct Successor(Log);

impl Protocol for Successor {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        self.0.note("made again");
        transport.set_framing(Netstring::default());
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, frame: &[u8]) {
        self.0.note(format!("then {}", frame.escape_ascii()));
        transport.send(frame);
    }
}

fn a_successor_gets_the_bytes_behind_the_last_frame_exactly_once(world: &World) {
    for (kind, size) in kinds()
        .iter()
        .flat_map(|kind| [1, 2, 100].map(|size| (kind, size)))
    {
        let log = Log::default();
        let (ours, set) = (log.clone(), kind.set);
        let listener = world.serve(move |_| {
            let next = ours.clone();
            Spy::new(&ours).made(set).data(move |transport, frame| {
                transport.send(frame);
                if frame == b"up" {
                    transport.switch_protocol(Successor(next.clone()));
                }
            })
        });
        let peer = world.peer(&listener);
        let [first, last] = [b"first".as_slice(), b"up"].map(kind.encode);
        let stream = [&first[..], &last, b"3:one,3:two,"].concat();
        for piece in stream.chunks(size) {
            peer.send_bytes(piece);
            world.run_for(Duration::from_millis(1));
        }
        // Each reply has the envelope of the one who sends it.
        peer.expect_bytes(&stream).half_closes().expect_eof();
        assert_eq!(
            log.lines(),
            [
                "made",
                "data 5",
                "data 2",
                "made again",
                "then one",
                "then two"
            ],
            "{} in pieces of {size}",
            kind.name
        );
    }
}
