//! What a program asks for in which microseconds count: not to sleep, and to know when bytes came. Owns no clock; the network
//! looks at one, and does the spinning.

use std::io;
use std::time::Duration;

use crate::network::{Arrival, Received, SocketId};
use crate::table::ConnectionId;
use crate::transport::Transport;

use super::Reactor;

impl Reactor {
    /// For how long the loop looks at the network again and again before it sleeps, and before a timer is due. Default
    /// zero: it sleeps at once.
    ///
    /// To be woken takes a system some ten microseconds, and more on a core that has fallen asleep; who looks does not have to be
    /// woken. The price is a core that is never idle: it pays for a thread with a core of its own. With
    /// [`Duration::MAX`] the loop never sleeps. How often it looked in vain is [`Counters::spins`](crate::Counters::spins).
    ///
    /// A timer for which the loop spins fires within a microsecond or so of its time, if this is longer than the system may
    /// oversleep: some tens of microseconds with the feature `precise`, a millisecond and more without. In simulation nobody sleeps, and
    /// this means nothing.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # fn main() -> ropewalk::Result<()> {
    /// let mut reactor = ropewalk::Reactor::new()?;
    /// reactor.set_spin(Duration::from_micros(50));
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_spin(&mut self, time: Duration) {
        self.network.set_spin(time);
    }

    /// Reads once, and notes when that came.
    pub(super) fn read_stamped(
        &mut self,
        id: ConnectionId,
        socket: SocketId,
        buffer: &mut [u8],
    ) -> io::Result<Received> {
        let (received, arrival) = self.network.read_stamped(socket, buffer)?;
        if !matches!(received, Received::Ended)
            && let Some(rare) = self.rare(id)
            && let Some(last) = &mut rare.stamps
        {
            **last = Some(arrival);
        }
        Ok(received)
    }

    fn received_at(&self, id: ConnectionId) -> Option<Arrival> {
        let rare = self.connections.get(id)?.rare.as_ref()?;
        **rare.stamps.as_ref()?
    }

    fn set_time_stamps(&mut self, id: ConnectionId, on: bool) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.is_stamped() == on {
            return;
        }
        connection.rare().stamps = on.then(Box::default);
        if let Some(socket) = connection.socket()
            && let Err(error) = self.network.set_time_stamps(socket, on)
        {
            log::debug!("{id}: the system does not stamp what it receives: {error}");
        }
    }
}

impl Transport<'_> {
    /// From now on notes when received bytes came, for [`received_at`](Self::received_at), or no longer. A connection that
    /// is not asked costs nothing.
    ///
    /// With the feature `precise`, on Linux, the kernel stamps what it receives, from shortly after the first socket of the
    /// machine has asked for it (`SO_TIMESTAMPNS`); what it has not stamped, and everything elsewhere, has the time of the read:
    /// [`Arrival::stamped_by`] tells which.
    ///
    /// ```
    /// use std::time::Duration;
    /// use ropewalk::{Protocol, Transport};
    ///
    /// /// How long prices waited for us.
    /// struct Prices {
    ///     longest: Duration,
    /// }
    ///
    /// impl Protocol for Prices {
    ///     fn connection_made(&mut self, transport: &mut Transport<'_>) {
    ///         transport.set_time_stamps(true);
    ///     }
    ///     fn data_received(&mut self, transport: &mut Transport<'_>, _data: &[u8]) {
    ///         if let Some(arrival) = transport.received_at() {
    ///             self.longest = self.longest.max(transport.now() - arrival.time);
    ///         }
    ///     }
    /// }
    /// # let mut wire = ropewalk::testing::connect(Prices { longest: Duration::ZERO });
    /// # wire.receives("1");
    /// ```
    pub fn set_time_stamps(&mut self, on: bool) {
        let id = self.id();
        self.reactor().set_time_stamps(id, on);
    }

    /// When the bytes that were read last came: those of this callback, or the end of them. `None` before the first ones
    /// after [`set_time_stamps`](Self::set_time_stamps).
    ///
    /// TCP is a stream without marks: one read may bring what came in several segments, and the kernel tells the time of
    /// the last one. What a pause held back keeps its time.
    pub fn received_at(&self) -> Option<Arrival> {
        self.glance().received_at(self.id())
    }
}
