//! Finds records that the broker removed before they were read, by retention or by `DeleteRecords`.
//!
//! Offsets are skipped for several reasons: the broker removed the records, or the offsets belong to transaction
//! markers, aborted records or compacted records. Only offsets below the first one on the broker were removed:
//!
//! ```text
//! committed or read up to          first offset on the broker     next record
//!          10 ............................ 300 .................... 302
//!           |---------- removed -----------|------- a marker -------|
//! ```
//!
//! The reader notes what it skips ([`ReadPositions`]). Once a second, [`Removals`] compares that with the first offset
//! on the broker. Removed offsets may have belonged to markers as well, so the counts are upper limits.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::progress::TopicPartition;

/// Maximum number of skipped ranges to keep for a partition between two measurements. Beyond it, a range replaces the
/// shortest one: removals skip many offsets, and markers skip one or two.
const MAX_SKIPPED: usize = 256;

/// Number of consecutive measurements that must find the same position below the first offset on the broker before the
/// offsets from that position on are reported as removed. Until then, the reader may still have records that it fetched
/// before the removal; it reads them, or discards them by pausing, within about a second.
const STUCK_AFTER: u32 = 3;

/// Offsets between two records that were read one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Skipped {
    /// Offset after the earlier record, or `None` if the later record is the first since the partition was assigned.
    from: Option<i64>,
    /// Offset of the later record.
    to: i64,
}

/// Offset after the last record that was read, by partition.
#[derive(Debug, Default)]
pub(crate) struct ReadPositions {
    partitions: Vec<(String, i32, i64)>,
    /// Index of the partition of the last record. Most records are from the same partition as the previous record.
    last: usize,
}

impl ReadPositions {
    /// Advances a partition past a record. Returns the offsets before the record that were skipped, if any.
    #[inline]
    pub(crate) fn advance(&mut self, topic: &str, partition: i32, offset: i64) -> Option<Skipped> {
        let is_own = |(name, number, _): &(String, i32, i64)| *number == partition && name == topic;
        if !self.partitions.get(self.last).is_some_and(is_own) {
            self.last = self.partitions.iter().position(is_own).unwrap_or(self.partitions.len());
        }
        let Some((_, _, next)) = self.partitions.get_mut(self.last) else {
            self.partitions.push((topic.to_owned(), partition, offset + 1));
            return Some(Skipped { from: None, to: offset });
        };
        let from = std::mem::replace(next, offset + 1);
        (from < offset).then_some(Skipped { from: Some(from), to: offset })
    }

    /// Forgets a partition that was revoked.
    pub(crate) fn forget(&mut self, topic: &str, partition: i32) {
        self.partitions.retain(|(name, number, _)| *number != partition || name != topic);
    }
}

/// Skipped and removed offsets of the assigned partitions.
#[derive(Debug, Default)]
pub(crate) struct Removals {
    partitions: BTreeMap<TopicPartition, Partition>,
}

#[derive(Debug, Default)]
struct Partition {
    /// The greatest committed offset that is known.
    committed: Option<i64>,
    /// Offset committed when the partition was assigned, at which reading starts. `None` if no offset was committed, or
    /// if it is unknown.
    start: Option<i64>,
    /// Ranges skipped since the last measurement.
    skipped: Vec<Skipped>,
    /// Offset below which removed records have been reported.
    reported: i64,
    /// A position below the first offset on the broker, and the number of consecutive measurements that found it.
    stuck: Option<(i64, u32)>,
}

impl Removals {
    /// Starts to track a newly assigned partition. `committed` is the group's committed offset.
    pub(crate) fn assign(&mut self, partition: TopicPartition, committed: Option<i64>) {
        let known = self.partitions.entry(partition).or_default();
        *known = Partition { committed, start: committed, reported: known.reported, ..Partition::default() };
    }

    /// Returns the greatest known committed offset of a partition.
    pub(crate) fn committed(&self, partition: &TopicPartition) -> Option<i64> {
        self.partitions.get(partition).and_then(|known| known.committed)
    }

    /// Records a committed offset.
    pub(crate) fn set_committed(&mut self, partition: &TopicPartition, committed: i64) {
        if let Some(known) = self.partitions.get_mut(partition) {
            known.committed = known.committed.max(Some(committed));
        }
    }

    /// Records offsets that the reader skipped.
    pub(crate) fn skip(&mut self, topic: &str, partition: i32, skipped: Skipped) {
        let known = self.partitions.entry((topic.to_owned(), partition)).or_default();
        let list = &mut known.skipped;
        if list.len() < MAX_SKIPPED {
            list.push(skipped);
            return;
        }
        let length = |one: &Skipped| one.from.map_or(i64::MAX, |from| one.to - from);
        if let Some(shortest) = list.iter_mut().min_by_key(|one| length(one))
            && length(shortest) < length(&skipped)
        {
            *shortest = skipped;
        }
    }

    /// Returns the ranges of offsets that were removed before they were read, each once. `position` is the offset after
    /// the last record read since the assignment. `low` is the first offset on the broker, measured after `position`.
    pub(crate) fn measure(&mut self, partition: &TopicPartition, position: Option<i64>, low: i64) -> Vec<Range<i64>> {
        let Some(known) = self.partitions.get_mut(partition) else { return Vec::new() };
        let mut removed = Vec::new();
        let mut skipped = std::mem::take(&mut known.skipped);
        skipped.sort_by_key(|one| one.to);
        for Skipped { from, to } in skipped {
            if let Some(from) = from.or(known.start) {
                known.report(from, low.min(to), &mut removed);
            }
        }
        match position.or(known.start).map(|next| next.max(known.reported)) {
            Some(next) if next < low => {
                let times = known.stuck.map_or(1, |(before, times)| if before == next { times + 1 } else { 1 });
                known.stuck = Some((next, times));
                if times >= STUCK_AFTER {
                    known.report(next, low, &mut removed);
                }
            }
            _ => known.stuck = None,
        }
        removed
    }
}

impl Partition {
    fn report(&mut self, from: i64, end: i64, removed: &mut Vec<Range<i64>>) {
        let from = from.max(self.reported);
        if from < end {
            removed.push(from..end);
            self.reported = end;
        }
    }
}

#[cfg(test)]
#[allow(clippy::single_range_in_vec_init, reason = "the ranges are the values")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn partition() -> TopicPartition {
        ("quotes".to_owned(), 0)
    }

    /// Returns a group that has committed `committed` and has read the record at `read` first.
    fn read(committed: Option<i64>, read: i64) -> Removals {
        let mut removals = Removals::default();
        removals.assign(partition(), committed);
        let skipped = ReadPositions::default().advance("quotes", 0, read).unwrap();
        removals.skip("quotes", 0, skipped);
        removals
    }

    #[test]
    fn removed_offsets_end_at_the_first_one_on_the_broker() {
        assert_eq!(read(Some(10), 302).measure(&partition(), Some(303), 300), [10..300]);
        assert_eq!(read(Some(10), 300).measure(&partition(), Some(301), 300), [10..300]);
    }

    #[test]
    fn skipped_markers_are_not_removed_records() {
        assert!(read(Some(10), 12).measure(&partition(), Some(13), 0).is_empty());
        assert!(read(Some(10), 10).measure(&partition(), Some(11), 10).is_empty());
    }

    #[test]
    fn new_group_has_missed_nothing() {
        assert!(read(None, 300).measure(&partition(), Some(301), 300).is_empty());
    }

    #[test]
    fn removal_is_reported_once() {
        let mut removals = read(Some(10), 300);
        assert_eq!(removals.measure(&partition(), Some(301), 300), [10..300]);
        assert!(removals.measure(&partition(), Some(301), 301).is_empty());
        // The group has committed nothing since, and the partition is assigned again.
        removals.assign(partition(), Some(10));
        removals.skip("quotes", 0, Skipped { from: None, to: 310 });
        assert_eq!(removals.measure(&partition(), Some(311), 305), [300..305]);
    }

    #[test]
    fn removal_without_a_later_record_is_reported() {
        let mut removals = Removals::default();
        removals.assign(partition(), Some(10));
        assert!(removals.measure(&partition(), None, 300).is_empty(), "fetched records may still be read");
        assert!(removals.measure(&partition(), Some(20), 300).is_empty());
        assert!(removals.measure(&partition(), Some(20), 300).is_empty());
        assert_eq!(removals.measure(&partition(), Some(20), 300), [20..300]);
        assert!((0..5).all(|_| removals.measure(&partition(), Some(20), 300).is_empty()));
        removals.skip("quotes", 0, Skipped { from: Some(20), to: 300 });
        assert!(removals.measure(&partition(), Some(301), 300).is_empty(), "reported before");
    }

    #[test]
    fn long_ranges_displace_short_ones() {
        let mut removals = Removals::default();
        removals.assign(partition(), Some(0));
        for marker in 0..2 * MAX_SKIPPED as i64 {
            removals.skip("quotes", 0, Skipped { from: Some(10 * marker), to: 10 * marker + 1 });
        }
        removals.skip("quotes", 0, Skipped { from: Some(10_000), to: 20_000 });
        let removed = removals.measure(&partition(), Some(20_001), 15_000);
        assert_eq!(removed.last(), Some(&(10_000..15_000)));
    }

    #[test]
    fn revoked_partition_starts_anew() {
        let mut positions = ReadPositions::default();
        assert_eq!(positions.advance("quotes", 0, 5), Some(Skipped { from: None, to: 5 }));
        assert_eq!(positions.advance("quotes", 1, 7), Some(Skipped { from: None, to: 7 }));
        assert_eq!(positions.advance("quotes", 0, 6), None);
        positions.forget("quotes", 0);
        assert_eq!(positions.advance("quotes", 1, 9), Some(Skipped { from: Some(8), to: 9 }));
        assert_eq!(positions.advance("quotes", 0, 5), Some(Skipped { from: None, to: 5 }));
    }

    proptest! {
        /// Reads a log with markers while the broker removes the log's start. Every removed record that was not read is
        /// reported once, and no record that was read is reported.
        #[test]
        fn exactly_the_unread_removed_records_are_reported(
            committed in 0..20_i64,
            steps in prop::collection::vec((0..8_i64, any::<bool>(), 0..3_u8), 1..60),
        ) {
            let mut removals = Removals::default();
            let mut positions = ReadPositions::default();
            removals.assign(partition(), Some(committed));
            let (mut next, mut low, mut position) = (committed, 0, None);
            let (mut expected, mut reported) = (Vec::new(), Vec::new());
            for (step, is_removal, markers) in steps {
                if is_removal {
                    low = low.max(next + step);
                    // Measured at once, so what was read before is not mistaken for removed.
                    reported.extend(removals.measure(&partition(), position, low).into_iter().flatten());
                }
                expected.extend(next..low);
                let read = next.max(low) + i64::from(markers);
                if let Some(skipped) = positions.advance("quotes", 0, read) {
                    removals.skip("quotes", 0, skipped);
                }
                next = read + 1;
                position = Some(next);
                reported.extend(removals.measure(&partition(), position, low).into_iter().flatten());
            }
            prop_assert_eq!(reported, expected);
        }
    }
}
