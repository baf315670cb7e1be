//! The consumer: a group member that completes the current invocation before its partitions are revoked.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{ClientConfig, ClientContext, Offset, Timestamp, TopicPartitionList};

use crate::batch::Batch;
use crate::batcher::Batcher;
use crate::in_flight::InFlight;
use crate::progress::TopicPartition;
use crate::removed::Removals;
use lambda_kafka_event::writer::{SourceRecord, TimestampType};

/// A consumer that reports revoked partitions to [`InFlight`].
pub(crate) type GroupConsumer = BaseConsumer<GroupMember>;

/// Maximum time that a revocation waits for the current invocation. This is longer than most invocations take, and well
/// below the five minutes for which the group waits for a member (`max.poll.interval.ms`).
const REVOKE_TIMEOUT: Duration = Duration::from_secs(60);

/// Maximum time for the broker to return the committed offsets of partitions that it has assigned.
const COMMITTED_TIMEOUT: Duration = Duration::from_secs(5);

/// The consumer's callbacks for log messages, errors and rebalances.
pub(crate) struct GroupMember {
    in_flight: Arc<InFlight>,
    removals: Arc<Mutex<Removals>>,
}

impl GroupMember {
    pub(crate) fn new(in_flight: Arc<InFlight>, removals: Arc<Mutex<Removals>>) -> Self {
        GroupMember { in_flight, removals }
    }

    /// Records the offsets at which the group starts to read newly assigned partitions. If the broker does not return
    /// them, removals before the first record of these partitions are not detected.
    fn begin(&self, consumer: &BaseConsumer<Self>, assigned: &TopicPartitionList) {
        let committed = consumer.committed_offsets(assigned.clone(), COMMITTED_TIMEOUT);
        if let Err(error) = &committed {
            tracing::debug!(%error, "failed to read the committed offsets of the assigned partitions");
        }
        let list = committed.as_ref().unwrap_or(assigned);
        let mut removals = self.removals.lock().unwrap_or_else(PoisonError::into_inner);
        for one in list.elements() {
            removals.assign((one.topic().to_owned(), one.partition()), offset(one.offset()));
        }
    }
}

/// Returns a numeric offset, or `None` for a symbolic one, such as when nothing has been committed or read.
pub(crate) fn offset(offset: Offset) -> Option<i64> {
    match offset {
        Offset::Offset(number) => Some(number),
        _ => None,
    }
}

/// librdkafka logs each problem several times a second, so its messages have the level debug. Errors that a user needs
/// to see are returned by `poll`.
impl ClientContext for GroupMember {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!(facility, "librdkafka: {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, "librdkafka: {reason}");
    }
}

impl ConsumerContext for GroupMember {
    /// Waits until the offsets of the current invocation are committed before its partitions are revoked, so that the
    /// next consumer starts after them. After [`REVOKE_TIMEOUT`] it stops waiting, and the next consumer may receive
    /// those records again.
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Revoke(partitions) => self.in_flight.revoke(topic_partitions(partitions), REVOKE_TIMEOUT),
            Rebalance::Assign(partitions) => {
                tracing::debug!(partitions = ?topic_partitions(partitions), "partitions assigned");
                self.begin(consumer, partitions);
            }
            Rebalance::Error(error) => tracing::warn!(%error, "failed to rebalance the group"),
        }
    }
}

/// Limits on prefetching. With its defaults, librdkafka prefetches up to 100,000 records or 64 MB, and pauses fetching
/// for a second once that limit is reached. These settings prefetch 1,000 records across all partitions, plus one more
/// fetch for each partition.
const PREFETCH: [(&str, &str); 3] =
    [("queued.min.messages", "1000"), ("fetch.message.max.bytes", "262144"), ("fetch.queue.backoff.ms", "5")];

/// Interval at which the consumer looks for new partitions of its topics. With librdkafka's default, it would not read
/// a new partition for up to five minutes.
const METADATA_REFRESH: (&str, &str) = ("topic.metadata.refresh.interval.ms", "10000");

/// Applies each setting of [`PREFETCH`] and [`METADATA_REFRESH`] that the user has not set.
pub(crate) fn apply_defaults(client: &mut ClientConfig) {
    for (name, value) in PREFETCH.into_iter().chain([METADATA_REFRESH]) {
        if client.get(name).is_none() {
            client.set(name, value);
        }
    }
}

fn topic_partitions(partitions: &TopicPartitionList) -> Vec<TopicPartition> {
    partitions.elements().iter().map(|one| (one.topic().to_owned(), one.partition())).collect()
}

/// Adds a record to the open batch. Returns the batch that the record closes, if any.
pub(crate) fn add(batcher: &mut Batcher, message: &BorrowedMessage<'_>) -> Option<Batch> {
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
    batcher.add(&record, headers.map(|header| (header.key, header.value)), Instant::now)
}

/// A log of temporary errors: logs the first one immediately, and later ones at most once per [`Self::INTERVAL`].
pub(crate) struct ThrottledWarning<'a> {
    servers: &'a str,
    last: Option<Instant>,
}

impl<'a> ThrottledWarning<'a> {
    const INTERVAL: Duration = Duration::from_secs(10);

    pub(crate) fn new(servers: &'a str) -> Self {
        ThrottledWarning { servers, last: None }
    }

    pub(crate) fn warn(&mut self, error: &KafkaError, now: Instant) {
        if self.last.is_none_or(|last| now.saturating_duration_since(last) >= Self::INTERVAL) {
            tracing::warn!(servers = self.servers, %error, "waiting for the broker (--bootstrap-server)");
            self.last = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_keep_the_users_settings() {
        for (given, expected) in [
            (&[][..], ["1000", "262144", "5"]),
            (&[("fetch.message.max.bytes", "1048576"), ("fetch.queue.backoff.ms", "0")], ["1000", "1048576", "0"]),
        ] {
            let mut client = ClientConfig::new();
            client.extend(given.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
            apply_defaults(&mut client);
            assert_eq!(PREFETCH.map(|(name, _)| client.get(name).unwrap()), expected);
            assert_eq!(client.get(METADATA_REFRESH.0), Some(METADATA_REFRESH.1));
            client.create_native_config().unwrap();
        }
    }
}
