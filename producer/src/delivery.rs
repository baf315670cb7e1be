//! Records to Kafka, and the broker's word for each of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::metadata::Metadata;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode as Code;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::feed::Feed;
use crate::held::Record;
use crate::kafka::Settings;
use crate::progress::Progress;
use crate::reports::{PartitionDelivery, Reports};
use crate::resume::Resumed;
use crate::run::RunError;
use crate::topic::Topic;

/// A broker that has not answered by then will not be waited for at the start.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// A topic that the broker makes by itself is there by then.
const TOPIC_WITHIN: Duration = Duration::from_secs(5);
/// After a shutdown, what is not confirmed by then is given up.
const FLUSH_WITHIN: Duration = Duration::from_secs(10);

/// Why records could not be delivered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// The settings make no client.
    #[error("no Kafka client with these settings: {0}")]
    Settings(String),
    /// No broker answers.
    #[error("no Kafka broker at {servers} within {} s: {reason}; check --bootstrap-server{}", CONNECT_WITHIN.as_secs(), tls_hint(reason))]
    Unreachable {
        /// The brokers.
        servers: String,
        /// The last thing that librdkafka said.
        reason: String,
    },
    /// The broker is there, and it or this side refuses the connection.
    #[error("no connection to {servers}: {reason}; check {check}")]
    Refused {
        /// The brokers.
        servers: String,
        /// What librdkafka said.
        reason: String,
        /// The settings to check.
        check: &'static str,
    },
    /// No such topic.
    #[error("no topic `{topic}` at {servers}; `producer --create-topic PARTITIONS` creates it")]
    UnknownTopic {
        /// The topic.
        topic: Topic,
        /// The brokers.
        servers: String,
    },
    /// The topic cannot be used.
    #[error("topic `{topic}` at {servers}: {reason}")]
    Topic {
        /// The topic.
        topic: Topic,
        /// The brokers.
        servers: String,
        /// What the broker said.
        reason: String,
    },
    /// A record is larger than the client may send.
    #[error("{row} was not sent to {servers}: its record is larger than -X message.max.bytes")]
    TooLarge {
        /// The record's input and line.
        row: String,
        /// The brokers.
        servers: String,
    },
    /// A record was not delivered.
    #[error("{row} was not delivered to {servers}: {reason}{}", setting_hint(*code))]
    NotDelivered {
        /// The record's input and line.
        row: String,
        /// The brokers.
        servers: String,
        /// Kafka's reason.
        reason: String,
        /// Its code.
        code: Option<Code>,
    },
    /// The client gave up for good.
    #[error("{servers}: {reason}")]
    Fatal {
        /// The brokers.
        servers: String,
        /// What librdkafka said.
        reason: String,
    },
    /// Shut down before the broker had confirmed everything.
    #[error("{records} records were sent to {servers} but not confirmed within {} s of the interruption", FLUSH_WITHIN.as_secs())]
    Unconfirmed {
        /// How many.
        records: u64,
        /// The brokers.
        servers: String,
    },
}

fn tls_hint(reason: &str) -> &'static str {
    match reason.contains("refused") || reason.contains("resolve") {
        true => "",
        false => " and -X security.protocol",
    }
}

fn setting_hint(code: Option<Code>) -> &'static str {
    match code {
        Some(Code::MessageSizeTooLarge) => {
            "; max.message.bytes of the topic limits a record, and a batch of them: raise it, or lower -X batch.size"
        }
        Some(Code::MessageTimedOut) => "; -X message.timeout.ms says how long to try",
        Some(Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed) => {
            "; the user (-X sasl.username) needs DESCRIBE on the topic, and WRITE to feed it or READ to read it"
        }
        Some(Code::UnknownTopic | Code::UnknownTopicOrPartition) => "; was the topic deleted?",
        _ => "",
    }
}

/// A producer that has reached its brokers and, if one is named, its topic. `inputs` are the names
/// of what records come from.
pub(crate) fn connect(
    settings: &Settings,
    topic: Option<&Topic>,
    inputs: Vec<String>,
    progress: &Arc<Progress>,
    shutdown: &CancellationToken,
) -> Result<ThreadedProducer<Reports>, DeliveryError> {
    let reports = Reports::new(progress, settings.servers(), inputs);
    let producer: ThreadedProducer<Reports> = settings
        .producer_config()
        .create_with_context(reports)
        .map_err(|error| DeliveryError::Settings(error.to_string()))?;
    let started = Instant::now();
    let mut said = None;
    while !shutdown.is_cancelled() {
        let name = topic.map(Topic::as_str);
        let metadata = producer.client().fetch_metadata(name, Duration::from_secs(1));
        if let Some(failure) = producer.context().failure() {
            return Err(failure);
        }
        match (metadata, topic) {
            (Ok(_), None) => break,
            (Ok(metadata), Some(topic)) => match topic_error(&metadata, topic) {
                None => break,
                Some(code) if started.elapsed() >= patience(code) => {
                    return Err(bad_topic(topic, settings, code));
                }
                Some(_) => {}
            },
            (Err(error), _) => said = Some(error),
        }
        if started.elapsed() >= CONNECT_WITHIN {
            let said = said.map_or_else(|| "no answer".to_owned(), |error| error.to_string());
            let reason = producer.context().last_reason().unwrap_or(said);
            return Err(DeliveryError::Unreachable { servers: settings.servers().to_owned(), reason });
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    producer.context().connected();
    Ok(producer)
}

fn topic_error(metadata: &Metadata, topic: &Topic) -> Option<Code> {
    match metadata.topics().iter().find(|one| one.name() == topic.as_str()) {
        Some(answer) => answer.error().map(Code::from),
        None => Some(Code::UnknownTopicOrPartition),
    }
}

/// How long the broker may take to mend what it said of a topic.
fn patience(code: Code) -> Duration {
    match code {
        Code::LeaderNotAvailable => CONNECT_WITHIN,
        Code::UnknownTopic | Code::UnknownTopicOrPartition => TOPIC_WITHIN,
        _ => Duration::ZERO,
    }
}

fn bad_topic(topic: &Topic, settings: &Settings, code: Code) -> DeliveryError {
    let (topic, servers) = (topic.clone(), settings.servers().to_owned());
    match code {
        Code::UnknownTopic | Code::UnknownTopicOrPartition => DeliveryError::UnknownTopic { topic, servers },
        code => DeliveryError::Topic { topic, servers, reason: format!("{code}{}", setting_hint(Some(code))) },
    }
}

/// Sends records to one topic.
pub(crate) struct Delivery<'a> {
    producer: ThreadedProducer<Reports>,
    settings: &'a Settings,
    topic: &'a Topic,
    sent: u64,
    resumed: Option<Resumed<'a>>,
}

impl<'a> Delivery<'a> {
    pub(crate) fn connect(
        settings: &'a Settings,
        topic: &'a Topic,
        inputs: Vec<String>,
        progress: &Arc<Progress>,
        shutdown: &CancellationToken,
    ) -> Result<Self, DeliveryError> {
        let producer = connect(settings, Some(topic), inputs, progress, shutdown)?;
        Ok(Self { producer, settings, topic, sent: 0, resumed: None })
    }

    /// Finds out how far the feed has got in the topic, to go on from there.
    pub(crate) fn resume(
        &mut self,
        feed: &Feed,
        wait: Duration,
        progress: &Progress,
        shutdown: &CancellationToken,
    ) -> Result<(), RunError> {
        if shutdown.is_cancelled() {
            // Nothing will be sent.
            return Ok(());
        }
        let partitions = self.partitions()?;
        let place = (self.settings, self.topic, partitions);
        self.resumed = Some(Resumed::read_back(feed, wait, place, progress, shutdown)?);
        Ok(())
    }

    /// How many partitions the topic has.
    fn partitions(&self) -> Result<u32, DeliveryError> {
        let name = self.topic.as_str();
        let metadata = self.producer.client().fetch_metadata(Some(name), CONNECT_WITHIN).map_err(|error| {
            let servers = self.settings.servers().to_owned();
            DeliveryError::Unreachable { servers, reason: error.to_string() }
        })?;
        match metadata.topics().iter().find(|one| one.name() == name).map(|topic| topic.partitions().len()) {
            Some(partitions @ 1..) => Ok(partitions as u32),
            _ => Err(bad_topic(self.topic, self.settings, Code::UnknownTopicOrPartition)),
        }
    }

    /// Goes on to the feed's next record; whether the topic has it already.
    pub(crate) fn has(&mut self, key: &[u8]) -> bool {
        self.resumed.as_mut().is_some_and(|resumed| resumed.next(key))
    }

    /// Hands a record to the client, waiting while its queue is full; `false` if a shutdown came first.
    pub(crate) fn send(&mut self, sent: Record<'_>, shutdown: &CancellationToken) -> Result<bool, DeliveryError> {
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
                    return Ok(true);
                }
                Err((error, unsent)) if error.rdkafka_error_code() == Some(Code::QueueFull) => unsent,
                Err((error, _)) if error.rdkafka_error_code() == Some(Code::Fatal) => return Err(self.given_up(1)),
                Err((error, _)) => {
                    return Err(self.producer.context().not_sent(sent.row, &error));
                }
            };
            if shutdown.is_cancelled() {
                return Ok(false);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The first thing that went wrong for good, if anything did.
    pub(crate) fn check(&self) -> Result<(), DeliveryError> {
        self.producer.context().failure().map_or(Ok(()), Err)
    }

    /// Waits until everything sent is confirmed; not for long once a shutdown is asked for.
    pub(crate) fn finish(self, shutdown: &CancellationToken) -> Result<BTreeMap<i32, PartitionDelivery>, RunError> {
        let reports = self.producer.context();
        let mut asked = None;
        loop {
            self.check()?;
            let settled = reports.settled();
            if settled >= self.sent {
                // The last record may have been the one to fail.
                self.check()?;
                let partitions = reports.take_partitions();
                let confirmed: u64 = partitions.values().map(|partition| partition.records).sum();
                if confirmed < self.sent {
                    return Err(self.given_up(self.sent - confirmed).into());
                }
                if let Some(resumed) = &self.resumed {
                    resumed.check(&partitions)?;
                }
                return Ok(partitions);
            }
            if shutdown.is_cancelled() && asked.get_or_insert_with(Instant::now).elapsed() > FLUSH_WITHIN {
                let servers = self.settings.servers().to_owned();
                return Err(DeliveryError::Unconfirmed { records: self.sent - settled, servers }.into());
            }
            // Its result says no more than the count does; it only ends the lingering of batches.
            let _ = self.producer.flush(Duration::from_millis(20));
        }
    }

    /// Why the client takes or keeps no more records, before it has told it by itself.
    fn given_up(&self, records: u64) -> DeliveryError {
        let servers = self.settings.servers().to_owned();
        match self.producer.client().fatal_error() {
            Some((code, reason)) => {
                DeliveryError::Fatal { servers, reason: format!("{reason}{}", setting_hint(Some(code))) }
            }
            None => DeliveryError::Fatal { servers, reason: format!("{records} records were not confirmed") },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_broker_and_setting() {
        let error = DeliveryError::NotDelivered {
            row: "a.csv line 2".into(),
            servers: "localhost:9092".into(),
            reason: Code::MessageSizeTooLarge.to_string(),
            code: Some(Code::MessageSizeTooLarge),
        };
        let message = error.to_string();
        assert!(message.starts_with("a.csv line 2 was not delivered to localhost:9092: "), "{message}");
        assert!(message.contains("max.message.bytes of the topic"), "{message}");
    }

    #[test]
    fn a_broker_that_is_not_there_is_an_error_within_seconds() {
        let pairs = [("bootstrap.servers", "127.0.0.1:1")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let settings = Settings::from_pairs(pairs).expect("settings");
        let topic = "quotes".parse().expect("a topic");
        let started = Instant::now();
        let result = connect(&settings, Some(&topic), Vec::new(), &Arc::default(), &CancellationToken::new());
        let message = result.map(|_| ()).expect_err("nothing listens on port 1").to_string();
        assert!(message.contains("127.0.0.1:1") && message.contains("--bootstrap-server"), "{message}");
        assert!(started.elapsed() < CONNECT_WITHIN + Duration::from_secs(5));
    }
}
