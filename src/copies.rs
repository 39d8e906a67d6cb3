//! One frame for many, in the envelope of each one's framing. Owns the envelopes, each made once; sends nothing.

use bytes::Bytes;

use crate::error::FrameError;

/// A frame in one envelope. To be copied into an output it needs no allocation of its own; to be shared by several it does.
#[derive(Debug)]
pub(crate) struct FrameCopy {
    buffer: Vec<u8>,
    /// Has taken what was in the buffer.
    shared: Option<Bytes>,
}

impl FrameCopy {
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        self.shared.as_deref().unwrap_or(&self.buffer)
    }

    /// What is shared may wait for long: it takes no buffer along that has much more room.
    // Apart, for most frames are short, and copied.
    #[inline(never)]
    pub(crate) fn shared(&mut self) -> &Bytes {
        let buffer = &mut self.buffer;
        self.shared.get_or_insert_with(|| {
            if buffer.len() < buffer.capacity() / 2 {
                Bytes::copy_from_slice(buffer)
            } else {
                std::mem::take(buffer).into()
            }
        })
    }
}

type Encoded = (u32, Result<FrameCopy, FrameError>);

/// A frame in the envelopes it is wanted in.
pub(crate) struct Copies<'f> {
    frame: &'f [u8],
    /// By the places of their framings. Mostly there is one.
    first: Option<Encoded>,
    others: Vec<Encoded>,
    plain: Option<Bytes>,
}

impl<'f> Copies<'f> {
    pub(crate) fn new(frame: &'f [u8]) -> Self {
        Self {
            frame,
            first: None,
            others: Vec::new(),
            plain: None,
        }
    }

    pub(crate) fn frame(&self) -> &'f [u8] {
        self.frame
    }

    /// The frame in the envelope of the framing at `place`, which `encode` makes if it is not there yet.
    #[inline]
    pub(crate) fn at(
        &mut self,
        place: u32,
        encode: impl FnOnce(&'f [u8]) -> Result<Vec<u8>, FrameError>,
    ) -> Result<&mut FrameCopy, &FrameError> {
        let encoded = if self.first.as_ref().is_none_or(|(of, _)| *of == place) {
            let frame = self.frame;
            self.first
                .get_or_insert_with(|| (place, encode(frame).map(FrameCopy::from)))
        } else {
            self.another(place, encode)
        };
        encoded.1.as_mut().map_err(|error| &*error)
    }

    fn another(
        &mut self,
        place: u32,
        encode: impl FnOnce(&'f [u8]) -> Result<Vec<u8>, FrameError>,
    ) -> &mut Encoded {
        let found = self.others.iter().position(|(of, _)| *of == place);
        let at = found.unwrap_or_else(|| {
            self.others
                .push((place, encode(self.frame).map(FrameCopy::from)));
            self.others.len() - 1
        });
        &mut self.others[at]
    }

    pub(crate) fn plain(&mut self) -> Bytes {
        self.plain
            .get_or_insert_with(|| Bytes::copy_from_slice(self.frame))
            .clone()
    }

    /// The buffers that the envelopes were made in, and that nobody shares.
    pub(crate) fn into_buffers(self) -> impl Iterator<Item = Vec<u8>> {
        let encoded = self.first.into_iter().chain(self.others);
        encoded.filter_map(|(_, copy)| Some(copy.ok()?.buffer))
    }
}

impl From<Vec<u8>> for FrameCopy {
    fn from(buffer: Vec<u8>) -> Self {
        Self {
            buffer,
            shared: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(copies: &mut Copies<'_>, place: u32, made: &mut usize) -> Vec<u8> {
        let copy = copies.at(place, |frame| {
            *made += 1;
            Ok([frame, &place.to_be_bytes()[3..]].concat())
        });
        copy.expect("it can be encoded").bytes().to_vec()
    }

    #[test]
    fn each_envelope_is_made_once() {
        let (mut copies, mut made) = (Copies::new(b"x"), 0);
        for place in [7, 9, 8, 7, 8, 9] {
            assert_eq!(at(&mut copies, place, &mut made), [b'x', place as u8]);
        }
        assert_eq!(made, 3);
    }

    #[test]
    fn a_frame_that_can_not_be_encoded_is_told_each_time() {
        let mut copies = Copies::new(b"x");
        for _ in 0..2 {
            let copy = copies.at(1, |_| Err(FrameError::Malformed("no")));
            assert_eq!(copy.err(), Some(&FrameError::Malformed("no")));
        }
        assert_eq!(copies.into_buffers().count(), 0);
    }

    #[test]
    fn the_buffer_of_what_is_shared_stays_with_those_who_share_it() {
        let (mut copies, mut made) = (Copies::new(b"x"), 0);
        at(&mut copies, 1, &mut made);
        at(&mut copies, 2, &mut made);
        let copy = copies.at(1, |_| unreachable!("it was made"));
        let shared = copy.expect("it can be encoded").shared().clone();
        assert_eq!(at(&mut copies, 1, &mut made), shared);
        let buffers: Vec<_> = copies.into_buffers().collect();
        assert_eq!(buffers, [b"".to_vec(), b"x\x02".to_vec()]);
    }

    #[test]
    fn a_short_frame_that_waits_keeps_no_large_buffer() {
        let mut copies = Copies::new(b"x");
        let copy = copies.at(1, |frame| {
            let mut buffer = Vec::with_capacity(60_000);
            buffer.extend_from_slice(frame);
            Ok(buffer)
        });
        assert_eq!(*copy.expect("it can be encoded").shared(), b"x"[..]);
        let buffers: Vec<_> = copies.into_buffers().collect();
        assert!(buffers[0].capacity() >= 60_000, "it comes back");
    }
}
