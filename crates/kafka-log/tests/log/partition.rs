//! Appends and reads.

use kafka_log::{BatchHeader, Isolation, LogConfig, ReadError, ReadRequest, ValidBatch, batches};

use crate::batches::{ALL_COMPRESSIONS, Batch};
use crate::{TestLog, from, read_all};

#[test]
fn batches_of_every_compression_are_read_as_appended() {
    for mut log in TestLog::on_both(&LogConfig::default()) {
        let mut expected = Vec::new();
        for (n, compression) in ALL_COMPRESSIONS.into_iter().enumerate() {
            let batch = Batch::of(&["a", "bb"]).compressed(compression).encode();
            let appended = log.append(&batch, 2_000).unwrap();
            let base = n as i64 * 2;
            assert_eq!((appended.base_offset, appended.last_offset), (base, base + 1));
            assert_eq!((appended.log_append_time, appended.duplicate), (None, false));
            expected.extend([(base, b"a".to_vec()), (base + 1, b"bb".to_vec())]);
        }
        assert_eq!(read_all(&log), expected);
        log.reopen();
        assert_eq!(read_all(&log), expected);
        assert_eq!(log.high_watermark(), 10);
    }
}

#[test]
fn only_offset_fields_of_a_stored_batch_change() {
    for mut log in TestLog::on_both(&LogConfig::default()) {
        log.append(&Batch::of(&["first"]).encode(), 0).unwrap();
        let batch = Batch::of(&["a", "b"]).encode();
        log.append(&batch, 0).unwrap();
        let stored = log.read(from(1)).unwrap().records;
        assert_eq!(stored[..8], 1_i64.to_be_bytes());
        assert_eq!(stored[8..12], batch[8..12]);
        assert_eq!(stored[12..16], [0; 4]);
        assert_eq!(stored[16..], batch[16..]);
    }
}

#[test]
fn read_from_inside_a_batch_returns_the_batch() {
    for mut log in TestLog::on_both(&LogConfig::default()) {
        log.append(&Batch::of(&["a", "b", "c"]).encode(), 0).unwrap();
        log.append(&Batch::of(&["d"]).encode(), 0).unwrap();
        let read = log.read(from(2)).unwrap().records;
        let headers: Vec<BatchHeader> = batches(read).map(|batch| batch.unwrap().0).collect();
        assert_eq!(headers.iter().map(|header| header.base_offset).collect::<Vec<_>>(), [0, 3]);
    }
}

#[test]
fn limit_below_the_first_batch_returns_one_batch_on_request() {
    for mut log in TestLog::on_both(&LogConfig::default()) {
        let batch = Batch::of(&["a"]).encode();
        log.append(&batch, 0).unwrap();
        log.append(&batch, 0).unwrap();
        let mut request = ReadRequest { max_bytes: 10, ..from(0) };
        assert_eq!(log.read(request).unwrap().records.len(), batch.len());
        request.at_least_one_batch = false;
        assert!(log.read(request).unwrap().records.is_empty());
        request.max_bytes = 2 * batch.len() - 1;
        assert_eq!(log.read(request).unwrap().records.len(), batch.len());
        request.max_bytes = 2 * batch.len();
        assert_eq!(log.read(request).unwrap().records.len(), 2 * batch.len());
    }
}

#[test]
fn read_at_the_end_is_empty() {
    for mut log in TestLog::on_both(&LogConfig::default()) {
        assert!(log.read(from(0)).unwrap().records.is_empty());
        log.append(&Batch::of(&["a"]).encode(), 0).unwrap();
        assert!(log.read(from(1)).unwrap().records.is_empty());
    }
}

#[test]
fn read_outside_the_log_is_out_of_range() {
    for mut log in TestLog::on_both(&LogConfig::default()) {
        log.append(&Batch::of(&["a", "b"]).encode(), 0).unwrap();
        log.delete_records_before(1).unwrap();
        for offset in [-1, 0, 3] {
            let error = log.read(ReadRequest { isolation: Isolation::ReadCommitted, ..from(offset) }).unwrap_err();
            assert!(matches!(error, ReadError::OffsetOutOfRange { log_start_offset: 1, log_end_offset: 2, .. }));
            assert_eq!(error.code(), 1);
        }
    }
}

#[test]
fn full_segment_is_followed_by_another_one() {
    let batch = Batch::of(&["a"]).encode();
    let config = LogConfig { segment_bytes: 2 * batch.len() as u64, ..LogConfig::default() };
    for mut log in TestLog::on_both(&config) {
        for _ in 0..5 {
            log.append(&batch, 0).unwrap();
        }
        assert_eq!(read_all(&log).len(), 5);
        assert_eq!(log.size_bytes(), 5 * batch.len() as u64);
        log.reopen();
        assert_eq!(read_all(&log).len(), 5);
        if log.dir.is_some() {
            let names: Vec<_> = log.segments().iter().map(|path| path.file_stem().unwrap().to_owned()).collect();
            assert_eq!(names, ["00000000000000000000", "00000000000000000002", "00000000000000000004"]);
        }
    }
}

#[test]
fn batch_larger_than_a_segment_has_a_segment_of_its_own() {
    for mut log in TestLog::on_both(&LogConfig { segment_bytes: 1, ..LogConfig::default() }) {
        for _ in 0..3 {
            log.append(&Batch::of(&["a"]).encode(), 0).unwrap();
        }
        assert_eq!(read_all(&log).len(), 3);
    }
}

#[test]
fn duplicate_is_answered_with_its_first_offset() {
    for mut log in TestLog::on_both(&LogConfig::default()) {
        let batch = |sequence| Batch::of(&["a", "b"]).sent_by(5, 0, sequence).encode();
        log.append(&batch(0), 0).unwrap();
        log.append(&batch(2), 0).unwrap();
        for _ in 0..2 {
            let appended = log.append(&batch(0), 0).unwrap();
            assert_eq!((appended.base_offset, appended.last_offset, appended.duplicate), (0, 1, true));
            assert_eq!(appended.log_append_time, Some(1_000));
            assert_eq!(log.high_watermark(), 4);
            log.reopen();
        }
        assert_eq!(log.append(&batch(5), 0).unwrap_err().code(), 45);
        assert_eq!(log.producers()[0].last_sequence, 3);
    }
}

#[test]
fn log_append_time_replaces_the_timestamps() {
    let config = LogConfig { timestamp_type: kafka_log::TimestampType::LogAppendTime, ..LogConfig::default() };
    for mut log in TestLog::on_both(&config) {
        let appended = log.append(&Batch::of(&["a", "b"]).encode(), 5_000).unwrap();
        assert_eq!(appended.log_append_time, Some(5_000));
        let stored = log.read(from(0)).unwrap().records;
        let header = BatchHeader::verify(&stored).unwrap();
        assert_eq!(header.max_timestamp, 5_000);
        assert_eq!(header.timestamp_type(), kafka_log::TimestampType::LogAppendTime);
        let found = log.offset_for_time(5_000).unwrap().unwrap();
        assert_eq!((found.offset, found.timestamp), (0, 5_000));
    }
}

#[test]
fn many_small_batches_are_found_after_a_restart() {
    let mut log = TestLog::on_disk(LogConfig { segment_bytes: 600_000, ..LogConfig::default() });
    for n in 0..8_000 {
        let batch = Batch::new(vec![(n / 2, vec![b'x'; n as usize % 47])]).encode();
        log.append(&batch, 0).unwrap();
    }
    log.reopen();
    assert_eq!(log.high_watermark(), 8_000);
    for offset in (0..8_000).step_by(13) {
        let read = log.read(ReadRequest { max_bytes: 1, ..from(offset) }).unwrap().records;
        assert_eq!(BatchHeader::verify(&read).unwrap().base_offset, offset);
        assert_eq!(
            log.offset_for_time(offset).unwrap().map(|found| found.offset),
            (offset < 4_000).then_some(2 * offset)
        );
    }
    log.delete_records_before(10).unwrap();
    assert_eq!(log.max_timestamp().unwrap().map(|max| max.offset), Some(7_998));
}

#[test]
fn thousand_logs_are_open_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut folder = kafka_log::Folder::open(dir.path()).unwrap();
    folder.create_topic("t", 1_000, Default::default()).unwrap();
    let topic = folder.topic("t").unwrap();
    let open = |partition| folder.open_log(topic, partition, LogConfig::default()).unwrap();
    let mut logs: Vec<_> = (0..1_000).map(open).collect();
    for log in &mut logs {
        log.append(&Batch::of(&["a"]).encode(), 0).unwrap();
    }
    assert!(logs.iter().all(|log| log.read(from(0)).unwrap().records.len() > 60));
}

/// The caller can write a segment to the disk before it locks the log for the append that ends the segment.
#[test]
fn full_segment_is_known_before_the_append() {
    let batch = Batch::of(&["a"]).encode();
    let mut log = TestLog::on_disk(LogConfig { segment_bytes: batch.len() as u64, ..LogConfig::default() });
    let valid = ValidBatch::new(&batch, log.config(), 0).unwrap();
    assert!(log.full_segment(&valid).is_none());
    log.append_valid(valid.clone(), 0).unwrap();
    log.full_segment(&valid).unwrap().sync().unwrap();
    assert_eq!(log.append_valid(valid, 0).unwrap().base_offset, 1);
    assert_eq!(log.segments().len(), 2);
}
