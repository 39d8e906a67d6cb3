use super::*;

fn send(pipe: &mut Pipe) -> Vec<u8> {
    let mut sent = Vec::new();
    while pipe.sendable() > 0 {
        let data = pipe.cut(pipe.sendable());
        sent.extend_from_slice(&data);
        pipe.deliver(data, Time::START);
    }
    sent
}

#[test]
fn the_window_holds_back_what_is_not_read() {
    let mut pipe = Pipe::new(8, 4);
    pipe.push(Bytes::from_static(b"abcdef"));
    assert_eq!(send(&mut pipe), b"abcd");
    assert_eq!(pipe.room(), 6);
    assert!(pipe.is_stalled());
    assert_eq!(pipe.lend(3), "abc");
    assert_eq!(pipe.take_owed(), Some(3));
    pipe.grant(3);
    assert_eq!(send(&mut pipe), b"ef");
    assert_eq!(pipe.waiting(), 3);
}

#[test]
fn small_writes_are_joined_while_they_wait() {
    let mut pipe = Pipe::new(usize::MAX, 2);
    for piece in [&b"ab"[..], b"c", b"d"] {
        pipe.push(Bytes::from_static(piece));
    }
    assert_eq!(send(&mut pipe), b"ab");
    pipe.grant(2);
    assert_eq!(pipe.sendable(), 2);
    assert_eq!(send(&mut pipe), b"cd");
    assert!(!pipe.is_stalled());
}

#[test]
fn fin_waits_for_what_is_unsent() {
    let mut pipe = Pipe::new(8, 1);
    pipe.push(Bytes::from_static(b"ab"));
    pipe.finish();
    send(&mut pipe);
    assert!(!pipe.take_fin());
    pipe.grant(1);
    send(&mut pipe);
    assert!(pipe.take_fin());
    assert!(!pipe.take_fin());
}

#[test]
fn a_read_may_join_segments_and_end_inside_one() {
    let mut pipe = Pipe::new(8, 8);
    pipe.deliver(Bytes::from_static(b"abc"), Time::from_nanos(1));
    pipe.deliver(Bytes::from_static(b"def"), Time::from_nanos(2));
    let mut buffer = [0; 4];
    pipe.fill(&mut buffer);
    assert_eq!(&buffer, b"abcd");
    assert_eq!(pipe.read_arrival(), Time::from_nanos(2));
    assert_eq!(pipe.waiting(), 2);
}

#[test]
fn nothing_overtakes() {
    let mut pipe = Pipe::new(8, 8);
    let (early, late) = (Time::from_nanos(1), Time::from_nanos(2));
    assert_eq!(pipe.depart(Payload::Fin, late), late);
    assert_eq!(pipe.depart(Payload::Rst, early), late);
    assert!(pipe.land(early).is_none());
    assert!(matches!(pipe.land(late).unwrap().payload, Payload::Fin));
}
