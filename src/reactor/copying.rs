//! Sending one frame to many: each gets it in the envelope of its framing, and an envelope is made once. Owns the way of a
//! copy into an output; to whom it goes, and who is too slow for it, `group` decides.

use bytes::Bytes;

use crate::copies::{Copies, FrameCopy};
use crate::error::FrameError;
use crate::table::ConnectionId;

use super::Reactor;
use super::write::encode;

impl Reactor {
    /// Queues a copy of a frame, in its envelope already, for a member of a group that has nothing else waiting. `false` if
    /// more has to be looked at.
    #[inline]
    pub(crate) fn send_copy_plainly(&mut self, id: ConnectionId, copies: &mut Copies<'_>) -> bool {
        let connection = self.connections.get(id);
        let Some(connection) = connection.filter(|connection| connection.writes_plainly()) else {
            return false;
        };
        let place = connection.framing;
        let Ok(copy) = self.copy_at(place, copies) else {
            return false;
        };
        if self.current.is_some_and(|current| current != id) {
            self.crossed = true;
        }
        self.note_written(id, copy.bytes());
        self.output(id).push_copy(copy);
        true
    }

    /// The frame in the envelope of the framing at `place`.
    #[inline]
    pub(crate) fn copy_at<'c>(
        &mut self,
        place: u32,
        copies: &'c mut Copies<'_>,
    ) -> Result<&'c mut FrameCopy, &'c FrameError> {
        copies.at(place, |frame| self.encode_in_buffer(place, frame))
    }

    // Apart, for it is done once for many.
    #[inline(never)]
    fn encode_in_buffer(&mut self, place: u32, frame: &[u8]) -> Result<Vec<u8>, FrameError> {
        let mut buffer = self.spare_buffer();
        let framing = self.framings.at(place);
        match encode(framing.as_deref(), frame, &mut buffer) {
            Ok(()) => Ok(buffer),
            Err(error) => {
                self.pool.put(buffer);
                Err(error)
            }
        }
    }

    /// All were sent theirs.
    pub(crate) fn let_go_of_copies(&mut self, copies: Copies<'_>) {
        for buffer in copies.into_buffers() {
            self.pool.put(buffer);
        }
    }

    #[inline]
    pub(crate) fn send_copy(&mut self, id: ConnectionId, copies: &mut Copies<'_>) {
        let Some(place) = self.live(id).map(|connection| connection.framing) else {
            return;
        };
        let size = copies.frame().len();
        match self.copy_at(place, copies) {
            Ok(copy) => self.write_copy(id, copy),
            Err(error) => self.frame_not_sent(id, size, error),
        }
    }

    pub(crate) fn copy_for(&mut self, id: ConnectionId, copies: &mut Copies<'_>) -> Option<Bytes> {
        let place = self.live(id)?.framing;
        let size = copies.frame().len();
        match self.copy_at(place, copies) {
            Ok(copy) => Some(copy.shared().clone()),
            Err(error) => {
                self.frame_not_sent(id, size, error);
                None
            }
        }
    }

    #[inline]
    pub(crate) fn write_copy(&mut self, id: ConnectionId, copy: &mut FrameCopy) {
        if self.has_layers(id) {
            self.write_through_layers(id, copy.bytes());
        } else {
            self.note_written(id, copy.bytes());
            self.output(id).push_copy(copy);
        }
    }
}
