//! Invokes the function with a batch until every record is processed or discarded, and commits the offsets.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

use crate::batch::{Batch, ClosedBy};
use crate::batch_response::{self, BatchResponse};
use crate::clock::millis_since_1970;
use crate::consumer::GroupConsumer;
use crate::dead_letter::{self, LastInvocation};
use crate::failure::Failure;
use crate::function::{Function, InvokeError, Report, Response};
use crate::in_flight::InFlight;
use crate::observer::{Invocation, offset_ranges};
use crate::progress::Progress;
use crate::retry::{GivenUp, Outcome, Retry};
use crate::settings::Settings;

/// Delay before a failed write to the on-failure destination is retried.
const DESTINATION_RETRY_DELAY: Duration = Duration::from_secs(2);

/// Everything that is needed to deliver batches to the function.
pub(crate) struct Deliverer {
    pub(crate) settings: Settings,
    pub(crate) servers: String,
    pub(crate) function: Arc<dyn Function>,
    pub(crate) consumer: Arc<GroupConsumer>,
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) progress: Arc<Progress>,
}

impl Deliverer {
    /// Delivers a batch. Returns early only if `stop` is cancelled, and never during an invocation. Records whose
    /// offsets are not committed by then are delivered again later.
    pub(crate) async fn deliver(&self, batch: Batch, stop: &CancellationToken) {
        let (topic, partition, first_offset) = first_record(&batch);
        let span = tracing::info_span!("batch", topic, partition, first_offset, records = batch.records());
        self.deliver_in_span(batch, stop).instrument(span).await;
    }

    async fn deliver_in_span(&self, batch: Batch, stop: &CancellationToken) {
        let whole = Whole { closed_by: batch.limit(), records: batch.records() };
        let mut retry = Retry::new(batch, self.settings.retry_policy);
        let mut failures = 0_u64;
        loop {
            for (topic, partition) in self.in_flight.begin_invocation() {
                retry.drop_partition(&topic, partition);
            }
            let backoff = self.invoke(&whole, &mut retry, &mut failures, stop).await;
            self.in_flight.end_invocation();
            let Some(backoff) = backoff else { break };
            if stop.run_until_cancelled(tokio::time::sleep(backoff)).await.is_none() {
                return;
            }
        }
        if failures > 0 && !stop.is_cancelled() {
            tracing::info!(failures, "batch completed after failed invocations");
        }
    }

    /// Invokes the function once and handles the outcome. Returns the delay before the next invocation, or `None` if no
    /// records are left or `stop` is cancelled.
    async fn invoke(
        &self,
        whole: &Whole,
        retry: &mut Retry,
        failures: &mut u64,
        stop: &CancellationToken,
    ) -> Option<Duration> {
        if let Some(old) = retry.expire(millis_since_1970()) {
            self.give_up(old, retry, stop).await?;
        }
        let current = retry.current()?;
        let records = current.records();
        let (topic, partition, first_offset) = first_record(current);
        let (topic, event) = (topic.to_owned(), Bytes::from(current.event(&self.servers)));
        let retried = *failures > 0;
        let observed = self.progress.observer().map(|observer| (observer, offset_ranges(current), event.clone()));
        let (failures_before, began) = (*failures, Instant::now());
        let invoked = self.function.invoke(event, self.settings.timeout).await;
        let duration = began.elapsed();
        let Judgement { outcome, report, failure } = judge(invoked, self.settings.report_batch_item_failures);
        let failure = failure.map(Arc::new);
        if let Some(error) = failure.clone() {
            *failures += 1;
            tracing::warn!(topic, partition, first_offset, records, %error, "invocation failed");
            self.progress.failed(error);
        }
        let consequence = retry.apply(outcome);
        let discarded = consequence.given_up.as_ref().map_or(0, |given_up| given_up.batch.records());
        if let Some(mut done) = consequence.done {
            for (topic, partition) in self.in_flight.lost() {
                done.drop_partition(&topic, partition);
            }
            self.commit(&done, retry).await;
            self.progress.succeeded(&done, report, retried);
        }
        if let Some((observer, partitions, event)) = observed {
            observer.invoked(&Invocation {
                event: &event,
                partitions: &partitions,
                duration,
                failures_before,
                is_part: records < whole.records,
                closed_by: whole.closed_by,
                report,
                failure: failure.as_deref(),
                discarded,
            });
        }
        if let Some(given_up) = consequence.given_up {
            self.give_up(given_up, retry, stop).await?;
        }
        retry.current()?;
        if !consequence.backoff.is_zero() {
            tracing::debug!(backoff = ?consequence.backoff, "waiting before the next invocation");
        }
        Some(consequence.backoff)
    }

    /// Discards records: writes them to the on-failure destination, if there is one, and then commits their offsets. A
    /// failed write is retried until it succeeds. Returns `None` if `stop` is cancelled before the records are written.
    async fn give_up(&self, given_up: GivenUp, left: &Retry, stop: &CancellationToken) -> Option<()> {
        let GivenUp { batch, condition, invocations } = &given_up;
        let (topic, partition, first_offset) = first_record(batch);
        let records = batch.records();
        if let Some(destination) = &self.settings.on_failure {
            let invocation = LastInvocation {
                id: Uuid::new_v4().to_string(),
                function: self.function.name(),
                condition: *condition,
                count: *invocations,
                servers: &self.servers,
                at: SystemTime::now(),
            };
            let document = dead_letter::document(batch, &invocation);
            let key = dead_letter::key(&self.settings.group, &invocation);
            while let Err(error) = destination.write(&key, &document).await {
                tracing::warn!(%error, "failed to write a batch to the on-failure destination; retrying");
                stop.run_until_cancelled(tokio::time::sleep(DESTINATION_RETRY_DELAY)).await?;
            }
            tracing::warn!(
                topic,
                partition,
                first_offset,
                records,
                ?condition,
                key,
                "batch discarded and written to the on-failure destination"
            );
        } else {
            tracing::warn!(
                topic,
                partition,
                first_offset,
                records,
                ?condition,
                "batch discarded and lost: no --on-failure destination"
            );
        }
        self.commit(batch, left).await;
        self.progress.gave_up(batch);
        Some(())
    }

    /// Commits the offsets of records that are processed or discarded, but not past a record that is still to be
    /// delivered. A failure is only logged, because records whose offsets remain uncommitted are delivered again.
    async fn commit(&self, batch: &Batch, left: &Retry) {
        if batch.is_empty() {
            return;
        }
        let mut offsets = TopicPartitionList::new();
        for (topic, partition, next) in batch.next_offsets() {
            let next = left.committable(topic, partition, next);
            if let Err(error) = offsets.add_partition_offset(topic, partition, Offset::Offset(next)) {
                tracing::warn!(topic, partition, next, %error, "failed to add an offset to the commit");
            }
        }
        let consumer = Arc::clone(&self.consumer);
        let committed = tokio::task::spawn_blocking(move || consumer.commit(&offsets, CommitMode::Sync)).await;
        match committed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "failed to commit offsets"),
            Err(error) => tracing::warn!(%error, "failed to commit offsets: the task that commits them failed"),
        }
    }
}

/// The batch as it was collected, before any part of it was processed or discarded.
struct Whole {
    closed_by: ClosedBy,
    records: usize,
}

/// Outcome of an invocation, with the function's counters and the reason for a failure.
pub(crate) struct Judgement {
    pub(crate) outcome: Outcome,
    pub(crate) report: Option<Report>,
    /// Reason that the outcome is not [`Outcome::Success`]; `None` if it is.
    pub(crate) failure: Option<Failure>,
}

/// Derives the outcome from a function's response. The body is parsed only if the mapping has
/// `ReportBatchItemFailures`.
pub(crate) fn judge(invoked: Result<Response, InvokeError>, report_batch_item_failures: bool) -> Judgement {
    let success = |report| Judgement { outcome: Outcome::Success, report, failure: None };
    let other = |outcome, failure| Judgement { outcome, report: None, failure: Some(failure) };
    match invoked {
        Ok(Response { body, report }) if report_batch_item_failures => match batch_response::parse(&body) {
            Ok(BatchResponse::Complete) => success(report),
            Ok(BatchResponse::Failures(items)) => {
                let failure = Failure::Items(items.len());
                other(Outcome::Partial(items), failure)
            }
            Err(error) => other(Outcome::Failed, error.into()),
        },
        Ok(Response { report, .. }) => success(report),
        Err(error) if error.counts_as_attempt() => other(Outcome::Failed, error.into()),
        Err(error) => other(Outcome::NotInvoked, error.into()),
    }
}

/// Returns the topic, partition and offset of a batch's first record, or default values if the batch is empty.
fn first_record(batch: &Batch) -> (&str, i32, i64) {
    let first = batch.partitions().first();
    let first = first.and_then(|part| Some((part.topic(), part.partition(), part.records().next()?.0)));
    first.unwrap_or_default()
}
