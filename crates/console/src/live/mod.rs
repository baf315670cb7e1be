//! The live parts of the page: collects the state of the pipeline ten times a second and distributes frames.
//!
//! ```text
//! function ── invoked() ──> bounded queue ──┐
//! pipeline ── sample() ─────────────────────┴─> sampler, every 100 ms ──> frames ──> clients
//! ```
//!
//! The pipeline is never slowed: [`Live::invoked`] takes a lock for a few instructions, and an event for which the
//! queue has no room is only counted. A client that does not read fast enough skips frames and receives a snapshot.

pub(crate) mod frames;
pub(crate) mod hub;
pub(crate) mod meter;
mod newest;
pub(crate) mod pipeline;
mod sampler;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use crate::clock::millis_since_1970;
use crate::market::quote::Processed;
use pipeline::{Invoked, Pipeline, Range};
pub(crate) use sampler::run;

/// Number of invocations that the page shows.
const SHOWN_INVOCATIONS: usize = 14;

/// Size of the events that wait to be read, in bytes: two events of Lambda's maximum size, and a little.
const MAX_WAITING: usize = 14 << 20;

/// Activity of a pipeline, as its owner reports it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    #[default]
    Starting,
    /// Rows are read and sent.
    Feeding,
    /// All rows are sent, and the last records are being stored.
    Storing,
    /// All delivered records are stored; the saved queries and the audit run.
    Checking,
    /// Everything is done; the page stays open.
    Finished,
    /// Runs until it is stopped.
    Running,
    Stopping,
}

/// An invocation, as the page shows it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ShownInvocation {
    number: u64,
    /// Time at which it ended, in milliseconds since 1970.
    at: i64,
    ms: f64,
    partitions: Vec<Range>,
    records: usize,
    event_bytes: usize,
    closed_by: &'static str,
    failures_before: u64,
    is_part: bool,
    objects: Option<u64>,
    bytes: Option<u64>,
    quarantined: u64,
    skipped: u64,
    error: Option<String>,
    discarded: usize,
}

/// Recent activity of the pipeline of this process.
pub struct Live {
    pub(crate) pipeline: Arc<dyn Pipeline>,
    recent: Mutex<Recent>,
    clients: AtomicUsize,
}

#[derive(Default)]
struct Recent {
    phase: Phase,
    count: u64,
    parts: u64,
    invocations: VecDeque<ShownInvocation>,
    events: VecDeque<Processed>,
    waiting: usize,
    skipped: u64,
}

/// Events to read quotes from, and the number of stored records that are in none of them.
pub(crate) struct Waiting {
    pub(crate) events: VecDeque<Processed>,
    pub(crate) skipped: u64,
}

/// The invocations: how many there were, and the newest ones, newest first.
#[derive(Serialize)]
pub(crate) struct Invocations {
    count: u64,
    /// Number of invocations with a part of a batch that was split.
    parts: u64,
    shown: Vec<ShownInvocation>,
}

impl Live {
    pub(crate) fn new(pipeline: Arc<dyn Pipeline>) -> Self {
        Live { pipeline, recent: Mutex::default(), clients: AtomicUsize::new(0) }
    }

    /// Notes what the pipeline does now.
    pub fn set_phase(&self, phase: Phase) {
        self.recent().phase = phase;
    }

    /// Notes an invocation. Never blocks for longer than it takes to copy a few counters.
    pub fn invoked(&self, invoked: Invoked) {
        let records = invoked.partitions.iter().map(|range| range.records).sum();
        let is_watched = self.clients.load(Ordering::Relaxed) > 0;
        let mut recent = self.recent();
        recent.count += 1;
        recent.parts += u64::from(invoked.is_part);
        let number = recent.count;
        if recent.invocations.len() == SHOWN_INVOCATIONS {
            recent.invocations.pop_front();
        }
        if is_watched && invoked.error.is_none() {
            if recent.waiting + invoked.event.len() <= MAX_WAITING {
                recent.waiting += invoked.event.len();
                let quarantined = invoked.objects.map(|_| invoked.quarantined);
                recent.events.push_back(Processed { event: invoked.event.clone(), quarantined });
            } else {
                recent.skipped += records as u64;
            }
        }
        recent.invocations.push_back(ShownInvocation {
            number,
            at: millis_since_1970(),
            ms: (invoked.duration.as_secs_f64() * 1e4).round() / 10.0,
            partitions: invoked.partitions,
            records,
            event_bytes: invoked.event.len(),
            closed_by: invoked.closed_by,
            failures_before: invoked.failures_before,
            is_part: invoked.is_part,
            objects: invoked.objects,
            bytes: invoked.bytes,
            quarantined: invoked.quarantined,
            skipped: invoked.skipped,
            error: invoked.error,
            discarded: invoked.discarded,
        });
    }

    /// Notes that records were stored by an invocation that failed for others, so that the page reads them with SQL.
    pub fn missed(&self, records: u64) {
        if self.clients.load(Ordering::Relaxed) > 0 {
            self.recent().skipped += records;
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.recent().phase
    }

    pub(crate) fn invocations(&self) -> Invocations {
        let recent = self.recent();
        let shown = recent.invocations.iter().rev().cloned().collect();
        Invocations { count: recent.count, parts: recent.parts, shown }
    }

    /// Takes the events that wait.
    pub(crate) fn take_events(&self) -> Waiting {
        let mut recent = self.recent();
        recent.waiting = 0;
        let skipped = std::mem::take(&mut recent.skipped);
        Waiting { events: std::mem::take(&mut recent.events), skipped }
    }

    pub(crate) fn set_clients(&self, clients: usize) {
        self.clients.store(clients, Ordering::Relaxed);
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use pipeline::Sample;

    struct Nothing;

    impl Pipeline for Nothing {
        fn sample(&self) -> Sample {
            Sample::default()
        }
    }

    fn invoked(bytes: usize, error: Option<&str>) -> Invoked {
        Invoked {
            event: vec![b' '; bytes].into(),
            partitions: vec![Range { topic: "q".to_owned(), partition: 0, first: 0, last: 9, records: 10 }],
            duration: Duration::from_millis(3),
            failures_before: 0,
            is_part: false,
            closed_by: "window",
            objects: Some(1),
            bytes: Some(100),
            quarantined: 0,
            skipped: 0,
            error: error.map(str::to_owned),
            discarded: 0,
        }
    }

    #[test]
    fn waiting_events_are_bounded() {
        let live = Live::new(Arc::new(Nothing));
        live.set_clients(1);
        for _ in 0..10 {
            live.invoked(invoked(3 << 20, None));
        }
        let waiting = live.take_events();
        assert_eq!((waiting.events.len(), waiting.skipped), (4, 60));
        assert_eq!(live.take_events().skipped, 0);
    }

    #[test]
    fn events_wait_only_for_clients_that_exist() {
        let live = Live::new(Arc::new(Nothing));
        live.invoked(invoked(10, None));
        live.set_clients(1);
        live.invoked(invoked(10, Some("killed")));
        assert!(live.take_events().events.is_empty());
        live.invoked(invoked(10, None));
        assert_eq!(live.take_events().events.len(), 1);
    }

    #[test]
    fn newest_invocations_are_kept() {
        let live = Live::new(Arc::new(Nothing));
        for _ in 0..40 {
            live.invoked(invoked(1, None));
        }
        let Invocations { count, parts, shown } = live.invocations();
        assert_eq!((count, parts, shown.len(), shown[0].number, shown[13].number), (40, 0, 14, 40, 27));
    }

    #[test]
    fn event_has_its_number_of_quarantined_records() {
        let live = Live::new(Arc::new(Nothing));
        live.set_clients(1);
        live.invoked(Invoked { quarantined: 3, ..invoked(10, None) });
        live.invoked(Invoked { objects: None, ..invoked(10, None) });
        let quarantined: Vec<_> = live.take_events().events.iter().map(|event| event.quarantined).collect();
        assert_eq!(quarantined, [Some(3), None]);
    }

    #[test]
    fn records_of_a_partial_failure_are_skipped() {
        let live = Live::new(Arc::new(Nothing));
        live.missed(5);
        live.set_clients(1);
        live.missed(7);
        assert_eq!(live.take_events().skipped, 7);
    }
}
