//! A scenario in simulation. Owns the worlds that it is played in, from the tamest on; does not compare.

use std::time::Duration;

use ropewalk::Reactor;
use ropewalk::sim::{Faults, World};

use crate::kernel::PASSES;
use crate::outcome::Outcome;
use crate::play::{Ground, play};
use crate::puppet::{Puppet, Record, limits};
use crate::scenario::{End, Scenario};

/// The sizes of send buffers and of windows, in KiB, the kernel's first.
const WINDOWS: [usize; 8] = [64, 32, 128, 256, 16, 512, 96, 1024];
/// Whose turns come first, one after the other, when all is to settle. Nobody's: they have theirs at once.
const ORDERS: [&[End]; 3] = [
    &[End::Server, End::Client],
    &[End::Client, End::Server],
    &[],
];
/// Worlds without faults, that differ in what a kernel may choose. Of each sort there are two: in the first one what is sent
/// is there at once.
const TAME: usize = 2 * WINDOWS.len() * ORDERS.len();
/// How many worlds there are.
pub(crate) const WORLDS: usize = 5 * TAME;

const PORT: u16 = 7;

/// Plays a scenario in the `nth` world.
pub(crate) fn play_in(nth: usize, scenario: &Scenario) -> Outcome {
    let ground = Simulated::new(nth, scenario);
    play(&ground, scenario)
}

/// What happened in the `nth` world.
pub(crate) fn trace_in(nth: usize, scenario: &Scenario) -> Vec<String> {
    let ground = Simulated::new(nth, scenario);
    play(&ground, scenario);
    ground.world.trace()
}

struct Simulated {
    world: World,
    client: Record,
    server: Record,
    /// One of the [`ORDERS`].
    order: &'static [End],
}

impl Simulated {
    fn new(nth: usize, scenario: &Scenario) -> Self {
        let faults = if nth < TAME {
            Faults::None
        } else {
            Faults::Unnoticeable
        };
        let world = World::new(nth as u64, faults);
        let sort = nth / WINDOWS.len();
        world.set_window(WINDOWS[nth % WINDOWS.len()] * 1024);
        if (sort / ORDERS.len()).is_multiple_of(2) {
            world.set_latency(Duration::ZERO);
        }
        let ground = Self {
            world,
            client: Record::default(),
            server: Record::default(),
            order: ORDERS[sort % ORDERS.len()],
        };
        ground.connect(scenario);
        ground
    }

    fn connect(&self, scenario: &Scenario) {
        let world = &self.world;
        let limits = limits(scenario.hasty);
        let (record, manner) = (self.server.clone(), scenario.server);
        let settings = limits.clone();
        world.host(name(End::Server), |reactor| {
            reactor
                .listen(format!("tcp:{PORT}:interface=*"))
                .limits(settings)
                .serve(move |_| Puppet::new(&record, manner))
        });
        let address = world.address(name(End::Server));
        let (record, failed) = (self.client.clone(), self.client.clone());
        world.host(name(End::Client), |reactor| {
            let id = reactor
                .connect(format!("tcp:{address}:{PORT}"))
                .limits(limits)
                .failed(move |_, _| failed.note("failed"))
                .with(Puppet::new(&record, scenario.client));
            record.knows(id);
            Ok(())
        });
    }
}

fn name(end: End) -> &'static str {
    match end {
        End::Client => "client",
        End::Server => "server",
    }
}

impl Ground for Simulated {
    fn record(&self, end: End) -> &Record {
        match end {
            End::Client => &self.client,
            End::Server => &self.server,
        }
    }

    fn on(&self, end: End, act: &mut dyn FnMut(&mut Reactor)) {
        self.world.on(name(end), act);
    }

    fn turn(&self, end: End) {
        self.world.freeze(name(end), Duration::ZERO);
        self.world
            .freeze(name(end.other()), Duration::from_nanos(1));
        self.world.run_for(Duration::ZERO);
    }

    fn settle(&self) {
        for &end in self.order {
            self.turn(end);
        }
        for end in End::BOTH {
            self.world.freeze(name(end), Duration::ZERO);
        }
        self.world.settle();
    }

    fn pass(&self) {
        self.world.run_for(PASSES);
    }
}
