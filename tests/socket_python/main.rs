//! The table of `ropewalk::socket`, row by row: the same calls by Python's `socket` module and by ours, to the same server on
//! loopback, come to the same values, or to errors of the same class and number.

mod python;
mod server;
mod shown;

use std::time::Duration;

use ropewalk::socket::{self, Datagram, File, Shutdown, Socket};

use server::{Behaviour, Site};

/// How long a call may take before a test is called failed.
const PATIENCE: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(50);

const HOST: &str = "127.0.0.1";

/// What a row begins with, in both languages. It comes to a text that tells the values, or the error.
trait Begin {
    /// What the row's own code may use.
    type Given;
    const PYTHON: &str;
    fn begin(site: &Site) -> socket::Result<Self::Given>;
}

/// Nothing but an address.
struct Plain;

impl Begin for Plain {
    type Given = (&'static str, u16);
    const PYTHON: &str = "pass";

    fn begin(site: &Site) -> socket::Result<Self::Given> {
        Ok((HOST, site.port))
    }
}

/// A connection.
struct Connected;

impl Begin for Connected {
    type Given = Socket;
    const PYTHON: &str = "s = socket.create_connection((host, port), 60)";

    fn begin(site: &Site) -> socket::Result<Self::Given> {
        socket::create_connection((HOST, site.port), PATIENCE)
    }
}

/// A connection as a file.
struct Opened;

impl Begin for Opened {
    type Given = File;
    const PYTHON: &str =
        "s = socket.create_connection((host, port), 60); f = s.makefile('rwb'); s.close()";

    fn begin(site: &Site) -> socket::Result<Self::Given> {
        Ok(Connected::begin(site)?.makefile())
    }
}

/// A UDP socket.
struct Unconnected;

impl Begin for Unconnected {
    type Given = (Datagram, (&'static str, u16));
    const PYTHON: &str =
        "u = socket.socket(type=socket.SOCK_DGRAM); u.bind((host, 0)); u.settimeout(60)";

    fn begin(site: &Site) -> socket::Result<Self::Given> {
        let socket = Datagram::bind((HOST, 0))?;
        socket.settimeout(PATIENCE)?;
        Ok((socket, (HOST, site.port)))
    }
}

/// Plays a row by both.
#[track_caller]
fn compare<B: Begin>(
    behaviour: Behaviour,
    python: &str,
    ours: impl FnOnce(B::Given) -> socket::Result<String>,
) {
    let site = Site::new(behaviour);
    let ours = B::begin(&site).and_then(ours);
    let ours = ours.unwrap_or_else(|error| shown::error(&error));
    let theirs = python::run(HOST, site.port, B::PYTHON, python);
    assert_eq!(ours, theirs, "ours, Python's: {python}");
}

/// Each row is a test, and all of them are the table.
macro_rules! rows {
    ($($name:ident: $begin:ident $behaviour:ident $python:literal => |$given:pat_param| $ours:expr;)*) => {
        $(
            #[test]
            fn $name() {
                compare::<$begin>(Behaviour::$behaviour, $python, |$given| Ok(shown::value($ours)));
            }
        )*
        const TABLE: &[(&str, &str)] = &[$(($python, stringify!($ours))),*];
    };
}

rows! {
    connecting: Plain Answers "socket.create_connection((host, port)).getpeername()" =>
        |(host, port)| socket::connect((host, port))?.getpeername()?;
    connecting_within: Plain Answers "socket.create_connection((host, port), 2.5).gettimeout()" =>
        |(host, port)| socket::create_connection((host, port), Duration::from_millis(2500))?.gettimeout();
    connecting_where_nobody_listens: Plain Nobody "socket.create_connection((host, port))" =>
        |(host, port)| socket::connect((host, port))?;
    connecting_to_no_host: Plain Nobody "socket.create_connection(('no-such-host.invalid', port))" =>
        |(_, port)| socket::connect(("no-such-host.invalid", port))?;
    a_sockets_own_address: Connected Answers "s.getsockname()[0]" => |s| s.getsockname()?.ip();
    a_peers_address: Connected Answers "s.getpeername()[0]" => |s| s.getpeername()?.ip();
    sending: Connected Answers "s.send(b'file\\r\\n')" => |s| s.send(b"file\r\n")?;
    receiving: Connected Answers "s.sendall(b'file\\r\\n'); s.recv(3)" => |s| { s.sendall(b"file\r\n")?; s.recv(3)? };
    receiving_at_the_end: Connected Ends "s.recv(100)" => |s| s.recv(100)?;
    ending: Connected Echoes "s.sendall(b'abc'); s.shutdown(socket.SHUT_WR); s.makefile('rb').read()" =>
        |s| { s.sendall("abc")?; s.shutdown(Shutdown::Write)?; s.makefile().read(None)? };
    sending_after_the_end: Connected Silent "s.shutdown(socket.SHUT_WR); s.send(b'x')" =>
        |s| { s.shutdown(Shutdown::Write)?; s.send("x")? };
    receiving_after_a_reset: Connected Resets "s.sendall(b'x\\r\\n'); s.recv(100)" =>
        |s| { s.sendall("x\r\n")?; s.recv(100)? };
    having_no_timeout: Connected Silent "s.settimeout(None); s.gettimeout()" =>
        |s| { s.settimeout(None)?; s.gettimeout() };
    receiving_in_vain: Connected Silent "s.settimeout(0.05); s.recv(100)" =>
        |s| { s.settimeout(TICK)?; s.recv(100)? };
    receiving_without_waiting: Connected Silent "s.settimeout(0); s.recv(100)" =>
        |s| { s.settimeout(Duration::ZERO)?; s.recv(100)? };
    sending_in_vain: Connected Silent "s.settimeout(0.05); s.sendall(bytes(1 << 26))" =>
        |s| { s.settimeout(TICK)?; s.sendall(vec![0; 1 << 26])? };

    a_file: Connected Answers "f = s.makefile('rwb'); f.write(b'x\\r\\n'); f.flush(); f.readline()" =>
        |s| { let mut f = s.makefile(); f.write("x\r\n")?; f.flush()?; f.readline()? };
    a_file_outlives_its_socket: Connected Answers
        "f = s.makefile('rwb'); s.close(); f.write(b'x\\r\\n'); f.flush(); f.read(4)" =>
        |s| { let mut f = s.makefile(); s.close(); f.write("x\r\n")?; f.flush()?; f.read(4)? };
    writing: Opened Answers "f.write(b'file\\r\\n')" => |mut f| f.write("file\r\n")?;
    reading_all: Opened Answers "f.write(b'x\\r\\n'); f.flush(); f.read()" =>
        |mut f| { f.write("x\r\n")?; f.flush()?; f.read(None)? };
    reading_some: Opened Answers "f.write(b'x\\r\\n'); f.flush(); (f.read(2), f.read(1000), f.read(1))" =>
        |mut f| { f.write("x\r\n")?; f.flush()?; (f.read(2)?, f.read(1000)?, f.read(1)?) };
    reading_lines: Opened Answers "f.write(b'x\\r\\n'); f.flush(); f.readlines()" =>
        |mut f| { f.write("x\r\n")?; f.flush()?; f.readlines()? };
    lines_one_by_one: Opened Answers "f.write(b'x\\r\\n'); f.flush(); [len(line) for line in f]" =>
        |mut f| { f.write("x\r\n")?; f.flush()?; f.map(|line| line.map(|line| line.len())).collect::<socket::Result<Vec<_>>>()? };
    reading_a_line_at_the_end: Opened Ends "f.readline()" => |mut f| f.readline()?;
    reading_a_line_in_vain: Connected Silent "s.settimeout(0.05); s.makefile('rb').readline()" =>
        |s| { s.settimeout(TICK)?; s.makefile().readline()? };
    closing_a_file: Opened Echoes "f.write(b'x'); f.close()" => |mut f| { f.write("x")?; f.close()? };

    listening: Plain Nobody "v = socket.create_server((host, 0)); v.getsockname()[0]" =>
        |(host, _)| { let v = socket::listen((host, 0))?; v.getsockname()?.ip() };
    accepting: Plain Nobody
        "v = socket.create_server((host, 0)); c = socket.create_connection(v.getsockname()); a, peer = v.accept(); peer == c.getsockname()" =>
        |(host, _)| {
            let v = socket::listen((host, 0))?; let c = socket::connect(v.getsockname()?)?; let (_a, peer) = v.accept()?; peer == c.getsockname()?
        };
    serving: Plain Nobody
        "v = socket.create_server((host, 0)); c = socket.create_connection(v.getsockname()); a, peer = v.accept(); a.sendall(b'hi'); a.close(); c.makefile('rb').read()" =>
        |(host, _)| {
            let v = socket::listen((host, 0))?; let c = socket::connect(v.getsockname()?)?;
            let (a, _peer) = v.accept()?; a.sendall("hi")?; a.close(); c.makefile().read(None)?
        };
    accepting_in_vain: Plain Nobody "v = socket.create_server((host, 0)); v.settimeout(0.05); v.accept()" =>
        |(host, _)| { let v = socket::listen((host, 0))?; v.settimeout(TICK)?; v.accept()? };
    accepting_without_waiting: Plain Nobody "v = socket.create_server((host, 0)); v.settimeout(0); v.accept()" =>
        |(host, _)| { let v = socket::listen((host, 0))?; v.settimeout(Duration::ZERO)?; v.accept()? };
    listening_twice: Plain Nobody "v = socket.create_server((host, 0)); socket.create_server(v.getsockname())" =>
        |(host, _)| { let v = socket::listen((host, 0))?; socket::listen(v.getsockname()?)? };

    sending_a_datagram: Unconnected Datagrams "u.sendto(b'hello', (host, port))" =>
        |(u, (host, port))| u.sendto("hello", (host, port))?;
    receiving_a_datagram: Unconnected Datagrams "u.sendto(b'hello', (host, port)); u.recvfrom(100)" =>
        |(u, (host, port))| { u.sendto("hello", (host, port))?; u.recvfrom(100)? };
    receiving_a_part_of_a_datagram: Unconnected Datagrams "u.sendto(b'hello', (host, port)); u.recvfrom(3)[0]" =>
        |(u, (host, port))| { u.sendto("hello", (host, port))?; u.recvfrom(3)?.0 };
    receiving_an_empty_datagram: Unconnected Datagrams "u.sendto(b'', (host, port)); u.recvfrom(100)" =>
        |(u, (host, port))| { u.sendto("", (host, port))?; u.recvfrom(100)? };
    connecting_datagrams: Unconnected Datagrams "u.connect((host, port)); u.send(b'hello'); u.recv(100)" =>
        |(u, (host, port))| { u.connect((host, port))?; u.send("hello")?; u.recv(100)? };
    whom_datagrams_are_connected_to: Unconnected Datagrams "u.connect((host, port)); u.getpeername()" =>
        |(u, (host, port))| { u.connect((host, port))?; u.getpeername()? };
    datagrams_connected_to_nobody_yet: Unconnected Datagrams "u.getpeername()" => |(u, _)| u.getpeername()?;
    a_datagram_that_nobody_receives: Unconnected NoDatagrams "u.connect((host, port)); u.send(b'x'); u.recv(100)" =>
        |(u, (host, port))| { u.connect((host, port))?; u.send("x")?; u.recv(100)? };
    a_datagram_too_long: Unconnected Datagrams "u.sendto(bytes(70000), (host, port))" =>
        |(u, (host, port))| u.sendto([0; 70_000], (host, port))?;
    a_datagram_to_the_other_family: Unconnected Datagrams "u.sendto(b'x', ('::1', port))" =>
        |(u, (_, port))| u.sendto("x", ("::1", port))?;
    waiting_for_a_datagram_in_vain: Unconnected Datagrams "u.settimeout(0.05); u.recvfrom(100)" =>
        |(u, _)| { u.settimeout(TICK)?; u.recvfrom(100)? };

    a_services_port: Plain Nobody "socket.getservbyname('http', 'tcp')" => |_| socket::getservbyname("http", "tcp")?;
    a_services_port_by_its_other_name: Plain Nobody "socket.getservbyname('www')" => |_| socket::getservbyname("www", None)?;
    a_service_of_udp: Plain Nobody "socket.getservbyname('tftp', 'udp')" => |_| socket::getservbyname("tftp", "udp")?;
    a_service_of_the_other_protocol: Plain Nobody "socket.getservbyname('tftp', 'tcp')" => |_| socket::getservbyname("tftp", "tcp")?;
    no_service: Plain Nobody "socket.getservbyname('no-such-service')" => |_| socket::getservbyname("no-such-service", None)?;
    a_ports_service: Plain Nobody "socket.getservbyport(80)" => |_| socket::getservbyport(80, None)?;
    a_ports_service_of_udp: Plain Nobody "socket.getservbyport(53, 'udp')" => |_| socket::getservbyport(53, "udp")?;
    a_port_without_service: Plain Nobody "socket.getservbyport(65000)" => |_| socket::getservbyport(65_000, None)?;

    a_hosts_address: Plain Nobody "socket.gethostbyname('localhost')" => |_| socket::gethostbyname("localhost")?;
    an_address_by_name: Plain Nobody "socket.gethostbyname('127.0.0.1')" => |_| socket::gethostbyname("127.0.0.1")?;
    the_empty_host: Plain Nobody "socket.gethostbyname('')" => |_| socket::gethostbyname("")?;
    the_host_broadcast: Plain Nobody "socket.gethostbyname('<broadcast>')" => |_| socket::gethostbyname("<broadcast>")?;
    no_host: Plain Nobody "socket.gethostbyname('no-such-host.invalid')" => |_| socket::gethostbyname("no-such-host.invalid")?;
    an_address_of_the_other_family: Plain Nobody "socket.gethostbyname('::1')" => |_| socket::gethostbyname("::1")?;
    all_addresses: Plain Nobody
        "[found[4][:2] for found in socket.getaddrinfo('localhost', 80, type=socket.SOCK_STREAM)]" =>
        |_| socket::getaddrinfo("localhost", 80)?;
    all_addresses_of_a_service: Plain Nobody
        "[found[4][:2] for found in socket.getaddrinfo('::1', 'http', type=socket.SOCK_STREAM)]" =>
        |_| socket::getaddrinfo("::1", "http")?;
    addresses_of_no_host: Plain Nobody "socket.getaddrinfo('no-such-host.invalid', 80)" => |_| socket::getaddrinfo("no-such-host.invalid", 80)?;
    addresses_of_no_service: Plain Nobody
        "socket.getaddrinfo('localhost', 'no-such-service', type=socket.SOCK_STREAM)" =>
        |_| socket::getaddrinfo("localhost", "no-such-service")?;
    an_addresses_name: Plain Nobody "socket.gethostbyaddr('127.0.0.1')[0]" => |_| socket::gethostbyaddr("127.0.0.1")?;
    a_names_name: Plain Nobody "socket.gethostbyaddr('localhost')[0]" => |_| socket::gethostbyaddr("localhost")?;
    an_address_without_name: Plain Nobody "socket.gethostbyaddr('192.0.2.1')" => |_| socket::gethostbyaddr("192.0.2.1")?;
    the_name_of_no_host: Plain Nobody "socket.gethostbyaddr('no-such-host.invalid')" => |_| socket::gethostbyaddr("no-such-host.invalid")?;
}

/// Without white space, the braces around several statements, and what makes a value of a result at the end.
fn squashed(code: &str) -> String {
    let code: String = code.split_whitespace().collect();
    let code = code.strip_prefix('{').unwrap_or(&code);
    let code = code.strip_suffix('}').unwrap_or(code);
    code.strip_suffix('?').unwrap_or(code).to_owned()
}

/// The documentation's table: of each row what stands between backticks. A pipe in it is written `\|`.
fn documented() -> Vec<(String, String)> {
    let table = include_str!("../../src/socket/python.md");
    let cells = |line: &str| {
        let line = line.replace("\\|", "\u{1}");
        let mut cells = line.split('|').skip(2).map(|cell| {
            let code = cell.trim().trim_matches('`').replace('\u{1}', "|");
            squashed(&code)
        });
        Some((cells.next()?, cells.next()?))
    };
    table
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('`'))
        .filter_map(cells)
        .collect()
}

#[test]
fn the_documentations_table_is_of_these_rows() {
    let rows: Vec<_> = TABLE
        .iter()
        .map(|(python, ours)| (squashed(python), squashed(ours)))
        .collect();
    for (n, row) in documented().iter().enumerate() {
        assert!(
            rows.contains(row),
            "row {n} of the table is no test: {row:?}"
        );
    }
    for row in &rows {
        assert!(documented().contains(row), "not in the table: {row:?}");
    }
}
