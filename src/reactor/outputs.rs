//! The outputs in use, by place. Owns them for as long as a connection has unsent bytes; neither fills nor sends them.

use crate::arena::Arena;
use crate::network::Time;

use super::unsent::{Ended, Unsent};

/// Outputs below this place are kept for the next that writes: a reply takes and gives one back, and that has to be
/// cheap. They are the arena's first page, which is never given back anyway.
const KEPT: u32 = 256;

/// A table of outputs.
#[derive(Default)]
pub(super) struct Outputs {
    places: Arena<Unsent>,
    /// Kept for the next, without a buffer and as if new.
    spare: Vec<u32>,
}

impl Outputs {
    /// How many are in use.
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.spare.len()
    }

    #[inline]
    pub(super) fn get(&self, place: u32) -> Option<&Unsent> {
        self.places.get(place)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, place: u32) -> Option<&mut Unsent> {
        self.places.get_mut(place)
    }

    /// A place for an output that begins with this buffer, which is empty.
    #[inline]
    pub(super) fn begin(&mut self, buffer: Vec<u8>, now: Time) -> u32 {
        let place = match self.spare.pop() {
            Some(place) => place,
            None => self.places.insert(Unsent::default()),
        };
        let unsent = &mut self.places[place];
        unsent.queue.return_tail(buffer);
        unsent.progress = now;
        place
    }

    /// Ends an output. `None` if there is none.
    #[inline]
    pub(super) fn end(&mut self, place: u32) -> Option<Ended> {
        let ended = self.places.get_mut(place)?.renew();
        if place < KEPT {
            self.spare.push(place);
        } else {
            self.places.remove(place);
        }
        Some(ended)
    }
}

impl std::ops::Index<u32> for Outputs {
    type Output = Unsent;

    #[inline]
    fn index(&self, place: u32) -> &Unsent {
        &self.places[place]
    }
}

impl std::ops::IndexMut<u32> for Outputs {
    #[inline]
    fn index_mut(&mut self, place: u32) -> &mut Unsent {
        &mut self.places[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_output_is_as_new() {
        let mut outputs = Outputs::default();
        let place = outputs.begin(Vec::with_capacity(100), Time::START);
        let unsent = &mut outputs[place];
        unsent.queue.push(b"hello");
        unsent.note_waiting(3);
        unsent.blocked = true;
        let ended = outputs.end(place).expect("it was begun");
        assert!(ended.buffer.is_empty() && ended.buffer.capacity() >= 100);
        assert_eq!(ended.dropped, 5);

        assert_eq!(outputs.begin(Vec::new(), Time::NEVER), place);
        let unsent = &outputs[place];
        assert_eq!((unsent.len(), unsent.blocked), (0, false));
        assert_eq!(unsent.progress, Time::NEVER);
        assert_eq!(unsent.waiting_since_before(4), 0);
    }

    #[test]
    fn a_kept_output_keeps_no_memory_of_a_burst() {
        let mut outputs = Outputs::default();
        let place = outputs.begin(Vec::new(), Time::START);
        for _ in 0..1000 {
            outputs[place].queue.push_shared(&vec![0; 5000].into());
        }
        outputs.end(place);
        assert!(outputs.begin(Vec::new(), Time::START) == place);
        assert!(outputs[place].queue.room_for_pieces() <= 8);
    }

    #[test]
    fn only_the_lowest_are_kept() {
        let mut outputs = Outputs::default();
        let places: Vec<u32> = (0..1000)
            .map(|_| outputs.begin(Vec::new(), Time::START))
            .collect();
        for place in places {
            outputs.end(place);
        }
        assert_eq!(outputs.places.len(), KEPT as usize);
        assert_eq!(outputs.spare.len(), KEPT as usize);
        assert_eq!(outputs.len(), 0);
    }
}
