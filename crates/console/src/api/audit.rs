//! `GET` and `POST /api/audit`: the last audit, and the objects of each partition as a strip.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use lake_audit::PartitionKey;
use lake_format::keys::parse_name;
use lake_store::{Area, Lake};
use serde::Serialize;
use serde_json::{Value, json};

use super::work::unlimited;
use super::{ApiError, on_thread};
use crate::app::{App, run_audit};
use crate::audit::{Gap, Mark, Marks};

/// Maximum number of objects in the strip of one partition; of more, the newest are shown. The same number of gaps is
/// shown.
const MAX_CELLS: usize = 1_000;

/// The objects of one partition of a topic and generation, and what the last audit found about them.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Strip {
    #[serde(flatten)]
    partition: PartitionKey,
    /// In order of the first offset.
    cells: Vec<Cell>,
    /// Number of older objects that are not in `cells`.
    left_out: usize,
    /// Number of these with a fault.
    left_out_faults: usize,
    /// Offsets that are in no object, in order.
    gaps: Vec<Gap>,
    /// Number of older gaps that are not in `gaps`.
    gaps_left_out: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Cell {
    first: i64,
    key: String,
    size: u64,
    mark: Mark,
    /// Name of the fault that the audit found.
    finding: Option<&'static str>,
}

/// The newest objects of a partition, while the lake is listed.
#[derive(Default)]
struct Newest {
    /// By first offset and key, with the size and whether the object is in the quarantine.
    objects: BTreeSet<(i64, String, u64, bool)>,
    left_out: usize,
    left_out_faults: usize,
}

pub(crate) async fn last(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    on_thread(move || async move {
        let (result, error) = match app.audit.last() {
            None => (None, None),
            Some(Ok(result)) => (Some(result), None),
            Some(Err(error)) => (None, Some(error)),
        };
        let none = Marks::default();
        let strips = strips(&app.lake().await?, result.as_deref().map_or(&none, |result| &result.marks)).await?;
        let answer = Json(json!({
            "summary": app.audit_summary(),
            "result": result.as_deref(),
            "error": error,
            "strips": strips,
        }));
        Ok(answer.into_response())
    })
    .await
}

/// Starts an audit, and answers at once. The event stream reports its end.
pub(crate) async fn start(State(app): State<Arc<App>>) -> (StatusCode, Json<Value>) {
    // Spawned, so that it does not end with the request.
    tokio::spawn(unlimited(move || async move { Ok(run_audit(&app).await) }));
    (StatusCode::ACCEPTED, Json(json!({"started": true})))
}

/// Lists the lake, keeping only the newest objects of each partition.
async fn strips(lake: &Lake, marks: &Marks) -> Result<Vec<Strip>, ApiError> {
    let mut all: BTreeMap<PartitionKey, Newest> = BTreeMap::new();
    // Partitions that have lost every object have gaps.
    all.extend(marks.partitions_with_gaps().map(|partition| (partition.clone(), Newest::default())));
    for area in Area::BOTH {
        let root = format!("{}{}/", lake.prefix, area.folder());
        let is_quarantined = area == Area::Quarantine;
        let visit = |key: &str, size| {
            let path = key.strip_prefix(&root).unwrap_or_default();
            let (Some((topic, _)), Some(name)) = (path.split_once('/'), path.rsplit('/').next()) else { return };
            let Some((generation, partition, first)) = parse_name(name) else { return };
            let partition = PartitionKey { topic: topic.to_owned(), generation, partition };
            let newest = all.entry(partition.clone()).or_default();
            newest.objects.insert((first, key.to_owned(), size, is_quarantined));
            if newest.objects.len() > MAX_CELLS
                && let Some((first, key, _, is_quarantined)) = newest.objects.pop_first()
            {
                newest.left_out += 1;
                let (mark, _) = marks.mark(&partition, &key, first, is_quarantined);
                newest.left_out_faults += usize::from(mark.is_fault());
            }
        };
        lake.for_each_object(area.folder(), visit).await?;
    }
    let strips = all.into_iter().map(|(partition, Newest { objects, left_out, left_out_faults })| {
        let cells = objects.into_iter().map(|(first, key, size, is_quarantined)| {
            let (mark, finding) = marks.mark(&partition, &key, first, is_quarantined);
            Cell { first, key, size, mark, finding }
        });
        let cells = cells.collect();
        let gaps = marks.gaps(&partition);
        let gaps_left_out = gaps.len().saturating_sub(MAX_CELLS);
        let gaps = gaps[gaps_left_out..].to_vec();
        Strip { partition, cells, left_out, left_out_faults, gaps, gaps_left_out }
    });
    Ok(strips.collect())
}

#[cfg(test)]
mod tests {
    use lake_store::testing::Store;

    use super::*;

    #[tokio::test]
    async fn strips_have_the_objects_of_both_areas_by_offset() {
        let store = Store::new();
        for key in [
            "p/data/q/dt=2026-02-02/00000-00000000000000000009.json",
            "p/data/q/dt=2026-02-01/00000-00000000000000000000.json",
            "p/quarantine/q/dt=2026-02-01/00000-00000000000000000005.json",
            "p/data/q/dt=2026-02-01/g2-00001-00000000000000000000.json",
            "p/data/q/dt=2026-02-01/notes.txt",
        ] {
            store.put(key, "{}\n").await;
        }
        let strips = strips(&store.lake("p/"), &Marks::default()).await.unwrap();
        let first = |strip: &Strip| strip.cells.iter().map(|cell| (cell.first, cell.mark)).collect::<Vec<_>>();
        assert_eq!(strips.len(), 2);
        assert_eq!(first(&strips[0]), [(0, Mark::Unknown), (5, Mark::Quarantined), (9, Mark::Unknown)]);
        let PartitionKey { generation, partition, .. } = strips[1].partition;
        assert_eq!((generation, partition, first(&strips[1])), (2, 1, vec![(0, Mark::Unknown)]));
    }

    /// Audits a lake of `objects` with one record each, of which the first `damaged` cannot be decoded.
    async fn audited(store: &Store, objects: usize, damaged: usize) -> Vec<Strip> {
        for at in 0..objects {
            // Every second offset is missing.
            let offset = 2 * at;
            let key = format!("data/q/dt=1970-01-01/00000-{offset:020}.json.gz");
            let line = format!("{{\"kafka_partition\":0,\"kafka_offset\":{offset},\"kafka_timestamp\":1}}\n");
            let bytes = lake_store::testing::gzip(&line);
            store.put_bytes(&key, if at < damaged { bytes[..4].to_vec() } else { bytes }).await;
        }
        let lake = store.lake("");
        let audit = lake_audit::audit(&lake, &lake_audit::Scope::default(), None).await.unwrap();
        strips(&lake, &Marks::new(&audit.report)).await.unwrap()
    }

    #[tokio::test]
    async fn every_damaged_object_and_every_gap_is_drawn() {
        let store = Store::new();
        let strips = audited(&store, 150, 50).await;
        let count = |mark| strips[0].cells.iter().filter(|cell| cell.mark == mark).count();
        assert_eq!((count(Mark::Damaged), count(Mark::Valid)), (50, 100));
        assert_eq!(strips[0].cells[0].finding, Some("damaged"));
        let missing: i64 = strips[0].gaps.iter().map(|gap| gap.last - gap.first + 1).sum();
        assert_eq!((strips[0].gaps.len(), missing), (100, 100 + 99));
        // Stored after the audit.
        assert_eq!((strips[0].left_out, strips[0].gaps_left_out), (0, 0));
    }

    #[tokio::test]
    async fn only_the_newest_objects_are_kept() {
        let store = Store::new();
        let strips = audited(&store, MAX_CELLS + 30, 20).await;
        assert_eq!((strips[0].cells.len(), strips[0].cells[0].first), (MAX_CELLS, 60));
        assert_eq!((strips[0].left_out, strips[0].left_out_faults), (30, 20));
    }
}
