//! The columns that are not declared: what else the stored lines hold.
//!
//! Found in the first line of up to [`SAMPLES`] objects spread evenly over the days, the oldest and
//! the newest always among them: each costs one small request when a session is made, and producers
//! change their columns from file to file, not from row to row. A field that stands in none of these
//! lines is not a column; nothing else is ever guessed from it.

use futures::{StreamExt, TryStreamExt, stream};
use lake_store::{Area, DT, Lake, Object, Partitioned, StoreError, codec};
use object_store::{ObjectStore, ObjectStoreExt};

use super::columns::Kind;
use super::json::{self, Fields};

/// Lines looked at per topic: days listed, and objects read from.
const SAMPLES: usize = 16;

/// Bytes that hold a first line nearly always: a quote's is some 300 bytes.
const HEAD: u64 = 64 * 1024;

const READS_AT_ONCE: usize = 8;

/// What a topic's objects hold besides the declared columns.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Every field in the order in which it was met.
    pub(super) fields: Vec<(String, Kind)>,
    /// The partition columns of the keys in their order.
    pub(super) partitions: Vec<String>,
}

/// Looks at a topic's samples. A sample that cannot be decoded shows nothing: the query that reads
/// it says so, and the queries that do not are none the worse.
pub(super) async fn find(lake: &Lake, topic: &str) -> Result<Found, StoreError> {
    let days = spread(lake.days(Area::Data, topic).await?);
    let mut objects = lake.objects(days).await?;
    // Several partitions write at the same time, so the newest object is not the one with the last
    // key of its day.
    objects.sort_by(|a, b| {
        let age = |o: &Object| (o.partition(DT).map(str::to_owned), o.meta.last_modified);
        age(a).cmp(&age(b)).then_with(|| a.key().cmp(b.key()))
    });
    let objects = spread(objects);

    let mut found = Found::default();
    for name in objects.iter().flat_map(Object::partition_names) {
        if !found.partitions.iter().any(|known| known == name) {
            found.partitions.push(name.to_owned());
        }
    }
    let store = lake.store.as_ref();
    let lines = objects.iter().map(|object| first_line(store, object));
    let mut lines = stream::iter(lines).buffered(READS_AT_ONCE);
    while let Some(line) = lines.try_next().await? {
        if let Some(Ok(Fields(fields))) = line.as_deref().map(serde_json::from_str) {
            found.learn(fields.into_iter().map(|(name, value)| (name, json::kind(value))));
        }
    }
    Ok(found)
}

impl Found {
    /// Joins one line's fields: a field that is seen as two things is text, which holds both.
    fn learn(&mut self, fields: impl Iterator<Item = (String, Option<Kind>)>) {
        for (name, seen) in fields {
            let known = self.fields.iter_mut().find(|(known, _)| *known == name);
            match (known, seen) {
                // Null all along: text, until a line says more.
                (None, seen) => self.fields.push((name, seen.unwrap_or(Kind::String))),
                (Some((_, kind)), Some(seen)) if *kind == Kind::String => *kind = seen,
                (Some((_, kind)), Some(seen)) if *kind != seen => *kind = Kind::Json,
                (Some(_), _) => {}
            }
        }
    }
}

/// Up to [`SAMPLES`] of all, evenly spread, the first and the last among them.
fn spread<T>(all: Vec<T>) -> Vec<T> {
    let last = all.len().saturating_sub(1);
    if last < SAMPLES {
        return all;
    }
    let mut wanted = (0..SAMPLES).map(|n| n * last / (SAMPLES - 1)).peekable();
    let indexed = all.into_iter().enumerate();
    indexed.filter_map(|(at, one)| wanted.next_if_eq(&at).map(|_| one)).collect()
}

async fn first_line(store: &dyn ObjectStore, object: &Object) -> Result<Option<String>, StoreError> {
    let (size, Some(codec)) = (object.meta.size, object.codec) else {
        return Ok(None);
    };
    for end in [HEAD.min(size), size] {
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

    fn fields(found: &Found) -> Vec<(&str, Kind)> {
        found.fields.iter().map(|(n, k)| (n.as_str(), *k)).collect()
    }

    #[test]
    fn the_ends_are_always_among_the_samples() {
        assert!(spread(Vec::<usize>::new()).is_empty());
        assert_eq!(spread(vec![7]), [7]);
        for len in [SAMPLES, SAMPLES + 1, 1000] {
            let picked = spread((0..len).collect());
            assert_eq!(picked.len(), SAMPLES, "of {len}");
            assert_eq!((picked.first(), picked.last()), (Some(&0), Some(&(len - 1))));
        }
    }

    #[tokio::test]
    async fn columns_are_what_the_samples_agree_on() {
        let store = Store::new();
        let old = r#"{"n":1,"s":"x","b":true,"mixed":1,"late":null,"never":null,"o":{"a":[1]}}"#;
        store.put("data/q/dt=2026-01-02/a.json", &format!("{old}\n{{\"second\":1}}\n")).await;
        let new = r#"{"n":2.5,"s":"y","b":null,"mixed":"one","late":3,"never":null,"new":"z"}"#;
        store.put("data/q/dt=2026-01-03/hour=01/a.json", new).await;
        let found = find(&store.lake(""), "q").await.unwrap();
        assert_eq!(
            fields(&found),
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
        assert_eq!(found.partitions, ["dt", "hour"]);
    }

    #[tokio::test]
    async fn a_long_first_line_is_read_to_its_end() {
        let store = Store::new();
        // Text that does not compress, so that the line's end lies beyond the first request.
        let mut state = 1_u64;
        let noise: String = (0..400_000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                char::from(b'a' + (state >> 59) as u8 % 26)
            })
            .collect();
        let object = gzip(&format!("{{\"noise\":\"{noise}\",\"end\":1}}\n{{}}\n"));
        assert!(object.len() as u64 > HEAD);
        store.put_bytes("data/q/dt=2026-01-02/a.json.gz", object).await;
        let found = find(&store.lake(""), "q").await.unwrap();
        assert_eq!(fields(&found), [("noise", Kind::Json), ("end", Kind::Double)]);
    }

    #[tokio::test]
    async fn what_cannot_be_decoded_shows_nothing() {
        let store = Store::new();
        store.put("data/q/dt=2026-01-02/a.json.gz", "no gzip").await;
        store.put("data/q/dt=2026-01-02/b.json", "no json\n").await;
        store.put("data/q/dt=2026-01-02/c.json", "").await;
        store.put("data/q/dt=2026-01-02/d.csv", "a,b\n").await;
        let found = find(&store.lake(""), "q").await.unwrap();
        assert_eq!(fields(&found), []);
    }
}
