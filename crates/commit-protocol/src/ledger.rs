//! What a partition's ledger says, and how two of them become one.

use std::collections::BTreeMap;
use std::ops::Range;

/// More gaps than this become fewer and wider: what matters is that there are some, and where the last one ends.
const MAX_GAPS: usize = 100;

/// How far a partition has come. All of it only grows, so ledgers can be joined in any order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ledger {
    /// Every offset below has been stored, or lies in a gap.
    pub next: i64,
    /// By group, the greatest offset that an object is known to hold, where that is `next` or past it.
    pub high_watermarks: BTreeMap<String, i64>,
    /// Offsets that were passed over unseen, in order and apart from each other; of many, the oldest in one.
    pub gaps: Vec<Range<i64>>,
    /// The settings that the objects were written with; another sink's would walk other protocols.
    pub layout: String,
}

impl Ledger {
    /// The ledger of a partition whose first record has this offset.
    pub fn starting_at(next: i64, layout: impl Into<String>) -> Self {
        Ledger { next, high_watermarks: BTreeMap::new(), gaps: Vec::new(), layout: layout.into() }
    }

    /// This ledger once the offsets up to `first` have been passed over.
    #[must_use]
    pub fn with_gap(&self, first: i64, span: i64) -> Self {
        let mut ledger = self.clone();
        ledger.gaps.push(self.next..first);
        ledger.advanced(first, &BTreeMap::new(), span)
    }

    /// This ledger joined with a batch that ends before `next` and has seen objects that reach `high_watermarks`.
    #[must_use]
    pub fn advanced(&self, next: i64, high_watermarks: &BTreeMap<String, i64>, span: i64) -> Self {
        let mut ledger = self.clone();
        ledger.next = self.next.max(next);
        for (group, &last) in high_watermarks {
            let known = ledger.high_watermarks.entry(group.clone()).or_insert(last);
            *known = last.max(*known);
        }
        ledger.high_watermarks.retain(|_, last| *last >= ledger.next);
        ledger.gaps = merged(ledger.gaps);
        // An object that begins in the gap ends before this.
        ledger.gaps.retain(|gap| ledger.next < gap.end.saturating_add(span));
        ledger
    }
}

fn merged(mut gaps: Vec<Range<i64>>) -> Vec<Range<i64>> {
    gaps.sort_by_key(|gap| gap.start);
    let mut apart: Vec<Range<i64>> = Vec::with_capacity(gaps.len());
    for gap in gaps {
        match apart.last_mut() {
            Some(last) if gap.start <= last.end => last.end = last.end.max(gap.end),
            _ => apart.push(gap),
        }
    }
    while apart.len() > MAX_GAPS {
        let oldest = apart.remove(0);
        apart[0].start = oldest.start;
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;

    fn high_watermarks(entries: &[(&str, i64)]) -> BTreeMap<String, i64> {
        entries.iter().map(|&(group, last)| (group.to_owned(), last)).collect()
    }

    #[test]
    fn joining_in_any_order_gives_the_same_ledger() {
        let start = Ledger::starting_at(5, "gzip");
        let batches = [
            (9, high_watermarks(&[("a", 12)])),
            (7, high_watermarks(&[("a", 8), ("b", 20)])),
            (13, high_watermarks(&[("b", 13)])),
        ];
        let joined = |order: [usize; 3]| {
            order.iter().fold(start.clone(), |ledger, &n| ledger.advanced(batches[n].0, &batches[n].1, 100))
        };
        let expected = Ledger { next: 13, high_watermarks: high_watermarks(&[("b", 20)]), ..start.clone() };
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            assert_eq!(joined(order), expected, "{order:?}");
        }
    }

    fn gaps(ledger: &Ledger) -> Vec<(i64, i64)> {
        ledger.gaps.iter().map(|gap| (gap.start, gap.end)).collect()
    }

    #[test]
    fn a_gap_is_kept_until_no_object_that_begins_in_it_can_reach_further() {
        let ledger = Ledger::starting_at(0, "gzip").with_gap(10, 100);
        assert_eq!((ledger.next, gaps(&ledger)), (10, vec![(0, 10)]));
        assert_eq!(gaps(&ledger.advanced(109, &BTreeMap::new(), 100)), [(0, 10)]);
        assert_eq!(gaps(&ledger.advanced(110, &BTreeMap::new(), 100)), []);
    }

    #[test]
    fn of_many_gaps_the_oldest_become_one() {
        let mut ledger = Ledger::starting_at(0, "gzip");
        for n in 0..1_000 {
            ledger = ledger.with_gap(10 * n + 5, 100_000).advanced(10 * n + 10, &BTreeMap::new(), 100_000);
        }
        assert_eq!(ledger.gaps.len(), MAX_GAPS);
        assert_eq!(gaps(&ledger)[..2], [(0, 9_005), (9_010, 9_015)]);
        assert_eq!(gaps(&ledger).last(), Some(&(9_990, 9_995)));
    }

    #[test]
    fn gaps_that_touch_are_one() {
        let ledger = Ledger::starting_at(0, "gzip").with_gap(10, 100).with_gap(20, 100);
        assert_eq!(gaps(&ledger), [(0, 20)]);
        let apart = ledger.advanced(21, &BTreeMap::new(), 100).with_gap(30, 100);
        assert_eq!(gaps(&apart), [(0, 20), (21, 30)]);
    }
}
