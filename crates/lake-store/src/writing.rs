//! Creates, replaces, copies and deletes objects, for definitions of views and for the command that moves a generation.
//!
//! The sink does not write through this module: it needs the AWS SDK's retries and S3's error codes. A move needs one
//! interface for a bucket and a folder, and `object_store` copies inside the store: S3 copies on its side, and a copy
//! in a folder is a hard link, so no bytes pass through this process.

use bytes::Bytes;
use object_store::path::Path;
use object_store::{Error, ObjectMeta, ObjectStoreExt, PutMode, PutOptions, UpdateVersion};

use crate::error::StoreError;
use crate::lake::Lake;

/// Version of an object that was read or written, for a conditional replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version(UpdateVersion);

/// Result of comparing an object with its copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Both exist and have the same bytes.
    Equal,
    /// Both exist and differ.
    Different,
    /// Only the object exists.
    NoCopy,
    /// Only the copy exists.
    OnlyCopy,
    /// Neither exists.
    Neither,
}

impl Lake {
    /// Reads an object and its version. The key must include the lake's prefix. Returns `None` if the object does not
    /// exist.
    ///
    /// # Errors
    /// If the key is invalid, or the store fails to return the object.
    pub async fn get_versioned(&self, key: &str) -> Result<Option<(Bytes, Version)>, StoreError> {
        let failed = |source| StoreError::Read { key: key.to_owned(), source };
        match self.store.get(&parse(key)?).await {
            Ok(found) => {
                let version = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
                Ok(Some((found.bytes().await.map_err(failed)?, Version(version))))
            }
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Creates an object. The key must include the lake's prefix.
    ///
    /// # Errors
    /// [`StoreError::Changed`] if the object already exists, or another error if the store fails to write it.
    pub async fn create(&self, key: &str, bytes: Bytes) -> Result<Version, StoreError> {
        self.put(key, bytes, PutMode::Create).await
    }

    /// Replaces an object if it still has `version`. The key must include the lake's prefix. In a folder, the version
    /// is not checked, because the lock on the folder excludes other writers.
    ///
    /// # Errors
    /// [`StoreError::Changed`] if an object in a bucket has another version, or another error if the store fails to
    /// write the object.
    pub async fn replace(&self, key: &str, bytes: Bytes, version: Version) -> Result<Version, StoreError> {
        match self.put(key, bytes.clone(), PutMode::Update(version.0)).await {
            Err(StoreError::Write { source: Error::NotImplemented { .. }, .. }) => {
                self.put(key, bytes, PutMode::Overwrite).await
            }
            other => other,
        }
    }

    /// Writes an object, replacing any version of it. The key must include the lake's prefix.
    ///
    /// # Errors
    /// If the key is invalid, or the store fails to write the object.
    pub async fn overwrite(&self, key: &str, bytes: Bytes) -> Result<(), StoreError> {
        self.put(key, bytes, PutMode::Overwrite).await.map(drop)
    }

    async fn put(&self, key: &str, bytes: Bytes, mode: PutMode) -> Result<Version, StoreError> {
        match self.store.put_opts(&parse(key)?, bytes.into(), PutOptions::from(mode)).await {
            Ok(written) => Ok(Version(written.into())),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
                Err(StoreError::Changed { key: key.to_owned() })
            }
            Err(source) => Err(StoreError::Write { key: key.to_owned(), source }),
        }
    }

    /// Copies an object inside the store, with its metadata. Replaces an object at `to`.
    ///
    /// # Errors
    /// If a key is invalid, or the store fails to copy the object.
    pub async fn copy(&self, from: &str, to: &str) -> Result<(), StoreError> {
        let copied = self.store.copy(&parse(from)?, &parse(to)?).await;
        copied.map_err(|source| StoreError::Copy { from: from.to_owned(), to: to.to_owned(), source })
    }

    /// Deletes an object. Succeeds if the object does not exist.
    ///
    /// # Errors
    /// If the key is invalid, or the store fails to delete the object.
    pub async fn delete(&self, key: &str) -> Result<(), StoreError> {
        match self.store.delete(&parse(key)?).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(StoreError::Delete { key: key.to_owned(), source }),
        }
    }

    /// Compares an object with its copy: by size, then by `ETag`, and by content if the tags differ. Equal tags mean
    /// equal bytes: S3's tag is a hash of the bytes, and a folder's tag identifies the file itself. Different tags do
    /// not mean different bytes, for example in a bucket that is encrypted with a KMS key.
    ///
    /// # Errors
    /// If a key is invalid, or the store fails to return an object.
    pub async fn compare(&self, key: &str, copy: &str) -> Result<Comparison, StoreError> {
        let (object, copied) = match (self.meta(key).await?, self.meta(copy).await?) {
            (Some(object), Some(copied)) => (object, copied),
            (Some(_), None) => return Ok(Comparison::NoCopy),
            (None, Some(_)) => return Ok(Comparison::OnlyCopy),
            (None, None) => return Ok(Comparison::Neither),
        };
        if object.size != copied.size {
            return Ok(Comparison::Different);
        }
        if object.e_tag.is_some() && object.e_tag == copied.e_tag {
            return Ok(Comparison::Equal);
        }
        Ok(match (self.get(key).await?, self.get(copy).await?) {
            (Some(object), Some(copied)) if object == copied => Comparison::Equal,
            (Some(_), Some(_)) => Comparison::Different,
            (Some(_), None) => Comparison::NoCopy,
            (None, Some(_)) => Comparison::OnlyCopy,
            (None, None) => Comparison::Neither,
        })
    }

    async fn meta(&self, key: &str) -> Result<Option<ObjectMeta>, StoreError> {
        match self.store.head(&parse(key)?).await {
            Ok(meta) => Ok(Some(meta)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(StoreError::Read { key: key.to_owned(), source }),
        }
    }
}

fn parse(key: &str) -> Result<Path, StoreError> {
    Path::parse(key).map_err(|source| StoreError::Key { key: key.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::folder;
    use crate::testing::Store;

    #[tokio::test]
    async fn object_is_created_only_once() {
        let lake = Store::new().lake("");
        let first = lake.create("a/b", "1".into()).await.unwrap();
        let error = lake.create("a/b", "2".into()).await.unwrap_err();
        assert!(matches!(error, StoreError::Changed { .. }), "{error}");
        assert_eq!(lake.get_versioned("a/b").await.unwrap(), Some(("1".into(), first)));
    }

    #[tokio::test]
    async fn only_the_version_that_was_read_is_replaced() {
        let lake = Store::new().lake("");
        let first = lake.create("a", "1".into()).await.unwrap();
        lake.replace("a", "2".into(), first.clone()).await.unwrap();
        let error = lake.replace("a", "3".into(), first).await.unwrap_err();
        assert!(matches!(error, StoreError::Changed { .. }), "{error}");
        assert_eq!(lake.get("a").await.unwrap().unwrap(), "2");
    }

    #[tokio::test]
    async fn folder_copies_compares_and_deletes() {
        let dir = tempfile::TempDir::new().unwrap();
        let lake = Lake { store: folder(dir.path()).unwrap(), prefix: String::new() };
        let version = lake.create("data/q/x%2Fy/a", "12".into()).await.unwrap();
        lake.replace("data/q/x%2Fy/a", "34".into(), version).await.unwrap();
        lake.copy("data/q/x%2Fy/a", "trash/a").await.unwrap();
        assert_eq!(lake.compare("data/q/x%2Fy/a", "trash/a").await.unwrap(), Comparison::Equal);
        lake.delete("data/q/x%2Fy/a").await.unwrap();
        lake.delete("data/q/x%2Fy/a").await.unwrap();
        assert_eq!(lake.get("trash/a").await.unwrap().unwrap(), "34");
        assert!(!dir.path().join("data").exists(), "folders without objects are removed");
    }

    #[tokio::test]
    async fn copy_is_compared_by_its_bytes() {
        let store = Store::new();
        for (key, text) in [("a", "same"), ("equal", "same"), ("different", "sane"), ("longer", "same!")] {
            store.put(key, text).await;
        }
        let lake = store.lake("");
        for (copy, expected) in [
            ("equal", Comparison::Equal),
            ("different", Comparison::Different),
            ("longer", Comparison::Different),
            ("none", Comparison::NoCopy),
        ] {
            assert_eq!(lake.compare("a", copy).await.unwrap(), expected, "{copy}");
        }
        assert_eq!(lake.compare("none", "a").await.unwrap(), Comparison::OnlyCopy);
        assert_eq!(lake.compare("none", "neither").await.unwrap(), Comparison::Neither);
    }
}
