//! Settings of an event source, named after those of Lambda's event source mapping.

use std::time::Duration;

use rdkafka::ClientConfig;

use crate::batch::Limits;
use crate::on_failure::OnFailureDestination;
use crate::retry::RetryPolicy;

/// Longest time that Lambda lets a function run when a Kafka event source invokes it: 14 minutes.
pub const FUNCTION_TIMEOUT: Duration = Duration::from_secs(14 * 60);

/// Where a new consumer group starts reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartingPosition {
    /// At the oldest record that the topic still holds.
    #[default]
    TrimHorizon,
    /// After the newest record that exists when the group starts.
    Latest,
}

/// Settings of an event source.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Connection to the broker, in librdkafka's keys.
    pub client: ClientConfig,
    /// Topics to read.
    pub topics: Vec<String>,
    /// Consumer group.
    pub group: String,
    /// Where the group starts if it is new. An existing group continues after its committed offsets.
    pub starting_position: StartingPosition,
    /// Limits of a batch.
    pub limits: Limits,
    /// Longest time that one invocation may take.
    pub timeout: Duration,
    /// How a failed batch is retried.
    pub retry_policy: RetryPolicy,
    /// Whether the function's response is read as a partial batch response (`ReportBatchItemFailures`).
    pub report_batch_item_failures: bool,
    /// Where records that are given up are written. `None` drops them.
    pub on_failure: Option<OnFailureDestination>,
}

impl Settings {
    /// Creates settings with AWS's defaults and [`FUNCTION_TIMEOUT`].
    pub fn new(client: ClientConfig, topics: Vec<String>, group: impl Into<String>, limits: Limits) -> Self {
        Settings {
            client,
            topics,
            group: group.into(),
            starting_position: StartingPosition::default(),
            limits,
            timeout: FUNCTION_TIMEOUT,
            retry_policy: RetryPolicy::default(),
            report_batch_item_failures: false,
            on_failure: None,
        }
    }
}
