//! Topics: their names, and making one.

use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::delivery::{DeliveryError, connect};
use crate::kafka::Settings;

/// A name that Kafka takes for a topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Topic(String);

impl Topic {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Topic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Topic {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if name.is_empty() || name.len() > 249 || name == "." || name == ".." || !name.bytes().all(legal) {
            return Err("a topic's name is 1 to 249 letters, digits, dots, dashes and underscores".to_owned());
        }
        Ok(Self(name.to_owned()))
    }
}

/// What [`create`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// The topic is new.
    New,
    /// It was there already, with whatever partitions it has.
    Existed,
}

/// Why a topic could not be made.
#[derive(Debug, Error)]
pub enum TopicError {
    /// The broker could not be talked to.
    #[error(transparent)]
    Connect(#[from] DeliveryError),
    /// The broker refused.
    #[error("{servers} did not create topic `{topic}`: {reason}")]
    Refused {
        /// The brokers.
        servers: String,
        /// The topic.
        topic: Topic,
        /// What the broker said.
        reason: String,
    },
}

/// Creates `topic` with so many partitions and the broker's own replication factor, unless it exists.
///
/// # Errors
/// [`TopicError`] if the broker cannot be reached, or refuses.
pub async fn create(settings: &Settings, topic: &Topic, partitions: u32) -> Result<Created, TopicError> {
    let refused =
        |reason: String| TopicError::Refused { servers: settings.servers().to_owned(), topic: topic.clone(), reason };
    // The admin client would time out where this says what is wrong.
    connects(settings, None, &CancellationToken::new()).await?;
    let admin: AdminClient<DefaultClientContext> =
        settings.client_config().create().map_err(|error| refused(error.to_string()))?;
    let options = AdminOptions::new()
        .operation_timeout(Some(Duration::from_secs(10)))
        .request_timeout(Some(Duration::from_secs(15)));
    let partitions = i32::try_from(partitions).unwrap_or(i32::MAX);
    let mut last = None;
    // Brokers before 2.4, and some that only speak the protocol, know no factor of their own.
    for replicas in [-1, 1] {
        let wanted = NewTopic::new(topic.as_str(), partitions, TopicReplication::Fixed(replicas));
        let results = admin.create_topics([&wanted], &options).await.map_err(|error| refused(error.to_string()))?;
        match results.into_iter().next() {
            Some(Ok(_)) => return Ok(Created::New),
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => return Ok(Created::Existed),
            Some(Err((_, code @ RDKafkaErrorCode::InvalidReplicationFactor))) => last = Some(code),
            Some(Err((_, code @ RDKafkaErrorCode::TopicAuthorizationFailed))) => {
                let needs = "the user (-X sasl.username) needs CREATE on the topic or the cluster";
                return Err(refused(format!("{code}; {needs}")));
            }
            Some(Err((_, code))) => return Err(refused(code.to_string())),
            None => {}
        }
    }
    Err(refused(last.map_or_else(|| "no answer".to_owned(), |code| code.to_string())))
}

/// Makes sure that a client of these settings reaches the broker and may see the topic; gives up when
/// `shutdown` is cancelled.
///
/// # Errors
/// [`DeliveryError`] names the setting to mend.
pub async fn reach(settings: &Settings, topic: &Topic, shutdown: &CancellationToken) -> Result<(), DeliveryError> {
    connects(settings, Some(topic.clone()), shutdown).await
}

async fn connects(
    settings: &Settings,
    topic: Option<Topic>,
    shutdown: &CancellationToken,
) -> Result<(), DeliveryError> {
    let (settings, shutdown) = (settings.clone(), shutdown.clone());
    let connecting = tokio::task::spawn_blocking(move || {
        connect(&settings, topic.as_ref(), Vec::new(), &Arc::default(), &shutdown).map(drop)
    });
    connecting.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_has_a_name_that_kafka_takes() {
        assert_eq!("quotes.v1_a-b".parse::<Topic>().map(|topic| topic.to_string()), Ok("quotes.v1_a-b".to_owned()));
        for name in ["", ".", "..", "a b", "a/b", "börse", &"x".repeat(250)] {
            assert!(name.parse::<Topic>().is_err(), "{name}");
        }
    }
}
