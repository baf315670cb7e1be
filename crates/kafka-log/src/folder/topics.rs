//! The directories of topics.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::{FolderError, StorageError};
use crate::files::{read_if_exists, replace, sync_dir};

const FILE: &str = "topic.json";
/// Kafka's limit.
const MAX_NAME_LEN: usize = 249;
/// Bytes of a topic's name in the name of its directory, which must not exceed 255 bytes with id and extension.
const MAX_DIR_NAME_LEN: usize = 200;

/// A topic of the folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topic {
    pub name: String,
    pub id: Uuid,
    pub partitions: i32,
    /// Configurations that were set for the topic; defaults are not listed.
    pub configs: BTreeMap<String, String>,
}

/// Returns `true` if Kafka accepts the name. Such a name is a valid file name, too.
pub(super) fn is_valid_name(name: &str) -> bool {
    let is_valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    (1..=MAX_NAME_LEN).contains(&name.len()) && name != "." && name != ".." && name.bytes().all(is_valid)
}

pub(super) fn dir(topics: &Path, topic: &Topic) -> PathBuf {
    let name = &topic.name[..topic.name.len().min(MAX_DIR_NAME_LEN)];
    topics.join(format!("{name}-{}", topic.id))
}

/// Loads all topics, and removes what a crash left of others.
pub(super) fn load(topics: &Path) -> Result<BTreeMap<String, Topic>, FolderError> {
    let list = || StorageError::io("list", topics);
    let mut loaded = BTreeMap::new();
    for entry in fs::read_dir(topics).map_err(list())? {
        let dir = entry.map_err(list())?.path();
        if dir.extension().is_some_and(|extension| extension == "new" || extension == "deleted") {
            if let Err(error) = fs::remove_dir_all(&dir) {
                tracing::warn!(path = %dir.display(), %error, "remains of a topic not removed");
            }
            continue;
        }
        let file = dir.join(FILE);
        let Some(content) = read_if_exists(&file)? else {
            tracing::warn!(path = %dir.display(), "directory without topic.json ignored");
            continue;
        };
        let topic: Topic = serde_json::from_slice(&content)
            .map_err(|source| FolderError::InvalidJson { path: file.clone(), source })?;
        if !is_valid_name(&topic.name) || self::dir(topics, &topic) != dir {
            return Err(FolderError::InvalidTopicName { name: topic.name });
        }
        if let Some(other) = loaded.insert(topic.name.clone(), topic) {
            let second = self::dir(topics, &other);
            return Err(FolderError::DuplicateTopic { name: other.name, first: dir, second });
        }
    }
    Ok(loaded)
}

/// Creates a topic's directory.
pub(super) fn create(topics: &Path, topic: &Topic) -> Result<(), FolderError> {
    let path = dir(topics, topic);
    let new = path.with_added_extension("new");
    fs::create_dir(&new).map_err(StorageError::io("create", &new))?;
    let created = fill_and_rename(&new, &path, topic);
    if created.is_err() {
        // On a full disk this frees space. Otherwise the next start removes the directory.
        let _ = fs::remove_dir_all(&new);
    }
    created?;
    let Err(error) = sync_dir(topics) else { return Ok(()) };
    // The caller's next attempt makes another directory, and two of the same topic must not exist.
    match delete(topics, topic) {
        Ok(deleted) => {
            let _ = fs::remove_dir_all(deleted);
            Err(error.into())
        }
        Err(_) => {
            tracing::error!(topic = topic.name, %error, "the directory of a new topic may not survive a loss of power");
            Ok(())
        }
    }
}

fn fill_and_rename(new: &Path, path: &Path, topic: &Topic) -> Result<(), FolderError> {
    let json = to_json(new, topic)?;
    replace(&new.join(FILE), &json)?;
    Ok(fs::rename(new, path).map_err(StorageError::io("create", path))?)
}

/// Replaces a topic's file.
pub(super) fn save(topics: &Path, topic: &Topic) -> Result<(), FolderError> {
    let dir = dir(topics, topic);
    let json = to_json(&dir, topic)?;
    Ok(replace(&dir.join(FILE), &json)?)
}

/// Makes a topic's directory one that the next start removes. The topic is gone from then on. Returns its path.
pub(super) fn delete(topics: &Path, topic: &Topic) -> Result<PathBuf, StorageError> {
    let path = dir(topics, topic);
    let deleted = path.with_added_extension("deleted");
    fs::rename(&path, &deleted).map_err(StorageError::io("delete", &path))?;
    Ok(deleted)
}

/// A topic that no longer exists, with the directory of its records.
#[derive(Debug)]
#[must_use]
pub struct DeletedTopic {
    pub(super) topic: Topic,
    pub(super) dir: Option<PathBuf>,
}

impl DeletedTopic {
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// Deletes the topic's records, which can take seconds. The folder need not be locked. After a failure the rest is
    /// deleted when the folder is opened again.
    pub fn remove(self) {
        let Some(dir) = self.dir else { return };
        let synced = dir.parent().map_or(Ok(()), sync_dir);
        let removed = fs::remove_dir_all(&dir).map_err(StorageError::io("delete", &dir));
        if let Err(error) = synced.and(removed) {
            tracing::warn!(topic = self.topic.name, %error, "records of a deleted topic are left until the next start");
        }
    }
}

fn to_json(dir: &Path, topic: &Topic) -> Result<Vec<u8>, FolderError> {
    serde_json::to_vec_pretty(topic).map_err(|source| FolderError::InvalidJson { path: dir.join(FILE), source })
}

#[cfg(test)]
mod tests {
    use crate::Folder;
    use crate::files::tests::fail_sync_dir_after;

    #[test]
    fn topic_that_was_not_created_can_be_created_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = Folder::open(dir.path()).unwrap();
        // The first sync is that of topic.json, the second one follows the rename of the directory.
        fail_sync_dir_after(1);
        folder.create_topic("t", 1, Default::default()).unwrap_err();
        assert!(folder.topic("t").is_none());
        let id = folder.create_topic("t", 1, Default::default()).unwrap().id;
        drop(folder);
        assert_eq!(Folder::open(dir.path()).unwrap().topic("t").unwrap().id, id);
    }
}
