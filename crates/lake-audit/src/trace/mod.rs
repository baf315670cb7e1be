//! Finds a record: the objects and lines that store it, or the records next to it.

mod search;

use futures::{StreamExt, TryStreamExt, stream};
use lake_store::{Lake, StoreError, TopicObject};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use search::{Contents, LineError, Match};
pub use search::{Neighbour, Neighbours, Wanted};

const CONCURRENT_READS: usize = 8;

/// Result of the search for a record.
#[derive(Debug)]
pub enum Trace {
    /// The record is stored at these locations.
    Found(Vec<RecordLocation>),
    /// The record is not stored. The neighbours are the nearest stored records in each generation.
    Missing(Vec<Neighbours>),
}

/// A line that stores the record.
#[derive(Debug, Serialize)]
pub struct RecordLocation {
    pub status: Status,
    pub key: String,
    /// Number of the line, from 1.
    pub line: usize,
    pub generation: u32,
    /// Reason that the record is in the quarantine; `None` for a valid record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The line, unchanged.
    pub record: Box<RawValue>,
}

/// Status of a stored record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The record is valid.
    Stored,
    /// The record is invalid and in the quarantine.
    Quarantined,
}

/// Reason that the search for a record failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The lake could not be listed or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An object contains a line that the sink did not write.
    #[error("failed to parse the object {key}: {source}")]
    Line { key: String, source: LineError },
}

/// Finds a record of a topic. Lists the topic's objects, and reads only those that may contain the record.
///
/// # Errors
/// [`TraceError`] if the lake cannot be listed, or an object cannot be read or contains a line that the sink did not
/// write.
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
    /// The only field that is parsed from a quarantined record's line.
    #[derive(Deserialize)]
    struct Quarantined {
        reason: String,
    }
    let failed = |source| LineError { number: found.line, source };
    // A valid record may have a field named `reason`, too.
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
