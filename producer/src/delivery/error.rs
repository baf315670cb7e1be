//! Errors that can occur when records are delivered or printed.

use std::io;
use std::time::Duration;

use kafka_client::connection::ConnectionError;
use kafka_client::hints::Operation;
use rdkafka::types::RDKafkaErrorCode as Code;
use terminal::numbers::counted;
use thiserror::Error;

use crate::resume::error::ResumeError;

/// Reason that records were not delivered.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DeliveryError {
    /// The brokers or the topic cannot be reached.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// A record is larger than the client's limit.
    #[error("{row} was not sent to {servers}: its record is larger than -X message.max.bytes; raise that limit")]
    TooLarge { row: String, servers: String },
    /// The client or the broker rejected a record, or its delivery timed out.
    #[error("{row} was not delivered to {servers}: {reason}{}", Operation::Produce.hint(*code))]
    NotDelivered { row: String, servers: String, reason: String, code: Option<Code> },
    /// librdkafka cannot continue, or has not confirmed every record.
    #[error("the feed to {servers} cannot continue: {reason}")]
    Fatal { servers: String, reason: String },
    /// After a shutdown, the broker did not confirm every record within the timeout.
    #[error(
        "{servers} did not confirm {} within {} s after the interruption",
        counted(*records, "record", "records"),
        timeout.as_secs()
    )]
    Unconfirmed { records: u64, timeout: Duration, servers: String },
}

/// Reason that an output failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OutputError {
    /// The records were not delivered to Kafka.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// The feed cannot be resumed, or was resumed with duplicates.
    #[error(transparent)]
    Resume(#[from] ResumeError),
    /// The records cannot be printed.
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
