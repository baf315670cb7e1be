//! Creates a topic unless it exists.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode as Code;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::connection::{ConnectionError, check_connection};
use crate::hints::Operation;
use crate::settings::Settings;
use crate::topic::Topic;

/// Maximum time for the broker to create the topic. After it, the broker responds with an error.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum time to wait for the broker's response. After it, creating the topic fails.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// Outcome of [`create_topic`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// The topic was created.
    New,
    /// The topic already existed, possibly with a different number of partitions.
    Existed,
}

/// Reason that a topic could not be created.
#[derive(Debug, Error)]
pub enum CreateTopicError {
    /// Connecting to the brokers failed.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The request failed, or the broker rejected it.
    #[error("failed to create topic `{topic}` at {servers}: {reason}")]
    Rejected { servers: String, topic: Topic, reason: String },
}

/// Creates `topic` with `partitions` partitions and the broker's default replication factor, unless it exists.
///
/// # Errors
/// [`CreateTopicError`] if the client cannot connect, the request fails, or the broker rejects it.
pub async fn create_topic(settings: &Settings, topic: &Topic, partitions: u32) -> Result<Created, CreateTopicError> {
    let rejected = |reason: String| CreateTopicError::Rejected {
        servers: settings.servers().to_owned(),
        topic: topic.clone(),
        reason,
    };
    // Without a connection, the admin client would only time out; this reports the cause.
    check_connection(settings, None, &CancellationToken::new()).await?;
    let admin: AdminClient<DefaultClientContext> =
        settings.client_config().create().map_err(|error| rejected(error.to_string()))?;
    let options = AdminOptions::new().operation_timeout(Some(OPERATION_TIMEOUT)).request_timeout(Some(REQUEST_TIMEOUT));
    let partitions = i32::try_from(partitions).unwrap_or(i32::MAX);
    let mut last = None;
    // Brokers before 2.4, and other programs that speak Kafka's protocol, have no default replication factor.
    for replicas in [-1, 1] {
        let wanted = NewTopic::new(topic.as_str(), partitions, TopicReplication::Fixed(replicas));
        let results = admin.create_topics([&wanted], &options).await.map_err(|error| rejected(error.to_string()))?;
        match results.into_iter().next() {
            Some(Ok(_)) => return Ok(Created::New),
            Some(Err((_, Code::TopicAlreadyExists))) => return Ok(Created::Existed),
            Some(Err((_, code @ Code::InvalidReplicationFactor))) => last = Some(code),
            Some(Err((_, code))) => {
                return Err(rejected(format!("{code}{}", Operation::CreateTopic.hint(Some(code)))));
            }
            None => {}
        }
    }
    Err(rejected(last.map_or_else(|| "no response".to_owned(), |code| code.to_string())))
}
