//! What the oracles hold reactors against: what a kernel handed over, and what it told of that was not looked at. Owns the
//! copies; judges nothing.

use super::Fabric;
use crate::network::Token;
use crate::sim::host::HostId;
use crate::sim::link::EndId;
use crate::sim::unheard::Unheard;

/// So much that was handed over and not heard is kept, then the end is not listened to any more.
const MOST: usize = 4 * 1024 * 1024;

impl Fabric {
    /// Keeps what an end's holder is handed from now on, by the wire or by layers upon it; or goes on doing so for another
    /// protocol. Not if something was handed over already that was not kept, or the holder is gone.
    pub(in crate::sim) fn listen_in(&mut self, id: EndId, layered: bool) -> bool {
        let Some(link) = self.links.get_mut(&id.link) else {
            return false;
        };
        let fresh = layered || !link.inbound(id.side).was_read();
        let unheard = &mut link.end_mut(id.side).unheard;
        match unheard {
            Some(unheard) => unheard.succeed(),
            None if fresh => *unheard = Some(Unheard::default()),
            None => {}
        }
        unheard.is_some()
    }

    #[cfg(test)]
    pub(in crate::sim) fn listened_in(&self) -> Vec<EndId> {
        let listened = self.ends().filter(|(_, end)| end.unheard.is_some());
        listened.map(|(id, _)| id).collect()
    }

    pub(in crate::sim) fn stop_listening_in(&mut self, id: EndId) {
        if let Some(link) = self.links.get_mut(&id.link) {
            link.end_mut(id.side).unheard = None;
        }
    }

    /// A read has handed these over.
    pub(super) fn hand_over(&mut self, id: EndId, data: &[u8]) {
        self.keep(id, data.len(), |unheard| unheard.hand_over(data));
    }

    /// Layers have handed these over.
    pub(in crate::sim) fn rise(&mut self, id: EndId, height: usize, data: &[u8]) {
        self.keep(id, data.len(), |unheard| unheard.rise(height, data));
    }

    fn keep(&mut self, id: EndId, size: usize, keep: impl FnOnce(&mut Unheard)) {
        let Some(link) = self.links.get_mut(&id.link) else {
            return;
        };
        let kept = &mut link.end_mut(id.side).unheard;
        match kept {
            Some(unheard) if unheard.len() + size <= MOST => keep(unheard),
            _ => *kept = None,
        }
    }

    /// What an end's holder was handed and has not heard, if that is known.
    pub(in crate::sim) fn unheard(&mut self, id: EndId) -> Option<&mut Unheard> {
        let link = self.links.get_mut(&id.link)?;
        link.end_mut(id.side).unheard.as_mut()
    }

    /// The same, taken out of the fabric for as long as users' code may run.
    pub(in crate::sim) fn take_unheard(&mut self, id: EndId) -> Option<Unheard> {
        let link = self.links.get_mut(&id.link)?;
        link.end_mut(id.side).unheard.take()
    }

    pub(in crate::sim) fn put_back_unheard(&mut self, id: EndId, unheard: Unheard) {
        if let Some(link) = self.links.get_mut(&id.link) {
            link.end_mut(id.side).unheard = Some(unheard);
        }
    }

    /// How many bytes the kernel has taken from an end's holder.
    pub(in crate::sim) fn taken(&self, id: EndId) -> u64 {
        self.links
            .get(&id.link)
            .map_or(0, |link| link.outbound(id.side).taken())
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
