//! Frames from peers that mean no good: without an end, too long, cut off, or a byte a minute. How bytes are cut into lines
//! is in the tests of lines; here is what it does to connections.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::framing::{Found, Tail};
use ropewalk::{FrameError, Framing, Lines, Listener};

use crate::spy::{Log, Spy};
use crate::world::{PATIENCE, Peer, World, contract};

contract! { streams:
    a_line_without_an_end_costs_its_connection_and_not_the_memory,
    a_line_of_just_the_limit_passes_and_one_more_byte_does_not_however_they_come,
    many_lines_of_one_portion_are_heard_one_by_one,
    a_frame_that_was_cut_off_by_the_end_is_truncation,
    a_frame_that_breaks_the_rules_at_the_end_is_told_as_such,
    what_follows_a_refused_frame_is_not_heard,
    a_request_that_trickles_in_is_cut_off_by_its_protocols_own_deadline,
}

// A Unix stream knows no reset but of unread input.
contract! { everywhere:
    a_frame_that_was_cut_off_by_a_reset_is_a_reset,
}

// Some bytes are the tests' layer's own.
contract! { bare:
    any_byte_may_stand_in_a_line,
}

/// The loop's read buffer.
const BUFFER: u64 = 256 * 1024;

type Data = Rc<RefCell<Vec<u8>>>;

/// A listener of one framing.
fn listen<F: Framing + Clone>(world: &World, framing: F) -> (Listener, Log, Data) {
    let (log, data) = (Log::default(), Data::default());
    let (ours, bytes) = (log.clone(), Rc::clone(&data));
    let listener = world.serve(move |_| {
        let framing = framing.clone();
        Spy::new(&ours)
            .collecting(&bytes)
            .made(move |transport| transport.set_framing(framing.clone()))
    });
    (listener, log, data)
}

fn a_line_without_an_end_costs_its_connection_and_not_the_memory(world: &World) {
    let (listener, log, _) = listen(world, Lines::default().max_length(1000));
    let peer = world.peer(&listener);
    let before = world.on(|reactor| reactor.counters().bytes_in);
    peer.send_bytes(vec![b'a'; 1 << 20]);
    world.run_until("the loss is told", || log.count("lost") == 1);
    let taken = world.on(|reactor| reactor.counters().bytes_in) - before;
    assert_eq!(
        log.lines(),
        ["made", "lost bad frame: longer than 1000 bytes"]
    );
    assert!(taken <= 1000 + 2 + BUFFER, "{taken} bytes were taken");
    peer.expect_closed();
}

fn a_line_of_just_the_limit_passes_and_one_more_byte_does_not_however_they_come(world: &World) {
    let stream = b"abc\r\nabc\nabcd\r\nabc\r\n";
    for size in [1, 3, 4, stream.len()] {
        let (listener, log, data) = listen(world, Lines::default().max_length(3));
        let peer = world.peer(&listener);
        for piece in stream.chunks(size) {
            peer.send_bytes(piece);
            world.run_for(Duration::from_millis(1));
        }
        world.run_until("the loss is told", || log.count("lost") == 1);
        assert_eq!(
            log.lines(),
            [
                "made",
                "data 3",
                "data 3",
                "lost bad frame: longer than 3 bytes"
            ]
        );
        assert_eq!(*data.borrow(), b"abcabc");
    }
}

fn any_byte_may_stand_in_a_line(world: &World) {
    let (listener, log, data) = listen(world, Lines::default());
    let line: Vec<u8> = (0..=255).filter(|byte| *byte != b'\n').collect();
    let peer = world.peer(&listener);
    peer.send_bytes(
        [
            &line,
            b"\r\n".as_slice(),
            &line,
            b"\n",
            &[0; 3],
            b"\n\r\r\n",
        ]
        .concat(),
    );
    world.run_until("all lines are heard", || log.count("data") == 4);
    assert_eq!(
        log.lines(),
        ["made", "data 255", "data 255", "data 3", "data 1"]
    );
    assert!(*data.borrow() == [&line, line.as_slice(), &[0; 3], b"\r"].concat());
}

fn many_lines_of_one_portion_are_heard_one_by_one(world: &World) {
    const LINES: usize = 50_000;
    let (listener, log, _) = listen(world, Lines::default());
    world
        .peer(&listener)
        .send_bytes("\n".repeat(LINES))
        .half_closes();
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(log.count("data 0"), LINES);
    assert_eq!(
        log.without_data(),
        ["made", "eof", "lost done, ended by the peer"]
    );
}

/// Frames end with a dot. What has none is cut off; what begins with a `!` is no frame.
#[derive(Clone)]
struct Dots;

impl Framing for Dots {
    fn next(&self, data: &[u8], scanned: usize) -> Found {
        match data[scanned..].iter().position(|byte| *byte == b'.') {
            Some(_) if data[0] == b'!' => Found::Broken(FrameError::Malformed("it shouts")),
            Some(end) => Found::Frame {
                body: 0..scanned + end,
                size: scanned + end + 1,
            },
            None => Found::More {
                scanned: data.len(),
            },
        }
    }

    fn at_eof(&self, rest: &[u8]) -> Tail {
        match rest[0] {
            b'!' => Tail::Refused(FrameError::Malformed("it shouts")),
            _ => Tail::Truncated,
        }
    }

    fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        out.extend_from_slice(frame);
        out.push(b'.');
        Ok(())
    }
}

/// What is heard of a stream that comes at once or a byte at a time, then ends in some way.
fn heard(world: &World, stream: &str, ends: fn(&Peer)) -> [Vec<String>; 2] {
    [stream.len(), 1].map(|size| {
        let (listener, log, _) = listen(world, Dots);
        let peer = world.peer(&listener);
        for piece in stream.as_bytes().chunks(size) {
            peer.send_bytes(piece);
            world.run_for(Duration::from_millis(1));
        }
        world.run_until("it is made", || log.has("made"));
        world.settle();
        ends(&peer);
        world.run_until("the loss is told", || log.count("lost") == 1);
        log.lines()
    })
}

fn in_order(peer: &Peer) {
    peer.half_closes();
}

fn by_a_reset(peer: &Peer) {
    peer.resets();
}

fn a_frame_that_was_cut_off_by_the_end_is_truncation(world: &World) {
    for lines in heard(world, "plum.pe", in_order) {
        assert_eq!(
            lines,
            [
                "made",
                "data 4",
                "lost truncated: the peer ended in the middle"
            ]
        );
    }
    for lines in heard(world, "plum.", in_order) {
        let done = "lost done, ended by the peer";
        assert_eq!(lines, ["made", "data 4", "eof", done]);
    }
}

fn a_frame_that_was_cut_off_by_a_reset_is_a_reset(world: &World) {
    for lines in heard(world, "plum.pe", by_a_reset) {
        assert_eq!(lines, ["made", "data 4", "lost reset by the peer"]);
    }
}

fn a_frame_that_breaks_the_rules_at_the_end_is_told_as_such(world: &World) {
    for lines in heard(world, "plum.!", in_order) {
        assert_eq!(lines, ["made", "data 4", "lost bad frame: it shouts"]);
    }
}

fn what_follows_a_refused_frame_is_not_heard(world: &World) {
    for lines in heard(world, "plum.!.pear.", in_order) {
        assert_eq!(lines, ["made", "data 4", "lost bad frame: it shouts"]);
    }
    assert_eq!(world.on(|reactor| reactor.counters().bad_frames), 2);
}

/// Half a frame is no silence, so only the protocol knows when it has waited for long enough.
fn a_request_that_trickles_in_is_cut_off_by_its_protocols_own_deadline(world: &World) {
    let (log, within) = (Log::default(), world.short() * 2);
    let ours = log.clone();
    let listener = world.serve(move |_| {
        Spy::new(&ours).made(move |transport| {
            transport.set_framing(Lines::default());
            transport.call_later(within, |_: &mut Spy, transport| transport.lose_connection());
        })
    });
    let peer = world.peer(&listener);
    let begin = world.now();
    while log.count("lost") == 0 {
        peer.send_bytes(".");
        world.run_for(Duration::from_millis(5));
        assert!(world.now() - begin < PATIENCE);
    }
    assert_eq!(log.lines(), ["made", "lost done, ended by us"]);
}
