//! Committed offsets of all groups.

mod event;

use std::collections::BTreeMap;

pub use event::{DecodeError, OffsetEvent, OffsetsFormat};

/// An offset that a group has committed for a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommittedOffset {
    pub offset: i64,
    /// -1 if the client did not send one.
    pub leader_epoch: i32,
    pub metadata: String,
    /// Wall-clock time of the commit, in milliseconds since 1970.
    pub commit_timestamp_ms: i64,
}

/// Partition of a topic.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicPartition {
    pub topic: String,
    pub partition: i32,
}

/// Committed offsets of all groups, and those of open transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    groups: BTreeMap<String, BTreeMap<TopicPartition, CommittedOffset>>,
}
