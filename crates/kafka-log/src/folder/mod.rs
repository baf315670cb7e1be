//! The broker's folder.
use std::collections::BTreeMap;
use std::path::Path;

use uuid::Uuid;

use crate::error::{FolderError, StorageError};
use crate::partition::{Log, LogConfig};

/// A topic of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    pub name: String,
    pub id: Uuid,
    pub partitions: i32,
    /// Configurations that were set for the topic; defaults are not listed.
    pub configs: BTreeMap<String, String>,
}

/// The journals of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalKind {
    /// Offsets of consumer groups, `offsets.log`.
    Offsets,
    /// Transactions, `transactions.log`.
    Transactions,
}

/// Everything that a broker stores, in a folder or in memory. The folder is locked until the value is dropped.
#[derive(Debug)]
pub struct Folder {}

#[allow(unused_variables, clippy::unimplemented)]
impl Folder {
    /// Opens or creates a folder and locks it.
    pub fn open(path: &Path) -> Result<Folder, FolderError> {
        unimplemented!()
    }

    /// Creates a folder in memory.
    pub fn in_memory() -> Folder {
        unimplemented!()
    }

    /// The cluster id, 22 characters of base64 as Kafka's are.
    pub fn cluster_id(&self) -> &str {
        unimplemented!()
    }

    /// The topics in the order of their names.
    pub fn topics(&self) -> impl Iterator<Item = &Topic> {
        std::iter::empty()
    }

    pub fn topic(&self, name: &str) -> Option<&Topic> {
        unimplemented!()
    }

    pub fn topic_by_id(&self, id: Uuid) -> Option<&Topic> {
        unimplemented!()
    }

    pub fn create_topic(
        &mut self,
        name: &str,
        partitions: i32,
        configs: BTreeMap<String, String>,
    ) -> Result<&Topic, FolderError> {
        unimplemented!()
    }

    /// Deletes a topic and its records. Its logs must be dropped before.
    pub fn delete_topic(&mut self, name: &str) -> Result<Topic, FolderError> {
        unimplemented!()
    }

    /// Raises a topic's number of partitions to `count`.
    pub fn set_partitions(&mut self, name: &str, count: i32) -> Result<&Topic, FolderError> {
        unimplemented!()
    }

    /// Replaces a topic's configurations. Open logs need [`Log::set_config`] too.
    pub fn set_configs(&mut self, name: &str, configs: BTreeMap<String, String>) -> Result<&Topic, FolderError> {
        unimplemented!()
    }

    /// Opens the log of a partition, recovering it if necessary. A log must be opened only once.
    pub fn open_log(&self, topic: &Topic, partition: i32, config: LogConfig) -> Result<Log, FolderError> {
        unimplemented!()
    }

    /// Returns a producer id that was never returned before, also not before a restart.
    pub fn next_producer_id(&mut self) -> Result<i64, FolderError> {
        unimplemented!()
    }

    /// Opens a journal and returns it with its entries in the order in which they were appended. A journal must be
    /// opened only once.
    pub fn open_journal(&self, kind: JournalKind) -> Result<(Journal, Vec<Vec<u8>>), FolderError> {
        unimplemented!()
    }
}

/// A file of opaque entries that are appended one after the other and replaced all at once.
#[derive(Debug)]
pub struct Journal {}

#[allow(unused_variables, clippy::unimplemented)]
impl Journal {
    /// Appends an entry. It survives a kill of the process.
    pub fn append(&mut self, entry: &[u8]) -> Result<(), StorageError> {
        unimplemented!()
    }

    /// Returns `true` if the journal has grown so much that [`rewrite`](Self::rewrite) with the current state is due.
    pub fn needs_rewrite(&self) -> bool {
        unimplemented!()
    }

    /// Replaces all entries atomically.
    pub fn rewrite<E: AsRef<[u8]>>(&mut self, entries: impl IntoIterator<Item = E>) -> Result<(), StorageError> {
        unimplemented!()
    }

    /// Writes everything to the disk (`fsync`).
    pub fn flush(&mut self) -> Result<(), StorageError> {
        unimplemented!()
    }
}
