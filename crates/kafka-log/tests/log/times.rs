//! Lookups by timestamp.

use kafka_log::{Log, LogConfig};

use crate::TestLog;
use crate::batches::{ALL_COMPRESSIONS, Batch};

fn lookup(log: &Log, timestamp: i64) -> Option<(i64, i64)> {
    log.offset_for_time(timestamp).unwrap().map(|found| (found.offset, found.timestamp))
}

fn batch(timestamps: &[i64]) -> Batch {
    Batch::new(timestamps.iter().map(|timestamp| (*timestamp, b"value".to_vec())).collect())
}

#[test]
fn time_is_looked_up_to_the_record_in_every_compression() {
    for compression in ALL_COMPRESSIONS {
        for mut log in TestLog::on_both(&LogConfig::default()) {
            log.append(&batch(&[100, 300, 200]).compressed(compression).encode(), 1_000).unwrap();
            log.append(&batch(&[400, 250]).compressed(compression).encode(), 1_000).unwrap();
            assert_eq!(lookup(&log, 0), Some((0, 100)));
            assert_eq!(lookup(&log, 150), Some((1, 300)));
            assert_eq!(lookup(&log, 300), Some((1, 300)));
            assert_eq!(lookup(&log, 301), Some((3, 400)));
            assert_eq!(lookup(&log, 401), None);
        }
    }
}

#[test]
fn deleted_records_are_not_found_by_time() {
    for mut log in TestLog::on_both(&LogConfig::default()) {
        log.append(&batch(&[100, 500, 200]).encode(), 1_000).unwrap();
        log.append(&batch(&[300]).encode(), 1_000).unwrap();
        log.delete_records_before(2).unwrap();
        assert_eq!(lookup(&log, 0), Some((2, 200)));
        assert_eq!(lookup(&log, 201), Some((3, 300)));
        let max = log.max_timestamp().unwrap().unwrap();
        assert_eq!((max.offset, max.timestamp), (3, 300));
    }
}

#[test]
fn max_timestamp_is_the_first_of_the_largest() {
    let config = LogConfig { segment_bytes: 200, ..LogConfig::default() };
    for mut log in TestLog::on_both(&config) {
        assert_eq!(log.max_timestamp().unwrap(), None);
        for timestamps in [[10, 20], [70, 90], [90, 50], [30, 90]] {
            log.append(&batch(&timestamps).encode(), 1_000).unwrap();
        }
        let max = log.max_timestamp().unwrap().unwrap();
        assert_eq!((max.offset, max.timestamp), (3, 90));
    }
}

#[test]
fn records_without_timestamps_have_no_max_timestamp() {
    for mut log in TestLog::on_both(&LogConfig::default()) {
        log.append(&batch(&[-1, -1]).encode(), 1_000).unwrap();
        assert_eq!(log.max_timestamp().unwrap(), None);
    }
}
