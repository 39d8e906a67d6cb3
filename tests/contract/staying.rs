//! Clients that stay connected: attempts and losses, and what is told of them, in order. How long they wait is in `backing_off`,
//! who waits for them in `awaiting`, how connections are made ready in `preparing`; how they end is in `staying_no_more`, and
//! what goes wrong in code of users in `costing_the_attempt`.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::{Address, Backoff, ClientEvent, ClientService, ConnectError, Protocol};

use crate::calling::Odd;
use crate::spy::{Log, Spy};
use crate::toy::Toy;
use crate::world::{World, contract};

contract! { everywhere:
    the_first_attempt_begins_at_once,
    a_lost_connection_is_made_again,
    a_server_that_is_away_for_a_while_is_called_until_it_is_back,
    after_so_many_failures_in_a_row_it_gives_up,
    one_that_gave_up_can_be_started_again,
    what_is_asked_of_it_inside_a_callback_calls_nobody_inside_it,
}

/// What a service tells, and its protocols.
#[derive(Clone, Default)]
pub(crate) struct Course {
    pub(crate) log: Log,
    pub(crate) delays: Rc<RefCell<Vec<Duration>>>,
    pub(crate) errors: Rc<RefCell<Vec<ConnectError>>>,
}

impl Course {
    pub(crate) fn note(&self, event: &ClientEvent) {
        self.log.note(match event {
            ClientEvent::Started { .. } => "started".to_owned(),
            ClientEvent::Failed(error) => {
                self.errors.borrow_mut().push(error.clone());
                "failed".to_owned()
            }
            ClientEvent::Connected { .. } => "connected".to_owned(),
            ClientEvent::Lost(_) => "gone".to_owned(),
            ClientEvent::Retry(delay) => {
                self.delays.borrow_mut().push(*delay);
                "waits".to_owned()
            }
            other => other.to_string(),
        });
    }

    /// A service whose protocols are spies, which note what they hear in between.
    pub(crate) fn service(&self, world: &World, address: &Address) -> ClientService {
        let log = self.log.clone();
        self.service_with(world, address, move |_| Spy::new(&log))
    }

    pub(crate) fn service_with<P: Protocol>(
        &self,
        world: &World,
        address: &Address,
        factory: impl FnMut(&Address) -> P + 'static,
    ) -> ClientService {
        let (course, layered) = (self.clone(), world.layered);
        let service = ClientService::new(format!("tcp:{address}"), factory);
        service
            .expect("it is an endpoint")
            .backoff(quick())
            .connecting(move |connect| match layered {
                true => connect.through(Toy::client()),
                false => connect,
            })
            .events(move |_, _, event| course.note(event))
    }

    pub(crate) fn last_error(&self) -> ConnectError {
        self.errors.borrow().last().expect("one failed").clone()
    }
}

/// Waits that real sockets have the time for.
pub(crate) fn quick() -> Backoff {
    Backoff::default()
        .initial(Duration::from_millis(10))
        .maximum(Duration::from_millis(30))
}

pub(crate) fn start(world: &World, service: &ClientService) {
    world.on(|reactor| service.start(reactor));
}

/// Has it stop, and `stopped` noted when it has.
pub(crate) fn stop(world: &World, service: &ClientService, log: &Log) {
    let own = log.clone();
    world.on(|reactor| service.stop_then(reactor, move |_| own.note("it is over")));
    world.run_until("it stops", || log.has("it is over"));
    assert!(!service.is_running());
    assert_nothing_is_left(world);
}

#[track_caller]
pub(crate) fn assert_nothing_is_left(world: &World) {
    world.run_until_all_are_gone();
    let counters = world.on(|reactor| reactor.counters());
    let left = (counters.timers, counters.calls_waiting);
    assert_eq!(left, (0, 0), "timers and calls are left: {counters}");
}

fn the_first_attempt_begins_at_once(world: &World) {
    let (listener, course) = (world.peer_listener(), Course::default());
    let service = course.service(world, listener.address());
    assert!(!service.is_running());
    world.on(|reactor| {
        service.start(reactor);
        service.start(reactor);
        assert!(service.is_running() && service.connection().is_none());
    });
    assert_eq!(course.log.lines(), [""; 0], "not inside the call");
    let peer = listener.accept();
    world.run_until("it is connected", || course.log.has("connected"));
    assert_eq!(course.log.lines(), ["started", "made", "connected"]);
    let id = service.connection().expect("it is connected");
    world.on(|reactor| reactor.write(id, "hello\r\n"));
    peer.expect("hello");
    stop(world, &service, &course.log);
}

fn a_lost_connection_is_made_again(world: &World) {
    let (listener, course) = (world.peer_listener(), Course::default());
    let service = course.service(world, listener.address());
    start(world, &service);
    for round in 1..=3 {
        let peer = listener.accept();
        world.run_until("it is connected", || course.log.count("connected") == round);
        peer.resets();
        world.run_until("it is lost", || course.log.count("gone") == round);
        assert_eq!(service.connection(), None);
    }
    let round = [
        "started",
        "made",
        "connected",
        "lost reset by the peer",
        "gone",
        "waits",
    ];
    assert_eq!(course.log.lines()[..18], [round, round, round].concat());
    assert!(world.on(|reactor| reactor.counters().client_retries) >= 2);
    stop(world, &service, &course.log);
}

fn a_server_that_is_away_for_a_while_is_called_until_it_is_back(world: &World) {
    let (theirs, course) = (Log::default(), Course::default());
    let ours = theirs.clone();
    let listener = world.serve(move |_| Spy::new(&ours));
    let address = listener.address().clone();
    world.on(|reactor| reactor.stop_listening(&listener));
    let service = course.service(world, &address);
    start(world, &service);
    world.run_until("it has failed twice", || course.log.count("failed") == 2);
    assert_eq!(service.failures(), 2);
    let endpoint = format!("tcp:{}", address.port().expect("a TCP address has one"));
    let again = theirs.clone();
    world
        .on(|reactor| {
            let limits = ropewalk::Limits::default();
            world.listen(reactor, &endpoint, limits, move |_| Spy::new(&again))
        })
        .expect("the port is free");
    world.run_until("it is connected", || course.log.has("connected"));
    assert_eq!(service.failures(), 0);
    world.on(|reactor| service.stop(reactor));
    world.run_until("it is stopped", || course.log.has("stopped"));
}

const IN_VAIN: [&str; 9] = [
    "started", "failed", "waits", "started", "failed", "waits", "started", "failed", "gave up",
];

fn after_so_many_failures_in_a_row_it_gives_up(world: &World) {
    let (odd, course) = (Odd::refuses(world), Course::default());
    let service = course.service(world, &odd.address).give_up_after(3);
    start(world, &service);
    world.run_until("it gives up", || course.log.has("gave up"));
    assert_nothing_is_left(world);
    assert_eq!(course.log.lines(), IN_VAIN);
    let address = odd.address.clone();
    assert_eq!(course.last_error(), ConnectError::Refused { address });
    let counters = world.on(|reactor| reactor.counters());
    assert_eq!(
        (
            counters.clients_gave_up,
            counters.client_retries,
            counters.connects_failed
        ),
        (1, 2, 3)
    );
    assert!(!service.is_running());
}

fn one_that_gave_up_can_be_started_again(world: &World) {
    let (odd, course) = (Odd::refuses(world), Course::default());
    let service = course.service(world, &odd.address).give_up_after(3);
    start(world, &service);
    world.run_until("it gives up", || course.log.has("gave up"));
    start(world, &service);
    world.run_until("it gives up again", || course.log.count("gave up") == 2);
    assert_eq!(course.log.lines(), [IN_VAIN, IN_VAIN].concat());
}

fn what_is_asked_of_it_inside_a_callback_calls_nobody_inside_it(world: &World) {
    let (listener, course) = (world.peer_listener(), Course::default());
    let busy = Rc::new(RefCell::new(()));
    let (theirs, log, noted) = (busy.clone(), course.log.clone(), course.clone());
    let service = Rc::new(RefCell::new(None::<ClientService>));
    let ours = Rc::clone(&service);
    let made = course.service_with(world, listener.address(), move |_| {
        let (busy, service) = (theirs.clone(), ours.clone());
        Spy::new(&log).made(move |transport| {
            let _busy = busy.borrow_mut();
            let service = service.borrow().clone().expect("it is set");
            let told = busy.clone();
            service.when_connected(transport, None, move |_, _| drop(told.borrow_mut()));
            service.start(transport);
            let told = busy.clone();
            service.stop_then(transport, move |_| drop(told.borrow_mut()));
            service.start(transport);
            service.stop(transport);
        })
    });
    let made = made.events(move |reactor, service, event| {
        let _busy = busy.borrow_mut();
        noted.note(event);
        let told = busy.clone();
        service.when_connected(reactor, None, move |_, _| drop(told.borrow_mut()));
        if *event == ClientEvent::Stopped && noted.log.count("stopped") == 1 {
            let told = busy.clone();
            service.start(reactor);
            service.stop_then(reactor, move |_| drop(told.borrow_mut()));
        }
    });
    *service.borrow_mut() = Some(made.clone());
    start(world, &made);
    listener.accept().expect_eof().closes();
    world.run_until("it is stopped again", || course.log.count("stopped") == 2);
    service.take();
    // The calls that were asked for last.
    world.settle();
    assert_nothing_is_left(world);
}
