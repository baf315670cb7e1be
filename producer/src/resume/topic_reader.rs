//! Reads a topic without a consumer group, to find the records of a feed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kafka_client::context::SilentContext;
use kafka_client::hints::Operation;
use kafka_client::settings::Settings;
use kafka_client::topic::Topic;
use kafka_client::watermarks::{TopicWatermarks, topic_watermarks};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use super::fingerprint::FeedHeaders;
use super::high_water_marks::OffsetRange;

/// Maximum time to wait for the next record, or for the end of a partition, while reading a topic. After it, reading
/// fails.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum duration of one poll. The reader checks for a shutdown after each poll.
const POLL_TIMEOUT: Duration = Duration::from_millis(100);

/// Error while reading a topic.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("--resume: failed to read topic `{topic}` at {servers}: {}", reason(error))]
pub struct ReadError {
    topic: Topic,
    servers: String,
    /// Not a `#[source]`, because the message already contains the text of this error.
    error: Box<KafkaError>,
}

fn reason(error: &KafkaError) -> String {
    let code = error.rdkafka_error_code();
    let message = code.map_or_else(|| error.to_string(), |code| code.to_string());
    format!("{message}{}", Operation::ReadTopic.hint(code))
}

/// Reader of one topic, which neither joins a consumer group nor commits offsets.
pub(super) struct TopicReader<'a> {
    consumer: BaseConsumer<SilentContext>,
    settings: &'a Settings,
    topic: &'a Topic,
}

impl<'a> TopicReader<'a> {
    pub(super) fn new(settings: &'a Settings, topic: &'a Topic) -> Result<Self, ReadError> {
        let mut config = settings.client_config();
        // Fetch from the leaders only: a replica in the client's rack may lag.
        config.remove("client.rack");
        let consumer = config
            // librdkafka requires a group name, although the consumer joins no group.
            .set("group.id", "tickerlake-producer-resume")
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "earliest")
            // Records after another producer's open transaction must be read too.
            .set("isolation.level", "read_uncommitted")
            .set("queued.max.messages.kbytes", "16384")
            .create_with_context(SilentContext)
            .map_err(|error| read_error(settings, topic, error))?;
        Ok(Self { consumer, settings, topic })
    }

    /// Returns the watermarks that the partitions' leaders report; `None` if a shutdown comes first.
    pub(super) fn watermarks(
        &self,
        partitions: u32,
        shutdown: &CancellationToken,
    ) -> Result<Option<TopicWatermarks>, ReadError> {
        topic_watermarks(&self.consumer, self.topic.as_str(), partitions, shutdown).map_err(|error| self.error(error))
    }

    /// Calls `observe` with the partition, the offset and the headers of each record in `ranges` that a feed has sent.
    /// Returns `false` if a shutdown comes first.
    ///
    /// `ranges` must contain at most one range for each partition. No range may extend beyond the high watermark that
    /// [`TopicReader::watermarks`] has returned.
    pub(super) fn read<E: From<ReadError>>(
        &self,
        ranges: &[OffsetRange],
        shutdown: &CancellationToken,
        mut observe: impl FnMut(i32, i64, FeedHeaders) -> Result<(), E>,
    ) -> Result<bool, E> {
        if ranges.is_empty() {
            return Ok(true);
        }
        let mut open: BTreeMap<i32, OffsetRange> = ranges.iter().map(|range| (range.partition, *range)).collect();
        self.assign(open.values())?;
        let mut last_answer = Instant::now();
        let mut last_error = None;
        while !open.is_empty() {
            if shutdown.is_cancelled() {
                return Ok(false);
            }
            match self.consumer.poll(POLL_TIMEOUT) {
                Some(Ok(message)) => {
                    last_answer = Instant::now();
                    let (partition, offset) = (message.partition(), message.offset());
                    let Some(range) = open.get(&partition) else { continue };
                    if (range.from..range.to).contains(&offset)
                        && let Some(headers) = message.headers().and_then(FeedHeaders::parse)
                    {
                        observe(partition, offset, headers)?;
                    }
                    // If the last offsets have no record, a later record or the end of the partition ends the range.
                    if offset + 1 >= range.to {
                        open.remove(&partition);
                    }
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    last_answer = Instant::now();
                    open.remove(&partition);
                }
                Some(Err(error)) if Operation::ReadTopic.is_permanent(&error) => return Err(self.error(error).into()),
                Some(Err(error)) => last_error = Some(error),
                None => {}
            }
            if last_answer.elapsed() > READ_TIMEOUT {
                return Err(self.error(last_error.unwrap_or(KafkaError::NoMessageReceived)).into());
            }
        }
        self.consumer.unassign().map_err(|error| self.error(error))?;
        Ok(true)
    }

    fn assign<'r>(&self, ranges: impl ExactSizeIterator<Item = &'r OffsetRange>) -> Result<(), ReadError> {
        let mut assignment = TopicPartitionList::with_capacity(ranges.len());
        for range in ranges {
            assignment
                .add_partition_offset(self.topic.as_str(), range.partition, Offset::Offset(range.from))
                .map_err(|error| self.error(error))?;
        }
        self.consumer.assign(&assignment).map_err(|error| self.error(error))
    }

    fn error(&self, error: KafkaError) -> ReadError {
        read_error(self.settings, self.topic, error)
    }
}

fn read_error(settings: &Settings, topic: &Topic, error: KafkaError) -> ReadError {
    ReadError { topic: topic.clone(), servers: settings.servers().to_owned(), error: Box::new(error) }
}
