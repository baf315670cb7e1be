//! The sparse index of a segment: from offsets and timestamps to positions.
//!
//! An entry describes a batch, and batches follow it until at least [`INTERVAL`] bytes further on the next entry is
//! added. A lookup finds the entry; the caller reads batch headers from there.

use crate::batch::BatchHeader;

/// Bytes between two entries at least.
const INTERVAL: u64 = 4096;

#[derive(Debug, Clone, Copy)]
struct Entry {
    offset: i64,
    position: u64,
    /// The largest timestamp of all batches before this one.
    max_timestamp_before: i64,
}

#[derive(Debug)]
pub(crate) struct Index {
    entries: Vec<Entry>,
    /// The timestamp of the first batch.
    first_timestamp: Option<i64>,
    max_timestamp: i64,
    max_timestamp_position: u64,
}

impl Index {
    pub(crate) fn new() -> Index {
        Index { entries: Vec::new(), first_timestamp: None, max_timestamp: i64::MIN, max_timestamp_position: 0 }
    }

    /// Adds the batch at `position`, which must follow the batches that were added before.
    pub(crate) fn add(&mut self, header: &BatchHeader, position: u64) {
        if self.entries.last().is_none_or(|last| position - last.position >= INTERVAL) {
            let max_timestamp_before = self.max_timestamp;
            self.entries.push(Entry { offset: header.base_offset, position, max_timestamp_before });
        }
        self.first_timestamp.get_or_insert(header.max_timestamp);
        if header.max_timestamp > self.max_timestamp {
            self.max_timestamp = header.max_timestamp;
            self.max_timestamp_position = position;
        }
    }

    /// Returns the position at or before the batch that contains `offset`.
    pub(crate) fn position_of(&self, offset: i64) -> u64 {
        self.entry_before(|entry| entry.offset <= offset)
    }

    /// Returns the position at or before the first batch with this or a later timestamp.
    pub(crate) fn position_of_time(&self, timestamp: i64) -> u64 {
        self.entry_before(|entry| entry.max_timestamp_before < timestamp)
    }

    fn entry_before(&self, is_before: impl Fn(&Entry) -> bool) -> u64 {
        let after = self.entries.partition_point(is_before);
        after.checked_sub(1).map_or(0, |last| self.entries[last].position)
    }

    /// Returns the timestamp of the first batch, or `None` for an empty segment or a batch without timestamps.
    pub(crate) fn first_timestamp(&self) -> Option<i64> {
        self.first_timestamp.filter(|&timestamp| timestamp >= 0)
    }

    /// Returns the largest timestamp of all batches, or `i64::MIN` for an empty segment.
    pub(crate) fn max_timestamp(&self) -> i64 {
        self.max_timestamp
    }

    /// Returns the position of the first batch with the largest timestamp.
    pub(crate) fn max_timestamp_position(&self) -> u64 {
        self.max_timestamp_position
    }
}
