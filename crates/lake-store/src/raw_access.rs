//! Reads objects as text or bytes, for commands that need records rather than columns.

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt};

use crate::codec;
use crate::error::{DecodeError, StoreError};
use crate::lake::{Area, Lake, Object};

/// An object that contains records of a topic.
#[derive(Clone, Debug)]
pub struct TopicObject {
    object: Object,
    /// Key, including the lake's prefix.
    pub key: String,
    /// `true` if the object is in the quarantine, which contains invalid records.
    pub quarantined: bool,
}

impl Lake {
    /// Returns the objects of a topic whose names indicate a codec: first the objects with valid records, then the
    /// quarantine.
    ///
    /// # Errors
    /// If the prefix or topic cannot be part of a key, or the store fails to list the objects.
    pub async fn topic_objects(&self, topic: &str) -> Result<Vec<TopicObject>, StoreError> {
        let mut all = Vec::new();
        for area in Area::BOTH {
            let quarantined = area == Area::Quarantine;
            let objects = self.objects(self.days(area, topic).await?).await?.into_iter();
            let readable = objects.filter(|object| object.codec.is_some());
            all.extend(readable.map(|object| TopicObject { key: object.key().to_string(), object, quarantined }));
        }
        Ok(all)
    }

    /// Reads and decodes a whole object.
    ///
    /// # Errors
    /// If the object cannot be read or decoded.
    pub async fn text(&self, stored: &TopicObject) -> Result<String, StoreError> {
        let key = stored.object.key();
        let codec = stored.object.codec.ok_or_else(|| StoreError::decode(key, DecodeError::UnknownCodec))?;
        let bytes = self.read(&stored.object).await?;
        codec::text(codec, &bytes).map_err(|error| StoreError::decode(key, error))
    }

    /// Returns the names of the subfolders of `folder`, a path below the lake's prefix, sorted.
    ///
    /// # Errors
    /// If the path cannot be part of a key, or the store fails to list the subfolders.
    pub async fn folder_names(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        let folders = self.folders(&self.below_prefix(folder)?).await?.into_iter();
        Ok(folders.filter_map(|path| path.filename().map(str::to_owned)).collect())
    }

    /// Calls `visit` with the key and the stored size in bytes of every object below `folder`, a path below the lake's
    /// prefix. Objects are visited in the store's order. The listing is read page by page and never collected in
    /// memory.
    ///
    /// # Errors
    /// If the path cannot be part of a key, or the store fails to list the objects.
    pub async fn for_each_object(&self, folder: &str, mut visit: impl FnMut(&str, u64)) -> Result<(), StoreError> {
        let path = self.below_prefix(folder)?;
        let mut listed = self.store.list(Some(&path));
        let failed = |source| StoreError::List { key: path.to_string(), source };
        while let Some(meta) = listed.try_next().await.map_err(failed)? {
            visit(meta.location.as_ref(), meta.size);
        }
        Ok(())
    }

    /// Reads the bytes of the object with this key, which must include the lake's prefix. Returns `None` if the object
    /// does not exist.
    ///
    /// # Errors
    /// If the key is invalid, or the store fails to return the object.
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        let path = Path::parse(key).map_err(|source| StoreError::Key { key: key.to_owned(), source })?;
        let failed = |source| StoreError::Read { key: key.to_owned(), source };
        match self.store.get(&path).await {
            Ok(found) => found.bytes().await.map(Some).map_err(failed),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    /// Returns the stored size in bytes of the object with this key, which must include the lake's prefix. Returns
    /// `None` if the object does not exist.
    ///
    /// # Errors
    /// If the key is invalid, or the store fails to describe the object.
    pub async fn size(&self, key: &str) -> Result<Option<u64>, StoreError> {
        let path = Path::parse(key).map_err(|source| StoreError::Key { key: key.to_owned(), source })?;
        match self.store.head(&path).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(StoreError::Read { key: key.to_owned(), source }),
        }
    }

    fn below_prefix(&self, folder: &str) -> Result<Path, StoreError> {
        let key = format!("{}{folder}", self.prefix);
        Path::parse(&key).map_err(|source| StoreError::Key { key, source })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Store, gzip};

    #[tokio::test]
    async fn topic_has_the_objects_of_both_areas() {
        let store = Store::new();
        store.put_bytes("p/quarantine/a/dt=2026-01-02/00000-1.json.gz", gzip("bad\n")).await;
        store.put("p/data/a/dt=2026-01-02/00000-0.json", "good\n").await;
        store.put("p/data/a/dt=2026-01-02/notes.csv", "x").await;
        store.put("p/data/b/dt=2026-01-02/00000-0.json", "other\n").await;
        let lake = store.lake("p/");
        let mut seen = Vec::new();
        for stored in lake.topic_objects("a").await.unwrap() {
            seen.push((stored.quarantined, lake.text(&stored).await.unwrap(), stored.key));
        }
        let row = |quarantined, text: &str, key: &str| (quarantined, text.to_owned(), key.to_owned());
        assert_eq!(
            seen,
            [
                row(false, "good\n", "p/data/a/dt=2026-01-02/00000-0.json"),
                row(true, "bad\n", "p/quarantine/a/dt=2026-01-02/00000-1.json.gz"),
            ]
        );
    }

    #[tokio::test]
    async fn every_object_of_a_folder_is_visited() {
        let store = Store::new();
        for (key, text) in
            [("p/data/a/dt=x/y=%2F/_b", "bb"), ("p/data/a/c", ""), ("p/data/b/d", "d"), ("data/a/e", "e")]
        {
            store.put(key, text).await;
        }
        let lake = store.lake("p/");
        let mut seen = Vec::new();
        lake.for_each_object("data/a", |key, size| seen.push((key.to_owned(), size))).await.unwrap();
        seen.sort();
        assert_eq!(seen, [("p/data/a/c".to_owned(), 0), ("p/data/a/dt=x/y=%2F/_b".to_owned(), 2)]);
        assert_eq!(lake.folder_names("data").await.unwrap(), ["a", "b"]);
        assert_eq!(lake.folder_names("ledger").await.unwrap(), [""; 0]);
        assert_eq!(lake.get(&seen[1].0).await.unwrap().unwrap(), "bb");
        assert_eq!(lake.get("p/data/a/x").await.unwrap(), None);
    }

    #[tokio::test]
    async fn truncated_object_is_named() {
        let store = Store::new();
        let whole = gzip("line\n");
        store.put_bytes("data/a/dt=2026-01-02/00000-0.json.gz", whole[..whole.len() - 1].to_vec()).await;
        let lake = store.lake("");
        let stored = lake.topic_objects("a").await.unwrap();
        let error = lake.text(&stored[0]).await.unwrap_err().to_string();
        assert!(error.contains("data/a/dt=2026-01-02/00000-0.json.gz"), "{error}");
    }
}
