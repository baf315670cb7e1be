//! The broker's folder: topics, configurations, journals, cluster id and producer ids.
//!
//! ```text
//! <folder>/lock
//! <folder>/meta.json                                      format version, cluster id, reserved producer ids
//! <folder>/offsets.log, transactions.log                  journals
//! <folder>/topics/<topic>-<id>/topic.json                 name, id, number of partitions, configurations
//! <folder>/topics/<topic>-<id>/<partition>/<offset>.log   segments
//! <folder>/topics/<topic>-<id>/<partition>/<offset>.producers   producers at the first offset of a segment
//! <folder>/topics/<topic>-<id>/<partition>/log-start-offset
//! ```
//!
//! Small files are replaced atomically. A topic's directory has the extension `new` while it is being created and the
//! extension `deleted` while it is being deleted. If a crash has left such directories, they are removed when the
//! folder is opened.

mod journal;
mod meta;
mod topics;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;

use crate::config::LogConfig;
use crate::error::{FolderError, StorageError};
use crate::files::Files;
use crate::partition::Log;
pub use journal::{Journal, JournalKind, Rewrite};
use meta::Meta;
pub use topics::{DeletedTopic, Topic};

/// Everything that a broker stores, in a folder or in memory. The folder is locked until this value, its logs and its
/// journals are dropped.
#[derive(Debug)]
pub struct Folder {
    disk: Option<Disk>,
    meta: Meta,
    next_producer_id: i64,
    topics: BTreeMap<String, Topic>,
}

#[derive(Debug)]
struct Disk {
    path: PathBuf,
    files: Arc<Files>,
}

impl Folder {
    /// Opens or creates a folder and locks it.
    ///
    /// # Errors
    /// If another broker uses the folder, a newer version wrote it, or a file cannot be read or written.
    pub fn open(path: &Path) -> Result<Folder, FolderError> {
        let topics = path.join("topics");
        std::fs::create_dir_all(&topics).map_err(StorageError::io("create", &topics))?;
        let files = Files::lock(path)?;
        let meta = Meta::load_or_create(path)?;
        let next_producer_id = meta.reserved_producer_ids();
        let topics = topics::load(&topics)?;
        Ok(Folder { disk: Some(Disk { path: path.into(), files }), meta, next_producer_id, topics })
    }

    /// Creates a folder in memory.
    pub fn in_memory() -> Folder {
        let meta = Meta::new();
        let next_producer_id = meta.reserved_producer_ids();
        Folder { disk: None, meta, next_producer_id, topics: BTreeMap::new() }
    }

    /// Returns the cluster id. As in Kafka, it has 22 characters of base64.
    pub fn cluster_id(&self) -> &str {
        self.meta.cluster_id()
    }

    /// Returns a producer id that was never returned before, not even before a restart. The first one is 1, because
    /// some clients use 0 for "no producer id".
    ///
    /// # Errors
    /// If the reservation of further ids cannot be stored.
    pub fn next_producer_id(&mut self) -> Result<i64, FolderError> {
        if self.next_producer_id == self.meta.reserved_producer_ids() {
            let reserved = self.meta.with_more_producer_ids();
            if let Some(disk) = &self.disk {
                reserved.save(&disk.path)?;
            }
            // Only what is stored counts: the next start continues after the ids in the file.
            self.meta = reserved;
        }
        let id = self.next_producer_id;
        self.next_producer_id += 1;
        Ok(id)
    }

    /// Returns the topics in the order of their names.
    pub fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.topics.values()
    }

    pub fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.get(name)
    }

    pub fn topic_by_id(&self, id: Uuid) -> Option<&Topic> {
        self.topics.values().find(|topic| topic.id == id)
    }

    /// Creates a topic with a new id.
    ///
    /// # Errors
    /// If the name is taken or not valid, the number of partitions is not positive, or the folder cannot be written.
    pub fn create_topic(
        &mut self,
        name: &str,
        partitions: i32,
        configs: BTreeMap<String, String>,
    ) -> Result<&Topic, FolderError> {
        if !topics::is_valid_name(name) {
            return Err(FolderError::InvalidTopicName { name: name.into() });
        }
        if self.topics.contains_key(name) {
            return Err(FolderError::TopicExists { name: name.into() });
        }
        if partitions < 1 {
            return Err(FolderError::InvalidPartitions { name: name.into(), current: 0, requested: partitions });
        }
        let topic = Topic { name: name.into(), id: Uuid::new_v4(), partitions, configs };
        if let Some(disk) = &self.disk {
            topics::create(&disk.topics(), &topic)?;
        }
        Ok(self.topics.entry(topic.name.clone()).or_insert(topic))
    }

    /// Deletes a topic by renaming its directory. The caller must then drop the topic's logs, whose files have moved, and
    /// call [`DeletedTopic::remove`] to delete the records.
    ///
    /// # Errors
    /// If the topic does not exist or its directory cannot be renamed. Nothing has changed then.
    pub fn delete_topic(&mut self, name: &str) -> Result<DeletedTopic, FolderError> {
        let unknown = || FolderError::UnknownTopic { name: name.into() };
        let topic = self.topics.get(name).ok_or_else(unknown)?;
        let dir = self.disk.as_ref().map(|disk| topics::delete(&disk.topics(), topic)).transpose()?;
        let topic = self.topics.remove(name).ok_or_else(unknown)?;
        Ok(DeletedTopic { topic, dir })
    }

    /// Raises a topic's number of partitions to `count`.
    ///
    /// # Errors
    /// If the topic does not exist, if it already has `count` or more partitions, or if its file cannot be written.
    pub fn set_partitions(&mut self, name: &str, count: i32) -> Result<&Topic, FolderError> {
        self.change(name, |topic| {
            if count <= topic.partitions {
                let current = topic.partitions;
                return Err(FolderError::InvalidPartitions { name: name.into(), current, requested: count });
            }
            topic.partitions = count;
            Ok(())
        })
    }

    /// Replaces a topic's configurations. Open logs need [`Log::set_config`] too.
    ///
    /// # Errors
    /// If the topic does not exist or its file cannot be written.
    pub fn set_configs(&mut self, name: &str, configs: BTreeMap<String, String>) -> Result<&Topic, FolderError> {
        self.change(name, |topic| {
            topic.configs = configs;
            Ok(())
        })
    }

    fn change(
        &mut self,
        name: &str,
        change: impl FnOnce(&mut Topic) -> Result<(), FolderError>,
    ) -> Result<&Topic, FolderError> {
        let topic = self.topics.get_mut(name).ok_or_else(|| FolderError::UnknownTopic { name: name.into() })?;
        let mut changed = topic.clone();
        change(&mut changed)?;
        if let Some(disk) = &self.disk {
            topics::save(&disk.topics(), &changed)?;
        }
        *topic = changed;
        Ok(topic)
    }

    /// Opens the log of a partition, recovering it if necessary. A log must be opened only once.
    ///
    /// # Errors
    /// If a file cannot be read or written, or a segment other than the last one is damaged.
    pub fn open_log(&self, topic: &Topic, partition: i32, config: LogConfig) -> Result<Log, FolderError> {
        let Some(disk) = &self.disk else { return Ok(Log::in_memory(config)) };
        let dir = topics::dir(&disk.topics(), topic).join(partition.to_string());
        Ok(Log::open(&dir, &disk.files, config)?)
    }

    /// Opens a journal and returns it with its entries in the order in which they were appended. A journal must be
    /// opened only once.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub fn open_journal(&self, kind: JournalKind) -> Result<(Journal, Vec<Vec<u8>>), FolderError> {
        let Some(disk) = &self.disk else { return Ok((Journal::in_memory(), Vec::new())) };
        Ok(Journal::open(disk.path.join(kind.file_name()), &disk.files)?)
    }

    /// Returns the path of the directory of a partition, or `None` for a folder in memory.
    pub fn partition_dir(&self, topic: &Topic, partition: i32) -> Option<PathBuf> {
        let disk = self.disk.as_ref()?;
        Some(topics::dir(&disk.topics(), topic).join(partition.to_string()))
    }
}

impl Disk {
    fn topics(&self) -> PathBuf {
        self.path.join("topics")
    }
}
