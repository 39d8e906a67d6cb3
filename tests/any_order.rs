//! Whatever the peer and the protocol do, in whatever order: one life, one loss, nothing after it, nothing left behind.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;
use ropewalk::testing::{self, Wire};
use ropewalk::{Limits, Lines, Lost, Protocol, Transport};

mod toy;

use toy::{CLIENT_HELLO, FAREWELL, Toy, sealed};

/// Does what each byte says. It gives back, and hands over, only so often: to do so each time would be without end.
#[derive(Clone)]
struct Puppet {
    patience: Rc<Cell<u32>>,
    /// Whether it has closed or aborted, and whether it was told anything after that but its loss.
    closed: Rc<Cell<bool>>,
    told_after_that: Rc<Cell<bool>>,
}

impl Puppet {
    fn is_patient(&self) -> bool {
        let left = self.patience.get();
        self.patience.set(left.saturating_sub(1));
        left > 0
    }

    fn is_told(&self) {
        if self.closed.get() {
            self.told_after_that.set(true);
        }
    }

    fn obeys(&self, transport: &mut Transport<'_>, commands: &[u8]) {
        for &command in commands {
            self.does(transport, command);
        }
    }

    fn does(&self, transport: &mut Transport<'_>, command: u8) {
        match command {
            b'w' => transport.write([b'.'; 300]),
            b's' => transport.write_shared(vec![b'.'; 5000].into()),
            b'l' => {
                self.closed.set(true);
                transport.lose_connection();
            }
            b'h' => transport.lose_write_connection(),
            b'x' => {
                self.closed.set(true);
                transport.abort_connection();
            }
            b'p' => {
                transport.pause_reading();
                transport.call_later(Duration::from_millis(1), |_: &mut Self, transport| {
                    transport.resume_reading();
                });
            }
            b'z' => transport.pause_reading(),
            b'r' => transport.resume_reading(),
            b'f' => transport.set_framing(Lines::default().max_length(3)),
            b'n' => transport.set_raw(),
            b'c' => transport.expect_raw(2),
            b'u' if self.is_patient() => transport.unread(2),
            b'S' if self.is_patient() => transport.switch_protocol(self.clone()),
            b't' => {
                transport.call_every(Duration::from_secs(1), |_: &mut Self, transport| {
                    transport.write("t");
                });
            }
            b'!' => panic!("as it should in this test"),
            _ => {}
        }
    }
}

impl Protocol for Puppet {
    fn data_received(&mut self, transport: &mut Transport<'_>, data: &[u8]) {
        self.is_told();
        self.obeys(transport, data);
    }

    fn pause_writing(&mut self, transport: &mut Transport<'_>) {
        self.is_told();
        transport.pause_reading();
    }

    fn resume_writing(&mut self, transport: &mut Transport<'_>) {
        self.is_told();
        transport.resume_reading();
    }

    fn eof_received(&mut self, transport: &mut Transport<'_>) {
        self.is_told();
        transport.write("end");
        transport.call_later(Duration::from_secs(2), |_: &mut Self, transport| {
            transport.lose_connection();
        });
    }

    fn connection_lost(&mut self, transport: &mut Transport<'_>, _: &Lost) {
        for command in *b"wslhxprfncuSt" {
            self.does(transport, command);
        }
    }
}

#[derive(Clone, Debug)]
enum Deed {
    Receives(Vec<u8>),
    Commands(Vec<u8>),
    Ends,
    Resets,
    Blocks,
    Takes(usize),
    Unblocks,
    Advances(u64),
    Stops,
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let commands = prop::collection::vec(
        prop::sample::select(b"wwwsslhxpzrfncuSt!....\n\n\n".to_vec()),
        0..8,
    );
    prop_oneof![
        8 => commands.clone().prop_map(Deed::Receives),
        4 => commands.prop_map(Deed::Commands),
        1 => Just(Deed::Ends),
        1 => Just(Deed::Resets),
        3 => Just(Deed::Blocks),
        2 => (1..2000usize).prop_map(Deed::Takes),
        2 => Just(Deed::Unblocks),
        3 => (1..3000u64).prop_map(Deed::Advances),
        1 => Just(Deed::Stops),
    ]
}

fn perform(wire: &mut Wire<Puppet>, deed: &Deed, layered: bool, ended: &mut bool) {
    match deed {
        Deed::Receives(data) if !*ended => {
            let data = if layered { sealed(data) } else { data.clone() };
            wire.receives(data);
        }
        Deed::Commands(commands) if wire.lost().is_none() => {
            let id = wire.id();
            let commands = commands.clone();
            wire.reactor()
                .tell(id, move |puppet: &mut Puppet, transport| {
                    puppet.obeys(transport, &commands);
                });
        }
        Deed::Ends if !*ended => {
            *ended = true;
            if layered {
                wire.receives([FAREWELL]);
            }
            wire.ends();
        }
        Deed::Resets => {
            *ended = true;
            wire.resets();
        }
        Deed::Blocks => drop(wire.blocks()),
        Deed::Takes(bytes) => drop(wire.takes(*bytes)),
        Deed::Unblocks => drop(wire.unblocks()),
        Deed::Advances(by) => drop(wire.advance(Duration::from_millis(*by))),
        Deed::Stops => wire.reactor().stop(),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn every_life_ends_once_and_leaves_nothing(
        deeds in prop::collection::vec(any_deed(), 0..25),
        layered in any::<bool>(),
    ) {
        let puppet = Puppet {
            patience: Rc::new(Cell::new(20)),
            closed: Rc::default(),
            told_after_that: Rc::default(),
        };
        let limits = Limits::default().water_marks(500, 1000).unsent(20_000);
        let mut wiring = testing::wiring().limits(limits);
        if layered {
            wiring = wiring.through(Toy::server());
        }
        let mut wire = wiring.connect(puppet.clone());
        if layered {
            wire.receives(CLIENT_HELLO);
        }
        let mut ended = false;
        for deed in &deeds {
            perform(&mut wire, deed, layered, &mut ended);
            if wire.lost().is_some() {
                let told = wire.callbacks();
                prop_assert!(told[told.len() - 1].starts_with("lost "));
            }
        }
        wire.unblocks();
        wire.reactor().stop();
        wire.advance(Duration::from_secs(60));
        let told = wire.callbacks();
        let lost = told.iter().filter(|word| word.starts_with("lost ")).count();
        prop_assert_eq!(lost, 1, "{:?}", told);
        prop_assert_eq!(&told[0], "made");
        prop_assert!(told[told.len() - 1].starts_with("lost "));
        prop_assert_eq!(told.iter().filter(|word| *word == "eof").count() <= 1, true);
        prop_assert!(wire.is_closed() || matches!(wire.lost(), Some(Lost::Reset)));
        prop_assert_eq!(wire.reactor().connections(), 0);
        prop_assert!(!puppet.told_after_that.get(), "{:?}", told);
    }
}
