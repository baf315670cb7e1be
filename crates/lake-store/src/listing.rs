//! Which objects there are: topics, days, keys.
//!
//! Read is what Athena reads with partition projection: objects below a `dt=` folder, except those
//! whose name, or a folder's name on the way, begins with `_` or `.`. A day that a query rules out
//! is not even listed.

use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};

use bytes::Bytes;
use lake_format::codec::Codec;
use lake_format::keys::{self, NO_PARTITION};
use object_store::ObjectStoreExt;

use crate::error::StoreError;

/// The partition column that every table has: the UTC date of the record's Kafka timestamp.
pub const DT: &str = "dt";

/// Folders listed at a time: enough to hide a store's latency, too few to be throttled.
const LISTS_AT_ONCE: usize = 8;

/// Where the objects lie.
#[derive(Clone, Debug)]
pub struct Lake {
    /// The bucket, or the folder that stands for one.
    pub store: Arc<dyn ObjectStore>,
    /// The sink's `SINK_PREFIX`: what stands before `data/` and `quarantine/` in each key.
    pub prefix: String,
}

/// The two trees of a lake that hold records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// Good records.
    Data,
    /// Records that were put aside.
    Quarantine,
}

impl Area {
    /// Both of them, the good records first.
    pub const BOTH: [Area; 2] = [Area::Data, Area::Quarantine];

    /// The folder below the prefix.
    pub fn folder(self) -> &'static str {
        match self {
            Area::Data => keys::DATA,
            Area::Quarantine => keys::QUARANTINE,
        }
    }
}

/// Something whose key gives its rows the values of partition columns.
pub trait Partitioned {
    /// The value of a partition column; null where the key does not name it.
    fn partition(&self, column: &str) -> Option<&str>;
}

/// One `dt=` folder.
#[derive(Clone, Debug)]
pub struct Day {
    path: Path,
    date: Option<String>,
}

impl Partitioned for Day {
    fn partition(&self, column: &str) -> Option<&str> {
        self.date.as_deref().filter(|_| column == DT)
    }
}

/// One object, and what its key says about its rows.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its key, size and age.
    pub meta: ObjectMeta,
    /// How it is compressed; none where its name does not tell.
    pub codec: Option<Codec>,
    partitions: Vec<(String, Option<String>)>,
}

impl Partitioned for Object {
    fn partition(&self, column: &str) -> Option<&str> {
        let (_, value) = self.partitions.iter().find(|(name, _)| name == column)?;
        value.as_deref()
    }
}

impl Object {
    /// Its key, the lake's prefix included.
    pub fn key(&self) -> &Path {
        &self.meta.location
    }

    /// The partition columns that its key names, in their order.
    pub fn partition_names(&self) -> impl Iterator<Item = &str> {
        self.partitions.iter().map(|(name, _)| name.as_str())
    }

    /// An object below `day`, unless it is hidden or a folder's marker.
    fn below(day: &Path, meta: ObjectMeta) -> Option<Self> {
        let parts: Vec<_> = meta.location.prefix_match(day)?.collect();
        let hidden = |part: &str| part.starts_with(['_', '.']);
        if parts.iter().any(|part| hidden(part.as_ref())) {
            return None;
        }
        let (name, folders) = parts.split_last()?;
        let codec = Codec::from_key(name.as_ref());
        if codec.is_none() && meta.size == 0 {
            return None;
        }
        let partitions =
            day.parts().chain(folders.iter().cloned()).filter_map(|part| partition(part.as_ref())).collect();
        Some(Self { codec, partitions, meta })
    }
}

impl Lake {
    /// The topics that have objects in an area, in order.
    ///
    /// # Errors
    /// When the store does not list them.
    pub async fn topics(&self, area: Area) -> Result<Vec<String>, StoreError> {
        let root = self.path(area, None)?;
        let names = self.folders(&root).await?.into_iter();
        Ok(names.filter_map(|path| path.filename().map(str::to_owned)).collect())
    }

    /// The days of a topic, oldest first.
    ///
    /// # Errors
    /// When the store does not list them.
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

    /// The objects of some days, in the order of the days and then of the keys.
    ///
    /// # Errors
    /// When the store does not list them.
    pub async fn objects(&self, days: Vec<Day>) -> Result<Vec<Object>, StoreError> {
        let lists = days.into_iter().map(|day| async move {
            let listed = self.store.list(Some(&day.path)).try_collect::<Vec<_>>();
            let metas = listed.await.map_err(|source| StoreError::List { key: day.path.to_string(), source })?;
            let objects = metas.into_iter();
            let mut objects: Vec<_> = objects.filter_map(|m| Object::below(&day.path, m)).collect();
            objects.sort_by(|a, b| a.key().cmp(b.key()));
            Ok::<_, StoreError>(objects)
        });
        let days: Vec<_> = stream::iter(lists).buffered(LISTS_AT_ONCE).try_collect().await?;
        Ok(days.into_iter().flatten().collect())
    }

    /// An object's bytes as they are stored.
    ///
    /// # Errors
    /// When the store does not hand it out.
    pub async fn read(&self, object: &Object) -> Result<Bytes, StoreError> {
        let wrong = |source| StoreError::Read { key: object.key().to_string(), source };
        let found = self.store.get(object.key()).await.map_err(wrong)?;
        found.bytes().await.map_err(wrong)
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

/// A folder's name as Hive reads it: `name=value`, the value percent-encoded.
fn partition(folder: &str) -> Option<(String, Option<String>)> {
    let (name, value) = folder.split_once('=')?;
    let value = (value != NO_PARTITION).then(|| percent_decode(value));
    Some((name.to_owned(), value))
}

/// Undoes percent-encoding; what is none stays as it is, as Hive does it.
fn percent_decode(text: &str) -> String {
    let hex = |byte: Option<&u8>| byte.and_then(|b| char::from(*b).to_digit(16));
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let pair = (hex(bytes.get(at + 1)), hex(bytes.get(at + 2)));
        match pair {
            (Some(high), Some(low)) if byte == b'%' => {
                out.extend(u8::try_from(high * 16 + low));
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
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
    async fn hidden_and_foreign_objects_are_passed_over() {
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
    async fn a_prefix_is_text_before_the_key() {
        let store = Store::new();
        store.put("a/b-data/quotes/dt=2026-01-02/a.json", "{}\n").await;
        assert_eq!(keys(&store.lake("a/b-"), "quotes").await.len(), 1);
        assert!(keys(&store.lake("a/"), "quotes").await.is_empty());
        let refused = store.lake("a//").topics(Area::Data).await.unwrap_err();
        assert!(matches!(refused, StoreError::Key { .. }), "{refused}");
    }

    #[tokio::test]
    async fn keys_carry_partition_values() {
        let store = Store::new();
        let folder = "data/q/dt=2026-01-02/hour=07";
        store.put(&format!("{folder}/by_symbol=BRK%2FB%20é%/a.json"), "{}").await;
        store.put(&format!("{folder}/by_symbol={NO_PARTITION}/a.json"), "{}").await;
        let lake = store.lake("");
        let days = lake.days(Area::Data, "q").await.unwrap();
        let objects = lake.objects(days).await.unwrap();
        let symbols: Vec<_> = objects.iter().map(|o| o.partition("by_symbol")).collect();
        assert_eq!(symbols, [Some("BRK/B é%"), None]);
        assert_eq!(objects[0].partition("dt"), Some("2026-01-02"));
        assert_eq!(objects[0].partition("hour"), Some("07"));
        assert_eq!(objects[0].partition("minute"), None);
    }
}
