//! Handler: stores the records of an event.

use std::sync::Arc;

use aws_sdk_s3::Client;
use futures::future::join_all;
use tokio::sync::Semaphore;
use tokio::task::yield_now;

use crate::batch::{Batch, PartitionBatch};
use crate::config::Config;
use crate::metrics::Report;
use crate::storage::endpoint::Connection;
use crate::storage::s3_adapter::S3Adapter;
use crate::storage::{Committer, LedgerRead, PartitionError, Probe};
use lambda_kafka_event::{EventError, Records};

/// Maximum number of concurrent requests of a batch. Further requests wait until one of these has finished. A response
/// from S3 takes tens of milliseconds, and a batch with many object prefixes should not wait for the responses one by
/// one.
const MAX_CONCURRENT_REQUESTS: usize = 16;

/// Number of records to process before yielding, so that the async runtime can poll the network.
const RECORDS_PER_TURN: usize = 256;

/// Reason that a batch failed.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The event is not a Kafka event. Retrying does not help.
    #[error(transparent)]
    Event(#[from] EventError),
    /// At least one partition could not be stored. All other partitions are stored.
    #[error("{}", one_per_line(.0))]
    Partitions(Vec<PartitionError>),
}

fn one_per_line(errors: &[PartitionError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Result of storing a batch.
#[derive(Debug)]
pub struct Outcome {
    /// Counts for the partitions that are stored.
    pub report: Report,
    /// The partitions that are not stored, sorted by topic and partition. Always empty without
    /// [`Config::partial_batch_response`], because a failed partition then fails the whole batch.
    pub failed: Vec<PartitionError>,
}

/// The sink: its settings and the bucket that it writes to.
#[derive(Clone, Debug)]
pub struct Sink {
    config: Config,
    s3: S3Adapter,
    probe: Option<Arc<Probe>>,
}

impl Sink {
    /// Creates a sink that writes through `client`.
    pub fn new(config: Config, client: Client) -> Self {
        let s3 = S3Adapter::new(client, config.bucket.clone());
        Sink { config, s3, probe: None }
    }

    /// Creates a sink that writes through the client of `connection`. If the connection has a custom endpoint, the sink
    /// checks before its first write that the server honours conditional writes.
    pub fn connected(config: Config, connection: Connection) -> Self {
        let Connection { client, endpoint, .. } = connection;
        let probe = endpoint.map(|endpoint| Arc::new(Probe::new(endpoint)));
        Sink { probe, ..Sink::new(config, client) }
    }

    /// Stores a batch, given as a Kafka event in JSON. On return, every record of each partition that has not failed is
    /// in exactly one object.
    ///
    /// # Errors
    /// - [`BatchError::Event`] if `event` is not a Kafka event. Nothing is stored.
    /// - [`BatchError::Partitions`] if a partition failed, unless [`Config::partial_batch_response`] is set. Some
    ///   objects of the failed partitions may have been written.
    pub async fn handle(&self, event: impl AsRef<[u8]>) -> Result<Outcome, BatchError> {
        let mut records = Records::new(event.as_ref());
        let mut batch = Batch::new(&self.config, event.as_ref().len());
        let permits = Arc::new(Semaphore::new(MAX_CONCURRENT_REQUESTS));
        let mut ledgers = Vec::new();
        loop {
            let has_more = batch.add_records(&mut records, RECORDS_PER_TURN)?;
            // Reads the ledgers of new partitions while the next records are decoded.
            let new_partitions = &batch.partitions()[ledgers.len()..];
            ledgers.extend(new_partitions.iter().map(|partition_batch| self.read_ledger(partition_batch, &permits)));
            if !has_more {
                break;
            }
            yield_now().await;
        }
        // Only the lines are needed from here on, so the event is freed before the objects are compressed.
        drop(records);
        drop(event);
        let reports = join_all(batch.partitions().iter().zip(ledgers).map(|(partition_batch, ledger)| {
            let committer = Committer {
                s3: &self.s3,
                probe: self.probe.as_deref(),
                layout: &self.config.layout,
                batch: &batch,
                partition_batch,
                permits: &permits,
            };
            async move { committer.commit(ledger).await }
        }));
        let mut outcome = Outcome { report: Report::default(), failed: Vec::new() };
        for report in reports.await {
            match report {
                Ok(report) => outcome.report += report,
                Err(error) => outcome.failed.push(error),
            }
        }
        outcome.failed.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        if outcome.failed.is_empty() || self.config.partial_batch_response {
            Ok(outcome)
        } else {
            Err(BatchError::Partitions(outcome.failed))
        }
    }

    /// Starts a task that reads a partition's ledger. Returns a future for the result.
    fn read_ledger(
        &self,
        partition_batch: &PartitionBatch,
        permits: &Arc<Semaphore>,
    ) -> impl Future<Output = LedgerRead> + use<> {
        let key = self.config.layout.ledger_key(&partition_batch.topic, partition_batch.partition);
        let s3 = self.s3.clone();
        let permits = Arc::clone(permits);
        let task = tokio::spawn({
            let (s3, key) = (s3.clone(), key.clone());
            async move {
                let _permit = permits.acquire().await.ok();
                s3.read_ledger(&key).await
            }
        });
        async move {
            match task.await {
                Ok(ledger) => ledger,
                // The task was cancelled or has panicked, so this reads the ledger again.
                Err(_) => s3.read_ledger(&key).await,
            }
        }
    }
}
