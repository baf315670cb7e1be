//! Lists the objects and ledgers of a generation, in the lake or in the trash.

use std::collections::BTreeSet;

use lake_format::keys::{self, KeyLayout};
use lake_store::{Area, Lake, StoreError};

use super::steps::Contents;
use crate::objects::Object;

/// Maximum number of object keys, and of ledger keys, that one listing keeps in memory. Further keys are only counted;
/// a later listing keeps them, after the first ones have been moved.
pub(crate) const MAX_KEYS: usize = 100_000;

/// Result of listing a topic, in the lake or in the trash.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Totals of the generation.
    pub(crate) contents: Contents,
    /// Keys of the generation's first objects, without the lake's prefix.
    pub(crate) objects: Vec<String>,
    /// Keys of the generation's first ledgers, without the lake's prefix.
    pub(crate) ledgers: Vec<String>,
    /// Every generation of the topic that the listing contains.
    pub(crate) generations: BTreeSet<u32>,
}

/// Lists a generation of a topic. Keeps the first `max_keys` keys of objects and of ledgers. Leaves out objects that
/// the sink did not write.
pub(crate) async fn list(lake: &Lake, topic: &str, generation: u32, max_keys: usize) -> Result<Listing, StoreError> {
    let mut listing = Listing::default();
    for area in Area::BOTH {
        let folder = format!("{}/{topic}", area.folder());
        let root = format!("{}{folder}/", lake.prefix);
        let visit = |key: &str, size| {
            let Some(found) = Object::generation_of(area, &root, key) else { return };
            listing.generations.insert(found);
            if found == generation {
                listing.contents.objects += 1;
                count(&mut listing.contents, key, size);
                keep(&mut listing.objects, lake, key, max_keys);
            }
        };
        lake.for_each_object(&folder, visit).await?;
    }
    let visit = |key: &str, size| {
        let name = key.rsplit('/').next().and_then(keys::parse_ledger_name);
        let Some((found, partition)) = name else { return };
        let layout = KeyLayout { prefix: lake.prefix.clone(), generation: found, ..KeyLayout::default() };
        if layout.ledger_key(topic, partition) != key {
            return;
        }
        listing.generations.insert(found);
        if found == generation {
            listing.contents.ledgers += 1;
            count(&mut listing.contents, key, size);
            keep(&mut listing.ledgers, lake, key, max_keys);
        }
    };
    lake.for_each_object(&format!("{}/{topic}", keys::LEDGER), visit).await?;
    Ok(listing)
}

fn count(contents: &mut Contents, key: &str, size: u64) {
    contents.bytes += size;
    contents.example.get_or_insert_with(|| key.to_owned());
}

fn keep(kept: &mut Vec<String>, lake: &Lake, key: &str, max_keys: usize) {
    if kept.len() < max_keys {
        kept.extend(key.strip_prefix(&lake.prefix).map(str::to_owned));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lake_store::testing::Store;

    #[tokio::test]
    async fn only_the_sinks_objects_of_the_generation_are_kept() {
        let store = Store::new();
        for key in [
            "p/data/q/dt=2026-01-02/g1-00000-00000000000000000000.json.gz",
            "p/data/q/dt=2026-01-02/hour=07/by_a=x%2Fy/g1-00000-00000000000000000009.json.zst",
            "p/quarantine/q/dt=2026-01-02/g1-00000-00000000000000000005.json.gz",
            "p/ledger/q/g1-00000.json",
            // Other generations, other topics, and objects that the sink did not write.
            "p/data/q/dt=2026-01-02/00000-00000000000000000000.json.gz",
            "p/data/q/dt=2026-01-02/g11-00000-00000000000000000000.json.gz",
            "p/data/q/dt=2026-01-02/g1-00000-5.json.gz",
            "p/data/q/dt=2026-01-02/_g1-00000-00000000000000000000.json.gz",
            "p/data/qq/dt=2026-01-02/g1-00000-00000000000000000000.json.gz",
            "p/ledger/q/00000.json",
            "p/ledger/q/g1-0.json",
            "p/trash/q/g1/ledger/q/g1-00000.json",
        ] {
            store.put(key, "12").await;
        }
        let lake = store.lake("p/");
        let listing = list(&lake, "q", 1, MAX_KEYS).await.unwrap();
        let mut objects = listing.objects;
        objects.sort();
        assert_eq!(
            objects,
            [
                "data/q/dt=2026-01-02/g1-00000-00000000000000000000.json.gz",
                "data/q/dt=2026-01-02/hour=07/by_a=x%2Fy/g1-00000-00000000000000000009.json.zst",
                "quarantine/q/dt=2026-01-02/g1-00000-00000000000000000005.json.gz",
            ]
        );
        assert_eq!(listing.ledgers, ["ledger/q/g1-00000.json"]);
        assert_eq!((listing.contents.objects, listing.contents.ledgers, listing.contents.bytes), (3, 1, 8));
        assert_eq!(listing.generations, BTreeSet::from([0, 1, 11]));
        let few = list(&lake, "q", 1, 2).await.unwrap();
        assert_eq!((few.objects.len(), few.contents.objects), (2, 3));
    }
}
