//! What belongs to the whole process: its signals, and what its children inherit. Each test has a process of its own.

use std::cell::Cell;
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::Command;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{SigEvent, SigevNotify, Signal as Number};
use nix::sys::timer::{Expiration, Timer, TimerSetTimeFlags};
use nix::time::ClockId;
use ropewalk::network::{Farewell, ListenOptions, Network, OsNetwork, Signal, SocketId, Token};
use ropewalk::{Address, Reactor, Report, Stepper};
use signal_hook::consts::{SIGALRM, SIGINT, SIGPIPE, SIGTERM};
use signal_hook::{flag, low_level::raise};

use crate::alone::alone;
use crate::spy::{Log, Spy};
use crate::world::{PATIENCE, SERVER, World, contract};

contract! { simulated_bare:
    the_first_signal_stops_in_order_and_the_second_at_once,
}

contract! { real:
    a_process_is_stopped_in_order_by_one_signal,
    a_process_is_stopped_at_once_by_a_second_signal,
    a_write_to_a_peer_that_is_gone_raises_no_signal,
    a_storm_of_signals_loses_nothing_and_makes_no_timer_early,
    a_child_inherits_nothing,
}

fn socket_address(address: &Address) -> SocketAddr {
    address.to_string().parse().expect("it is one of TCP")
}

fn the_first_signal_stops_in_order_and_the_second_at_once(world: &World) {
    let log = Log::default();
    let ours = log.clone();
    let listener = world.serve(move |_| Spy::new(&ours).stopping(|_| {}));
    let peer = world.peer(&listener);
    world.run_until("it is made", || log.has("made"));
    let sim = world.simulated().expect("this is played in simulation");
    world.on(|reactor| reactor.set_stop_deadline(None));
    sim.signal(SERVER, Signal::Terminate);
    world.run_until("the stop is told", || log.has("stopping"));
    world.settle();
    assert_eq!(log.lines(), ["made", "stopping"], "it waits");
    sim.signal(SERVER, Signal::Interrupt);
    world.run_to_the_end();
    assert_eq!(
        log.lines(),
        ["made", "stopping", "lost the reactor stopped"]
    );
    peer.expect_reset();
}

/// Serves one caller until a signal stops it, and says how the caller's connection ended.
fn stopped_by_signals(spy: fn(Spy) -> Spy) -> (Report, Log, Result<usize, ErrorKind>) {
    let log = Log::default();
    let (ours, caller) = (log.clone(), Rc::new(Cell::new(None)));
    let calls = Rc::clone(&caller);
    let gave_up = log.clone();
    let report = ropewalk::run(move |reactor| {
        reactor.set_stop_deadline(None);
        reactor.call_later(PATIENCE, move |reactor| {
            gave_up.note("no signal stops it");
            reactor.stop_now();
        });
        let listener = reactor
            .listen("tcp:0")
            .serve(move |_| spy(Spy::new(&ours).made(|_| raise(SIGTERM).expect("it is raised"))))?;
        let address = socket_address(listener.address());
        calls.set(Some(thread::spawn(move || {
            let mut stream = TcpStream::connect(address)?;
            stream.read(&mut [0])
        })));
        Ok(())
    });
    let caller = caller.take().expect("it was set up");
    let ending = caller.join().expect("it does not panic");
    let report = report.expect("the loop works");
    (report, log, ending.map_err(|error| error.kind()))
}

fn a_process_is_stopped_in_order_by_one_signal(_: &World) {
    if !alone(
        "process::a_process_is_stopped_in_order_by_one_signal::on_real_sockets",
        "true",
    ) {
        return;
    }
    let (report, log, ending) = stopped_by_signals(|spy| spy);
    assert_eq!(log.lines(), ["made", "stopping", "lost done, ended by us"]);
    assert_eq!((report.signal, ending), (Some(Signal::Terminate), Ok(0)));
    assert_eq!((report.finished, report.cut_off), (1, 0));
}

fn a_process_is_stopped_at_once_by_a_second_signal(_: &World) {
    if !alone(
        "process::a_process_is_stopped_at_once_by_a_second_signal::on_real_sockets",
        "true",
    ) {
        return;
    }
    let (report, log, ending) =
        stopped_by_signals(|spy| spy.stopping(|_| raise(SIGINT).expect("it is raised")));
    assert_eq!(
        log.lines(),
        ["made", "stopping", "lost the reactor stopped"]
    );
    assert_eq!(report.signal, Some(Signal::Terminate));
    assert_eq!(ending, Err(ErrorKind::ConnectionReset));
    assert_eq!((report.finished, report.cut_off), (0, 1));
}

/// A socket to which the system answers a write with `SIGPIPE`, unless it is asked not to.
fn broken_socket(network: &mut OsNetwork) -> SocketId {
    let loopback = Address::Tcp(([127, 0, 0, 1], 0).into());
    let options = ListenOptions::default();
    let (listener, address) = network
        .listen(&loopback, &options, Token(1))
        .expect("a free port");
    let peer = TcpStream::connect(socket_address(&address)).expect("it listens");
    let (socket, _) = loop {
        match network.accept(listener) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            accepted => break accepted.expect("somebody called"),
        }
    };
    network.close(listener, Farewell::Close);
    // Behind its FIN nobody is left who could take anything.
    peer.shutdown(Shutdown::Write).expect("it stands");
    drop(peer);
    socket
}

fn a_write_to_a_peer_that_is_gone_raises_no_signal(_: &World) {
    if !alone(
        "process::a_write_to_a_peer_that_is_gone_raises_no_signal::on_real_sockets",
        "true",
    ) {
        return;
    }
    // Rust's programs ignore it; one that is written in C and uses this crate dies of it.
    flag::register_conditional_default(SIGPIPE, Arc::new(AtomicBool::new(true)))
        .expect("a handler can be set");
    let network = &mut OsNetwork::new().expect("a network");
    for pieces in [1, 2] {
        let socket = broken_socket(network);
        let pieces = vec![IoSlice::new(b"to nobody"); pieces];
        let error = loop {
            match network.write(socket, &pieces) {
                Ok(_) => {}
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }
}

/// A thousand signals a second to this thread, and what they do to one wait after another. Clones are the same storm.
#[derive(Clone, Default)]
struct Storm {
    hit: Arc<AtomicBool>,
    waits: Rc<Cell<u32>>,
    early: Rc<Cell<u32>>,
    /// Waits during which a signal came.
    hits: Rc<Cell<u32>>,
}

impl Storm {
    /// It lasts as long as the timer.
    fn begin(&self) -> Timer {
        flag::register(SIGALRM, Arc::clone(&self.hit)).expect("a handler can be set");
        let event = SigEvent::new(SigevNotify::SigevThreadId {
            signal: Number::SIGALRM,
            thread_id: nix::unistd::gettid().as_raw(),
            si_value: 0,
        });
        let mut timer = Timer::new(ClockId::CLOCK_MONOTONIC, event).expect("a timer");
        let often = Expiration::Interval(Duration::from_millis(1).into());
        timer
            .set(often, TimerSetTimeFlags::empty())
            .expect("it is set");
        timer
    }

    fn wait_again(self, reactor: &mut Reactor) {
        let wait = Duration::from_micros(1500 + u64::from(self.waits.get() % 7) * 400);
        let due = reactor.now() + wait;
        reactor.call_later(wait, move |reactor| {
            let hit = self.hit.swap(false, Ordering::Relaxed);
            self.waits.set(self.waits.get() + 1);
            self.hits.set(self.hits.get() + u32::from(hit));
            let early = u32::from(reactor.now() < due);
            self.early.set(self.early.get() + early);
            self.wait_again(reactor);
        });
    }
}

fn a_storm_of_signals_loses_nothing_and_makes_no_timer_early(_: &World) {
    if !alone(
        "process::a_storm_of_signals_loses_nothing_and_makes_no_timer_early::on_real_sockets",
        "true",
    ) {
        return;
    }
    const WAITS: u32 = 300;
    let mut reactor = Reactor::new().expect("the system has a selector");
    let listener = reactor
        .listen("tcp:0")
        .serve(|_| Spy::new(&Log::default()).echo())
        .expect("a free port");
    let address = socket_address(listener.address());
    let storm = Storm::default();
    let timer = storm.begin();
    let client = thread::spawn(move || {
        let mut stream = TcpStream::connect(address).expect("it listens");
        let mut said = Vec::new();
        for size in (1..200_000).step_by(1999) {
            said.resize(size, b'.');
            stream.write_all(&said).expect("it stands");
            let mut heard = vec![0; size];
            stream.read_exact(&mut heard).expect("it is answered");
            assert!(heard == said);
        }
    });
    storm.clone().wait_again(&mut reactor);
    let mut stepper = Stepper::new(reactor);
    while storm.waits.get() < WAITS || !client.is_finished() {
        let timeout = stepper.timeout();
        assert!(
            stepper
                .turn(timeout)
                .expect("an interrupted wait is no error")
        );
    }
    drop(timer);
    client.join().expect("it was answered");
    assert_eq!(storm.early.get(), 0);
    let hits = storm.hits.get();
    assert!(hits > WAITS / 2, "only {hits} signals");
}

fn listed(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    String::from_utf8(output.expect("it is there").stdout).expect("it speaks ASCII")
}

fn a_child_inherits_nothing(_: &World) {
    if !alone("process::a_child_inherits_nothing::on_real_sockets", "true") {
        return;
    }
    let child = || listed("ls", &["/proc/self/fd"]);
    let own = || std::fs::read_dir("/proc/self/fd").expect("Linux").count();
    let (inherited, before) = (child(), own());
    // All that the machine's network can have open: selector, waker, signals, the reserve, a finer timer, sockets.
    let mut network = OsNetwork::new().expect("a network");
    network.watch_signals().expect("signals");
    let mut reactor = Reactor::on(Box::new(network));
    reactor.call_later(Duration::from_micros(1), |_| ());
    let log = Log::default();
    let ours = log.clone();
    let listener = reactor.listen("tcp:0").serve(move |_| Spy::new(&ours));
    let address = listener.expect("a free port").address().clone();
    let port = address.port().expect("a TCP address has a port");
    reactor
        .connect(format!("tcp:{address}"))
        .with(Spy::new(&log));
    reactor
        .connect(format!("tcp:localhost:{port}"))
        .with(Spy::new(&log));
    let mut stepper = Stepper::new(reactor);
    let begin = stepper.reactor().now();
    while log.count("made") < 4 {
        assert!(stepper.turn(Some(PATIENCE)).expect("nothing fails"));
        assert!(stepper.reactor().now() - begin < PATIENCE);
    }
    assert!(own() >= before + 4 + 4, "{} descriptors", own() - before);
    assert_eq!(child(), inherited);
}
