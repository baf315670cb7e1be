//! Deletion of old records.

use kafka_log::LogConfig;

use crate::batches::Batch;
use crate::{TestLog, from, read_all};

fn batch(timestamp: i64) -> bytes::Bytes {
    Batch::new(vec![(timestamp, b"value".to_vec())]).encode()
}

/// Five segments of two records each, with timestamps 0, 1, 2, ...
fn ten_records(config: LogConfig) -> [TestLog; 2] {
    let segment_bytes = 2 * batch(0).len() as u64;
    let mut logs = TestLog::on_both(&LogConfig { segment_bytes, ..config });
    for log in &mut logs {
        for n in 0..10 {
            log.append(&batch(n), n).unwrap();
        }
    }
    logs
}

#[test]
fn log_start_offset_survives_a_restart() {
    for mut log in ten_records(LogConfig::default()) {
        assert_eq!(log.delete_records_before(5).unwrap(), 5);
        for _ in 0..2 {
            assert_eq!(log.log_start_offset(), 5);
            assert_eq!(read_all(&log).first().unwrap().0, 5);
            assert_eq!(log.read(from(4)).unwrap_err().code(), 1);
            if log.dir.is_some() {
                assert_eq!(log.segments().len(), 3);
            }
            log.reopen();
        }
    }
}

#[test]
fn deletion_below_the_log_start_changes_nothing() {
    for mut log in ten_records(LogConfig::default()) {
        log.delete_records_before(5).unwrap();
        assert_eq!(log.delete_records_before(3).unwrap(), 5);
        assert_eq!(log.log_start_offset(), 5);
    }
}

#[test]
fn deletion_above_the_high_watermark_is_out_of_range() {
    for mut log in ten_records(LogConfig::default()) {
        for offset in [-1, 11] {
            assert_eq!(log.delete_records_before(offset).unwrap_err().code(), 1);
        }
        assert_eq!(log.log_start_offset(), 0);
    }
}

#[test]
fn offsets_continue_after_all_records_were_deleted() {
    for mut log in ten_records(LogConfig::default()) {
        log.delete_records_before(10).unwrap();
        assert_eq!(log.size_bytes(), 0);
        log.reopen();
        assert_eq!((log.log_start_offset(), log.high_watermark()), (10, 10));
        assert_eq!(log.append(&batch(0), 0).unwrap().base_offset, 10);
        assert_eq!(read_all(&log), [(10, b"value".to_vec())]);
    }
}

#[test]
fn old_segments_are_deleted_by_age() {
    let config = LogConfig { retention_ms: Some(100), ..LogConfig::default() };
    for mut log in ten_records(config) {
        assert_eq!(log.enforce_retention(103).unwrap(), 1);
        assert_eq!(log.log_start_offset(), 2);
        assert_eq!(log.enforce_retention(103).unwrap(), 0);
        assert_eq!(log.enforce_retention(1_000).unwrap(), 4);
        log.reopen();
        assert_eq!((log.log_start_offset(), log.high_watermark()), (10, 10));
    }
}

#[test]
fn large_log_is_cut_to_its_size() {
    let config = LogConfig { retention_bytes: Some(5 * batch(0).len() as u64), ..LogConfig::default() };
    for mut log in ten_records(config) {
        assert_eq!(log.enforce_retention(0).unwrap(), 2);
        assert_eq!(log.log_start_offset(), 4);
    }
}

#[test]
fn retention_is_off_by_default() {
    for mut log in ten_records(LogConfig::default()) {
        assert_eq!(log.enforce_retention(i64::MAX).unwrap(), 0);
        assert_eq!(log.log_start_offset(), 0);
    }
}
