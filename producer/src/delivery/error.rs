//! Why records were not delivered or printed.

use std::io;
use std::time::Duration;

use kafka_client::connection::ConnectionError;
use kafka_client::hints::Operation;
use rdkafka::types::RDKafkaErrorCode as Code;
use terminal::numbers::counted;
use thiserror::Error;

use crate::resume::error::ResumeError;

/// Why records were not delivered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// No connection to the brokers or the topic.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// A record is larger than the client's limit.
    #[error("{row} was not sent to {servers}: its record is larger than -X message.max.bytes")]
    TooLarge { row: String, servers: String },
    /// A record was not delivered.
    #[error("{row} was not delivered to {servers}: {reason}{}", Operation::Produce.hint(*code))]
    NotDelivered { row: String, servers: String, reason: String, code: Option<Code> },
    /// librdkafka cannot continue.
    #[error("{servers}: {reason}")]
    Fatal { servers: String, reason: String },
    /// A shutdown came before the broker had confirmed every record.
    #[error(
        "{servers} did not confirm {} within {} s of the interruption",
        counted(*records, "record", "records"),
        timeout.as_secs()
    )]
    Unconfirmed { records: u64, timeout: Duration, servers: String },
}

/// Why an output failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OutputError {
    /// Kafka did not accept the records.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// The feed cannot be resumed.
    #[error(transparent)]
    Resume(#[from] ResumeError),
    /// The stream did not accept the records.
    #[error("failed to print the records: {0}")]
    Print(#[source] io::Error),
}

impl From<ConnectionError> for OutputError {
    fn from(error: ConnectionError) -> Self {
        Self::Delivery(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_undelivered_row_is_reported_with_broker_and_setting() {
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
