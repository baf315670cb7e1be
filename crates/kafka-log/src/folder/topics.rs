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
            fs::remove_dir_all(&dir).map_err(StorageError::io("delete", &dir))?;
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
    Ok(sync_dir(topics)?)
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

/// Deletes a topic's directory with everything in it. The topic is gone when the directory is renamed.
pub(super) fn delete(topics: &Path, topic: &Topic) -> Result<(), FolderError> {
    let path = dir(topics, topic);
    let deleted = path.with_added_extension("deleted");
    fs::rename(&path, &deleted).map_err(StorageError::io("delete", &path))?;
    sync_dir(topics)?;
    if let Err(error) = fs::remove_dir_all(&deleted) {
        tracing::warn!(path = %deleted.display(), %error, "directory of a deleted topic is left until the next start");
    }
    Ok(())
}

fn to_json(dir: &Path, topic: &Topic) -> Result<Vec<u8>, FolderError> {
    serde_json::to_vec_pretty(topic).map_err(|source| FolderError::InvalidJson { path: dir.join(FILE), source })
}
