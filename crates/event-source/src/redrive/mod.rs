//! `tickerlake trigger --redrive`: what an on-failure destination kept is handed to the function once more.
//!
//! Each document's event is invoked as it stands, in the order of topic, partition and first offset, one after the
//! other. A document is marked once the function has succeeded with it, never before; so one that is not is fed
//! again by the next redrive, and nothing is lost whenever this ends.

pub mod document;
mod source;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use bytes::Bytes;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use self::document::{Coordinates, Document};
use self::source::Kept;
pub use self::source::MARK;
use super::deliver::{Judged, judge};
use super::function::{Function, Report};
use super::on_failure::Place;
use super::retry::{Outcome, wait};

/// Retries of a document where no number is given: enough for what passes, few enough for a person who waits.
pub const RETRIES: u32 = 2;

/// What a redrive is told.
pub struct Redrive {
    /// Where the documents are.
    pub place: Place,
    /// What reaches a place in S3.
    pub client: Option<Client>,
    /// Whom they are fed to.
    pub function: Arc<dyn Function>,
    /// How long the function may take.
    pub timeout: Duration,
    /// Retries after a failed invocation; none: until it succeeds.
    pub retries: Option<u32>,
    /// Whether the function's answer is read as a partial batch response.
    pub report_batch_item_failures: bool,
}

/// What a redrive came to, in documents but for `records`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Taken by the function.
    pub redriven: u64,
    /// Records in these.
    pub records: u64,
    /// Taken, but not marked, so that they will be fed again.
    pub unmarked: u64,
    /// Tried and failed; they are as they were.
    pub failed: u64,
    /// Files that cannot be fed to a function.
    pub refused: u64,
    /// Not tried: the redrive ended before.
    pub left: u64,
    /// What the sink in this process stored.
    pub sink: Report,
}

/// What became of one document.
enum Fed {
    Taken(Option<Report>),
    Failed(String),
    /// Nobody is there, so that there is no use in going on.
    Unanswered(String),
    Stopped,
}

impl Redrive {
    /// Feeds every document; stops between two when told to.
    ///
    /// # Errors
    /// When the place cannot be listed.
    pub async fn run(&self, stop: &CancellationToken) -> anyhow::Result<Summary> {
        let kept = Kept::open(self.place.clone(), self.client.clone());
        let names = kept.list().await?;
        let mut summary = Summary { left: names.len() as u64, ..Summary::default() };
        // Read twice, first for their order: all of them need not fit into memory.
        let mut waiting = Vec::new();
        for name in names {
            if stop.is_cancelled() {
                return Ok(summary);
            }
            match read(&kept, &name).await {
                Ok((document, _)) => waiting.push((document.first, name)),
                Err(error) => {
                    tracing::warn!("{}: {error:#}", kept.full_name(&name));
                    summary.left -= 1;
                    summary.refused += 1;
                }
            }
        }
        waiting.sort();
        for (first, name) in waiting {
            if stop.is_cancelled() || !self.one(&kept, &first, &name, &mut summary, stop).await {
                break;
            }
        }
        Ok(summary)
    }

    /// Feeds a document, marks it and counts it; whether there is use in going on.
    async fn one(
        &self,
        kept: &Kept,
        first: &Coordinates,
        name: &str,
        summary: &mut Summary,
        stop: &CancellationToken,
    ) -> bool {
        let full_name = kept.full_name(name);
        let (document, bytes) = match read(kept, name).await {
            Ok(read) => read,
            Err(error) => {
                tracing::warn!("{full_name}: {error:#}");
                summary.left -= 1;
                summary.failed += 1;
                return true;
            }
        };
        let records = document.records as u64;
        let (why, goes_on) = match self.feed(document.event.into(), &full_name, stop).await {
            Fed::Taken(report) => {
                summary.left -= 1;
                summary.redriven += 1;
                summary.records += records;
                summary.sink += report.unwrap_or_default();
                tracing::info!("redriven: {records} records from {first} on, {full_name}");
                if let Err(error) = kept.mark(name, bytes).await {
                    tracing::warn!("{full_name}: taken, but not marked, so that it will be fed again: {error:#}");
                    summary.unmarked += 1;
                }
                return true;
            }
            Fed::Failed(why) => (why, true),
            Fed::Unanswered(why) => (format!("{why}; the others are not tried"), false),
            Fed::Stopped => return false,
        };
        tracing::warn!("{full_name}: {why}");
        summary.left -= 1;
        summary.failed += 1;
        goes_on
    }

    /// Invokes the function until it succeeds, or its retries are used up.
    async fn feed(&self, event: Bytes, name: &str, stop: &CancellationToken) -> Fed {
        let mut in_vain = 0;
        loop {
            let invoked = self.function.invoke(event.clone(), self.timeout).await;
            let Judged { outcome, report, why } = judge(invoked, self.report_batch_item_failures);
            let Some(why) = why else {
                return Fed::Taken(report);
            };
            in_vain += 1;
            if self.retries.is_some_and(|most| in_vain > most) {
                return if outcome == Outcome::NotInvoked { Fed::Unanswered(why) } else { Fed::Failed(why) };
            }
            tracing::debug!("{name}: {why}; it is tried again");
            if stop.run_until_cancelled(tokio::time::sleep(wait(in_vain))).await.is_none() {
                return Fed::Stopped;
            }
        }
    }
}

async fn read(kept: &Kept, name: &str) -> anyhow::Result<(Document, Vec<u8>)> {
    let bytes = kept.read(name).await?;
    Ok((document::parse(&bytes)?, bytes))
}
