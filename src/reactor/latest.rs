//! Frames of which only the newest of its key is wanted, and the way of those that wait down to the output. Owns the
//! choice of where a frame waits; the order of what waits is the queues'.

use crate::copies::Copies;
use crate::frame_queue::{Of, Waiting};
use crate::latest::{FrameKey, Latest};
use crate::table::ConnectionId;
use crate::transport::Transport;

use super::Reactor;

impl Transport<'_> {
    /// Queues a frame that takes the place of the last one with the same key, if that is still unsent: for what is soon out
    /// of date, as positions and prices. A peer that reads slowly gets fewer of them, each as new as can be, and one that
    /// does not read at all has one of each key waiting, whatever time goes by. See [`Reactor::send_latest`].
    ///
    /// ```
    /// use ropewalk::{LineReceiver, Transport, testing};
    ///
    /// struct Ticker;
    ///
    /// impl LineReceiver for Ticker {
    ///     fn line_received(&mut self, _: &mut Transport<'_>, _: &[u8]) {}
    /// }
    ///
    /// let mut wire = testing::connect(Ticker);
    /// wire.blocks();
    /// for price in 100..200 {
    ///     wire.protocol(move |_, transport| {
    ///         transport.send_latest("tea", format!("tea {price}"));
    ///         transport.send_latest("tar", format!("tar {}", price + 7));
    ///     });
    /// }
    /// wire.unblocks().sent("tea 199\r\ntar 206\r\n");
    /// ```
    pub fn send_latest(&mut self, key: impl Into<FrameKey>, frame: impl AsRef<[u8]>) {
        let id = self.id();
        self.reactor().send_latest(id, key, frame);
    }
}

impl Reactor {
    /// Queues a frame that takes the place of the last one with the same key, if that is still unsent; counted as
    /// [`frames_replaced`](crate::Counters::frames_replaced). One of which the system has taken a part is sent to its end.
    ///
    /// The newer frame stands where the older one stood, so that a key that changes often does not fall behind the others,
    /// and comes before what was sent after the older one. What was sent before the framing or the protocol changed is not
    /// replaced. Unsent frames count as unsent bytes: the water marks and the hard limit hold for them, so there should
    /// not be more keys than a connection may have waiting.
    ///
    /// What layers have been given can't be replaced: behind them frames wait as soon as the peer is behind, and what is
    /// sent otherwise may then overtake them. So it may while frames of a [`Group`](crate::Group) wait.
    pub fn send_latest(
        &mut self,
        id: ConnectionId,
        key: impl Into<FrameKey>,
        frame: impl AsRef<[u8]>,
    ) {
        let latest = Latest {
            group: None,
            key: key.into(),
        };
        self.send_latest_copy(id, latest, &mut Copies::new(frame.as_ref()));
    }

    pub(crate) fn send_latest_copy(
        &mut self,
        id: ConnectionId,
        latest: Latest,
        copies: &mut Copies<'_>,
    ) {
        if !self.admits_write(id) {
            return;
        }
        let Some(frame) = self.waiting_copy(id, copies) else {
            return;
        };
        let replaced = match frame {
            Waiting::Encoded(bytes) if bytes.is_empty() => return,
            Waiting::Encoded(bytes) if !self.has_layers(id) => {
                if self.frames_wait(id) && !self.output(id).has_latest(&latest) {
                    self.keep_latest(id, latest, Waiting::Encoded(bytes))
                } else {
                    self.note_latest(id, &latest, &bytes);
                    self.output(id).push_latest(latest, bytes)
                }
            }
            frame if self.frames_wait(id) || !self.layers_keep_up(id) => {
                self.keep_latest(id, latest, frame)
            }
            frame => {
                self.send_down(id, Of::Latest(latest), frame);
                false
            }
        };
        self.counters.frames_replaced += u64::from(replaced);
    }

    fn keep_latest(&mut self, id: ConnectionId, latest: Latest, frame: Waiting) -> bool {
        self.mark_dirty(id);
        let rare = self.rare(id);
        rare.is_some_and(|rare| rare.frames.push_latest(latest, frame))
    }

    pub(super) fn has_layers(&self, id: ConnectionId) -> bool {
        let connection = self.connections.get(id);
        connection.is_some_and(|connection| connection.has_layers())
    }

    /// Whether frames wait above framing and layers.
    pub(crate) fn frames_wait(&self, id: ConnectionId) -> bool {
        let connection = self.connections.get(id);
        let rare = connection.and_then(|connection| connection.rare.as_ref());
        rare.is_some_and(|rare| !rare.frames.is_empty())
    }

    /// Whether what layers are given now will be offered to the peer as soon as any: nothing that was offered waits, and
    /// not much was written since.
    fn layers_keep_up(&self, id: ConnectionId) -> bool {
        let unsent = self.sent_bytes(id);
        self.layers_are_ready(id)
            && unsent <= self.limits(id).low_water
            && unsent == self.not_offered(id)
    }

    /// What is sent from now on has another envelope, and takes the place of nothing that was sent before.
    pub(crate) fn pin_latest(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if let Some(rare) = &mut connection.rare {
            rare.frames.pin();
        }
        if let Some(unsent) = self.outs.get_mut(connection.out) {
            unsent.queue.pin_latest();
        }
    }

    /// Moves waiting frames down while the member takes them.
    pub(super) fn move_frames_down(&mut self, id: ConnectionId) {
        while self.takes_next_frame(id) && self.move_frame_down(id) {}
    }

    /// Moves all waiting frames down: the connection is being closed, and they are owed.
    pub(super) fn move_all_frames_down(&mut self, id: ConnectionId) {
        while self.move_frame_down(id) {}
    }

    fn takes_next_frame(&self, id: ConnectionId) -> bool {
        let connection = self.connections.get(id);
        let rare = connection.and_then(|connection| connection.rare.as_ref());
        match rare.and_then(|rare| rare.frames.next()) {
            None => false,
            Some(Of::Latest(_)) if self.has_layers(id) => self.layers_keep_up(id),
            Some(_) => self.sent_bytes(id) <= self.limits(id).low_water,
        }
    }

    fn move_frame_down(&mut self, id: ConnectionId) -> bool {
        let Some(connection) = self.connections.get_mut(id) else {
            return false;
        };
        let sends = connection.phase <= crate::connection::Phase::Draining;
        let Some(rare) = connection.rare.as_mut().filter(|_| sends) else {
            return false;
        };
        let Some((of, frame)) = rare.frames.pop() else {
            return false;
        };
        self.send_down(id, of, frame);
        true
    }

    fn send_down(&mut self, id: ConnectionId, of: Of, frame: Waiting) {
        match (of, frame) {
            (Of::Latest(latest), Waiting::Encoded(bytes)) if !self.has_layers(id) => {
                self.note_latest(id, &latest, &bytes);
                self.output(id).push_latest(latest, bytes);
            }
            (_, Waiting::Encoded(bytes)) => self.write_encoded(id, &bytes),
            (_, Waiting::Message(bytes)) => self.send_message(id, &bytes),
        }
    }
}
