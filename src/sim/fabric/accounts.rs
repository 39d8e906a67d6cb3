//! The accounts of what reactors write: each byte that a kernel takes is the next of them, FIN comes behind the last, and the
//! other side reads as many. Owns when these are looked at; a scripted peer has no account, for it writes to its kernel itself.

use std::ops::Range;

use bytes::Bytes;

use super::Fabric;
use crate::sim::link::EndId;
use crate::sim::unheard::Objection;
use crate::sim::written::Written;

/// So much that was written and not taken is kept, then there is no account any more.
const MOST: usize = 4 * 1024 * 1024;

const ORACLE: &str = "written is sent";

impl Fabric {
    /// Begins an account of what an end's holder writes, with what it has queued already; or goes on with it.
    pub(in crate::sim) fn keep_account(&mut self, id: EndId, queued: impl FnOnce() -> Vec<u8>) {
        if let Some(link) = self.links.get_mut(&id.link) {
            let taken = link.outbound(id.side).taken();
            let written = &mut link.end_mut(id.side).written;
            written.get_or_insert_with(|| Written::beginning(taken, &queued()));
        }
    }

    pub(in crate::sim) fn wrote(&mut self, id: EndId, data: &[u8]) {
        let objection = self.account(id, data.len(), |written| written.write(data));
        self.object(id, objection.unwrap_or(Ok(())));
    }

    pub(in crate::sim) fn replaced(&mut self, id: EndId, place: Range<usize>, frame: &[u8]) {
        self.account(id, frame.len(), |written| written.replace(place, frame));
    }

    fn account<R>(
        &mut self,
        id: EndId,
        size: usize,
        note: impl FnOnce(&mut Written) -> R,
    ) -> Option<R> {
        let account = &mut self.links.get_mut(&id.link)?.end_mut(id.side).written;
        if account.as_ref()?.pending() + size > MOST {
            *account = None;
        }
        account.as_mut().map(note)
    }

    /// A kernel was offered so many bytes, and takes these.
    pub(super) fn check_taken(&mut self, id: EndId, offered: usize, data: &Bytes) {
        let link = self.links.get_mut(&id.link);
        let written = link.and_then(|link| link.end_mut(id.side).written.as_mut());
        let objection = written.map_or(Ok(()), |written| written.take(offered, data));
        self.object(id, objection);
    }

    /// An end's holder has said that all is sent: it is.
    pub(in crate::sim) fn check_all_taken(&mut self, id: EndId, when: &str) {
        let link = self.links.get(&id.link);
        let written = link.and_then(|link| link.end(id.side).written.as_ref());
        let objection = written.map_or(Ok(()), |written| match written.pending() {
            0 => written.check_told(),
            pending => Err(format!(
                "{when}, and {pending} bytes that were written are not sent"
            )),
        });
        self.object(id, objection);
    }

    /// An end has been read to its end: that is as much as was written.
    pub(super) fn check_all_read(&mut self, id: EndId) {
        let Some(link) = self.links.get(&id.link) else {
            return;
        };
        let Some(written) = &link.end(id.side.other()).written else {
            return;
        };
        let (total, read) = (written.total(), link.inbound(id.side).read());
        if read != total {
            let objection = format!("of {total} bytes that were written {read} have come");
            self.object(id.other(), Err(objection));
        }
    }

    /// The account of an end is closed before its time: what is left of it is not owed to anybody.
    pub(super) fn close_account(&mut self, id: EndId) {
        if let Some(link) = self.links.get_mut(&id.link) {
            let account = &mut link.end_mut(id.side).written;
            if account
                .as_ref()
                .is_some_and(|written| written.pending() > 0)
            {
                *account = None;
            }
        }
    }

    fn object(&self, id: EndId, objection: Objection) {
        if let Err(what) = objection {
            let link = self.links.get(&id.link);
            let local = link.map(|link| link.end(id.side).local);
            self.verdict.say(ORACLE, || match local {
                Some(local) => format!("{local}: {what}"),
                None => what,
            });
        }
    }
}
