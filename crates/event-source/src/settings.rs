//! Settings of an event source, named after the settings of Lambda's event source mapping.

use std::time::Duration;

use rdkafka::ClientConfig;

use crate::batch::Limits;
use crate::on_failure::OnFailureDestination;
use crate::retry::RetryPolicy;

/// Maximum duration of an invocation by a Kafka event source mapping on Lambda: 14 minutes.
pub const FUNCTION_TIMEOUT: Duration = Duration::from_secs(14 * 60);

/// Position at which the group starts reading a partition for which it has no valid committed offset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartingPosition {
    /// The oldest record that the partition still contains.
    #[default]
    TrimHorizon,
    /// The end of the partition, so that only records produced later are read.
    Latest,
}

#[derive(Clone, Debug)]
pub struct Settings {
    /// librdkafka's configuration of the connection to the broker.
    pub client: ClientConfig,
    pub topics: Vec<String>,
    pub group: String,
    pub starting_position: StartingPosition,
    pub limits: Limits,
    /// Maximum duration of one invocation. A longer invocation counts as failed.
    pub timeout: Duration,
    pub retry_policy: RetryPolicy,
    /// If `true`, the function's response is parsed as a partial batch response (`ReportBatchItemFailures`). Otherwise
    /// the response is ignored.
    pub report_batch_item_failures: bool,
    /// Destination to which discarded records are written. With `None`, discarded records are lost.
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
