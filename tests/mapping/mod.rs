//! The trigger behaves as Lambda's Kafka event source mapping does, with the embedded broker and with Apache Kafka.
//!
//! Of AWS's rules these cannot be shown on one machine: how many pollers there are and what they cost, the
//! metrics of the mapping, and filter criteria, which the trigger does not have.

mod batches;
mod failures;
mod groups;
mod positions;

use std::sync::Arc;
use std::time::{Duration, Instant};

use event_source::progress::Progress;
use event_source::{EventSource, Limits, MAX_PAYLOAD, Settings};
use tickerlake_tests::broker::TestBroker;
use tickerlake_tests::function::FakeFunction;

const WAIT: Duration = Duration::from_secs(60);

/// Settings with AWS's defaults but for what closes a batch.
fn settings(broker: &TestBroker, batch_size: usize, window: Duration) -> Settings {
    let limits = Limits { batch_size, window, payload: MAX_PAYLOAD };
    Settings::new(broker.client(), vec![broker.topic.clone()], broker.group.clone(), limits)
}

/// So long that only other limits close a batch.
const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(200);

/// A trigger that runs, and what it has done.
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

    /// Waits until so many records have been stored or given up, and ends the trigger.
    async fn end_after(self, records: u64) -> Arc<Progress> {
        tokio::time::timeout(WAIT, self.progress.stored_records(records)).await.unwrap();
        self.running.finish().await.unwrap();
        self.progress
    }
}

/// Waits until something holds.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let limit = Instant::now() + WAIT;
    while !holds() {
        assert!(Instant::now() < limit, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// So many small records.
fn small(count: usize) -> Vec<Option<String>> {
    vec![None; count]
}
