//! Checks of a Produce request's records that Apache Kafka makes before it looks at the topic's log.
//!
//! Kafka reads the start of the first batch of every partition to find out whether the request is transactional. If one
//! of them cannot be a batch, the whole request fails, even for topics that do not exist. Then Kafka checks that each
//! partition that exists has exactly one batch of the current format.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::ProduceRequest;

use super::Rejection;

/// First version whose clients know zstd.
const FIRST_VERSION_WITH_ZSTD: i16 = 7;

/// Positions of fields in a record batch, and the smallest valid value of its length field in any format.
const LENGTH_AT: usize = 8;
const LENGTH_END: usize = 12;
const MAGIC_AT: usize = 16;
const ATTRIBUTES_AT: usize = 22;
const MIN_LENGTH: i32 = 14;

/// Record format that the broker stores.
const MAGIC: u8 = 2;

/// Bits of a batch's attributes that contain the compression type.
const COMPRESSION_MASK: u8 = 0b111;

/// Compression type zstd.
const ZSTD: u8 = 4;

/// Attribute bit of a transactional batch.
const TRANSACTIONAL: u8 = 1 << 4;

/// The start of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Start {
    /// Size of the whole batch in bytes.
    size: usize,
    magic: u8,
    /// The low byte of the attributes.
    attributes: u8,
}

/// Returns the batch at the start of `records`, or `None` if they end before the batch does.
fn first_batch(records: &[u8]) -> Result<Option<Start>, ResponseError> {
    let Some(&length) = records.get(LENGTH_AT..).and_then(|rest| rest.first_chunk()) else { return Ok(None) };
    let length = i32::from_be_bytes(length);
    if length < MIN_LENGTH {
        return Err(ResponseError::CorruptMessage);
    }
    let Some(&magic) = records.get(MAGIC_AT) else { return Ok(None) };
    if magic > MAGIC {
        return Err(ResponseError::CorruptMessage);
    }
    let size = usize::try_from(length).map_err(|_| ResponseError::CorruptMessage)? + LENGTH_END;
    // A batch of an old format has its attributes elsewhere and is rejected later.
    let attributes = records.get(ATTRIBUTES_AT).copied().unwrap_or(0);
    Ok((size <= records.len()).then_some(Start { size, magic, attributes }))
}

/// Checks the first batch of each partition.
///
/// # Errors
/// The error with which all partitions of the request fail.
pub(super) fn check_request(request: &ProduceRequest) -> Result<(), ResponseError> {
    for data in request.topic_data.iter().flat_map(|topic| &topic.partition_data) {
        let first = first_batch(data.records.as_deref().unwrap_or_default())?;
        if first.is_some_and(|batch| batch.magic == MAGIC && batch.attributes & TRANSACTIONAL != 0) {
            // Later partitions are not read.
            return match request.transactional_id {
                Some(_) => Ok(()),
                None => Err(ResponseError::TransactionalIdAuthorizationFailed),
            };
        }
    }
    Ok(())
}

/// Checks that the records of a partition are one batch that clients of this version may send.
pub(super) fn check_partition(version: i16, records: &[u8]) -> Result<(), Rejection> {
    let corrupt = |error| Rejection::new(error, "the length or the format of a record batch is invalid");
    let invalid = |message: &str| Err(Rejection::new(ResponseError::InvalidRecord, message));
    let Some(batch) = first_batch(records).map_err(corrupt)? else {
        return invalid("a request must have a record batch for each partition");
    };
    if batch.magic != MAGIC {
        return invalid("only record format 2 is supported");
    }
    if version < FIRST_VERSION_WITH_ZSTD && batch.attributes & COMPRESSION_MASK == ZSTD {
        let message = format!("clients that use zstd must use version {FIRST_VERSION_WITH_ZSTD} of Produce or later");
        return Err(Rejection::new(ResponseError::UnsupportedCompressionType, message));
    }
    match first_batch(&records[batch.size..]).map_err(corrupt)? {
        None => Ok(()),
        Some(_) => invalid("a request must have one record batch for each partition"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(length: i32, magic: u8, attributes: u8) -> Vec<u8> {
        let mut bytes = vec![0; LENGTH_END + usize::try_from(length).unwrap_or(0).max(50)];
        bytes[LENGTH_AT..LENGTH_END].copy_from_slice(&length.to_be_bytes());
        bytes[MAGIC_AT] = magic;
        bytes[ATTRIBUTES_AT] = attributes;
        bytes
    }

    fn error_of(version: i16, records: &[u8]) -> Option<ResponseError> {
        check_partition(version, records).err().map(|rejection| rejection.error)
    }

    #[test]
    fn one_batch_is_accepted() {
        assert_eq!(error_of(9, &batch(50, 2, 0)), None);
    }

    #[test]
    fn incomplete_batch_is_no_batch() {
        let bytes = batch(50, 2, 0);
        for end in 0..bytes.len() {
            assert_eq!(first_batch(&bytes[..end]), Ok(None), "{end} bytes");
            assert_eq!(error_of(9, &bytes[..end]), Some(ResponseError::InvalidRecord), "{end} bytes");
        }
    }

    #[test]
    fn short_length_is_corrupt() {
        for length in [i32::MIN, -1, 0, 13] {
            assert_eq!(first_batch(&batch(length, 2, 0)), Err(ResponseError::CorruptMessage), "length {length}");
        }
    }

    #[test]
    fn unknown_magic_is_corrupt() {
        for magic in [3, 127, 128, 255] {
            assert_eq!(first_batch(&batch(50, magic, 0)), Err(ResponseError::CorruptMessage), "magic {magic}");
        }
    }

    #[test]
    fn old_format_is_invalid() {
        assert_eq!(error_of(9, &batch(50, 1, 0)), Some(ResponseError::InvalidRecord));
    }

    #[test]
    fn second_batch_is_invalid() {
        let two = [batch(50, 2, 0), batch(50, 2, 0)].concat();
        assert_eq!(error_of(9, &two), Some(ResponseError::InvalidRecord));
    }

    #[test]
    fn corrupt_bytes_after_the_batch_are_corrupt() {
        let two = [batch(50, 2, 0), batch(50, 3, 0)].concat();
        assert_eq!(error_of(9, &two), Some(ResponseError::CorruptMessage));
    }

    #[test]
    fn zstd_needs_version_7() {
        assert_eq!(error_of(6, &batch(50, 2, ZSTD)), Some(ResponseError::UnsupportedCompressionType));
        assert_eq!(error_of(7, &batch(50, 2, ZSTD)), None);
    }
}
