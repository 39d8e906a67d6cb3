//! Requests and their replies: which reply is whose, and which requests are taken.

use std::time::Duration;

use ropewalk::{Match, Pending, Protocol, RequestError, Transport, testing};

use crate::asking::{LONG, SOON, Scene};
use crate::spy::{Log, Spy};
use crate::world::{World, contract};

contract! { streams:
    replies_are_matched_in_whatever_order_they_come,
    a_reply_is_told_before_what_comes_after_it,
    after_a_close_of_ours_no_reply_is_heard_and_no_request_taken,
    no_more_requests_are_taken_than_there_may_be,
    the_key_of_a_request_given_up_is_free_when_its_reply_has_come,
    a_request_that_is_cancelled_hears_so_and_nothing_more,
    a_successor_hears_nothing_of_its_predecessors_requests,
    requests_are_none_of_another_connections,
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

/// A million replies are as many look-ups, and one timer.
#[test]
fn requests_have_one_timer_together() {
    struct Many(Pending<u64>);
    impl Protocol for Many {
        fn data_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
    }
    let mut wire = testing::connect(Many(Pending::at_most(100_000)));
    let timers = |wire: &mut testing::Wire<Many>| format!("{:?}", wire.reactor());
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
