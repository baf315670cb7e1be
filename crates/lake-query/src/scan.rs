//! One share of a table's objects as a stream of record batches.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::{StreamExt, TryStreamExt, stream};
use lake_store::{Lake, Object};

use super::error::SqlError;
use super::rows::{Rows, Shape};

/// Objects under way while one is decoded; they are a few MB each, compressed.
const READ_AHEAD: usize = 4;

/// The objects that one of the engine's threads reads.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) lake: Lake,
    pub(super) objects: Vec<Object>,
    pub(super) shape: Arc<Shape>,
}

impl Share {
    /// Parts objects into `count` shares of about the same size; there is always at least one.
    pub(super) fn out(objects: Vec<Object>, count: usize) -> Vec<Vec<Object>> {
        let count = objects.len().min(count).max(1);
        let mut shares = vec![(0, Vec::new()); count];
        for object in objects {
            if let Some((size, share)) = shares.iter_mut().min_by_key(|(size, _)| *size) {
                // An object costs a request, even when it is small.
                *size += object.meta.size + 10_000;
                share.push(object);
            }
        }
        shares.into_iter().map(|(_, share)| share).collect()
    }
}

impl PartitionStream for Share {
    fn schema(&self) -> &SchemaRef {
        &self.shape.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let batch = context.session_config().batch_size();
        let lake = self.lake.clone();
        let reads = stream::iter(self.objects.clone()).map(move |object| {
            let lake = lake.clone();
            async move { Ok((lake.read(&object).await?, object)) }
        });
        let shape = Arc::clone(&self.shape);
        let batches = reads
            .buffered(READ_AHEAD)
            .and_then(move |(bytes, object)| {
                let rows = Rows::open(Arc::clone(&shape), object, &bytes, batch);
                std::future::ready(rows.map(stream::iter))
            })
            .try_flatten()
            .map_err(|error| DataFusionError::from(SqlError::from(error)));
        let schema = Arc::clone(&self.shape.schema);
        Box::pin(RecordBatchStreamAdapter::new(schema, batches))
    }
}

#[cfg(test)]
mod tests {
    use lake_store::Area;
    use lake_store::testing::Store;

    use super::*;

    #[tokio::test]
    async fn shares_are_of_about_the_same_size() {
        let store = Store::new();
        for (name, size) in [("a", 120_000), ("b", 10), ("c", 40_000), ("d", 30_000), ("e", 10)] {
            store.put(&format!("data/q/dt=2026-01-02/{name}.json"), &" ".repeat(size)).await;
        }
        let lake = store.lake("");
        let days = lake.days(Area::Data, "q").await.unwrap();
        let objects = lake.objects(days).await.unwrap();
        let names = |count| {
            let shares = Share::out(objects.clone(), count).into_iter();
            let name = |object: &Object| object.key().filename().unwrap()[..1].to_owned();
            shares.map(|share| share.iter().map(name).collect::<String>()).collect::<Vec<_>>()
        };
        assert_eq!(names(2), ["a", "bcde"]);
        assert_eq!(names(1), ["abcde"]);
        assert_eq!(names(9), ["a", "b", "c", "d", "e"]);
        assert_eq!(Share::out(Vec::new(), 4).len(), 1);
    }
}
