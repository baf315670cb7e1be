//! The function itself: a batch in, objects out.

use aws_sdk_s3::Client;
use futures::stream::{self, StreamExt, TryStreamExt};

use crate::config::Config;
use crate::event::{Event, EventError};
use crate::metrics::Report;
use crate::plan::{self, PlanError};
use crate::store::{self, PutError};

/// PUTs under way at once: S3 answers in tens of milliseconds, and a batch of many groups should not
/// wait for each in turn.
const CONCURRENT_PUTS: usize = 16;

/// Why a batch failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The event is none of Kafka's: the same event would fail again.
    #[error(transparent)]
    Event(#[from] EventError),
    /// The records contradict each other: the same event would fail again.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// S3 did not take an object: the same event may succeed.
    #[error(transparent)]
    Put(#[from] PutError),
}

/// The sink: settings and a client.
#[derive(Clone, Debug)]
pub struct Sink {
    config: Config,
    client: Client,
}

impl Sink {
    /// A sink that writes through `client`.
    pub fn new(config: Config, client: Client) -> Self {
        Sink { config, client }
    }

    /// Stores a batch, given as the event's JSON text. When it returns, every record is in an object.
    ///
    /// # Errors
    /// [`BatchError`]; some of the batch's objects may have been put.
    pub async fn handle(&self, event: &str) -> Result<Report, BatchError> {
        let plan = plan::plan(&Event::parse(event)?, &self.config.layout, &self.config.columns)?;
        let report = Report {
            records: plan.records,
            bytes: plan.objects.iter().map(|object| object.body.len() as u64).sum(),
            objects: plan.objects.len() as u64,
            quarantined: plan.quarantined,
            skipped: plan.skipped,
        };
        stream::iter(plan.objects)
            .map(|object| store::put(&self.client, &self.config.bucket, object))
            .buffer_unordered(CONCURRENT_PUTS)
            .try_collect::<()>()
            .await?;
        Ok(report)
    }
}
