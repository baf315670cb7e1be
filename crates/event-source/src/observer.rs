//! Observes the individual invocations of a running event source, for displays.
//!
//! [`Progress`](crate::progress::Progress) contains only totals; an [`Observer`] receives each invocation. Without an
//! observer, the event source does not collect the details of invocations.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::batch::{Batch, ClosedBy};
use crate::failure::Failure;
use crate::function::Report;

/// Receiver of an event source's invocations.
pub trait Observer: fmt::Debug + Send + Sync {
    /// Receives an invocation and its outcome. Must not block, because the next invocation starts only after it
    /// returns.
    fn invoked(&self, invocation: &Invocation<'_>);
}

/// Records of one partition in an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OffsetRange {
    pub topic: String,
    pub partition: i32,
    pub first: i64,
    /// Last offset, inclusive.
    pub last: i64,
    pub records: usize,
}

/// One invocation of the function, and its outcome.
#[derive(Debug)]
pub struct Invocation<'a> {
    /// The event as it was sent.
    pub event: &'a Bytes,
    pub partitions: &'a [OffsetRange],
    pub duration: Duration,
    /// Number of invocations with the batch or a part of it that failed before this one.
    pub failures_before: u64,
    /// `true` if the event is only a part of the batch that was collected.
    pub is_part: bool,
    pub closed_by: ClosedBy,
    /// Counters that the function reported; `None` if it reported none, or failed.
    pub report: Option<Report>,
    /// Reason for the failure; `None` if the invocation succeeded.
    pub failure: Option<&'a Failure>,
    /// Number of records discarded after this invocation.
    pub discarded: usize,
}

/// Returns the offsets of a batch by partition.
pub(crate) fn offset_ranges(batch: &Batch) -> Vec<OffsetRange> {
    let range = |part: &crate::batch::PartitionBatch| {
        let mut records = part.records();
        let count = records.len();
        let first = records.next()?.0;
        let last = records.next_back().map_or(first, |(offset, _)| offset);
        Some(OffsetRange { topic: part.topic().to_owned(), partition: part.partition(), first, last, records: count })
    };
    batch.partitions().iter().filter_map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::tests::batch;

    #[test]
    fn range_counts_records_rather_than_offsets() {
        let ranges = offset_ranges(&batch(&[(0, 3, 0), (0, 9, 0), (2, 1, 0)]));
        let seen: Vec<_> =
            ranges.iter().map(|range| (range.partition, range.first, range.last, range.records)).collect();
        assert_eq!(seen, [(0, 3, 9, 2), (2, 1, 1, 1)]);
    }
}
