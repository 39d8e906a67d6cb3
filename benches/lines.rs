//! What lines cost beside bytes: `cargo bench --bench lines`. One reactor echoes the same 32-byte lines over loopback as
//! bytes and as lines, by turns; the median of the pairs is printed as a ratio, for a machine's mood concerns both.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use ropewalk::{Address, LineReceiver, Listener, Protocol, Reactor, Stepper, Transport};

struct Bytes;

impl Protocol for Bytes {
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        transport.write(data);
    }
}

struct Lines;

impl LineReceiver for Lines {
    fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
        transport.send(line);
    }
}

const LINES: usize = 512;
const ROUNDS: usize = 2_000;
const PAIRS: usize = 15;

fn client(listener: &Listener) -> TcpStream {
    let Address::Tcp(address) = listener.address() else {
        panic!("a TCP listener has a TCP address");
    };
    TcpStream::connect(address).expect("the listener is there")
}

/// Nanoseconds a line.
#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark is about the machine's own time"
)]
fn measure(stepper: &mut Stepper, client: &mut TcpStream, input: &[u8], output: &mut [u8]) -> f64 {
    let begin = std::time::Instant::now();
    for _ in 0..ROUNDS {
        client.write_all(input).expect("the server reads");
        let goal = stepper.reactor().counters().bytes_out + input.len() as u64;
        while stepper.reactor().counters().bytes_out < goal {
            stepper
                .turn(Some(Duration::from_secs(1)))
                .expect("the selector works");
        }
        client.read_exact(output).expect("the server answers");
        assert_eq!(input, output);
    }
    begin.elapsed().as_nanos() as f64 / (ROUNDS * LINES) as f64
}

fn main() -> ropewalk::Result<()> {
    let mut reactor = Reactor::new()?;
    let bytes = reactor.listen("tcp:0").serve(|_peer| Bytes)?;
    let lines = reactor.listen("tcp:0").serve(|_peer| Lines)?;
    let (mut bytes, mut lines) = (client(&bytes), client(&lines));
    let mut stepper = Stepper::new(reactor);
    let input = b"thirty bytes of text or so ...\r\n".repeat(LINES);
    let mut output = vec![0; input.len()];
    let mut pairs = Vec::new();
    for _ in 0..PAIRS {
        let raw = measure(&mut stepper, &mut bytes, &input, &mut output);
        let cut = measure(&mut stepper, &mut lines, &input, &mut output);
        pairs.push((cut / raw, raw, cut));
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (ratio, raw, cut) = pairs[PAIRS / 2];
    println!(
        "32-byte lines echoed over loopback, client included: {raw:.1} ns as bytes, {cut:.1} ns as lines, ratio {ratio:.2}"
    );
    Ok(())
}
