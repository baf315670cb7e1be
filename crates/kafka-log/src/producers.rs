//! Sequences and open transactions of producers.

/// A producer's state, as DescribeProducers reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerSnapshot {
    pub producer_id: i64,
    pub producer_epoch: i16,
    /// -1 if the log has no batch of this epoch.
    pub last_sequence: i32,
    pub last_timestamp: i64,
    /// -1 if no transaction marker was written.
    pub coordinator_epoch: i32,
    pub open_transaction_start: Option<i64>,
}
