//! The trigger behaves like Lambda's Kafka event source mapping, on the embedded broker and on Apache Kafka.
//!
//! Some rules of AWS cannot be tested on one machine: the number of event pollers and their cost, the mapping's
//! metrics, and filter criteria, which the trigger does not support.

mod batches;
mod failures;
mod groups;
mod log;
mod positions;

use std::sync::Arc;
use std::time::{Duration, Instant};

use event_source::progress::Progress;
use event_source::{EventSource, Limits, MAX_PAYLOAD, Settings};
use tickerlake_tests::broker::TestBroker;
use tickerlake_tests::function::FakeFunction;

const WAIT: Duration = Duration::from_secs(60);

/// Settings with AWS's defaults, except for the limits that close a batch.
fn settings(broker: &TestBroker, batch_size: usize, window: Duration) -> Settings {
    let limits = Limits { batch_size, window, payload: MAX_PAYLOAD };
    Settings::new(broker.client(), vec![broker.topic.clone()], broker.group.clone(), limits)
}

/// A batching window so long that only the other limits close a batch.
const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(200);

/// A running trigger and its progress.
struct Rig {
    running: EventSource,
    progress: Arc<Progress>,
}

impl Rig {
    fn start(settings: Settings, function: &FakeFunction) -> Self {
        let progress = Arc::new(Progress::default());
        let running = EventSource::start(settings, function.function(), Arc::clone(&progress)).unwrap();
        Rig { running, progress }
    }

    /// Waits until `records` records have been stored or discarded, then stops the trigger.
    async fn finish_after(self, records: u64) -> Arc<Progress> {
        tokio::time::timeout(WAIT, self.progress.stored_records(records)).await.unwrap();
        self.running.finish().await.unwrap();
        self.progress
    }
}

/// Waits until `condition` returns `true`.
async fn until(expected: &str, mut condition: impl FnMut() -> bool) {
    let limit = Instant::now() + WAIT;
    while !condition() {
        assert!(Instant::now() < limit, "timed out waiting for {expected}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Returns `count` records with the value `{}`.
fn small(count: usize) -> Vec<Option<String>> {
    vec![None; count]
}
