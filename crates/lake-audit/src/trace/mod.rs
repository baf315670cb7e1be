//! Finds a record: the objects and lines that store it, or the records next to it.

mod search;

use futures::{StreamExt, TryStreamExt, stream};
use lake_store::{Lake, StoreError, TopicObject};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use search::{Contents, LineError, Match};
pub use search::{Neighbour, Neighbours, Wanted};

const CONCURRENT_READS: usize = 8;

/// Where a record is.
#[derive(Debug)]
pub enum Trace {
    /// The record is stored at these locations.
    Found(Vec<RecordLocation>),
    /// The record is not stored. Between these neighbours it would be, in each generation.
    Missing(Vec<Neighbours>),
}

#[derive(Debug, Serialize)]
pub struct RecordLocation {
    /// Whether the record is valid.
    pub status: Status,
    /// The object's key.
    pub key: String,
    /// Number of the line, from 1.
    pub line: usize,
    /// The topic's generation.
    pub generation: u32,
    /// Why the record is in the quarantine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The line as it is stored.
    pub record: Box<RawValue>,
}

/// Whether a record is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The record is valid.
    Stored,
    /// The record is invalid and in the quarantine.
    Quarantined,
}

/// Why a record could not be searched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The lake cannot be listed or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A line is not one of the sink's.
    #[error("the object {key}: {source}")]
    Line {
        /// The object.
        key: String,
        /// The cause.
        source: LineError,
    },
}

/// Lists the topic's objects and reads those that may store the record.
///
/// # Errors
/// [`TraceError`] if the lake cannot be listed, or an object cannot be read.
pub async fn find(lake: &Lake, topic: &str, wanted: Wanted) -> Result<Trace, TraceError> {
    let objects = lake.topic_objects(topic).await?;
    let keys = objects.iter().map(|object| object.key.as_str());
    let candidates = wanted.candidates(keys.clone());
    // Valid records first, then by key.
    let candidates = objects.iter().filter(|object| candidates.contains(object.key.as_str()));
    let reads = candidates.map(|object| async move {
        let text = lake.text(object).await?;
        let contents = wanted.search(&text).map_err(|source| line_error(object, source))?;
        Ok::<_, TraceError>((object, contents))
    });
    let read: Vec<(&TopicObject, Contents)> = stream::iter(reads).buffered(CONCURRENT_READS).try_collect().await?;

    let mut locations = Vec::new();
    for (object, contents) in &read {
        for found in &contents.matches {
            locations.push(location(object, found).map_err(|source| line_error(object, source))?);
        }
    }
    if !locations.is_empty() {
        return Ok(Trace::Found(locations));
    }
    let read = read.iter().map(|(object, contents)| (object.key.as_str(), contents));
    Ok(Trace::Missing(wanted.neighbours(keys, read)))
}

fn line_error(object: &TopicObject, source: LineError) -> TraceError {
    TraceError::Line { key: object.key.clone(), source }
}

fn location(object: &TopicObject, found: &Match) -> Result<RecordLocation, LineError> {
    /// The part of a quarantined record's line that has the reason.
    #[derive(Deserialize)]
    struct Quarantined {
        reason: String,
    }
    let failed = |source| LineError { number: found.line, source };
    // A valid record may have its own field `reason`.
    let reason = match object.quarantined {
        true => Some(serde_json::from_str::<Quarantined>(&found.text).map_err(failed)?.reason),
        false => None,
    };
    Ok(RecordLocation {
        status: if object.quarantined { Status::Quarantined } else { Status::Stored },
        key: object.key.clone(),
        line: found.line,
        generation: found.generation,
        reason,
        record: RawValue::from_string(found.text.clone()).map_err(failed)?,
    })
}
