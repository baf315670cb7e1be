//! Where a record went: the object and the line that hold it, or what lies around it.

mod search;

use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};
use lake_store::{Lake, Stored};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

pub use search::{Around, Contents, Hit, Neighbour, Wanted};

const READS_AT_ONCE: usize = 8;

/// What the lake knows of a record.
#[derive(Debug)]
pub enum Trace {
    /// Where it is.
    Found(Vec<Place>),
    /// Where it would be.
    Missing(Vec<Around>),
}

/// A place where the record is stored.
#[derive(Debug, Serialize)]
pub struct Place {
    /// `stored` or `quarantined`.
    pub status: Status,
    /// The object.
    pub key: String,
    /// The line in it, from 1.
    pub line: usize,
    /// The topic's generation.
    pub generation: u32,
    /// Why it was put aside, where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The line as it is stored.
    pub record: Box<RawValue>,
}

/// What has become of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Among the good ones.
    Stored,
    /// Put aside.
    Quarantined,
}

/// Lists the topic's objects and reads those that may hold the record.
///
/// # Errors
/// When the lake cannot be listed, or an object cannot be read.
pub async fn find(lake: &Lake, topic: &str, wanted: Wanted) -> anyhow::Result<Trace> {
    let objects = lake.stored(topic).await?;
    let keys = objects.iter().map(|object| object.key.as_str());
    let candidates = wanted.candidates(keys.clone());
    // Good records first, then by key.
    let candidates = objects.iter().filter(|object| candidates.contains(object.key.as_str()));
    let reads = candidates.map(|object| async move {
        let text = lake.text(object).await?;
        let contents = wanted.read(&text).map_err(|fault| anyhow::anyhow!("the object {}: {fault}", object.key))?;
        anyhow::Ok((object, contents))
    });
    let read: Vec<_> = stream::iter(reads).buffered(READS_AT_ONCE).try_collect().await?;

    let mut places = Vec::new();
    for (object, contents) in &read {
        for hit in &contents.hits {
            places.push(place(object, hit).with_context(|| format!("the object {}: line {}", object.key, hit.line))?);
        }
    }
    if !places.is_empty() {
        return Ok(Trace::Found(places));
    }
    let read = read.iter().map(|(object, contents)| (object.key.as_str(), contents));
    Ok(Trace::Missing(wanted.around(keys, read)))
}

fn place(object: &Stored, hit: &Hit) -> serde_json::Result<Place> {
    /// The part of a quarantine line that says why.
    #[derive(Deserialize)]
    struct Aside {
        reason: String,
    }
    // A good record may have a field `reason` of its own.
    let reason = match object.quarantined {
        true => Some(serde_json::from_str::<Aside>(&hit.text)?.reason),
        false => None,
    };
    Ok(Place {
        status: if object.quarantined { Status::Quarantined } else { Status::Stored },
        key: object.key.clone(),
        line: hit.line,
        generation: hit.generation,
        reason,
        record: RawValue::from_string(hit.text.clone())?,
    })
}
