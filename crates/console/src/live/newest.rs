//! The newest objects of a topic.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lake_format::keys::parse_name;
use lake_store::{Area, Lake, Object, StoreError};
use serde::Serialize;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::api::on_thread;
use crate::app::App;

/// Number of objects that the page shows.
const SHOWN: usize = 4;

/// Minimum time between two listings.
const LIST_INTERVAL: Duration = Duration::from_secs(2);

/// Maximum time of a listing. It ends long before the store gives up, and is then repeated.
const LIST_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum size of an object whose records are counted, in bytes as stored.
const MAX_COUNTED: u64 = 2 << 20;

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
    /// Number of records; `None` if the object is large or damaged.
    pub(crate) records: Option<u64>,
}

/// Lists the newest objects in a task, so that a store that is slow or away delays no frame.
#[derive(Debug, Default)]
pub(crate) struct Listings {
    began: Option<Instant>,
    running: Option<Running>,
    /// Number of stored records when the last successful listing began.
    listed: Option<u64>,
    objects: Vec<ShownObject>,
}

#[derive(Debug)]
struct Running {
    stored: u64,
    task: JoinHandle<Option<Vec<ShownObject>>>,
}

impl Listings {
    /// Returns the objects that were listed since the last call, if any. Begins a listing if records were stored since
    /// the last one, or if that has failed. Does not wait.
    pub(crate) async fn poll(&mut self, app: &Arc<App>, stored: u64, is_watched: bool) -> Option<&[ShownObject]> {
        let is_finished = self.running.as_ref().is_some_and(|running| running.task.is_finished());
        let ended = self.running.take_if(|_| is_finished);
        let is_due = self.began.is_none_or(|began| began.elapsed() >= LIST_INTERVAL);
        if is_watched && is_due && self.running.is_none() && ended.is_none() && self.listed != Some(stored) {
            self.began = Some(Instant::now());
            self.running = Some(Running { stored, task: list(Arc::clone(app), self.objects.clone()) });
        }
        // A failed listing is reported by the tabs that read the lake; here the objects stay as they were.
        let Running { stored, task } = ended?;
        self.objects = task.await.ok()??;
        self.listed = Some(stored);
        Some(&self.objects)
    }
}

impl Drop for Listings {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.task.abort();
        }
    }
}

/// Starts a listing. The task returns `None` if the listing fails or takes too long.
fn list(app: Arc<App>, before: Vec<ShownObject>) -> JoinHandle<Option<Vec<ShownObject>>> {
    let listing = on_thread(move || async move {
        let lake = app.lake().await?;
        Ok(newest(&lake, &app.settings.topic, &before).await?)
    });
    tokio::spawn(async move { timeout(LIST_TIMEOUT, listing).await.ok()?.ok() })
}

/// Returns the newest objects of a topic, newest first. Lists only the last day that has objects in each area, and
/// reads only objects that are not in `before`.
async fn newest(lake: &Lake, topic: &str, before: &[ShownObject]) -> Result<Vec<ShownObject>, StoreError> {
    let mut all = Vec::new();
    for area in Area::BOTH {
        let Some(day) = lake.days(area, topic).await?.pop() else { continue };
        for object in lake.objects(vec![day]).await? {
            let Some((generation, partition, first)) = object.key().filename().and_then(parse_name) else { continue };
            let shown = ShownObject {
                key: object.key().to_string(),
                size: object.meta.size,
                modified: object.meta.last_modified.timestamp_millis(),
                quarantined: area == Area::Quarantine,
                generation,
                partition,
                first,
                records: None,
            };
            all.push((shown, object));
        }
    }
    all.sort_by(|(a, _), (b, _)| b.modified.cmp(&a.modified).then_with(|| b.first.cmp(&a.first)));
    all.truncate(SHOWN);
    let mut newest = Vec::new();
    for (mut shown, object) in all {
        let known =
            before.iter().find(|one| (&one.key, one.size, one.modified) == (&shown.key, shown.size, shown.modified));
        shown.records = match known {
            Some(known) => known.records,
            None if shown.size <= MAX_COUNTED => count_records(lake, &object).await?,
            None => None,
        };
        newest.push(shown);
    }
    Ok(newest)
}

/// Returns the number of lines of an object, or `None` if it cannot be decoded.
async fn count_records(lake: &Lake, object: &Object) -> Result<Option<u64>, StoreError> {
    let Some(codec) = object.codec else { return Ok(None) };
    let bytes = lake.read(object).await?;
    Ok(codec.reader(&bytes[..]).and_then(count_lines).ok())
}

fn count_lines(mut text: impl Read) -> io::Result<u64> {
    let mut buffer = vec![0; 64 << 10];
    let mut lines = 0;
    loop {
        match text.read(&mut buffer)? {
            0 => return Ok(lines),
            count => lines += buffer[..count].iter().filter(|byte| **byte == b'\n').count() as u64,
        }
    }
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
            store.put(key, "{}\n{}\n").await;
        }
        let objects = newest(&store.lake(""), "q", &[]).await.unwrap();
        let mut seen: Vec<_> = objects.iter().map(|o| (o.generation, o.partition, o.first, o.quarantined)).collect();
        seen.sort_unstable();
        assert_eq!(seen, [(0, 0, 5, true), (1, 3, 12, false)]);
        assert!(objects.iter().all(|object| object.records == Some(2)));
        assert!(newest(&store.lake(""), "other", &[]).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn records_are_counted_once() {
        let store = Store::new();
        store.put("data/q/dt=2026-02-01/00000-00000000000000000000.json.gz", "not gzip").await;
        store.put("data/q/dt=2026-02-01/00001-00000000000000000000.json", "{}\n").await;
        let mut objects = newest(&store.lake(""), "q", &[]).await.unwrap();
        objects.sort_by_key(|object| object.partition);
        assert_eq!(objects.iter().map(|object| object.records).collect::<Vec<_>>(), [None, Some(1)]);
        objects[1].records = Some(7);
        let again = newest(&store.lake(""), "q", &objects).await.unwrap();
        assert!(again.iter().any(|object| object.records == Some(7)));
    }
}
