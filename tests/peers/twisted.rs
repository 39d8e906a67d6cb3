//! A client of an echo that somebody else has written, here Twisted: frames of every length in one of the framings that both
//! know, which have to come back as they were. Owns no server and no judgement of speed; `.ci/check_twisted` runs it.
//!
//! ```text
//! twisted_peer ENDPOINT int8|int16|int32|netstring|lines SEED COUNT
//! ```

use std::cell::RefCell;
use std::collections::VecDeque;
use std::process::ExitCode;
use std::rc::Rc;

use ropewalk::framing::{Int8, Int16, Int32, Lines, Netstring};
use ropewalk::{FrameError, Lost, Protocol, Reactor, Refusal, Transport};

/// So many frames are under way at a time.
const WINDOW: usize = 8;

/// Numbers that look like chance and follow from a seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) as usize % end
    }
}

/// What came of it, told at the end.
type Outcome = Rc<RefCell<Result<String, String>>>;

struct Client {
    framing: String,
    numbers: Numbers,
    /// Frames still to be sent.
    left: usize,
    under_way: VecDeque<Vec<u8>>,
    frames: usize,
    bytes: usize,
    outcome: Outcome,
}

impl Protocol for Client {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        match self.framing.as_str() {
            "int8" => transport.set_framing(Int8::default()),
            "int16" => transport.set_framing(Int16::default()),
            "int32" => transport.set_framing(Int32::default()),
            "netstring" => transport.set_framing(Netstring::default()),
            _ => transport.set_framing(Lines::crlf()),
        }
        for _ in 0..WINDOW {
            self.send_one(transport);
        }
    }

    fn data_received(&mut self, transport: &mut Transport<'_>, frame: &[u8]) {
        match self.under_way.pop_front() {
            Some(sent) if sent == frame => {
                self.frames += 1;
                self.bytes += frame.len();
            }
            sent => {
                let sent = sent.map(|frame| frame.len());
                return self.fail(
                    transport,
                    format!("{} bytes came for {sent:?}", frame.len()),
                );
            }
        }
        self.send_one(transport);
        if self.under_way.is_empty() {
            let (frames, bytes) = (self.frames, self.bytes);
            *self.outcome.borrow_mut() = Ok(format!("{frames} frames, {bytes} bytes"));
            transport.lose_connection();
        }
    }

    fn frame_refused(&mut self, transport: &mut Transport<'_>, error: &FrameError) -> Refusal {
        self.fail(transport, format!("refused: {error}"));
        Refusal::Lose
    }

    fn connection_lost(&mut self, transport: &mut Transport<'_>, reason: &Lost) {
        if !matches!(reason, Lost::Done(_)) {
            *self.outcome.borrow_mut() = Err(format!("lost: {reason}"));
        }
        transport.reactor().stop();
    }
}

impl Client {
    fn send_one(&mut self, transport: &mut Transport<'_>) {
        let Some(left) = self.left.checked_sub(1) else {
            return;
        };
        self.left = left;
        let frame = self.frame();
        match transport.try_send(&frame) {
            Ok(()) => self.under_way.push_back(frame),
            Err(error) => self.fail(transport, format!("not sent: {error}")),
        }
    }

    /// Of any length, the shortest and the longest ones often.
    fn frame(&mut self) -> Vec<u8> {
        let longest = match self.framing.as_str() {
            "int8" => 255,
            "int16" => 65_535,
            "lines" => 16_384,
            _ => 99_999,
        };
        let length = match self.numbers.below(8) {
            0 => longest,
            1 => longest - 1,
            2 => self.numbers.below(3),
            3 => self.numbers.below(longest),
            _ => self.numbers.below(200),
        };
        let is_text = self.framing == "lines";
        let byte = |_| match self.numbers.below(256) as u8 {
            b'\r' | b'\n' if is_text => b' ',
            byte => byte,
        };
        (0..length).map(byte).collect()
    }

    fn fail(&self, transport: &mut Transport<'_>, what: String) {
        *self.outcome.borrow_mut() = Err(what);
        transport.abort_connection();
    }
}

fn exchange(endpoint: &str, framing: &str, seed: u64, count: usize) -> Result<String, String> {
    let outcome: Outcome = Rc::new(RefCell::new(Err("nothing came".to_owned())));
    let client = Client {
        framing: framing.to_owned(),
        numbers: Numbers(seed),
        left: count,
        under_way: VecDeque::new(),
        frames: 0,
        bytes: 0,
        outcome: Rc::clone(&outcome),
    };
    let told = Rc::clone(&outcome);
    let ended = ropewalk::run(move |reactor| {
        let connect = reactor.connect(endpoint);
        connect
            .failed(move |reactor: &mut Reactor, error| {
                *told.borrow_mut() = Err(error.to_string());
                reactor.stop();
            })
            .with(client);
        Ok(())
    });
    ended.map_err(|error| error.to_string())?;
    outcome.replace(Ok(String::new()))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, framing, seed, count] = arguments.as_slice() else {
        eprintln!("expected ENDPOINT int8|int16|int32|netstring|lines SEED COUNT");
        return ExitCode::from(2);
    };
    let (Ok(seed), Ok(count)) = (seed.parse(), count.parse()) else {
        eprintln!("expected two numbers in place of {seed:?} and {count:?}");
        return ExitCode::from(2);
    };
    match exchange(endpoint, framing, seed, count) {
        Ok(what) => {
            println!("{what}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("{framing}: {why}");
            ExitCode::FAILURE
        }
    }
}
