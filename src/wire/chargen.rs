//! The character generator. Owns its pattern and when to go on with it; how much may wait is for the water marks to say.

use std::time::Duration;

use bytes::Bytes;

use crate::protocol::Protocol;
use crate::transport::Transport;

/// The printable characters of ASCII, the blank included.
const PRINTABLE: usize = 95;
const LINE: usize = 72;
const WITH_END: usize = LINE + 2;

/// As many lines as there are characters to begin with; then it comes again.
static PATTERN: [u8; PRINTABLE * WITH_END] = pattern();

const fn pattern() -> [u8; PRINTABLE * WITH_END] {
    let mut pattern = [b'\n'; PRINTABLE * WITH_END];
    let mut at = 0;
    while at < pattern.len() {
        let (line, column) = (at / WITH_END, at % WITH_END);
        if column < LINE {
            pattern[at] = b' ' + ((line + column) % PRINTABLE) as u8;
        } else if column == LINE {
            pattern[at] = b'\r';
        }
        at += 1;
    }
    pattern
}

/// Sends lines of 72 characters for as long as it is listened to, each beginning one character later than the one before (RFC 864).
/// What it gets is thrown away; the peer's end is its end.
///
/// While more than the high mark is unsent it makes nothing, so a peer that does not read costs little.
#[derive(Debug, Default)]
pub struct Chargen {
    state: State,
    /// A call to go on is under way. A pause and a resumption may come before it, and there must not be two.
    called: bool,
}

#[derive(Debug, Default, PartialEq)]
enum State {
    #[default]
    Making,
    Paused,
    Ended,
}

impl Chargen {
    /// A pattern a turn, so that others have their turns too.
    fn make(&mut self, transport: &mut Transport<'_>) {
        if self.state == State::Making {
            transport.write_shared(Bytes::from_static(&PATTERN));
            self.go_on(transport);
        }
    }

    fn go_on(&mut self, transport: &mut Transport<'_>) {
        if !self.called {
            self.called = true;
            transport.call_later(Duration::ZERO, |this: &mut Self, transport| {
                this.called = false;
                this.make(transport);
            });
        }
    }

    fn end(&mut self, transport: &mut Transport<'_>) {
        self.state = State::Ended;
        transport.lose_connection();
    }
}

impl Protocol for Chargen {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        self.make(transport);
    }

    fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}

    fn eof_received(&mut self, transport: &mut Transport<'_>) {
        self.end(transport);
    }

    fn pause_writing(&mut self, _: &mut Transport<'_>) {
        self.state = State::Paused;
    }

    fn resume_writing(&mut self, transport: &mut Transport<'_>) {
        self.state = State::Making;
        self.go_on(transport);
    }

    fn stopping(&mut self, transport: &mut Transport<'_>) {
        self.end(transport);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::testing;

    #[test]
    fn lines_begin_one_character_later_each() {
        let lines: Vec<&[u8]> = PATTERN.split(|&byte| byte == b'\n').collect();
        assert_eq!(lines.len(), PRINTABLE + 1);
        assert!(lines[0].starts_with(b" !\"#$") && lines[0].ends_with(b"efg\r"));
        assert!(lines[1].starts_with(b"!\"#$%") && lines[1].ends_with(b"fgh\r"));
        assert!(lines[94].starts_with(b"~ !\"#") && lines[94].ends_with(b"def\r"));
    }

    #[test]
    fn the_pattern_goes_on_where_it_waited() {
        let limits = Limits::default().water_marks(5_000, 20_000);
        let mut wire = testing::wiring()
            .limits(limits)
            .blocked()
            .connect(Chargen::default());
        let mut sent = Vec::new();
        for _ in 0..20 {
            wire.takes(9_000);
            sent.extend(wire.take_sent());
            let unsent = wire.protocol(|_, transport| transport.unsent());
            assert!(unsent <= 20_000 + PATTERN.len(), "{unsent}");
        }
        assert_eq!(sent.len(), 180_000);
        let expected = PATTERN.iter().cycle().take(sent.len());
        assert!(sent.iter().eq(expected));
    }
}
