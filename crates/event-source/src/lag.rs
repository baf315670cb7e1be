//! How far the group lags behind its topics: asked of the broker once a second, in a thread of its own, since
//! each question waits for an answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::Offset;
use rdkafka::consumer::Consumer;
use rdkafka::error::KafkaResult;
use tokio_util::sync::CancellationToken;

use super::consumer::GroupConsumer;
use super::progress::{Partition, Progress};

const EVERY: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(50);

/// The thread; it ends when `stop` is cancelled.
pub(super) fn watch(consumer: Arc<GroupConsumer>, progress: Arc<Progress>, stop: CancellationToken) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut waited = EVERY;
        while !stop.is_cancelled() {
            if waited >= EVERY {
                waited = Duration::ZERO;
                // A broker that does not answer is told of by whoever reads from it.
                if let Ok(lag) = measure(&consumer, &stop) {
                    progress.set_lag(lag);
                }
            }
            std::thread::sleep(TICK);
            waited += TICK;
        }
    })
}

/// Records between what is committed, or the partition's beginning, and its end.
fn measure(consumer: &GroupConsumer, stop: &CancellationToken) -> KafkaResult<BTreeMap<Partition, u64>> {
    let assigned = consumer.assignment()?;
    if assigned.count() == 0 {
        return Ok(BTreeMap::new());
    }
    let committed = consumer.committed_offsets(assigned, PATIENCE)?;
    let mut lag = BTreeMap::new();
    for one in committed.elements() {
        if stop.is_cancelled() {
            break;
        }
        let (low, high) = consumer.fetch_watermarks(one.topic(), one.partition(), PATIENCE)?;
        let next = match one.offset() {
            Offset::Offset(next) => next.max(low),
            _ => low,
        };
        lag.insert((one.topic().to_owned(), one.partition()), u64::try_from(high - next).unwrap_or(0));
    }
    Ok(lag)
}
