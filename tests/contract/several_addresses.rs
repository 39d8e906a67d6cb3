//! Calls to names with several addresses, after RFC 8305: both families by turns, the next one beside those that do not answer, and
//! at once after one that failed. What is told if none of them answers is in `none_of_several`.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ropewalk::sim::{self, Answer};
use ropewalk::{ClientEvent, ClientService, Connect, NameError, Resolver};

use crate::calling::{Odd, Story};
use crate::spy::{Log, Spy};
use crate::world::{SERVER, World, contract};

contract! { simulated_bare:
    silent_addresses_have_a_quarter_of_a_second_each,
    the_families_take_turns_and_the_resolvers_first_one_begins,
    after_a_failure_the_next_address_is_tried_at_once,
    the_delay_counts_from_the_latest_attempt,
    an_earlier_attempt_that_fails_does_not_wait_for_the_delay_of_a_later_one,
    the_first_that_answers_is_it_and_the_others_are_aborted,
    the_delay_is_a_setting_held_to_what_the_rfc_allows,
    the_attempts_begin_when_the_name_is_known,
    a_call_given_up_between_its_attempts_begins_none,
    a_client_that_stays_connected_finds_the_address_that_answers,
}

contract! { bare:
    an_address_that_does_not_answer_is_passed_by,
    an_address_that_refuses_is_passed_by,
}

const PORT: u16 = 7;

pub(crate) fn simulated(world: &World) -> &sim::World {
    world.on(|_| ());
    world.simulated().expect("this is played in simulation")
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

/// A name of these addresses, none of which answers.
pub(crate) fn silent(sim: &sim::World, addresses: &[&str]) {
    let addresses: Vec<_> = addresses.iter().map(|text| ip(text)).collect();
    for address in &addresses {
        sim.black_hole(*address);
    }
    sim.name("several", Answer::Addresses(addresses));
}

/// The attempts so far, in order: how long after the first one, and where to.
pub(crate) fn attempts(sim: &sim::World) -> Vec<(Duration, IpAddr)> {
    let mut seen = BTreeSet::new();
    let mut calls: Vec<(Duration, IpAddr)> = Vec::new();
    for line in sim.trace() {
        let words: Vec<_> = line.split_whitespace().collect();
        let [time, who, "->", _, "SYN", _, "to", to] = words[..] else {
            continue;
        };
        // Kernels call again by themselves.
        if who.starts_with(SERVER) && seen.insert(who.to_owned()) {
            let time = time.trim_start_matches("t=").trim_end_matches("ms");
            let micros = time.replace('.', "").parse().expect("milliseconds");
            let to: SocketAddr = to.parse().expect("an address");
            calls.push((Duration::from_micros(micros), to.ip()));
        }
    }
    let first = calls.first().map_or(Duration::ZERO, |(time, _)| *time);
    let since_first = |(time, to)| (time - first, to);
    calls.into_iter().map(since_first).collect()
}

/// The attempts so far, each as its milliseconds after the first and its address.
#[track_caller]
fn shows(sim: &sim::World, expected: &[&str]) {
    let shown: Vec<_> = attempts(sim)
        .into_iter()
        .map(|(time, to)| format!("{} {to}", time.as_secs_f64() * 1000.0))
        .collect();
    assert_eq!(shown, expected);
}

fn call_several<'a>(reactor: &'a mut ropewalk::Reactor) -> Connect<'a> {
    reactor.connect(format!("tcp:several:{PORT}"))
}

fn silent_addresses_have_a_quarter_of_a_second_each(world: &World) {
    let sim = simulated(world);
    let listener = sim.peer_listener("target", PORT);
    let right = sim.address("target");
    let holes = ["10.9.9.1", "10.9.9.2", "10.9.9.3"];
    silent(sim, &holes);
    sim.name(
        "several",
        Answer::Addresses([&holes.map(ip)[..], &[right]].concat()),
    );
    let story = Story::default();
    world.on(|reactor| story.begin(call_several(reactor)));
    listener.accept().closes();
    world.run_until("it is over", || story.is_over());
    let last = format!("750 {right}");
    shows(sim, &["0 10.9.9.1", "250 10.9.9.2", "500 10.9.9.3", &last]);
    assert_eq!(story.log.lines()[0], "made");
}

fn the_families_take_turns_and_the_resolvers_first_one_begins(world: &World) {
    let sim = simulated(world);
    silent(
        sim,
        &[
            "fd00::9:1",
            "fd00::9:2",
            "fd00::9:3",
            "10.9.9.1",
            "10.9.9.2",
            "fd00::9:1",
        ],
    );
    let story = Story::default();
    world.on(|reactor| story.begin(call_several(reactor).timeout(Duration::from_secs(2))));
    story.failure(world);
    let right = [
        "0 fd00::9:1",
        "250 10.9.9.1",
        "500 fd00::9:2",
        "750 10.9.9.2",
        "1000 fd00::9:3",
    ];
    shows(sim, &right);
    let second = Story::default();
    silent(sim, &["10.9.9.1", "fd00::9:1", "fd00::9:2"]);
    world.on(|reactor| second.begin(call_several(reactor).timeout(Duration::from_secs(2))));
    second.failure(world);
    let to: Vec<_> = attempts(sim)
        .into_iter()
        .skip(5)
        .map(|(_, to)| to)
        .collect();
    assert_eq!(to, ["10.9.9.1", "fd00::9:1", "fd00::9:2"].map(ip));
}

/// Longer than a refusal is under way, and shorter than any delay.
const SOON: Duration = Duration::from_millis(20);

fn after_a_failure_the_next_address_is_tried_at_once(world: &World) {
    let sim = simulated(world);
    // It is up, and nobody listens there.
    sim.peer_listener("target", PORT + 1);
    silent(sim, &["10.9.9.1"]);
    sim.cut_off(ip("10.9.9.2"));
    let addresses = ["10.9.9.2", "10.0.0.2", "10.9.9.2", "10.9.9.1"].map(ip);
    assert_eq!(sim.address("target"), addresses[1]);
    sim.name("several", Answer::Addresses(addresses.to_vec()));
    let story = Story::default();
    world.on(|reactor| story.begin(call_several(reactor).timeout(Duration::from_secs(1))));
    story.failure(world);
    // What has no route is no call on any wire.
    let [(_, refusing), (at_once, silent)] = attempts(sim)[..] else {
        panic!("{:?}", attempts(sim));
    };
    assert_eq!([refusing, silent], [addresses[1], addresses[3]]);
    assert!(at_once < SOON, "{at_once:?}");
}

fn the_delay_counts_from_the_latest_attempt(world: &World) {
    let sim = simulated(world);
    sim.peer_listener("target", PORT + 1);
    silent(sim, &["10.9.9.1", "10.9.9.2", "10.9.9.3"]);
    let addresses = ["10.9.9.1", "10.0.0.2", "10.9.9.2", "10.9.9.3"].map(ip);
    sim.name("several", Answer::Addresses(addresses.to_vec()));
    let story = Story::default();
    world.on(|reactor| story.begin(call_several(reactor).timeout(Duration::from_secs(1))));
    story.failure(world);
    let times: Vec<_> = attempts(sim).into_iter().map(|(time, _)| time).collect();
    let quarter = Duration::from_millis(250);
    assert_eq!((times[0], times[1]), (Duration::ZERO, quarter));
    assert!(times[2] > quarter && times[2] < quarter + SOON, "{times:?}");
    assert_eq!(times[3], times[2] + quarter);
}

fn an_earlier_attempt_that_fails_does_not_wait_for_the_delay_of_a_later_one(world: &World) {
    let sim = simulated(world);
    sim.peer_listener("target", PORT + 1);
    sim.set_latency(Duration::from_millis(150));
    silent(sim, &["10.9.9.1", "10.9.9.2"]);
    let addresses = ["10.0.0.2", "10.9.9.1", "10.9.9.2"].map(ip);
    sim.name("several", Answer::Addresses(addresses.to_vec()));
    let story = Story::default();
    world.on(|reactor| story.begin(call_several(reactor).timeout(Duration::from_secs(1))));
    story.failure(world);
    let times: Vec<_> = attempts(sim).into_iter().map(|(time, _)| time).collect();
    assert_eq!(times[1], Duration::from_millis(250));
    // The refusal has come, and the delay of the second one would have been over at 500.
    let refused = Duration::from_millis(300)..Duration::from_millis(300) + SOON;
    assert!(refused.contains(&times[2]), "{times:?}");
}

fn the_first_that_answers_is_it_and_the_others_are_aborted(world: &World) {
    let sim = simulated(world);
    let listeners = ["target", "other"].map(|host| sim.peer_listener(host, PORT));
    sim.set_latency(Duration::from_millis(200));
    let addresses = ["target", "other"].map(|host| sim.address(host));
    sim.name("several", Answer::Addresses(addresses.to_vec()));
    let story = Story::default();
    world.on(|reactor| {
        let first = addresses[0];
        story.begin_with(call_several(reactor), move |transport| {
            assert_eq!(transport.peer().ip(), Some(first));
            assert_eq!(transport.reactor().connections(), 1);
        });
    });
    world.run_until("the first one has answered", || story.log.has("made"));
    let times: Vec<_> = attempts(sim).into_iter().map(|(time, _)| time).collect();
    assert_eq!(times[1], Duration::from_millis(250));
    assert_eq!(sim.descriptors(SERVER), 1);
    listeners[0].accept().closes();
    world.run_until("it is over", || story.is_over());
    world.settle();
    assert_eq!(story.log.lines()[0], "made");
    assert_eq!((story.log.count("made"), story.log.count("lost")), (1, 1));
    assert!(!story.has_failed());
    assert_eq!(sim.descriptors(SERVER), 0);
}

fn the_delay_is_a_setting_held_to_what_the_rfc_allows(world: &World) {
    let sim = simulated(world);
    silent(sim, &["10.9.9.1", "10.9.9.2"]);
    let at = |time: u64| Duration::from_millis(time);
    let endpoint = |set: &str| format!("tcp:several:{PORT}:timeout=3{set}");
    let mut begun = 0;
    let mut gap = |endpoint: &str, delay: Option<Duration>| {
        let story = Story::default();
        world.on(|reactor| {
            let connect = reactor.connect(endpoint);
            story.begin(match delay {
                Some(delay) => connect.attempt_delay(delay),
                None => connect,
            })
        });
        story.failure(world);
        let calls = attempts(sim);
        begun += 2;
        assert_eq!(calls.len(), begun);
        calls[begun - 1].0 - calls[begun - 2].0
    };
    assert_eq!(gap(&endpoint(""), None), at(250));
    assert_eq!(gap(&endpoint(":attempt_delay=0.5"), None), at(500));
    assert_eq!(gap(&endpoint(":attempt_delay=0.5"), Some(at(40))), at(40));
    assert_eq!(gap(&endpoint(""), Some(at(1))), at(10));
    assert_eq!(gap(&endpoint(""), Some(at(60_000))), at(2_000));
}

fn the_attempts_begin_when_the_name_is_known(world: &World) {
    let sim = simulated(world);
    let listener = sim.peer_listener("target", PORT);
    let late = Duration::from_secs(7);
    let found = Answer::Addresses(vec![sim.address("target")]);
    sim.name(
        "several",
        found
            .after(Duration::from_secs(4))
            .after(Duration::from_secs(3)),
    );
    let begin = world.now();
    let story = Story::default();
    world.on(|reactor| story.begin(call_several(reactor)));
    world.run_for(late);
    assert_eq!(attempts(sim), []);
    listener.accept().closes();
    world.run_until("it is over", || story.is_over());
    assert!(world.now() - begin > late);
    assert_eq!(story.log.lines()[0], "made");
}

fn a_call_given_up_between_its_attempts_begins_none(world: &World) {
    let sim = simulated(world);
    silent(sim, &["10.9.9.1", "10.9.9.2", "10.9.9.3", "10.9.9.4"]);
    let story = Story::default();
    let id = world.on(|reactor| story.begin(call_several(reactor)));
    world.run_until("two are under way", || attempts(sim).len() == 2);
    assert_eq!(sim.descriptors(SERVER), 2);
    world.on(|reactor| reactor.abort_connection(id));
    assert_eq!(story.failure(world), ropewalk::ConnectError::Cancelled);
    assert_eq!(sim.descriptors(SERVER), 0);
    assert_eq!(world.on(|reactor| reactor.counters().timers), 0);
    world.run_for(Duration::from_secs(60));
    assert_eq!(attempts(sim).len(), 2);
}

fn a_client_that_stays_connected_finds_the_address_that_answers(world: &World) {
    let sim = simulated(world);
    let listener = sim.peer_listener("target", PORT);
    silent(sim, &["fd00::9:1"]);
    let right = sim.address("target");
    sim.name("several", Answer::Addresses(vec![ip("fd00::9:1"), right]));
    let (log, events) = (Log::default(), Log::default());
    let (ours, told) = (log.clone(), events.clone());
    let service = ClientService::new(format!("tcp:several:{PORT}"), move |_| Spy::new(&ours));
    let service = service.expect("an endpoint").events(move |_, _, event| {
        told.note(match event {
            ClientEvent::Connected { peer, .. } => peer.to_string(),
            other => other.to_string(),
        });
    });
    world.on(|reactor| service.start(reactor));
    listener.accept().closes();
    world.run_until("it was connected", || log.count("lost") > 0);
    world.on(|reactor| service.stop(reactor));
    assert_eq!(events.lines()[1], format!("{right}:{PORT}"));
}

/// Knows one name, of these addresses.
struct Knows(Vec<IpAddr>);

impl Resolver for Knows {
    fn addresses(&self, host: &str) -> Result<Vec<SocketAddr>, NameError> {
        match host {
            "several.example" => Ok(self.0.iter().map(|ip| (*ip, 0).into()).collect()),
            _ => Err(NameError::Unknown),
        }
    }
}

/// Beside the odd address there is another one, with the same port, that answers.
fn passes_by(world: &World, odd: &Odd) {
    let port = odd.address.port().expect("a TCP address has a port");
    let right = SocketAddr::from(([127, 0, 0, 2], port));
    let log = Log::default();
    let (ours, other) = (
        log.clone(),
        odd.address.ip().expect("a TCP address has an IP"),
    );
    let endpoint = format!("tcp:{port}:interface={}", right.ip());
    world.on(|reactor| {
        let listen = reactor.listen(endpoint).serve(move |_| Spy::new(&ours));
        listen.expect("nobody else listens there");
        reactor.set_resolver(Knows(vec![other, right.ip()]));
    });
    let story = Story::default();
    world.on(|reactor| {
        let connect = reactor.connect(format!("tcp:several.example:{port}"));
        story.begin_with(connect, move |transport| {
            assert_eq!(transport.peer(), right.into());
            transport.abort_connection();
        });
    });
    world.run_until("it is over", || story.is_over());
    assert_eq!(story.log.lines(), ["made", "lost aborted"]);
    assert!(!story.has_failed());
}

fn an_address_that_does_not_answer_is_passed_by(world: &World) {
    passes_by(world, &Odd::is_silent(world));
}

fn an_address_that_refuses_is_passed_by(world: &World) {
    passes_by(world, &Odd::refuses(world));
}
