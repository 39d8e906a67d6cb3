//! Clients that stay connected, and code of users that fails them: it costs the attempt at hand, and no more.

use std::cell::Cell;
use std::rc::Rc;

use ropewalk::{Address, ClientService, ConnectError, Factory, Lost};

use crate::calling::Odd;
use crate::spy::{Log, Spy};
use crate::staying::{Course, assert_nothing_is_left, start};
use crate::toy::Toy;
use crate::world::{World, contract};

contract! { everywhere:
    a_factory_that_panics_costs_the_attempt,
    a_factory_that_wants_no_connection_costs_the_attempt,
    a_protocol_that_panics_when_it_is_made_costs_the_attempt,
    settings_that_panic_cost_the_attempt,
    a_panic_over_an_event_keeps_no_other_from_being_told,
}

/// A service whose attempts fail though the server is there, and the server's side of it.
fn fails(world: &World, factory: impl FnMut(&Address) -> Spy + 'static) -> (Course, ClientService) {
    let (theirs, course) = (Log::default(), Course::default());
    let listener = world.serve(move |_| Spy::new(&theirs));
    let service = course.service_with(world, listener.address(), factory);
    let service = service.give_up_after(2);
    start(world, &service);
    world.run_until("it gives up", || course.log.has("gave up"));
    assert_nothing_is_left(world);
    (course, service)
}

fn a_factory_that_panics_costs_the_attempt(world: &World) {
    let (course, _) = fails(world, |_| panic!("on purpose"));
    assert_eq!(course.log.count("failed"), 2);
    assert_eq!(course.last_error(), ConnectError::Panicked);
    let counters = world.on(|reactor| reactor.counters());
    assert_eq!((counters.panics, counters.unwanted), (2, 2));
}

fn a_factory_that_wants_no_connection_costs_the_attempt(world: &World) {
    struct Unwilling;
    impl Factory for Unwilling {
        type Protocol = Spy;
        fn build_protocol(&mut self, _: &Address) -> Option<Spy> {
            None
        }
    }
    let theirs = Log::default();
    let listener = world.serve(move |_| Spy::new(&theirs));
    let (course, endpoint) = (Course::default(), format!("tcp:{}", listener.address()));
    let (noted, layered) = (course.clone(), world.layered);
    let service = ClientService::with(endpoint, Unwilling)
        .expect("it is an endpoint")
        .give_up_after(1)
        .connecting(move |connect| match layered {
            true => connect.through(Toy::client()),
            false => connect,
        })
        .events(move |_, _, event| noted.note(event));
    start(world, &service);
    world.run_until("it gives up", || course.log.has("gave up"));
    assert_eq!(course.log.lines(), ["started", "failed", "gave up"]);
    assert_eq!(course.last_error(), ConnectError::Unwanted);
}

fn a_protocol_that_panics_when_it_is_made_costs_the_attempt(world: &World) {
    let log = Log::default();
    let (course, service) = fails(world, move |_| {
        Spy::new(&log).made(|_| panic!("on purpose"))
    });
    assert_eq!(course.last_error(), ConnectError::Lost(Lost::Panicked));
    assert_eq!(service.failures(), 2);
}

fn settings_that_panic_cost_the_attempt(world: &World) {
    let (odd, course) = (Odd::refuses(world), Course::default());
    let service = course.service(world, &odd.address).give_up_after(2);
    let service = service.connecting(|_| panic!("on purpose"));
    start(world, &service);
    world.run_until("it gives up", || course.log.has("gave up"));
    assert_eq!(course.last_error(), ConnectError::Panicked);
    assert_nothing_is_left(world);
}

fn a_panic_over_an_event_keeps_no_other_from_being_told(world: &World) {
    let (odd, told) = (Odd::refuses(world), Rc::new(Cell::new(0)));
    let count = Rc::clone(&told);
    let service = Course::default().service(world, &odd.address);
    let service = service.give_up_after(2).events(move |_, _, _| {
        count.set(count.get() + 1);
        panic!("on purpose");
    });
    start(world, &service);
    world.run_until("all is told", || told.get() == 6);
    assert_nothing_is_left(world);
    assert_eq!(world.on(|reactor| reactor.counters().panics), 6);
}
