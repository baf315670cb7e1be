//! Lists the topics, days and objects of a lake.
//!
//! A topic's objects are those that Athena reads with partition projection: everything below a `dt=` folder, except
//! objects with `_` or `.` at the start of their name or of the name of a folder below `dt=`. Days and objects are
//! listed separately, so that a query lists only the days that it needs.

use std::sync::Arc;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use lake_format::codec::Codec;
use lake_format::keys::{self, NO_PARTITION};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use percent_encoding::percent_decode_str;

use crate::error::StoreError;

/// The partition column of every table: the UTC date of the record's Kafka timestamp.
pub const DT: &str = "dt";

/// Maximum number of days to list concurrently: enough to hide the store's latency, too few to be throttled.
const CONCURRENT_LISTS: usize = 8;

/// An S3 bucket or a local folder that contains the sink's objects.
#[derive(Clone, Debug)]
pub struct Lake {
    pub store: Arc<dyn ObjectStore>,
    /// Prefix of every key, before `data/`, `quarantine/` or `ledger/`. This is the sink's `SINK_PREFIX`.
    pub prefix: String,
}

/// The two parts of a lake that contain records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// Valid records.
    Data,
    /// Invalid records.
    Quarantine,
}

impl Area {
    /// Both areas, valid records first.
    pub const BOTH: [Area; 2] = [Area::Data, Area::Quarantine];

    /// Returns the area's folder below the lake's prefix.
    pub fn folder(self) -> &'static str {
        match self {
            Area::Data => keys::DATA,
            Area::Quarantine => keys::QUARANTINE,
        }
    }
}

/// A day or object whose key contains the values of partition columns.
pub trait Partitioned {
    /// Returns the value of a partition column. Returns `None` (null) if the key does not contain the column, or
    /// contains Hive's name for null.
    fn partition_value(&self, column: &str) -> Option<&str>;
}

/// A day of a topic: the objects below a `dt=` folder.
#[derive(Clone, Debug)]
pub struct Day {
    path: Path,
    date: Option<String>,
}

impl Partitioned for Day {
    fn partition_value(&self, column: &str) -> Option<&str> {
        self.date.as_deref().filter(|_| column == DT)
    }
}

/// An object below a `dt=` folder.
#[derive(Clone, Debug)]
pub struct Object {
    /// Key, size and modification time.
    pub meta: ObjectMeta,
    /// Codec that the name indicates; `None` if the name has no known extension.
    pub codec: Option<Codec>,
    partitions: Vec<(String, Option<String>)>,
}

impl Partitioned for Object {
    fn partition_value(&self, column: &str) -> Option<&str> {
        let (_, value) = self.partitions.iter().find(|(name, _)| name == column)?;
        value.as_deref()
    }
}

impl Object {
    /// Returns the key, including the lake's prefix.
    pub fn key(&self) -> &Path {
        &self.meta.location
    }

    /// Returns the names of the partition columns in the key, in the order of the key.
    pub fn partition_columns(&self) -> impl Iterator<Item = &str> {
        self.partitions.iter().map(|(name, _)| name.as_str())
    }

    /// Converts an entry of a listing. Returns `None` if the object is hidden or is an empty marker of a folder.
    fn below(day: &Path, meta: ObjectMeta) -> Option<Self> {
        let parts: Vec<_> = meta.location.prefix_match(day)?.collect();
        let is_hidden = |part: &str| part.starts_with(['_', '.']);
        if parts.iter().any(|part| is_hidden(part.as_ref())) {
            return None;
        }
        let (name, folders) = parts.split_last()?;
        let codec = Codec::from_key(name.as_ref());
        let marks_folder = codec.is_none() && meta.size == 0;
        if marks_folder {
            return None;
        }
        let partitions =
            day.parts().chain(folders.iter().cloned()).filter_map(|part| partition(part.as_ref())).collect();
        Some(Self { codec, partitions, meta })
    }
}

impl Lake {
    /// Returns the topics that have objects in an area, sorted.
    ///
    /// # Errors
    /// If the prefix cannot be part of a key, or the store fails to list the topics.
    pub async fn topics(&self, area: Area) -> Result<Vec<String>, StoreError> {
        let root = self.path(area, None)?;
        let folders = self.folders(&root).await?.into_iter();
        Ok(folders.filter_map(|path| path.filename().map(str::to_owned)).collect())
    }

    /// Returns the days of a topic, oldest first.
    ///
    /// # Errors
    /// If the prefix or topic cannot be part of a key, or the store fails to list the days.
    pub async fn days(&self, area: Area, topic: &str) -> Result<Vec<Day>, StoreError> {
        let root = self.path(area, Some(topic))?;
        let folders = self.folders(&root).await?.into_iter();
        Ok(folders
            .filter_map(|path| match partition(path.filename()?)? {
                (name, date) if name == DT => Some(Day { path, date }),
                _ => None,
            })
            .collect())
    }

    /// Returns the objects of `days`, in the order of `days` and, within a day, of the keys.
    ///
    /// # Errors
    /// If the store fails to list the objects of a day.
    pub async fn objects(&self, days: Vec<Day>) -> Result<Vec<Object>, StoreError> {
        let lists = days.into_iter().map(|day| async move {
            let listed = self.store.list(Some(&day.path)).try_collect::<Vec<_>>();
            let metas = listed.await.map_err(|source| StoreError::List { key: day.path.to_string(), source })?;
            let objects = metas.into_iter();
            let mut objects: Vec<_> = objects.filter_map(|meta| Object::below(&day.path, meta)).collect();
            objects.sort_by(|a, b| a.key().cmp(b.key()));
            Ok::<_, StoreError>(objects)
        });
        let days: Vec<_> = stream::iter(lists).buffered(CONCURRENT_LISTS).try_collect().await?;
        Ok(days.into_iter().flatten().collect())
    }

    /// Reads an object's bytes as stored, without decoding.
    ///
    /// # Errors
    /// If the store fails to return the object.
    pub async fn read(&self, object: &Object) -> Result<Bytes, StoreError> {
        let failed = |source| StoreError::Read { key: object.key().to_string(), source };
        let found = self.store.get(object.key()).await.map_err(failed)?;
        found.bytes().await.map_err(failed)
    }

    pub(crate) async fn folders(&self, path: &Path) -> Result<Vec<Path>, StoreError> {
        let listed = self.store.list_with_delimiter(Some(path)).await;
        let listed = listed.map_err(|source| StoreError::List { key: path.to_string(), source })?;
        let mut folders = listed.common_prefixes;
        folders.sort();
        Ok(folders)
    }

    fn path(&self, area: Area, topic: Option<&str>) -> Result<Path, StoreError> {
        let area = area.folder();
        let key = match topic {
            Some(topic) => format!("{}{area}/{topic}", self.prefix),
            None => format!("{}{area}", self.prefix),
        };
        Path::parse(&key).map_err(|source| StoreError::Key { key, source })
    }
}

/// Parses a Hive folder name, `name=value` with a percent-encoded value. Returns `None` if the name contains no `=`.
/// Invalid escapes are left as they are. The value is `None` if it is Hive's name for null.
fn partition(folder: &str) -> Option<(String, Option<String>)> {
    let (name, value) = folder.split_once('=')?;
    let value = (value != NO_PARTITION).then(|| percent_decode_str(value).decode_utf8_lossy().into_owned());
    Some((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Store;

    async fn keys(lake: &Lake, topic: &str) -> Vec<String> {
        let days = lake.days(Area::Data, topic).await.unwrap();
        let objects = lake.objects(days).await.unwrap();
        objects.iter().map(|o| o.key().to_string()).collect()
    }

    #[tokio::test]
    async fn hidden_and_foreign_objects_are_skipped() {
        let store = Store::new();
        for key in [
            "data/quotes/dt=2026-01-03/a.json",
            "data/quotes/dt=2026-01-02/b.json.zst",
            "data/quotes/dt=2026-01-02/a.json.gz",
            "data/quotes/dt=2026-01-02/_SUCCESS",
            "data/quotes/dt=2026-01-02/.a.json.tmp",
            "data/quotes/dt=2026-01-02/_temporary/a.json",
            "data/quotes/stray.json",
            "data/quotes/other=1/a.json",
            "data/quotes2/dt=2026-01-02/a.json",
            "ledger/quotes/00000.json",
        ] {
            store.put(key, "{}\n").await;
        }
        let lake = store.lake("");
        assert_eq!(lake.topics(Area::Data).await.unwrap(), ["quotes", "quotes2"]);
        assert_eq!(
            keys(&lake, "quotes").await,
            [
                "data/quotes/dt=2026-01-02/a.json.gz",
                "data/quotes/dt=2026-01-02/b.json.zst",
                "data/quotes/dt=2026-01-03/a.json",
            ]
        );
        assert!(keys(&lake, "absent").await.is_empty());
        assert!(lake.topics(Area::Quarantine).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn prefix_is_prepended_as_it_is() {
        let store = Store::new();
        store.put("a/b-data/quotes/dt=2026-01-02/a.json", "{}\n").await;
        assert_eq!(keys(&store.lake("a/b-"), "quotes").await.len(), 1);
        assert!(keys(&store.lake("a/"), "quotes").await.is_empty());
        let error = store.lake("a//").topics(Area::Data).await.unwrap_err();
        assert!(matches!(error, StoreError::Key { .. }), "{error}");
    }

    #[tokio::test]
    async fn key_gives_partition_values() {
        let store = Store::new();
        let folder = "data/q/dt=2026-01-02/hour=07";
        store.put(&format!("{folder}/by_symbol=BRK%2FB%20é%/a.json"), "{}").await;
        store.put(&format!("{folder}/by_symbol={NO_PARTITION}/a.json"), "{}").await;
        let lake = store.lake("");
        let days = lake.days(Area::Data, "q").await.unwrap();
        let objects = lake.objects(days).await.unwrap();
        let symbols: Vec<_> = objects.iter().map(|o| o.partition_value("by_symbol")).collect();
        assert_eq!(symbols, [Some("BRK/B é%"), None]);
        assert_eq!(objects[0].partition_value("dt"), Some("2026-01-02"));
        assert_eq!(objects[0].partition_value("hour"), Some("07"));
        assert_eq!(objects[0].partition_value("minute"), None);
    }
}
