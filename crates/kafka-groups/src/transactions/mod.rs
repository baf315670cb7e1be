//! Transactions of producers: epochs, fencing, the partitions of an open transaction, and its end.
//!
//! ```text
//!             AddPartitionsToTxn           EndTxn, the timeout,          the caller has written
//!                AddOffsetsToTxn         or a newer producer fences       the last marker
//!     Empty ------------------> Ongoing ---------------------> PrepareCommit ------> CompleteCommit
//!       ^                          ^                           PrepareAbort          CompleteAbort
//!       | InitProducerId           |                                                    |
//!       +--------------------------+----------------------------------------------------+
//! ```
//!
//! The coordinator does not write markers itself. It returns an [`EndTransaction`], the caller appends the markers to
//! the partitions and ends the pending offsets of the groups, and then calls [`Transactions::markers_written`].
//!
//! As for offsets, a change is an event: the caller stores the events that a call returns before it answers, and
//! recovery replays them.

use std::collections::BTreeSet;

use crate::ErrorCode;
use crate::offsets::TopicPartition;

/// State of a transactional id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransactionState {
    Empty,
    Ongoing,
    PrepareCommit,
    PrepareAbort,
    CompleteCommit,
    CompleteAbort,
}

/// A producer id and its epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Producer {
    pub id: i64,
    pub epoch: i16,
}

/// A change of [`Transactions`], as the journal stores it: the whole state of one transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionEvent {
    pub transactional_id: String,
    pub producer: Producer,
    pub state: TransactionState,
    pub timeout_ms: i32,
    pub partitions: BTreeSet<TopicPartition>,
    pub groups: BTreeSet<String>,
    /// Wall-clock time at which the transaction began, in milliseconds since 1970; -1 if none is open.
    pub start_ms: i64,
}

/// Markers to write: one control batch to each partition, and the end of the pending offsets of each group
/// ([`GroupCoordinator::end_transaction`](crate::GroupCoordinator::end_transaction)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndTransaction {
    pub transactional_id: String,
    /// Producer id and epoch of the markers.
    pub producer: Producer,
    pub committed: bool,
    pub partitions: BTreeSet<TopicPartition>,
    pub groups: BTreeSet<String>,
}

/// What a request changes. The order is: store the events, replay them, write the markers, call
/// [`Transactions::markers_written`], answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<T> {
    pub events: Vec<TransactionEvent>,
    pub markers: Vec<EndTransaction>,
    pub answer: Result<T, ErrorCode>,
}
