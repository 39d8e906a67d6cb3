//! A repeated call that can be started, stopped and held. Owns the call and whether it is held; when it is due is the
//! reactor's, of which it uses nothing but what everybody may.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use crate::hold::{Hold, Holds};
use crate::protocol::{Protocol, downcast};
use crate::reactor::{Reactor, RepeatedCall};
use crate::table::ConnectionId;
use crate::timer::TimerId;
use crate::transport::Transport;

/// A call to be made again and again, which can be started, stopped and started again.
///
/// Clones are the same call. It keeps its beat: each call is due a whole number of intervals after the start. Beats that
/// were missed are skipped and counted, see [`Beat::count`]. A call whose work goes on after it has returned
/// [holds](Beat::hold) the beat, so that the next one is not made before that is done. It goes on when nobody has a clone of
/// it any more, and after a panic, which is counted. One of a protocol's ends with the protocol.
///
/// For what is never stopped, or only once, [`Reactor::call_every`] is enough.
///
/// ```
/// use std::time::Duration;
/// use ropewalk::{LoopingCall, Reactor};
///
/// fn setup(reactor: &mut Reactor) -> LoopingCall {
///     let mut countdown = 10_u64;
///     let launch = LoopingCall::new(move |_reactor, beat| {
///         // If the loop was held up for three seconds, three are taken away.
///         countdown = countdown.saturating_sub(beat.count());
///         if countdown == 0 {
///             beat.stop();
///         }
///     });
///     launch.start(reactor, Duration::from_secs(1));
///     launch
/// }
/// ```
///
/// A protocol's, which asks no second question before the first was answered:
/// ```
/// use std::time::Duration;
/// use ropewalk::{Beat, Hold, LineReceiver, LoopingCall, Transport};
///
/// #[derive(Default)]
/// struct Watcher {
///     asked: Option<Hold>,
/// }
///
/// impl Watcher {
///     fn ask(&mut self, transport: &mut Transport<'_>, beat: &mut Beat<'_>) {
///         self.asked = Some(beat.hold());
///         transport.send("how many?");
///     }
/// }
///
/// impl LineReceiver for Watcher {
///     fn connection_made(&mut self, transport: &mut Transport<'_>) {
///         LoopingCall::of(transport, Self::ask).start(transport, Duration::from_secs(5));
///     }
///     fn line_received(&mut self, _transport: &mut Transport<'_>, _line: &[u8]) {
///         self.asked = None;
///     }
/// }
///
/// let mut wire = ropewalk::testing::connect(Watcher::default());
/// wire.sent("how many?\r\n").advance(Duration::from_secs(12)).sent("");
/// wire.receives("42\r\n").sent("").advance(Duration::from_secs(3)).sent("how many?\r\n");
/// ```
#[derive(Clone)]
pub struct LoopingCall {
    shared: Rc<Shared>,
}

struct Shared {
    call: RefCell<Call>,
    owner: Option<ConnectionId>,
    timer: Cell<Option<TimerId>>,
    interval: Cell<Duration>,
    holds: Holds,
    /// Beats that came while the call was held.
    skipped: Cell<u64>,
}

enum Call {
    Reactor(Box<OnReactor>),
    Protocol(Box<OnProtocol>),
}

type OnReactor = dyn FnMut(&mut Reactor, &mut Beat<'_>);
type OnProtocol = dyn FnMut(&mut dyn Protocol, &mut Transport<'_>, &mut Beat<'_>);

/// One call of a [`LoopingCall`].
#[derive(Debug)]
pub struct Beat<'a> {
    count: u64,
    stops: bool,
    holds: &'a Holds,
}

impl fmt::Debug for LoopingCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopingCall")
            .field("interval", &self.shared.interval)
            .field("timer", &self.shared.timer)
            .finish_non_exhaustive()
    }
}

impl LoopingCall {
    /// A call that belongs to no connection. Nothing happens before it is started.
    ///
    /// What it captures should not be a clone of itself, which would keep both for ever: it can stop itself by
    /// [`Beat::stop`].
    pub fn new(call: impl FnMut(&mut Reactor, &mut Beat<'_>) + 'static) -> Self {
        Self::with(None, Call::Reactor(Box::new(call)))
    }

    /// A call of the transport's protocol, with which it ends.
    pub fn of<P: Protocol>(
        transport: &Transport<'_>,
        mut call: impl FnMut(&mut P, &mut Transport<'_>, &mut Beat<'_>) + 'static,
    ) -> Self {
        let id = transport.id();
        let call = Call::Protocol(Box::new(move |protocol, transport, beat| {
            match downcast::<P>(protocol) {
                Some(this) => call(this, transport, beat),
                None => transport.reactor().misdirected::<P>(id),
            }
        }));
        Self::with(Some(id), call)
    }

    fn with(owner: Option<ConnectionId>, call: Call) -> Self {
        Self {
            shared: Rc::new(Shared {
                call: RefCell::new(call),
                owner,
                timer: Cell::default(),
                interval: Cell::default(),
                holds: Holds::default(),
                skipped: Cell::default(),
            }),
        }
    }

    /// Calls in the next turn, and then every `interval`; zero means every turn. One that is running begins anew.
    pub fn start(&self, reactor: &mut impl AsMut<Reactor>, interval: Duration) {
        let reactor = reactor.as_mut();
        if let Some(timer) = self.arm(reactor, interval) {
            reactor.reset(timer, Duration::ZERO);
        }
    }

    /// Calls after one `interval`, and then every `interval`.
    pub fn start_later(&self, reactor: &mut impl AsMut<Reactor>, interval: Duration) {
        self.arm(reactor.as_mut(), interval);
    }

    /// Calls no more, until it is started again; `false` if it was not running.
    pub fn stop(&self, reactor: &mut impl AsMut<Reactor>) -> bool {
        let timer = self.shared.timer.take();
        timer.is_some_and(|timer| reactor.as_mut().cancel(timer))
    }

    /// Leaves out the next call and begins the beat anew: the call after that comes one interval from now. `false` if it is
    /// not running.
    pub fn reset(&self, reactor: &mut impl AsMut<Reactor>) -> bool {
        let (timer, interval) = (self.shared.timer.get(), self.shared.interval.get());
        timer.is_some_and(|timer| reactor.as_mut().reset(timer, interval))
    }

    /// Whether it was started, and neither stopped since nor ended with its protocol.
    pub fn is_running(&self, reactor: &Reactor) -> bool {
        let timer = self.shared.timer.get();
        timer.is_some_and(|timer| reactor.is_armed(timer))
    }

    /// Whether its last call is not done yet: then beats are skipped.
    pub fn is_held(&self) -> bool {
        self.shared.holds.len() > 0
    }

    fn arm(&self, reactor: &mut Reactor, interval: Duration) -> Option<TimerId> {
        self.stop(reactor);
        self.shared.interval.set(interval);
        self.shared.skipped.set(0);
        let looping = self.clone();
        let timer = match self.shared.owner {
            None => reactor.call_every_with_count(interval, move |reactor, count| {
                looping.beat(reactor, count);
            }),
            Some(id) => {
                let call: RepeatedCall = Box::new(move |protocol, transport, count| {
                    looping.beat_of(protocol, transport, count);
                });
                reactor.call_protocol_every(id, interval, call)
            }
        };
        self.shared.timer.set(Some(timer));
        reactor.is_armed(timer).then_some(timer)
    }

    fn beat(&self, reactor: &mut Reactor, count: u64) {
        let Some(mut beat) = self.next_beat(count) else {
            return;
        };
        if let Call::Reactor(call) = &mut *self.shared.call.borrow_mut() {
            call(reactor, &mut beat);
        }
        if beat.stops {
            self.stop(reactor);
        }
    }

    fn beat_of(&self, protocol: &mut dyn Protocol, transport: &mut Transport<'_>, count: u64) {
        let Some(mut beat) = self.next_beat(count) else {
            return;
        };
        if let Call::Protocol(call) = &mut *self.shared.call.borrow_mut() {
            call(protocol, transport, &mut beat);
        }
        if beat.stops {
            self.stop(transport);
        }
    }

    fn next_beat(&self, count: u64) -> Option<Beat<'_>> {
        let count = self.shared.skipped.replace(0).saturating_add(count);
        if self.is_held() {
            self.shared.skipped.set(count);
            return None;
        }
        Some(Beat {
            count,
            stops: false,
            holds: &self.shared.holds,
        })
    }
}

impl Beat<'_> {
    /// How many intervals have passed since the last call, this one's counted: 1, and more if some were missed, because the
    /// loop was held up, or the call was held.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// This call is the last one, until it is started again.
    pub fn stop(&mut self) {
        self.stops = true;
    }

    /// The work of this call goes on after it: there is no other call until what this returns was dropped. The next one
    /// comes with the beat that follows.
    pub fn hold(&self) -> Hold {
        self.holds.hold()
    }
}
