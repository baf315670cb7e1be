//! Hands a batch to the function until nothing of it is left, and commits what is done.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Settings;
use super::batch::Batch;
use super::consumer::GroupConsumer;
use super::dead_letter::{self, Invocation};
use super::function::{Answer, Function, InvokeError, Report};
use super::in_flight::Flight;
use super::progress::Progress;
use super::response::{self, Response};
use super::retry::{Attempts, GivenUp, Outcome};
use crate::clock::millis_since_1970;

/// Between two tries of writing to the on-failure destination.
const DESTINATION_AGAIN: Duration = Duration::from_secs(2);

/// What a delivery needs.
pub(super) struct Deliverer {
    pub(super) settings: Settings,
    pub(super) servers: String,
    pub(super) function: Arc<dyn Function>,
    pub(super) consumer: Arc<GroupConsumer>,
    pub(super) flight: Arc<Flight>,
    pub(super) progress: Arc<Progress>,
}

impl Deliverer {
    /// Delivers a batch; gives up early only when told to stop, between two invocations. What is not
    /// committed then is delivered again.
    pub(super) async fn deliver(&self, batch: Batch, stop: &CancellationToken) {
        let mut attempts = Attempts::new(batch, self.settings.policy);
        let mut failures = 0_u64;
        loop {
            for (topic, partition) in self.flight.invoke() {
                attempts.drop_partition(&topic, partition);
            }
            let wait = self.once(&mut attempts, &mut failures, stop).await;
            self.flight.land();
            let Some(wait) = wait else { break };
            if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                return;
            }
        }
        if failures > 0 && !stop.is_cancelled() {
            tracing::info!("the batch is done after {failures} failed invocations");
        }
    }

    /// One invocation, with what follows from it; how long to wait for the next, none after the last.
    async fn once(&self, attempts: &mut Attempts, failures: &mut u64, stop: &CancellationToken) -> Option<Duration> {
        if let Some(old) = attempts.expire(millis_since_1970()) {
            self.give_up(old, attempts, stop).await?;
        }
        let current = attempts.current()?;
        let records = current.records();
        let first = name_of_first(current);
        let event = Bytes::from(current.event(&self.servers));
        let retried = *failures > 0;
        let invoked = self.function.invoke(event, self.settings.timeout).await;
        let Judged { outcome, report, why } = judge(invoked, self.settings.report_batch_item_failures);
        if let Some(why) = why {
            *failures += 1;
            self.progress.failed();
            tracing::warn!("a batch of {records} records from {first} on: {why}");
        }
        let consequence = attempts.after(outcome);
        if let Some(mut done) = consequence.done {
            for (topic, partition) in self.flight.lost() {
                done.drop_partition(&topic, partition);
            }
            self.commit(&done, attempts).await;
            self.progress.succeeded(&done, report, retried);
        }
        if let Some(given_up) = consequence.given_up {
            self.give_up(given_up, attempts, stop).await?;
        }
        attempts.current()?;
        if !consequence.wait.is_zero() {
            tracing::debug!("the next try is in {:?}", consequence.wait);
        }
        Some(consequence.wait)
    }

    /// Records that will not be tried again are kept in the destination, where there is one, before they are
    /// passed over. None when told to stop before they were.
    async fn give_up(&self, given_up: GivenUp, left: &Attempts, stop: &CancellationToken) -> Option<()> {
        let GivenUp { batch, condition, invocations } = &given_up;
        let first = name_of_first(batch);
        if let Some(destination) = &self.settings.on_failure {
            let invocation = Invocation {
                id: Uuid::new_v4().to_string(),
                function: self.function.name(),
                condition: *condition,
                count: *invocations,
                servers: &self.servers,
                at: SystemTime::now(),
            };
            let record = dead_letter::record(batch, &invocation);
            let key = dead_letter::key(&self.settings.group, &invocation);
            while let Err(error) = destination.keep(&key, &record).await {
                tracing::warn!("{} records from {first} on cannot be given up: {error:#}", batch.records());
                stop.run_until_cancelled(tokio::time::sleep(DESTINATION_AGAIN)).await?;
            }
            tracing::warn!("given up ({condition:?}): {} records from {first} on, kept in {key}", batch.records());
        } else {
            tracing::warn!(
                "given up ({condition:?}) and lost to the lake: {} records from {first} on",
                batch.records()
            );
        }
        self.commit(batch, left).await;
        self.progress.gave_up(batch);
        Some(())
    }

    /// Commits what is done, not past what is left. What is not committed is delivered again, so a failure
    /// here is only told.
    async fn commit(&self, batch: &Batch, left: &Attempts) {
        if batch.is_empty() {
            return;
        }
        let mut offsets = TopicPartitionList::new();
        for (topic, partition, next) in batch.next_offsets() {
            let next = left.committable(topic, partition, next);
            if let Err(error) = offsets.add_partition_offset(topic, partition, Offset::Offset(next)) {
                tracing::warn!("{topic}/{partition}: offset {next} cannot be committed: {error}");
            }
        }
        let consumer = Arc::clone(&self.consumer);
        let committed = tokio::task::spawn_blocking(move || consumer.commit(&offsets, CommitMode::Sync)).await;
        match committed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("the offsets of a stored batch were not committed: {error}"),
            Err(error) => tracing::warn!("the offsets of a stored batch were not committed: {error}"),
        }
    }
}

/// What an invocation came to.
pub(super) struct Judged {
    pub(super) outcome: Outcome,
    /// What the sink in this process has stored.
    pub(super) report: Option<Report>,
    /// Why it is not a success.
    pub(super) why: Option<String>,
}

/// Reads a function's answer, as a partial batch response where the mapping has that.
pub(super) fn judge(invoked: Result<Answer, InvokeError>, report_batch_item_failures: bool) -> Judged {
    let success = |report| Judged { outcome: Outcome::Success, report, why: None };
    let other = |outcome, why| Judged { outcome, report: None, why: Some(why) };
    match invoked {
        Ok(Answer { body, report }) if report_batch_item_failures => match response::read(&body) {
            Response::Complete => success(report),
            Response::Failures(items) => {
                let why = format!("the function reports {} failed records", items.len());
                other(Outcome::Partial(items), why)
            }
            Response::Unreadable(error) => other(Outcome::Failed, format!("its answer is no batch response: {error}")),
        },
        Ok(Answer { report, .. }) => success(report),
        Err(error) if error.is_the_functions() => other(Outcome::Failed, error.to_string()),
        Err(error) => other(Outcome::NotInvoked, error.to_string()),
    }
}

/// `quotes/0/41`
fn name_of_first(batch: &Batch) -> String {
    let first = batch.parts().first();
    let first = first.and_then(|part| Some((part, part.records().next()?)));
    first.map_or_else(String::new, |(part, (offset, _))| format!("{}/{}/{offset}", part.topic(), part.partition()))
}
