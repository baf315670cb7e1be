//! The topics of the broker with their open logs.
//!
//! The folder has the durable facts; the registry has what requests need, and a request never waits for the folder. A
//! [`Topic`] is an immutable snapshot: a change replaces it, and its partitions are shared by old and new snapshots.

mod config;
mod keys;
mod partition;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use kafka_log::{Folder, FolderError, LogConfig};
use uuid::Uuid;

pub(crate) use config::{ConfigError, TopicConfigs};
pub(crate) use keys::{ConfigKind, MAX_MESSAGE_BYTES, TOPIC_KEYS, TopicKey};
pub(crate) use partition::{Partition, Waiter};

use crate::error::BrokerError;
use crate::options::Options;

/// Largest number of partitions of a topic; a request for more is rejected before anything is created.
pub(crate) const MAX_PARTITIONS: i32 = 10_000;

/// A topic at a moment.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: String,
    pub(crate) id: Uuid,
    /// Configurations that were set for the topic.
    pub(crate) configs: TopicConfigs,
    pub(crate) partitions: Vec<Arc<Partition>>,
}

impl Topic {
    pub(crate) fn partition(&self, index: i32) -> Option<&Arc<Partition>> {
        self.partitions.get(usize::try_from(index).ok()?)
    }

    pub(crate) fn partition_count(&self) -> i32 {
        i32::try_from(self.partitions.len()).unwrap_or(i32::MAX)
    }
}

/// All topics.
#[derive(Debug)]
pub(crate) struct Topics {
    /// Locked before `registry` where both are needed.
    folder: Mutex<Folder>,
    registry: RwLock<Registry>,
    max_message_bytes: usize,
}

#[derive(Debug, Default)]
struct Registry {
    by_name: BTreeMap<String, Arc<Topic>>,
    by_id: HashMap<Uuid, Arc<Topic>>,
}

impl Registry {
    fn insert(&mut self, topic: Topic) -> Arc<Topic> {
        let topic = Arc::new(topic);
        self.by_id.insert(topic.id, Arc::clone(&topic));
        self.by_name.insert(topic.name.clone(), Arc::clone(&topic));
        topic
    }
}

impl Topics {
    /// Opens the logs of all topics of a folder.
    pub(crate) fn open(folder: Folder, options: &Options) -> Result<Self, BrokerError> {
        let mut registry = Registry::default();
        for stored in folder.topics() {
            let invalid = |source| BrokerError::TopicConfig { topic: stored.name.clone(), source };
            let configs = TopicConfigs::parse(stored.configs.clone()).map_err(invalid)?;
            let log_config = configs.log_config(options.max_message_bytes);
            let partitions = open_partitions(&folder, stored, 0, &log_config)?;
            registry.insert(Topic { name: stored.name.clone(), id: stored.id, configs, partitions });
        }
        let max_message_bytes = options.max_message_bytes;
        Ok(Topics { folder: Mutex::new(folder), registry: RwLock::new(registry), max_message_bytes })
    }

    pub(crate) fn by_name(&self, name: &str) -> Option<Arc<Topic>> {
        self.read().by_name.get(name).cloned()
    }

    pub(crate) fn by_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        self.read().by_id.get(&id).cloned()
    }

    /// All topics in the order of their names.
    pub(crate) fn all(&self) -> Vec<Arc<Topic>> {
        self.read().by_name.values().cloned().collect()
    }

    pub(crate) fn partition(&self, topic: &str, index: i32) -> Option<Arc<Partition>> {
        self.read().by_name.get(topic)?.partition(index).cloned()
    }

    /// Creates a topic and opens its logs.
    pub(crate) fn create(&self, name: &str, partitions: i32, configs: TopicConfigs) -> Result<Arc<Topic>, FolderError> {
        let mut folder = self.folder();
        let stored = folder.create_topic(name, partitions, configs.to_map())?.clone();
        let partitions = open_partitions(&folder, &stored, 0, &configs.log_config(self.max_message_bytes))?;
        Ok(self.write().insert(Topic { name: stored.name, id: stored.id, configs, partitions }))
    }

    /// Deletes a topic with its records. Requests that are under way see that it is gone.
    pub(crate) fn delete(&self, name: &str) -> Result<(), FolderError> {
        let mut folder = self.folder();
        let removed = {
            let mut registry = self.write();
            let removed = registry.by_name.remove(name);
            if let Some(topic) = &removed {
                registry.by_id.remove(&topic.id);
            }
            removed
        };
        for partition in removed.iter().flat_map(|topic| &topic.partitions) {
            partition.close();
        }
        folder.delete_topic(name).map(drop)
    }

    /// Raises the number of a topic's partitions to `count`.
    pub(crate) fn add_partitions(&self, name: &str, count: i32) -> Result<(), FolderError> {
        let mut folder = self.folder();
        let stored = folder.set_partitions(name, count)?.clone();
        let topic = self.by_name(name).ok_or_else(|| FolderError::UnknownTopic { name: name.to_owned() })?;
        let log_config = topic.configs.log_config(self.max_message_bytes);
        let added = open_partitions(&folder, &stored, topic.partition_count(), &log_config)?;
        let partitions = topic.partitions.iter().cloned().chain(added).collect();
        self.write().insert(Topic {
            name: topic.name.clone(),
            id: topic.id,
            configs: topic.configs.clone(),
            partitions,
        });
        Ok(())
    }

    /// Replaces a topic's configurations.
    pub(crate) fn set_configs(&self, name: &str, configs: TopicConfigs) -> Result<(), FolderError> {
        let mut folder = self.folder();
        folder.set_configs(name, configs.to_map())?;
        let topic = self.by_name(name).ok_or_else(|| FolderError::UnknownTopic { name: name.to_owned() })?;
        let log_config = configs.log_config(self.max_message_bytes);
        for partition in &topic.partitions {
            partition.change(|log| log.set_config(log_config.clone()));
        }
        let partitions = topic.partitions.clone();
        self.write().insert(Topic { name: topic.name.clone(), id: topic.id, configs, partitions });
        Ok(())
    }

    pub(crate) fn next_producer_id(&self) -> Result<i64, FolderError> {
        self.folder().next_producer_id()
    }

    /// Deletes the segments that the topics' retention allows to delete.
    pub(crate) fn enforce_retention(&self, now_ms: i64) {
        for topic in self.all() {
            for (index, partition) in topic.partitions.iter().enumerate() {
                match partition.change(|log| log.enforce_retention(now_ms)) {
                    Some(Ok(segments)) if segments > 0 => {
                        tracing::info!(topic = topic.name, partition = index, segments, "records deleted by retention");
                    }
                    Some(Err(error)) => {
                        tracing::error!(topic = topic.name, partition = index, %error, "failed to enforce retention");
                    }
                    _ => {}
                }
            }
        }
    }

    /// Writes all logs to the disk and closes them.
    pub(crate) fn close(&self) -> Result<(), kafka_log::StorageError> {
        let mut result = Ok(());
        for partition in self.all().iter().flat_map(|topic| &topic.partitions) {
            if let Some(flushed) = partition.change(kafka_log::Log::flush) {
                result = result.and(flushed);
            }
            partition.close();
        }
        result
    }

    fn folder(&self) -> std::sync::MutexGuard<'_, Folder> {
        self.folder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Registry> {
        self.registry.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Registry> {
        self.registry.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open_partitions(
    folder: &Folder,
    topic: &kafka_log::Topic,
    from: i32,
    config: &LogConfig,
) -> Result<Vec<Arc<Partition>>, FolderError> {
    (from..topic.partitions)
        .map(|index| folder.open_log(topic, index, config.clone()).map(|log| Arc::new(Partition::new(log))))
        .collect()
}
