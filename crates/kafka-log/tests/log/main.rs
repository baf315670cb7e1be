//! Tests of the public interface. Batches are encoded by `kafka-protocol`, an independent implementation.

// Clippy's `allow-unwrap-in-tests` does not cover the helper functions beside the tests.
#![allow(clippy::unwrap_used)]

mod batches;
mod crash;
mod folder;
mod kill;
mod model;
mod partition;
mod retention;
mod times;
mod transactions;
mod validation;

use kafka_log::{Folder, Isolation, Log, LogConfig, ReadRequest};

/// A log on a disk with its folder, or a log in memory.
pub(crate) struct TestLog {
    /// `None` for a log in memory.
    dir: Option<tempfile::TempDir>,
    folder: Option<Folder>,
    log: Option<Log>,
    config: LogConfig,
}

impl TestLog {
    pub(crate) fn on_disk(config: LogConfig) -> TestLog {
        let dir = Some(tempfile::tempdir().unwrap());
        let mut test = TestLog { dir, folder: None, log: None, config };
        test.open();
        test
    }

    pub(crate) fn in_memory(config: LogConfig) -> TestLog {
        TestLog { dir: None, folder: None, log: Some(Log::in_memory(config.clone())), config }
    }

    pub(crate) fn on_both(config: &LogConfig) -> [TestLog; 2] {
        [TestLog::in_memory(config.clone()), TestLog::on_disk(config.clone())]
    }

    /// Drops log and folder, calls `change` with the directory of the partition, and opens them again.
    pub(crate) fn reopen_after(&mut self, change: impl FnOnce(&std::path::Path)) {
        let Some(partition) = self.partition_dir() else { return };
        (self.log, self.folder) = (None, None);
        change(&partition);
        self.open();
    }

    pub(crate) fn reopen(&mut self) {
        self.reopen_after(|_| {});
    }

    fn open(&mut self) {
        let Some(dir) = &self.dir else { return };
        let mut folder = Folder::open(dir.path()).unwrap();
        if folder.topic("t").is_none() {
            folder.create_topic("t", 1, Default::default()).unwrap();
        }
        self.log = Some(folder.open_log(folder.topic("t").unwrap(), 0, self.config.clone()).unwrap());
        self.folder = Some(folder);
    }

    pub(crate) fn partition_dir(&self) -> Option<std::path::PathBuf> {
        let folder = self.folder.as_ref()?;
        folder.partition_dir(folder.topic("t")?, 0)
    }

    /// Returns the paths of the segments in the order of their offsets.
    pub(crate) fn segments(&self) -> Vec<std::path::PathBuf> {
        self.partition_dir().map(|dir| segments(&dir)).unwrap_or_default()
    }
}

impl std::ops::Deref for TestLog {
    type Target = Log;

    fn deref(&self) -> &Log {
        self.log.as_ref().unwrap()
    }
}

impl std::ops::DerefMut for TestLog {
    fn deref_mut(&mut self) -> &mut Log {
        self.log.as_mut().unwrap()
    }
}

/// Returns the paths of a partition's segments in the order of their offsets.
pub(crate) fn segments(partition: &std::path::Path) -> Vec<std::path::PathBuf> {
    let paths = std::fs::read_dir(partition).unwrap().map(|entry| entry.unwrap().path());
    let mut segments: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "log")).collect();
    segments.sort();
    segments
}

/// Returns a request for up to 1 MiB from `offset` on.
pub(crate) fn from(offset: i64) -> ReadRequest {
    ReadRequest { offset, max_bytes: 1 << 20, at_least_one_batch: true, isolation: Isolation::ReadUncommitted }
}

/// Returns the offsets and values of all records from the log start offset on.
pub(crate) fn read_all(log: &Log) -> Vec<(i64, Vec<u8>)> {
    let mut records = Vec::new();
    let mut offset = log.log_start_offset();
    while offset < log.high_watermark() {
        let read = log.read(from(offset)).unwrap();
        let decoded = batches::decode(read.records);
        offset = decoded.last().unwrap().0 + 1;
        records.extend(decoded);
    }
    records.retain(|(offset, _)| *offset >= log.log_start_offset());
    records
}
