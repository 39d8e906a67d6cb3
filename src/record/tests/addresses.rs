//! Unix streams and inherited sockets on a tape.

use super::*;
use crate::address::{Address, UnixAddress};
use crate::endpoint::{Inherited, ServerEndpoint};
use crate::error::{AdoptError, Error, OsError};
use crate::network::{Credentials, ListenOptions, SocketId, Token};
use crate::record::call::{Answer, Call, Event};
use crate::record::decode::Decoder;
use crate::record::encode::Encoder;

#[track_caller]
fn is_read_back(call: Call, answer: Answer) {
    let event = Event { call, answer };
    let mut encoder = Encoder::default();
    encoder.event(&event);
    let mut rest = &encoder.out[..];
    assert_eq!(Decoder::default().event(&mut rest), Some(event));
    assert!(rest.is_empty());
    for size in 0..encoder.out.len() {
        assert_eq!(Decoder::default().event(&mut &encoder.out[..size]), None);
    }
}

#[test]
fn unix_addresses_are_read_back() {
    for name in [
        UnixAddress::Path("/run/chat".into()),
        UnixAddress::Path("é".into()),
        UnixAddress::Abstract(b"chat\0\xff".to_vec()),
        UnixAddress::Unnamed,
    ] {
        for mode in [None, Some(0o660)] {
            let options = ListenOptions {
                mode,
                ..ListenOptions::default()
            };
            let address = Address::Unix(name.clone());
            let call = Call::listen(&address, &options, Token(7));
            is_read_back(call, Answer::Socket(SocketId(1), Some(address)));
        }
    }
}

#[test]
fn inherited_sockets_and_why_there_are_none_are_read_back() {
    let number = 3;
    let text = || "web:chat".to_owned();
    let errors = [
        AdoptError::Unsupported,
        AdoptError::NothingPassed,
        AdoptError::ForAnother { pid: text() },
        AdoptError::Malformed { variable: text() },
        AdoptError::NoSuchIndex { count: 300 },
        AdoptError::NoSuchName { names: text() },
        AdoptError::NotOpen { number },
        AdoptError::NotInherited { number },
        AdoptError::NotASocket { number },
        AdoptError::NotAStream { number },
        AdoptError::NotListening { number },
        AdoptError::Taken { number },
        AdoptError::System(OsError {
            kind: io::ErrorKind::Unsupported,
            code: None,
        }),
        AdoptError::System(io::Error::from_raw_os_error(9).into()),
    ];
    let sockets = [
        Inherited::Descriptor(300),
        Inherited::SystemdIndex(0),
        Inherited::SystemdName(text()),
    ];
    for (error, socket) in errors.into_iter().zip(sockets.into_iter().cycle()) {
        let token = Token(7);
        is_read_back(Call::Adopt { socket, token }, Answer::AdoptRefused(error));
    }
}

#[test]
fn credentials_are_read_back() {
    let [pid, uid, gid] = [1, 1000, u32::MAX];
    for credentials in [None, Some(Credentials { pid, uid, gid })] {
        let call = Call::PeerCredentials(SocketId(4));
        is_read_back(call, Answer::Credentials(credentials));
    }
}

/// Says who asks, and where.
struct Porter;

impl Protocol for Porter {
    fn data_received(&mut self, transport: &mut Transport<'_>, _: &[u8]) {
        let (peer, local) = (transport.peer(), transport.local());
        let credentials = transport.peer_credentials();
        transport.write(format!("{peer} {local:?} {credentials:?}"));
    }
}

fn porter(reactor: &mut Reactor) -> Result<()> {
    let adopted = reactor.listen("fd:3").serve(|_| Porter);
    assert!(matches!(adopted, Err(Error::Adopt { .. })));
    let endpoint = ServerEndpoint::unix("/run/porter").mode(0o600);
    reactor.listen(endpoint).serve(|_| Porter).map(drop)
}

fn elsewhere(reactor: &mut Reactor) -> Result<()> {
    let _ = reactor.listen("fd:3").serve(|_| Porter);
    let endpoint = ServerEndpoint::unix("/run/porter").mode(0o666);
    reactor.listen(endpoint).serve(|_| Porter).map(drop)
}

#[test]
fn a_run_over_a_unix_stream_is_identical_and_one_with_another_mode_is_not() {
    let (world, cassette) = (World::new(0, Faults::None), Cassette::default());
    let around = |network| {
        let recorder = Recorder::new(network, cassette.clone(), "").expect("it is memory");
        Box::new(recorder) as Box<dyn Network>
    };
    world.host_over("server", around, porter);
    let peer = world.peer("unix:server:/run/porter");
    peer.send("hello");
    world.settle();
    let said = String::from_utf8_lossy(&peer.received()).into_owned();
    assert!(
        said.contains("/run/porter") && said.contains("uid: 1000"),
        "{said}"
    );
    peer.closes();
    world.settle();
    // Whoever holds the world holds the recorder.
    drop(peer);
    world.signal("server", Signal::Terminate);
    world.run_until(|world| world.has_stopped("server"));
    drop(world);
    let tape = cassette.take();
    let outcome = replayed(tape.clone(), porter).unwrap();
    assert!(outcome.is_whole && outcome.bytes_out > 50, "{outcome}");
    assert!(
        difference(tape, elsewhere)
            .recorded
            .contains("unix:/run/porter")
    );
}
