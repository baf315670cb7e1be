//! Where the batches begin that were produced: tansu finds a batch by its first offset only, and would pass over
//! the rest of a batch that is asked for from within.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tansu_sans_io::{DeleteTopicsRequest, ProduceResponse};

type Begins = HashMap<String, HashMap<i32, BTreeSet<i64>>>;

/// The first offset of every batch, by topic and partition.
#[derive(Clone, Debug, Default)]
pub(super) struct Batches(Arc<Mutex<Begins>>);

impl Batches {
    /// Notes what was produced.
    pub(super) fn note(&self, produced: &ProduceResponse) {
        let mut begins = self.begins();
        for topic in produced.responses.iter().flatten() {
            for partition in topic.partition_responses.iter().flatten() {
                if partition.error_code == 0 && partition.base_offset >= 0 {
                    let of_topic = begins.entry(topic.name.clone()).or_default();
                    of_topic.entry(partition.index).or_default().insert(partition.base_offset);
                }
            }
        }
    }

    /// Where the last batch begins that does not begin after `offset`.
    pub(super) fn begin(&self, topic: &str, partition: i32, offset: i64) -> Option<i64> {
        self.begins().get(topic)?.get(&partition)?.range(..=offset).next_back().copied()
    }

    /// Forgets topics that are deleted.
    pub(super) fn forget(&self, request: &DeleteTopicsRequest) {
        let mut begins = self.begins();
        for name in request.topic_names.iter().flatten() {
            begins.remove(name);
        }
    }

    fn begins(&self) -> MutexGuard<'_, Begins> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
