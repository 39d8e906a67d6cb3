//! A crowd of clients that stay connected, and a server that begins again and again, in simulation: all are back each time, they
//! do not come all at once, and nothing of them is left in the end.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use ropewalk::sim::{self, Faults, Trace, World};
use ropewalk::{
    Backoff, ClientEvent, ClientService, LineReceiver, Reactor, Result, Time, Transport,
};

struct Quiet;

impl LineReceiver for Quiet {
    fn line_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
}

fn serve(reactor: &mut Reactor) -> Result<()> {
    let listen = reactor.listen("tcp:8007:interface=*");
    listen.serve(|_| Quiet).map(drop)
}

/// Clients on one host, and what is known of all of them.
#[derive(Clone, Default)]
struct Crowd {
    services: Rc<RefCell<Vec<ClientService>>>,
    connected: Rc<Cell<usize>>,
    stopped: Rc<Cell<usize>>,
    attempts: Rc<RefCell<Vec<Time>>>,
}

impl Crowd {
    fn start(&self, reactor: &mut Reactor, size: usize, backoff: &Backoff) -> Result<()> {
        for _ in 0..size {
            let crowd = self.clone();
            let service = ClientService::new("tcp:server:8007", |_| Quiet)?
                .backoff(backoff.clone())
                .events(move |reactor, _, event| crowd.note(reactor, event));
            service.start(reactor);
            self.services.borrow_mut().push(service);
        }
        Ok(())
    }

    fn note(&self, reactor: &Reactor, event: &ClientEvent) {
        let add = |count: &Cell<usize>| count.set(count.get() + 1);
        match event {
            ClientEvent::Started { .. } => self.attempts.borrow_mut().push(reactor.now()),
            ClientEvent::Connected { .. } => add(&self.connected),
            ClientEvent::Lost(_) => self.connected.set(self.connected.get() - 1),
            ClientEvent::Stopped => add(&self.stopped),
            _ => {}
        }
    }

    /// The most attempts that there were within some ten milliseconds.
    fn most_at_once(&self) -> usize {
        let attempts = self.attempts.borrow();
        let behind = |begin: usize| {
            let end = attempts[begin] + Duration::from_millis(10);
            attempts[begin..].iter().take_while(|at| **at < end).count()
        };
        (0..attempts.len()).map(behind).max().unwrap_or(0)
    }
}

/// Has the server crash so many times; the most attempts that there were at once, each time.
fn restart(world: &World, crowd: &Crowd, size: usize, times: usize) -> Vec<usize> {
    let all_are_back = || world.run_until(|_| crowd.connected.get() == size);
    all_are_back();
    let mut peaks = Vec::new();
    for _ in 0..times {
        crowd.attempts.borrow_mut().clear();
        world.crash("server", Duration::from_secs(3));
        world.run_until(|_| crowd.connected.get() < size);
        all_are_back();
        peaks.push(crowd.most_at_once());
    }
    peaks
}

/// Stops all of them; nothing of them is left.
fn end(world: &World, crowd: &Crowd, size: usize) {
    world.on("clients", |reactor| {
        for service in crowd.services.borrow().iter() {
            service.stop(reactor);
        }
    });
    world.run_until(|_| crowd.stopped.get() == size);
    assert_eq!(crowd.connected.get(), 0);
    world.run_until(|world| world.on("clients", |reactor| reactor.connections()) == 0);
    let counters = world.on("clients", |reactor| reactor.counters());
    assert_eq!(
        (counters.timers, counters.calls_waiting, counters.panics),
        (0, 0, 0)
    );
    assert_eq!(world.descriptors("clients"), 0);
    world.stop("clients");
    world.stop("server");
}

#[test]
fn a_thousand_clients_come_back_ten_times_and_not_all_at_once() {
    const SIZE: usize = 1000;
    let (world, crowd) = (World::new(1, Faults::None), Crowd::default());
    world.set_trace(Trace::Off);
    world.service("server", serve);
    let backoff = Backoff::default();
    world.host("clients", |reactor| crowd.start(reactor, SIZE, &backoff));
    let peaks = restart(&world, &crowd, SIZE, 10);
    println!("the most attempts of {SIZE} clients within 10 ms, at each restart: {peaks:?}");
    assert!(peaks.iter().all(|peak| *peak <= SIZE / 20), "{peaks:?}");
    end(&world, &crowd, SIZE);
}

#[test]
fn without_jitter_they_would_come_all_at_once() {
    const SIZE: usize = 100;
    let (world, crowd) = (World::new(1, Faults::None), Crowd::default());
    world.service("server", serve);
    let backoff = Backoff::default().jitter(0.0);
    world.host("clients", |reactor| crowd.start(reactor, SIZE, &backoff));
    let peaks = restart(&world, &crowd, SIZE, 2);
    assert!(peaks.iter().all(|peak| *peak > SIZE * 9 / 10), "{peaks:?}");
    end(&world, &crowd, SIZE);
}

#[test]
fn a_crowd_comes_back_whatever_a_right_program_may_not_notice() {
    const SIZE: usize = 30;
    sim::sweep(0..10, Faults::Unnoticeable, |world| {
        let (crowd, backoff) = (Crowd::default(), Backoff::default());
        world.service("server", serve);
        world.host("clients", |reactor| crowd.start(reactor, SIZE, &backoff));
        restart(world, &crowd, SIZE, 3);
        end(world, &crowd, SIZE);
    });
}

/// Whatever happens meanwhile: when it is over, every client that is up has its connection.
#[test]
fn in_the_end_every_client_is_connected_whatever_has_gone_wrong() {
    sim::sweep(0..40, Faults::All, |world| {
        world.service("server", serve);
        let clients = ["alice", "bob", "carol"].map(|name| {
            let service = Rc::new(RefCell::new(None::<ClientService>));
            let ours = Rc::clone(&service);
            world.service(name, move |reactor| {
                let backoff = Backoff::default().maximum(Duration::from_secs(5));
                let client = ClientService::new("tcp:server:8007", |_| Quiet)?;
                let client = client.backoff(backoff);
                client.start(reactor);
                *ours.borrow_mut() = Some(client);
                Ok(())
            });
            (name, service)
        });
        world.run_for(Duration::from_secs(60));
        world.calm();
        let is_connected = |world: &World, name: &str, service: &RefCell<Option<ClientService>>| {
            let id = service
                .borrow()
                .as_ref()
                .and_then(ClientService::connection);
            id.is_some_and(|id| world.on(name, |reactor| reactor.is_connected(id)))
        };
        for (name, service) in &clients {
            world.run_until(|world| is_connected(world, name, service));
        }
        for (name, _) in &clients {
            world.stop(name);
        }
    });
}
