//! Infers undeclared columns from the stored objects.
//!
//! Up to [`SAMPLES`] objects are sampled, spread evenly over the days and always including the oldest and the newest
//! object. Only the first line of each is read, because producers change their columns from file to file, not from row
//! to row. Each sample costs one small request when a session is opened. A field that occurs in none of the sampled
//! lines, or a partition column that occurs in none of the sampled keys, is not a column of the table.

use futures::{StreamExt, TryStreamExt, stream};
use lake_format::metadata::Metadata;
use lake_format::record_line;
use lake_store::{Area, DT, Lake, Object, Partitioned, StoreError, codec};
use object_store::{ObjectStore, ObjectStoreExt};
use serde_json::value::RawValue;

use crate::columns::Kind;
use crate::fold::column_name;
use crate::json::{self, Fields};

/// Maximum number of days to list, and of objects to sample, for each topic.
const SAMPLES: usize = 16;

/// Number of bytes to read for an object's first line. A quote has about 300 bytes. If the line is longer, the whole
/// object is read.
const FIRST_LINE_BYTES: u64 = 64 * 1024;

const CONCURRENT_READS: usize = 8;

/// Fields besides the coordinates that the sink may have added.
const ADDED: Metadata = Metadata { key: true, headers: true };

/// Inferred columns of a topic.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Inferred {
    /// Fields of the sampled lines, in the order of first occurrence.
    pub(crate) fields: Vec<(String, Kind)>,
    /// Partition columns of the sampled keys, in the order of first occurrence.
    pub(crate) partitions: Vec<String>,
    /// The fields of the first sampled line that lacks a symbol or a `trade_date`, except those that the sink added: each
    /// name as written, and the value if it is a string. `None` if no sampled line lacks them.
    pub(crate) unmapped: Option<Vec<(String, Option<String>)>>,
}

/// Infers a topic's columns. The contents of a sample that cannot be decoded are ignored. A query that reads the object
/// reports the error; other queries still work.
pub(crate) async fn columns(lake: &Lake, topic: &str) -> Result<Inferred, StoreError> {
    let days = sample(lake.days(Area::Data, topic).await?);
    let mut objects = lake.objects(days).await?;
    // Several partitions write at the same time, so the newest object may not have the last key of its day.
    objects.sort_by(|a, b| {
        let age = |o: &Object| (o.partition_value(DT).map(str::to_owned), o.meta.last_modified);
        age(a).cmp(&age(b)).then_with(|| a.key().cmp(b.key()))
    });
    let objects = sample(objects);

    let mut inferred = Inferred::default();
    for name in objects.iter().flat_map(Object::partition_columns) {
        if !inferred.partitions.iter().any(|known| known == name) {
            inferred.partitions.push(name.to_owned());
        }
    }
    let store = lake.store.as_ref();
    let lines = objects.iter().map(|object| first_line(store, object));
    let mut lines = stream::iter(lines).buffered(CONCURRENT_READS);
    while let Some(line) = lines.try_next().await? {
        if let Some(Ok(Fields(fields))) = line.as_deref().map(serde_json::from_str) {
            let is_present = |wanted: &str| {
                fields.iter().any(|(name, value)| column_name(name) == wanted && json::kind(value).is_some())
            };
            if inferred.unmapped.is_none() && !(is_present("symbol") && is_present("trade_date")) {
                let own = fields.iter().filter(|(name, _)| !record_line::is_coordinate(name) && !ADDED.adds(name));
                inferred.unmapped = Some(own.map(|(name, value)| (name.clone(), string(value))).collect());
            }
            inferred.add(fields.into_iter().map(|(name, value)| (column_name(&name), json::kind(value))));
        }
    }
    Ok(inferred)
}

/// Returns the text of a JSON string, or `None` for any other value.
fn string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

impl Inferred {
    /// Merges one line's fields. A field with values of two kinds becomes [`Kind::Json`], which fits both.
    fn add(&mut self, fields: impl Iterator<Item = (String, Option<Kind>)>) {
        for (name, seen) in fields {
            let known = self.fields.iter_mut().find(|(known, _)| *known == name);
            match (known, seen) {
                // Null in every line so far: a string, until a line has a value.
                (None, seen) => self.fields.push((name, seen.unwrap_or(Kind::String))),
                (Some((_, kind)), Some(seen)) if *kind == Kind::String => *kind = seen,
                (Some((_, kind)), Some(seen)) if *kind != seen => *kind = Kind::Json,
                (Some(_), _) => {}
            }
        }
    }
}

/// Returns up to [`SAMPLES`] items, evenly spread, including the first and the last.
fn sample<T>(all: Vec<T>) -> Vec<T> {
    let last = all.len().saturating_sub(1);
    if last < SAMPLES {
        return all;
    }
    let mut wanted = (0..SAMPLES).map(|n| n * last / (SAMPLES - 1)).peekable();
    let indexed = all.into_iter().enumerate();
    indexed.filter_map(|(index, item)| wanted.next_if_eq(&index).map(|_| item)).collect()
}

async fn first_line(store: &dyn ObjectStore, object: &Object) -> Result<Option<String>, StoreError> {
    let (size, Some(codec)) = (object.meta.size, object.codec) else {
        return Ok(None);
    };
    for end in [FIRST_LINE_BYTES.min(size), size] {
        if end == 0 {
            return Ok(None);
        }
        let bytes = match store.get_range(object.key(), 0..end).await {
            Ok(bytes) => bytes,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(source) => {
                return Err(StoreError::Read { key: object.key().to_string(), source });
            }
        };
        if let Ok(Some(line)) = codec::first_line(codec, &bytes, end == size) {
            return Ok(Some(line));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lake_store::testing::{Store, gzip};

    fn fields(inferred: &Inferred) -> Vec<(&str, Kind)> {
        inferred.fields.iter().map(|(n, k)| (n.as_str(), *k)).collect()
    }

    #[test]
    fn samples_include_the_first_and_the_last() {
        assert!(sample(Vec::<usize>::new()).is_empty());
        assert_eq!(sample(vec![7]), [7]);
        for len in [SAMPLES, SAMPLES + 1, 1000] {
            let picked = sample((0..len).collect());
            assert_eq!(picked.len(), SAMPLES, "of {len}");
            assert_eq!((picked.first(), picked.last()), (Some(&0), Some(&(len - 1))));
        }
    }

    #[tokio::test]
    async fn columns_merge_all_samples() {
        let store = Store::new();
        let old = r#"{"n":1,"s":"x","b":true,"mixed":1,"late":null,"never":null,"o":{"a":[1]}}"#;
        store.put("data/q/dt=2026-01-02/a.json", &format!("{old}\n{{\"second\":1}}\n")).await;
        let new = r#"{"n":2.5,"s":"y","b":null,"mixed":"one","late":3,"never":null,"new":"z"}"#;
        store.put("data/q/dt=2026-01-03/hour=01/a.json", new).await;
        let inferred = columns(&store.lake(""), "q").await.unwrap();
        assert_eq!(
            fields(&inferred),
            [
                ("n", Kind::Double),
                ("s", Kind::Json),
                ("b", Kind::Boolean),
                ("mixed", Kind::Json),
                ("late", Kind::Double),
                ("never", Kind::String),
                ("o", Kind::Json),
                ("new", Kind::Json),
            ]
        );
        assert_eq!(inferred.partitions, ["dt", "hour"]);
    }

    #[tokio::test]
    async fn long_first_line_is_read_to_its_end() {
        let store = Store::new();
        // Text that does not compress, so that the line ends beyond the first request.
        let mut state = 1_u64;
        let noise: String = (0..400_000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                char::from(b'a' + (state >> 59) as u8 % 26)
            })
            .collect();
        let object = gzip(&format!("{{\"noise\":\"{noise}\",\"end\":1}}\n{{}}\n"));
        assert!(object.len() as u64 > FIRST_LINE_BYTES);
        store.put_bytes("data/q/dt=2026-01-02/a.json.gz", object).await;
        let inferred = columns(&store.lake(""), "q").await.unwrap();
        assert_eq!(fields(&inferred), [("noise", Kind::Json), ("end", Kind::Double)]);
    }

    #[tokio::test]
    async fn undecodable_sample_contributes_no_column() {
        let store = Store::new();
        store.put("data/q/dt=2026-01-02/a.json.gz", "no gzip").await;
        store.put("data/q/dt=2026-01-02/b.json", "no json\n").await;
        store.put("data/q/dt=2026-01-02/c.json", "").await;
        store.put("data/q/dt=2026-01-02/d.csv", "a,b\n").await;
        let inferred = columns(&store.lake(""), "q").await.unwrap();
        assert_eq!(fields(&inferred), []);
    }
}
