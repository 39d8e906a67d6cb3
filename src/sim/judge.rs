//! The oracles of a simulated world: what holds of every reactor whatever goes wrong around it. Owns what one process's
//! reactor has shown so far; what its protocols hear is the witness's part.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use super::choose::Site;
use super::datagram_witness::DatagramWitness;
use super::fabric::{Fabric, Shared};
use super::host::HostId;
use super::link::EndId;
use super::listening::Asked;
use super::panics;
use super::witness::Witness;
use crate::datagram::DatagramProtocol;
use crate::inspector::{Inspector, RarePath};
use crate::network::{SocketId, Time};
use crate::protocol::Protocol;
use crate::reactor::Reactor;
use crate::table::{ConnectionId, DatagramId};

/// A socket that was told to be readable is read within so many polls of its host, or is not wanted to be read.
const PATIENCE: u64 = 64;
/// How many polls there are from one look at all outputs to the next.
const PRESSURE_LOOKS: u64 = 16;

/// What is wrong, once something is. It is told from outside, as a panic inside a callback would only end a connection.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    first: RefCell<Option<String>>,
    /// Whether there is one, or was: asked more often than all else.
    is_found: Cell<bool>,
}

impl Verdict {
    /// The first one stands.
    pub(super) fn say(&self, oracle: &str, what: impl FnOnce() -> String) {
        if !self.is_found.replace(true) {
            *self.first.borrow_mut() = Some(format!("{oracle}: {}", what()));
        }
    }

    pub(super) fn take(&self) -> Option<String> {
        if self.is_found.get() {
            self.first.borrow_mut().take()
        } else {
            None
        }
    }
}

/// Judges the reactor of one process.
pub(super) struct Judge {
    pub(super) fabric: Shared,
    pub(super) host: HostId,
    pub(super) verdict: Rc<Verdict>,
    /// How many callbacks are under way.
    pub(super) depth: Cell<u32>,
    /// Whose protocols were told that they are made, and nothing of a loss; with what each has asked for.
    pub(super) open: RefCell<BTreeMap<ConnectionId, Rc<Asked>>>,
    /// Those of datagrams that were told that they are started, and not that they are stopped.
    open_datagrams: RefCell<BTreeSet<DatagramId>>,
    /// When the last timer fired, and for when it had been set.
    fired: Cell<(Time, Time)>,
    /// What waited unsent beyond the hard limit when the last turn ended, and how much its kernel had taken by then.
    excess: RefCell<BTreeMap<ConnectionId, (usize, u64)>>,
    /// How many callbacks a fault had panic.
    panics: Cell<u64>,
}

impl Judge {
    pub(super) fn new(fabric: Shared, host: HostId, verdict: Rc<Verdict>) -> Rc<Self> {
        Rc::new(Self {
            fabric,
            host,
            verdict,
            depth: Cell::new(0),
            open: RefCell::default(),
            open_datagrams: RefCell::default(),
            fired: Cell::new((Time::START, Time::START)),
            excess: RefCell::default(),
            panics: Cell::new(0),
        })
    }

    /// A panic that is nobody's fault. The hook that prints panics hears nothing of it.
    pub(super) fn panic_if_chosen(&self) {
        if self.panics() {
            std::panic::resume_unwind(Box::new("a fault of the simulated world"));
        }
    }

    /// A protocol of datagrams was told that it is started, or stopped.
    pub(super) fn begins_on_datagrams(&self, id: DatagramId) {
        self.open_datagrams.borrow_mut().insert(id);
    }

    pub(super) fn ends_on_datagrams(&self, id: DatagramId) {
        self.open_datagrams.borrow_mut().remove(&id);
    }

    /// Whether the callback that comes is to panic.
    fn panics(&self) -> bool {
        let panics = self.fabric.borrow_mut().choose(Site::Panic, 2) == 1;
        self.panics.set(self.panics.get() + u64::from(panics));
        panics
    }

    /// Looks at a reactor after one of its turns.
    pub(super) fn after_turn(&self, reactor: &Reactor) {
        self.check_limits(reactor);
        self.check_pressure(reactor);
        self.check_fairness(reactor);
    }

    /// Nobody's unsent bytes grow from one turn to the next once they are beyond the hard limit: who writes then is lost. Unless
    /// so much of them was taken meanwhile that they were within the limit, and written more to.
    fn check_limits(&self, reactor: &Reactor) {
        let mut excess = self.excess.borrow_mut();
        if !reactor.has_unsent() {
            excess.clear();
            return;
        }
        let mut now = BTreeMap::new();
        for (id, (size, limit)) in reactor.beyond_hard_limit() {
            let taken = self.taken(reactor, id);
            if let Some(&(before, taken_before)) = excess.get(&id)
                && before < size
                && taken.saturating_sub(taken_before) < before.saturating_sub(limit) as u64
            {
                self.verdict.say("bounded output", || {
                    format!("{size} bytes wait on {id}, beyond the hard limit, and more were taken")
                });
            }
            now.insert(id, (size, taken));
        }
        *excess = now;
    }

    /// How many bytes a connection's kernel has taken.
    fn taken(&self, reactor: &Reactor, id: ConnectionId) -> u64 {
        let fabric = self.fabric.borrow();
        let end = reactor
            .socket_of(id)
            .and_then(|socket| fabric.host(self.host).end_of(socket));
        end.map_or(0, |end| fabric.taken(end))
    }

    /// Callbacks and posted calls panic only where a fault has them panic.
    pub(super) fn check_panics(&self, reactor: &Reactor) {
        let of_faults = self.panics.get();
        if reactor.panics() > of_faults {
            self.verdict.say("no panic", || match panics::last() {
                Some(panic) => format!("a callback panics, and no fault has it, {panic}"),
                None => "a callback panics, and no fault has it".to_owned(),
            });
        }
    }

    /// Once a turn is over, who has more than its high mark unsent is told to pause, and who has its low mark or less is not.
    fn check_pressure(&self, reactor: &Reactor) {
        // What stays wrong is seen by a look now and then.
        let polls = self.fabric.borrow().host(self.host).polls;
        if !polls.is_multiple_of(PRESSURE_LOOKS) {
            return;
        }
        if let Some((id, unsent)) = reactor.told_wrong_pressure() {
            self.verdict.say("water marks", || {
                format!(
                    "{unsent} bytes wait on {id} when a turn ends, and it was told nothing of that"
                )
            });
        }
    }

    fn check_fairness(&self, reactor: &Reactor) {
        let neglected = self.fabric.borrow_mut().neglected(self.host, PATIENCE);
        for token in neglected {
            if let Some(id) = reactor.wants_to_read(token) {
                self.verdict.say("fairness", || {
                    format!("{id} was told of input {PATIENCE} polls ago, and has not been read")
                });
            }
        }
    }

    /// What a reactor that has stopped leaves behind is nothing.
    pub(super) fn after_stop(&self, reactor: &Reactor) {
        let counters = reactor.counters();
        let descriptors = self.fabric.borrow().host(self.host).open_descriptors();
        let open = self.open.borrow().len() + self.open_datagrams.borrow().len();
        let left = counters.connections
            + counters.connections_unsent
            + counters.listeners
            + counters.datagram_sockets;
        if descriptors + open > 0 || left > 0 {
            self.verdict.say("conservation", || {
                format!(
                    "a reactor that has stopped leaves {descriptors} descriptors, and {open} protocols that were told of no \
                     loss; {counters}"
                )
            });
        }
    }
}

/// What a reactor holds of its judge.
pub(super) struct Inspection(pub(super) Rc<Judge>);

impl Inspection {
    fn at_end_of(&self, socket: SocketId, act: impl FnOnce(&mut Fabric, EndId)) {
        let fabric = &mut *self.0.fabric.borrow_mut();
        if let Some(end) = fabric.host(self.0.host).end_of(socket) {
            act(fabric, end);
        }
    }
}

impl Inspector for Inspection {
    fn wrap(&self, protocol: Box<dyn Protocol>) -> Box<dyn Protocol> {
        Box::new(Witness::new(protocol, self.0.clone()))
    }

    fn wrap_datagrams(&self, protocol: Box<dyn DatagramProtocol>) -> Box<dyn DatagramProtocol> {
        Box::new(DatagramWitness::new(protocol, self.0.clone()))
    }

    fn hands_over(&self, id: ConnectionId) {
        self.0.open.borrow_mut().remove(&id);
    }

    fn takes(&self, path: RarePath) -> bool {
        // A reactor is asked for its serials once, for its shares in each turn.
        self.0.fabric.borrow_mut().choose(Site::Path(path), 2) == 1
    }

    fn timer_fires(&self, due: Time, now: Time) {
        self.0.fabric.borrow_mut().events += 1;
        let (at, before) = self.0.fired.replace((now, due));
        if due > now {
            self.0
                .verdict
                .say("timers", || format!("one for {due} fires at {now}"));
        } else if at == now && due < before {
            self.0.verdict.say("timers", || {
                format!("one for {due} fires behind one for {before}")
            });
        }
    }

    fn cuts_anew(&self, id: ConnectionId, raw: u64) {
        if let Some(asked) = self.0.open.borrow().get(&id) {
            asked.cut_anew(raw);
        }
    }

    fn rises(&self, socket: SocketId, height: usize, data: &[u8]) {
        self.at_end_of(socket, |fabric, end| fabric.rise(end, height, data));
    }

    fn writes(&self, socket: SocketId, data: &[u8]) {
        self.at_end_of(socket, |fabric, end| fabric.wrote(end, data));
    }

    fn replaces(&self, socket: SocketId, place: Range<usize>, frame: &[u8]) {
        self.at_end_of(socket, |fabric, end| fabric.replaced(end, place, frame));
    }
}
