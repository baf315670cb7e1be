//! Redrive: invokes the function again with the batches that an on-failure destination kept.
//!
//! The files are processed one after the other, in the order of topic, partition and first offset, each with its event
//! unchanged. A file is renamed once the function has succeeded with its event, never before. A file that is not renamed
//! is processed by the next redrive, so that no event is lost whenever a redrive ends.

mod document;
mod source;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::deliver::{Failure, Judgement, judge};
use crate::function::{Function, Report};
use crate::location::OpenLocation;
use crate::retry::{Outcome, backoff};
use document::{Document, FirstRecord};
use source::Source;

pub use document::DocumentError;
pub use source::{REDRIVEN, SourceError};

/// Default number of retries of an event: enough for temporary errors, few enough for a person who waits.
pub const DEFAULT_RETRIES: u32 = 2;

/// Settings of a redrive.
pub struct Redrive {
    /// Where the files are.
    pub source: OpenLocation,
    /// The function to invoke.
    pub function: Arc<dyn Function>,
    /// Longest time that one invocation may take.
    pub timeout: Duration,
    /// Retries after a failed invocation. `None` retries until the function succeeds.
    pub retries: Option<u32>,
    /// Whether the function's response is read as a partial batch response.
    pub report_batch_item_failures: bool,
}

/// Result of a redrive. Counts files, except for `records`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Files whose event the function processed.
    pub redriven: u64,
    /// Records in these events.
    pub records: u64,
    /// Files that were redriven but not renamed. The next redrive processes them again.
    pub unmarked: u64,
    /// Files whose event failed.
    pub failed: u64,
    /// Files that are not documents with an event.
    pub refused: u64,
    /// Files that were not tried because the redrive ended before.
    pub left: u64,
    /// Counters that the function reported.
    pub sink: Report,
}

/// Why a file was not redriven.
#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Document(#[from] DocumentError),
}

/// Outcome of one event.
enum Invoked {
    Processed(Option<Report>),
    Failed(Failure),
    /// The function cannot be reached, so other events would fail too.
    Unreachable(Failure),
    Stopped,
}

impl Redrive {
    /// Processes every file. Stops after the current one if `stop` is cancelled.
    ///
    /// # Errors
    /// If the files cannot be listed.
    pub async fn run(&self, stop: &CancellationToken) -> Result<Summary, SourceError> {
        let source = Source::new(self.source.clone());
        let names = source.list().await?;
        let mut summary = Summary { left: names.len() as u64, ..Summary::default() };
        // Each file is read twice, the first time for its position in the order, so that they need not fit into memory.
        let mut pending = Vec::new();
        for name in names {
            if stop.is_cancelled() {
                return Ok(summary);
            }
            match read(&source, &name).await {
                Ok((document, _)) => pending.push((document.first, name)),
                Err(error) => {
                    tracing::warn!(file = source.full_name(&name), %error, "skipped a file");
                    summary.left -= 1;
                    summary.refused += 1;
                }
            }
        }
        pending.sort();
        for (first, name) in pending {
            if stop.is_cancelled() || !self.process(&source, &first, &name, &mut summary, stop).await {
                break;
            }
        }
        Ok(summary)
    }

    /// Processes one file and counts it. Returns `false` if the redrive should end.
    async fn process(
        &self,
        source: &Source,
        first: &FirstRecord,
        name: &str,
        summary: &mut Summary,
        stop: &CancellationToken,
    ) -> bool {
        let file = source.full_name(name);
        let (document, bytes) = match read(source, name).await {
            Ok(read) => read,
            Err(error) => {
                tracing::warn!(file, %error, "failed to redrive a file");
                summary.left -= 1;
                summary.failed += 1;
                return true;
            }
        };
        let records = document.records as u64;
        match self.invoke(document.event.into(), &file, stop).await {
            Invoked::Processed(report) => {
                summary.left -= 1;
                summary.redriven += 1;
                summary.records += records;
                summary.sink += report.unwrap_or_default();
                let FirstRecord { topic, partition, offset } = first;
                tracing::info!(file, topic, partition, first_offset = offset, records, "redrove a file");
                if let Err(error) = source.rename(name, bytes).await {
                    tracing::warn!(file, %error, "redrove a file but failed to rename it; the next redrive repeats it");
                    summary.unmarked += 1;
                }
                true
            }
            Invoked::Failed(error) => {
                tracing::warn!(file, %error, "failed to redrive a file");
                summary.left -= 1;
                summary.failed += 1;
                true
            }
            Invoked::Unreachable(error) => {
                tracing::warn!(file, %error, "failed to redrive a file; skipping the others");
                summary.left -= 1;
                summary.failed += 1;
                false
            }
            Invoked::Stopped => false,
        }
    }

    /// Invokes the function until it succeeds or the retries are used up.
    async fn invoke(&self, event: Bytes, file: &str, stop: &CancellationToken) -> Invoked {
        let mut failures = 0;
        loop {
            let invoked = self.function.invoke(event.clone(), self.timeout).await;
            let Judgement { outcome, report, failure } = judge(invoked, self.report_batch_item_failures);
            let Some(error) = failure else {
                return Invoked::Processed(report);
            };
            failures += 1;
            if self.retries.is_some_and(|maximum| failures > maximum) {
                return if outcome == Outcome::NotInvoked {
                    Invoked::Unreachable(error)
                } else {
                    Invoked::Failed(error)
                };
            }
            tracing::debug!(file, %error, "invocation failed; retrying");
            if stop.run_until_cancelled(tokio::time::sleep(backoff(failures))).await.is_none() {
                return Invoked::Stopped;
            }
        }
    }
}

async fn read(source: &Source, name: &str) -> Result<(Document, Vec<u8>), FileError> {
    let bytes = source.read(name).await?;
    Ok((document::parse(&bytes)?, bytes))
}
