//! Control batches: the markers that end transactions.
//!
//! A marker is an uncompressed batch of one record. The key of the record contains a version and the result of the
//! transaction; the value contains a version and the epoch of the transaction coordinator.

use std::io::{self, Cursor};

use bytes::Buf;

use crate::batch::{BatchHeader, HEADER_LEN, NewBatch};
use crate::records::{read_varint, read_varlong, write_varint};

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionResult {
    Abort,
    Commit,
}

/// A marker that ends a producer's transaction in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndMarker {
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub coordinator_epoch: i32,
    pub result: TransactionResult,
}

const VERSION: i16 = 0;
const KEY_LEN: usize = 4;
const VALUE_LEN: usize = 6;

impl EndMarker {
    /// Encodes the marker as a batch with base offset 0.
    pub(crate) fn encode(&self, timestamp: i64) -> Vec<u8> {
        let result: i16 = match self.result {
            TransactionResult::Abort => 0,
            TransactionResult::Commit => 1,
        };
        // Attributes, timestamp delta and offset delta are zero.
        let mut body = vec![0, 0, 0];
        write_varint(&mut body, KEY_LEN as i64);
        body.extend(VERSION.to_be_bytes());
        body.extend(result.to_be_bytes());
        write_varint(&mut body, VALUE_LEN as i64);
        body.extend(VERSION.to_be_bytes());
        body.extend(self.coordinator_epoch.to_be_bytes());
        write_varint(&mut body, 0);
        let mut record = Vec::with_capacity(body.len() + 1);
        write_varint(&mut record, body.len() as i64);
        record.extend(body);
        let batch = NewBatch {
            attributes: NewBatch::CONTROL,
            base_timestamp: timestamp,
            max_timestamp: timestamp,
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            base_sequence: -1,
            record_count: 1,
        };
        batch.encode(&record)
    }

    /// Decodes the marker in `batch`, which must be exactly one control batch with this header.
    ///
    /// # Errors
    /// If the record is malformed.
    pub(crate) fn decode(header: &BatchHeader, batch: &[u8]) -> io::Result<EndMarker> {
        let mut record = Cursor::new(&batch[HEADER_LEN..]);
        let _length = read_varint(&mut record)?;
        let _attributes = record.try_get_i8()?;
        let _timestamp_delta = read_varlong(&mut record)?;
        let _offset_delta = read_varint(&mut record)?;
        let _key_length = read_varint(&mut record)?;
        let _version = record.try_get_i16()?;
        let result = match record.try_get_i16()? {
            0 => TransactionResult::Abort,
            1 => TransactionResult::Commit,
            _ => return Err(io::Error::new(io::ErrorKind::InvalidData, "the type of a control record is unknown")),
        };
        let _value_length = read_varint(&mut record)?;
        let _version = record.try_get_i16()?;
        Ok(EndMarker {
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            coordinator_epoch: record.try_get_i32()?,
            result,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marker_survives_encoding() {
        for result in [TransactionResult::Abort, TransactionResult::Commit] {
            let marker = EndMarker { producer_id: 7, producer_epoch: 3, coordinator_epoch: 5, result };
            let batch = marker.encode(1_000);
            let header = BatchHeader::verify(&batch).unwrap();
            assert!(header.is_control() && header.is_transactional());
            assert_eq!(EndMarker::decode(&header, &batch).unwrap(), marker);
        }
    }
}
