//! What only few connections have at a time. Owns the list of it, and when a connection can do without; what each thing is for is
//! told where it is used.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use bytes::Bytes;

use crate::error::Lost;
use crate::frame_queue::FrameQueue;
use crate::layer::{Kind, Stack};
use crate::limits::Limits;
use crate::network::{Arrival, Farewell};
use crate::protocol::{Held, Protocol};
use crate::reactor::{Connecting, Early, Keeper, Outstanding, Policed};
use crate::table::ConnectionId;
use crate::timer::TimerId;

/// What only few connections have at a time, boxed away.
#[derive(Default)]
pub(crate) struct Rare {
    /// Received, not yet delivered.
    pub(crate) held: Held,
    pub(crate) layers: Stack,
    /// Written before the layers were ready.
    pub(crate) early: Early,
    /// Layers' output that waits behind `held`, because the protocol paused.
    pub(crate) pending: VecDeque<(Kind, Bytes)>,
    /// The layer that what follows in the chunk at hand belongs to.
    pub(crate) entering: Option<usize>,
    pub(crate) raw_left: u64,
    pub(crate) limits: Option<Box<Limits>>,
    /// The deadline of the phase.
    pub(crate) deadline: Option<TimerId>,
    /// The protocol's timers, which end with it.
    pub(crate) timers: BTreeSet<TimerId>,
    /// The protocol's requests, to be told of the loss.
    pub(crate) requests: Vec<Rc<dyn Outstanding>>,
    pub(crate) reason: Option<Lost>,
    pub(crate) farewell: Option<Parting>,
    /// Which protocol of the connection's it is: closures are addressed to one of them.
    pub(crate) protocol_serial: u32,
    pub(crate) successor: Option<Box<dyn Protocol>>,
    pub(crate) connecting: Option<Box<Connecting>>,
    /// Who asked for it, and calls again when it is lost.
    pub(crate) keeper: Option<Rc<dyn Keeper>>,
    /// The other end of its pipe.
    pub(crate) partner: Option<ConnectionId>,
    /// Frames that wait above framing and layers.
    pub(crate) frames: FrameQueue,
    /// How many bytes were dropped while lingering.
    pub(crate) lingered: usize,
    /// It was asked when its bytes come: when the last ones came, if any have.
    pub(crate) stamps: Option<Box<Option<Arrival>>>,
    pub(crate) policed: Option<Box<Policed>>,
}

impl Rare {
    /// Nothing in it differs from a new one, so that the connection can do without.
    pub(crate) fn is_idle(&self) -> bool {
        self.held.is_empty()
            && self.layers.is_empty()
            && self.early.is_empty()
            && self.pending.is_empty()
            && self.entering.is_none()
            && self.raw_left == 0
            && self.limits.is_none()
            && self.deadline.is_none()
            && self.timers.is_empty()
            && self.requests.is_empty()
            && self.reason.is_none()
            && self.farewell.is_none()
            && self.protocol_serial == 0
            && self.successor.is_none()
            && self.connecting.is_none()
            && self.keeper.is_none()
            && self.partner.is_none()
            && self.frames.is_empty()
            && self.stamps.is_none()
            && self.policed.is_none()
    }
}

/// How a lost connection's socket goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parting {
    At(Farewell),
    /// FIN was sent; the socket is read until the peer ends too.
    Linger,
}
