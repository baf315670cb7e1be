//! Errors returned when a client cannot use its brokers or its topic.

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;
use thiserror::Error;

use super::CONNECT_TIMEOUT;
use crate::hints::Operation;
use crate::settings::Settings;
use crate::topic::Topic;

/// Reason that a client cannot use its brokers or its topic.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// librdkafka cannot create a client with these settings.
    #[error("failed to create a Kafka client with these settings: {0}")]
    Settings(#[source] KafkaError),
    /// No broker responded within [`CONNECT_TIMEOUT`].
    #[error("no Kafka broker at {servers} responded within {} s: {reason}; check --bootstrap-server{}", CONNECT_TIMEOUT.as_secs(), tls_hint(reason))]
    Unreachable {
        servers: String,
        /// librdkafka's last report.
        reason: String,
    },
    /// The broker or the client rejected the connection.
    #[error("failed to connect to {servers}: {reason}; check {check}")]
    Rejected {
        servers: String,
        reason: String,
        /// Settings to check, as part of the message.
        check: &'static str,
    },
    /// The topic does not exist.
    #[error("no topic `{topic}` at {servers}; `producer --create-topic N` creates it")]
    UnknownTopic { topic: Topic, servers: String },
    /// The topic cannot be used.
    #[error("topic `{topic}` at {servers}: {code}{}", Operation::Produce.hint(Some(*code)))]
    Topic {
        topic: Topic,
        servers: String,
        #[source]
        code: Code,
    },
    /// librdkafka cannot continue.
    #[error("the Kafka client for {servers} cannot continue: {reason}")]
    Fatal { servers: String, reason: String },
}

impl ConnectionError {
    /// Returns the error for a topic for which the broker returned `code`.
    #[must_use]
    pub fn of_topic(topic: &Topic, settings: &Settings, code: Code) -> Self {
        let (topic, servers) = (topic.clone(), settings.servers().to_owned());
        match code {
            Code::UnknownTopic | Code::UnknownTopicOrPartition => Self::UnknownTopic { topic, servers },
            code => Self::Topic { topic, servers, code },
        }
    }
}

/// Returns the text that adds `security.protocol` to the settings to check, or an empty string if the connection was
/// refused or the host name was not resolved. A TLS listener accepts a plain-text connection and closes it without
/// giving a reason.
fn tls_hint(reason: &str) -> &'static str {
    match reason.contains("refused") || reason.contains("resolve") {
        true => "",
        false => " and -X security.protocol",
    }
}
