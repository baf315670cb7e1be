//! Paths: the files of an object, given its key.
//!
//! Most keys are paths. The others, such as `folder/`, `a//b`, or `a/b` while `a` is an object, are unusual: their
//! objects are in a separate folder, and a set in memory has their keys in order, for listings.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use s3s::crypto::{Checksum as _, Md5};

use super::attributes::Attributes;
use super::{hex, is_absent};

/// Folder below the root for everything that is not an object. Its name is not a valid bucket name.
const INTERNAL: &str = ".s3";
const ATTRIBUTES: &str = "attributes";
const UNUSUAL: &str = "unusual";
const TEMPORARY: &str = "temporary";

/// Maximum length in bytes of a file name on common file systems. A key with a longer part is unusual.
const MAX_FILE_NAME: usize = 255;

/// The files of the objects below a root folder.
#[derive(Debug)]
pub(super) struct Paths {
    root: PathBuf,
    /// For each bucket, the keys whose objects are in the folder [`UNUSUAL`].
    unusual: Mutex<BTreeMap<String, BTreeSet<String>>>,
}

/// The files of an object. They need not exist.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) bytes: PathBuf,
    pub(super) attributes: PathBuf,
}

impl Paths {
    /// Reads the unusual keys below a root folder. The root's folder [`INTERNAL`] must exist.
    pub(super) fn open(root: PathBuf) -> io::Result<Self> {
        let mut unusual = BTreeMap::new();
        for bucket in fs::read_dir(root.join(INTERNAL))? {
            let folder = bucket?;
            let entries = match fs::read_dir(folder.path().join(UNUSUAL)) {
                Ok(entries) => entries,
                Err(error) if is_absent(&error) => continue,
                Err(error) => return Err(error),
            };
            let keys: &mut BTreeSet<String> =
                unusual.entry(folder.file_name().to_string_lossy().into_owned()).or_default();
            for entry in entries {
                let path = entry?.path();
                if path.extension().is_some_and(|extension| extension == "json")
                    && path.with_extension("").is_file()
                    && let Some(attributes) = Attributes::read(&path)
                {
                    keys.insert(attributes.key);
                }
            }
        }
        Ok(Paths { root, unusual: Mutex::new(unusual) })
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn bucket(&self, bucket: &str) -> PathBuf {
        self.root.join(bucket)
    }

    /// Returns the folder with a bucket's attributes and unusual objects.
    pub(super) fn internal(&self, bucket: &str) -> PathBuf {
        self.root.join(INTERNAL).join(bucket)
    }

    /// Returns the files of the object with this key, which need not exist. Returns `None` if the key is not a path and
    /// no object has it.
    pub(super) fn files(&self, bucket: &str, key: &str) -> Option<Files> {
        if self.is_unusual(bucket, key) {
            Some(self.unusual_files(bucket, key))
        } else {
            self.files_at_key(bucket, key)
        }
    }

    /// Returns the files of an object that is stored at the path of its key. Returns `None` if the key is not a path,
    /// or if the object with this key is unusual.
    pub(super) fn files_at_key(&self, bucket: &str, key: &str) -> Option<Files> {
        if !is_path(key) || self.is_unusual(bucket, key) {
            return None;
        }
        let name = digest(key);
        let attributes = self.internal(bucket).join(ATTRIBUTES).join(&name[..2]).join(name);
        Some(Files { bytes: self.bucket(bucket).join(key), attributes })
    }

    /// Returns the files of an unusual object.
    pub(super) fn unusual_files(&self, bucket: &str, key: &str) -> Files {
        let bytes = self.internal(bucket).join(UNUSUAL).join(digest(key));
        Files { attributes: bytes.with_extension("json"), bytes }
    }

    /// Returns the unusual keys that begin with `prefix`, in order.
    pub(super) fn unusual_keys(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let unusual = self.unusual();
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let keys = unusual.get(bucket).map(|keys| keys.range::<str, _>(from)).into_iter().flatten();
        keys.take_while(|key| key.starts_with(prefix)).cloned().collect()
    }

    pub(super) fn add_unusual(&self, bucket: &str, key: &str) {
        self.unusual().entry(bucket.to_owned()).or_default().insert(key.to_owned());
    }

    pub(super) fn remove_unusual(&self, bucket: &str, key: &str) {
        if let Some(keys) = self.unusual().get_mut(bucket) {
            keys.remove(key);
        }
    }

    fn is_unusual(&self, bucket: &str, key: &str) -> bool {
        self.unusual().get(bucket).is_some_and(|keys| keys.contains(key))
    }

    fn unusual(&self) -> MutexGuard<'_, BTreeMap<String, BTreeSet<String>>> {
        self.unusual.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the folder for temporary files below a root folder.
pub(super) fn temporary_folder(root: &Path) -> PathBuf {
    root.join(INTERNAL).join(TEMPORARY)
}

fn digest(key: &str) -> String {
    hex(&Md5::checksum(key.as_bytes()))
}

/// Returns `true` if a key can be the path of a file below the bucket's folder.
fn is_path(key: &str) -> bool {
    let is_name = |part: &str| !matches!(part, "" | "." | "..") && part.len() <= MAX_FILE_NAME;
    key.split('/').all(is_name) && !key.contains('\0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_that_leaves_the_folder_is_not_a_path() {
        for key in ["a", "a/b.c", "...", "a b", "ü"] {
            assert!(is_path(key), "{key}");
        }
        for key in ["", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/.", "a\0b"] {
            assert!(!is_path(key), "{key}");
        }
        assert!(is_path(&"k".repeat(MAX_FILE_NAME)) && !is_path(&"k".repeat(MAX_FILE_NAME + 1)));
    }
}
