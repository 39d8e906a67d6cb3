//! Lookups that users ask for: addresses of names, names of addresses, services; what can come of them, each told once, later, and
//! not at all when it was given up.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ropewalk::sim::Answer;
use ropewalk::{LookUp, LookupId, NameError, Reactor, Resolver};

use crate::world::{World, contract};

contract! { bare:
    an_address_is_found_without_a_resolver,
    what_can_not_be_a_name_is_told_with_its_fault,
    a_resolver_of_ones_own_is_asked_and_its_errors_are_told,
    a_resolver_that_panics_fails_its_lookup,
    a_lookup_that_was_given_up_is_not_heard_of,
    a_lookup_beyond_its_time_is_told_as_such_and_its_outcome_is_dropped,
    services_are_known_by_name_and_by_port,
    a_stop_drops_what_waits_for_a_lookup,
    a_hook_that_panics_costs_nothing_else,
}

contract! { simulated_bare:
    a_world_says_what_its_names_come_to,
    a_lookup_has_its_time_to_the_nanosecond,
    a_world_says_what_its_addresses_are_called,
}

/// What came of lookups, in order. Clones are the same one.
#[derive(Clone)]
struct Heard<T>(Rc<RefCell<Vec<Result<T, NameError>>>>);

impl<T: Clone + 'static> Heard<T> {
    fn new() -> Self {
        Self(Rc::default())
    }

    fn begin(&self, look_up: LookUp<'_, T>) -> LookupId {
        let heard = Rc::clone(&self.0);
        look_up.then(move |_, found| heard.borrow_mut().push(found))
    }

    fn all(&self) -> Vec<Result<T, NameError>> {
        self.0.borrow().clone()
    }
}

/// Asks, and waits for what is told once.
#[track_caller]
fn ask<T: Clone + 'static>(
    world: &World,
    question: impl FnOnce(&mut Reactor) -> LookUp<'_, T>,
) -> Result<T, NameError> {
    let heard = Heard::new();
    world.on(|reactor| {
        heard.begin(question(reactor));
        assert!(heard.0.borrow().is_empty(), "not yet");
    });
    match world.simulated() {
        // There a lookup may last for minutes.
        Some(sim) if heard.all().is_empty() => sim.run_until(|_| !heard.all().is_empty()),
        _ => world.run_until("it is told", || !heard.all().is_empty()),
    }
    world.settle();
    let mut all = heard.all();
    assert_eq!(all.len(), 1);
    assert_eq!(world.on(|reactor| reactor.counters().timers), 0);
    all.remove(0)
}

fn texts(found: Result<Vec<SocketAddr>, NameError>) -> Result<Vec<String>, NameError> {
    found.map(|found| found.iter().map(SocketAddr::to_string).collect())
}

/// Knows a few names, and waits for its gate first.
#[derive(Default)]
struct Own {
    gate: Arc<Mutex<()>>,
}

impl Resolver for Own {
    fn addresses(&self, host: &str) -> Result<Vec<SocketAddr>, NameError> {
        drop(self.gate.lock());
        match host {
            "two.example" => Ok(vec![at("10.0.0.9", 5), at("fd00::9", 5), at("10.0.0.9", 6)]),
            "empty.example" => Ok(Vec::new()),
            "tired.example" => Err(NameError::Temporary),
            "ill.example" => Err(NameError::Failed("I am ill".to_owned())),
            "panic.example" => panic!("as asked"),
            _ => Err(NameError::NoData),
        }
    }

    fn name(&self, address: IpAddr) -> Result<String, NameError> {
        match address.to_string().as_str() {
            "192.0.2.7" => Ok("seven.example".to_owned()),
            _ => Err(NameError::Unknown),
        }
    }
}

fn at(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse().expect("an address"), port)
}

fn an_address_is_found_without_a_resolver(world: &World) {
    world.on(|reactor| reactor.set_resolver(Own::default()));
    for (host, found) in [
        ("127.0.0.1", "127.0.0.1:80"),
        ("::1", "[::1]:80"),
        ("[::1]", "[::1]:80"),
        ("fe80::1%3", "[fe80::1%3]:80"),
    ] {
        let told = ask(world, |reactor| reactor.look_up(host).service("80"));
        assert_eq!(texts(told), Ok(vec![found.to_owned()]));
    }
    let told = ask(world, |reactor| reactor.look_up("::1"));
    assert_eq!(texts(told), Ok(vec!["[::1]:0".to_owned()]));
}

fn what_can_not_be_a_name_is_told_with_its_fault(world: &World) {
    world.on(|reactor| reactor.set_resolver(Own::default()));
    let told = ask(world, |reactor| reactor.look_up("no..name"));
    let fault = "there is nothing between two dots".to_owned();
    assert_eq!(told, Err(NameError::NotAName(fault)));
    let told = ask(world, |reactor| {
        reactor.look_up("two.example").service("no-such")
    });
    assert_eq!(told, Err(NameError::Service));
    let told = ask(world, |reactor| {
        reactor.look_up("two.example").service("70000")
    });
    assert_eq!(told, Err(NameError::Service));
}

fn a_resolver_of_ones_own_is_asked_and_its_errors_are_told(world: &World) {
    world.on(|reactor| reactor.set_resolver(Own::default()));
    // Each once, with the port that was asked for.
    let two = ask(world, |reactor| {
        reactor.look_up("two.example").service("http")
    });
    let both = ["10.0.0.9:80", "[fd00::9]:80"].map(str::to_owned);
    assert_eq!(texts(two), Ok(both.to_vec()));
    for (host, error) in [
        ("empty.example", NameError::NoData),
        ("tired.example", NameError::Temporary),
        ("ill.example", NameError::Failed("I am ill".to_owned())),
        ("other.example", NameError::NoData),
    ] {
        assert_eq!(ask(world, |reactor| reactor.look_up(host)), Err(error));
    }
    let seven = ask(world, |reactor| reactor.look_up_name([192, 0, 2, 7]));
    assert_eq!(seven, Ok("seven.example".to_owned()));
    let eight = ask(world, |reactor| reactor.look_up_name([192, 0, 2, 8]));
    assert_eq!(eight, Err(NameError::Unknown));
}

fn a_resolver_that_panics_fails_its_lookup(world: &World) {
    world.on(|reactor| reactor.set_resolver(Own::default()));
    let told = ask(world, |reactor| reactor.look_up("panic.example"));
    let failed = NameError::Failed("the resolver panicked".to_owned());
    assert_eq!(told, Err(failed));
    let two = ask(world, |reactor| reactor.look_up("two.example"));
    assert_eq!(two.map(|found| found.len()), Ok(2));
}

fn a_lookup_that_was_given_up_is_not_heard_of(world: &World) {
    world.on(|reactor| reactor.set_resolver(Own::default()));
    let heard = Heard::new();
    for host in ["two.example", "127.0.0.1", "no..name"] {
        world.on(|reactor| {
            let id = heard.begin(reactor.look_up(host));
            assert!(reactor.cancel_look_up(id));
            assert!(!reactor.cancel_look_up(id), "once is enough");
        });
    }
    // What is over can't be given up.
    let late = Heard::new();
    let id = world.on(|reactor| late.begin(reactor.look_up("two.example")));
    world.run_until("it is told", || !late.all().is_empty());
    assert!(!world.on(|reactor| reactor.cancel_look_up(id)));
    world.settle();
    assert_eq!(heard.all(), []);
    assert_eq!(Rc::strong_count(&heard.0), 1, "its hooks are kept");
    assert_eq!(world.on(|reactor| reactor.counters().timers), 0);
}

fn a_lookup_beyond_its_time_is_told_as_such_and_its_outcome_is_dropped(world: &World) {
    let own = Own::default();
    let gate = Arc::clone(&own.gate);
    world.on(|reactor| reactor.set_resolver(own));
    let held = world.simulated().is_none().then(|| gate.lock());
    if let Some(sim) = world.simulated() {
        sim.name(
            "two.example",
            Answer::Addresses(Vec::new()).after(Duration::from_secs(1)),
        );
    }
    let told = ask(world, |reactor| {
        reactor.look_up("two.example").timeout(world.short())
    });
    assert_eq!(told, Err(NameError::TimedOut));
    drop(held);
    world.run_for(Duration::from_millis(1));
    world.settle();
}

fn services_are_known_by_name_and_by_port(world: &World) {
    world.on(|reactor| {
        assert_eq!(reactor.service_port("http", "tcp"), Some(80));
        assert_eq!(reactor.service_port("domain", "udp"), Some(53));
        assert_eq!(reactor.service_port("domain", None), Some(53));
        assert_eq!(reactor.service_port("telnet", "udp"), None);
        assert_eq!(reactor.service_port("no-such", None), None);
        assert_eq!(reactor.service_name(80, "tcp").as_deref(), Some("http"));
        assert_eq!(reactor.service_name(53, None).as_deref(), Some("domain"));
        assert_eq!(reactor.service_name(23, "udp"), None);
    });
}

fn a_stop_drops_what_waits_for_a_lookup(world: &World) {
    let own = Own::default();
    let gate = Arc::clone(&own.gate);
    let held = world.simulated().is_none().then(|| gate.lock());
    let heard = Heard::new();
    world.on(|reactor| reactor.set_resolver(own));
    if let Some(sim) = world.simulated() {
        sim.name("two.example", Answer::Never);
    }
    world.on(|reactor| {
        heard.begin(reactor.look_up("two.example").timeout(None));
        reactor.stop();
    });
    world.run_to_the_end();
    assert_eq!(heard.all(), []);
    assert_eq!(Rc::strong_count(&heard.0), 1, "its hook is kept");
    drop(held);
}

fn a_hook_that_panics_costs_nothing_else(world: &World) {
    world.on(|reactor| reactor.set_resolver(Own::default()));
    let heard = Heard::new();
    world.on(|reactor| {
        reactor
            .look_up("two.example")
            .then(|_, _| panic!("as planned"));
        heard.begin(reactor.look_up("two.example"));
    });
    world.run_until("the other one is told", || !heard.all().is_empty());
    world.settle();
    assert_eq!(world.on(|reactor| reactor.counters().panics), 1);
}

fn a_world_says_what_its_names_come_to(world: &World) {
    world.on(|_| ());
    let sim = world.simulated().expect("this is played in simulation");
    sim.name("v6", Answer::Addresses(vec![at("fd00::7", 0).ip()]));
    sim.name("no-address", Answer::NoData);
    sim.name("tired", Answer::Temporary);
    sim.name("busy", Answer::Busy);
    sim.name(
        "ill",
        Answer::Failed("ill".to_owned()).after(Duration::from_secs(9)),
    );
    let v6 = ask(world, |reactor| reactor.look_up("v6").service("http"));
    assert_eq!(texts(v6), Ok(vec!["[fd00::7]:80".to_owned()]));
    for (host, error) in [
        ("nobody", NameError::Unknown),
        ("no-address", NameError::NoData),
        ("tired", NameError::Temporary),
        ("busy", NameError::Busy),
        ("ill", NameError::Failed("ill".to_owned())),
    ] {
        assert_eq!(ask(world, |reactor| reactor.look_up(host)), Err(error));
    }
}

fn a_lookup_has_its_time_to_the_nanosecond(world: &World) {
    world.on(|_| ());
    let sim = world.simulated().expect("this is played in simulation");
    sim.name("silent", Answer::Never);
    let takes = |set: fn(LookUp<'_, Vec<SocketAddr>>) -> LookUp<'_, Vec<SocketAddr>>| {
        let begin = world.now();
        let over = Rc::new(RefCell::new(None));
        let ours = Rc::clone(&over);
        world.on(|reactor| {
            set(reactor.look_up("silent")).then(move |reactor, found| {
                *ours.borrow_mut() = Some((reactor.now(), found));
            });
        });
        sim.run_until(|_| over.borrow().is_some());
        let (end, found) = over.take().expect("it is over");
        assert_eq!(found, Err(NameError::TimedOut));
        end - begin
    };
    let within = Duration::from_nanos(1_234_567_891);
    assert_eq!(takes(|look_up| look_up), Duration::from_secs(30));
    assert_eq!(
        takes(|look_up| look_up.timeout(Duration::from_nanos(1_234_567_891))),
        within
    );
}

fn a_world_says_what_its_addresses_are_called(world: &World) {
    world.on(|_| ());
    let sim = world.simulated().expect("this is played in simulation");
    sim.peer_listener("target", 7);
    let target = sim.address("target");
    let other: IpAddr = [192, 0, 2, 1].into();
    let name_of = |address: IpAddr| ask(world, |reactor| reactor.look_up_name(address));
    assert_eq!(name_of(target), Ok("target".to_owned()));
    assert_eq!(name_of([127, 0, 0, 1].into()), Ok("localhost".to_owned()));
    assert_eq!(name_of(other), Err(NameError::Unknown));
    sim.name_of(other, Ok("other.example"));
    sim.name_of(target, Err(NameError::Temporary));
    assert_eq!(name_of(other), Ok("other.example".to_owned()));
    assert_eq!(name_of(target), Err(NameError::Temporary));
}
