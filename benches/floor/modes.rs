//! The modes: what is asked of the servers in each, in what unit it is told, and what is expected of us. Owns the numbers.

use crate::load::Load;
use crate::load::chat::Chat;
use crate::load::churn::Churn;
use crate::load::exchange::Exchange;
use crate::load::redis::{self, Redis};
use crate::load::text::Blocks;
use crate::options::Options;
use crate::service::Service;
use crate::{idle, measure, silent};

pub(crate) struct Mode {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    /// Rounds of work, told in the baseline's cost.
    Work(Work),
    /// The same of clients by other people, where they are installed.
    Foreign(Work),
    /// What connections cost that do nothing.
    Idle,
    /// What the others notice of a member who never reads.
    Silent,
}

pub(crate) struct Work {
    /// What is counted, one of it.
    pub(crate) unit: &'static str,
    pub(crate) service: Service,
    /// At most this many times the floor's processor time.
    pub(crate) goal: f64,
    pub(crate) load: fn(u16) -> Box<dyn Load>,
}

const fn work(
    name: &'static str,
    unit: &'static str,
    service: Service,
    goal: f64,
    load: fn(u16) -> Box<dyn Load>,
) -> Mode {
    let work = Work {
        unit,
        service,
        goal,
        load,
    };
    Mode {
        name,
        kind: Kind::Work(work),
    }
}

pub(crate) const MODES: [Mode; 11] = [
    work("echo50", "message", Service::Echo, 1.01, |port| {
        Box::new(Exchange::new(port, 50, Blocks::lines(64, 64, 61), 1))
    }),
    work("echo1000", "message", Service::Echo, 1.05, |port| {
        Box::new(Exchange::new(port, 1000, Blocks::lines(64, 64, 61), 1))
    }),
    work("lines", "line", Service::Lines, 1.05, |port| {
        Box::new(Exchange::new(port, 50, Blocks::lines(64 * 32, 32, 61), 64))
    }),
    work("chat1", "delivery", Service::Chat, 1.03, |port| {
        Box::new(Chat::new(port, 100, 1, 0))
    }),
    work("chat8", "delivery", Service::Chat, 1.05, |port| {
        Box::new(Chat::new(port, 100, 8, 0))
    }),
    work("churn", "connection", Service::Echo, 1.03, |port| {
        Box::new(Churn::new(port))
    }),
    work("stream", "MiB", Service::Echo, 1.03, |port| {
        Box::new(Exchange::new(port, 4, Blocks::lines(1 << 20, 64, 3), 1))
    }),
    Mode {
        name: "idle",
        kind: Kind::Idle,
    },
    Mode {
        name: "silent",
        kind: Kind::Silent,
    },
    Mode {
        name: "redis",
        kind: Kind::Foreign(Work {
            unit: "message",
            service: Service::Echo,
            goal: 1.01,
            load: |port| Box::new(Redis::new(port, 1)),
        }),
    },
    Mode {
        name: "redis-lines",
        kind: Kind::Foreign(Work {
            unit: "line",
            service: Service::Lines,
            goal: 1.05,
            load: |port| Box::new(Redis::new(port, 32)),
        }),
    },
];

impl Mode {
    pub(crate) fn run(&self, options: &Options, core: usize) {
        match &self.kind {
            Kind::Work(work) => measure::run(self.name, work, options, core),
            Kind::Foreign(work) if redis::is_there() => {
                measure::run(self.name, work, options, core);
            }
            Kind::Foreign(_) => println!("{}: this machine has no redis-benchmark", self.name),
            Kind::Idle => idle::run(options, core),
            Kind::Silent => silent::run(options, core),
        }
    }
}
