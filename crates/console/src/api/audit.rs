//! `GET` and `POST /api/audit`: the last audit, and the objects of each partition as a strip.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use lake_format::keys::parse_name;
use lake_store::{Area, Lake};
use serde::Serialize;
use serde_json::{Value, json};

use super::{ApiError, on_thread};
use crate::app::{App, run_audit};

/// Maximum number of objects in the strip of one partition; of more, the newest are shown.
const MAX_CELLS: usize = 1_000;

/// The objects of one partition of a topic and generation.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Strip {
    topic: String,
    generation: u32,
    partition: i32,
    /// In order of the first offset.
    cells: Vec<Cell>,
    /// Number of older objects that are not in `cells`.
    left_out: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Cell {
    first: i64,
    key: String,
    size: u64,
    quarantined: bool,
}

pub(crate) async fn last(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
    on_thread(move || async move {
        let strips = strips(&app.lake().await?).await?;
        let (result, error) = match app.audit.last() {
            None => (None, None),
            Some(Ok(result)) => (Some(result), None),
            Some(Err(error)) => (None, Some(error)),
        };
        Ok(Json(json!({
            "summary": app.audit.summary(app.stored()),
            "result": result.as_deref(),
            "error": error,
            "strips": strips,
        })))
    })
    .await
}

/// Starts an audit, and answers at once. The event stream reports its end.
pub(crate) async fn start(State(app): State<Arc<App>>) -> (StatusCode, Json<Value>) {
    // Spawned, so that it does not end with the request.
    tokio::spawn(on_thread(move || async move { Ok(run_audit(&app).await) }));
    (StatusCode::ACCEPTED, Json(json!({"started": true})))
}

async fn strips(lake: &Lake) -> Result<Vec<Strip>, ApiError> {
    let mut all: BTreeMap<(String, u32, i32), Vec<Cell>> = BTreeMap::new();
    for area in Area::BOTH {
        let root = format!("{}{}/", lake.prefix, area.folder());
        let visit = |key: &str, size| {
            let path = key.strip_prefix(&root).unwrap_or_default();
            let (Some((topic, _)), Some(name)) = (path.split_once('/'), path.rsplit('/').next()) else { return };
            if let Some((generation, partition, first)) = parse_name(name) {
                let cell = Cell { first, key: key.to_owned(), size, quarantined: area == Area::Quarantine };
                all.entry((topic.to_owned(), generation, partition)).or_default().push(cell);
            }
        };
        lake.for_each_object(area.folder(), visit).await?;
    }
    let strips = all.into_iter().map(|((topic, generation, partition), mut cells)| {
        cells.sort();
        let left_out = cells.len().saturating_sub(MAX_CELLS);
        Strip { topic, generation, partition, cells: cells.split_off(left_out), left_out }
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
        let strips = strips(&store.lake("p/")).await.unwrap();
        let first = |strip: &Strip| strip.cells.iter().map(|cell| (cell.first, cell.quarantined)).collect::<Vec<_>>();
        assert_eq!(strips.len(), 2);
        assert_eq!(first(&strips[0]), [(0, false), (5, true), (9, false)]);
        assert_eq!((strips[1].generation, strips[1].partition, first(&strips[1])), (2, 1, vec![(0, false)]));
    }
}
