//! Streams the rows of a share of a table's objects.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::{StreamExt, TryStreamExt, stream};
use lake_store::{Lake, Object};

use crate::error::SqlError;
use crate::read_only::Reads;
use crate::rows::{Projection, Rows};

/// Number of objects to prefetch while one is being decoded. Each is a few megabytes, compressed.
const READ_AHEAD: usize = 4;

/// Number of bytes to add to each object's size when objects are distributed, because even a small object costs a
/// request.
const BYTES_PER_REQUEST: u64 = 10_000;

/// The objects that one partition of the engine's plan reads.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) lake: Lake,
    pub(super) objects: Vec<Object>,
    pub(super) projection: Arc<Projection>,
}

impl Share {
    /// Distributes objects over up to `count` shares of about the same size in bytes. Returns at least one share.
    pub(super) fn distribute(objects: Vec<Object>, count: usize) -> Vec<Vec<Object>> {
        let count = objects.len().min(count).max(1);
        let mut shares = vec![(0, Vec::new()); count];
        for object in objects {
            if let Some((size, share)) = shares.iter_mut().min_by_key(|(size, _)| *size) {
                *size += object.meta.size + BYTES_PER_REQUEST;
                share.push(object);
            }
        }
        shares.into_iter().map(|(_, share)| share).collect()
    }
}

impl PartitionStream for Share {
    fn schema(&self) -> &SchemaRef {
        &self.projection.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let batch = context.session_config().batch_size();
        let lake = self.lake.clone();
        let counter = context.session_config().get_extension::<Reads>();
        let reads = stream::iter(self.objects.clone()).map(move |object| {
            let (lake, counter) = (lake.clone(), counter.clone());
            async move {
                let bytes = lake.read(&object).await?;
                if let Some(counter) = counter {
                    counter.add(bytes.len());
                }
                Ok::<_, SqlError>((bytes, object))
            }
        });
        let projection = Arc::clone(&self.projection);
        let batches = reads
            .buffered(READ_AHEAD)
            .and_then(move |(bytes, object)| {
                let rows = Rows::open(Arc::clone(&projection), object, &bytes, batch);
                let rows = rows.map(|rows| stream::iter(rows.map(|batch| batch.map_err(SqlError::from))));
                std::future::ready(rows.map_err(SqlError::from))
            })
            .try_flatten()
            .map_err(DataFusionError::from);
        let schema = Arc::clone(&self.projection.schema);
        Box::pin(RecordBatchStreamAdapter::new(schema, batches))
    }
}

#[cfg(test)]
mod tests {
    use lake_store::Area;
    use lake_store::testing::Store;

    use super::*;

    #[tokio::test]
    async fn shares_have_about_the_same_size() {
        let store = Store::new();
        for (name, size) in [("a", 120_000), ("b", 10), ("c", 40_000), ("d", 30_000), ("e", 10)] {
            store.put(&format!("data/q/dt=2026-01-02/{name}.json"), &" ".repeat(size)).await;
        }
        let lake = store.lake("");
        let days = lake.days(Area::Data, "q").await.unwrap();
        let objects = lake.objects(days).await.unwrap();
        let names = |count| {
            let shares = Share::distribute(objects.clone(), count).into_iter();
            let name = |object: &Object| object.key().filename().unwrap()[..1].to_owned();
            shares.map(|share| share.iter().map(name).collect::<String>()).collect::<Vec<_>>()
        };
        assert_eq!(names(2), ["a", "bcde"]);
        assert_eq!(names(1), ["abcde"]);
        assert_eq!(names(9), ["a", "b", "c", "d", "e"]);
        assert_eq!(Share::distribute(Vec::new(), 4).len(), 1);
    }
}
