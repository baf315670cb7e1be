//! First offsets of the batches that were produced.
//!
//! tansu looks a batch up by its first offset. A fetch from the middle of a batch would skip the rest of the batch, so
//! the broker starts such a fetch at the batch's first offset, and the client drops the records that it did not
//! request.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tansu_sans_io::{DeleteTopicsRequest, ProduceResponse};

type FirstOffsets = HashMap<String, HashMap<i32, BTreeSet<i64>>>;

/// The first offset of every batch, by topic and partition.
#[derive(Clone, Debug, Default)]
pub(super) struct Batches(Arc<Mutex<FirstOffsets>>);

impl Batches {
    /// Records the batches that a produce request appended.
    pub(super) fn record(&self, produced: &ProduceResponse) {
        let mut first_offsets = self.first_offsets();
        for topic in produced.responses.iter().flatten() {
            for partition in topic.partition_responses.iter().flatten() {
                if partition.error_code == 0 && partition.base_offset >= 0 {
                    let of_topic = first_offsets.entry(topic.name.clone()).or_default();
                    of_topic.entry(partition.index).or_default().insert(partition.base_offset);
                }
            }
        }
    }

    /// Returns the first offset of the batch that contains `offset` or, past the last record, of the last batch.
    /// Returns `None` if no batch begins at or below `offset`.
    pub(super) fn first_offset(&self, topic: &str, partition: i32, offset: i64) -> Option<i64> {
        self.first_offsets().get(topic)?.get(&partition)?.range(..=offset).next_back().copied()
    }

    /// Removes the topics that a request deletes.
    pub(super) fn remove_topics(&self, request: &DeleteTopicsRequest) {
        let mut first_offsets = self.first_offsets();
        for name in request.topic_names.iter().flatten() {
            first_offsets.remove(name);
        }
    }

    fn first_offsets(&self) -> MutexGuard<'_, FirstOffsets> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
