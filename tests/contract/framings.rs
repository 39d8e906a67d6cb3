//! The framings that come with the crate, on a connection: what each limit, each end and each call between two frames does.
//! How bytes are cut is in the tests of the framings themselves.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::framing::{Cobs, Int8, Int16, Int32, Netstring, Slip, Varint};
use ropewalk::{Framing, Limits, Listener, Refusal, Transport};

use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { everywhere:
    a_frame_of_just_the_limit_passes_and_one_more_byte_does_not,
    a_frame_that_is_told_to_be_too_long_is_refused_before_it_comes,
    frames_in_front_of_a_bad_netstring_are_answered_then_comes_the_end,
    half_a_frame_at_the_end_is_dropped_and_told_as_truncated,
    frames_sent_after_the_loss_go_nowhere,
    a_frame_that_cant_be_encoded_is_not_sent_and_harms_nobody,
    a_refused_frame_is_skipped_to_its_end_and_the_next_one_heard,
    a_large_frame_is_bounded_by_its_own_limit_alone,
}

pub(crate) const LIMIT: usize = 100;

/// A framing of some type, with a limit.
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) set: fn(&mut Transport<'_>),
    /// With a limit of any size.
    pub(crate) encode: fn(&[u8]) -> Vec<u8>,
    /// How many bytes of a frame that is one too long tell that it is; 0 if only its end does.
    told_by: usize,
}

macro_rules! kinds {
    ($($framing:ident: $told_by:literal),* $(,)?) => {
        [$(Kind {
            name: stringify!($framing),
            set: |transport| transport.set_framing($framing::default().max_length(LIMIT)),
            encode: |frame| encoded(&$framing::default(), frame),
            told_by: $told_by,
        }),*]
    };
}

pub(crate) fn kinds() -> [Kind; 7] {
    kinds! { Int8: 1, Int16: 2, Int32: 4, Varint: 1, Netstring: 3, Slip: 0, Cobs: 0 }
}

fn encoded(framing: &impl Framing, frame: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    framing.encode(frame, &mut out).expect("it can be encoded");
    out
}

pub(crate) type Data = Rc<RefCell<Vec<u8>>>;

/// A listener whose protocol has a framing and sends each frame back.
fn echoing(world: &World, set: fn(&mut Transport<'_>)) -> (Listener, Log) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| {
        Spy::new(&ours)
            .made(set)
            .data(|transport, frame| transport.send(frame))
    });
    (listener, log)
}

fn a_frame_of_just_the_limit_passes_and_one_more_byte_does_not(world: &World) {
    for kind in kinds() {
        let (listener, log) = echoing(world, kind.set);
        let longest = (kind.encode)(&[b'x'; LIMIT]);
        let longer = (kind.encode)(&[b'x'; LIMIT + 1]);
        let peer = world.peer(&listener);
        peer.send_bytes([&longest[..], &longer, &longest].concat());
        assert_eq!(peer.read_until_eof(), longest, "{}", kind.name);
        world.run_until("the loss is told", || log.count("lost") == 1);
        let lines = log.lines();
        assert_eq!(lines[..2], ["made", "data 100"], "{}", kind.name);
        assert!(
            lines[2].starts_with("lost bad frame: longer than 100 bytes"),
            "{}: {lines:?}",
            kind.name
        );
        peer.closes();
    }
    let counters = world.on(|reactor| reactor.counters());
    assert_eq!((counters.bad_frames, counters.frames_too_long), (7, 7));
}

fn a_frame_that_is_told_to_be_too_long_is_refused_before_it_comes(world: &World) {
    for kind in kinds().iter().filter(|kind| kind.told_by > 0) {
        let (listener, log) = echoing(world, kind.set);
        let longer = (kind.encode)(&[b'x'; LIMIT + 1]);
        let peer = world.peer(&listener);
        let good = (kind.encode)(b"good");
        peer.send_bytes([&good, &longer[..kind.told_by]].concat());
        assert_eq!(peer.read_until_eof(), good, "{}", kind.name);
        world.run_until("the loss is told", || log.count("lost bad frame") == 1);
        peer.closes();
    }
}

fn frames_in_front_of_a_bad_netstring_are_answered_then_comes_the_end(world: &World) {
    for bad in [
        "01:a,", "+1:a,", "-1:a,", " 1:a,", "1 :a,", "1\n:a,", "100000", "1:ab", ":,",
    ] {
        for size in [1, 100] {
            let (listener, log) = echoing(world, |transport| {
                transport.set_framing(Netstring::default())
            });
            let peer = world.peer(&listener);
            let stream = format!("3:one,3:two,{bad}3:six,");
            for piece in stream.as_bytes().chunks(size) {
                peer.send_bytes(piece);
                world.run_for(Duration::from_millis(1));
            }
            assert_eq!(peer.read_until_eof(), b"3:one,3:two,", "{bad:?}");
            world.run_until("the loss is told", || log.count("lost bad frame") == 1);
            peer.closes();
        }
    }
}

fn half_a_frame_at_the_end_is_dropped_and_told_as_truncated(world: &World) {
    for kind in kinds() {
        let (listener, log) = echoing(world, kind.set);
        let whole = (kind.encode)(b"whole");
        let stream = [&whole[..], &whole[..whole.len() - 1]].concat();
        let peer = world.peer(&listener);
        peer.send_bytes(stream).half_closes();
        assert_eq!(peer.read_until_eof(), whole, "{}", kind.name);
        world.run_until("the loss is told", || log.count("lost") == 1);
        let truncated = "lost truncated: the peer ended in the middle";
        assert_eq!(log.lines(), ["made", "data 5", truncated], "{}", kind.name);
    }
}

fn frames_sent_after_the_loss_go_nowhere(world: &World) {
    let listener = world.serve(move |_| {
        Spy::new(&Log::default())
            .made(|transport| transport.set_framing(Int32::default()))
            .data(|transport, frame| {
                transport.send(frame);
                transport.lose_connection();
                transport.send("too late");
                assert_eq!(transport.try_send("too late"), Ok(()));
            })
    });
    let peer = world.peer(&listener);
    let frame = encoded(&Int32::default(), b"in time");
    peer.send_bytes(&frame);
    assert_eq!(peer.read_until_eof(), frame);
    assert_eq!(world.on(|reactor| reactor.counters().stale_writes), 2);
    peer.closes();
}

fn a_frame_that_cant_be_encoded_is_not_sent_and_harms_nobody(world: &World) {
    let told = Log::default();
    let ours = told.clone();
    let listener = world.serve(move |_| {
        let told = ours.clone();
        Spy::new(&Log::default())
            .made(|transport| transport.set_framing(Int8::default().max_length(LIMIT)))
            .data(move |transport, _| {
                transport.send("before");
                transport.send([b'x'; LIMIT + 1]);
                let tried = transport.try_send([b'x'; 300]);
                told.note(tried.expect_err("a byte can't say that").to_string());
                transport.send("after");
            })
    });
    let peer = world.peer(&listener);
    peer.send_bytes(b"\x01?")
        .expect_bytes(b"\x06before\x05after")
        .half_closes()
        .expect_eof();
    assert_eq!(told.lines(), ["longer than 100 bytes: 300"]);
    assert_eq!(world.on(|reactor| reactor.counters().frames_refused), 1);
}

fn a_refused_frame_is_skipped_to_its_end_and_the_next_one_heard(world: &World) {
    for kind in kinds()
        .iter()
        .filter(|kind| !["Int8", "Netstring"].contains(&kind.name))
    {
        let log = Log::default();
        let (ours, set) = (log.clone(), kind.set);
        let listener = world.serve(move |_| {
            Spy::new(&ours)
                .refusing(Refusal::Skip)
                .made(set)
                .data(|transport, frame| transport.send(frame))
        });
        let long = (kind.encode)(&[b'x'; 50_000]);
        let [before, after] = [b"before".as_slice(), b"after"].map(kind.encode);
        let peer = world.peer(&listener);
        peer.send_bytes([&before[..], &long, &after].concat());
        peer.expect_bytes([before, after].concat())
            .half_closes()
            .expect_eof();
        let lines = log.lines();
        assert!(
            lines[2].starts_with("refused longer than 100 bytes"),
            "{}: {lines:?}",
            kind.name
        );
        assert_eq!(log.count("refused"), 1, "{}: {lines:?}", kind.name);
    }
}

fn a_large_frame_is_bounded_by_its_own_limit_alone(world: &World) {
    const LARGE: usize = 1 << 20;
    let (log, data) = (Log::default(), Data::default());
    let (ours, bytes) = (log.clone(), Rc::clone(&data));
    let listener = world.serve_with(Limits::default().held(1000), move |_| {
        Spy::new(&ours)
            .collecting(&bytes)
            .made(|transport| transport.set_framing(Int32::default().max_length(LARGE)))
    });
    let frame: Vec<u8> = (0..LARGE).map(|n| b'a' + (n % 23) as u8).collect();
    let wire = encoded(&Int32::default().max_length(LARGE), &frame);
    let peer = world.peer(&listener);
    peer.send_bytes([&wire[..], b"\0\0\0\x01!"].concat());
    world.run_until("both are heard", || log.count("data") == 2);
    assert_eq!(log.lines(), ["made", "data 1048576", "data 1"]);
    assert!(*data.borrow() == [&frame[..], b"!"].concat());
    peer.half_closes().expect_eof();
}
