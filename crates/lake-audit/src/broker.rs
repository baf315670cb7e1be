//! Reads watermarks and records from the broker. All functions block.

use std::ops::Range;
use std::time::{Duration, Instant};

use kafka_client::context::SilentContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::metadata::{MetadataPartition, MetadataTopic};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

use crate::finding_kind::FindingKind;
use crate::gap_classifier::{Delivery, GapClassifier};
use crate::gaps::Gap;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum time to wait for the next record. After that, the audit fails.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

const POLL_TIMEOUT: Duration = Duration::from_millis(100);

/// Maximum number of offsets to read through to reach the next gap. Up to this distance, reading is faster than a seek;
/// across a longer distance, the reader seeks.
const MAX_READ_BETWEEN_GAPS: i64 = 10_000;

/// Error while querying the broker.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// librdkafka rejected a setting.
    #[error("failed to create a consumer for the broker {servers} (--bootstrap-server)")]
    Settings { servers: String, source: KafkaError },
    /// The broker did not return metadata or watermarks.
    #[error("the broker {servers} (--bootstrap-server) does not respond")]
    NoResponse { servers: String, source: KafkaError },
    /// A partition could not be read.
    #[error("failed to read {topic}/{partition} from the broker {servers} (--bootstrap-server)")]
    Read { topic: String, partition: i32, servers: String, source: Box<ReadError> },
}

/// Reason that a partition could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The broker reported an error from which librdkafka did not recover within 30 seconds, or does not recover at
    /// all.
    #[error(transparent)]
    Kafka(#[from] KafkaError),
    /// No record arrived for 30 seconds.
    #[error("received no record for {} seconds", READ_TIMEOUT.as_secs())]
    Timeout,
}

/// A connection to a broker. It uses the user's own settings, as the event source does, because settings such as
/// `isolation.level` decide which records the broker delivers.
pub(crate) struct Broker {
    consumer: BaseConsumer<SilentContext>,
    servers: String,
}

impl Broker {
    pub(crate) fn new(client: &ClientConfig) -> Result<Self, BrokerError> {
        let servers = client.get("bootstrap.servers").unwrap_or_default().to_owned();
        let mut client = client.clone();
        // The consumer joins no group and commits nothing, but librdkafka requires a group ID.
        client
            .set("group.id", "tickerlake-audit")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("auto.offset.reset", "error");
        match client.create_with_context(SilentContext) {
            Ok(consumer) => Ok(Broker { consumer, servers }),
            Err(source) => Err(BrokerError::Settings { servers, source }),
        }
    }

    fn no_response(&self, source: KafkaError) -> BrokerError {
        BrokerError::NoResponse { servers: self.servers.clone(), source }
    }

    /// Returns the partitions of a topic, or an empty list if the topic does not exist on the broker.
    pub(crate) fn partitions(&self, topic: &str) -> Result<Vec<i32>, BrokerError> {
        // All topics are requested, because a request for one topic can create it.
        let metadata = self.consumer.fetch_metadata(None, REQUEST_TIMEOUT).map_err(|error| self.no_response(error))?;
        let named = metadata.topics().iter().filter(|one| one.name() == topic);
        Ok(named.flat_map(MetadataTopic::partitions).map(MetadataPartition::id).collect())
    }

    /// Returns the first offset that the broker still has, and the offset after the last record.
    pub(crate) fn watermarks(&self, topic: &str, partition: i32) -> Result<(i64, i64), BrokerError> {
        let watermarks = self.consumer.fetch_watermarks(topic, partition, REQUEST_TIMEOUT);
        watermarks.map_err(|error| self.no_response(error))
    }

    /// Classifies the offsets of `gaps` by whether the broker delivers them, and calls `report` with each result. The
    /// gaps must be sorted by offset.
    pub(crate) fn classify(
        &self,
        topic: &str,
        partition: i32,
        gaps: &[Gap],
        mut report: impl FnMut(FindingKind, Delivery, Range<i64>),
    ) -> Result<(), BrokerError> {
        let (low, high) = self.watermarks(topic, partition)?;
        let mut classifier = GapClassifier::new(gaps);
        classifier.classify_up_to(low, Delivery::Removed, &mut report);
        let end = gaps.last().map_or(0, |gap| gap.offsets.end).min(high);
        let read = self.read(topic, partition, &mut classifier, end, &mut report);
        // Without an assignment the consumer stops fetching.
        read.and(self.consumer.unassign().map_err(ReadError::from)).map_err(|source| BrokerError::Read {
            topic: topic.to_owned(),
            partition,
            servers: self.servers.clone(),
            source: Box::new(source),
        })?;
        classifier.classify_up_to(high, Delivery::Skipped, &mut report);
        classifier.classify_up_to(i64::MAX, Delivery::Beyond, &mut report);
        classifier.finish(&mut report);
        Ok(())
    }

    /// Reads the records in the gaps below `end`, and passes their offsets to `classifier`.
    fn read(
        &self,
        topic: &str,
        partition: i32,
        classifier: &mut GapClassifier<'_>,
        end: i64,
        mut report: impl FnMut(FindingKind, Delivery, Range<i64>),
    ) -> Result<(), ReadError> {
        let mut position = None;
        let mut last_record = Instant::now();
        while let Some(wanted) = classifier.wanted().filter(|wanted| *wanted < end) {
            if position.is_none_or(|position| wanted - position > MAX_READ_BETWEEN_GAPS) {
                let mut assignment = TopicPartitionList::new();
                assignment.add_partition_offset(topic, partition, Offset::Offset(wanted))?;
                self.consumer.assign(&assignment)?;
                position = Some(wanted);
            }
            match self.consumer.poll(POLL_TIMEOUT) {
                // The record was fetched before the seek.
                Some(Ok(message)) if position.is_some_and(|position| message.offset() < position) => {}
                Some(Ok(message)) => {
                    last_record = Instant::now();
                    position = Some(message.offset());
                    classifier.delivered(message.offset(), &mut report);
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(()),
                Some(Err(error)) if is_transient(&error) && last_record.elapsed() < READ_TIMEOUT => {
                    tracing::debug!(topic, partition, %error, "waiting for the broker");
                }
                Some(Err(error)) => return Err(error.into()),
                None if last_record.elapsed() > READ_TIMEOUT => return Err(ReadError::Timeout),
                None => {}
            }
        }
        Ok(())
    }
}

/// Returns `true` if librdkafka recovers from the error on its own. A denied consumer group counts as transient,
/// because the consumer joins no group.
fn is_transient(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::OperationTimedOut
                | RDKafkaErrorCode::Resolve
        )
    )
}
