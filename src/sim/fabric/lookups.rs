//! What is done off a host's loop: lookups of names, and work on threads. Owns how long it takes and whether it fails; what the
//! names are is `names`' part.

use std::time::Duration;

use super::{Event, Fabric, JITTER};
use crate::error::NameError;
use crate::network::{LookupId, Question, WorkId, WorkOutcome};
use crate::sim::choose::Site;
use crate::sim::family::Family;
use crate::sim::host::HostId;
use crate::sim::names::Outcome;
use crate::sim::trace::What;

use super::strikes::LENGTHS;

/// How long a lookup takes if nothing delays it.
const LOOKUP: Duration = Duration::from_millis(1);

impl Fabric {
    /// Begins to look a name up for a host.
    pub(in crate::sim) fn look_up(
        &mut self,
        host: HostId,
        lookup: LookupId,
        question: &Question,
        outcome: Outcome,
    ) {
        self.note(host, What::LooksUp(question.to_string().into()));
        self.host_mut(host).lookups.insert(lookup);
        let Outcome { late, found } = outcome;
        let Some(mut outcome) = found else {
            return;
        };
        let mut longer = Duration::from_micros(self.choose(Site::LookUp, JITTER));
        match self.choose(Site::Answered, 4) {
            0 => {}
            1 => outcome = Err(NameError::Unknown),
            2 => outcome = Err(NameError::Failed("the server failed".into())),
            _ => longer += self.span(Family::Lookups, LENGTHS + 12),
        }
        self.queue.push(
            self.now + LOOKUP + late + longer,
            Event::LookedUp {
                host,
                process: self.host(host).process,
                lookup,
                outcome,
            },
        );
    }

    /// Has a host told later of work that a thread does.
    pub(in crate::sim) fn work(&mut self, host: HostId, work: WorkId, outcome: WorkOutcome) {
        self.host_mut(host).working += 1;
        let longer = Duration::from_micros(self.choose(Site::Work, JITTER));
        self.queue.push(
            self.now + longer,
            Event::Worked {
                host,
                process: self.host(host).process,
                work,
                outcome,
            },
        );
    }
}
