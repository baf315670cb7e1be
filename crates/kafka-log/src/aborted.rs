//! Offset ranges of aborted transactions.

/// An aborted transaction as a Fetch response lists it: consumers skip the producer's records from `first_offset` on,
/// up to its next marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTransaction {
    pub producer_id: i64,
    pub first_offset: i64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    transaction: AbortedTransaction,
    /// Offset of the marker.
    last_offset: i64,
    /// Last stable offset after the marker. Transactions that end later begin at or after it.
    last_stable_offset: i64,
}

/// The aborted transactions of a log, in the order of their markers.
#[derive(Debug, Default)]
pub(crate) struct AbortedIndex {
    entries: Vec<Entry>,
}

impl AbortedIndex {
    pub(crate) fn add(&mut self, transaction: AbortedTransaction, last_offset: i64, last_stable_offset: i64) {
        self.entries.push(Entry { transaction, last_offset, last_stable_offset });
    }

    /// The transactions with a record or marker at an offset from `start` to below `end`.
    pub(crate) fn overlapping(&self, start: i64, end: i64) -> Vec<AbortedTransaction> {
        let first = self.entries.partition_point(|entry| entry.last_offset < start);
        let mut transactions = Vec::new();
        for entry in &self.entries[first..] {
            if entry.transaction.first_offset < end {
                transactions.push(entry.transaction);
            }
            if entry.last_stable_offset >= end {
                break;
            }
        }
        transactions
    }

    /// Removes the transactions that end below `offset`.
    pub(crate) fn remove_before(&mut self, offset: i64) {
        let first = self.entries.partition_point(|entry| entry.last_offset < offset);
        self.entries.drain(..first);
    }
}
