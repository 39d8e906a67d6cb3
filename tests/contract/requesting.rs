//! Requests and their replies: which reply is whose, and what those hear that get none.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::sim::Faults;
use ropewalk::{LineReceiver, Lost, Match, Pending, Protocol, RequestError, Transport, Unanswered};

use crate::known::Known;
use crate::spy::{Log, Spy};
use crate::world::{Peer, SERVER, World, contract};

contract! { everywhere:
    replies_are_matched_in_whatever_order_they_come,
    a_reply_is_told_before_what_comes_after_it,
    a_request_without_a_reply_times_out_and_its_late_reply_is_nobodys,
    each_request_has_a_deadline_of_its_own,
    one_may_ask_again_when_told_that_there_is_no_reply,
    a_request_without_any_time_can_be_asked_again_and_again,
    all_that_are_unanswered_hear_of_the_loss_in_order_before_the_protocol,
    after_a_close_of_ours_no_reply_is_heard_and_no_request_taken,
    no_more_requests_are_taken_than_there_may_be,
    the_key_of_a_request_given_up_is_free_when_its_reply_has_come,
    a_request_that_is_cancelled_hears_so_and_nothing_more,
    a_successor_hears_nothing_of_its_predecessors_requests,
    a_panic_over_one_request_does_not_keep_the_others_from_hearing,
    a_panic_over_the_loss_does_not_keep_the_others_from_hearing,
    requests_are_none_of_another_connections,
}

contract! { simulated:
    a_reply_that_has_arrived_in_time_is_in_time,
    the_time_is_kept_exactly,
}

const LONG: Duration = Duration::from_secs(600);
const SOON: Duration = Duration::from_millis(8);

/// Asks by lines such as `7 what?`, and takes `7 that.` for the reply. Notes what becomes of its requests.
struct Asker {
    log: Log,
    known: Known,
    requests: Pending<u16>,
    lost: Option<fn(&mut Asker, &mut Transport<'_>)>,
}

type Outcome = Result<Vec<u8>, Unanswered>;

impl Asker {
    fn ask(&mut self, transport: &mut Transport<'_>, key: u16, within: Duration) {
        let result = self.try_ask(transport, key, within, move |this, _, outcome| {
            this.note(key, outcome);
        });
        result.expect("it is taken");
    }

    fn try_ask(
        &mut self,
        transport: &mut Transport<'_>,
        key: u16,
        within: Duration,
        told: impl FnOnce(&mut Self, &mut Transport<'_>, Outcome) + 'static,
    ) -> Result<(), RequestError> {
        self.requests.request(transport, key, within, told)?;
        transport.send(format!("{key} what?"));
        Ok(())
    }

    fn note(&self, key: u16, outcome: Outcome) {
        self.log.note(match outcome {
            Ok(reply) => format!("{key}: {}", String::from_utf8_lossy(&reply)),
            Err(why) => format!("{key}: {why}"),
        });
    }
}

impl LineReceiver for Asker {
    fn connection_made(&mut self, transport: &mut Transport<'_>) {
        self.known.note(transport);
    }

    fn line_received(&mut self, transport: &mut Transport<'_>, line: &[u8]) {
        let line = String::from_utf8_lossy(line).into_owned();
        match line
            .split_once(' ')
            .map(|(key, reply)| (key.parse(), reply))
        {
            Some((Ok(key), reply)) => {
                let found = self
                    .requests
                    .reply(&key, reply.into())
                    .tell(self, transport);
                if found != Match::Asked {
                    self.log.note(format!("{key} {found:?}"));
                }
            }
            _ => self.log.note(line),
        }
    }

    fn connection_lost(&mut self, transport: &mut Transport<'_>, reason: &Lost) {
        self.log.note(format!("lost {reason}"));
        if let Some(lost) = self.lost.take() {
            lost(self, transport);
        }
    }
}

struct Scene {
    world: World,
    log: Log,
    known: Known,
    peer: Peer,
}

impl Scene {
    fn new(world: &World) -> Self {
        Self::with(world, Pending::new)
    }

    fn with(world: &World, requests: impl Fn() -> Pending<u16> + 'static) -> Self {
        let (log, known) = (Log::default(), Known::default());
        let (ours, ids) = (log.clone(), known.clone());
        let listener = world.serve(move |_| Asker {
            log: ours.clone(),
            known: ids.clone(),
            requests: requests(),
            lost: None,
        });
        let peer = world.peer(&listener);
        world.run_until("it is made", || known.count() == 1);
        Self {
            world: world.clone(),
            log,
            known,
            peer,
        }
    }

    /// Has the protocol do something, in a callback of its own.
    fn tell(&self, act: impl FnOnce(&mut Asker, &mut Transport<'_>) + 'static) {
        let id = self.known.id();
        self.world.on(|reactor| reactor.tell(id, act));
    }

    /// The protocol asks, and the peer has heard it.
    fn ask(&self, keys: &'static [u16], within: Duration) {
        self.tell(move |asker, transport| {
            for &key in keys {
                asker.ask(transport, key, within);
            }
        });
        for key in keys {
            self.peer.expect(format!("{key} what?"));
        }
    }

    /// What has been told, as soon as it is so much.
    #[track_caller]
    fn told(&self, count: usize) -> Vec<String> {
        self.world
            .run_until("it is told", || self.log.lines().len() >= count);
        self.log.lines()
    }
}

fn replies_are_matched_in_whatever_order_they_come(world: &World) {
    let scene = Scene::new(world);
    scene.ask(&[1, 2, 3], LONG);
    scene
        .peer
        .send("3 three")
        .send("1 one")
        .send("9 nine")
        .send("2 two")
        .send("2 again");
    assert_eq!(
        scene.told(5),
        ["3: three", "1: one", "9 Unknown", "2: two", "2 Unknown"]
    );
    scene.tell(|asker, _| assert!(asker.requests.is_empty() && asker.requests.late() == 0));
    scene.peer.send("end");
    assert_eq!(scene.told(6)[5], "end");
}

fn a_reply_is_told_before_what_comes_after_it(world: &World) {
    let scene = Scene::new(world);
    scene.ask(&[1, 2], LONG);
    scene
        .peer
        .send_bytes("before\r\n2 two\r\nbetween\r\n1 one\r\nafter\r\n");
    assert_eq!(
        scene.told(5),
        ["before", "2: two", "between", "1: one", "after"]
    );
}

fn a_request_without_a_reply_times_out_and_its_late_reply_is_nobodys(world: &World) {
    let scene = Scene::new(world);
    scene.ask(&[1, 2], SOON);
    assert_eq!(
        scene.told(2),
        ["1: no reply in time", "2: no reply in time"]
    );
    scene.peer.send("1 one").send("1 one");
    assert_eq!(scene.told(4)[2..], ["1 GivenUp", "1 Unknown"]);
    world.run_for(SOON * 3);
    assert_eq!(scene.log.lines().len(), 4);
    let counters = world.on(|reactor| reactor.counters().clone());
    assert_eq!((counters.requests_timed_out, counters.late_replies), (2, 1));
    scene.tell(|asker, _| assert_eq!(asker.requests.late(), 1));
}

fn each_request_has_a_deadline_of_its_own(world: &World) {
    let scene = Scene::new(world);
    let begin = world.now();
    scene.ask(&[1], LONG);
    scene.ask(&[2], SOON * 3);
    scene.ask(&[3], SOON);
    scene.ask(&[4], SOON * 2);
    assert_eq!(scene.told(1), ["3: no reply in time"]);
    scene.peer.send("4 four");
    let told = scene.told(3);
    assert!(told.contains(&"2: no reply in time".to_owned()));
    // On a slow machine the reply may have come too late.
    assert!(
        told[1..].iter().any(|line| line.starts_with("4: ")),
        "{told:?}"
    );
    assert!(world.now() - begin >= SOON * 3);
    scene.peer.send("1 one");
    assert!(scene.told(4).contains(&"1: one".to_owned()));
}

fn one_may_ask_again_when_told_that_there_is_no_reply(world: &World) {
    fn persist(asker: &mut Asker, transport: &mut Transport<'_>, within: Duration) {
        let key = asker.requests.next_key();
        let asked = asker.try_ask(transport, key, within, move |this, transport, outcome| {
            let failed = outcome.is_err();
            this.note(key, outcome);
            if failed {
                persist(this, transport, if key == 2 { LONG } else { SOON });
            }
        });
        assert_eq!(asked, Ok(()));
    }
    let scene = Scene::new(world);
    scene.tell(|asker, transport| persist(asker, transport, SOON));
    scene
        .peer
        .expect("1 what?")
        .expect("2 what?")
        .expect("3 what?");
    scene.peer.send("3 that.");
    assert_eq!(
        scene.told(3),
        ["1: no reply in time", "2: no reply in time", "3: that."]
    );
}

fn a_request_without_any_time_can_be_asked_again_and_again(world: &World) {
    fn persist(asker: &mut Asker, transport: &mut Transport<'_>) {
        let key = asker.requests.next_key();
        let asked = asker.try_ask(
            transport,
            key,
            Duration::ZERO,
            move |this, transport, outcome| {
                this.note(key, outcome);
                if key < 100 {
                    persist(this, transport);
                }
            },
        );
        assert_eq!(asked, Ok(()));
    }
    let scene = Scene::new(world);
    scene.tell(persist);
    scene.peer.send("still heard");
    world.run_until("it is heard", || scene.log.has("still heard"));
    assert_eq!(
        scene
            .told(101)
            .iter()
            .filter(|line| line.ends_with("in time"))
            .count(),
        100
    );
}

fn all_that_are_unanswered_hear_of_the_loss_in_order_before_the_protocol(world: &World) {
    let scene = Scene::new(world);
    scene.ask(&[5, 4, 6], LONG);
    scene.tell(|asker, _| {
        asker.lost = Some(|asker, transport| {
            let refused = asker.try_ask(transport, 7, LONG, |_, _, _| unreachable!());
            assert_eq!(refused, Err(RequestError::Ended));
            asker.log.note("refused");
        });
    });
    scene.peer.send("4 four");
    scene.told(1);
    scene.peer.half_closes();
    let lost = "done, ended by the peer";
    let without = |key| format!("{key}: the connection was lost: {lost}");
    assert_eq!(
        scene.told(5),
        [
            "4: four",
            &without(5),
            &without(6),
            &format!("lost {lost}"),
            "refused"
        ]
    );
    world.run_until_all_are_gone();
    assert_eq!(scene.log.lines().len(), 5);
}

fn after_a_close_of_ours_no_reply_is_heard_and_no_request_taken(world: &World) {
    let scene = Scene::new(world);
    scene.ask(&[1], LONG);
    scene.tell(|asker, transport| {
        transport.lose_connection();
        let refused = asker.try_ask(transport, 2, LONG, |_, _, _| unreachable!());
        assert_eq!(refused, Err(RequestError::Ended));
        asker.log.note("refused");
    });
    scene.told(1);
    scene.peer.send("1 one");
    assert_eq!(
        scene.told(3),
        [
            "refused",
            "1: the connection was lost: done, ended by us",
            "lost done, ended by us"
        ]
    );
}

fn no_more_requests_are_taken_than_there_may_be(world: &World) {
    let scene = Scene::with(world, || Pending::at_most(2));
    scene.ask(&[1, 2], LONG);
    scene.tell(|asker, transport| {
        let mut ask = |key| asker.try_ask(transport, key, LONG, |_, _, _| unreachable!());
        assert_eq!(ask(3), Err(RequestError::Full(2)));
        assert_eq!(ask(2), Err(RequestError::InUse));
        assert_eq!(asker.requests.len(), 2);
        asker.log.note("full");
    });
    scene.told(1);
    scene.peer.send("1 one");
    scene.told(2);
    scene.ask(&[3], LONG);
    scene.peer.send("3 three").send("2 two");
    assert_eq!(scene.told(4)[1..], ["1: one", "3: three", "2: two"]);
}

fn the_key_of_a_request_given_up_is_free_when_its_reply_has_come(world: &World) {
    let scene = Scene::new(world);
    scene.ask(&[1, 2], SOON);
    scene.told(2);
    scene.tell(|asker, transport| {
        let mut ask = |key| asker.try_ask(transport, key, LONG, |_, _, _| unreachable!());
        assert_eq!(ask(1), Err(RequestError::GivenUp));
        assert_eq!(asker.requests.next_key(), 3);
        assert!(asker.requests.forget(&2) && !asker.requests.forget(&2));
        asker.log.note("refused");
    });
    scene.told(3);
    scene.peer.send("1 late");
    scene.told(4);
    scene.ask(&[1, 2], LONG);
    scene.peer.send("2 two").send("1 one");
    assert_eq!(
        scene.told(6)[2..],
        ["refused", "1 GivenUp", "2: two", "1: one"]
    );
}

fn a_request_that_is_cancelled_hears_so_and_nothing_more(world: &World) {
    let scene = Scene::new(world);
    scene.ask(&[1, 2], SOON);
    scene.tell(|asker, transport| {
        let told = asker.requests.cancel(&1).tell(asker, transport);
        let again = asker.requests.cancel(&1).tell(asker, transport);
        let other = asker.requests.cancel(&3).tell(asker, transport);
        assert_eq!(
            [told, again, other],
            [Match::Asked, Match::GivenUp, Match::Unknown]
        );
    });
    assert_eq!(scene.told(2), ["1: cancelled", "2: no reply in time"]);
    scene.peer.send("1 late").half_closes();
    assert_eq!(
        scene.told(4)[2..],
        ["1 GivenUp", "lost done, ended by the peer"]
    );
}

fn a_successor_hears_nothing_of_its_predecessors_requests(world: &World) {
    let scene = Scene::new(world);
    scene.ask(&[1, 2], SOON);
    let (log, next) = (Log::default(), Log::default());
    let (ours, theirs) = (log.clone(), next.clone());
    scene.tell(move |asker, transport| {
        asker.log = theirs;
        transport.switch_protocol(Spy::new(&ours));
    });
    world.run_until("it has taken over", || log.has("made"));
    assert_eq!(world.on(|reactor| reactor.counters().stale_calls), 2);
    world.run_for(SOON * 3);
    scene.peer.half_closes();
    world.run_until("the loss is told", || log.count("lost") == 1);
    assert_eq!(log.lines(), ["made", "eof", "lost done, ended by the peer"]);
    assert_eq!(next.lines(), [""; 0]);
}

/// The one that panics and another come due at the same moment, a third later.
fn a_panic_over_one_request_does_not_keep_the_others_from_hearing(world: &World) {
    let scene = Scene::new(world);
    scene.tell(|asker, transport| {
        let asked = asker.try_ask(transport, 1, SOON, |_, _, _| panic!("a test's panic"));
        assert_eq!(asked, Ok(()));
        asker.ask(transport, 2, SOON);
        asker.ask(transport, 3, LONG);
    });
    assert_eq!(
        scene.told(3),
        [
            "2: the connection was lost: the protocol panicked",
            "3: the connection was lost: the protocol panicked",
            "lost the protocol panicked"
        ]
    );
}

fn a_panic_over_the_loss_does_not_keep_the_others_from_hearing(world: &World) {
    let scene = Scene::new(world);
    scene.tell(|asker, transport| {
        asker.ask(transport, 1, LONG);
        let asked = asker.try_ask(transport, 2, LONG, |_, _, _| panic!("a test's panic"));
        assert_eq!(asked, Ok(()));
        asker.ask(transport, 3, LONG);
    });
    scene
        .peer
        .expect("1 what?")
        .expect("2 what?")
        .expect("3 what?")
        .half_closes();
    let told = scene.told(3);
    assert!(told[0].starts_with("1: the") && told[1].starts_with("3: the"));
    assert_eq!(told[2], "lost done, ended by the peer");
    assert_eq!(world.on(|reactor| reactor.counters().panics), 1);
}

/// Two connections of one program ask under the same keys; one is lost.
fn requests_are_none_of_another_connections(world: &World) {
    let (one, other) = (Scene::new(world), Scene::new(world));
    one.ask(&[1, 2], LONG);
    other.ask(&[1, 2], LONG);
    one.peer.resets();
    assert!(one.told(3)[0].starts_with("1: the connection was lost"));
    other.peer.send("1 one").send("2 two");
    assert_eq!(other.told(2), ["1: one", "2: two"]);
}

/// The process stands still, and meanwhile the peer answers.
fn a_reply_that_has_arrived_in_time_is_in_time(world: &World) {
    let scene = Scene::new(world);
    scene.ask(&[1, 2, 3], Duration::from_secs(60));
    let simulated = world.simulated().expect("only a simulation stands still");
    if simulated.faults() != Faults::None {
        // A network that says of what has arrived that it has not is believed.
        return;
    }
    simulated.freeze(SERVER, Duration::from_secs(3600));
    scene.peer.send("1 one").send("2 two");
    world.run_for(Duration::from_secs(3700));
    assert_eq!(scene.told(3), ["1: one", "2: two", "3: no reply in time"]);
}

fn the_time_is_kept_exactly(world: &World) {
    let scene = Scene::new(world);
    let times = Rc::new(RefCell::new(Vec::new()));
    let told = Rc::clone(&times);
    scene.tell(move |asker, transport| {
        for n in [7, 3, 9, 1, 5, 2, 8, 4, 6_u16] {
            let (times, due) = (Rc::clone(&told), transport.now() + SOON * n.into());
            let asked = asker.try_ask(
                transport,
                n,
                SOON * n.into(),
                move |_, transport, outcome| {
                    assert_eq!(outcome, Err(Unanswered::TimedOut));
                    assert_eq!(transport.now(), due);
                    times.borrow_mut().push(n);
                },
            );
            assert_eq!(asked, Ok(()));
        }
    });
    world.run_for(SOON * 20);
    assert_eq!(*times.borrow(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

/// A million replies are as many look-ups, and one timer.
#[test]
fn requests_have_one_timer_together() {
    struct Many(Pending<u64>);
    impl Protocol for Many {
        fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
    }
    let mut wire = ropewalk::testing::connect(Many(Pending::at_most(100_000)));
    let timers = |wire: &mut ropewalk::testing::Wire<Many>| format!("{:?}", wire.reactor());
    let none = timers(&mut wire);
    wire.protocol(|many, transport| {
        for n in 0..100_000 {
            let within = Duration::from_millis(200_000 - n);
            let asked = many
                .0
                .request(transport, n, within, |_: &mut Many, _, _| ());
            assert_eq!(asked, Ok(()));
        }
    });
    let timers = timers(&mut wire);
    assert!(
        none.contains("timers: 0") && timers.contains("timers: 1,"),
        "{timers}"
    );
    wire.protocol(|many, transport| {
        for n in 0..100_000 {
            assert_eq!(
                many.0.reply(&n, Vec::new()).tell(many, transport),
                Match::Asked
            );
        }
    });
    wire.advance(Duration::from_secs(300));
    assert!(format!("{:?}", wire.reactor()).contains("timers: 0"));
}
