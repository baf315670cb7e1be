//! The newest objects of a topic.

use lake_format::keys::parse_name;
use lake_store::{Area, Lake, StoreError};
use serde::Serialize;

/// Number of objects that the page shows.
const SHOWN: usize = 8;

/// An object of the lake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ShownObject {
    pub(crate) key: String,
    pub(crate) size: u64,
    /// Time of the last change, in milliseconds since 1970.
    pub(crate) modified: i64,
    pub(crate) quarantined: bool,
    /// Generation, partition and first offset, from the name.
    pub(crate) generation: u32,
    pub(crate) partition: i32,
    pub(crate) first: i64,
}

/// Returns the newest objects of a topic, newest first. Lists only the last day that has objects in each area.
pub(crate) async fn newest(lake: &Lake, topic: &str) -> Result<Vec<ShownObject>, StoreError> {
    let mut all = Vec::new();
    for area in Area::BOTH {
        let Some(day) = lake.days(area, topic).await?.pop() else { continue };
        for object in lake.objects(vec![day]).await? {
            let Some((generation, partition, first)) = object.key().filename().and_then(parse_name) else { continue };
            all.push(ShownObject {
                key: object.key().to_string(),
                size: object.meta.size,
                modified: object.meta.last_modified.timestamp_millis(),
                quarantined: area == Area::Quarantine,
                generation,
                partition,
                first,
            });
        }
    }
    all.sort_by(|a, b| b.modified.cmp(&a.modified).then_with(|| b.first.cmp(&a.first)));
    all.truncate(SHOWN);
    Ok(all)
}

#[cfg(test)]
mod tests {
    use lake_store::testing::Store;

    use super::*;

    #[tokio::test]
    async fn objects_of_the_last_day_are_listed() {
        let store = Store::new();
        for key in [
            "data/q/dt=2026-02-01/00000-00000000000000000000.json",
            "data/q/dt=2026-02-02/g1-00003-00000000000000000012.json",
            "data/q/dt=2026-02-02/notes.json",
            "quarantine/q/dt=2026-02-02/00000-00000000000000000005.json",
        ] {
            store.put(key, "{}\n").await;
        }
        let objects = newest(&store.lake(""), "q").await.unwrap();
        let mut seen: Vec<_> = objects.iter().map(|o| (o.generation, o.partition, o.first, o.quarantined)).collect();
        seen.sort_unstable();
        assert_eq!(seen, [(0, 0, 5, true), (1, 3, 12, false)]);
        assert!(newest(&store.lake(""), "other").await.unwrap().is_empty());
    }
}
