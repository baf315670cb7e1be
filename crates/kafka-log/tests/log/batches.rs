//! Encodes and decodes batches with `kafka-protocol`.

use std::io::{Read as _, Write as _};

use bytes::{BufMut as _, Bytes, BytesMut};
use kafka_protocol::indexmap::IndexMap;
use kafka_protocol::records::{
    Compression, Record, RecordBatchDecoder, RecordBatchEncoder, RecordEncodeOptions, TimestampType,
};

/// A batch to encode. Each record has a timestamp and a value.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i16,
    pub(crate) sequence: i32,
    pub(crate) transactional: bool,
    pub(crate) compression: Compression,
    pub(crate) records: Vec<(i64, Vec<u8>)>,
}

impl Batch {
    pub(crate) fn new(records: Vec<(i64, Vec<u8>)>) -> Batch {
        Batch {
            producer_id: -1,
            producer_epoch: -1,
            sequence: -1,
            transactional: false,
            compression: Compression::None,
            records,
        }
    }

    /// Returns a batch of records with timestamp 1,000 and these values.
    pub(crate) fn of(values: &[&str]) -> Batch {
        Batch::new(values.iter().map(|value| (1_000, value.as_bytes().to_vec())).collect())
    }

    pub(crate) fn sent_by(self, producer_id: i64, producer_epoch: i16, sequence: i32) -> Batch {
        Batch { producer_id, producer_epoch, sequence, ..self }
    }

    pub(crate) fn transactional(self) -> Batch {
        Batch { transactional: true, ..self }
    }

    pub(crate) fn compressed(self, compression: Compression) -> Batch {
        Batch { compression, ..self }
    }

    pub(crate) fn encode(&self) -> Bytes {
        let record = |(n, (timestamp, value)): (usize, &(i64, Vec<u8>))| Record {
            transactional: self.transactional,
            control: false,
            delete_horizon: false,
            partition_leader_epoch: -1,
            producer_id: self.producer_id,
            producer_epoch: self.producer_epoch,
            timestamp_type: TimestampType::Creation,
            offset: n as i64,
            sequence: self.sequence.wrapping_add(n as i32),
            timestamp: *timestamp,
            key: Some(Bytes::from_static(b"key")),
            value: Some(value.clone().into()),
            headers: IndexMap::from([("header".into(), None), ("other".into(), Some(Bytes::from_static(b"x")))]),
        };
        let records: Vec<Record> = self.records.iter().enumerate().map(record).collect();
        let options = RecordEncodeOptions { version: 2, compression: self.compression };
        let mut encoded = BytesMut::new();
        let compressor = |records: &mut BytesMut, buffer: &mut BytesMut, compression| {
            buffer.put_slice(&compress(records, compression));
            Ok(())
        };
        RecordBatchEncoder::encode_with_custom_compression(&mut encoded, &records, &options, Some(compressor)).unwrap();
        encoded.freeze()
    }
}

fn compress(records: &[u8], compression: Compression) -> Vec<u8> {
    match compression {
        Compression::None => records.to_vec(),
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(records).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Snappy => snap::raw::Encoder::new().compress_vec(records).unwrap(),
        Compression::Lz4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(records).unwrap();
            encoder.finish().unwrap()
        }
        Compression::Zstd => zstd::encode_all(records, 3).unwrap(),
    }
}

/// Returns the offsets and values of the records in whole batches. Control records have an empty value.
pub(crate) fn decode(mut batches: Bytes) -> Vec<(i64, Vec<u8>)> {
    let mut records = Vec::new();
    while !batches.is_empty() {
        let decompress = |records: &mut Bytes, compression| Ok(decompress(records, compression));
        let set = RecordBatchDecoder::decode_with_custom_compression(&mut batches, Some(decompress)).unwrap();
        records.extend(set.records.into_iter().map(|record| {
            let value = if record.control { Vec::new() } else { record.value.unwrap().to_vec() };
            (record.offset, value)
        }));
    }
    records
}

fn decompress(records: &[u8], compression: Compression) -> Bytes {
    let mut decompressed = Vec::new();
    match compression {
        Compression::None => decompressed.extend(records),
        Compression::Gzip => drop(flate2::read::GzDecoder::new(records).read_to_end(&mut decompressed).unwrap()),
        Compression::Snappy => decompressed = snap::raw::Decoder::new().decompress_vec(records).unwrap(),
        Compression::Lz4 => {
            lz4_flex::frame::FrameDecoder::new(records).read_to_end(&mut decompressed).unwrap();
        }
        Compression::Zstd => decompressed = zstd::decode_all(records).unwrap(),
    }
    decompressed.into()
}

pub(crate) const ALL_COMPRESSIONS: [Compression; 5] =
    [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

/// Returns the timestamps of a batch's records.
pub(crate) fn timestamps(mut batches: Bytes) -> Vec<i64> {
    let decompress = |records: &mut Bytes, compression| Ok(decompress(records, compression));
    let set = RecordBatchDecoder::decode_with_custom_compression(&mut batches, Some(decompress)).unwrap();
    set.records.into_iter().map(|record| record.timestamp).collect()
}
