//! Offset ranges of aborted transactions.

/// An aborted transaction as a Fetch response lists it: consumers skip the producer's records from `first_offset` on,
/// up to its next marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AbortedTransaction {
    pub producer_id: i64,
    pub first_offset: i64,
}
