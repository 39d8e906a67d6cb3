//! The modes that are counted: the same as the benchmark's, in steps. Owns their numbers.

use crate::service::Service;

pub(crate) struct Mode {
    pub(crate) name: &'static str,
    /// What is counted, one of it.
    pub(crate) unit: &'static str,
    pub(crate) service: Service,
    pub(crate) clients: usize,
    pub(crate) script: Script,
    /// So many that a figure's third digit stands.
    pub(crate) rounds: usize,
}

/// What the clients do in a round.
#[derive(Clone, Copy)]
pub(crate) enum Script {
    /// Each sends a block and gets it back.
    Exchange { block: usize, line: usize },
    /// So many of them say a line, and all others hear it.
    Speak(usize),
    /// Each connects, sends 64 bytes, gets them back and goes.
    Come,
}

const fn mode(
    name: &'static str,
    unit: &'static str,
    service: Service,
    clients: usize,
    script: Script,
    rounds: usize,
) -> Mode {
    Mode {
        name,
        unit,
        service,
        clients,
        script,
        rounds,
    }
}

const fn exchange(block: usize, line: usize) -> Script {
    Script::Exchange { block, line }
}

pub(crate) const MODES: [Mode; 7] = [
    mode("echo50", "message", Service::Echo, 50, exchange(64, 64), 40),
    mode(
        "echo1000",
        "message",
        Service::Echo,
        1000,
        exchange(64, 64),
        4,
    ),
    mode(
        "lines",
        "line",
        Service::Lines,
        50,
        exchange(64 * 32, 32),
        20,
    ),
    mode(
        "chat1",
        "delivery",
        Service::Chat,
        100,
        Script::Speak(1),
        40,
    ),
    mode(
        "chat8",
        "delivery",
        Service::Chat,
        100,
        Script::Speak(8),
        40,
    ),
    mode("churn", "connection", Service::Echo, 16, Script::Come, 20),
    mode("stream", "MiB", Service::Echo, 4, exchange(1 << 20, 64), 10),
];

impl Mode {
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        MODES.iter().find(|mode| mode.name == name)
    }

    /// Operations in a round.
    pub(crate) fn operations(&self) -> usize {
        match self.script {
            Script::Exchange { block, .. } if self.service == Service::Lines => {
                self.clients * block / 32
            }
            Script::Exchange { .. } | Script::Come => self.clients,
            Script::Speak(speakers) => speakers * (self.clients - 1),
        }
    }

    /// Bytes a server sends in a round.
    pub(crate) fn bytes(&self) -> usize {
        match self.script {
            Script::Exchange { block, .. } => self.clients * block,
            Script::Speak(_) => self.operations() * crate::clients::LINE,
            Script::Come => self.clients * 64,
        }
    }
}
