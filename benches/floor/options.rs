//! The command line. Owns its words and defaults.

use std::time::Duration;

use crate::modes::{MODES, Mode};
use crate::peers::{BASELINE, FORMER, PEERS};

pub(crate) struct Options {
    pub(crate) modes: Vec<&'static Mode>,
    /// For each mode, all peers together.
    pub(crate) time: Duration,
    pub(crate) round: Duration,
    pub(crate) peers: Vec<&'static str>,
    /// Only to see that all of it works: no figure means anything.
    pub(crate) smoke: bool,
}

impl Options {
    pub(crate) fn read(arguments: &[String]) -> Result<Self, String> {
        let mut read = Self {
            modes: Vec::new(),
            time: Duration::from_secs(24),
            // Short, so that a round's neighbours in the same turn meet the same state of a machine that others use too.
            round: Duration::from_millis(30),
            peers: PEERS.to_vec(),
            smoke: false,
        };
        let mut words = arguments.iter().map(String::as_str);
        while let Some(word) = words.next() {
            match word {
                // What cargo says to every benchmark.
                "--bench" => {}
                "--smoke" => {
                    read.smoke = true;
                    read.round = Duration::from_millis(20);
                }
                "--seconds" => {
                    let seconds = words.next().and_then(|word| word.parse().ok());
                    read.time =
                        Duration::from_secs(seconds.ok_or("expected seconds after --seconds")?);
                }
                "--round" => {
                    let round = words.next().and_then(|word| word.parse().ok());
                    read.round =
                        Duration::from_millis(round.ok_or("expected milliseconds after --round")?);
                }
                "--peers" => read.peers = peers(words.next().unwrap_or_default())?,
                name => read.modes.push(mode(name)?),
            }
        }
        if read.modes.is_empty() {
            read.modes = MODES.iter().collect();
        }
        Ok(read)
    }
}

fn mode(name: &str) -> Result<&'static Mode, String> {
    MODES.iter().find(|mode| mode.name == name).ok_or_else(|| {
        let names: Vec<&str> = MODES.iter().map(|mode| mode.name).collect();
        format!(
            "expected a mode ({}) in place of {name:?}",
            names.join(", ")
        )
    })
}

/// The baseline is always among them, and first.
fn peers(names: &str) -> Result<Vec<&'static str>, String> {
    let mut peers = vec![BASELINE];
    for name in names.split(',').filter(|name| *name != BASELINE) {
        let known = PEERS.iter().chain([&FORMER]);
        let peer = known.copied().find(|peer| *peer == name);
        peers.push(peer.ok_or_else(|| {
            let known = PEERS.join(",");
            format!("expected peers ({known},{FORMER}) in place of {name:?}")
        })?);
    }
    Ok(peers)
}
