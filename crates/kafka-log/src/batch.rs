//! The header of a record batch, format version 2 ("magic 2"), the only format since Apache Kafka 4.
//!
//! ```text
//!  0  base offset       i64  set by the broker
//!  8  length            i32  bytes after this field
//! 12  leader epoch      i32  set by the broker, always 0
//! 16  magic             i8   2
//! 17  CRC-32C           u32  of everything below
//! 21  attributes        i16  0-2 compression, 3 timestamp type, 4 transactional, 5 control
//! 23  last offset delta i32
//! 27  base timestamp    i64
//! 35  max timestamp     i64
//! 43  producer id       i64  -1 without idempotence
//! 51  producer epoch    i16
//! 53  base sequence     i32
//! 57  record count      i32
//! 61  records
//! ```
//!
//! Base offset and leader epoch precede the checksummed part, so the broker sets them without computing the CRC again.
//! The layout is described in [Kafka's documentation](https://kafka.apache.org/documentation/#recordbatch).

use bytes::{Buf, Bytes};

/// Bytes of a batch before its records.
pub(crate) const HEADER_LEN: usize = 61;
/// Bytes of a batch that its length field does not count.
pub(crate) const LENGTH_END: usize = 12;
const MAGIC: u8 = 2;
/// Length of the shortest batch of any format.
const MIN_LENGTH: i32 = 14;
const CRC_START: usize = 21;
const TIMESTAMP_TYPE_BIT: i16 = 1 << 3;
const TRANSACTIONAL_BIT: i16 = 1 << 4;
const CONTROL_BIT: i16 = 1 << 5;

/// Why bytes are not a record batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    #[error("the batch needs {needed} bytes, and {available} bytes are left")]
    Truncated { needed: usize, available: usize },
    #[error("length {0} is shorter than a batch header")]
    InvalidLength(i32),
    #[error("record format {0} is not supported, only 2 is")]
    UnsupportedMagic(u8),
    #[error("CRC {actual:#010x} does not match {expected:#010x} in the header")]
    CrcMismatch { expected: u32, actual: u32 },
    #[error("last offset delta {0} is negative or exceeds the largest offset")]
    InvalidOffsets(i32),
    #[error("the next offset is {expected}, and the batch begins at {actual}")]
    UnexpectedOffset { expected: i64, actual: i64 },
}

/// Compression of a batch's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

/// Meaning of a record's timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimestampType {
    /// The producer's time.
    #[default]
    CreateTime,
    /// The broker's time, which replaces the timestamps of all records of a batch.
    LogAppendTime,
}

/// The fields of a batch header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    pub base_offset: i64,
    /// Bytes of the whole batch, header included.
    pub size: usize,
    pub crc: u32,
    pub attributes: i16,
    pub last_offset_delta: i32,
    pub base_timestamp: i64,
    pub max_timestamp: i64,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
    pub record_count: i32,
}

impl BatchHeader {
    /// Parses the header at the start of `bytes`. The records may be missing, and the CRC is not verified.
    ///
    /// # Errors
    /// If the bytes end within the header, or a field cannot be right.
    pub fn parse(mut bytes: &[u8]) -> Result<BatchHeader, BatchError> {
        // Length and magic are where every format has them, so they are examined first.
        if let Some(&length) = bytes.get(8..).and_then(|rest| rest.first_chunk()) {
            let length = i32::from_be_bytes(length);
            if length < MIN_LENGTH {
                return Err(BatchError::InvalidLength(length));
            }
        }
        if let Some(&magic) = bytes.get(16).filter(|&&magic| magic != MAGIC) {
            return Err(BatchError::UnsupportedMagic(magic));
        }
        if bytes.len() < HEADER_LEN {
            return Err(BatchError::Truncated { needed: HEADER_LEN, available: bytes.len() });
        }
        let base_offset = bytes.get_i64();
        let length = bytes.get_i32();
        let size = usize::try_from(length).map_err(|_| BatchError::InvalidLength(length))? + LENGTH_END;
        if size < HEADER_LEN {
            return Err(BatchError::InvalidLength(length));
        }
        bytes.advance(5);
        let header = BatchHeader {
            base_offset,
            size,
            crc: bytes.get_u32(),
            attributes: bytes.get_i16(),
            last_offset_delta: bytes.get_i32(),
            base_timestamp: bytes.get_i64(),
            max_timestamp: bytes.get_i64(),
            producer_id: bytes.get_i64(),
            producer_epoch: bytes.get_i16(),
            base_sequence: bytes.get_i32(),
            record_count: bytes.get_i32(),
        };
        let delta = header.last_offset_delta;
        if delta < 0 || base_offset.checked_add(i64::from(delta) + 1).is_none() {
            return Err(BatchError::InvalidOffsets(delta));
        }
        Ok(header)
    }

    /// Parses the header of the batch at the start of `bytes` and verifies its length and CRC.
    ///
    /// # Errors
    /// If [`parse`](Self::parse) fails, the batch is longer than `bytes`, or the CRC does not match.
    pub fn verify(bytes: &[u8]) -> Result<BatchHeader, BatchError> {
        let header = BatchHeader::parse(bytes)?;
        let batch =
            bytes.get(..header.size).ok_or(BatchError::Truncated { needed: header.size, available: bytes.len() })?;
        let actual = crc32c::crc32c(&batch[CRC_START..]);
        if actual != header.crc {
            return Err(BatchError::CrcMismatch { expected: header.crc, actual });
        }
        Ok(header)
    }

    pub fn last_offset(&self) -> i64 {
        self.base_offset + i64::from(self.last_offset_delta)
    }

    /// Returns the offset after the batch.
    pub fn next_offset(&self) -> i64 {
        self.last_offset() + 1
    }

    /// Returns the sequence of the last record. Sequences continue at 0 after `i32::MAX`.
    pub fn last_sequence(&self) -> i32 {
        add_sequence(self.base_sequence, self.last_offset_delta)
    }

    /// Returns the compression of the records.
    ///
    /// # Errors
    /// The compression id if it is unknown.
    pub fn compression(&self) -> Result<Compression, u8> {
        match self.attributes & 0b111 {
            0 => Ok(Compression::None),
            1 => Ok(Compression::Gzip),
            2 => Ok(Compression::Snappy),
            3 => Ok(Compression::Lz4),
            4 => Ok(Compression::Zstd),
            id => Err(id as u8),
        }
    }

    pub fn timestamp_type(&self) -> TimestampType {
        if self.attributes & TIMESTAMP_TYPE_BIT == 0 { TimestampType::CreateTime } else { TimestampType::LogAppendTime }
    }

    pub fn is_transactional(&self) -> bool {
        self.attributes & TRANSACTIONAL_BIT != 0
    }

    /// Returns `true` if the batch is a transaction marker.
    pub fn is_control(&self) -> bool {
        self.attributes & CONTROL_BIT != 0
    }

    pub fn has_producer_id(&self) -> bool {
        self.producer_id >= 0
    }
}

/// Adds to a sequence, which continues at 0 after `i32::MAX`.
pub(crate) fn add_sequence(sequence: i32, increment: i32) -> i32 {
    let sum = i64::from(sequence) + i64::from(increment);
    (sum % (i64::from(i32::MAX) + 1)) as i32
}

/// Sets base offset and leader epoch 0 of the batch at the start of `batch`.
pub(crate) fn set_base_offset(batch: &mut [u8], base_offset: i64) {
    batch[..8].copy_from_slice(&base_offset.to_be_bytes());
    batch[12..16].fill(0);
}

/// Sets timestamp type and max timestamp of the batch that is exactly `batch`, and its CRC.
pub(crate) fn set_timestamps(batch: &mut [u8], timestamp_type: TimestampType, max_timestamp: i64) {
    let attributes = i16::from_be_bytes([batch[21], batch[22]]);
    let attributes = match timestamp_type {
        TimestampType::CreateTime => attributes & !TIMESTAMP_TYPE_BIT,
        TimestampType::LogAppendTime => attributes | TIMESTAMP_TYPE_BIT,
    };
    batch[21..23].copy_from_slice(&attributes.to_be_bytes());
    batch[35..43].copy_from_slice(&max_timestamp.to_be_bytes());
    set_crc(batch);
}

/// Sets the CRC of the batch that is exactly `batch`.
pub(crate) fn set_crc(batch: &mut [u8]) {
    let crc = crc32c::crc32c(&batch[CRC_START..]);
    batch[17..CRC_START].copy_from_slice(&crc.to_be_bytes());
}

/// Splits a buffer into its batches, each with its header. Verifies lengths, and not CRCs. Ends after the first error.
pub fn batches(mut bytes: Bytes) -> impl Iterator<Item = Result<(BatchHeader, Bytes), BatchError>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let parsed = BatchHeader::parse(&bytes).and_then(|header| {
            if header.size > bytes.len() {
                return Err(BatchError::Truncated { needed: header.size, available: bytes.len() });
            }
            Ok((header, bytes.split_to(header.size)))
        });
        if parsed.is_err() {
            bytes.clear();
        }
        Some(parsed)
    })
}

/// The header fields of a batch that the broker writes itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewBatch {
    pub(crate) attributes: i16,
    pub(crate) base_timestamp: i64,
    pub(crate) max_timestamp: i64,
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i16,
    pub(crate) base_sequence: i32,
    pub(crate) record_count: i32,
}

impl NewBatch {
    pub(crate) const CONTROL: i16 = CONTROL_BIT | TRANSACTIONAL_BIT;

    /// Encodes the batch with base offset 0 around its encoded records.
    pub(crate) fn encode(&self, records: &[u8]) -> Vec<u8> {
        let mut batch = Vec::with_capacity(HEADER_LEN + records.len());
        batch.extend(0_i64.to_be_bytes());
        batch.extend(((HEADER_LEN - LENGTH_END + records.len()) as i32).to_be_bytes());
        batch.extend(0_i32.to_be_bytes());
        batch.push(MAGIC);
        batch.extend(0_u32.to_be_bytes());
        batch.extend(self.attributes.to_be_bytes());
        batch.extend((self.record_count - 1).to_be_bytes());
        batch.extend(self.base_timestamp.to_be_bytes());
        batch.extend(self.max_timestamp.to_be_bytes());
        batch.extend(self.producer_id.to_be_bytes());
        batch.extend(self.producer_epoch.to_be_bytes());
        batch.extend(self.base_sequence.to_be_bytes());
        batch.extend(self.record_count.to_be_bytes());
        batch.extend_from_slice(records);
        set_crc(&mut batch);
        batch
    }
}
