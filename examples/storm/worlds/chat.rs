//! The chat example's own protocol, and people who talk in its room. Owns what they say, and what each of them may hear: who
//! joins before he speaks, and says everything once and in order.

use std::collections::BTreeMap;
use std::time::Duration;

use ropewalk::sim::World;
use ropewalk::{Group, Limits, LineReceiver, Lost, Reactor, Transport};

use super::datagrams;
use super::ledger::Ledger;
use crate::chat::Member;

const SERVER: &str = "tcp:server:8007";
/// How long somebody waits before he tries again.
const PAUSE: Duration = Duration::from_millis(50);

/// What somebody is going to do, drawn beforehand.
#[derive(Clone)]
struct Plan {
    name: String,
    /// Connections he has made: each is a name of its own, for the one before may still be in the room.
    lives: u64,
    most_lives: u64,
    lines: u64,
    /// Lines at a time.
    burst: u64,
    /// What each line is filled up with.
    filling: usize,
    pause: Duration,
    ending: Ending,
    /// Whether the room may let somebody go because he is slow.
    may_be_slow: bool,
}

#[derive(Clone, Copy)]
enum Ending {
    Quit,
    HalfClose,
    Close,
    Abort,
}

struct Talker {
    plan: Plan,
    ledger: Ledger,
    name: String,
    stage: Stage,
    said: u64,
    /// Who is in the room, and what he is to say next if that is known.
    present: BTreeMap<String, Option<u64>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Waits to be asked for his name.
    Unasked,
    /// Has given it, and waits to hear who is here.
    Named,
    Inside,
    Leaving,
}

impl Talker {
    fn connect(reactor: &mut Reactor, mut plan: Plan, ledger: Ledger) {
        plan.lives += 1;
        let again = (plan.clone(), ledger.clone());
        let talker = Self {
            name: format!("{}.{}", plan.name, plan.lives),
            plan,
            ledger,
            stage: Stage::Unasked,
            said: 0,
            present: BTreeMap::new(),
        };
        reactor
            .connect(SERVER)
            .failed(move |reactor, error| {
                again.1.report_break(|| format!("a connect fails: {error}"));
                Self::try_again(reactor, again.0, again.1);
            })
            .with(talker);
    }

    fn try_again(reactor: &mut Reactor, plan: Plan, ledger: Ledger) {
        if plan.lives >= plan.most_lives {
            return ledger.end();
        }
        reactor.call_later(PAUSE, move |reactor| Self::connect(reactor, plan, ledger));
    }

    fn speak(&mut self, transport: &mut Transport<'_>) {
        let filling = "x".repeat(self.plan.filling);
        for _ in 0..self.plan.burst.min(self.plan.lines - self.said) {
            transport.send(format!("{} {filling}.", self.said));
            self.said += 1;
        }
        if self.said < self.plan.lines {
            transport.call_later(self.plan.pause, Self::speak);
        } else {
            transport.call_later(self.plan.pause, Self::leave);
        }
    }

    fn leave(&mut self, transport: &mut Transport<'_>) {
        self.stage = Stage::Leaving;
        match self.plan.ending {
            Ending::Quit => transport.send("/quit"),
            Ending::HalfClose => transport.lose_write_connection(),
            Ending::Close => transport.lose_connection(),
            Ending::Abort => transport.abort_connection(),
        }
    }

    /// What is said in the room.
    fn hear(&mut self, line: &str) -> Result<(), &'static str> {
        if let Some(news) = line.strip_prefix("* ") {
            return self.hear_news(news);
        }
        let (who, said) = line.split_once(": ").ok_or("it is nobody's")?;
        // Whose connection broke may have been cut short: those are his last words.
        let Some(said) = said.strip_suffix('.') else {
            return Ok(());
        };
        let (number, filling) = said.split_once(' ').ok_or("nobody says that")?;
        let number: u64 = number.parse().map_err(|_| "nobody says that")?;
        if filling.bytes().any(|byte| byte != b'x') {
            return Err("it was spoilt");
        }
        let next = self.present.get_mut(who).ok_or("he is not here")?;
        match next.replace(number + 1) {
            Some(expected) if expected != number => Err("it is not what comes next"),
            _ => Ok(()),
        }
    }

    fn hear_news(&mut self, news: &str) -> Result<(), &'static str> {
        let news = news.strip_suffix(" (too slow)").unwrap_or(news);
        if let Some(who) = news.strip_suffix(" joined") {
            match self.present.insert(who.to_owned(), Some(0)) {
                None => Ok(()),
                Some(_) => Err("he is here already"),
            }
        } else if let Some(who) = news.strip_suffix(" left") {
            self.present.remove(who).map(drop).ok_or("he was not here")
        } else {
            Err("the room says no such thing")
        }
    }

    fn hear_who_is_here(&mut self, names: &str) {
        let names = names.split(", ").filter(|name| *name != "nobody");
        self.present = names.map(|name| (name.to_owned(), None)).collect();
    }
}

impl LineReceiver for Talker {
    fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let heard = match self.stage {
            Stage::Unasked if line == "What is your name?" => {
                self.stage = Stage::Named;
                transport.send(&self.name);
                Ok(())
            }
            Stage::Named => match line.strip_prefix("* here: ") {
                Some(names) => {
                    self.hear_who_is_here(names);
                    self.stage = Stage::Inside;
                    transport.call_later(self.plan.pause, Self::speak);
                    Ok(())
                }
                None => Err("it does not say who is here"),
            },
            Stage::Inside | Stage::Leaving => self.hear(&line),
            Stage::Unasked => Err("it is not asked for a name"),
        };
        if let Err(why) = heard {
            let (name, stage) = (&self.name, self.stage);
            self.ledger
                .report(|| format!("what one hears: {name}, {stage:?}, hears {line:?}: {why}"));
        }
    }

    /// Nobody ends on a broken line.
    fn lines(&self) -> ropewalk::Lines {
        ropewalk::Lines::default().tail(ropewalk::UnfinishedLine::Drop)
    }

    fn connection_lost(&mut self, transport: &mut Transport<'_>, reason: &Lost) {
        let (plan, ledger) = (self.plan.clone(), self.ledger.clone());
        if self.stage == Stage::Leaving {
            ledger.end();
        } else {
            // Somebody who has more to read than the room lets wait is let go in any weather.
            if !plan.may_be_slow {
                ledger.report_break(|| format!("{}, in the room, is {reason}", self.name));
            }
            Self::try_again(transport.reactor(), plan, ledger);
        }
    }
}

/// Some hosts of people, and the room they all call. In the end somebody new is served as if nothing had been.
pub(crate) fn play(world: &World) {
    // What may wait for a member: as it is by default, or so little that many are too slow.
    let unsent = [None, None, Some(20_000), Some(1_000)][world.choose(4) as usize];
    // Without a deadline for what is written, only who is closed has to take it within some time.
    let within = [Some(Duration::from_secs(60)), None][world.choose(2) as usize];
    world.service("server", move |reactor| {
        datagrams::serve(reactor)?;
        let room = Group::new();
        let listen = reactor.listen("tcp:8007:interface=*");
        let limits = Limits::default().write(within);
        let listen = listen.limits(match unsent {
            Some(most) => limits.unsent(most),
            None => limits,
        });
        listen.serve(move |_peer| Member::new(&room)).map(drop)
    });
    let ledger = Ledger::default();
    let mut hosts = vec!["server".to_owned()];
    let mut all = Vec::new();
    for host in 0..2 + world.choose(3) {
        let name = format!("client{host}");
        let plans = (0..2 + world.choose(8)).map(|number| plan(world, format!("t{host}{number}")));
        all.push((name.clone(), plans.collect::<Vec<Plan>>()));
        hosts.push(name);
    }
    let plans = || all.iter().flat_map(|(_, plans)| plans);
    let may_be_slow = unsent.is_some() || plans().any(|plan| plan.filling > 1_000);
    for (host, mut plans) in all {
        for plan in &mut plans {
            plan.may_be_slow = may_be_slow;
        }
        world.host(&host, |reactor| {
            for plan in plans {
                ledger.begin();
                reactor.call_later(plan.pause, {
                    let ledger = ledger.clone();
                    move |reactor| Talker::connect(reactor, plan, ledger)
                });
            }
            Ok(())
        });
    }
    datagrams::ask(world, "client0", &ledger);
    ledger.settle(world, Duration::from_secs(30));
    come_and_go(world);
    ledger.conclude(world, &hosts);
}

/// Somebody who does not read, and leaves: he is let go. And somebody who goes on talking behind his farewell: he hears all
/// that was said before.
fn come_and_go(world: &World) {
    world.set_window(2_048);
    let deaf = world.peer(SERVER);
    deaf.expect("What is your name?").send("deaf");
    deaf.stops_reading();
    for _ in 0..400 {
        deaf.send("/who");
    }
    deaf.send("/quit");
    world.run_for(Duration::from_secs(60));
    let last = world.peer(SERVER);
    last.expect("What is your name?").send("last");
    last.send("/quit");
    for _ in 0..200 {
        last.send("and another thing");
    }
    let heard = last.read_until_eof();
    assert!(
        heard.starts_with(b"* here: "),
        "all that is owed: the last one hears \"{}\"",
        heard.escape_ascii()
    );
    last.closes();
}

fn plan(world: &World, name: String) -> Plan {
    Plan {
        name,
        lives: 0,
        most_lives: 1 + world.choose(4),
        lines: 1 + world.choose(150),
        burst: [1, 1, 1, 5, 40][world.choose(5) as usize],
        filling: [0, 0, 10, 200, 9_000][world.choose(5) as usize],
        pause: Duration::from_micros([300, 1, 2_000, 10_000][world.choose(4) as usize]),
        ending: match world.choose(5) {
            0 | 1 => Ending::Quit,
            2 => Ending::HalfClose,
            3 => Ending::Close,
            _ => Ending::Abort,
        },
        may_be_slow: false,
    }
}
