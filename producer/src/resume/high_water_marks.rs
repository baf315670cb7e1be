//! How far a feed has got in each partition, searched from the partitions' ends backwards.
//!
//! A symbol's rows are in one partition, and the producer is idempotent: what has landed of a feed in a partition is
//! the beginning of the feed's rows for it, in order. The greatest row number found is therefore all there is to know.
//! Knows no Kafka: it says what to read, and is told what was there.

use kafka_client::watermarks::Watermarks;

use crate::resume::fingerprint::{Change, Identity, Stamp};

/// What is read first of a partition that others write to as well; more and more after that.
const BLOCK: i64 = 1_000;

/// Offsets of one partition: from the first up to, not including, the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) partition: i32,
    pub(crate) from: i64,
    pub(crate) to: i64,
}

/// The search for a feed's marks.
#[derive(Debug)]
pub(crate) struct Search<'a> {
    feed: &'a Identity,
    block: i64,
    partitions: Vec<Searched>,
}

#[derive(Debug)]
struct Searched {
    low: i64,
    /// Everything from here on has been read, or is being read.
    read_from: i64,
    /// The greatest row number seen; rows begin at 1.
    mark: u64,
}

/// A partition which may have held rows of the feed that are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone {
    pub(crate) partition: usize,
    /// The first offset that is left.
    pub(crate) low: i64,
}

impl<'a> Search<'a> {
    /// A search of partitions with these first offsets and ends.
    pub(crate) fn new(feed: &'a Identity, watermarks: &[Watermarks]) -> Self {
        let searched = |&Watermarks { low, high }: &Watermarks| Searched { low, read_from: high, mark: 0 };
        Self { feed, block: BLOCK, partitions: watermarks.iter().map(searched).collect() }
    }

    /// What to read next: the block before the last one, of each partition where nothing has been found. Empty when
    /// the search is over.
    pub(crate) fn next(&mut self) -> Vec<Range> {
        let block = self.block;
        self.block = block.saturating_mul(4);
        let open = self.partitions.iter_mut().enumerate().filter(|(_, one)| one.mark == 0 && one.low < one.read_from);
        open.map(|(at, one)| {
            let to = one.read_from;
            one.read_from = to.saturating_sub(block).max(one.low);
            Range { partition: at as i32, from: one.read_from, to }
        })
        .collect()
    }

    /// Notes a record; whether it is of this feed.
    ///
    /// # Errors
    /// Which input it is of and what has changed since, if it is of this feed as it was before.
    pub(crate) fn saw(&mut self, partition: i32, stamp: Stamp) -> Result<bool, (usize, Change)> {
        match self.feed.relation(stamp) {
            None => Ok(false),
            Some(Err(changed)) => Err(changed),
            Some(Ok(())) => {
                if let Some(one) = usize::try_from(partition).ok().and_then(|at| self.partitions.get_mut(at)) {
                    one.mark = one.mark.max(stamp.row);
                }
                Ok(true)
            }
        }
    }

    /// The marks, by partition; 0 where the feed has not begun.
    ///
    /// # Errors
    /// A partition of which it cannot be told: the feed has begun, this partition holds none of its rows, and records
    /// have been removed from it. If all partitions are like that, nothing of the feed is in the topic and it begins.
    pub(crate) fn marks(&self) -> Result<Vec<u64>, Gone> {
        let begun = self.partitions.iter().any(|one| one.mark > 0);
        let gone = self.partitions.iter().position(|one| begun && one.mark == 0 && one.low > 0);
        match gone.and_then(|partition| Some((partition, self.partitions.get(partition)?))) {
            Some((partition, one)) => Err(Gone { partition, low: one.low }),
            None => Ok(self.partitions.iter().map(|one| one.mark).collect()),
        }
    }
}

/// Rows that came after a mark and should come once each, in order.
#[derive(Debug)]
pub(crate) struct InOrder {
    last: Vec<u64>,
    /// How many came that were there already.
    pub(crate) repeated: u64,
    /// The first of them: partition, offset and row.
    pub(crate) first: Option<(i32, i64, u64)>,
}

impl InOrder {
    pub(crate) fn after(marks: &[u64]) -> Self {
        Self { last: marks.to_vec(), repeated: 0, first: None }
    }

    pub(crate) fn saw(&mut self, partition: i32, offset: i64, row: u64) {
        let Some(last) = usize::try_from(partition).ok().and_then(|at| self.last.get_mut(at)) else { return };
        if row > *last {
            *last = row;
        } else {
            self.repeated += 1;
            self.first.get_or_insert((partition, offset, row));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resume::fingerprint::FeedId;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    const FEED: FeedId = FeedId { content: 2, arguments: 3, partitions: 2 };
    const PLACE: u32 = 1;
    static IDENTITY: LazyLock<Identity> = LazyLock::new(|| Identity { feed: FEED, places: vec![PLACE] });

    /// A partition: its first offset, and what stands at each from there; nothing where offsets are left out.
    type Log = (i64, Vec<Option<Stamp>>);

    fn watermarks(logs: &[Log]) -> Vec<Watermarks> {
        logs.iter().map(|(low, records)| Watermarks { low: *low, high: low + records.len() as i64 }).collect()
    }

    /// Searches; gives the search and how many offsets were read.
    fn search(logs: &[Log]) -> Result<(Search<'static>, i64), (usize, Change)> {
        let mut search = Search::new(&IDENTITY, &watermarks(logs));
        let mut read = 0;
        loop {
            let ranges = search.next();
            if ranges.is_empty() {
                return Ok((search, read));
            }
            for Range { partition, from, to } in ranges {
                assert!(from < to, "an empty range would be waited for");
                read += to - from;
                let (low, records) = &logs[partition as usize];
                for stamp in records[(from - low) as usize..(to - low) as usize].iter().flatten() {
                    search.saw(partition, *stamp)?;
                }
            }
        }
    }

    fn row(row: u64) -> Option<Stamp> {
        Some(Stamp { place: PLACE, feed: FEED, row })
    }

    fn other() -> Option<Stamp> {
        Some(Stamp { place: 9, feed: FeedId { content: 9, ..FEED }, row: 1_000_000 })
    }

    #[test]
    fn an_empty_topic_is_begun() {
        let (search, read) = search(&[(0, vec![]), (0, vec![])]).expect("no change");
        assert_eq!((search.marks(), read), (Ok(vec![0, 0]), 0));
    }

    #[test]
    fn what_others_sent_after_the_last_row_is_read_over() {
        let mut log = vec![row(1), row(2)];
        log.extend(std::iter::repeat_n(other(), 30_000));
        let (search, _) = search(&[(0, log), (0, vec![row(3)])]).expect("no change");
        assert_eq!(search.marks(), Ok(vec![2, 3]));
    }

    #[test]
    fn only_the_end_is_read_where_the_feed_is_the_last_to_have_written() {
        let log = (1..=100_000).map(row).collect();
        let (search, read) = search(&[(0, log), (0, vec![])]).expect("no change");
        assert_eq!((search.marks(), read), (Ok(vec![100_000, 0]), BLOCK));
    }

    #[test]
    fn a_partition_whose_rows_may_be_gone_is_told_unless_nothing_of_the_feed_is_left() {
        let gone = search(&[(0, vec![row(1)]), (7, vec![other()])]).expect("no change").0;
        assert_eq!(gone.marks(), Err(Gone { partition: 1, low: 7 }));
        let emptied = search(&[(0, vec![row(1)]), (7, vec![])]).expect("no change").0;
        assert_eq!(emptied.marks(), Err(Gone { partition: 1, low: 7 }));
        let begun_late = search(&[(5, vec![row(8)]), (0, vec![other()])]).expect("no change").0;
        assert_eq!(begun_late.marks(), Ok(vec![8, 0]), "older rows may go, the last one tells");
        let nothing = search(&[(5, vec![other()]), (7, vec![])]).expect("no change").0;
        assert_eq!(nothing.marks(), Ok(vec![0, 0]));
    }

    #[test]
    fn a_feed_that_has_changed_is_told() {
        for (begun, change) in [
            (FeedId { content: 8, ..FEED }, Change::Files),
            (FeedId { arguments: 8, ..FEED }, Change::Arguments),
            (FeedId { partitions: 8, ..FEED }, Change::Partitions(8)),
        ] {
            let told =
                search(&[(0, vec![Some(Stamp { place: PLACE, feed: begun, row: 1 }), other()])]).expect_err("changed");
            assert_eq!(told, (0, change));
        }
    }

    #[test]
    fn a_row_that_comes_a_second_time_is_counted() {
        let mut order = InOrder::after(&[4, 0]);
        for (partition, offset, row) in [(0, 10, 5), (0, 11, 7), (1, 3, 6), (0, 12, 5), (0, 13, 8), (0, 14, 8)] {
            order.saw(partition, offset, row);
        }
        assert_eq!((order.repeated, order.first), (2, Some((0, 12, 5))));
    }

    proptest! {
        /// Rows are dealt to partitions, each of which gets the beginning of its rows, whatever stands between them.
        #[test]
        fn every_row_is_sent_once_wherever_the_feed_was_cut(
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
            let marks = search.marks().expect("nothing was removed");
            for (at, &partition) in partition_of.iter().enumerate() {
                let row = at as u64 + 1;
                let there = logs[partition].1.iter().flatten().any(|stamp| stamp.feed == FEED && stamp.row == row);
                prop_assert_eq!(row <= marks[partition], there, "row {}", row);
            }
        }
    }
}
