//! The local twin of Lambda's Kafka event source mapping.
//!
//! It reads topics with a consumer group, collects records into batches ([`batch`]), hands each to the
//! function ([`function`]) and commits its offsets once the function has succeeded; a failed batch is
//! delivered again, whole, until it succeeds. One batch is under way at a time, so that the records of a
//! partition are never handled side by side.

pub mod batch;
pub mod command;
pub mod ends;
pub mod function;
pub mod progress;
pub mod retry;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{ClientConfig, ClientContext, Offset, Timestamp, TopicPartitionList};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use batch::{Batch, Batcher, Limits, SourceRecord, TimestampType};
use function::Function;
use progress::Progress;
use retry::Backoff;

/// How often a waiting trigger looks whether it shall stop.
const TICK: Duration = Duration::from_millis(100);

/// What a trigger is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The broker and how to reach it, in librdkafka's keys.
    pub client: ClientConfig,
    /// The topics.
    pub topics: Vec<String>,
    /// The consumer group.
    pub group: String,
    /// What closes a batch.
    pub limits: Limits,
    /// How long the function may take.
    pub timeout: Duration,
}

/// Why a trigger ended.
#[derive(Debug, thiserror::Error)]
pub enum TriggerError {
    /// A setting that librdkafka refuses, or a group that cannot be joined.
    #[error("the trigger cannot read from {servers}: {source}")]
    Kafka {
        /// The bootstrap servers.
        servers: String,
        /// What librdkafka said.
        source: KafkaError,
    },
}

/// A trigger between a broker and a function.
pub struct Trigger {
    settings: Settings,
    servers: String,
    consumer: BaseConsumer<Quiet>,
    function: Function,
    progress: Arc<Progress>,
}

impl Trigger {
    /// Joins the group.
    ///
    /// # Errors
    /// [`TriggerError`] when librdkafka refuses a setting.
    pub fn new(settings: Settings, function: Function, progress: Arc<Progress>) -> Result<Self, TriggerError> {
        let servers = settings.client.get("bootstrap.servers").unwrap_or_default().to_owned();
        let kafka = |source| TriggerError::Kafka { servers: servers.clone(), source };
        let mut client = settings.client.clone();
        // A group that is new begins at the start, as the mapping does with TRIM_HORIZON. A batch that is
        // retried for long must not cost the trigger its partitions: heartbeats tell that it is alive.
        client
            .set("group.id", &settings.group)
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("max.poll.interval.ms", "86400000");
        let consumer: BaseConsumer<Quiet> = client.create_with_context(Quiet).map_err(kafka)?;
        let topics: Vec<&str> = settings.topics.iter().map(String::as_str).collect();
        consumer.subscribe(&topics).map_err(kafka)?;
        Ok(Trigger { settings, servers, consumer, function, progress })
    }

    /// Runs until `stop`; the batch under way is finished and committed first. Blocks its thread.
    ///
    /// # Errors
    /// [`TriggerError`] when the broker refuses for good.
    pub fn run(self, runtime: &Handle, stop: &CancellationToken) -> Result<(), TriggerError> {
        let mut batcher = Batcher::new(self.settings.limits, &self.servers);
        let mut complaints = Complaints { servers: &self.servers, last: None };
        while !stop.is_cancelled() {
            let closed = match self.next(&batcher) {
                Some(Ok(message)) => add(&mut batcher, &message),
                Some(Err(source)) if is_permanent(&source) => {
                    return Err(TriggerError::Kafka { servers: self.servers, source });
                }
                Some(Err(error)) => {
                    complaints.hear(&error, Instant::now());
                    None
                }
                None if batcher.due().is_some_and(|due| due <= Instant::now()) => batcher.take(),
                None => None,
            };
            if let Some(batch) = closed {
                runtime.block_on(self.deliver(&batch, stop));
            }
        }
        Ok(())
    }

    /// The next record, none when the window ends first. With a window of 0 a batch is whatever the
    /// broker has handed over already.
    fn next(&self, batcher: &Batcher) -> Option<Result<BorrowedMessage<'_>, KafkaError>> {
        let left = batcher.due().map(|due| due.saturating_duration_since(Instant::now()));
        if left == Some(Duration::ZERO) && !self.settings.limits.window.is_zero() {
            return None;
        }
        self.consumer.poll(left.unwrap_or(TICK).min(TICK))
    }

    /// Hands the batch over until the function succeeds, then commits; gives up only when told to stop.
    async fn deliver(&self, batch: &Batch, stop: &CancellationToken) {
        let event = Bytes::from(batch.event(&self.servers));
        let mut backoff = Backoff::default();
        loop {
            match self.function.invoke(event.clone(), self.settings.timeout).await {
                Ok(report) => {
                    if backoff.failures() > 0 {
                        tracing::info!(
                            "the batch of {} records succeeded after {} failures",
                            batch.records,
                            backoff.failures()
                        );
                    }
                    self.commit(batch);
                    self.progress.succeeded(batch, report);
                    return;
                }
                Err(error) => {
                    self.progress.failed();
                    let wait = backoff.failed();
                    tracing::warn!("a batch of {} records is retried in {wait:?}: {error}", batch.records);
                    if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                        return;
                    }
                }
            }
        }
    }

    /// What is not committed is delivered again, so a failure here is only told.
    fn commit(&self, batch: &Batch) {
        let mut offsets = TopicPartitionList::new();
        for (topic, partition, next) in batch.next_offsets() {
            if let Err(error) = offsets.add_partition_offset(topic, partition, Offset::Offset(next)) {
                tracing::warn!("{topic}/{partition}: offset {next} cannot be committed: {error}");
            }
        }
        if let Err(error) = self.consumer.commit(&offsets, CommitMode::Sync) {
            tracing::warn!("the offsets of a stored batch were not committed: {error}");
        }
    }
}

/// librdkafka tells each trouble several times a second; what a user should know comes from `poll`.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!("librdkafka: {facility}: {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!("librdkafka: {error}: {reason}");
    }
}

impl ConsumerContext for Quiet {}

/// Troubles that pass, told at once and then every ten seconds.
struct Complaints<'a> {
    servers: &'a str,
    last: Option<Instant>,
}

impl Complaints<'_> {
    const EVERY: Duration = Duration::from_secs(10);

    fn hear(&mut self, error: &KafkaError, now: Instant) {
        if self.last.is_none_or(|last| now.saturating_duration_since(last) >= Self::EVERY) {
            tracing::warn!("waiting for the broker {} (--bootstrap-server): {error}", self.servers);
            self.last = Some(now);
        }
    }
}

fn add(batcher: &mut Batcher, message: &BorrowedMessage<'_>) -> Option<Batch> {
    let (timestamp_type, timestamp) = match message.timestamp() {
        Timestamp::CreateTime(millis) => (TimestampType::CreateTime, millis),
        Timestamp::LogAppendTime(millis) => (TimestampType::LogAppendTime, millis),
        Timestamp::NotAvailable => (TimestampType::None, -1),
    };
    let record = SourceRecord {
        topic: message.topic(),
        partition: message.partition(),
        offset: message.offset(),
        timestamp,
        timestamp_type,
        key: message.key(),
        value: message.payload(),
    };
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    batcher.add(&record, headers.map(|header| (header.key, header.value)), Instant::now())
}

/// Errors that waiting does not mend.
fn is_permanent(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::SaslAuthenticationFailed
                | RDKafkaErrorCode::Authentication
                | RDKafkaErrorCode::InvalidTopic
                | RDKafkaErrorCode::Fatal
        )
    )
}
