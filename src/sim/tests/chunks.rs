//! Unnoticeable faults: whatever they do to the bytes on their way, all arrive, in order, and the same for a seed.

use super::*;

const SIZE: usize = 200_000;

/// Sends a numbered stream by the rules of readiness alone: each side acts only when it was told to. Returns what
/// arrived, in how many reads, and the trace.
fn transfer(seed: u64) -> (Vec<u8>, usize, Vec<String>) {
    let mut bench = Bench::new(seed, Faults::Unnoticeable);
    let (caller, callee) = bench.pair();
    let sent: Vec<u8> = (0..SIZE).map(byte).collect();
    let (mut written, mut received, mut reads) = (0, Vec::new(), 0);
    let (mut may_write, mut may_read) = (true, true);
    loop {
        if may_write {
            write_all(&mut bench.client, caller, &sent, &mut written);
            may_write = false;
        }
        if may_read {
            match read_all(&mut bench.server, callee, &mut received, &mut reads) {
                Reader::Ended => break,
                Reader::Waits => may_read = false,
            }
        }
        may_write |= told(&mut bench.client, CALLER, |ready| ready.writable);
        may_read |= told(&mut bench.server, CALLEE, |ready| ready.readable);
        if may_write || may_read {
            continue;
        }
        let next = bench.fabric.borrow().next_event();
        let next = next.expect("told of nothing, and nothing happens any more");
        bench.fabric.borrow_mut().advance(next);
    }
    let lines = bench.fabric.borrow().story().lines();
    (received, reads, lines)
}

fn byte(index: usize) -> u8 {
    u8::try_from(index * 31 % 251).unwrap()
}

/// Writes until told to wait, or all and FIN.
fn write_all(network: &mut SimNetwork, socket: SocketId, data: &[u8], written: &mut usize) {
    while *written < data.len() {
        let (one, two) = data[*written..].split_at((data.len() - *written) / 2);
        match network.write(socket, &[IoSlice::new(one), IoSlice::new(two)]) {
            Ok(size) => *written += size,
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                return;
            }
        }
    }
    network.shutdown_write(socket).unwrap();
}

enum Reader {
    Waits,
    Ended,
}

fn read_all(
    network: &mut SimNetwork,
    socket: SocketId,
    received: &mut Vec<u8>,
    reads: &mut usize,
) -> Reader {
    let mut buffer = [0; 10_000];
    loop {
        *reads += 1;
        let drained = match network.read(socket, &mut buffer) {
            Ok(Received::Filled { size, drained }) => {
                received.extend_from_slice(&buffer[..size]);
                drained
            }
            Ok(Received::Lent { data, drained }) => {
                assert!(data.len() <= buffer.len());
                received.extend_from_slice(&data);
                drained
            }
            Ok(Received::Ended) => return Reader::Ended,
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                return Reader::Waits;
            }
        };
        if drained {
            return Reader::Waits;
        }
    }
}

fn told(network: &mut SimNetwork, token: Token, what: impl Fn(&Readiness) -> bool) -> bool {
    poll(network).iter().any(|r| r.token == token && what(r))
}

#[test]
fn every_chunking_arrives_whole_and_in_order() {
    let whole: Vec<u8> = (0..SIZE).map(byte).collect();
    let mut counts = Vec::new();
    for seed in 0..200 {
        let (received, reads, _) = transfer(seed);
        assert!(received == whole, "seed {seed}: {} bytes", received.len());
        counts.push(reads);
    }
    counts.sort_unstable();
    let (least, most) = (counts[0], counts[counts.len() - 1]);
    assert!(least * 10 < most, "seeds differ: {least} to {most} reads");
}

#[test]
fn a_seed_repeats_itself() {
    for seed in [1, 2, 3] {
        assert_eq!(transfer(seed), transfer(seed));
    }
    assert_ne!(transfer(1).2, transfer(2).2);
}
