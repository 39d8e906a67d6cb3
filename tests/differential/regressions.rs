//! Scenarios that once differed, as a difference prints them. Owns the scenarios; what they are to do only the kernel knows.

use crate::outcome::compare;
use crate::scenario::AtEof::{Answers, Loses, Stays};
use crate::scenario::End::{Client, Server};
use crate::scenario::Step::{Abort, EndWriting, Lose, Pause, Settle, Turn, Write};
use crate::scenario::UnderPressure::{GoesOn, StopsReading};
use crate::scenario::{Manner, PLAIN, STAYING, Scenario};

/// Some simulated world does what the kernel does.
#[track_caller]
fn agrees(scenario: Scenario) {
    if let Err(difference) = compare(&scenario) {
        panic!("{difference}");
    }
}

#[test]
fn a_call_is_given_up_just_when_it_has_arrived() {
    agrees(Scenario {
        client: PLAIN,
        server: PLAIN,
        hasty: false,
        steps: vec![Turn(Client), Lose(Client)],
    });
}

#[test]
fn one_aborts_before_the_other_has_closed() {
    agrees(Scenario {
        client: PLAIN,
        server: PLAIN,
        hasty: false,
        steps: vec![Settle, Lose(Client), Abort(Server)],
    });
}

/// Everything is written back, and nobody reads: what buffers hold decides how far it goes.
#[test]
fn a_flood_is_written_back_to_who_does_not_read() {
    agrees(Scenario {
        client: Manner {
            at_eof: Answers,
            under_pressure: StopsReading,
            echoes: true,
        },
        server: Manner {
            at_eof: Stays,
            under_pressure: GoesOn,
            echoes: false,
        },
        hasty: false,
        steps: vec![
            Settle,
            Write(Server, 468_231),
            Pause(Server),
            EndWriting(Server),
        ],
    });
}

#[test]
fn a_reset_meets_an_answer_that_is_under_way() {
    agrees(Scenario {
        client: STAYING,
        server: Manner {
            at_eof: Loses,
            under_pressure: GoesOn,
            echoes: true,
        },
        hasty: false,
        steps: vec![
            Settle,
            Write(Client, 300),
            Turn(Client),
            Turn(Server),
            Abort(Client),
        ],
    });
}
