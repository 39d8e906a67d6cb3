//! The command line of the storm. Owns its words and defaults.

use ropewalk::sim::World;

use crate::worlds;

pub(crate) const HELP: &str = "
Usage: storm [--world chat|echo] [--seeds N] [--from SEED] [--minutes N]
       storm [--world chat|echo] --seed SEED [--trace] [--svg FILE] [--pcap FILE]
Plays a world in which everything goes wrong that can, once for each seed, and says at last what came of it.

  --world NAME   chat, the default: people talk in the room of the example chat; or echo
  --seeds N      so many seeds: 1000 unless said otherwise
  --from SEED    from this seed on: 0 unless said otherwise
  --minutes N    for so long, instead of a number of seeds
  --seed SEED    this one alone
  --trace        and its story on stdout
  --svg FILE     and a drawing of it
  --pcap FILE    and its packets, for tshark or wireshark
  --help         this text

Exit code: 0; 1 if a seed has failed; 2 if an argument is not understood.
";

pub(crate) enum Job {
    Help,
    Storm(Options),
    Replay(Replayed),
}

pub(crate) struct Options {
    pub(crate) world: String,
    pub(crate) scenario: fn(&World),
    pub(crate) seeds: u64,
    pub(crate) from: u64,
    pub(crate) minutes: Option<u64>,
}

pub(crate) struct Replayed {
    pub(crate) scenario: fn(&World),
    pub(crate) seed: u64,
    pub(crate) trace: bool,
    pub(crate) svg: Option<String>,
    pub(crate) pcap: Option<String>,
}

pub(crate) fn read(arguments: &[String]) -> Result<Job, String> {
    let mut options = Options {
        world: "chat".to_owned(),
        scenario: worlds::chat::play,
        seeds: 1000,
        from: 0,
        minutes: None,
    };
    let mut replayed = None;
    let (mut trace, mut svg, mut pcap) = (false, None, None);
    let mut words = arguments.iter().map(String::as_str);
    while let Some(word) = words.next() {
        match word {
            "--help" => return Ok(Job::Help),
            "--world" => {
                let name = value(word, words.next())?;
                options.scenario = worlds::named(name)
                    .ok_or_else(|| format!("expected chat or echo after --world, not {name:?}"))?;
                options.world = name.to_owned();
            }
            "--seeds" => options.seeds = number(word, words.next())?,
            "--from" => options.from = number(word, words.next())?,
            "--minutes" => options.minutes = Some(number(word, words.next())?),
            "--seed" => replayed = Some(number(word, words.next())?),
            "--trace" => trace = true,
            "--svg" => svg = Some(value(word, words.next())?.to_owned()),
            "--pcap" => pcap = Some(value(word, words.next())?.to_owned()),
            other => {
                return Err(format!(
                    "expected an option, or --help, in place of {other:?}"
                ));
            }
        }
    }
    match replayed {
        Some(seed) => Ok(Job::Replay(Replayed {
            scenario: options.scenario,
            seed,
            trace,
            svg,
            pcap,
        })),
        None if trace || svg.is_some() || pcap.is_some() => {
            Err("expected --seed SEED: a story is told of one seed".to_owned())
        }
        None => Ok(Job::Storm(options)),
    }
}

fn value<'a>(option: &str, word: Option<&'a str>) -> Result<&'a str, String> {
    word.ok_or_else(|| format!("expected something after {option}"))
}

fn number(option: &str, word: Option<&str>) -> Result<u64, String> {
    let word = value(option, word)?;
    word.parse()
        .map_err(|_| format!("expected a number after {option}, not {word:?}"))
}
