//! What stands in the tables, in words: a line for each connection, for operators who ask a running program what it does.
//! Owns the wording and its bounds; changes nothing.

use std::fmt;

use crate::connection::{Connection, NONE, Pauses, Phase, Pressure, Reading, Writing};
use crate::rate::Direction;
use crate::table::ConnectionId;

use super::Reactor;
use super::timed::Timed;

/// What [`Reactor::dump`] is written to when a signal asks for it.
const TARGET: &str = "ropewalk::dump";

/// Connections in a dump: enough to see what goes on, few enough to be written between two turns.
const SHOWN: usize = 1000;

impl Reactor {
    /// What the reactor holds, in words: listeners, connections, timers and counters, a line for each. To be written
    /// wherever it is wanted, as by `println!("{}", reactor.dump())`.
    ///
    /// ```text
    /// reactor at 81232.114ms: running, 2 connections
    /// listener 127.0.0.1:8007: 2 connections, accepting
    /// #0.0 peer=127.0.0.1:40312 phase=open protocol=chat::Member unsent=0
    /// #1.1 peer=127.0.0.1:40314 phase=open protocol=chat::Member unsent=90112 pressure=high paused=pressure
    /// timers: 1, next in 58.2s; 0 calls, 0 repeated, 1 of the loop
    /// counters: connections=2 connections_unsent=1 listeners=1 timers=1 turns=26 …
    /// ```
    ///
    /// Of a table with more than 1,000 connections those with unsent bytes come first, up to that number, and a line says
    /// how many are left out. To look for them takes a few milliseconds for each 100,000 connections.
    ///
    /// [`run`](crate::run) writes it to the log on SIGUSR1: target `ropewalk::dump`, level info.
    pub fn dump(&self) -> impl fmt::Display {
        Dump(self)
    }

    /// Writes the dump to the log, a record a line.
    pub(super) fn log_dump(&self) {
        if !log::log_enabled!(target: TARGET, log::Level::Info) {
            log::warn!("a dump was asked for, but the log does not show {TARGET} at level info");
            return;
        }
        for line in self.dump().to_string().lines() {
            log::info!(target: TARGET, "{line}");
        }
    }

    /// The type of a connection's protocol, as far as it can be told.
    pub(super) fn protocol_name(&self, id: ConnectionId) -> &'static str {
        let connection = self.connections.get(id);
        match connection.and_then(|connection| connection.protocol.as_ref()) {
            Some(protocol) => protocol.type_name(),
            // It is taken out while it is called.
            None if self.current == Some(id) => "(in a callback)",
            None => "(none)",
        }
    }
}

struct Dump<'a>(&'a Reactor);

impl fmt::Display for Dump<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(reactor) = self;
        let count = reactor.connections.len();
        let (now, state) = (reactor.now, reactor.running);
        writeln!(f, "reactor at {now}: {state}, {count} connections")?;
        for (_, listener) in &reactor.listeners {
            writeln!(f, "listener {}", reactor.describe(listener))?;
        }
        for id in reactor.datagrams.ids().into_iter().take(SHOWN) {
            writeln!(f, "{}", reactor.describe_datagrams(id))?;
        }
        for id in self.shown() {
            self.connection(f, id)?;
        }
        if count > SHOWN {
            writeln!(f, "{} more connections are not shown", count - SHOWN)?;
        }
        self.timers(f)?;
        write!(f, "counters: {}", reactor.counters())
    }
}

impl Dump<'_> {
    /// All connections in the order of their places, or of too many those with something unsent first.
    fn shown(&self) -> Vec<ConnectionId> {
        let table = &self.0.connections;
        if table.len() <= SHOWN {
            return table.ids();
        }
        let unsent = table.ids_of(|connection| connection.out != NONE);
        let others = table.ids_of(|connection| connection.out == NONE);
        unsent.chain(others).take(SHOWN).collect()
    }

    fn connection(&self, f: &mut fmt::Formatter<'_>, id: ConnectionId) -> fmt::Result {
        let Self(reactor) = self;
        let Some(connection) = reactor.connections.get(id) else {
            return Ok(());
        };
        write!(f, "{id} peer=")?;
        match connection.peer.address() {
            Some(peer) => write!(f, "{peer}")?,
            None => f.write_str("?")?,
        }
        let protocol = reactor.protocol_name(id);
        let unsent = reactor.unsent_bytes(id);
        let phase = phase(connection.phase);
        write!(f, " phase={phase} protocol={protocol} unsent={unsent}")?;
        remarks(f, connection)?;
        writeln!(f)
    }

    fn timers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let timers = &self.0.timers;
        let (mut calls, mut repeated, mut own) = (0, 0, 0);
        for timed in timers.actions() {
            *match timed {
                Timed::Call(_) | Timed::ProtocolCall(_) | Timed::DatagramCall(_) => &mut calls,
                Timed::Every(..) | Timed::ProtocolEvery(..) | Timed::DatagramEvery(..) => {
                    &mut repeated
                }
                Timed::Phase(_)
                | Timed::Stall(_)
                | Timed::Idle(..)
                | Timed::Life(_)
                | Timed::Rate(..)
                | Timed::Share(..)
                | Timed::Accept(_)
                | Timed::Attempt(_)
                | Timed::LookUp(_)
                | Timed::Receive(_)
                | Timed::Close(_)
                | Timed::Stop => &mut own,
            } += 1;
        }
        write!(f, "timers: {}", timers.len())?;
        if let Some(next) = timers.next() {
            write!(f, ", next in {:.1?}", next.since(self.0.now))?;
        }
        writeln!(f, "; {calls} calls, {repeated} repeated, {own} of the loop")
    }
}

/// What is not so with most connections.
fn remarks(f: &mut fmt::Formatter<'_>, connection: &Connection) -> fmt::Result {
    if connection.pressure == Pressure::High {
        f.write_str(" pressure=high")?;
    }
    if !connection.pauses.is_empty() {
        let who = [
            (Pauses::ASKED, "asked"),
            (Pauses::PRESSURE, "pressure"),
            (Pauses::PIPED, "pipe"),
        ];
        let who = who
            .iter()
            .filter(|(who, _)| connection.pauses.contains(*who));
        let paused = who.map(|(_, name)| *name).collect::<Vec<_>>().join(",");
        write!(f, " paused={paused}")?;
    }
    for (direction, name) in [
        (Direction::Received, "receiving"),
        (Direction::Sent, "sending"),
    ] {
        if connection.awaits_rate(direction) {
            write!(f, " awaits_rate={name}")?;
        }
    }
    match connection.reading {
        Reading::Open => {}
        Reading::Ending => f.write_str(" reading=ending")?,
        Reading::Ended => f.write_str(" reading=ended")?,
    }
    match connection.writing {
        Writing::Open => {}
        Writing::Ending => f.write_str(" writing=ending")?,
        Writing::Ended => f.write_str(" writing=ended")?,
        Writing::Broken => f.write_str(" writing=broken")?,
    }
    let rare = connection.rare.as_ref();
    if let Some(rare) = rare {
        for (name, count) in [
            ("held", rare.held.rest().len()),
            ("layers", rare.layers.len()),
            ("timers", rare.timers.len()),
        ] {
            if count > 0 {
                write!(f, " {name}={count}")?;
            }
        }
    }
    let latched = rare.and_then(|rare| rare.reason.clone());
    let reason = if connection.is_live() {
        latched
    } else {
        Some(connection.reason())
    };
    match reason {
        Some(reason) => write!(f, " reason=\"{reason}\""),
        None => Ok(()),
    }
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Connecting => "connecting",
        Phase::Opening => "opening",
        Phase::Open => "open",
        Phase::Draining => "draining",
        Phase::Lost => "lost",
        Phase::Lingering => "lingering",
    }
}
