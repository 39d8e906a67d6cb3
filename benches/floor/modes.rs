//! The modes: what is asked of the servers in each, in what unit it is told, and what is expected of us. Owns the numbers.

use crate::load::Load;
use crate::load::exchange::Exchange;
use crate::load::text::Blocks;
use crate::service::Service;

pub(crate) struct Mode {
    pub(crate) name: &'static str,
    /// What is counted, in the plural.
    pub(crate) unit: &'static str,
    pub(crate) service: Service,
    /// At most this many times the floor's processor time.
    pub(crate) goal: f64,
    pub(crate) load: fn(u16) -> Box<dyn Load>,
}

pub(crate) const MODES: [Mode; 4] = [
    Mode {
        name: "echo50",
        unit: "messages",
        service: Service::Echo,
        goal: 1.01,
        load: |port| Box::new(Exchange::new(port, 50, Blocks::lines(64, 64, 61), 1)),
    },
    Mode {
        name: "echo1000",
        unit: "messages",
        service: Service::Echo,
        goal: 1.05,
        load: |port| Box::new(Exchange::new(port, 1000, Blocks::lines(64, 64, 61), 1)),
    },
    Mode {
        name: "lines",
        unit: "lines",
        service: Service::Lines,
        goal: 1.05,
        load: |port| Box::new(Exchange::new(port, 50, Blocks::lines(64 * 32, 32, 61), 64)),
    },
    Mode {
        name: "stream",
        unit: "MiB",
        service: Service::Echo,
        goal: 1.03,
        load: |port| Box::new(Exchange::new(port, 4, Blocks::lines(1 << 20, 64, 3), 1)),
    },
];
