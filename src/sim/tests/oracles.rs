//! The oracles that hold what is heard and written against what kernels hand over and take.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;
use crate::error::FrameError;
use crate::framing::{Found, Framing, Lines, Tail};
use crate::protocol::{Protocol, Refusal};
use crate::sim::host::HostId;
use crate::sim::{Peer, World, sweep};
use crate::transport::Transport;

#[test]
fn what_was_handed_over_is_missed_until_it_is_heard() {
    let mut bench = Bench::tame();
    let (caller, callee) = bench.pair();
    let end = bench
        .fabric
        .borrow()
        .host(HostId(1))
        .end_of(callee)
        .unwrap();
    assert!(bench.fabric.borrow_mut().listen_in(end, false));
    write(&mut bench.client, caller, b"hello");
    bench.settle();
    assert_eq!(read(&mut bench.server, callee), "hello");
    let mut unheard = bench.fabric.borrow_mut().take_unheard(end).unwrap();
    assert_eq!(unheard.len(), 5);
    assert!(unheard.hear_raw(b"lo").is_err(), "not what comes next");
    assert_eq!(unheard.hear_raw(b"hel"), Ok(()));
    assert_eq!(unheard.len(), 2);
}

/// What the oracles say when these bytes are written by a reactor, and others handed to its kernel, then FIN.
fn said_of(written: &[&[u8]], sent: &[u8]) -> Option<String> {
    let mut bench = Bench::tame();
    let (caller, _) = bench.pair();
    let mut fabric = bench.fabric.borrow_mut();
    let end = fabric.host(HostId(2)).end_of(caller).unwrap();
    fabric.keep_account(end, Vec::new);
    for piece in written {
        fabric.wrote(end, piece);
    }
    drop(fabric);
    write(&mut bench.client, caller, sent);
    bench.client.shutdown_write(caller).unwrap();
    let verdict = bench.fabric.borrow().verdict.clone();
    verdict.take()
}

#[test]
fn what_a_kernel_is_given_is_what_was_written() {
    assert_eq!(said_of(&[b"hel", b"lo"], b"hello"), None);
    for (sent, why) in [
        (&b"help"[..], "\"help\" is sent where \"hell\" was written"),
        (b"hello!", "6 bytes are offered where 5 are left"),
        (
            b"hell",
            "FIN is sent, and 1 bytes that were written are not",
        ),
    ] {
        let said = said_of(&[b"hel", b"lo"], sent).expect("an objection");
        assert!(said.starts_with("written is sent: "), "{said}");
        assert!(said.contains(why), "{said}");
    }
}

/// Does with its input all that a protocol may do with it, as lines tell it to; answers with what it has heard.
#[derive(Default)]
struct Fickle;

impl Protocol for Fickle {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        transport.set_framing(Lines::default().max_length(20));
    }

    fn frame_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
        transport.send(line);
        match line {
            b"seven raw" => transport.expect_raw(7),
            b"raw" => transport.set_raw(),
            b"give back" => {
                transport.unread(5);
                transport.expect_raw(5);
            }
            b"pause" => {
                transport.pause_reading();
                transport.call_later(Duration::from_millis(50), |_: &mut Self, transport| {
                    transport.resume_reading();
                });
            }
            b"semicolons" => transport.set_framing(Lines::ended_by(b";;")),
            b"switch" => transport.switch_protocol(Self),
            _ => {}
        }
    }

    fn frame_refused(&mut self, transport: &mut Transport<'_>, _: &FrameError) -> Refusal {
        transport.send("refused");
        Refusal::Skip
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        if let Some(at) = data.iter().position(|&byte| byte == b'!') {
            transport.unread(data.len() - at - 1);
            transport.write(&data[..=at]);
            transport.set_framing(Lines::default().max_length(20));
        } else if data == b"k" {
            // Not alone.
            transport.unread(1);
        } else {
            transport.write(data);
        }
    }
}

const SAID: &[u8] = b"one\r\nseven raw\n1\n2\n3\n\ntwo\nthis line is longer than is allowed here\r\nthree\nraw\na\nb\nk\nc!\
    four\ngive back\nfive\npause\nsix\nsemicolons\nseven\n;;eight;;switch;;nine\nlast";
const HEARD: &[u8] = b"one\r\nseven raw\r\n1\n2\n3\n\ntwo\r\nrefused\r\nthree\r\nraw\r\na\nb\nk\nc!\
    four\r\ngive back\r\nback\nfive\r\npause\r\nsix\r\nsemicolons\r\nseven\n;;eight;;switch;;nine\r\nlast\r\n";

fn fickle(world: &World) -> Peer {
    world.host("server", |reactor| {
        reactor.listen("tcp:8007").serve(|_| Fickle).map(drop)
    });
    let peer = world.peer("tcp:server:8007");
    peer.send_bytes(SAID);
    peer
}

#[test]
fn what_is_heard_is_compared_through_every_change_of_how() {
    sweep(0..200, Faults::Unnoticeable, |world| {
        let peer = fickle(world);
        world.run_for(Duration::from_secs(5));
        // It is still being compared, to the last byte.
        let mut fabric = world.fabric().borrow_mut();
        let end = fabric.listened_in();
        let [end] = end[..] else {
            panic!("{end:?} are listened to");
        };
        let unheard = fabric.take_unheard(end).unwrap();
        assert_eq!(unheard.len(), "last".len());
        fabric.put_back_unheard(end, unheard);
        drop(fabric);
        peer.half_closes();
        assert_eq!(peer.read_until_eof(), HEARD);
    });
}

/// Takes for a frame whatever has come.
struct Greedy;

impl Framing for Greedy {
    fn next(&self, data: &[u8], _: usize) -> Found {
        Found::Frame {
            body: 0..data.len(),
            size: data.len(),
        }
    }

    fn at_eof(&self, _: &[u8]) -> Tail {
        Tail::Dropped
    }

    fn encode(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), FrameError> {
        out.extend_from_slice(frame);
        Ok(())
    }
}

struct Framed;

impl Protocol for Framed {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        transport.set_framing(Greedy);
    }

    fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
}

#[test]
fn a_framing_that_cuts_by_what_has_come_is_told_of() {
    let world = World::new(0, Faults::None);
    world.host("server", |reactor| {
        reactor.listen("tcp:8007").serve(|_| Framed).map(drop)
    });
    let failed = catch_unwind(AssertUnwindSafe(|| {
        world.peer("tcp:server:8007").send_bytes("several bytes");
        world.settle();
    }));
    let text = failed.expect_err("it fails").downcast::<String>().unwrap();
    assert!(text.starts_with("the same frames: "), "{text}");
    assert!(text.contains("of \"several bytes\" has come"), "{text}");
}
