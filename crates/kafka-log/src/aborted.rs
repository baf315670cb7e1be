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

    /// Returns the transactions with a record or marker at an offset from `start` to below `end`.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Transactions of several producers, as steps that begin or end the transaction of a producer. The offset of a
    /// step is its number.
    fn build(steps: &[usize]) -> (AbortedIndex, Vec<(AbortedTransaction, i64)>) {
        let mut index = AbortedIndex::default();
        let mut all = Vec::new();
        let mut open = [None; 4];
        for (offset, &producer) in steps.iter().enumerate() {
            let offset = offset as i64;
            let Some(first_offset) = open[producer].take() else {
                open[producer] = Some(offset);
                continue;
            };
            let transaction = AbortedTransaction { producer_id: producer as i64, first_offset };
            let last_stable_offset = open.iter().flatten().min().copied().unwrap_or(offset + 1);
            index.add(transaction, offset, last_stable_offset);
            all.push((transaction, offset));
        }
        (index, all)
    }

    proptest! {
        #[test]
        fn lookup_equals_a_search_of_all(
            steps in prop::collection::vec(0..4_usize, 0..30),
            start in 0..30_i64,
            length in 1..10_i64,
            removed in 0..30_i64,
        ) {
            let (mut index, all) = build(&steps);
            let end = start + length;
            index.remove_before(removed.min(start));
            let overlaps = |(transaction, last): &(AbortedTransaction, i64)| {
                (*last >= start && transaction.first_offset < end).then_some(*transaction)
            };
            let expected: Vec<_> = all.iter().filter_map(overlaps).collect();
            prop_assert_eq!(index.overlapping(start, end), expected);
        }
    }
}
