//! `--record FILE` and `--replay FILE`: what a server met is written to a tape, and met again from there, without a network.
//! The tape's memo holds the endpoints, so that a replay needs none.

use std::process::ExitCode;

use ropewalk::record::{self, Recorder, Replay};
use ropewalk::{Listen, Listener, OsNetwork, ServerEndpoint};

use super::{announce, end, fail, listen_on, say};

/// Serves as without a tape, and records that.
pub(super) fn record(
    file: &str,
    endpoints: &[ServerEndpoint],
    listen: impl FnMut(Listen<'_>) -> ropewalk::Result<Listener>,
) -> ExitCode {
    let memo: Vec<String> = endpoints.iter().map(ToString::to_string).collect();
    let recorder =
        OsNetwork::new().and_then(|network| Recorder::to_file(network, file, &memo.join("\n")));
    match recorder {
        Ok(recorder) => end(ropewalk::run_on(recorder, |reactor| {
            listen_on(reactor, endpoints, listen).map(announce)
        })),
        Err(error) => fail(1, format_args!("can't record to {file}: {error}")),
    }
}

/// Does again what is on a tape, and says whether all was as it was then.
pub(super) fn replay(
    file: &str,
    listen: impl FnMut(Listen<'_>) -> ropewalk::Result<Listener>,
) -> ExitCode {
    let replayed = Replay::open(file).map_err(Into::into).and_then(|replay| {
        let memo = replay.memo();
        record::replay_on(replay, |reactor| {
            let endpoints = memo
                .lines()
                .map(str::parse)
                .collect::<Result<Vec<_>, _>>()?;
            listen_on(reactor, &endpoints, listen).map(drop)
        })
    });
    match replayed {
        Ok(replayed) => {
            say(replayed);
            ExitCode::SUCCESS
        }
        Err(error) => fail(1, format_args!("{file}: {error}")),
    }
}
