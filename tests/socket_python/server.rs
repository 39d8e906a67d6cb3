//! The server that both sides of a row call, on a port of loopback. Owns what it does with each caller; its threads end with the
//! test's process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use socket2::{Domain, SockRef, Type};

/// What becomes of a caller.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Behaviour {
    /// Some lines, the one it sent among them, then the end.
    Answers,
    /// All that it sends, back, to its end.
    Echoes,
    /// Not a word.
    Silent,
    /// The end, at once.
    Ends,
    /// A reset, once it has sent a line.
    Resets,
    /// Refused: nobody listens at the port, and nobody else gets it meanwhile.
    Nobody,
    /// Each datagram comes back.
    Datagrams,
    /// Datagrams to a port that nobody listens at.
    NoDatagrams,
}

/// Where it is.
pub(crate) struct Site {
    pub(crate) port: u16,
    /// A port that is taken, and not listened at.
    _taken: Option<socket2::Socket>,
}

impl Site {
    pub(crate) fn new(behaviour: Behaviour) -> Self {
        match behaviour {
            Behaviour::Nobody => Self::taken(Type::STREAM),
            Behaviour::NoDatagrams => Self::unheard(),
            Behaviour::Datagrams => Self::datagrams(),
            _ => Self::streams(behaviour),
        }
    }

    fn taken(kind: Type) -> Self {
        let socket = socket2::Socket::new(Domain::IPV4, kind, None).expect("a socket");
        let loopback = std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        socket.bind(&loopback.into()).expect("a free port");
        let address = socket.local_addr().expect("a bound socket").as_socket();
        Self {
            port: address.expect("an address of IPv4").port(),
            _taken: Some(socket),
        }
    }

    /// A UDP socket that is connected to itself hears nobody else, and they are told.
    fn unheard() -> Self {
        let site = Self::taken(Type::DGRAM);
        let socket = site._taken.as_ref().expect("it was just made");
        let own = socket.local_addr().expect("a bound socket");
        socket.connect(&own).expect("a call to oneself");
        site
    }

    fn datagrams() -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = socket.local_addr().expect("a bound socket").port();
        thread::spawn(move || {
            let mut data = [0; 65_536];
            while let Ok((count, from)) = socket.recv_from(&mut data) {
                let _ = socket.send_to(&data[..count], from);
            }
        });
        Self { port, _taken: None }
    }

    fn streams(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("a bound socket").port();
        thread::spawn(move || {
            // They are kept open to the end of the test.
            let (kept, _keeps) = mpsc::channel();
            for stream in listener.incoming().flatten() {
                let kept = kept.clone();
                thread::spawn(move || serve(behaviour, stream, &kept));
            }
        });
        Self { port, _taken: None }
    }
}

/// What goes wrong is the caller's to see.
fn serve(behaviour: Behaviour, mut stream: TcpStream, kept: &mpsc::Sender<TcpStream>) {
    match behaviour {
        Behaviour::Answers => {
            let line = read_line(&stream);
            let answer = [b"one\r\n\0two\n\xff".as_slice(), &line, b"\nthe tail"].concat();
            let _ = stream.write_all(&answer);
        }
        Behaviour::Echoes => {
            let mut data = Vec::new();
            let _ = stream.read_to_end(&mut data);
            let _ = stream.write_all(&data);
        }
        Behaviour::Resets => {
            read_line(&stream);
            let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        }
        Behaviour::Silent => {
            let _ = kept.send(stream);
        }
        _ => {}
    }
}

fn read_line(stream: &TcpStream) -> Vec<u8> {
    let mut line = Vec::new();
    let _ = BufReader::new(stream).read_until(b'\n', &mut line);
    line
}
