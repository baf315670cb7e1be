//! `GET /api/lake` and `/api/object`: prefixes with their sizes, and the lines of an object.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use lake_format::codec::Codec;
use lake_format::keys;
use lake_store::codec;
use serde::{Deserialize, Serialize};

use super::{ApiError, on_thread};
use crate::app::App;

/// Number of lines of an object that the page receives.
const MAX_LINES: usize = 200;

/// Maximum size of an object that is decoded, as `tickerlake audit`'s.
const MAX_OBJECT_BYTES: u64 = 32 << 20;

const AREAS: [&str; 4] = [keys::DATA, keys::QUARANTINE, keys::LEDGER, keys::TRASH];

/// The objects with one prefix.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Prefix {
    prefix: String,
    objects: u64,
    bytes: u64,
}

#[derive(Serialize)]
pub(crate) struct Contents {
    location: String,
    prefixes: Vec<Prefix>,
    objects: u64,
    bytes: u64,
}

pub(crate) async fn contents(State(app): State<Arc<App>>) -> Result<Json<Contents>, ApiError> {
    on_thread(move || async move {
        let lake = app.lake().await?;
        let mut prefixes: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for area in AREAS {
            let visit = |key: &str, size| {
                let (objects, bytes) = prefixes.entry(folder(&key[lake.prefix.len().min(key.len())..])).or_default();
                *objects += 1;
                *bytes += size;
            };
            lake.for_each_object(area, visit).await?;
        }
        let (objects, bytes) = prefixes.values().fold((0, 0), |(a, b), (objects, bytes)| (a + objects, b + bytes));
        let prefixes = prefixes.into_iter().map(|(prefix, (objects, bytes))| Prefix { prefix, objects, bytes });
        Ok(Json(Contents { location: app.settings.location.clone(), prefixes: prefixes.collect(), objects, bytes }))
    })
    .await
}

/// Returns the prefix under which an object is counted: area, topic and day.
fn folder(key: &str) -> String {
    let mut end = 0;
    for (at, _) in key.match_indices('/').take(3) {
        end = at + 1;
    }
    key[..end].to_owned()
}

#[derive(Deserialize)]
pub(crate) struct ObjectQuery {
    key: String,
}

#[derive(Serialize)]
pub(crate) struct ObjectLines {
    key: String,
    bytes: usize,
    lines: usize,
    first_lines: Vec<String>,
}

pub(crate) async fn object(
    State(app): State<Arc<App>>,
    Query(ObjectQuery { key }): Query<ObjectQuery>,
) -> Result<Json<ObjectLines>, ApiError> {
    on_thread(move || async move {
        let lake = app.lake().await?;
        let is_of_lake = key.strip_prefix(&lake.prefix).is_some_and(|rest| {
            AREAS.iter().any(|area| rest.strip_prefix(area).is_some_and(|rest| rest.starts_with('/')))
        });
        if !is_of_lake {
            return Err(ApiError::bad("expected the key of an object of the lake"));
        }
        let missing = || ApiError::not_found(format!("no object {key} exists"));
        // Before it is read.
        if lake.size(&key).await?.ok_or_else(missing)? > MAX_OBJECT_BYTES {
            return Err(ApiError::bad(format!("the object is larger than {MAX_OBJECT_BYTES} bytes")));
        }
        let bytes = lake.get(&key).await?.ok_or_else(missing)?;
        let codec = Codec::from_key(&key).unwrap_or(Codec::None);
        let text =
            codec::text(codec, &bytes).map_err(|error| ApiError::bad(format!("failed to decode {key}: {error}")))?;
        let first_lines = text.lines().take(MAX_LINES).map(str::to_owned).collect();
        Ok(Json(ObjectLines { key, bytes: bytes.len(), lines: text.lines().count(), first_lines }))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_counted_by_day() {
        assert_eq!(folder("data/quotes/dt=2026-01-02/hour=3/00000-0.json"), "data/quotes/dt=2026-01-02/");
        assert_eq!(folder("ledger/quotes/00000.json"), "ledger/quotes/");
        assert_eq!(folder("x"), "");
    }
}
