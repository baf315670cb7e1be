//! Errors of logs and folders, and the Kafka error codes that a broker answers with.

use std::io;
use std::path::PathBuf;

use crate::batch::BatchError;

/// An error of the file system, or a file whose content is not valid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    #[error("failed to {action} {path}: {source}")]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("{path} is damaged at byte {position}: {source}")]
    Corrupt { path: PathBuf, position: u64, source: BatchError },
    #[error("the records of the batch at offset {offset} cannot be read: {source}")]
    Records { offset: i64, source: io::Error },
}

impl StorageError {
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> StorageError {
        let path = path.into();
        move |source| StorageError::Io { action, path, source }
    }
}

/// Why a batch was not appended. Nothing is stored in any of these cases.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    #[error("corrupt record batch: {0}")]
    Corrupt(#[source] BatchError),
    #[error("the record batch has {size} bytes and max.message.bytes is {max}")]
    TooLarge { size: usize, max: usize },
    #[error("invalid record batch: {reason}")]
    InvalidRecord { reason: &'static str },
    #[error("compression type {id} is not supported")]
    UnsupportedCompression { id: u8 },
    #[error("timestamp {timestamp} is not between {earliest} and {latest}")]
    InvalidTimestamp { timestamp: i64, earliest: i64, latest: i64 },
    #[error("timestamp type LogAppendTime must not be set by a producer")]
    InvalidTimestampType,
    #[error("producer {producer_id} sent sequence {sequence}, expected {expected}")]
    OutOfOrderSequence { producer_id: i64, sequence: i32, expected: i32 },
    #[error("producer {producer_id} has epoch {current}, and the batch has epoch {epoch}")]
    InvalidProducerEpoch { producer_id: i64, epoch: i16, current: i16 },
    #[error("producer {producer_id} has an open transaction, and the batch is not transactional")]
    InvalidTxnState { producer_id: i64 },
    #[error("producer {producer_id} has coordinator epoch {current}, and the marker has {epoch}")]
    CoordinatorFenced { producer_id: i64, epoch: i32, current: i32 },
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl AppendError {
    /// Returns the [error code](https://kafka.apache.org/protocol#protocol_error_codes) of a Produce response.
    pub fn code(&self) -> i16 {
        match self {
            AppendError::Corrupt(_) => 2,
            AppendError::TooLarge { .. } => 10,
            AppendError::InvalidTimestamp { .. } | AppendError::InvalidTimestampType => 32,
            AppendError::OutOfOrderSequence { .. } => 45,
            AppendError::InvalidProducerEpoch { .. } => 47,
            AppendError::InvalidTxnState { .. } => 48,
            AppendError::CoordinatorFenced { .. } => 52,
            AppendError::Storage(_) => STORAGE_ERROR,
            AppendError::UnsupportedCompression { .. } => 76,
            AppendError::InvalidRecord { .. } => 87,
        }
    }
}

/// Why records were not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    #[error("offset {offset} is not between {log_start_offset} and {log_end_offset}")]
    OffsetOutOfRange { offset: i64, log_start_offset: i64, log_end_offset: i64 },
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl ReadError {
    /// Returns the error code of a Fetch response.
    pub fn code(&self) -> i16 {
        match self {
            ReadError::OffsetOutOfRange { .. } => OFFSET_OUT_OF_RANGE,
            ReadError::Storage(_) => STORAGE_ERROR,
        }
    }
}

/// Why records were not deleted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeleteRecordsError {
    #[error("offset {offset} is negative or above the high watermark {high_watermark}")]
    OffsetOutOfRange { offset: i64, high_watermark: i64 },
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl DeleteRecordsError {
    /// Returns the error code of a `DeleteRecords` response.
    pub fn code(&self) -> i16 {
        match self {
            DeleteRecordsError::OffsetOutOfRange { .. } => OFFSET_OUT_OF_RANGE,
            DeleteRecordsError::Storage(_) => STORAGE_ERROR,
        }
    }
}

const OFFSET_OUT_OF_RANGE: i16 = 1;
const STORAGE_ERROR: i16 = 56;

/// Why a folder was not opened or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    #[error("{path} is in use by another broker: stop it, or choose another folder")]
    InUse { path: PathBuf },
    #[error("{path} has format version {version}, and this version reads up to {supported}: use a newer version")]
    NewerFormat { path: PathBuf, version: u32, supported: u32 },
    #[error("{path} is not valid: {source}")]
    InvalidJson { path: PathBuf, source: serde_json::Error },
    #[error("two folders hold the topic {name}: {first} and {second}; remove one of them")]
    DuplicateTopic { name: String, first: PathBuf, second: PathBuf },
    #[error("topic {name} already exists")]
    TopicExists { name: String },
    #[error("topic {name} does not exist")]
    UnknownTopic { name: String },
    #[error("{name:?} is not a valid topic name")]
    InvalidTopicName { name: String },
    #[error("topic {name} has {current} partitions: the new count {requested} must be higher")]
    InvalidPartitions { name: String, current: i32, requested: i32 },
    #[error(transparent)]
    Storage(#[from] StorageError),
}
