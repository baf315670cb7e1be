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

/// If the first segment cannot be deleted, the second one must stay: a log with a gap cannot be opened.
#[test]
fn segments_are_deleted_in_their_order() {
    let [_, mut log] = ten_records(LogConfig { retention_ms: Some(100), ..LogConfig::default() });
    let first = log.segments().remove(0);
    let content = std::fs::read(&first).unwrap();
    std::fs::remove_file(&first).unwrap();
    std::fs::create_dir(&first).unwrap();
    for _ in 0..2 {
        log.enforce_retention(105).unwrap_err();
        assert_eq!((log.log_start_offset(), log.segments().len()), (0, 5));
    }
    std::fs::remove_dir(&first).unwrap();
    std::fs::write(&first, content).unwrap();
    assert_eq!(log.enforce_retention(105).unwrap(), 2);
    log.reopen();
    assert_eq!(log.log_start_offset(), 4);
}

#[test]
fn segment_ends_at_its_age() {
    let config = LogConfig { segment_ms: Some(5), ..LogConfig::default() };
    for mut log in TestLog::on_both(&config) {
        for timestamp in [10, 15, 16, 3, 21, 22] {
            log.append(&batch(timestamp), timestamp).unwrap();
        }
        assert_eq!(read_all(&log).len(), 6);
        if log.dir.is_some() {
            let bases: Vec<_> = log.segments().iter().map(|path| path.file_stem().unwrap().to_owned()).collect();
            assert_eq!(bases, ["00000000000000000000", "00000000000000000002", "00000000000000000005"]);
        }
    }
}

#[test]
fn records_are_flushed_when_they_are_due() {
    let config = LogConfig { flush_ms: Some(100), flush_messages: Some(3), ..LogConfig::default() };
    for mut log in TestLog::on_both(&config) {
        assert!(!log.is_flush_due(i64::MAX));
        log.append(&batch(0), 50).unwrap();
        log.append(&batch(0), 60).unwrap();
        assert!(!log.is_flush_due(149));
        assert!(log.is_flush_due(150));
        log.append(&batch(0), 70).unwrap();
        assert!(!log.is_flush_due(i64::MAX), "three records are flushed with the last one");
        log.append(&batch(0), 80).unwrap();
        log.flush().unwrap();
        assert!(!log.is_flush_due(i64::MAX));
    }
}
