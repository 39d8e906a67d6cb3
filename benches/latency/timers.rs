//! How late a timer fires, by the reactor's clock. Owns a reactor that does nothing else.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ropewalk::Reactor;

use crate::machine;
use crate::samples::Samples;

/// One after the other; also what one of them costs.
pub(crate) fn fire(delay: Duration, spin: Duration, count: usize) -> (Samples, Duration) {
    let mut reactor = Reactor::new().expect("the system has a selector");
    reactor.set_spin(spin);
    let samples: Rc<RefCell<Samples>> = Rc::default();
    let before = machine::processor_time();
    arm(&mut reactor, delay, count, Rc::clone(&samples));
    reactor.run().expect("the selector works");
    let cost = Duration::from_nanos(machine::processor_time() - before) / count as u32;
    (samples.take(), cost)
}

fn arm(reactor: &mut Reactor, delay: Duration, count: usize, samples: Rc<RefCell<Samples>>) {
    let due = reactor.now() + delay;
    reactor.call_later(delay, move |reactor| {
        samples.borrow_mut().add(reactor.now() - due);
        if samples.borrow().len() < count {
            arm(reactor, delay, count, samples);
        } else {
            reactor.stop();
        }
    });
}
