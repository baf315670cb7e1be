//! The consumer: a member of the group that gives partitions up in good order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{ClientConfig, ClientContext, Timestamp, TopicPartitionList};

use super::batch::Batch;
use super::batcher::Batcher;
use super::event::{SourceRecord, TimestampType};
use super::in_flight::Flight;
use super::progress::Partition;

/// A consumer whose rebalances are seen by the batch under way.
pub(super) type GroupConsumer = BaseConsumer<Member>;

/// How long a member that is to give partitions up waits for the invocation under way. Longer than most
/// take, and well within the five minutes that a group waits for its members.
const HAND_OVER_WITHIN: Duration = Duration::from_secs(60);

/// What the consumer's callbacks do.
pub(super) struct Member {
    flight: Arc<Flight>,
}

impl Member {
    pub(super) fn new(flight: Arc<Flight>) -> Self {
        Member { flight }
    }
}

/// librdkafka tells each trouble several times a second; what a user should know comes from `poll`.
impl ClientContext for Member {
    fn log(&self, _: RDKafkaLogLevel, facility: &str, message: &str) {
        tracing::debug!("librdkafka: {facility}: {message}");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!("librdkafka: {error}: {reason}");
    }
}

impl ConsumerContext for Member {
    /// An invocation under way is waited for and committed before its partitions go: whoever has them next
    /// then begins after it. What cannot be waited for is delivered again, by the next member.
    fn pre_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        match rebalance {
            Rebalance::Revoke(partitions) => self.flight.revoke(named(partitions), HAND_OVER_WITHIN),
            Rebalance::Assign(partitions) => {
                let names: Vec<_> =
                    named(partitions).iter().map(|(topic, number)| format!("{topic}/{number}")).collect();
                tracing::debug!("assigned: {}", names.join(", "));
            }
            Rebalance::Error(error) => tracing::warn!("rebalancing the group failed: {error}"),
        }
    }
}

/// How records are fetched ahead. librdkafka's own values hold up to 100,000 of them or 64 MB, and fetch nothing for a
/// second once they do. These hold 1,000 for all partitions together, and what one more fetch of each brings.
const FETCHING: [(&str, &str); 3] =
    [("queued.min.messages", "1000"), ("fetch.message.max.bytes", "262144"), ("fetch.queue.backoff.ms", "5")];

/// Sets how records are fetched ahead, where the user has not.
pub(super) fn fetch_ahead(client: &mut ClientConfig) {
    for (name, value) in FETCHING {
        if client.get(name).is_none() {
            client.set(name, value);
        }
    }
}

pub(super) fn named(partitions: &TopicPartitionList) -> Vec<Partition> {
    partitions.elements().iter().map(|one| (one.topic().to_owned(), one.partition())).collect()
}

/// Adds a record to the open batch; gives the batch that this closes.
pub(super) fn add(batcher: &mut Batcher, message: &BorrowedMessage<'_>) -> Option<Batch> {
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

/// Troubles that pass, told at once and then every ten seconds.
pub(super) struct Complaints<'a> {
    servers: &'a str,
    last: Option<Instant>,
}

impl<'a> Complaints<'a> {
    const EVERY: Duration = Duration::from_secs(10);

    pub(super) fn new(servers: &'a str) -> Self {
        Complaints { servers, last: None }
    }

    pub(super) fn hear(&mut self, error: &KafkaError, now: Instant) {
        if self.last.is_none_or(|last| now.saturating_duration_since(last) >= Self::EVERY) {
            tracing::warn!("waiting for the broker {} (--bootstrap-server): {error}", self.servers);
            self.last = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_says_of_fetching_stands() {
        for (given, expected) in [
            (&[][..], ["1000", "262144", "5"]),
            (&[("fetch.message.max.bytes", "1048576"), ("fetch.queue.backoff.ms", "0")], ["1000", "1048576", "0"]),
        ] {
            let mut client = ClientConfig::new();
            client.extend(given.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
            fetch_ahead(&mut client);
            assert_eq!(FETCHING.map(|(name, _)| client.get(name).unwrap()), expected);
            client.create_native_config().unwrap();
        }
    }
}
