//! The ledger of a partition, and the rules for merging the progress of concurrent writers.

use std::collections::BTreeMap;
use std::ops::Range;

/// Maximum number of gaps in a ledger. Beyond that, the oldest are merged into one wider gap. This is safe, because the
/// protocol only uses whether a gap exists and where the last one ends.
const MAX_GAPS: usize = 100;

/// The stored state of a partition: how far its records have been stored. `next` and the high watermarks only grow, so
/// ledgers merge to the same result in any order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ledger {
    /// Every offset below this one is stored or in a gap.
    pub next: i64,
    /// For each group, the highest offset that a stored object is known to contain. Entries below `next` are dropped.
    pub high_watermarks: BTreeMap<String, i64>,
    /// Offset ranges that were skipped and never delivered, sorted. The ranges neither overlap nor touch. At most 100
    /// are kept: beyond that, the oldest are merged into one wider range.
    pub gaps: Vec<Range<i64>>,
    /// Settings that determine object keys and contents. A writer with different settings would write a different
    /// sequence of objects.
    pub layout: String,
}

impl Ledger {
    /// Creates the ledger of a partition whose first record has the offset `next`.
    pub fn starting_at(next: i64, layout: impl Into<String>) -> Self {
        Ledger { next, high_watermarks: BTreeMap::new(), gaps: Vec::new(), layout: layout.into() }
    }

    /// Returns this ledger with a gap from its `next` up to `first`, the first offset of a batch.
    #[must_use]
    pub(crate) fn with_gap(&self, first: i64, span: i64) -> Self {
        let mut ledger = self.clone();
        ledger.gaps.push(self.next..first);
        ledger.merged(first, &BTreeMap::new(), span)
    }

    /// Returns this ledger merged with the progress of a batch that ends before `next` and has read objects that reach
    /// up to `high_watermarks`. Gaps that no longer matter are dropped.
    #[must_use]
    pub(crate) fn merged(&self, next: i64, high_watermarks: &BTreeMap<String, i64>, span: i64) -> Self {
        let mut ledger = self.clone();
        ledger.next = self.next.max(next);
        for (group, &last) in high_watermarks {
            let known = ledger.high_watermarks.entry(group.clone()).or_insert(last);
            *known = last.max(*known);
        }
        ledger.high_watermarks.retain(|_, last| *last >= ledger.next);
        ledger.gaps = merge_gaps(ledger.gaps);
        // Every object that begins in a gap ends before the gap's end plus `span`.
        ledger.gaps.retain(|gap| ledger.next < gap.end.saturating_add(span));
        ledger
    }
}

fn merge_gaps(mut gaps: Vec<Range<i64>>) -> Vec<Range<i64>> {
    gaps.sort_by_key(|gap| gap.start);
    let mut merged: Vec<Range<i64>> = Vec::with_capacity(gaps.len());
    for gap in gaps {
        match merged.last_mut() {
            Some(last) if gap.start <= last.end => last.end = last.end.max(gap.end),
            _ => merged.push(gap),
        }
    }
    while merged.len() > MAX_GAPS {
        let oldest = merged.remove(0);
        merged[0].start = oldest.start;
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    fn high_watermarks(entries: &[(&str, i64)]) -> BTreeMap<String, i64> {
        entries.iter().map(|&(group, last)| (group.to_owned(), last)).collect()
    }

    #[test]
    fn ledgers_merge_to_the_same_in_any_order() {
        let start = Ledger::starting_at(5, "gzip");
        let batches = [
            (9, high_watermarks(&[("a", 12)])),
            (7, high_watermarks(&[("a", 8), ("b", 20)])),
            (13, high_watermarks(&[("b", 13)])),
        ];
        let merged = |order: [usize; 3]| {
            order.iter().fold(start.clone(), |ledger, &n| ledger.merged(batches[n].0, &batches[n].1, 100))
        };
        let expected = Ledger { next: 13, high_watermarks: high_watermarks(&[("b", 20)]), ..start.clone() };
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            assert_eq!(merged(order), expected, "{order:?}");
        }
    }

    fn gaps(ledger: &Ledger) -> Vec<(i64, i64)> {
        ledger.gaps.iter().map(|gap| (gap.start, gap.end)).collect()
    }

    #[test]
    fn gap_is_dropped_once_next_is_a_span_past_it() {
        let ledger = Ledger::starting_at(0, "gzip").with_gap(10, 100);
        assert_eq!((ledger.next, gaps(&ledger)), (10, vec![(0, 10)]));
        assert_eq!(gaps(&ledger.merged(109, &BTreeMap::new(), 100)), [(0, 10)]);
        assert_eq!(gaps(&ledger.merged(110, &BTreeMap::new(), 100)), []);
    }

    #[test]
    fn oldest_of_too_many_gaps_are_merged() {
        let mut ledger = Ledger::starting_at(0, "gzip");
        for n in 0..1_000 {
            ledger = ledger.with_gap(10 * n + 5, 100_000).merged(10 * n + 10, &BTreeMap::new(), 100_000);
        }
        assert_eq!(ledger.gaps.len(), MAX_GAPS);
        assert_eq!(gaps(&ledger)[..2], [(0, 9_005), (9_010, 9_015)]);
        assert_eq!(gaps(&ledger).last(), Some(&(9_990, 9_995)));
    }

    #[test]
    fn touching_gaps_are_merged() {
        let ledger = Ledger::starting_at(0, "gzip").with_gap(10, 100).with_gap(20, 100);
        assert_eq!(gaps(&ledger), [(0, 20)]);
        let apart = ledger.merged(21, &BTreeMap::new(), 100).with_gap(30, 100);
        assert_eq!(gaps(&apart), [(0, 20), (21, 30)]);
    }
}
