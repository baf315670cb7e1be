//! The topics of the broker with their open logs.
//!
//! The folder has the durable facts; the registry has what requests need, and a request never waits for the folder. A
//! [`Topic`] is an immutable snapshot: a change replaces it, and its partitions are shared by old and new snapshots.

mod config;
mod keys;
mod partition;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use kafka_log::{DeletedTopic, Folder, FolderError, LogConfig, StorageError};
use uuid::Uuid;

pub(crate) use config::{ConfigError, TopicConfigs};
pub(crate) use keys::{ConfigKind, MAX_MESSAGE_BYTES, TOPIC_KEYS, TopicKey};
pub(crate) use partition::{Partition, Waiter};

use crate::blocking::blocking;
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
    /// Names of topics by their names in metrics.
    by_metric_name: HashMap<String, String>,
}

impl Registry {
    fn insert(&mut self, topic: Topic) -> Arc<Topic> {
        let topic = Arc::new(topic);
        self.by_id.insert(topic.id, Arc::clone(&topic));
        self.by_name.insert(topic.name.clone(), Arc::clone(&topic));
        self.by_metric_name.insert(metric_name(&topic.name), topic.name.clone());
        topic
    }

    fn remove(&mut self, name: &str) -> Option<Arc<Topic>> {
        let topic = self.by_name.remove(name)?;
        self.by_id.remove(&topic.id);
        let metric_name = metric_name(name);
        if self.by_metric_name.get(&metric_name).is_some_and(|owner| owner == name) {
            self.by_metric_name.remove(&metric_name);
        }
        Some(topic)
    }
}

/// Metrics replace dots by underscores, so Kafka rejects names that differ only in them.
fn metric_name(topic: &str) -> String {
    topic.replace('.', "_")
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

    /// Returns the name of a topic that has the same name in metrics.
    pub(crate) fn colliding(&self, name: &str) -> Option<String> {
        self.read().by_metric_name.get(&metric_name(name)).cloned()
    }

    pub(crate) fn by_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        self.read().by_id.get(&id).cloned()
    }

    /// Returns all topics in the order of their names.
    pub(crate) fn all(&self) -> Vec<Arc<Topic>> {
        self.read().by_name.values().cloned().collect()
    }

    pub(crate) fn partition(&self, topic: &str, index: i32) -> Option<Arc<Partition>> {
        self.read().by_name.get(topic)?.partition(index).cloned()
    }

    /// Creates a topic and opens its logs. `forget` is called before, to delete what is stored about an earlier topic
    /// with the name. After an error there is no such topic.
    pub(crate) fn create(
        &self,
        name: &str,
        partitions: i32,
        configs: TopicConfigs,
        forget: impl FnOnce() -> Result<(), StorageError>,
    ) -> Result<Arc<Topic>, FolderError> {
        let mut folder = self.folder();
        if self.by_name(name).is_some() {
            return Err(FolderError::TopicExists { name: name.to_owned() });
        }
        if folder.topic(name).is_some() {
            // The rest of an attempt that failed and could not be undone.
            folder.delete_topic(name)?.remove();
        }
        forget()?;
        let stored = folder.create_topic(name, partitions, configs.to_map())?.clone();
        match open_partitions(&folder, &stored, 0, &configs.log_config(self.max_message_bytes)) {
            Ok(partitions) => Ok(self.write().insert(Topic { name: stored.name, id: stored.id, configs, partitions })),
            Err(error) => {
                match folder.delete_topic(name) {
                    Ok(deleted) => deleted.remove(),
                    Err(error) => tracing::error!(topic = name, %error, "failed to remove a topic without logs"),
                }
                Err(error)
            }
        }
    }

    /// Deletes a topic. Requests that are under way see that it is gone. `forget` is called after that and before a
    /// topic with the name can be created. The caller removes the records. After an error the topic is unchanged.
    pub(crate) fn delete(&self, topic: &Topic, forget: impl FnOnce()) -> Result<DeletedTopic, FolderError> {
        let mut folder = self.folder();
        // The name may belong to another topic by now.
        if folder.topic(&topic.name).is_none_or(|stored| stored.id != topic.id) {
            return Err(FolderError::UnknownTopic { name: topic.name.clone() });
        }
        let deleted = folder.delete_topic(&topic.name)?;
        let removed = self.write().remove(&topic.name);
        for partition in removed.iter().flat_map(|topic| &topic.partitions) {
            partition.close();
        }
        forget();
        Ok(deleted)
    }

    /// Raises the number of a topic's partitions to `count`. After an error the topic is unchanged.
    pub(crate) fn add_partitions(&self, name: &str, count: i32) -> Result<(), FolderError> {
        let mut folder = self.folder();
        let topic = self.by_name(name).ok_or_else(|| FolderError::UnknownTopic { name: name.to_owned() })?;
        let stored = folder.topic(name).ok_or_else(|| FolderError::UnknownTopic { name: name.to_owned() })?;
        let log_config = topic.configs.log_config(self.max_message_bytes);
        // Empty logs that no stored number of partitions includes are of no harm, so they come first.
        let wanted = kafka_log::Topic { partitions: count, ..stored.clone() };
        let added = open_partitions(&folder, &wanted, topic.partition_count(), &log_config)?;
        folder.set_partitions(name, count)?;
        let partitions = topic.partitions.iter().cloned().chain(added).collect();
        self.write().insert(Topic {
            name: topic.name.clone(),
            id: topic.id,
            configs: topic.configs.clone(),
            partitions,
        });
        Ok(())
    }

    /// Changes a topic's configurations by `change`, which receives the present ones. No other change comes between.
    pub(crate) fn change_configs<E: From<FolderError>>(
        &self,
        name: &str,
        change: impl FnOnce(TopicConfigs) -> Result<TopicConfigs, E>,
    ) -> Result<(), E> {
        let mut folder = self.folder();
        let topic = self.by_name(name).ok_or_else(|| FolderError::UnknownTopic { name: name.to_owned() })?;
        let configs = change(topic.configs.clone())?;
        folder.set_configs(name, configs.to_map())?;
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
                let expired = partition.read(|log| log.expired_segment(now_ms)).flatten();
                if let Some(Err(error)) = expired.map(|segment| segment.sync()) {
                    tracing::error!(topic = topic.name, partition = index, %error, "failed to write an expired segment");
                    continue;
                }
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

    /// Writes the logs to the disk for which the topic's configuration asks for it by now.
    pub(crate) fn flush_due(&self, now_ms: i64) {
        for topic in self.all().into_iter().filter(|topic| topic.configs.get("flush.ms").is_some()) {
            for (index, partition) in topic.partitions.iter().enumerate() {
                if partition.read(|log| log.is_flush_due(now_ms)) == Some(true)
                    && let Some(Err(error)) = blocking(|| partition.change(kafka_log::Log::flush))
                {
                    tracing::error!(topic = topic.name, partition = index, %error, "failed to write records to the disk");
                }
            }
        }
    }

    /// Writes all logs to the disk and closes them.
    pub(crate) fn close(&self) -> Result<(), StorageError> {
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
