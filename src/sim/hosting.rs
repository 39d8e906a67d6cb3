//! How hosts come into a simulated world. Owns the making of their reactors, each with its judge; runs none of them.

use std::rc::Rc;

use super::host::HostId;
use super::judge::{Inspection, Judge};
use super::machine::{Machine, Pace, Setup};
use super::network::SimNetwork;
use super::world::World;
use crate::network::Network;
use crate::reactor::{Reactor, Stepper};

impl World {
    /// Puts a host into the world, with a reactor on its network, and sets that up. Its name resolves to its addresses:
    /// 10.0.0.1 and fd00::1 for the first host, and so on.
    ///
    /// # Panics
    /// If there is such a host already, or `setup` fails.
    #[track_caller]
    pub fn host<R>(&self, name: &str, setup: impl FnOnce(&mut Reactor) -> crate::Result<R>) -> R {
        self.add_machine(name, None, setup)
    }

    /// Puts a host into the world whose process can be begun again: `setup` is called at once, and with a new reactor
    /// whenever the process has died or stopped, which is among [`Faults::All`](super::Faults::All); see also [`crash`](Self::crash).
    ///
    /// # Panics
    /// If there is such a host already, or `setup` fails.
    #[track_caller]
    pub fn service(&self, name: &str, setup: impl Fn(&mut Reactor) -> crate::Result<()> + 'static) {
        let setup: Setup = Rc::new(setup);
        self.add_machine(name, Some(setup.clone()), |reactor| setup(reactor));
    }

    #[track_caller]
    fn add_machine<R>(
        &self,
        name: &str,
        again: Option<Setup>,
        setup: impl FnOnce(&mut Reactor) -> crate::Result<R>,
    ) -> R {
        assert!(self.find(name).is_none(), "there is a host {name} already");
        let host = self.fabric().borrow_mut().host_named(name);
        let (mut reactor, judge) = self.make_reactor(host);
        let outcome = setup(&mut reactor);
        let machine = Machine {
            judge,
            name: name.to_owned(),
            host,
            stepper: Some(Stepper::new(reactor)),
            pace: Pace::At(self.now()),
            setup: again,
            is_to_stop: false,
        };
        self.state.machines.borrow_mut().push(machine);
        outcome.unwrap_or_else(|error| self.fail(&format!("setting up {name} failed: {error}")))
    }

    /// Puts a host into the world with something around its network, and nothing inside its reactor: what is forced there is
    /// not seen from around.
    #[cfg(all(test, feature = "record"))]
    pub(crate) fn host_over(
        &self,
        name: &str,
        around: impl FnOnce(SimNetwork) -> Box<dyn Network>,
        setup: impl FnOnce(&mut Reactor) -> crate::Result<()>,
    ) {
        let host = self.fabric().borrow_mut().host_named(name);
        let mut network = around(SimNetwork::new(self.fabric().clone(), host));
        network
            .watch_signals()
            .expect("a simulated host has signals");
        let mut reactor = Reactor::on(network);
        setup(&mut reactor).expect("it is set up");
        let machine = Machine {
            judge: Judge::new(self.fabric().clone(), host, self.state.verdict.clone()),
            name: name.to_owned(),
            host,
            stepper: Some(Stepper::new(reactor)),
            pace: Pace::At(self.now()),
            setup: None,
            is_to_stop: false,
        };
        self.state.machines.borrow_mut().push(machine);
    }

    pub(super) fn make_reactor(&self, host: HostId) -> (Reactor, Rc<Judge>) {
        let mut network = SimNetwork::new(self.fabric().clone(), host);
        // A world stands in for `run`, which is the one to listen to signals.
        let watched = network.watch_signals();
        watched.expect("a simulated host has signals");
        let mut reactor = Reactor::on(Box::new(network));
        let judge = Judge::new(self.fabric().clone(), host, self.state.verdict.clone());
        reactor.inspect(Box::new(Inspection(judge.clone())));
        (reactor, judge)
    }
}
