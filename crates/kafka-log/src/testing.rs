//! Batches for tests.

use crate::batch::{BatchHeader, NewBatch};
use crate::records::write_varint;

/// The header of a batch of one record, to be changed by the test.
pub(crate) fn header() -> BatchHeader {
    BatchHeader {
        base_offset: 0,
        size: 61,
        crc: 0,
        attributes: 0,
        last_offset_delta: 0,
        base_timestamp: 0,
        max_timestamp: 0,
        producer_id: -1,
        producer_epoch: -1,
        base_sequence: -1,
        record_count: 1,
    }
}

/// Encodes records with a value each and these timestamps.
pub(crate) fn records(base_timestamp: i64, records: &[(i64, &[u8])]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for (n, (timestamp, value)) in records.iter().enumerate() {
        let mut body = vec![0];
        write_varint(&mut body, timestamp - base_timestamp);
        write_varint(&mut body, n as i64);
        write_varint(&mut body, -1);
        write_varint(&mut body, value.len() as i64);
        body.extend_from_slice(value);
        write_varint(&mut body, 0);
        write_varint(&mut encoded, body.len() as i64);
        encoded.extend(body);
    }
    encoded
}

/// The producer's side of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Producer {
    pub(crate) id: i64,
    pub(crate) epoch: i16,
    pub(crate) sequence: i32,
    pub(crate) transactional: bool,
}

/// Encodes an uncompressed batch of records with a value each and these timestamps.
pub(crate) fn batch(producer: Option<Producer>, values: &[(i64, &[u8])]) -> Vec<u8> {
    let base_timestamp = values.first().map_or(0, |(timestamp, _)| *timestamp);
    let producer = producer.unwrap_or(Producer { id: -1, epoch: -1, sequence: -1, transactional: false });
    let new = NewBatch {
        attributes: if producer.transactional { NewBatch::TRANSACTIONAL } else { 0 },
        base_timestamp,
        max_timestamp: values.iter().map(|(timestamp, _)| *timestamp).max().unwrap_or(0),
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        base_sequence: producer.sequence,
        record_count: values.len() as i32,
    };
    new.encode(&records(base_timestamp, values))
}

/// Encodes an uncompressed batch of records without idempotence.
pub(crate) fn plain(values: &[(i64, &[u8])]) -> Vec<u8> {
    batch(None, values)
}
