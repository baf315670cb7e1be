//! Finds gaps and duplicates among a partition's offsets, in constant memory.
//!
//! Every offset of an object is less than [`MAX_OBJECT_SPAN`] away from the offset in the object's name, and objects
//! are added in the order of the offsets in their names. Offsets more than one span below the current object are
//! therefore settled: no later object can contain them. A window of three spans is enough, whatever the number of
//! offsets:
//!
//! ```text
//!            first - MAX_OBJECT_SPAN        first       first + MAX_OBJECT_SPAN
//! settled ───────┤  may still change  │  may be in this object  │
//! ```

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use commit_protocol::MAX_OBJECT_SPAN;

/// Number of offsets in the window.
const LENGTH: i64 = 3 * MAX_OBJECT_SPAN;

/// The offsets around the current object.
pub(crate) struct Window {
    /// Every offset below this one is settled.
    base: i64,
    /// Slots, indexed by offset modulo [`LENGTH`].
    slots: Vec<Slot>,
    /// The gap that ends at `base` and may continue.
    gap: Option<Range<i64>>,
    hashes: RandomState,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    line_hash: u64,
    /// Number of the object that contains the offset, from 1; 0 if no object does.
    object: u32,
}

/// Result of adding a record whose offset is already stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Duplicate {
    /// Number of the object that contains the earlier line.
    pub(crate) object: u32,
    /// `true` if both lines are equal, according to their hashes.
    pub(crate) is_same: bool,
}

impl Window {
    pub(crate) fn new() -> Self {
        Window {
            base: 0,
            slots: vec![Slot::default(); usize::try_from(LENGTH).unwrap_or_default()],
            gap: None,
            hashes: RandomState::new(),
        }
    }

    fn slot(&mut self, offset: i64) -> &mut Slot {
        let index = usize::try_from(offset.rem_euclid(LENGTH)).unwrap_or_default();
        &mut self.slots[index]
    }

    /// Starts the object that has the offset `first` in its name. Calls `report` with each gap that is now settled.
    /// The offset after each of these gaps is stored.
    pub(crate) fn begin_object(&mut self, first: i64, report: impl FnMut(Range<i64>)) {
        self.settle(first - MAX_OBJECT_SPAN, report);
    }

    /// Returns the offset below which every offset is settled.
    pub(crate) fn base(&self) -> i64 {
        self.base
    }

    /// Adds a record of the current object. Returns a [`Duplicate`] if a record with the same offset is already stored.
    pub(crate) fn add(&mut self, offset: i64, object: u32, line: &[u8]) -> Option<Duplicate> {
        let line_hash = self.hashes.hash_one(line);
        let slot = self.slot(offset);
        if slot.object != 0 {
            return Some(Duplicate { object: slot.object, is_same: slot.line_hash == line_hash });
        }
        *slot = Slot { line_hash, object };
        None
    }

    /// Calls `report` with the remaining gaps below `end`. The last of these gaps may extend to `end`, so the offset
    /// after the gap is not necessarily stored.
    pub(crate) fn finish(mut self, end: i64, mut report: impl FnMut(Range<i64>)) {
        self.settle(end, &mut report);
        if let Some(gap) = self.gap {
            report(gap);
        }
    }

    fn settle(&mut self, to: i64, mut report: impl FnMut(Range<i64>)) {
        let in_window = to.min(self.base + LENGTH);
        while self.base < in_window {
            let base = self.base;
            match std::mem::take(self.slot(base)).object {
                0 => self.gap.get_or_insert(base..base).end = base + 1,
                _ => {
                    if let Some(gap) = self.gap.take() {
                        report(gap);
                    }
                }
            }
            self.base += 1;
        }
        if self.base < to {
            self.gap.get_or_insert(self.base..to).end = to;
            self.base = to;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn gap_is_reported_whole_whatever_its_length() {
        let mut window = Window::new();
        let mut gaps = Vec::new();
        for first in [5, 900_000, 10_000_000_000] {
            window.begin_object(first, |gap| gaps.push(gap));
            assert_eq!(window.add(first, 1, b"x"), None);
        }
        window.finish(10_000_000_003, |gap| gaps.push(gap));
        assert_eq!(gaps, [0..5, 6..900_000, 900_001..10_000_000_000, 10_000_000_001..10_000_000_003]);
    }

    proptest! {
        /// Objects are at any offset, are shorter than the span, and have names that are off by less than the span. The
        /// window must report what a map of all offsets contains.
        #[test]
        fn window_finds_what_a_map_of_all_offsets_finds(
            mut objects in proptest::collection::vec((0i64..1_000_000, -300i64..MAX_OBJECT_SPAN, 1i64..40, 1i64..2_000, 0u8..3), 1..12),
        ) {
            objects.sort();
            let mut all: BTreeMap<i64, (u32, u8)> = BTreeMap::new();
            let mut window = Window::new();
            let mut gaps = Vec::new();
            for (id, (first, from, count, step, content)) in (1u32..).zip(objects) {
                window.begin_object(first, |gap| gaps.push(gap));
                for offset in (0..count).map(|n| first + from + n * step) {
                    if offset < 0 || (offset - first).abs() >= MAX_OBJECT_SPAN {
                        continue;
                    }
                    let duplicate = window.add(offset, id, &[content]);
                    let expected =
                        all.get(&offset).map(|&(object, other)| Duplicate { object, is_same: other == content });
                    prop_assert_eq!(duplicate, expected);
                    all.entry(offset).or_insert((id, content));
                }
            }
            let end = all.last_key_value().map_or(0, |(last, _)| last + 1) + 7;
            window.finish(end, |gap| gaps.push(gap));
            let mut expected = Vec::new();
            let mut next = 0;
            for &offset in all.keys() {
                if offset > next {
                    expected.push(next..offset);
                }
                next = offset + 1;
            }
            expected.push(next..end);
            prop_assert_eq!(gaps, expected);
        }
    }
}
