//! Records to Kafka, and the broker's word for each of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use kafka_client::connection::{CONNECT_TIMEOUT, ConnectionError, connect};
use kafka_client::hints::Operation;
use kafka_client::settings::Settings;
use kafka_client::topic::Topic;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode as Code;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::delivery::tracker::{PartitionDelivery, Reports};
use crate::feed::Feed;
use crate::feed::record_buffer::Record;
use crate::report::progress::Progress;
use crate::resume::Resumed;
use crate::run::RunError;

/// After a shutdown, what is not confirmed by then is given up.
const FLUSH_WITHIN: Duration = Duration::from_secs(10);

/// Why records could not be delivered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// No connection to the brokers or the topic.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// A record is larger than the client may send.
    #[error("{row} was not sent to {servers}: its record is larger than -X message.max.bytes")]
    TooLarge {
        /// The record's input and line.
        row: String,
        /// The brokers.
        servers: String,
    },
    /// A record was not delivered.
    #[error("{row} was not delivered to {servers}: {reason}{}", Operation::Produce.hint(*code))]
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
        let reports = Reports::new(progress, settings.servers(), inputs);
        let producer = connect(settings, Some(topic), reports, shutdown)?;
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
        let metadata = self.producer.client().fetch_metadata(Some(name), CONNECT_TIMEOUT).map_err(|error| {
            let servers = self.settings.servers().to_owned();
            ConnectionError::Unreachable { servers, reason: error.to_string() }
        })?;
        match metadata.topics().iter().find(|one| one.name() == name).map(|topic| topic.partitions().len()) {
            Some(partitions @ 1..) => Ok(partitions as u32),
            _ => Err(ConnectionError::of_topic(self.topic, self.settings, Code::UnknownTopicOrPartition).into()),
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
                DeliveryError::Fatal { servers, reason: format!("{reason}{}", Operation::Produce.hint(Some(code))) }
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
}
