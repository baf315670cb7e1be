//! State of a running pipeline, as its owner reports it.

use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

/// A pipeline that runs in this process. [`Pipeline::sample`] is called up to ten times a second and must not block.
pub trait Pipeline: Send + Sync {
    fn sample(&self) -> Sample;

    /// Returns the number of a topic's records that were stored so far. A pipeline of one topic needs no method of its
    /// own.
    fn stored_of(&self, _topic: &str) -> u64 {
        self.sample().stored.records
    }
}

/// The state of a pipeline at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sample {
    /// The feed of this process, if it has one.
    pub feed: Option<Feed>,
    pub lanes: Vec<Lane>,
    pub batch: BatchFill,
    pub stored: Stored,
    /// Latest timestamp of a stored record, in milliseconds since 1970.
    pub newest: Option<i64>,
    /// Message of the failure since which no invocation has succeeded.
    pub failing: Option<String>,
}

/// Counters of the CSV feed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Feed {
    /// Rows read.
    pub read: u64,
    /// Records that the broker confirmed.
    pub delivered: u64,
    /// Rows that are not quotes.
    pub rejected: u64,
    /// Numbers of rejected rows by reason, the most frequent first.
    pub reasons: Vec<(&'static str, u64)>,
    pub blank: u64,
    /// Bytes of the delivered records.
    pub bytes: u64,
    /// Completed fraction, from 0 to 1; `None` if it is unknown.
    pub fraction: Option<f64>,
}

/// A partition of the topic.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lane {
    pub topic: String,
    pub partition: i32,
    /// The first offset that the broker still has.
    pub low: i64,
    /// One past the last offset.
    pub high: i64,
    pub committed: Option<i64>,
    /// Number of records that are not committed; `None` if it has not been measured yet.
    pub lag: Option<u64>,
}

/// The batch that is being collected from the console's topic, and its limits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BatchFill {
    pub records: u64,
    pub bytes: u64,
    /// Records in closed batches that wait for the current invocation.
    pub waiting: u64,
    pub max_records: u64,
    pub max_bytes: u64,
    pub window_ms: u64,
}

/// Counters of what the event source delivered and the function stored, of all topics. Those that only the function
/// knows are `None` if it does not report them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stored {
    /// Records that were delivered.
    pub records: u64,
    pub batches: u64,
    /// Objects that successful invocations have written.
    pub objects: Option<u64>,
    pub bytes: Option<u64>,
    pub quarantined: Option<u64>,
    /// Records that were delivered again and already stored.
    pub skipped: Option<u64>,
    /// Those of them that were stored before this process had delivered them.
    pub repeated: Option<u64>,
    pub failed_invocations: u64,
    /// Records that were stored after a failed invocation.
    pub retried: u64,
    /// Records in discarded batches.
    pub discarded: u64,
    /// Records that the broker removed before they were read.
    pub removed: u64,
}

impl Stored {
    /// Returns the number of records that this process has stored.
    pub(crate) fn added(&self) -> u64 {
        self.records.saturating_sub(self.repeated.unwrap_or(0))
    }
}

/// One invocation of the function.
#[derive(Clone, Debug)]
pub struct Invoked {
    /// The event as it was sent, from which the console reads quotes.
    pub event: Bytes,
    pub partitions: Vec<Range>,
    pub duration: Duration,
    /// Number of invocations with these records that failed before.
    pub failures_before: u64,
    /// `true` if the event is a part of a batch that was split.
    pub is_part: bool,
    /// Limit that closed the batch: `window`, `records` or `bytes`.
    pub closed_by: &'static str,
    /// Objects that the function wrote, if it reports them.
    pub objects: Option<u64>,
    /// Bytes that the function wrote, if it reports them.
    pub bytes: Option<u64>,
    pub quarantined: u64,
    /// Records that were already stored.
    pub skipped: u64,
    /// Reason for the failure; `None` if the invocation succeeded.
    pub error: Option<String>,
    pub discarded: usize,
}

/// Offsets of one partition in an invocation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Range {
    pub topic: String,
    pub partition: i32,
    pub first: i64,
    /// Inclusive.
    pub last: i64,
    pub records: usize,
}
