//! The settings of a log.

use crate::batch::TimestampType;

/// Settings of a log, from the topic's configuration. `Default` has Kafka's defaults, except that a segment has at most
/// 64 MiB and any age, and that retention is off.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// `segment.bytes`: the maximum size of a segment. A batch that would exceed it starts a new segment.
    pub segment_bytes: u64,
    /// `segment.ms`: a batch starts a new segment if its max timestamp exceeds that of the segment's first batch by
    /// more than this. `None` for no limit.
    pub segment_ms: Option<i64>,
    /// `flush.messages`: when this many records have been appended since the last `fsync`, the append writes them to
    /// the disk (`fsync`) before it returns. `None` to leave that to the operating system.
    pub flush_messages: Option<u64>,
    /// `flush.ms`: the time after which [`Log::is_flush_due`](crate::Log::is_flush_due) returns `true` if appended
    /// records have not been written to the disk. `None` to leave that to the operating system.
    pub flush_ms: Option<i64>,
    /// `max.message.bytes`: the maximum size of a batch, header included. A larger batch is rejected.
    pub max_message_bytes: usize,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`: how far a record's timestamp may lie in the past. An older record is
    /// rejected.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`: how far a record's timestamp may lie in the future. A later record is
    /// rejected.
    pub timestamp_after_max_ms: i64,
    /// `retention.ms`, or `None` to keep records of any age.
    pub retention_ms: Option<i64>,
    /// `retention.bytes`, or `None` to keep any number of bytes.
    pub retention_bytes: Option<u64>,
    /// `true` to reject records without a key, as Kafka does for `cleanup.policy=compact`.
    pub require_keys: bool,
}

impl Default for LogConfig {
    fn default() -> LogConfig {
        LogConfig {
            segment_bytes: 64 << 20,
            segment_ms: None,
            flush_messages: None,
            flush_ms: None,
            max_message_bytes: 1_048_588,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3_600_000,
            retention_ms: None,
            retention_bytes: None,
            require_keys: false,
        }
    }
}
