//! Recovery of files that end at any byte or are damaged.

use kafka_log::{FolderError, LogConfig, StorageError};

use crate::batches::Batch;
use crate::{TestLog, read_all, segments};

/// Values of the records in the batches that [`filled`] appends.
const BATCHES: [&[&str]; 4] = [&["a"], &["bb", "ccc"], &["dddd"], &["e", "f", "g"]];

/// Creates a log with a full segment and a second one with [`BATCHES`]. Also returns the start of the second segment
/// and the positions after its batches.
fn filled() -> (TestLog, Vec<usize>) {
    let large = Batch::of(&["x"; 60]).encode();
    let mut log = TestLog::on_disk(LogConfig { segment_bytes: large.len() as u64, ..LogConfig::default() });
    log.append(&large, 0).unwrap();
    let mut positions = vec![0];
    let mut sequence = 0;
    for values in BATCHES {
        let batch = Batch::of(values).sent_by(9, 0, sequence).encode();
        sequence += values.len() as i32;
        log.append(&batch, 0).unwrap();
        positions.push(positions[positions.len() - 1] + batch.len());
    }
    assert_eq!(log.segments().len(), 2);
    (log, positions)
}

/// Returns the number of records in the first segment and in the first `batches` batches of the second one.
fn records_in(batches: usize) -> usize {
    60 + BATCHES[..batches].iter().map(|values| values.len()).sum::<usize>()
}

#[test]
fn last_segment_may_end_at_any_byte() {
    let (mut log, positions) = filled();
    let all = read_all(&log);
    let path = log.segments().pop().unwrap();
    let content = std::fs::read(&path).unwrap();
    for length in 0..=content.len() {
        log.reopen_after(|_| std::fs::write(&path, &content[..length]).unwrap());
        let whole = positions.iter().filter(|&&end| 0 < end && end <= length).count();
        let expected = records_in(whole);
        assert_eq!(read_all(&log), all[..expected], "{length}");
        assert_eq!(std::fs::metadata(&path).unwrap().len(), positions[whole] as u64, "{length}");
        assert_eq!(log.append(&Batch::of(&["new"]).encode(), 0).unwrap().base_offset, expected as i64);
        assert_eq!(read_all(&log).len(), expected + 1);
    }
}

#[test]
fn damaged_byte_cuts_the_last_segment_at_its_batch() {
    let (mut log, positions) = filled();
    let all = read_all(&log);
    let path = log.segments().pop().unwrap();
    let content = std::fs::read(&path).unwrap();
    for position in 0..content.len() {
        let in_batch = position - positions.iter().rev().find(|&&end| end <= position).unwrap();
        if (12..16).contains(&in_batch) {
            continue; // The leader epoch has no meaning here and is outside the CRC.
        }
        let mut damaged = content.clone();
        damaged[position] ^= 0x10;
        log.reopen_after(|_| std::fs::write(&path, &damaged).unwrap());
        let whole = positions.iter().filter(|&&end| 0 < end && end <= position).count();
        assert_eq!(read_all(&log), all[..records_in(whole)], "{position}");
    }
}

#[test]
fn zeros_after_the_last_batch_are_cut() {
    let (mut log, _) = filled();
    let all = read_all(&log);
    let path = log.segments().pop().unwrap();
    let content = std::fs::read(&path).unwrap();
    for zeros in [1, 12, 61, 5_000] {
        log.reopen_after(|_| std::fs::write(&path, [&content[..], &vec![0; zeros]].concat()).unwrap());
        assert_eq!(read_all(&log), all);
    }
}

#[test]
fn sequences_follow_the_recovered_batches() {
    let (mut log, positions) = filled();
    let path = log.segments().pop().unwrap();
    let content = std::fs::read(&path).unwrap();
    // The last batch has sequences 4 to 6.
    let last = Batch::of(BATCHES[3]).sent_by(9, 0, 4).encode();
    assert!(log.append(&last, 0).unwrap().duplicate);
    log.reopen_after(|_| std::fs::write(&path, &content[..positions[3] + 10]).unwrap());
    let appended = log.append(&last, 0).unwrap();
    assert_eq!((appended.base_offset, appended.duplicate), (64, false));
}

#[test]
fn damage_in_a_full_segment_is_an_error() {
    let (mut log, _) = filled();
    let partition = log.partition_dir().unwrap();
    let first = segments(&partition).remove(0);
    (log.log, log.folder) = (None, None);
    let content = std::fs::read(&first).unwrap();
    std::fs::write(&first, &content[..content.len() - 1]).unwrap();
    let folder = kafka_log::Folder::open(log.dir.as_ref().unwrap().path()).unwrap();
    let error = folder.open_log(folder.topic("t").unwrap(), 0, LogConfig::default()).unwrap_err();
    let FolderError::Storage(error @ StorageError::Corrupt { position: 0, .. }) = error else { panic!("{error}") };
    assert!(error.to_string().contains("00000000000000000000.log is damaged at byte 0"), "{error}");
}

#[test]
fn missing_segment_between_two_is_an_error() {
    let batch = Batch::of(&["x"]).encode();
    let mut log = TestLog::on_disk(LogConfig { segment_bytes: 1, ..LogConfig::default() });
    for _ in 0..3 {
        log.append(&batch, 0).unwrap();
    }
    let middle = log.segments().remove(1);
    (log.log, log.folder) = (None, None);
    std::fs::remove_file(middle).unwrap();
    let folder = kafka_log::Folder::open(log.dir.as_ref().unwrap().path()).unwrap();
    let error = folder.open_log(folder.topic("t").unwrap(), 0, LogConfig::default()).unwrap_err();
    assert!(error.to_string().contains("the next offset is 1, but the batch begins at 2"), "{error}");
}

#[test]
fn offsets_never_fall_below_the_log_start() {
    let (mut log, _) = filled();
    log.delete_records_before(65).unwrap();
    let path = log.segments().pop().unwrap();
    log.reopen_after(|_| std::fs::write(&path, []).unwrap());
    assert_eq!((log.log_start_offset(), log.high_watermark()), (65, 65));
    assert_eq!(log.append(&Batch::of(&["new"]).encode(), 0).unwrap().base_offset, 65);
    log.reopen();
    assert_eq!(read_all(&log), [(65, b"new".to_vec())]);
}
