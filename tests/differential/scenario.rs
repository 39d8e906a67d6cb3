//! What two ends of one connection do, step by step. Owns the steps, how they are drawn and how they read as code; plays
//! nothing.

use std::fmt;

use proptest::prelude::*;

/// One of the two protocols.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Client,
    Server,
}

impl End {
    pub(crate) const BOTH: [Self; 2] = [Self::Client, Self::Server];

    pub(crate) fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Write(End, usize),
    Pause(End),
    Resume(End),
    /// `lose_write_connection`.
    EndWriting(End),
    Lose(End),
    Abort(End),
    /// One end's loop turns until it has nothing to do, the other one not at all.
    Turn(End),
    /// Both loops turn until nothing is under way.
    Settle,
    /// A time passes that is longer than the limits of a [hasty](Scenario::hasty) scenario.
    Pass,
}

/// What a protocol does of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Manner {
    pub(crate) at_eof: AtEof,
    pub(crate) under_pressure: UnderPressure,
    /// Whether it writes back what it receives.
    pub(crate) echoes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtEof {
    /// Closes, as by default.
    Loses,
    Stays,
    /// Writes a last word, then closes.
    Answers,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnderPressure {
    /// As by default.
    StopsReading,
    GoesOn,
}

/// A protocol of three lines.
pub(crate) const PLAIN: Manner = Manner {
    at_eof: AtEof::Loses,
    under_pressure: UnderPressure::StopsReading,
    echoes: false,
};
/// A protocol that keeps its half of the connection.
pub(crate) const STAYING: Manner = Manner {
    at_eof: AtEof::Stays,
    ..PLAIN
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scenario {
    pub(crate) client: Manner,
    pub(crate) server: Manner,
    /// Whether the deadlines of closing, lingering and writing are short enough to wait for.
    pub(crate) hasty: bool,
    /// From the client's call on.
    pub(crate) steps: Vec<Step>,
}

/// As it is written in a test.
impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            client,
            server,
            hasty,
            steps,
        } = self;
        write!(
            f,
            "Scenario {{ client: {client:?}, server: {server:?}, hasty: {hasty}, steps: vec!{steps:?} }}"
        )
    }
}

/// After each step comes quiet.
pub(crate) fn settled() -> impl Strategy<Value = Scenario> {
    let steps = prop::collection::vec(any_act(), 1..12).prop_map(|acts| {
        let settle = |act| [act, Step::Settle];
        [Step::Settle]
            .into_iter()
            .chain(acts.into_iter().flat_map(settle))
            .collect()
    });
    any_scenario(steps, false)
}

/// Steps race with each other.
pub(crate) fn racing() -> impl Strategy<Value = Scenario> {
    let step = prop_oneof![
        8 => any_act(),
        2 => any_end().prop_map(Step::Turn),
        2 => Just(Step::Settle),
    ];
    any_scenario(prop::collection::vec(step, 1..14), false)
}

/// Time passes, and deadlines with it.
pub(crate) fn hasty() -> impl Strategy<Value = Scenario> {
    let step = prop_oneof![
        6 => any_act(),
        1 => Just(Step::Pass),
    ];
    let steps = prop::collection::vec(step, 2..10).prop_map(|steps| {
        let settle = |step| [step, Step::Settle];
        let mut steps: Vec<Step> = [Step::Settle]
            .into_iter()
            .chain(steps.into_iter().flat_map(settle))
            .collect();
        steps.push(Step::Pass);
        steps
    });
    any_scenario(steps, true)
}

fn any_scenario(
    steps: impl Strategy<Value = Vec<Step>>,
    hasty: bool,
) -> impl Strategy<Value = Scenario> {
    (any_manner(), any_manner(), steps).prop_map(move |(mut client, mut server, steps)| {
        // Two that write back what they receive would never be done, and whether one that reads nothing under pressure ever
        // hears its echo is a matter of what buffers hold.
        server.echoes &= !client.echoes;
        if client.echoes {
            server.under_pressure = UnderPressure::GoesOn;
        } else if server.echoes {
            client.under_pressure = UnderPressure::GoesOn;
        }
        Scenario {
            client,
            server,
            hasty,
            steps,
        }
    })
}

fn any_end() -> impl Strategy<Value = End> {
    prop_oneof![Just(End::Client), Just(End::Server)]
}

fn any_act() -> impl Strategy<Value = Step> {
    let size = prop_oneof![
        6 => 1..200usize,
        2 => 2_000..30_000usize,
        // More than all buffers there are.
        2 => 300_000..500_000usize,
    ];
    (any_end(), size, 0..17u32).prop_map(|(end, size, act)| match act {
        0..7 => Step::Write(end, size),
        7..10 => Step::Pause(end),
        10..12 => Step::Resume(end),
        12..14 => Step::EndWriting(end),
        14..16 => Step::Lose(end),
        _ => Step::Abort(end),
    })
}

fn any_manner() -> impl Strategy<Value = Manner> {
    let at_eof = prop_oneof![
        2 => Just(AtEof::Loses),
        2 => Just(AtEof::Stays),
        1 => Just(AtEof::Answers),
    ];
    let under_pressure = prop_oneof![
        2 => Just(UnderPressure::StopsReading),
        1 => Just(UnderPressure::GoesOn),
    ];
    (at_eof, under_pressure, prop::bool::weighted(0.2)).prop_map(
        |(at_eof, under_pressure, echoes)| Manner {
            at_eof,
            under_pressure,
            echoes,
        },
    )
}
