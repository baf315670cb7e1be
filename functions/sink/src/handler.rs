//! The function itself: a batch in, objects out.

use std::sync::Arc;

use aws_sdk_s3::Client;
use futures::future::join_all;
use tokio::sync::Semaphore;
use tokio::task::yield_now;

use crate::batch::Batch;
use crate::batch::partition_batch::PartitionBatch;
use crate::config::Config;
use crate::metrics::Report;
use crate::storage::committer::{Partition, PartitionError, Tally};
use crate::storage::s3_adapter::{Store, StoreError};
use commit_protocol::{Ledger, Version};
use lambda_kafka_event::{EventError, Records};

/// Requests under way at once: S3 answers in tens of milliseconds, and a batch of many groups should not
/// wait for each in turn.
const CONCURRENT_REQUESTS: usize = 16;

/// Records between two looks at what the network has brought.
const RECORDS_A_TURN: usize = 256;

/// Why a batch failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The event is none of Kafka's: the same event would fail again.
    #[error(transparent)]
    Event(#[from] EventError),
    /// Some partitions are not stored; the others are.
    #[error("{}", one_a_line(.0))]
    Partitions(Vec<PartitionError>),
}

fn one_a_line(errors: &[PartitionError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// What became of a batch.
#[derive(Debug)]
pub struct Outcome {
    /// Its figures.
    pub report: Report,
    /// The partitions that are not stored, in the order of topic and partition. Only where the event source
    /// takes partial batch responses ([`Config::partial_batch_response`]) can there be any.
    pub failed: Vec<PartitionError>,
}

/// The sink: settings and a client.
#[derive(Clone, Debug)]
pub struct Sink {
    config: Config,
    store: Store,
}

impl Sink {
    /// A sink that writes through `client`.
    pub fn new(config: Config, client: Client) -> Self {
        let store = Store::new(client, config.bucket.clone());
        Sink { config, store }
    }

    /// Stores a batch, given as the event's JSON text. When it returns, every record of the partitions that have not
    /// failed is in exactly one object.
    ///
    /// # Errors
    /// [`BatchError`]; some of the batch's objects may have been put.
    pub async fn handle(&self, event: impl AsRef<[u8]>) -> Result<Outcome, BatchError> {
        let mut records = Records::new(event.as_ref());
        let mut batch = Batch::new(&self.config, event.as_ref().len());
        let permits = Arc::new(Semaphore::new(CONCURRENT_REQUESTS));
        let mut ledgers = Vec::new();
        loop {
            let is_more = batch.take(&mut records, RECORDS_A_TURN)?;
            // The ledgers are on their way while the records are being decoded.
            ledgers.extend(batch.parts()[ledgers.len()..].iter().map(|part| self.read_ledger(part, &permits)));
            if !is_more {
                break;
            }
            yield_now().await;
        }
        // The lines are all that is needed from here on: what they were made of makes room for the objects.
        drop(records);
        drop(event);
        let stored = join_all(batch.parts().iter().zip(ledgers).map(|(part, ledger)| {
            let partition =
                Partition { store: &self.store, layout: &self.config.layout, batch: &batch, part, permits: &permits };
            async move { partition.store(ledger).await }
        }));
        let mut outcome = Outcome { report: Report::default(), failed: Vec::new() };
        for (stored, part) in stored.await.into_iter().zip(batch.parts()) {
            match stored {
                Ok(Tally { stored, quarantined, objects, bytes }) => {
                    outcome.report += Report {
                        records: part.len(),
                        bytes,
                        objects,
                        quarantined,
                        skipped: part.len().saturating_sub(stored),
                    };
                }
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

    /// Asks for a partition's ledger at once, on a task of its own.
    fn read_ledger(
        &self,
        part: &PartitionBatch,
        permits: &Arc<Semaphore>,
    ) -> impl Future<Output = Result<Option<(Ledger, Version)>, StoreError>> + use<> {
        let key = self.config.layout.ledger_key(&part.topic, part.partition);
        let store = self.store.clone();
        let again = (store.clone(), key.clone());
        let permits = Arc::clone(permits);
        let task = tokio::spawn(async move {
            let _permit = permits.acquire().await.ok();
            store.read_ledger(&key).await
        });
        async move {
            match task.await {
                Ok(ledger) => ledger,
                // The task was cut off: this one asks again.
                Err(_) => again.0.read_ledger(&again.1).await,
            }
        }
    }
}
