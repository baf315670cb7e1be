//! Measures the group's lag once a second, on a separate thread because every request to the broker blocks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::Offset;
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaResult;
use tokio_util::sync::CancellationToken;

use crate::consumer::GroupConsumer;
use crate::progress::{Progress, TopicPartition};

const INTERVAL: Duration = Duration::from_secs(1);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

/// Interval at which the thread checks whether it should stop.
const STOP_CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Starts the thread, which ends when `stop` is cancelled.
pub(crate) fn watch(consumer: Arc<GroupConsumer>, progress: Arc<Progress>, stop: CancellationToken) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut waited = INTERVAL;
        while !stop.is_cancelled() {
            if waited >= INTERVAL {
                waited = Duration::ZERO;
                update(&consumer, &progress, &stop);
            }
            std::thread::sleep(STOP_CHECK_INTERVAL);
            waited += STOP_CHECK_INTERVAL;
        }
    })
}

/// Measures the lag once. Keeps the previous lag if the broker does not respond, which the reader logs, or if `stop` is
/// cancelled meanwhile.
pub(crate) fn update(consumer: &GroupConsumer, progress: &Progress, stop: &CancellationToken) {
    if let Ok(lag) = measure(consumer, stop)
        && !stop.is_cancelled()
    {
        progress.set_lag(lag);
    }
}

/// Returns the lag of each assigned partition: the number of offsets from the committed offset, or from the first
/// offset on the broker if none is committed, to the end of the partition. Leaves out partitions if `stop` is
/// cancelled.
fn measure(consumer: &GroupConsumer, stop: &CancellationToken) -> KafkaResult<BTreeMap<TopicPartition, u64>> {
    let assigned = consumer.assignment()?;
    if assigned.count() == 0 {
        return Ok(BTreeMap::new());
    }
    let committed = consumer.committed_offsets(assigned, REQUEST_TIMEOUT)?;
    let mut lag = BTreeMap::new();
    for one in committed.elements() {
        if stop.is_cancelled() {
            break;
        }
        let (low, high) = consumer.fetch_watermarks(one.topic(), one.partition(), REQUEST_TIMEOUT)?;
        let next = match one.offset() {
            Offset::Offset(next) => next.max(low),
            _ => low,
        };
        lag.insert((one.topic().to_owned(), one.partition()), u64::try_from(high - next).unwrap_or(0));
    }
    Ok(lag)
}
