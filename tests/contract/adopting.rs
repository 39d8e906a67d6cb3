//! Listening sockets that a process is started with: which are taken over, once, and which are left alone.

use std::fs::File;
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::sync::{Mutex, PoisonError};

use ropewalk::{Address, AdoptError, Error, Limits, Listener, Result, UnixAddress};
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_getfd, fcntl_setfd};

use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { real:
    a_listener_of_tcp_is_taken_over,
    a_listener_of_unix_streams_is_taken_over_and_its_file_left,
    each_is_taken_over_once,
    what_is_no_listening_stream_socket_is_refused_and_left_as_it_was,
    what_was_not_inherited_is_refused,
    without_the_variables_nothing_was_passed,
}

/// What a process might have been started with, under a number that no other test has.
fn inherited(descriptor: impl Into<OwnedFd>) -> OwnedFd {
    static NEXT: Mutex<i32> = Mutex::new(500);
    let mut next = NEXT.lock().unwrap_or_else(PoisonError::into_inner);
    let duplicate = fcntl_dupfd_cloexec(descriptor.into(), *next).expect("a free number");
    // Other tests may have had those between.
    *next = duplicate.as_raw_fd() + 1;
    drop(next);
    fcntl_setfd(&duplicate, FdFlags::empty()).expect("it is open");
    duplicate
}

fn adopt(world: &World, number: i32) -> Result<Listener> {
    let log = Log::default();
    let build = move |_: &Address| Spy::new(&log).echo();
    world.on(|reactor| world.listen(reactor, format!("fd:{number}"), Limits::default(), build))
}

#[track_caller]
fn refusal(world: &World, number: i32) -> AdoptError {
    match adopt(world, number) {
        Err(Error::Adopt { endpoint, error }) => {
            assert_eq!(endpoint, format!("fd:{number}"));
            error
        }
        other => panic!("{other:?}"),
    }
}

fn a_listener_of_tcp_is_taken_over(world: &World) {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let listener = TcpListener::bind(address).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let adopted = adopt(world, inherited(listener).into_raw_fd()).expect("it listens");
        assert_eq!(*adopted.address(), Address::Tcp(address));
        let peer = world.peer(&adopted);
        peer.send("a").expect("a");
        // Nobody else has it: so it is closed.
        world.on(|reactor| reactor.stop_listening(&adopted));
        let refused = TcpStream::connect(address).map_err(|error| error.kind());
        assert_eq!(refused.err(), Some(ErrorKind::ConnectionRefused));
        peer.send("b").expect("b");
    }
}

fn a_listener_of_unix_streams_is_taken_over_and_its_file_left(world: &World) {
    let path = world.path("chat");
    let listener = UnixListener::bind(&path).expect("it is free");
    let adopted = adopt(world, inherited(listener).into_raw_fd()).expect("it listens");
    assert_eq!(
        *adopted.address(),
        Address::Unix(UnixAddress::Path(path.clone()))
    );
    world.peer(&adopted).send("a").expect("a");
    world.on(|reactor| reactor.stop_listening(&adopted));
    assert!(path.exists());
    let refused = UnixStream::connect(path).map_err(|error| error.kind());
    assert_eq!(refused.err(), Some(ErrorKind::ConnectionRefused));
}

fn each_is_taken_over_once(world: &World) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let number = inherited(listener).into_raw_fd();
    let adopted = adopt(world, number).expect("it listens");
    let taken = AdoptError::Taken {
        number: number.unsigned_abs(),
    };
    assert_eq!(refusal(world, number), taken);
    world.peer(&adopted).send("a").expect("a");
    world.on(|reactor| reactor.stop_listening(&adopted));
    assert_eq!(refusal(world, number), taken);
}

fn what_is_no_listening_stream_socket_is_refused_and_left_as_it_was(world: &World) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let stream = TcpStream::connect(address).expect("it listens");
    let file = File::open("/dev/null").expect("it is there");
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let datagrams = UnixDatagram::unbound().expect("a socket");
    type Make = fn(u32) -> AdoptError;
    let cases: [(OwnedFd, Make); 4] = [
        (file.into(), |number| AdoptError::NotASocket { number }),
        (udp.into(), |number| AdoptError::NotAStream { number }),
        (datagrams.into(), |number| AdoptError::NotAStream { number }),
        (stream.into(), |number| AdoptError::NotListening { number }),
    ];
    for (descriptor, expected) in cases {
        let kept = inherited(descriptor);
        let number = kept.as_raw_fd();
        let error = refusal(world, number);
        assert_eq!(error, expected(number.unsigned_abs()));
        assert!(error.to_string().contains(&number.to_string()));
        let flags = fcntl_getfd(kept.as_fd()).expect("it is open still");
        assert_eq!(flags, FdFlags::empty());
    }
    let nothing = 1_000_000_i32;
    let not_open = AdoptError::NotOpen {
        number: nothing.unsigned_abs(),
    };
    assert_eq!(refusal(world, nothing), not_open);
}

fn what_was_not_inherited_is_refused(world: &World) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let number = listener.as_raw_fd();
    let ours = AdoptError::NotInherited {
        number: number.unsigned_abs(),
    };
    assert_eq!(refusal(world, number), ours);
    let address = listener.local_addr().expect("it is bound still");
    TcpStream::connect(address).expect("it listens still");
}

fn without_the_variables_nothing_was_passed(world: &World) {
    let log = Log::default();
    for endpoint in ["systemd:index=0", "systemd:name=web"] {
        let ours = log.clone();
        let build = move |_: &Address| Spy::new(&ours);
        let outcome = world.on(|reactor| world.listen(reactor, endpoint, Limits::default(), build));
        let Err(Error::Adopt { error, .. }) = outcome else {
            panic!("{endpoint}: {outcome:?}")
        };
        assert_eq!(error, AdoptError::NothingPassed);
        assert!(error.to_string().contains("LISTEN_PID"));
    }
}
