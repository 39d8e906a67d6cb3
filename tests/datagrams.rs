//! One protocol of datagrams, unchanged, without a network, in a simulated one, and on the machine's.

use std::cell::RefCell;
use std::net::{SocketAddr, UdpSocket};
use std::rc::Rc;
use std::time::Duration;

use ropewalk::sim::{self, Faults};
use ropewalk::{DatagramProtocol, DatagramTransport, Lost, Reactor, Stepper, UdpEndpoint, testing};

const AGAIN: Duration = Duration::from_millis(200);

/// Asks for a word, again and again until there is an answer, then stops.
struct Asking {
    word: &'static str,
    heard: Rc<RefCell<Option<String>>>,
}

impl Asking {
    fn ask(&mut self, transport: &mut DatagramTransport<'_>) {
        transport.send(self.word);
        transport.call_later(AGAIN, Self::ask);
    }
}

impl DatagramProtocol for Asking {
    fn started(&mut self, transport: &mut DatagramTransport<'_>) {
        self.ask(transport);
    }

    fn datagram_received(
        &mut self,
        transport: &mut DatagramTransport<'_>,
        data: &[u8],
        _from: SocketAddr,
    ) {
        *self.heard.borrow_mut() = Some(String::from_utf8_lossy(data).into_owned());
        transport.stop_listening();
    }
}

/// Answers in capitals.
struct Shouting;

impl DatagramProtocol for Shouting {
    fn datagram_received(
        &mut self,
        transport: &mut DatagramTransport<'_>,
        data: &[u8],
        from: SocketAddr,
    ) {
        transport.send_to(data.to_ascii_uppercase(), from);
    }
}

type Heard = Rc<RefCell<Option<String>>>;

fn asking() -> (Asking, Heard) {
    let heard = Heard::default();
    let noted = Rc::clone(&heard);
    let word = "hello";
    let asking = Asking { word, heard: noted };
    (asking, heard)
}

fn server() -> SocketAddr {
    "192.0.2.7:53".parse().expect("an address")
}

#[test]
fn without_a_network() {
    let (asking, heard) = asking();
    let mut wire = testing::datagrams_with(server(), asking);
    wire.sent("hello", server()).sent_no_more();
    wire.advance(AGAIN).sent("hello", server()).sent_no_more();
    wire.receives("HELLO", server());
    assert_eq!(heard.take().as_deref(), Some("HELLO"));
    assert_eq!(wire.stopped(), Some(Lost::Done(ropewalk::Side::Us)));
    wire.advance(10 * AGAIN).sent_no_more();
}

#[test]
fn in_a_simulated_network() {
    sim::sweep(0..100, Faults::All, |world| {
        world.service("server", |reactor| {
            let bind = reactor.bind("udp:7:interface=*");
            bind.with(Shouting).map(drop)
        });
        let server = SocketAddr::new(world.address("server"), 7);
        let (asking, heard) = asking();
        world.host("client", |reactor| {
            let bind = reactor.bind(UdpEndpoint::to(server));
            bind.with(asking).map(drop)
        });
        world.run_for(Duration::from_secs(20));
        // Whatever has become of it: what is heard is what was said.
        assert!(heard.take().is_none_or(|heard| heard == "HELLO"));
    });
}

#[test]
fn on_the_machines_network() {
    let mut reactor = Reactor::new().unwrap();
    let shouting = reactor.bind("udp:0").with(Shouting).unwrap();
    let (asking, heard) = asking();
    let endpoint = UdpEndpoint::to(shouting.address());
    reactor.bind(endpoint).with(asking).unwrap();
    let mut stepper = Stepper::new(reactor);
    while heard.borrow().is_none() {
        assert!(stepper.turn(None).unwrap());
    }
    assert_eq!(heard.take().as_deref(), Some("HELLO"));
}

/// Answers when a thread has thought about it.
struct Pondering;

impl DatagramProtocol for Pondering {
    fn datagram_received(
        &mut self,
        transport: &mut DatagramTransport<'_>,
        _data: &[u8],
        from: SocketAddr,
    ) {
        transport.defer_to_thread(
            || "42",
            move |_: &mut Self, transport, answer| {
                transport.send_to(answer.expect("it does not panic"), from);
            },
        );
    }
}

#[test]
fn work_on_a_thread_is_done_when_the_test_looks() {
    let mut wire = testing::datagrams(Pondering);
    wire.receives("6 times 7?", server()).sent("42", server());
}

#[test]
fn what_the_test_does_is_what_a_system_would() {
    let mut wire = testing::datagrams(Shouting);
    let (alice, bob) = (server(), "[2001:db8::1]:9".parse().unwrap());
    wire.blocks()
        .receives("one", alice)
        .receives("two", bob)
        .sent_no_more();
    wire.unblocks().sent("ONE", alice).sent("TWO", bob);
    wire.receives_truncated("thr", alice)
        .refuses()
        .sent_no_more();
    let sent = wire.protocol(|_, transport| transport.try_send("to whom?"));
    assert_eq!(sent, Err(ropewalk::SendError::NoPeer));
    let heard = [
        "started",
        "datagram \"one\" from 192.0.2.7:53",
        "datagram \"two\" from [2001:db8::1]:9",
        "truncated \"thr\" from 192.0.2.7:53",
    ];
    assert_eq!(wire.callbacks(), heard);
    wire.reactor().stop();
    assert_eq!(
        wire.callbacks()[4..],
        ["stopping", "stopped done, ended by us"]
    );
}

#[test]
fn who_is_connected_hears_his_peer_alone_and_of_refusals() {
    let (asking, _) = asking();
    let mut wire = testing::datagrams_with(server(), asking);
    let stranger = "192.0.2.8:53".parse().unwrap();
    wire.receives("me?", stranger).refuses();
    assert_eq!(wire.callbacks(), ["started", "refused"]);
}

#[test]
#[should_panic(expected = "nothing more was sent; expected: \"HELLO\" to 192.0.2.7:53")]
fn what_was_not_sent_fails_the_test() {
    testing::datagrams(Shouting).sent("HELLO", server());
}

#[test]
#[should_panic(expected = "the socket is closed")]
fn a_socket_that_is_closed_receives_nothing() {
    let (asking, _) = asking();
    let mut wire = testing::datagrams_with(server(), asking);
    wire.receives("HELLO", server()).receives("again", server());
}

/// Two on one machine, without a name in between.
#[test]
fn a_socket_of_the_standard_library_is_answered() {
    let mut reactor = Reactor::new().unwrap();
    let shouting = reactor.bind("udp:0").with(Shouting).unwrap();
    let plain = UdpSocket::bind("127.0.0.1:0").unwrap();
    plain.set_nonblocking(true).unwrap();
    plain.send_to(b"plain", shouting.address()).unwrap();
    let mut stepper = Stepper::new(reactor);
    let mut buffer = [0; 16];
    let size = loop {
        assert!(stepper.turn(Some(Duration::from_millis(1))).unwrap());
        if let Ok(size) = plain.recv(&mut buffer) {
            break size;
        }
    };
    assert_eq!(&buffer[..size], b"PLAIN");
}
