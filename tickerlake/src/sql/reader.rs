//! A topic's objects as text, for tools that look at records and not at columns.

use super::error::SqlError;
use super::listing::{Area, Lake, Object};
use super::scan::read;

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
    pub async fn stored(&self, topic: &str) -> Result<Vec<Stored>, SqlError> {
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
    pub async fn text(&self, stored: &Stored) -> Result<String, SqlError> {
        let wrong = |reason: &dyn ToString| SqlError::decode(stored.object.key(), reason.to_string());
        let codec = stored.object.codec.ok_or_else(|| wrong(&"its name names no codec"))?;
        let bytes = read(self.store.as_ref(), &stored.object).await?;
        codec.text(&bytes).map_err(|error| wrong(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Store, gzip};

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
