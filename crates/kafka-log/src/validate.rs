//! Validates a producer's batch before it is stored, in the order in which Apache Kafka does.

use std::ops::ControlFlow;

use bytes::BytesMut;

use crate::batch::{BatchError, BatchHeader, TimestampType, set_timestamps};
use crate::config::LogConfig;
use crate::error::AppendError;
use crate::records::{RecordInfo, for_each_record};

/// Timestamp of a record without one.
const NO_TIMESTAMP: i64 = -1;

/// A producer's batch that is valid for the topic, with the timestamps that the topic requires. It was copied and may
/// have been decompressed for that, so it is made before the log is locked.
#[derive(Debug, Clone)]
pub struct ValidBatch {
    pub(crate) header: BatchHeader,
    pub(crate) bytes: BytesMut,
}

impl ValidBatch {
    /// Validates a batch as Kafka validates those of producers. `records` must be one batch, as in Produce requests
    /// since version 3.
    ///
    /// # Errors
    /// If the batch is not valid.
    pub fn new(records: &[u8], config: &LogConfig, now_ms: i64) -> Result<ValidBatch, AppendError> {
        let header = parse(records)?;
        if header.size > config.max_message_bytes {
            return Err(AppendError::TooLarge { size: header.size, max: config.max_message_bytes });
        }
        BatchHeader::verify(records).map_err(AppendError::Corrupt)?;
        if BatchHeader::parse(&records[header.size..]).is_ok_and(|next| next.size <= records.len() - header.size) {
            return Err(AppendError::InvalidRecord { reason: "a request must have one batch for each partition" });
        }
        validate_header(&header)?;
        // An incomplete batch after the first one is left out.
        let batch = &records[..header.size];
        let max_timestamp = match config.timestamp_type {
            TimestampType::CreateTime => validate_records(&header, batch, config, now_ms)?,
            TimestampType::LogAppendTime => {
                validate_records(&header, batch, config, now_ms)?;
                now_ms
            }
        };
        let mut bytes = BytesMut::from(batch);
        if (header.timestamp_type(), header.max_timestamp) == (config.timestamp_type, max_timestamp) {
            return Ok(ValidBatch { header, bytes });
        }
        set_timestamps(&mut bytes, config.timestamp_type, max_timestamp);
        let header = BatchHeader::parse(&bytes).map_err(AppendError::Corrupt)?;
        Ok(ValidBatch { header, bytes })
    }
}

fn parse(records: &[u8]) -> Result<BatchHeader, AppendError> {
    let truncated = AppendError::InvalidRecord { reason: "a request must have one batch for each partition" };
    match BatchHeader::parse(records) {
        Ok(header) if header.size > records.len() => Err(truncated),
        Ok(header) => Ok(header),
        Err(BatchError::Truncated { .. }) => Err(truncated),
        Err(BatchError::UnsupportedMagic(0 | 1)) => {
            Err(AppendError::InvalidRecord { reason: "only record format 2 is supported" })
        }
        Err(BatchError::InvalidOffsets(_)) => {
            Err(AppendError::InvalidRecord { reason: "the range of offsets is invalid" })
        }
        Err(error) => Err(AppendError::Corrupt(error)),
    }
}

fn validate_header(header: &BatchHeader) -> Result<(), AppendError> {
    let invalid = |reason| Err(AppendError::InvalidRecord { reason });
    if header.base_offset != 0 {
        return invalid("the base offset must be 0");
    }
    if header.record_count <= 0 {
        return invalid("the number of records must be positive");
    }
    if header.last_offset_delta != header.record_count - 1 {
        return invalid("the range of offsets does not match the number of records");
    }
    if header.is_control() {
        return invalid("producers must not write control records");
    }
    if header.has_producer_id() && header.base_sequence < 0 {
        return invalid("the sequence of an idempotent producer must not be negative");
    }
    if header.timestamp_type() == TimestampType::LogAppendTime {
        return Err(AppendError::InvalidTimestampType);
    }
    match header.compression() {
        Ok(_) => Ok(()),
        Err(id) => Err(AppendError::UnsupportedCompression { id }),
    }
}

/// Validates each record and returns the largest timestamp.
fn validate_records(header: &BatchHeader, batch: &[u8], config: &LogConfig, now_ms: i64) -> Result<i64, AppendError> {
    let earliest = now_ms.saturating_sub(config.timestamp_before_max_ms);
    let latest = now_ms.saturating_add(config.timestamp_after_max_ms);
    let mut max_timestamp = NO_TIMESTAMP;
    let mut expected_delta = 0;
    let mut error = None;
    let validate_record = |record: RecordInfo| {
        let RecordInfo { offset_delta, timestamp, has_key } = record;
        if offset_delta != expected_delta {
            error =
                Some(AppendError::InvalidRecord { reason: "the offset deltas of the records are not 0, 1, 2, ..." });
        } else if config.require_keys && !has_key {
            error = Some(AppendError::InvalidRecord { reason: "a compacted topic requires a key for each record" });
        } else if config.timestamp_type == TimestampType::CreateTime
            && timestamp != NO_TIMESTAMP
            && !(earliest..=latest).contains(&timestamp)
        {
            error = Some(AppendError::InvalidTimestamp { timestamp, earliest, latest });
        }
        expected_delta += 1;
        max_timestamp = max_timestamp.max(timestamp);
        if error.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let scanned = for_each_record(header, batch, validate_record);
    if let Some(error) = error {
        return Err(error);
    }
    scanned
        .map_err(|_| AppendError::InvalidRecord { reason: "the records are malformed or cannot be decompressed" })?;
    Ok(max_timestamp)
}
