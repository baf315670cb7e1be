//! A topic's objects as text, for tools that look at records and not at columns.

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{Error, ObjectStoreExt};

use crate::codec;
use crate::error::StoreError;
use crate::listing::{Area, Lake, Object};

/// An object that holds records of a topic, good ones or quarantined ones.
#[derive(Clone, Debug)]
pub struct Stored {
    object: Object,
    /// Its key, the lake's prefix included.
    pub key: String,
    /// Whether its records were put aside.
    pub quarantined: bool,
}

impl Lake {
    /// The objects of a topic that the sink's codecs can read, the good ones first.
    ///
    /// # Errors
    /// When the store does not list them.
    pub async fn stored(&self, topic: &str) -> Result<Vec<Stored>, StoreError> {
        let mut all = Vec::new();
        for (area, quarantined) in [(Area::Data, false), (Area::Quarantine, true)] {
            let objects = self.objects(self.days(area, topic).await?).await?.into_iter();
            let readable = objects.filter(|object| object.codec.is_some());
            all.extend(readable.map(|object| Stored { key: object.key().to_string(), object, quarantined }));
        }
        Ok(all)
    }

    /// The whole text of an object.
    ///
    /// # Errors
    /// When it cannot be read, or is not what its name says.
    pub async fn text(&self, stored: &Stored) -> Result<String, StoreError> {
        let wrong = |reason: &dyn ToString| StoreError::decode(stored.object.key(), reason.to_string());
        let codec = stored.object.codec.ok_or_else(|| wrong(&"its name names no codec"))?;
        let bytes = self.read(&stored.object).await?;
        codec::text(codec, &bytes).map_err(|error| wrong(&error))
    }
}

/// Every object as it is, for tools that trust no name.
impl Lake {
    /// The names of the folders in a folder below the prefix, in order.
    ///
    /// # Errors
    /// When the store does not list them.
    pub async fn names(&self, folder: &str) -> Result<Vec<String>, StoreError> {
        let folders = self.folders(&self.below(folder)?).await?.into_iter();
        Ok(folders.filter_map(|path| path.filename().map(str::to_owned)).collect())
    }

    /// Shows the key and the size in bytes of every object in a folder below the prefix and in its folders, in the
    /// store's order, a page of the listing at a time.
    ///
    /// # Errors
    /// When the store does not list them.
    pub async fn each(&self, folder: &str, mut see: impl FnMut(&str, u64)) -> Result<(), StoreError> {
        let path = self.below(folder)?;
        let mut listed = self.store.list(Some(&path));
        let wrong = |source| StoreError::List { key: path.to_string(), source };
        while let Some(meta) = listed.try_next().await.map_err(wrong)? {
            see(meta.location.as_ref(), meta.size);
        }
        Ok(())
    }

    /// The bytes of an object, none where there is no such object.
    ///
    /// # Errors
    /// When the store does not hand it out.
    pub async fn bytes(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        let path = Path::parse(key).map_err(|source| StoreError::Key { key: key.to_owned(), source })?;
        let wrong = |source| StoreError::Read { key: key.to_owned(), source };
        match self.store.get(&path).await {
            Ok(found) => found.bytes().await.map(Some).map_err(wrong),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(wrong(error)),
        }
    }

    fn below(&self, folder: &str) -> Result<Path, StoreError> {
        let key = format!("{}{folder}", self.prefix);
        Path::parse(&key).map_err(|source| StoreError::Key { key, source })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{Store, gzip};

    #[tokio::test]
    async fn a_topics_objects_are_those_of_both_areas_and_no_others() {
        let store = Store::new();
        store.put_bytes("p/quarantine/a/dt=2026-01-02/00000-1.json.gz", gzip("bad\n")).await;
        store.put("p/data/a/dt=2026-01-02/00000-0.json", "good\n").await;
        store.put("p/data/a/dt=2026-01-02/notes.csv", "x").await;
        store.put("p/data/b/dt=2026-01-02/00000-0.json", "other\n").await;
        let lake = store.lake("p/");
        let mut seen = Vec::new();
        for stored in lake.stored("a").await.unwrap() {
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
    async fn every_object_of_a_folder_is_shown_and_read_as_it_is() {
        let store = Store::new();
        for (key, text) in
            [("p/data/a/dt=x/y=%2F/_b", "bb"), ("p/data/a/c", ""), ("p/data/b/d", "d"), ("data/a/e", "e")]
        {
            store.put(key, text).await;
        }
        let lake = store.lake("p/");
        let mut seen = Vec::new();
        lake.each("data/a", |key, size| seen.push((key.to_owned(), size))).await.unwrap();
        seen.sort();
        assert_eq!(seen, [("p/data/a/c".to_owned(), 0), ("p/data/a/dt=x/y=%2F/_b".to_owned(), 2)]);
        assert_eq!(lake.names("data").await.unwrap(), ["a", "b"]);
        assert_eq!(lake.names("ledger").await.unwrap(), [""; 0]);
        assert_eq!(lake.bytes(&seen[1].0).await.unwrap().unwrap(), "bb");
        assert_eq!(lake.bytes("p/data/a/x").await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_object_that_is_cut_short_is_named() {
        let store = Store::new();
        let whole = gzip("line\n");
        store.put_bytes("data/a/dt=2026-01-02/00000-0.json.gz", whole[..whole.len() - 1].to_vec()).await;
        let lake = store.lake("");
        let stored = lake.stored("a").await.unwrap();
        let error = lake.text(&stored[0]).await.unwrap_err().to_string();
        assert!(error.contains("data/a/dt=2026-01-02/00000-0.json.gz"), "{error}");
    }
}
