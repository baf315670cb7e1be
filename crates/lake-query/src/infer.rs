//! Infers undeclared columns from the stored objects.
//!
//! A limited number of objects is sampled, spread evenly over the days. The sample includes the newest object and, if
//! it has several objects, the oldest. All lines of a sampled object are read. A field that occurs in none of the
//! sampled objects, or a partition column that occurs in none of the sampled keys, is not a column of the table.

use std::borrow::Cow;
use std::num::NonZeroUsize;

use futures::{StreamExt, TryStreamExt, stream};
use lake_format::metadata::Metadata;
use lake_format::record_line;
use lake_store::{Area, DT, Lake, Object, Partitioned, StoreError, codec};
use serde_json::value::RawValue;

use crate::columns::Kind;
use crate::fold::column_name;
use crate::json::{Fields, Value};

/// Default number of objects to sample of each topic. Each costs a request and takes some milliseconds when a session
/// is opened.
pub const DEFAULT_SAMPLES: NonZeroUsize = NonZeroUsize::new(16).expect("16 is not zero");

const CONCURRENT_READS: usize = 8;

/// Fields that the sink may have added, besides the coordinates.
const ADDED: Metadata = Metadata { key: true, headers: true };

/// Inferred columns of a topic.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Inferred {
    /// Fields of the sampled lines, in the order of first occurrence.
    pub(crate) fields: Vec<(String, Kind)>,
    /// Partition columns of the sampled keys, in the order of first occurrence.
    pub(crate) partitions: Vec<String>,
    /// The fields of the first sampled line that lacks a symbol or a `trade_date`, except those that the sink added:
    /// each name as written, and the value if it is a string. `None` if every sampled line has both.
    pub(crate) unmapped: Option<Vec<(String, Option<String>)>>,
}

/// Infers a topic's columns from up to `samples` objects. The contents of a sample that cannot be decoded are ignored.
/// A query that reads the object reports the error; other queries still work.
pub(crate) async fn columns(lake: &Lake, topic: &str, samples: NonZeroUsize) -> Result<Inferred, StoreError> {
    let days = sample(lake.days(Area::Data, topic).await?, samples);
    let mut objects = lake.objects(days).await?;
    // Several partitions write at the same time, so the newest object may not have the last key of its day.
    objects.sort_by(|a, b| {
        let age = |o: &Object| (o.partition_value(DT).map(str::to_owned), o.meta.last_modified);
        age(a).cmp(&age(b)).then_with(|| a.key().cmp(b.key()))
    });
    let objects = sample(objects, samples);

    let mut inferred = Inferred::default();
    for name in objects.iter().flat_map(Object::partition_columns) {
        if !inferred.partitions.iter().any(|known| known == name) {
            inferred.partitions.push(name.to_owned());
        }
    }
    let mut all = Seen::default();
    let mut reads = stream::iter(&objects).map(|object| read(lake, object)).buffered(CONCURRENT_READS);
    while let Some(seen) = reads.try_next().await? {
        for (name, value) in seen.fields {
            all.add(column_name(&name), value);
        }
        all.unmapped = all.unmapped.or(seen.unmapped);
    }
    inferred.fields = all.fields.into_iter().map(|(name, value)| (name, value.column())).collect();
    inferred.unmapped = all.unmapped;
    Ok(inferred)
}

/// Fields of an object's lines.
#[derive(Debug, Default)]
struct Seen {
    /// In the order of first occurrence, each with the kind of value that represents all its values.
    fields: Vec<(String, Value)>,
    /// As in [`Inferred`].
    unmapped: Option<Vec<(String, Option<String>)>>,
}

/// Reads the fields of an object's lines. Returns no fields if the object cannot be decoded.
async fn read(lake: &Lake, object: &Object) -> Result<Seen, StoreError> {
    let Some(codec) = object.codec else { return Ok(Seen::default()) };
    let bytes = match lake.read(object).await {
        Ok(bytes) => bytes,
        // `drop` removes objects while queries run.
        Err(StoreError::Read { source: object_store::Error::NotFound { .. }, .. }) => return Ok(Seen::default()),
        Err(error) => return Err(error),
    };
    let decode = move || codec::text(codec, &bytes).map_or_else(|_| Seen::default(), |text| Seen::of(&text));
    // A panic while one sample is decoded must not fail queries that do not read it.
    Ok(tokio::task::spawn_blocking(decode).await.unwrap_or_default())
}

impl Seen {
    fn of(text: &str) -> Self {
        let mut seen = Seen::default();
        for line in text.lines() {
            let Ok(Fields(fields)) = serde_json::from_str(line) else { continue };
            if seen.unmapped.is_none() && !(is_present(&fields, "symbol") && is_present(&fields, "trade_date")) {
                let own = fields.iter().filter(|(name, _)| !record_line::is_coordinate(name) && !ADDED.adds(name));
                seen.unmapped = Some(own.map(|(name, value)| (name.to_string(), string(value))).collect());
            }
            for (position, (name, value)) in fields.iter().enumerate() {
                let value = Value::of(value);
                // Nearly every line has the fields of the line before, in the same order.
                match seen.fields.get_mut(position) {
                    Some((known, kind)) if known == name => *kind = kind.merge(value),
                    _ => seen.add(name.to_string(), value),
                }
            }
        }
        seen
    }

    fn add(&mut self, name: String, value: Value) {
        match self.fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, kind)) => *kind = kind.merge(value),
            None => self.fields.push((name, value)),
        }
    }
}

/// Returns `true` if a line has a value for a column.
fn is_present(fields: &[(Cow<str>, &RawValue)], column: &str) -> bool {
    fields.iter().any(|(name, value)| {
        // Some letters outside ASCII are ASCII in lower case, such as the Kelvin sign.
        let is_named = name.eq_ignore_ascii_case(column) || (!name.is_ascii() && column_name(name) == column);
        is_named && Value::of(value) != Value::Null
    })
}

/// Returns the text of a JSON string, or `None` for any other value.
fn string(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// Returns up to `samples` items, evenly spread, including the first and the last.
fn sample<T>(all: Vec<T>, samples: NonZeroUsize) -> Vec<T> {
    let samples = samples.get();
    if all.len() <= samples {
        return all;
    }
    let last = all.len() - 1;
    // A single sample is the newest.
    let mut wanted = (0..samples).map(|n| if samples == 1 { last } else { n * last / (samples - 1) }).peekable();
    let indexed = all.into_iter().enumerate();
    indexed.filter_map(|(index, item)| wanted.next_if_eq(&index).map(|_| item)).collect()
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
        assert!(sample(Vec::<usize>::new(), DEFAULT_SAMPLES).is_empty());
        assert_eq!(sample(vec![7], DEFAULT_SAMPLES), [7]);
        for len in [16, 17, 1000] {
            let picked = sample((0..len).collect(), DEFAULT_SAMPLES);
            assert_eq!(picked.len(), 16, "of {len}");
            assert_eq!((picked.first(), picked.last()), (Some(&0), Some(&(len - 1))));
        }
        assert_eq!(sample(vec![7, 8, 9], NonZeroUsize::MIN), [9]);
    }

    #[tokio::test]
    async fn columns_merge_all_samples() {
        let store = Store::new();
        let old = r#"{"n":1,"s":"x","b":true,"mixed":1,"late":null,"never":null,"o":{"a":[1]}}"#;
        store.put("data/q/dt=2026-01-02/a.json", &format!("{old}\n{{\"second\":1}}\n")).await;
        let new = r#"{"n":2.5,"s":"y","b":null,"mixed":"one","late":3,"never":null,"new":"z"}"#;
        store.put("data/q/dt=2026-01-03/hour=01/a.json", new).await;
        let inferred = columns(&store.lake(""), "q", DEFAULT_SAMPLES).await.unwrap();
        assert_eq!(
            fields(&inferred),
            [
                ("n", Kind::Double),
                ("s", Kind::Json),
                ("b", Kind::Boolean),
                ("mixed", Kind::Json),
                ("late", Kind::Integer),
                ("never", Kind::String),
                ("o", Kind::Json),
                ("second", Kind::Integer),
                ("new", Kind::Json),
            ]
        );
        assert_eq!(inferred.partitions, ["dt", "hour"]);
    }

    #[tokio::test]
    async fn every_line_of_a_sample_is_read() {
        let store = Store::new();
        let mut lines: Vec<_> =
            (0..5_000).map(|n| format!(r#"{{"n":{n},"symbol":"A","trade_date":"2026-01-02"}}"#)).collect();
        lines.push(r#"{"symbol":"A","\u0053ector":"tech","trade_date":"2026-01-02","n":0.5}"#.to_owned());
        lines.push(r#"{"Symbol":"A","DATE":"2026-01-02"}"#.to_owned());
        store.put_bytes("data/q/dt=2026-01-02/a.json.gz", gzip(&lines.join("\n"))).await;
        let inferred = columns(&store.lake(""), "q", DEFAULT_SAMPLES).await.unwrap();
        assert_eq!(
            fields(&inferred),
            [
                ("n", Kind::Double),
                ("symbol", Kind::Json),
                ("trade_date", Kind::Json),
                ("sector", Kind::Json),
                ("date", Kind::Json)
            ]
        );
        let names: Vec<_> = inferred.unmapped.unwrap().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["Symbol", "DATE"]);
    }

    #[tokio::test]
    async fn undecodable_sample_contributes_no_column() {
        let store = Store::new();
        store.put("data/q/dt=2026-01-02/a.json.gz", "no gzip").await;
        store.put("data/q/dt=2026-01-02/b.json", "no json\n").await;
        store.put("data/q/dt=2026-01-02/c.json", "").await;
        store.put("data/q/dt=2026-01-02/d.csv", "a,b\n").await;
        let inferred = columns(&store.lake(""), "q", DEFAULT_SAMPLES).await.unwrap();
        assert_eq!(fields(&inferred), []);
    }
}
