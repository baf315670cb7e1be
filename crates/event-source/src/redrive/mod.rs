//! Redrive: invokes the function again with the batches in an on-failure destination.
//!
//! Files are processed one at a time, ordered by topic, partition and first offset, each with its event unchanged. A
//! file is renamed only after the function has processed its event. The next redrive processes all other files again,
//! so no event is lost if a redrive is interrupted.

mod document;
mod source;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::deliver::{Judgement, judge};
use crate::failure::Failure;
use crate::function::{Function, Report};
use crate::location::OpenLocation;
use crate::retry::{Outcome, backoff};
use document::{Document, FirstRecord};
use source::Source;

pub use document::DocumentError;
pub use source::{REDRIVEN, SourceError};

/// Default number of retries of an event: enough for short outages, but few enough that the user does not wait long.
pub const DEFAULT_RETRIES: u32 = 2;

/// Settings of a redrive.
pub struct Redrive {
    /// Location of the files.
    pub source: OpenLocation,
    pub function: Arc<dyn Function>,
    /// Maximum duration of one invocation. A longer invocation counts as failed.
    pub timeout: Duration,
    /// Maximum number of retries after a failed invocation. With `None`, an event is retried until the function
    /// succeeds.
    pub retries: Option<u32>,
    /// If `true`, the function's response is parsed as a partial batch response (`ReportBatchItemFailures`). Otherwise
    /// the response is ignored.
    pub report_batch_item_failures: bool,
}

/// Result of a redrive. Every field counts files, except `records` and `sink`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Files whose event the function processed.
    pub redriven: u64,
    /// Records in the events of the redriven files.
    pub records: u64,
    /// Files that were redriven but not renamed. The next redrive processes them again.
    pub unmarked: u64,
    /// Files whose event the function did not process, or that could not be read a second time.
    pub failed: u64,
    /// Files that were skipped because they could not be read or are not dead letters with an event.
    pub refused: u64,
    /// Files that were not attempted because the redrive ended early.
    pub left: u64,
    /// Sum of the counters that the function reported.
    pub sink: Report,
}

/// Error returned when a file cannot be read or parsed.
#[derive(Debug, thiserror::Error)]
enum FileError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Document(#[from] DocumentError),
}

/// Outcome of delivering one event.
enum Invoked {
    Processed(Option<Report>),
    Failed(Failure),
    /// The function did not run, for example because it cannot be reached, so the other events would fail too.
    Unreachable(Failure),
    Stopped,
}

impl Redrive {
    /// Processes every file. Ends early if the function cannot be reached, or, after the current invocation, if `stop`
    /// is cancelled.
    ///
    /// # Errors
    /// [`SourceError`] if the files cannot be listed.
    pub async fn run(&self, stop: &CancellationToken) -> Result<Summary, SourceError> {
        let source = Source::new(self.source.clone());
        let names = source.list().await?;
        let mut summary = Summary { left: names.len() as u64, ..Summary::default() };
        // Each file is read twice, the first time only to sort it, so that the files need not all fit in memory.
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

    /// Processes one file and adds it to the summary. Returns `false` if the redrive should end.
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
                    tracing::warn!(file, %error, "redrove a file but failed to rename it; the next redrive processes it again");
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
                tracing::warn!(file, %error, "failed to redrive a file; skipping the remaining files");
                summary.left -= 1;
                summary.failed += 1;
                false
            }
            Invoked::Stopped => false,
        }
    }

    /// Invokes the function until it succeeds, no retries are left, or `stop` is cancelled.
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
