//! What the oracles hold reactors against: what a kernel handed over, and what it told of that was not looked at. Owns the
//! copies; judges nothing.

use bytes::Buf;

use super::Fabric;
use crate::network::Token;
use crate::sim::host::HostId;
use crate::sim::link::{EndId, HandedOver};

/// So much that was handed over and not heard is kept, then the end is not listened to any more.
const MOST: usize = 4 * 1024 * 1024;

impl Fabric {
    /// Keeps what is read from an end from now on. Not if something was read already, or its holder is gone.
    pub(in crate::sim) fn listen_in(&mut self, id: EndId) -> bool {
        let Some(link) = self.links.get_mut(&id.link) else {
            return false;
        };
        let fresh = !link.inbound(id.side).was_read();
        if fresh {
            link.end_mut(id.side).handed_over = Some(HandedOver::default());
        }
        fresh
    }

    pub(in crate::sim) fn stop_listening_in(&mut self, id: EndId) {
        if let Some(link) = self.links.get_mut(&id.link) {
            link.end_mut(id.side).handed_over = None;
        }
    }

    /// A read has handed these over.
    pub(super) fn hand_over(&mut self, id: EndId, data: &[u8]) {
        let Some(link) = self.links.get_mut(&id.link) else {
            return;
        };
        let kept = &mut link.end_mut(id.side).handed_over;
        match kept {
            Some(kept) if kept.bytes.len() + data.len() <= MOST => {
                kept.bytes.extend_from_slice(data);
            }
            _ => *kept = None,
        }
    }

    /// A protocol has heard these: whether they come next, or, if they are not `whole` because an envelope was taken off,
    /// come at all.
    pub(in crate::sim) fn heard(&mut self, id: EndId, data: &[u8], whole: bool) -> bool {
        let Some(link) = self.links.get_mut(&id.link) else {
            return true;
        };
        let Some(HandedOver { bytes, enveloped }) = &mut link.end_mut(id.side).handed_over else {
            return true;
        };
        *enveloped |= !whole;
        let place = match bytes.starts_with(data) {
            true => Some(0),
            false if *enveloped => memchr::memmem::find(bytes, data),
            false => None,
        };
        if let Some(place) = place {
            bytes.advance(place + data.len());
        }
        place.is_some()
    }

    /// How many bytes the kernel has taken from an end's holder.
    pub(in crate::sim) fn taken(&self, id: EndId) -> u64 {
        self.links
            .get(&id.link)
            .map_or(0, |link| link.outbound(id.side).taken())
    }

    /// An envelope is taken off what an end's holder hears from now on, or something was left out for its sake.
    pub(in crate::sim) fn is_enveloped(&mut self, id: EndId) {
        if let Some(link) = self.links.get_mut(&id.link)
            && let Some(handed_over) = &mut link.end_mut(id.side).handed_over
        {
            handed_over.enveloped = true;
        }
    }

    /// How much was handed over and not heard, if all of it was to be.
    pub(in crate::sim) fn unheard(&self, id: EndId) -> usize {
        let link = self.links.get(&id.link);
        let kept = link.and_then(|link| link.end(id.side).handed_over.as_ref());
        kept.map_or(0, |kept| if kept.enveloped { 0 } else { kept.bytes.len() })
    }

    /// Whether a read has told that the other side ended in order.
    pub(in crate::sim) fn was_told_of_end(&self, id: EndId) -> bool {
        self.links
            .get(&id.link)
            .is_none_or(|link| link.end(id.side).told_of_end)
    }

    /// A protocol hears something.
    pub(in crate::sim) fn tally_callback(&mut self, what: &str) {
        self.events += 1;
        let first = what.bytes().fold(0, |sum, byte| sum * 31 + u64::from(byte));
        self.mix(first);
    }

    /// Into the mark by which two runs are known to be the same.
    #[inline]
    pub(in crate::sim) fn mix(&mut self, value: u64) {
        let mixed = (self.fingerprint ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.fingerprint = mixed ^ (mixed >> 29);
    }

    /// Sockets of a host that were told to be readable more than `polls` ago, and have not been read.
    pub(in crate::sim) fn neglected(&mut self, on: HostId, polls: u64) -> Vec<Token> {
        let host = self.host_mut(on);
        // A look at all of them now and then is enough.
        if !host.polls.is_multiple_of(polls) {
            return Vec::new();
        }
        let before = host.polls.saturating_sub(polls);
        host.told_before(before)
    }
}
