//! What a trigger has done so far, for whoever watches it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use sink::metrics::Report;
use tokio::sync::Notify;

use super::batch::Batch;

/// Counts that only grow, and how far each partition has been stored.
#[derive(Debug, Default)]
pub struct Progress {
    batches: AtomicU64,
    records: AtomicU64,
    retries: AtomicU64,
    stored: Mutex<Stored>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Stored {
    report: Report,
    next_offsets: BTreeMap<(String, i32), i64>,
}

/// The counts at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Batches that succeeded.
    pub batches: u64,
    /// Records in them.
    pub records: u64,
    /// Invocations that failed.
    pub retries: u64,
    /// What the sink stored; all zero where the function does not tell.
    pub report: Report,
}

impl Progress {
    pub(super) fn succeeded(&self, batch: &Batch, report: Option<Report>) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.records.fetch_add(batch.records as u64, Ordering::Relaxed);
        let mut stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(report) = report {
            stored.report += report;
        }
        for (topic, partition, next) in batch.next_offsets() {
            stored.next_offsets.insert((topic.to_owned(), partition), next);
        }
        drop(stored);
        self.changed.notify_waiters();
    }

    pub(super) fn failed(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// The counts now.
    pub fn counts(&self) -> Counts {
        Counts {
            batches: self.batches.load(Ordering::Relaxed),
            records: self.records.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            report: self.stored.lock().unwrap_or_else(PoisonError::into_inner).report,
        }
    }

    /// Waits until so many records have been stored.
    pub async fn stored_records(&self, count: u64) {
        self.until(|| self.records.load(Ordering::Relaxed) >= count).await;
    }

    /// Waits until the partition has been stored up to and with `offset`.
    pub async fn stored(&self, topic: &str, partition: i32, offset: i64) {
        let key = (topic.to_owned(), partition);
        self.until(|| {
            let stored = self.stored.lock().unwrap_or_else(PoisonError::into_inner);
            stored.next_offsets.get(&key).is_some_and(|next| *next > offset)
        })
        .await;
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
}
