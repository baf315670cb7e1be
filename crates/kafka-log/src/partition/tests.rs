//! Failures of the file system, which tests of the public interface cannot cause.

use std::path::Path;

use super::*;
use crate::control::TransactionResult;
use crate::files::Files;
use crate::files::tests::fail_sync_dir_after;

/// Bytes that one marker fills, so that a second one needs a new segment.
const ONE_MARKER: u64 = 100;

fn open(dir: &Path, segment_bytes: u64) -> Log {
    let files = Files::lock(dir).unwrap();
    Log::open(&dir.join("partition"), &files, LogConfig { segment_bytes, ..LogConfig::default() }).unwrap()
}

fn append(log: &mut Log) -> Result<i64, AppendError> {
    let result = TransactionResult::Commit;
    let marker = EndMarker { producer_id: 1, producer_epoch: 0, coordinator_epoch: 0, result };
    log.append_end_marker(marker, 1_000).map(|appended| appended.base_offset)
}

#[test]
fn failed_roll_leaves_no_segment() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path(), ONE_MARKER);
    append(&mut log).unwrap();
    fail_sync_dir_after(0);
    append(&mut log).unwrap_err();
    // A smaller batch would fit into the segment, which then grows past the base offset of the failed one.
    log.set_config(LogConfig::default());
    assert_eq!(append(&mut log).unwrap(), 1);
    log.set_config(LogConfig { segment_bytes: ONE_MARKER, ..LogConfig::default() });
    assert_eq!(append(&mut log).unwrap(), 2);
    let segments: Vec<_> = log.segments.iter().map(|segment| segment.base_offset).collect();
    assert_eq!(segments, [0, 2]);
    drop(log);
    assert_eq!(open(dir.path(), ONE_MARKER).high_watermark(), 3);
}

/// The same if the file of the failed segment could not be removed either.
#[test]
fn empty_segment_within_another_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path(), 1_000_000);
    for _ in 0..3 {
        append(&mut log).unwrap();
    }
    drop(log);
    let unused = crate::store::segment_path(&dir.path().join("partition"), 1);
    for _ in 0..2 {
        std::fs::write(&unused, []).unwrap();
        let mut log = open(dir.path(), ONE_MARKER);
        assert!(!unused.exists());
        let next = log.high_watermark();
        assert_eq!(append(&mut log).unwrap(), next);
    }
}

/// An empty segment proves that the one before it was written to the disk up to its base offset.
#[test]
fn damage_before_an_empty_segment_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(dir.path(), ONE_MARKER);
    append(&mut log).unwrap();
    log.roll().unwrap();
    drop(log);
    let partition = dir.path().join("partition");
    let first = crate::store::segment_path(&partition, 0);
    let mut content = std::fs::read(&first).unwrap();
    content[70] ^= 1;
    std::fs::write(&first, content).unwrap();
    let files = Files::lock(dir.path()).unwrap();
    let error = Log::open(&partition, &files, LogConfig::default()).unwrap_err();
    assert!(matches!(error, StorageError::Corrupt { position: 0, .. }), "{error}");
}
