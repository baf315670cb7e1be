//! Rejected batches and their error codes.

use bytes::{BufMut as _, Bytes, BytesMut};
use kafka_log::{AppendError, LogConfig, TimestampType};

use crate::TestLog;
use crate::batches::{ALL_COMPRESSIONS, Batch};

const CORRUPT_MESSAGE: i16 = 2;
const MESSAGE_TOO_LARGE: i16 = 10;
const INVALID_TIMESTAMP: i16 = 32;
const UNSUPPORTED_COMPRESSION_TYPE: i16 = 76;
const INVALID_RECORD: i16 = 87;

/// Applies `change` to an encoded batch, updates its CRC, and appends it. Returns the error code.
fn code_after(batch: &Batch, change: impl FnOnce(&mut BytesMut)) -> i16 {
    let mut bytes = BytesMut::from(&batch.encode()[..]);
    change(&mut bytes);
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    code_of(&bytes)
}

fn code_of(bytes: &[u8]) -> i16 {
    let mut log = TestLog::in_memory(LogConfig::default());
    let code = log.append(bytes, 2_000).map_or_else(|error| error.code(), |_| 0);
    assert_eq!(log.high_watermark() == 0, code != 0);
    code
}

fn batch() -> Batch {
    Batch::of(&["a", "b"])
}

#[test]
fn unchanged_batch_is_valid() {
    assert_eq!(code_after(&batch(), |_| {}), 0);
}

#[test]
fn flipped_bit_below_the_crc_is_corrupt() {
    let bytes = batch().encode();
    for position in 17..bytes.len() {
        let mut bytes = bytes.to_vec();
        bytes[position] ^= 1;
        assert_eq!(code_of(&bytes), CORRUPT_MESSAGE, "{position}");
    }
}

#[test]
fn zeros_are_corrupt() {
    assert_eq!(code_of(&[0; 40]), CORRUPT_MESSAGE);
}

#[test]
fn invalid_header_fields_have_the_codes_of_kafka() {
    let set = |start: usize, bytes: &[u8]| {
        let bytes = bytes.to_vec();
        code_after(&batch(), move |batch| batch[start..start + bytes.len()].copy_from_slice(&bytes))
    };
    assert_eq!(set(0, &1_i64.to_be_bytes()), INVALID_RECORD, "base offset");
    assert_eq!(set(8, &10_i32.to_be_bytes()), CORRUPT_MESSAGE, "length");
    assert_eq!(set(8, &(-1_i32).to_be_bytes()), CORRUPT_MESSAGE, "length");
    assert_eq!(set(16, &[0]), INVALID_RECORD, "magic");
    assert_eq!(set(16, &[1]), INVALID_RECORD, "magic");
    assert_eq!(set(16, &[3]), CORRUPT_MESSAGE, "magic");
    assert_eq!(set(21, &7_i16.to_be_bytes()), UNSUPPORTED_COMPRESSION_TYPE, "compression");
    assert_eq!(set(21, &(1_i16 << 3).to_be_bytes()), INVALID_TIMESTAMP, "timestamp type");
    assert_eq!(set(21, &(1_i16 << 5).to_be_bytes()), INVALID_RECORD, "control");
    assert_eq!(set(23, &0_i32.to_be_bytes()), INVALID_RECORD, "last offset delta");
    assert_eq!(set(23, &(-1_i32).to_be_bytes()), INVALID_RECORD, "last offset delta");
    assert_eq!(set(43, &7_i64.to_be_bytes()), INVALID_RECORD, "producer id without sequence");
    assert_eq!(set(57, &0_i32.to_be_bytes()), INVALID_RECORD, "record count");
    assert_eq!(set(57, &3_i32.to_be_bytes()), INVALID_RECORD, "record count");
}

#[test]
fn record_count_beyond_the_records_is_invalid() {
    for compression in ALL_COMPRESSIONS {
        for count in [1_i32, 3] {
            let code = code_after(&batch().compressed(compression), |batch| {
                batch[23..27].copy_from_slice(&(count - 1).to_be_bytes());
                batch[57..61].copy_from_slice(&count.to_be_bytes());
            });
            assert_eq!(code, INVALID_RECORD, "{compression:?} {count}");
        }
    }
}

#[test]
fn damaged_records_with_a_right_crc_are_rejected_or_harmless() {
    for compression in ALL_COMPRESSIONS {
        let batch = batch().compressed(compression);
        for position in 61..batch.encode().len() {
            let code = code_after(&batch, |batch| batch[position] ^= 0x55);
            assert!([0, INVALID_TIMESTAMP, INVALID_RECORD].contains(&code), "{compression:?} {position} {code}");
        }
    }
}

#[test]
fn truncated_batch_is_invalid() {
    let bytes = batch().encode();
    for length in 0..bytes.len() {
        assert_eq!(code_of(&bytes[..length]), INVALID_RECORD, "{length}");
    }
}

#[test]
fn second_batch_is_invalid() {
    let one = batch().encode();
    assert_eq!(code_of(&[&one[..], &one[..]].concat()), INVALID_RECORD);
}

#[test]
fn incomplete_batch_after_the_first_is_ignored() {
    let one = batch().encode();
    for length in 0..one.len() {
        assert_eq!(code_of(&[&one[..], &one[..length]].concat()), 0, "{length}");
    }
}

#[test]
fn limit_on_the_batch_size_includes_the_header() {
    let bytes = batch().encode();
    for (max_message_bytes, expected) in [(bytes.len(), 0), (bytes.len() - 1, MESSAGE_TOO_LARGE)] {
        let mut log = TestLog::in_memory(LogConfig { max_message_bytes, ..LogConfig::default() });
        let result = log.append(&bytes, 2_000);
        assert_eq!(result.map_or_else(|error| error.code(), |_| 0), expected);
    }
}

#[test]
fn timestamps_are_within_the_configured_bounds() {
    let config = LogConfig { timestamp_before_max_ms: 100, timestamp_after_max_ms: 50, ..LogConfig::default() };
    let append = |timestamp: i64, config: &LogConfig| {
        let batch = Batch::new(vec![(10_000, b"a".to_vec()), (timestamp, b"b".to_vec())]).encode();
        TestLog::in_memory(config.clone()).append(&batch, 10_000).map_err(|error| error.code()).map(|_| ())
    };
    for valid in [9_900, 10_050, -1] {
        assert_eq!(append(valid, &config), Ok(()), "{valid}");
    }
    for invalid in [9_899, 10_051, i64::MAX, i64::MIN + 20_000] {
        assert_eq!(append(invalid, &config), Err(INVALID_TIMESTAMP), "{invalid}");
    }
    let config = LogConfig { timestamp_type: TimestampType::LogAppendTime, ..config };
    assert_eq!(append(0, &config), Ok(()));
}

#[test]
fn wrong_max_timestamp_is_corrected() {
    let mut bytes = batch().encode().to_vec();
    bytes[35..43].copy_from_slice(&77_i64.to_be_bytes());
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    let mut log = TestLog::in_memory(LogConfig::default());
    log.append(&bytes, 2_000).unwrap();
    assert_eq!(log.max_timestamp().unwrap().unwrap().timestamp, 1_000);
    assert_eq!(log.read(crate::from(0)).unwrap().records[16..], batch().encode()[16..]);
}

#[test]
fn compacted_topic_requires_keys() {
    let mut log = TestLog::in_memory(LogConfig { require_keys: true, ..LogConfig::default() });
    log.append(&batch().encode(), 0).unwrap();
    // The record: attributes, two deltas, null key, value of one byte, no headers.
    let keyless = [14, 0, 0, 0, 1, 2, b'a', 0];
    let mut bytes = Batch::of(&["a"]).encode()[..61].to_vec();
    bytes.extend(keyless);
    let length = bytes.len() as i32 - 12;
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    assert!(matches!(log.append(&bytes, 0), Err(AppendError::InvalidRecord { .. })));
    assert_eq!(code_of(&bytes), 0);
}

#[test]
fn snappy_blocks_of_java_clients_are_valid() {
    let uncompressed = batch().encode();
    let block = snap::raw::Encoder::new().compress_vec(&uncompressed[61..]).unwrap();
    let mut bytes = BytesMut::from(&uncompressed[..61]);
    bytes.put_slice(b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01");
    bytes.put_u32(block.len() as u32);
    bytes.put_slice(&block);
    let length = bytes.len() as i32 - 12;
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    bytes[21..23].copy_from_slice(&2_i16.to_be_bytes());
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    assert_eq!(code_of(&bytes), 0);
}

#[test]
fn snappy_block_that_claims_gigabytes_is_invalid() {
    let mut bytes = BytesMut::from(&batch().encode()[..61]);
    bytes.put_slice(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0]);
    let length = bytes.len() as i32 - 12;
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    bytes[21..23].copy_from_slice(&2_i16.to_be_bytes());
    let crc = crc32c::crc32c(&bytes[21..]);
    bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    assert_eq!(code_of(&Bytes::from(bytes)), INVALID_RECORD);
}
