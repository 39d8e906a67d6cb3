//! What befalls datagrams on their way, and that a seed has it befall them in the same way each time.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use super::world::panic_of;
use crate::datagram::{DatagramProtocol, DatagramTransport};
use crate::sim::{Family, Faults, Tape, World, replay, sweep};

/// What was heard, in order; of one that was cut off, with a mark.
type Heard = Rc<RefCell<Vec<String>>>;

struct Listening(Heard);

impl DatagramProtocol for Listening {
    fn datagram_received(&mut self, _: &mut DatagramTransport<'_>, data: &[u8], _from: SocketAddr) {
        let data = String::from_utf8_lossy(data).into_owned();
        self.0.borrow_mut().push(data);
    }

    fn datagram_truncated(
        &mut self,
        _: &mut DatagramTransport<'_>,
        data: &[u8],
        _from: SocketAddr,
    ) {
        let data = String::from_utf8_lossy(data);
        self.0.borrow_mut().push(format!("{data}…"));
    }
}

const COUNT: usize = 200;

/// Sends numbers to a host that listens, and returns what that has heard.
fn play(world: &World) -> Vec<String> {
    let heard = Heard::default();
    let noted = heard.clone();
    world.host("server", |reactor| {
        let bind = reactor.bind("udp:7:interface=*");
        bind.with(Listening(noted)).map(drop)
    });
    let server = SocketAddr::new(world.address("server"), 7);
    let peer = world.datagram_peer("client");
    for number in 100..100 + COUNT {
        peer.send_to(number.to_string(), server);
        world.run_for(Duration::from_micros(300));
    }
    world.run_for(Duration::from_secs(20));
    heard.take()
}

#[test]
fn without_faults_all_of_them_come_once_and_in_order() {
    let all: Vec<String> = (100..100 + COUNT).map(|n| n.to_string()).collect();
    sweep(0..1, Faults::None, |world| assert_eq!(play(world), all));
    sweep(0..30, Faults::Unnoticeable, |world| {
        assert_eq!(play(world), all)
    });
}

#[test]
fn each_fault_of_datagrams_strikes_and_strikes_again_in_the_same_run() {
    let (mut lost, mut doubled, mut late, mut cut) = (0, 0, 0, 0);
    for seed in 0..60 {
        let played = || {
            let world = World::new(seed, Faults::All);
            let heard = play(&world);
            let struck = |family| world.struck(family) > 0;
            let families = [
                Family::Losses,
                Family::Duplicates,
                Family::Reordering,
                Family::Truncation,
            ];
            (
                heard,
                families.map(struck),
                world.fingerprint(),
                world.trace(),
            )
        };
        let (heard, struck, ..) = played();
        let whole: Vec<&String> = heard.iter().filter(|text| !text.ends_with('…')).collect();
        let mut sorted = whole.clone();
        sorted.sort();
        let mut different = sorted.clone();
        different.dedup();
        // Each of these can only be seen where its family has struck; others may hide it.
        assert!(whole.len() == different.len() || struck[1], "seed {seed}");
        assert!(whole == sorted || struck[1] || struck[2], "seed {seed}");
        assert!(whole.len() == heard.len() || struck[3], "seed {seed}");
        doubled += usize::from(whole.len() > different.len());
        late += usize::from(whole != sorted);
        cut += usize::from(whole.len() < heard.len());
        lost += usize::from(struck[0] && heard.len() < COUNT);
        assert_eq!(played(), played(), "seed {seed}");
    }
    assert!(
        lost > 5 && doubled > 5 && late > 5 && cut > 5,
        "{lost} {doubled} {late} {cut}"
    );
}

#[test]
fn a_failing_seed_is_made_smaller_and_plays_again() {
    let impatient = |world: &World| {
        let heard = play(world);
        let twice = heard.windows(2).any(|pair| pair[0] == pair[1]);
        assert!(!twice, "the same came twice");
    };
    let report = panic_of(|| sweep(0..100, Faults::All, impatient));
    let line = report.lines().find(|line| line.contains("\"seed="));
    let tape = line.and_then(|line| line.split('"').nth(1));
    let tape: Tape = tape.expect("a report has a tape").parse().unwrap();
    assert_eq!(tape.len(), 1, "{tape}");
    assert!(tape.to_string().contains("doubled"), "{tape}");
    // The ladder draws both of them.
    assert!(
        report.contains("client") && report.contains("datagram 3B"),
        "{report}"
    );
    let again = panic_of(|| replay(&tape.to_string(), impatient));
    assert!(again.contains("the same came twice"), "{again}");
}

#[test]
fn what_is_lost_is_drawn_so_and_what_nobody_takes_is_refused() {
    let world = World::new(0, Faults::None);
    let (one, other) = (world.datagram_peer("one"), world.datagram_peer("other"));
    let nowhere = SocketAddr::new("10.0.9.9".parse().unwrap(), 9);
    one.send_to("to nobody", nowhere);
    one.send_to("hello", other.address());
    other.expect("hello");
    world.partition("one", "other");
    one.send_to("cut off", other.address());
    world.settle();
    assert_eq!(other.try_receive(), None);
    let ladder = world.ladder().to_string();
    let lines: Vec<&str> = ladder.lines().collect();
    let drawn = |what: &str| lines.iter().any(|line| line.contains(what));
    assert!(
        drawn("datagram 9B \"to nobody\" to 10.0.9.9:9: there is no such host"),
        "{ladder}"
    );
    assert!(drawn("datagram 5B \"hello\""), "{ladder}");
    assert!(drawn("datagram 7B \"cut off\": nobody answers"), "{ladder}");
    let mut packets = Vec::new();
    world.write_pcap(&mut packets).unwrap();
    assert!(packets.windows(5).any(|bytes| bytes == b"hello"));
}

#[test]
fn a_socket_of_this_machine_alone_sends_to_nobody_else() {
    let world = World::new(0, Faults::None);
    let other = world.datagram_peer("other").address();
    let at_home = world.datagram_peer_at("one", ([127, 0, 0, 1], 0));
    let report = panic_of(|| {
        at_home.send_to("far", other);
    });
    assert!(report.contains("a peer can't send 3 bytes"), "{report}");
    let neighbour = world.datagram_peer("one");
    at_home.send_to("near", ([127, 0, 0, 1], neighbour.address().port()).into());
    neighbour.expect("near");
}

#[test]
fn a_refusal_does_not_come_over_a_cut() {
    let refused = Heard::default();
    let world = World::new(0, Faults::None);
    let nobody = world.datagram_peer("other");
    let address = nobody.address();
    nobody.closes();
    nobody.closes();
    assert_eq!(nobody.try_receive(), None);
    let noted = refused.clone();
    world.host("one", |reactor| {
        let bind = reactor.bind(crate::UdpEndpoint::to(address));
        bind.with(Asking(noted)).map(drop)
    });
    world.partition_one_way("other", "one");
    world.run_for(Duration::from_secs(1));
    assert_eq!(refused.borrow().len(), 0);
    world.rejoin();
    world.run_for(Duration::from_secs(2));
    assert!(!refused.borrow().is_empty());
}

/// Asks each second, and notes what is refused.
struct Asking(Heard);

impl DatagramProtocol for Asking {
    fn started(&mut self, transport: &mut DatagramTransport<'_>) {
        transport.send("anybody?");
        transport.call_every(Duration::from_secs(1), |_: &mut Self, transport| {
            transport.send("anybody?");
        });
    }

    fn datagram_received(&mut self, _: &mut DatagramTransport<'_>, _: &[u8], _: SocketAddr) {}

    fn connection_refused(&mut self, _: &mut DatagramTransport<'_>) {
        self.0.borrow_mut().push("refused".to_owned());
    }
}
