//! Measures the group's lag once a second, and finds records that the broker removed before they were read. Runs on a
//! separate thread, because every request to the broker blocks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaResult;
use tokio_util::sync::CancellationToken;

use crate::consumer::{GroupConsumer, offset};
use crate::progress::{PartitionOffsets, Progress, TopicPartition};
use crate::removed::Removals;

const INTERVAL: Duration = Duration::from_secs(1);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

/// Interval at which the thread checks whether it should stop.
const STOP_CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// A meter of the lag and the removed records of a consumer's partitions.
#[derive(Clone)]
pub(crate) struct Meter {
    /// The topics of the subscription.
    pub(crate) topics: Vec<String>,
    pub(crate) consumer: Arc<GroupConsumer>,
    pub(crate) removals: Arc<Mutex<Removals>>,
    pub(crate) progress: Arc<Progress>,
}

/// Starts the thread that measures. It ends when `stop` is cancelled.
pub(crate) fn watch(meter: Meter, stop: CancellationToken) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut waited = INTERVAL;
        while !stop.is_cancelled() {
            if waited >= INTERVAL {
                waited = Duration::ZERO;
                meter.update(&stop);
            }
            std::thread::sleep(STOP_CHECK_INTERVAL);
            waited += STOP_CHECK_INTERVAL;
        }
    })
}

impl Meter {
    /// Measures once. Keeps the previous lag if `stop` is cancelled meanwhile, or if the broker does not respond; the
    /// reader logs the latter.
    pub(crate) fn update(&self, stop: &CancellationToken) {
        if let Ok(lag) = self.measure(stop)
            && !stop.is_cancelled()
        {
            self.progress.set_lag(&self.topics, lag);
        }
    }

    /// Returns the lag of each assigned partition: the number of offsets from the committed offset, or from the first
    /// offset on the broker if none is committed, to the end of the partition. Reports removed records. If `stop` is
    /// cancelled, returns early without the remaining partitions.
    fn measure(&self, stop: &CancellationToken) -> KafkaResult<BTreeMap<TopicPartition, u64>> {
        let assigned = self.consumer.assignment()?;
        if assigned.count() == 0 {
            return Ok(BTreeMap::new());
        }
        let positions = self.consumer.position()?;
        let committed = self.consumer.committed_offsets(assigned, REQUEST_TIMEOUT)?;
        let mut lag = BTreeMap::new();
        let mut offsets = BTreeMap::new();
        for one in committed.elements() {
            if stop.is_cancelled() {
                break;
            }
            let (topic, number) = (one.topic(), one.partition());
            let partition = (topic.to_owned(), number);
            let (low, high) = self.consumer.fetch_watermarks(topic, number, REQUEST_TIMEOUT)?;
            let next = offset(one.offset());
            let position = positions.find_partition(topic, number).and_then(|found| offset(found.offset()));
            self.report_removed(&partition, next, position, low);
            offsets.insert(partition.clone(), PartitionOffsets { low, high, committed: next });
            lag.insert(partition, u64::try_from(high - next.unwrap_or(low).max(low)).unwrap_or(0));
        }
        self.progress.set_offsets(&self.topics, offsets);
        Ok(lag)
    }

    /// Counts a partition's records that were removed before they were read, and logs a warning about them.
    fn report_removed(&self, partition: &TopicPartition, committed: Option<i64>, position: Option<i64>, low: i64) {
        let mut removals = self.removals.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(committed) = committed {
            removals.set_committed(partition, committed);
            self.progress.committed(partition, committed);
        }
        let ranges = removals.measure(partition, position, low);
        drop(removals);
        for range in ranges {
            let records = u64::try_from(range.end - range.start).unwrap_or(0);
            self.progress.removed(records);
            let (topic, number) = partition;
            let (first, last) = (range.start, range.end - 1);
            tracing::warn!(
                topic,
                partition = number,
                first_offset = first,
                last_offset = last,
                max_records = records,
                "the broker removed records before they were read"
            );
        }
    }
}
