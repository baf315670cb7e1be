//! The log of one partition.
use bytes::Bytes;

use crate::aborted::AbortedTransaction;
use crate::batch::TimestampType;
use crate::control::EndMarker;
use crate::error::{AppendError, DeleteRecordsError, ReadError, StorageError};
use crate::producers::ProducerSnapshot;

/// Settings of a log, from the topic's configuration. `Default` has Kafka's defaults, except that retention is off.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// `segment.bytes`: a new segment starts before a batch that would exceed it.
    pub segment_bytes: u64,
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

/// The result of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Offset of the first record. For a duplicate, the offset at which the batch was stored before.
    pub base_offset: i64,
    /// Offset of the last record.
    pub last_offset: i64,
    /// Timestamp of the records if the topic uses `LogAppendTime`.
    pub log_append_time: Option<i64>,
    pub log_start_offset: i64,
    /// The batch had been stored before and was not stored again.
    pub duplicate: bool,
}

/// Which records a read returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// Up to the high watermark.
    #[default]
    ReadUncommitted,
    /// Up to the last stable offset, with the aborted transactions among the records.
    ReadCommitted,
}

/// Parameters of [`Log::read`].
#[derive(Debug, Clone, Copy)]
pub struct ReadRequest {
    /// Offset of the first record. The batch that contains it is returned whole.
    pub offset: i64,
    /// Bytes to return at most.
    pub max_bytes: usize,
    /// Returns the first batch even if it is larger than `max_bytes`, so that a consumer makes progress.
    pub at_least_one_batch: bool,
    pub isolation: Isolation,
}

/// The result of a read.
#[derive(Debug, Clone, Default)]
pub struct ReadRecords {
    /// Whole batches; empty at the end of the log.
    pub records: Bytes,
    /// Aborted transactions that overlap the records; empty for [`Isolation::ReadUncommitted`].
    pub aborted: Vec<AbortedTransaction>,
}

/// A record's timestamp in milliseconds since the epoch, and its offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimestampOffset {
    pub timestamp: i64,
    pub offset: i64,
}

/// The log of one partition.
#[derive(Debug)]
pub struct Log {}

#[allow(unused_variables, clippy::unimplemented)]
impl Log {
    /// Creates an empty log in memory.
    pub fn in_memory(config: LogConfig) -> Log {
        unimplemented!()
    }

    /// Validates one batch as Kafka validates batches of producers, sets its offsets, and stores it. `records` must be
    /// one batch, as in Produce requests since version 3.
    pub fn append(&mut self, records: Bytes, now_ms: i64) -> Result<Appended, AppendError> {
        unimplemented!()
    }

    /// Appends the marker that ends a producer's transaction.
    pub fn append_end_marker(&mut self, marker: EndMarker, now_ms: i64) -> Result<Appended, AppendError> {
        unimplemented!()
    }

    /// Reads whole batches from one segment.
    pub fn read(&self, request: ReadRequest) -> Result<ReadRecords, ReadError> {
        unimplemented!()
    }

    /// The first record with this or a later timestamp.
    pub fn offset_for_time(&self, timestamp: i64) -> Result<Option<TimestampOffset>, StorageError> {
        unimplemented!()
    }

    /// The first record with the largest timestamp.
    pub fn max_timestamp(&self) -> Result<Option<TimestampOffset>, StorageError> {
        unimplemented!()
    }

    pub fn log_start_offset(&self) -> i64 {
        unimplemented!()
    }

    /// The offset that the next record gets. The only replica has every record, so this is the log end offset too.
    pub fn high_watermark(&self) -> i64 {
        unimplemented!()
    }

    /// The first offset of the oldest open transaction, or else the high watermark.
    pub fn last_stable_offset(&self) -> i64 {
        unimplemented!()
    }

    /// Bytes of all segments.
    pub fn size_bytes(&self) -> u64 {
        unimplemented!()
    }

    /// Makes `offset` the log start offset and deletes the segments below it. An offset below the log start offset
    /// changes nothing. Returns the log start offset.
    pub fn delete_records_before(&mut self, offset: i64) -> Result<i64, DeleteRecordsError> {
        unimplemented!()
    }

    /// Deletes the segments that `retention.ms` and `retention.bytes` allow to delete. Returns their number.
    pub fn enforce_retention(&mut self, now_ms: i64) -> Result<usize, StorageError> {
        unimplemented!()
    }

    /// The idempotent producers that the log knows, for DescribeProducers.
    pub fn producers(&self) -> Vec<ProducerSnapshot> {
        unimplemented!()
    }

    /// Returns `true` if the producer has an open transaction in this partition.
    pub fn has_open_transaction(&self, producer_id: i64) -> bool {
        unimplemented!()
    }

    /// Replaces the settings. Stored batches do not change.
    pub fn set_config(&mut self, config: LogConfig) {
        unimplemented!()
    }

    pub fn config(&self) -> &LogConfig {
        unimplemented!()
    }

    /// Writes everything to the disk (`fsync`).
    pub fn flush(&mut self) -> Result<(), StorageError> {
        unimplemented!()
    }
}
