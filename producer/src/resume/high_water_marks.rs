//! The high-water marks of a feed: its last row in each partition, found by reading the partitions backwards.
//!
//! A symbol's rows are all in one partition, and the producer is idempotent. The rows of a feed that have arrived in a
//! partition are therefore the first of its rows for that partition, in order, and the largest row number among them is
//! the high-water mark. This module does no I/O: [`Search`] returns the offsets to read, and the caller passes in the
//! records.

use kafka_client::watermarks::Watermarks;

use super::fingerprint::{FeedHeaders, Fingerprint, Mismatch, Relation};

/// Number of offsets in the first block that is read from each partition. Each further block is four times as long.
const FIRST_BLOCK: i64 = 1_000;

/// Offsets of one partition, from `from` up to but not including `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OffsetRange {
    pub(super) partition: i32,
    pub(super) from: i64,
    pub(super) to: i64,
}

/// The search for a feed's high-water marks.
#[derive(Debug)]
pub(super) struct Search<'a> {
    feed: &'a Fingerprint,
    block: i64,
    partitions: Vec<PartitionSearch>,
}

#[derive(Debug)]
struct PartitionSearch {
    low: i64,
    /// Every offset from this one on has been read, or is being read.
    read_from: i64,
    /// Largest row number found; 0 if no row was found. Rows are numbered from 1.
    mark: u64,
}

/// A partition from which rows of the feed may have been removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowsRemoved {
    pub(super) partition: usize,
    /// First offset that the partition still has.
    pub(super) low: i64,
}

impl<'a> Search<'a> {
    /// Creates a search of partitions with these watermarks.
    pub(super) fn new(feed: &'a Fingerprint, watermarks: &[Watermarks]) -> Self {
        let partition = |&Watermarks { low, high }: &Watermarks| PartitionSearch { low, read_from: high, mark: 0 };
        Self { feed, block: FIRST_BLOCK, partitions: watermarks.iter().map(partition).collect() }
    }

    /// Returns the offsets to read next: the preceding block of each partition in which no row has been found. Returns
    /// no ranges if the search is over.
    pub(super) fn next_ranges(&mut self) -> Vec<OffsetRange> {
        let block = self.block;
        self.block = block.saturating_mul(4);
        let open = self.partitions.iter_mut().enumerate().filter(|(_, one)| one.mark == 0 && one.low < one.read_from);
        open.map(|(at, one)| {
            let to = one.read_from;
            one.read_from = to.saturating_sub(block).max(one.low);
            OffsetRange { partition: at as i32, from: one.read_from, to }
        })
        .collect()
    }

    /// Updates the partition's high-water mark from a record. Returns `true` if the record belongs to this feed.
    ///
    /// # Errors
    /// [`Mismatch`] if the record was sent before something changed; see [`Relation::Changed`].
    pub(super) fn observe(&mut self, partition: i32, record: FeedHeaders) -> Result<bool, Mismatch> {
        match self.feed.relation(record) {
            Relation::OtherFeed => Ok(false),
            Relation::Changed(mismatch) => Err(mismatch),
            Relation::SameFeed => {
                if let Some(one) = usize::try_from(partition).ok().and_then(|at| self.partitions.get_mut(at)) {
                    one.mark = one.mark.max(record.row);
                }
                Ok(true)
            }
        }
    }

    /// Returns the high-water marks by partition; 0 for a partition without rows of the feed.
    ///
    /// # Errors
    /// [`RowsRemoved`] names a partition whose mark is unknown: the partition contains no row of the feed although
    /// others do, and records have been removed from the partition. If no partition contains a row, the feed has not
    /// started, and all marks are 0.
    pub(super) fn high_water_marks(&self) -> Result<Vec<u64>, RowsRemoved> {
        let has_begun = self.partitions.iter().any(|one| one.mark > 0);
        let removed = self.partitions.iter().position(|one| has_begun && one.mark == 0 && one.low > 0);
        match removed.and_then(|partition| Some((partition, self.partitions.get(partition)?))) {
            Some((partition, one)) => Err(RowsRemoved { partition, low: one.low }),
            None => Ok(self.partitions.iter().map(|one| one.mark).collect()),
        }
    }
}

/// Detector of duplicates among the rows after the high-water marks. In each partition, row numbers must increase.
#[derive(Debug)]
pub(super) struct DuplicateDetector {
    last: Vec<u64>,
    pub(super) duplicates: u64,
    /// The first duplicate: partition, offset and row.
    pub(super) first: Option<(i32, i64, u64)>,
}

impl DuplicateDetector {
    pub(super) fn new(high_water_marks: &[u64]) -> Self {
        Self { last: high_water_marks.to_vec(), duplicates: 0, first: None }
    }

    pub(super) fn observe(&mut self, partition: i32, offset: i64, row: u64) {
        let Some(last) = usize::try_from(partition).ok().and_then(|at| self.last.get_mut(at)) else { return };
        if row > *last {
            *last = row;
        } else {
            self.duplicates += 1;
            self.first.get_or_insert((partition, offset, row));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resume::fingerprint::{Change, FeedId};
    use proptest::prelude::*;
    use std::sync::LazyLock;

    const FEED: FeedId = FeedId { content: 2, arguments: 3, partitions: 2 };
    const PATH: u32 = 1;
    static FINGERPRINT: LazyLock<Fingerprint> = LazyLock::new(|| Fingerprint { feed: FEED, paths: vec![PATH] });

    /// A partition: its first offset, and for each offset from there the headers of its record, or `None`.
    type Log = (i64, Vec<Option<FeedHeaders>>);

    fn watermarks(logs: &[Log]) -> Vec<Watermarks> {
        logs.iter().map(|(low, records)| Watermarks { low: *low, high: low + records.len() as i64 }).collect()
    }

    /// Runs a search. Returns the search and the number of offsets that were read.
    fn search(logs: &[Log]) -> Result<(Search<'static>, i64), Mismatch> {
        let mut search = Search::new(&FINGERPRINT, &watermarks(logs));
        let mut read = 0;
        loop {
            let ranges = search.next_ranges();
            if ranges.is_empty() {
                return Ok((search, read));
            }
            for OffsetRange { partition, from, to } in ranges {
                assert!(from < to, "an empty range would be waited for");
                read += to - from;
                let (low, records) = &logs[partition as usize];
                for headers in records[(from - low) as usize..(to - low) as usize].iter().flatten() {
                    search.observe(partition, *headers)?;
                }
            }
        }
    }

    fn row(row: u64) -> Option<FeedHeaders> {
        Some(FeedHeaders { path: PATH, feed: FEED, row })
    }

    fn other() -> Option<FeedHeaders> {
        Some(FeedHeaders { path: 9, feed: FeedId { content: 9, ..FEED }, row: 1_000_000 })
    }

    #[test]
    fn an_empty_topic_has_no_marks() {
        let (search, read) = search(&[(0, vec![]), (0, vec![])]).expect("no change");
        assert_eq!((search.high_water_marks(), read), (Ok(vec![0, 0]), 0));
    }

    #[test]
    fn records_of_others_after_the_last_row_are_passed_over() {
        let mut log = vec![row(1), row(2)];
        log.extend(std::iter::repeat_n(other(), 30_000));
        let (search, _) = search(&[(0, log), (0, vec![row(3)])]).expect("no change");
        assert_eq!(search.high_water_marks(), Ok(vec![2, 3]));
    }

    #[test]
    fn only_the_end_is_read_if_the_feed_wrote_last() {
        let log = (1..=100_000).map(row).collect();
        let (search, read) = search(&[(0, log), (0, vec![])]).expect("no change");
        assert_eq!((search.high_water_marks(), read), (Ok(vec![100_000, 0]), FIRST_BLOCK));
    }

    #[test]
    fn removed_rows_are_an_error_unless_no_row_is_left() {
        let removed = search(&[(0, vec![row(1)]), (7, vec![other()])]).expect("no change").0;
        assert_eq!(removed.high_water_marks(), Err(RowsRemoved { partition: 1, low: 7 }));
        let emptied = search(&[(0, vec![row(1)]), (7, vec![])]).expect("no change").0;
        assert_eq!(emptied.high_water_marks(), Err(RowsRemoved { partition: 1, low: 7 }));
        let begun_late = search(&[(5, vec![row(8)]), (0, vec![other()])]).expect("no change").0;
        assert_eq!(begun_late.high_water_marks(), Ok(vec![8, 0]), "older rows may be removed, the last one counts");
        let nothing = search(&[(5, vec![other()]), (7, vec![])]).expect("no change").0;
        assert_eq!(nothing.high_water_marks(), Ok(vec![0, 0]));
    }

    #[test]
    fn a_changed_feed_is_an_error() {
        for (begun, change) in [
            (FeedId { content: 8, ..FEED }, Change::Files),
            (FeedId { arguments: 8, ..FEED }, Change::Arguments),
            (FeedId { partitions: 8, ..FEED }, Change::Partitions(8)),
        ] {
            let begun = Some(FeedHeaders { path: PATH, feed: begun, row: 1 });
            let mismatch = search(&[(0, vec![begun, other()])]).expect_err("changed");
            assert_eq!(mismatch, Mismatch { input: 0, change });
        }
    }

    #[test]
    fn a_row_that_arrives_twice_is_counted() {
        let mut detector = DuplicateDetector::new(&[4, 0]);
        for (partition, offset, row) in [(0, 10, 5), (0, 11, 7), (1, 3, 6), (0, 12, 5), (0, 13, 8), (0, 14, 8)] {
            detector.observe(partition, offset, row);
        }
        assert_eq!((detector.duplicates, detector.first), (2, Some((0, 12, 5))));
    }

    proptest! {
        /// Each partition contains the first few of its rows, with records of other feeds and gaps between the rows.
        #[test]
        fn every_row_is_sent_once_after_any_interruption(
            partition_of in proptest::collection::vec(0usize..3, 1..200),
            landed in proptest::array::uniform3(0usize..100),
            gaps in proptest::collection::vec(0usize..2_500, 0..8),
        ) {
            let mut logs: [Log; 3] = [(0, vec![]), (0, vec![]), (0, vec![])];
            let mut count = [0; 3];
            let mut gaps = gaps.into_iter().cycle();
            for (at, &partition) in partition_of.iter().enumerate() {
                if count[partition] < landed[partition] {
                    count[partition] += 1;
                    logs[partition].1.push(row(at as u64 + 1));
                    if at % 20 == 0 {
                        let foreign = [other(), None];
                        logs[partition].1.extend((0..gaps.next().unwrap_or(0)).map(|n| foreign[n % 2]));
                    }
                }
            }
            let (search, _) = search(&logs).expect("no change");
            let marks = search.high_water_marks().expect("nothing was removed");
            for (at, &partition) in partition_of.iter().enumerate() {
                let row = at as u64 + 1;
                let there = logs[partition].1.iter().flatten().any(|headers| headers.feed == FEED && headers.row == row);
                prop_assert_eq!(row <= marks[partition], there, "row {}", row);
            }
        }
    }
}
