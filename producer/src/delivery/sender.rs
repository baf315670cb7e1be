//! Sends records to one topic and waits until the broker has confirmed every record.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kafka_client::connection::{CONNECT_TIMEOUT, ConnectionError, connect};
use kafka_client::hints::Operation;
use kafka_client::settings::Settings;
use kafka_client::topic::Topic;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode as Code;
use terminal::numbers::counted;
use tokio_util::sync::CancellationToken;

use super::Flow;
use super::error::{DeliveryError, OutputError};
use super::tracker::DeliveryTracker;
use crate::feed::Feed;
use crate::feed::record_buffer::Record;
use crate::plan::ReadingPlan;
use crate::report::progress::Progress;
use crate::report::summary::Delivered;
use crate::resume::error::ResumeError;
use crate::resume::{Fingerprint, ResumedFeed, RowStatus};

/// Maximum time to wait for confirmations after a shutdown. After it, the feed fails with
/// [`DeliveryError::Unconfirmed`].
const SHUTDOWN_FLUSH_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause before a record is passed to the client again, if the client's queue was full.
const QUEUE_FULL_INTERVAL: Duration = Duration::from_millis(1);
/// Maximum duration of one flush; after it, failures and the shutdown are checked.
const FLUSH_INTERVAL: Duration = Duration::from_millis(20);

/// Sender of a feed's records to one topic.
pub(crate) struct KafkaSender<'a> {
    producer: ThreadedProducer<DeliveryTracker>,
    settings: &'a Settings,
    topic: &'a Topic,
    sent: u64,
    resumed: Option<ResumedFeed<'a>>,
}

impl<'a> KafkaSender<'a> {
    /// Connects to the topic. `inputs` are the names of the feed's inputs, for messages.
    pub(crate) fn connect(
        settings: &'a Settings,
        topic: &'a Topic,
        inputs: Vec<String>,
        progress: &Arc<Progress>,
        shutdown: &CancellationToken,
    ) -> Result<Self, DeliveryError> {
        let tracker = DeliveryTracker::new(progress, settings.servers(), inputs);
        let producer = connect(settings, Some(topic), tracker, shutdown)?;
        Ok(Self { producer, settings, topic, sent: 0, resumed: None })
    }

    /// Finds the last rows of the feed in the topic, so that sending continues after these rows.
    pub(crate) fn resume(
        &mut self,
        feed: &Feed,
        plans: &[Option<ReadingPlan>],
        wait: Duration,
        progress: &Progress,
        shutdown: &CancellationToken,
    ) -> Result<(), OutputError> {
        if shutdown.is_cancelled() {
            // No row will be sent.
            return Ok(());
        }
        let partitions = self.partitions()?;
        let fingerprint = Fingerprint::new(feed, plans, partitions).map_err(ResumeError::from)?;
        let inputs = feed.inputs();
        let resumed = ResumedFeed::find(fingerprint, inputs, wait, self.settings, self.topic, progress, shutdown)?;
        self.resumed = Some(resumed);
        Ok(())
    }

    /// Fetches the topic's number of partitions.
    fn partitions(&self) -> Result<u32, DeliveryError> {
        let name = self.topic.as_str();
        let metadata = self.producer.client().fetch_metadata(Some(name), CONNECT_TIMEOUT).map_err(|error| {
            let servers = self.settings.servers().to_owned();
            ConnectionError::Unreachable { servers, reason: error.to_string() }
        })?;
        match metadata.topics().iter().find(|one| one.name() == name).map(|topic| topic.partitions().len()) {
            Some(partitions @ 1..) => Ok(partitions as u32),
            _ => Err(ConnectionError::of_topic(self.topic, self.settings, Code::UnknownTopicOrPartition).into()),
        }
    }

    /// Advances to the next row of the feed and returns whether the topic already contains that row.
    pub(crate) fn advance(&mut self, key: &[u8]) -> RowStatus {
        self.resumed.as_mut().map_or(RowStatus::New, |resumed| resumed.advance(key))
    }

    /// Passes a record to the client, waiting while the client's queue is full. Returns [`Flow::Stop`] if a shutdown
    /// comes first.
    pub(crate) fn send(&mut self, sent: Record<'_>, shutdown: &CancellationToken) -> Result<Flow, DeliveryError> {
        let mut record =
            BaseRecord::with_opaque_to(self.topic.as_str(), sent.row.opaque()).key(sent.key).payload(sent.value);
        if let Some(resumed) = &mut self.resumed {
            record = record.partition(resumed.partition()).headers(resumed.headers(sent.row.input()));
        }
        loop {
            self.check()?;
            record = match self.producer.send(record) {
                Ok(()) => {
                    self.sent += 1;
                    return Ok(Flow::Continue);
                }
                Err((error, unsent)) if error.rdkafka_error_code() == Some(Code::QueueFull) => unsent,
                Err((error, _)) if error.rdkafka_error_code() == Some(Code::Fatal) => {
                    return Err(self.fatal_error(1));
                }
                Err((error, _)) => {
                    return Err(self.producer.context().not_sent(sent.row, &error));
                }
            };
            if shutdown.is_cancelled() {
                return Ok(Flow::Stop);
            }
            std::thread::sleep(QUEUE_FULL_INTERVAL);
        }
    }

    /// Returns the first delivery failure as an error, if there was one.
    pub(crate) fn check(&self) -> Result<(), DeliveryError> {
        self.producer.context().failure().map_or(Ok(()), Err)
    }

    /// Waits until every record is confirmed; after a shutdown, for at most [`SHUTDOWN_FLUSH_TIMEOUT`]. Then checks a
    /// resumed feed for duplicates.
    pub(crate) fn finish(self, shutdown: &CancellationToken) -> Result<Delivered, OutputError> {
        let tracker = self.producer.context();
        let mut shutdown_seen = None;
        loop {
            self.check()?;
            let settled = tracker.settled();
            if settled >= self.sent {
                // The last record may have been the one that failed.
                self.check()?;
                let delivered = tracker.take_delivered();
                let confirmed: u64 = delivered.values().map(|partition| partition.records).sum();
                if confirmed < self.sent {
                    return Err(self.fatal_error(self.sent - confirmed).into());
                }
                if let Some(resumed) = &self.resumed {
                    resumed.check_for_duplicates(&delivered)?;
                }
                return Ok(delivered);
            }
            if shutdown.is_cancelled()
                && shutdown_seen.get_or_insert_with(Instant::now).elapsed() > SHUTDOWN_FLUSH_TIMEOUT
            {
                let servers = self.settings.servers().to_owned();
                return Err(DeliveryError::Unconfirmed {
                    records: self.sent - settled,
                    timeout: SHUTDOWN_FLUSH_TIMEOUT,
                    servers,
                }
                .into());
            }
            // The tracker receives the results. The flush only sends the batches that are still lingering.
            let _ = self.producer.flush(FLUSH_INTERVAL);
        }
    }

    /// Returns the error for a client that no longer accepts or delivers records, but whose callback has not yet
    /// reported the reason. `records` is the number of records without a confirmation.
    fn fatal_error(&self, records: u64) -> DeliveryError {
        let servers = self.settings.servers().to_owned();
        let reason = match self.producer.client().fatal_error() {
            Some((code, reason)) => format!("{reason}{}", Operation::Produce.hint(Some(code))),
            None => format!("no confirmation for {}", counted(records, "record", "records")),
        };
        DeliveryError::Fatal { servers, reason }
    }
}
