//! The settings of a log.

use crate::batch::TimestampType;

/// Settings of a log, from the topic's configuration. `Default` has Kafka's defaults, except that retention is off.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// `segment.bytes`: a new segment starts before a batch that would exceed it.
    pub segment_bytes: u64,
    /// `segment.ms`: a new segment starts before a batch that is younger than the first one of the segment by more than
    /// this, by their timestamps. `None` for any age.
    pub segment_ms: Option<i64>,
    /// `flush.messages`: the number of records after which they are written to the disk (`fsync`) before they are
    /// confirmed. `None` to leave it to the operating system.
    pub flush_messages: Option<u64>,
    /// `flush.ms`: the time after which [`Log::is_flush_due`](crate::Log::is_flush_due) asks for an `fsync`.
    pub flush_ms: Option<i64>,
    /// `max.message.bytes`: the largest batch, header included.
    pub max_message_bytes: usize,
    /// `message.timestamp.type`.
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`: how far a record's timestamp may lie in the past.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`: how far a record's timestamp may lie in the future.
    pub timestamp_after_max_ms: i64,
    /// `retention.ms`, or `None` to keep records of any age.
    pub retention_ms: Option<i64>,
    /// `retention.bytes`, or `None` to keep any number of bytes.
    pub retention_bytes: Option<u64>,
    /// Rejects records without a key, as Kafka does for `cleanup.policy=compact`.
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
