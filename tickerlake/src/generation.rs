//! Generations of the embedded broker's topics.
//!
//! A topic that is created again begins at offset 0, so its records belong to another generation than the records
//! stored before. The broker of `run` begins empty, so each run is a new generation. `up` keeps the broker's log in the
//! lake's folder, and beside it the generation of each topic, by the topic's ID, which changes when the topic is
//! created again.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use embedded_broker::Topic;
use lake_audit::drop::generations_in_trash;
use lake_format::{keys, ledger};
use lake_store::{Area, Lake};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// File with the generations, in the folder of the broker.
const FILE: &str = "generations.json";

/// The generation of a topic's records.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Generation {
    pub(crate) number: u32,
    /// `true` if the lake has no record of this generation.
    pub(crate) is_new: bool,
    /// Offsets of the log up to which the lake has all records, in this or an earlier generation, by partition number.
    pub(crate) stored: Vec<i64>,
}

/// Returns the generation for a topic that begins at offset 0: one more than the highest in the lake and its trash, or
/// 0 if neither has an object of the topic. A dropped generation keeps its number, so that it can be restored.
///
/// # Errors
/// If the lake cannot be listed.
pub(crate) async fn next(lake: &Lake, topic: &str) -> anyhow::Result<u32> {
    let dropped = generations_in_trash(lake, topic).await?;
    let mut next = dropped.last().map_or(0, |generation| generation.saturating_add(1));
    for area in Area::BOTH {
        let visit = |key: &str, _| {
            if let Some((generation, ..)) = key.rsplit('/').next().and_then(keys::parse_name) {
                next = next.max(generation.saturating_add(1));
            }
        };
        lake.for_each_object(&format!("{}/{topic}", area.folder()), visit).await?;
    }
    Ok(next)
}

/// Returns the generation of a topic whose log is stored in the folder `broker`, and saves it there. A new one begins
/// if the topic's ID is unknown, if the generation was dropped, or if the log ends below an offset that the lake has,
/// which happens when the machine loses power.
///
/// # Errors
/// If the lake or the file cannot be read, or the file cannot be written.
pub(crate) async fn of_kept_log(broker: &Path, lake: &Lake, topic: &Topic) -> anyhow::Result<Generation> {
    let mut known = Known::open(broker)?;
    let mut stored = vec![0; topic.end_offsets.len()];
    if let Some(number) = known.generations.get(&topic.id).map(|known| known.number) {
        let nexts = stored_offsets(lake, &topic.name, number).await?;
        for ((partition, end), stored) in (0..).zip(&topic.end_offsets).zip(&mut stored) {
            *stored = nexts.get(&partition).map_or(0, |&next| next.min(*end));
        }
        let end = |partition: i32| usize::try_from(partition).ok().and_then(|index| topic.end_offsets.get(index));
        let is_complete = nexts.iter().all(|(&partition, next)| end(partition).is_some_and(|end| end >= next));
        if is_complete && !generations_in_trash(lake, &topic.name).await?.contains(&number) {
            return Ok(Generation { number, is_new: false, stored });
        }
    }
    // The last invocation with records of a deleted topic may still be storing them.
    let number = next(lake, &topic.name).await?.max(known.next(&topic.name));
    known.generations.insert(topic.id, Entry { topic: topic.name.clone(), number });
    known.save()?;
    Ok(Generation { number, is_new: true, stored })
}

/// Returns the partitions and the keys of the ledgers of a topic's generation.
///
/// # Errors
/// If the lake cannot be listed.
pub(crate) async fn ledger_keys(lake: &Lake, topic: &str, generation: u32) -> anyhow::Result<Vec<(i32, String)>> {
    let mut keys = Vec::new();
    let visit = |key: &str, _| {
        if let Some((other, partition)) = key.rsplit('/').next().and_then(keys::parse_ledger_name)
            && other == generation
        {
            keys.push((partition, key.to_owned()));
        }
    };
    lake.for_each_object(&format!("{}/{topic}", keys::LEDGER), visit).await?;
    Ok(keys)
}

/// Returns the `next` of each ledger of a topic's generation, by partition.
async fn stored_offsets(lake: &Lake, topic: &str, generation: u32) -> anyhow::Result<BTreeMap<i32, i64>> {
    let mut offsets = BTreeMap::new();
    for (partition, key) in ledger_keys(lake, topic, generation).await? {
        // The sink reports a damaged ledger, and which command repairs it.
        if let Some(Ok(ledger)) = lake.get(&key).await?.map(|text| ledger::from_json(&text)) {
            offsets.insert(partition, ledger.next);
        }
    }
    Ok(offsets)
}

/// The file with the generations.
struct Known {
    path: PathBuf,
    generations: BTreeMap<Uuid, Entry>,
}

/// The generation of a topic.
#[derive(Deserialize, Serialize)]
struct Entry {
    topic: String,
    number: u32,
}

impl Known {
    fn open(broker: &Path) -> anyhow::Result<Self> {
        let path = broker.join(FILE);
        let generations = match std::fs::read(&path) {
            Ok(text) => match parse(&text) {
                Some(generations) => generations,
                None => bail!(
                    "{} is damaged: remove {} to begin with an empty broker; the lake keeps what it has",
                    path.display(),
                    broker.display()
                ),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).with_context(|| format!("failed to read {}", path.display())),
        };
        Ok(Known { path, generations })
    }

    /// Returns the number after the highest that a topic of this name has had.
    fn next(&self, topic: &str) -> u32 {
        let same = self.generations.values().filter(|known| known.topic == topic);
        same.map(|known| known.number.saturating_add(1)).max().unwrap_or(0)
    }

    /// Replaces the file atomically, so that a process that is killed leaves either the old or the new file.
    fn save(&self) -> anyhow::Result<()> {
        let text: BTreeMap<String, &Entry> =
            self.generations.iter().map(|(id, entry)| (id.to_string(), entry)).collect();
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(self.path.parent().unwrap_or(Path::new(".")))?;
            file.write_all(&serde_json::to_vec(&text)?)?;
            file.as_file().sync_all()?;
            file.persist(&self.path)?;
            std::io::Result::Ok(())
        };
        write().with_context(|| format!("failed to write {}", self.path.display()))
    }
}

fn parse(text: &[u8]) -> Option<BTreeMap<Uuid, Entry>> {
    let found: BTreeMap<String, Entry> = serde_json::from_slice(text).ok()?;
    found.into_iter().map(|(id, entry)| Some((id.parse().ok()?, entry))).collect()
}

#[cfg(test)]
mod tests {
    use lake_store::testing::Store;
    use tempfile::TempDir;

    use super::*;

    fn topic(id: u128, ends: &[i64]) -> Topic {
        Topic { name: "q".to_owned(), id: Uuid::from_u128(id), end_offsets: ends.to_vec() }
    }

    fn new(number: u32, stored: &[i64]) -> Generation {
        Generation { number, is_new: true, stored: stored.to_vec() }
    }

    fn continued(number: u32, stored: &[i64]) -> Generation {
        Generation { number, is_new: false, stored: stored.to_vec() }
    }

    async fn put_ledger(store: &Store, name: &str, next: i64) {
        let ledger = format!(r#"{{"next":{next},"ahead":{{}},"gaps":[],"layout":"dt=*/*.json.gz"}}"#);
        store.put(&format!("ledger/q/{name}.json"), &ledger).await;
    }

    #[tokio::test]
    async fn a_kept_log_continues_its_generation() {
        let (store, folder) = (Store::new(), TempDir::new().unwrap());
        let of = async |topic: Topic| of_kept_log(folder.path(), &store.lake(""), &topic).await.unwrap();
        assert_eq!(of(topic(1, &[0, 0])).await, new(0, &[0, 0]));
        store.put("data/q/dt=2026-01-01/00000-00000000000000000000.json", "{}").await;
        put_ledger(&store, "00000", 10).await;
        assert_eq!(of(topic(1, &[10, 0])).await, continued(0, &[10, 0]));
        assert_eq!(of(topic(1, &[25, 3])).await, continued(0, &[10, 0]));
    }

    #[tokio::test]
    async fn a_topic_that_was_created_again_is_a_new_generation() {
        let (store, folder) = (Store::new(), TempDir::new().unwrap());
        let of = async |topic: Topic| of_kept_log(folder.path(), &store.lake(""), &topic).await.unwrap();
        of(topic(1, &[0])).await;
        store.put("data/q/dt=2026-01-01/00000-00000000000000000000.json", "{}").await;
        assert_eq!(of(topic(2, &[0])).await, new(1, &[0]));
        assert_eq!(of(topic(2, &[7])).await, continued(1, &[0]));
    }

    #[tokio::test]
    async fn recreated_topic_gets_a_new_number_before_anything_is_stored() {
        let (store, folder) = (Store::new(), TempDir::new().unwrap());
        let of = async |topic: Topic| of_kept_log(folder.path(), &store.lake(""), &topic).await.unwrap();
        assert_eq!(of(topic(1, &[0])).await, new(0, &[0]));
        assert_eq!(of(topic(2, &[0])).await, new(1, &[0]));
        let other = Topic { name: "other".to_owned(), ..topic(3, &[0]) };
        assert_eq!(of(other).await, new(0, &[0]));
    }

    #[tokio::test]
    async fn a_log_that_lost_records_is_a_new_generation_of_what_is_not_stored() {
        let (store, folder) = (Store::new(), TempDir::new().unwrap());
        let of = async |topic: Topic| of_kept_log(folder.path(), &store.lake(""), &topic).await.unwrap();
        of(topic(1, &[0, 0, 0])).await;
        store.put("data/q/dt=2026-01-01/00000-00000000000000000000.json", "{}").await;
        put_ledger(&store, "00000", 10).await;
        put_ledger(&store, "00001", 4).await;
        assert_eq!(of(topic(1, &[8, 6, 2])).await, new(1, &[8, 4, 0]));
        assert_eq!(of(topic(1, &[9, 6, 2])).await, continued(1, &[0, 0, 0]));
    }

    #[tokio::test]
    async fn a_dropped_generation_is_not_continued() {
        let (store, folder) = (Store::new(), TempDir::new().unwrap());
        let of = async |topic: Topic| of_kept_log(folder.path(), &store.lake(""), &topic).await.unwrap();
        of(topic(1, &[0])).await;
        store.put("trash/q/g0/data/q/dt=2026-01-01/00000-00000000000000000000.json", "{}").await;
        assert_eq!(of(topic(1, &[5])).await, new(1, &[0]));
    }

    #[test]
    fn a_damaged_file_is_an_error() {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join(FILE), "{").unwrap();
        let error = Known::open(folder.path()).err().unwrap().to_string();
        assert!(error.contains("generations.json is damaged"), "{error}");
    }
}
