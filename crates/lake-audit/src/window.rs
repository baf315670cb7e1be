//! The offsets of a partition as they go by: which are stored, which are not, which are stored twice. Pure.
//!
//! An object holds no offset that is [`MAX_OBJECT_SPAN`] or more from the one in its name, and objects come in the order
//! of their names. So whatever is `MAX_OBJECT_SPAN` below the object at hand is settled, and what must be remembered is a window of
//! three spans, whatever the number of offsets.

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;

use commit_protocol::MAX_OBJECT_SPAN;

/// How many offsets are remembered.
const LENGTH: i64 = 3 * MAX_OBJECT_SPAN;

/// The offsets at hand.
pub(crate) struct Window {
    /// Every offset below is settled.
    base: i64,
    /// By offset modulo the length.
    slots: Vec<Slot>,
    /// The hole that reaches up to `base`.
    hole: Option<Range<i64>>,
    hashes: RandomState,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    line: u64,
    /// Which object holds it, from 1; 0 where none does.
    object: u32,
}

/// A record that was stored already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Twice {
    /// The object that holds it.
    pub(crate) object: u32,
    /// Whether its line is the same.
    pub(crate) is_same: bool,
}

impl Window {
    pub(crate) fn new() -> Self {
        Window {
            base: 0,
            slots: vec![Slot::default(); usize::try_from(LENGTH).unwrap_or_default()],
            hole: None,
            hashes: RandomState::new(),
        }
    }

    fn slot(&mut self, offset: i64) -> &mut Slot {
        let index = usize::try_from(offset.rem_euclid(LENGTH)).unwrap_or_default();
        &mut self.slots[index]
    }

    /// An object begins at `first`: shows the holes that are settled by that, each with an offset stored after it.
    pub(crate) fn begin(&mut self, first: i64, show: impl FnMut(Range<i64>)) {
        self.settle(first - MAX_OBJECT_SPAN, show);
    }

    /// Every offset below is settled.
    pub(crate) fn base(&self) -> i64 {
        self.base
    }

    /// Notes a record of the object that has begun last; gives what was there already.
    pub(crate) fn put(&mut self, offset: i64, object: u32, line: &[u8]) -> Option<Twice> {
        let line = self.hashes.hash_one(line);
        let slot = self.slot(offset);
        if slot.object != 0 {
            return Some(Twice { object: slot.object, is_same: slot.line == line });
        }
        *slot = Slot { line, object };
        None
    }

    /// There are no more objects: shows the holes below `end`. The last may have nothing stored after it.
    pub(crate) fn end(mut self, end: i64, mut show: impl FnMut(Range<i64>)) {
        self.settle(end, &mut show);
        if let Some(hole) = self.hole {
            show(hole);
        }
    }

    fn settle(&mut self, to: i64, mut show: impl FnMut(Range<i64>)) {
        let known = to.min(self.base + LENGTH);
        while self.base < known {
            let base = self.base;
            match std::mem::take(self.slot(base)).object {
                0 => self.hole.get_or_insert(base..base).end = base + 1,
                _ => {
                    if let Some(hole) = self.hole.take() {
                        show(hole);
                    }
                }
            }
            self.base += 1;
        }
        if self.base < to {
            self.hole.get_or_insert(self.base..to).end = to;
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
    fn holes_are_shown_whole_however_far_they_reach() {
        let mut window = Window::new();
        let mut holes = Vec::new();
        for first in [5, 900_000, 10_000_000_000] {
            window.begin(first, |hole| holes.push(hole));
            assert_eq!(window.put(first, 1, b"x"), None);
        }
        window.end(10_000_000_003, |hole| holes.push(hole));
        assert_eq!(holes, [0..5, 6..900_000, 900_001..10_000_000_000, 10_000_000_001..10_000_000_003]);
    }

    proptest! {
        /// Objects anywhere, of any length below the span, misnamed by less than it: as a map of all offsets tells.
        #[test]
        fn the_window_sees_what_a_map_of_all_offsets_sees(
            mut objects in proptest::collection::vec((0i64..1_000_000, -300i64..MAX_OBJECT_SPAN, 1i64..40, 1i64..2_000, 0u8..3), 1..12),
        ) {
            objects.sort();
            let mut all: BTreeMap<i64, (u32, u8)> = BTreeMap::new();
            let mut window = Window::new();
            let mut holes = Vec::new();
            for (id, (first, from, count, step, content)) in (1u32..).zip(objects) {
                window.begin(first, |hole| holes.push(hole));
                for offset in (0..count).map(|n| first + from + n * step) {
                    if offset < 0 || (offset - first).abs() >= MAX_OBJECT_SPAN {
                        continue;
                    }
                    let told = window.put(offset, id, &[content]);
                    let expected =
                        all.get(&offset).map(|&(object, other)| Twice { object, is_same: other == content });
                    prop_assert_eq!(told, expected);
                    all.entry(offset).or_insert((id, content));
                }
            }
            let end = all.last_key_value().map_or(0, |(last, _)| last + 1) + 7;
            window.end(end, |hole| holes.push(hole));
            let mut expected = Vec::new();
            let mut next = 0;
            for &offset in all.keys() {
                if offset > next {
                    expected.push(next..offset);
                }
                next = offset + 1;
            }
            expected.push(next..end);
            prop_assert_eq!(holes, expected);
        }
    }
}
