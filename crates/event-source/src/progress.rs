//! What a trigger has done so far, for whoever watches it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::batch::Batch;
use super::function::Report;

/// A topic and one of its partitions.
pub type Partition = (String, i32);

/// Counts that only grow, how far each partition has been stored, and how far it reaches.
#[derive(Debug, Default)]
pub struct Progress {
    batches: AtomicU64,
    records: AtomicU64,
    failures: AtomicU64,
    retried: AtomicU64,
    given_up: AtomicU64,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    report: Report,
    newest: Option<i64>,
    next_offsets: BTreeMap<Partition, i64>,
    lag: BTreeMap<Partition, u64>,
}

/// The counts at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Batches that succeeded.
    pub batches: u64,
    /// Records in them.
    pub records: u64,
    /// Invocations that failed.
    pub failures: u64,
    /// Records of the batches that succeeded, which had been in an invocation that failed.
    pub retried: u64,
    /// Records that were given up, and went to the on-failure destination where there is one.
    pub given_up: u64,
    /// What the sink stored; all zero where the function does not tell.
    pub report: Report,
    /// The greatest timestamp of a stored record, in milliseconds since 1970.
    pub newest: Option<i64>,
}

impl Progress {
    /// A batch has succeeded, `retried` if an earlier invocation with it had failed.
    pub(super) fn succeeded(&self, batch: &Batch, report: Option<Report>, retried: bool) {
        let records = batch.records() as u64;
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.records.fetch_add(records, Ordering::Relaxed);
        if retried {
            self.retried.fetch_add(records, Ordering::Relaxed);
        }
        let mut state = self.state();
        if let Some(report) = report {
            state.report += report;
        }
        state.newest = state.newest.max(batch.newest());
        Self::passed(state, batch);
        self.changed.notify_waiters();
    }

    pub(super) fn gave_up(&self, batch: &Batch) {
        self.given_up.fetch_add(batch.records() as u64, Ordering::Relaxed);
        Self::passed(self.state(), batch);
        self.changed.notify_waiters();
    }

    /// The batch's records will not be delivered again.
    fn passed(mut state: MutexGuard<'_, State>, batch: &Batch) {
        for (topic, partition, next) in batch.next_offsets() {
            let reached = state.next_offsets.entry((topic.to_owned(), partition)).or_default();
            *reached = next.max(*reached);
        }
    }

    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn set_lag(&self, lag: BTreeMap<Partition, u64>) {
        self.state().lag = lag;
    }

    /// The counts now.
    pub fn counts(&self) -> Counts {
        let State { report, newest, .. } = *self.state();
        Counts {
            batches: self.batches.load(Ordering::Relaxed),
            records: self.records.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            retried: self.retried.load(Ordering::Relaxed),
            given_up: self.given_up.load(Ordering::Relaxed),
            report,
            newest,
        }
    }

    /// Records that each assigned partition holds and that are not committed yet, as of a second ago.
    pub fn lag(&self) -> BTreeMap<Partition, u64> {
        self.state().lag.clone()
    }

    /// Waits until so many records have been stored or given up.
    pub async fn stored_records(&self, count: u64) {
        let passed = || self.records.load(Ordering::Relaxed) + self.given_up.load(Ordering::Relaxed);
        self.until(|| passed() >= count).await;
    }

    /// Waits until the partition has been stored (or given up) up to and with `offset`.
    pub async fn stored(&self, topic: &str, partition: i32, offset: i64) {
        let key = (topic.to_owned(), partition);
        self.until(|| self.state().next_offsets.get(&key).is_some_and(|next| *next > offset)).await;
    }

    async fn until(&self, reached: impl Fn() -> bool) {
        loop {
            // Listen before looking, or a change between the two would be missed.
            let changed = self.changed.notified();
            if reached() {
                return;
            }
            changed.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
