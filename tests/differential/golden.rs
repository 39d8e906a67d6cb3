//! What a kernel is known to do at the end of a connection, case by case: both worlds have to. Owns the cases in words; is no
//! more than an excerpt of what is generated.

use crate::kernel::play_on_kernel;
use crate::outcome::Outcome;
use crate::puppet::UNSENT;
use crate::scenario::End::{Client, Server};
use crate::scenario::Step::{Abort, EndWriting, Lose, Pass, Pause, Resume, Settle, Turn, Write};
use crate::scenario::{AtEof, Manner, PLAIN, STAYING, Scenario, Step, UnderPressure};
use crate::simulated::play_in;

/// More than all buffers hold.
const LARGE: usize = 400_000;
/// Goes on reading whatever it owes.
const HEEDLESS: Manner = Manner {
    under_pressure: UnderPressure::GoesOn,
    ..PLAIN
};

/// Both worlds do this; the simulated one in the tamest way it has.
#[track_caller]
fn both(client: Manner, server: Manner, steps: &[Step], expected: [&str; 2]) {
    let hasty = steps.contains(&Pass);
    let scenario = Scenario {
        client,
        server,
        hasty,
        steps: steps.to_vec(),
    };
    let words = |outcome: &Outcome| [outcome.client.to_string(), outcome.server.to_string()];
    let kernel = play_on_kernel(&scenario);
    assert_eq!(words(&kernel), expected, "on the kernel");
    let simulated = play_in(0, &scenario);
    assert_eq!(words(&simulated), expected, "in simulation");
}

#[test]
fn a_reset_comes_after_what_was_sent_before_it() {
    both(
        PLAIN,
        PLAIN,
        &[Settle, Write(Server, 100), Turn(Server), Abort(Server)],
        ["made, lost Reset; all", "made, lost Aborted; all"],
    );
}

#[test]
fn a_reset_is_heard_by_who_does_not_read() {
    both(
        PLAIN,
        PLAIN,
        &[
            Settle,
            Pause(Client),
            Write(Server, 100),
            Settle,
            Abort(Server),
            Settle,
        ],
        ["made, lost Reset; 0 bytes", "made, lost Aborted; all"],
    );
}

#[test]
fn what_is_unsent_goes_with_an_abort() {
    both(
        PLAIN,
        PLAIN,
        &[
            Settle,
            Write(Client, 10),
            Settle,
            Pause(Server),
            Write(Client, LARGE),
            Settle,
            Abort(Client),
            Settle,
        ],
        ["made, pause, lost Aborted; all", "made, lost Reset; a part"],
    );
}

#[test]
fn a_reset_after_the_end_is_a_reset_to_who_stays() {
    both(
        STAYING,
        STAYING,
        &[Settle, EndWriting(Server), Settle, Abort(Server), Settle],
        ["made, eof, lost Reset; all", "made, lost Aborted; all"],
    );
}

#[test]
fn a_reset_after_both_ends_comes_too_late() {
    both(
        STAYING,
        STAYING,
        &[
            Settle,
            EndWriting(Server),
            Settle,
            Lose(Client),
            Settle,
            Abort(Server),
            Settle,
        ],
        [
            "made, eof, lost Done(Peer); all",
            "made, eof, lost Done(Us); all",
        ],
    );
}

#[test]
fn an_abort_after_both_ends_is_heard_by_nobody() {
    both(
        PLAIN,
        PLAIN,
        &[
            Settle,
            Pause(Client),
            Pause(Server),
            EndWriting(Server),
            Settle,
            EndWriting(Client),
            Settle,
            Abort(Client),
            Settle,
        ],
        ["made, lost Aborted; all", "made, eof, lost Done(Us); all"],
    );
}

#[test]
fn a_call_that_was_given_up_is_accepted_all_the_same() {
    both(
        PLAIN,
        PLAIN,
        &[
            Turn(Client),
            Write(Client, 100),
            Turn(Client),
            Abort(Client),
            Settle,
        ],
        ["made, lost Aborted; all", "made, lost Reset; all"],
    );
}

#[test]
fn a_call_that_was_ended_is_accepted_with_all_it_said() {
    both(
        PLAIN,
        PLAIN,
        &[
            Turn(Client),
            Write(Client, 100),
            Lose(Client),
            Turn(Client),
            Settle,
        ],
        [
            "made, lost Done(Us); all",
            "made, eof, lost Done(Peer); all",
        ],
    );
}

#[test]
fn an_end_waits_behind_what_is_not_read() {
    both(
        PLAIN,
        PLAIN,
        &[
            Settle,
            Pause(Client),
            Write(Server, LARGE),
            Lose(Server),
            Settle,
            Resume(Client),
            Settle,
        ],
        [
            "made, eof, lost Done(Peer); all",
            "made, lost Done(Us); all",
        ],
    );
}

#[test]
fn who_closes_with_unread_input_breaks_nothing() {
    both(
        PLAIN,
        PLAIN,
        &[
            Settle,
            Pause(Client),
            Write(Server, LARGE),
            Write(Client, 100),
            Settle,
            Lose(Client),
            Settle,
        ],
        [
            "made, lost Done(Us); 0 bytes",
            "made, pause, resume, eof, lost Done(Peer); all",
        ],
    );
}

#[test]
fn half_a_connection_goes_on_until_it_is_ended_too() {
    both(
        STAYING,
        STAYING,
        &[
            Settle,
            EndWriting(Client),
            Settle,
            Write(Server, LARGE),
            Settle,
            Lose(Server),
            Settle,
        ],
        [
            "made, eof, lost Done(Us); all",
            "made, eof, pause, resume, lost Done(Peer); all",
        ],
    );
}

#[test]
fn an_answer_to_the_end_arrives() {
    let answers = Manner {
        at_eof: AtEof::Answers,
        ..PLAIN
    };
    both(
        STAYING,
        answers,
        &[Settle, Write(Client, LARGE), EndWriting(Client), Settle],
        [
            "made, pause, resume, eof, lost Done(Us); all",
            "made, eof, lost Done(Peer); all",
        ],
    );
}

#[test]
fn to_end_ones_half_and_then_abort_is_to_abort() {
    both(
        PLAIN,
        STAYING,
        &[
            Settle,
            Write(Client, 100),
            EndWriting(Client),
            Settle,
            Abort(Client),
            Settle,
        ],
        ["made, lost Aborted; all", "made, eof, lost Reset; all"],
    );
}

#[test]
fn both_may_close_at_once() {
    both(
        PLAIN,
        PLAIN,
        &[
            Settle,
            Write(Client, 100),
            Write(Server, 200),
            Lose(Client),
            Lose(Server),
            Settle,
        ],
        [
            "made, lost Done(Us); 0 bytes",
            "made, lost Done(Us); 0 bytes",
        ],
    );
}

#[test]
fn who_writes_more_than_all_buffers_hold_is_told_so_twice() {
    both(
        PLAIN,
        PLAIN,
        &[Settle, Write(Client, LARGE), Settle],
        [
            "made, pause, resume, lost Done(Us); all",
            "made, lost Done(Us); all",
        ],
    );
}

#[test]
fn what_two_write_that_read_nothing_stays_where_it_is() {
    both(
        HEEDLESS,
        HEEDLESS,
        &[
            Settle,
            Pause(Client),
            Pause(Server),
            Write(Client, LARGE),
            Write(Server, LARGE),
            Settle,
            Resume(Client),
            Settle,
            Resume(Server),
            Settle,
        ],
        [
            "made, pause, resume, lost Done(Us); all",
            "made, pause, resume, lost Done(Us); all",
        ],
    );
}

#[test]
fn what_is_written_behind_a_lost_peers_back_is_reset() {
    both(
        PLAIN,
        STAYING,
        &[
            Settle,
            Lose(Client),
            Pass,
            Write(Server, 100),
            Settle,
            Write(Server, 100),
            Settle,
        ],
        ["made, lost Done(Us); 0 bytes", "made, eof, lost Reset; all"],
    );
}

#[test]
fn who_takes_nothing_of_the_last_words_is_cut_off() {
    both(
        PLAIN,
        PLAIN,
        &[
            Settle,
            Pause(Server),
            Write(Client, LARGE),
            Lose(Client),
            Pass,
        ],
        [
            "made, lost TimedOut(Close); all",
            "made, lost Reset; 0 bytes",
        ],
    );
}

#[test]
fn who_takes_nothing_at_all_is_cut_off() {
    both(
        PLAIN,
        PLAIN,
        &[Settle, Pause(Server), Write(Client, LARGE), Pass],
        [
            "made, pause, lost TimedOut(Write); all",
            "made, lost Reset; 0 bytes",
        ],
    );
}

#[test]
fn who_is_owed_too_much_is_cut_off() {
    both(
        HEEDLESS,
        PLAIN,
        &[
            Settle,
            Pause(Server),
            Write(Client, 2 * UNSENT),
            Settle,
            Write(Client, 1),
            Settle,
        ],
        [
            "made, pause, lost TooSlow; all",
            "made, lost Reset; 0 bytes",
        ],
    );
}
