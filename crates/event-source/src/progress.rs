//! Counters of an event source, for displays and for programs that wait for records.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::Notify;

use crate::batch::Batch;
use crate::failure::Failure;
use crate::function::Report;
use crate::observer::Observer;

pub type TopicPartition = (String, i32);

/// Counters, and the progress and lag of each partition.
#[derive(Debug, Default)]
pub struct Progress {
    batches: AtomicU64,
    records: AtomicU64,
    failures: AtomicU64,
    retried: AtomicU64,
    given_up: AtomicU64,
    removed: AtomicU64,
    /// The records that each event source has collected, by its topics.
    collected: Mutex<BTreeMap<Vec<String>, Collected>>,
    observer: OnceLock<Arc<dyn Observer>>,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    report: Report,
    /// Records in the processed batches, by topic.
    records: BTreeMap<String, u64>,
    has_report: bool,
    repeated: u64,
    newest: Option<i64>,
    next_offsets: BTreeMap<TopicPartition, i64>,
    lag: BTreeMap<TopicPartition, u64>,
    offsets: BTreeMap<TopicPartition, PartitionOffsets>,
    /// Number of failures since the last success, and the latest failure.
    failing: Option<(u32, Arc<Failure>)>,
}

/// Offsets of a partition on the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionOffsets {
    /// The first offset that the broker still has.
    pub low: i64,
    /// One past the last offset.
    pub high: i64,
    /// The offset that the group has committed; `None` if it has committed none.
    pub committed: Option<i64>,
}

/// Records that have been read but not yet delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Records in the open batch.
    pub records: u64,
    /// Size of the open batch's event in bytes; 0 if no batch is open.
    pub bytes: u64,
    /// Records in closed batches that wait for the current delivery.
    pub waiting_records: u64,
    pub waiting_bytes: u64,
}

/// A snapshot of the counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Batches that the function processed. The parts of a split batch are counted separately.
    pub batches: u64,
    /// Records in the processed batches.
    pub records: u64,
    /// Invocations that failed, entirely or for some of the records.
    pub failures: u64,
    /// Records that the function processed after an earlier invocation with them had failed.
    pub retried: u64,
    /// Discarded records.
    pub given_up: u64,
    /// Upper bound on the number of records that the broker removed before they were read. Offsets of transaction markers
    /// may be counted too.
    pub removed: u64,
    /// Sum of the counters that the function reported; zero if the function does not report any.
    pub report: Report,
    /// `true` if the function has reported counters.
    pub has_report: bool,
    /// Records that had been stored before their first delivery to this process. Those that a retry skips are not among
    /// them, because the failed invocation has stored them.
    pub repeated: u64,
    /// Latest timestamp of a processed record, in milliseconds since 1970. `None` until a record has been processed.
    pub newest: Option<i64>,
}

impl Progress {
    /// Counts a processed batch. `retried` means that an earlier invocation with it failed.
    pub(crate) fn succeeded(&self, batch: &Batch, report: Option<Report>, retried: bool) {
        let records = batch.records() as u64;
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.records.fetch_add(records, Ordering::Relaxed);
        if retried {
            self.retried.fetch_add(records, Ordering::Relaxed);
        }
        let mut state = self.state();
        state.failing = None;
        if let Some(report) = report {
            state.report += report;
            state.has_report = true;
            if !retried {
                state.repeated += report.skipped;
            }
        }
        for part in batch.partitions() {
            let count = part.records().len() as u64;
            match state.records.get_mut(part.topic()) {
                Some(records) => *records += count,
                None => _ = state.records.insert(part.topic().to_owned(), count),
            }
        }
        state.newest = state.newest.max(batch.newest());
        Self::advance(state, batch);
        self.changed.notify_waiters();
    }

    pub(crate) fn gave_up(&self, batch: &Batch) {
        self.given_up.fetch_add(batch.records() as u64, Ordering::Relaxed);
        Self::advance(self.state(), batch);
        self.changed.notify_waiters();
    }

    /// Advances the partitions past a batch that will not be delivered again.
    fn advance(mut state: MutexGuard<'_, State>, batch: &Batch) {
        for (topic, partition, next) in batch.next_offsets() {
            let reached = state.next_offsets.entry((topic.to_owned(), partition)).or_default();
            *reached = next.max(*reached);
        }
    }

    pub(crate) fn failed(&self, failure: Arc<Failure>) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state();
        let in_a_row = state.failing.as_ref().map_or(0, |(failures, _)| *failures);
        state.failing = Some((in_a_row + 1, failure));
        drop(state);
        self.changed.notify_waiters();
    }

    /// Returns `true` if the latest invocation failed.
    pub fn is_failing(&self) -> bool {
        self.state().failing.is_some()
    }

    /// Waits until `count` consecutive invocations have failed, or until `is_final` returns `true` for the latest
    /// failure. Returns the latest failure.
    pub async fn unrecovered(&self, count: u32, is_final: impl Fn(&Failure) -> bool) -> Arc<Failure> {
        let failing = || self.state().failing.clone().filter(|(failures, last)| *failures >= count || is_final(last));
        loop {
            self.until(|| failing().is_some()).await;
            if let Some((_, failure)) = failing() {
                return failure;
            }
        }
    }

    /// Counts records that the broker removed before they were read.
    pub(crate) fn removed(&self, records: u64) {
        self.removed.fetch_add(records, Ordering::Relaxed);
    }

    /// Returns the offset after a partition's last record that was processed or discarded, if any.
    pub(crate) fn next_offset(&self, partition: &TopicPartition) -> Option<i64> {
        self.state().next_offsets.get(partition).copied()
    }

    /// Advances a partition to an offset that the group has committed. The offsets below it may belong to no record, or
    /// to records that an earlier process has handled.
    pub(crate) fn committed(&self, partition: &TopicPartition, offset: i64) {
        let mut state = self.state();
        let reached = state.next_offsets.entry(partition.clone()).or_default();
        if *reached < offset {
            *reached = offset;
            drop(state);
            self.changed.notify_waiters();
        }
    }

    /// Forgets the partitions of a topic that was deleted. A topic of the same name begins again at offset 0. Must be
    /// called after the topic's event source has ended.
    pub fn forget(&self, topic: &str) {
        let mut state = self.state();
        state.next_offsets.retain(|(name, _), _| name != topic);
        state.offsets.retain(|(name, _), _| name != topic);
        state.lag.retain(|(name, _), _| name != topic);
        drop(state);
        self.collected.lock().unwrap_or_else(PoisonError::into_inner).retain(|topics, _| topics != &[topic]);
    }

    /// Sets the observer of invocations. Has no effect if an observer is already set.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        // A second observer is ignored.
        let _ = self.observer.set(observer);
    }

    pub(crate) fn observer(&self) -> Option<&Arc<dyn Observer>> {
        self.observer.get()
    }

    /// Replaces what the event source of `topics` has collected. Event sources of other topics can share this value.
    pub(crate) fn set_collected(&self, topics: &[String], collected: Collected) {
        let mut all = self.collected.lock().unwrap_or_else(PoisonError::into_inner);
        match all.get_mut(topics) {
            Some(known) => *known = collected,
            None => _ = all.insert(topics.to_vec(), collected),
        }
    }

    /// Returns what is collected for the next invocations with records of `topic`; `None` if no event source reads it.
    pub fn collected(&self, topic: &str) -> Option<Collected> {
        let all = self.collected.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().find(|(topics, _)| topics.iter().any(|one| one == topic)).map(|(_, collected)| *collected)
    }

    /// Replaces the offsets of the partitions of `topics`. Event sources of other topics can share this value.
    pub(crate) fn set_offsets(&self, topics: &[String], offsets: BTreeMap<TopicPartition, PartitionOffsets>) {
        let mut state = self.state();
        state.offsets.retain(|(topic, _), _| !topics.contains(topic));
        state.offsets.extend(offsets);
    }

    /// Returns the offsets of each assigned partition. Updated once a second while the broker responds.
    pub fn offsets(&self) -> BTreeMap<TopicPartition, PartitionOffsets> {
        self.state().offsets.clone()
    }

    /// Returns the message of the latest failure, or `None` if no invocation has failed since the last success.
    pub fn failing(&self) -> Option<String> {
        self.state().failing.as_ref().map(|(_, failure)| failure.to_string())
    }

    /// Replaces the lag of the partitions of `topics`. Event sources of other topics can share this value.
    pub(crate) fn set_lag(&self, topics: &[String], lag: BTreeMap<TopicPartition, u64>) {
        let mut state = self.state();
        state.lag.retain(|(topic, _), _| !topics.contains(topic));
        state.lag.extend(lag);
    }

    /// Returns the current counters.
    pub fn counts(&self) -> Counts {
        let State { report, has_report, repeated, newest, .. } = *self.state();
        Counts {
            batches: self.batches.load(Ordering::Relaxed),
            records: self.records.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            retried: self.retried.load(Ordering::Relaxed),
            given_up: self.given_up.load(Ordering::Relaxed),
            removed: self.removed.load(Ordering::Relaxed),
            report,
            has_report,
            repeated,
            newest,
        }
    }

    /// Returns the number of records of a topic in the processed batches.
    pub fn records_of(&self, topic: &str) -> u64 {
        self.state().records.get(topic).copied().unwrap_or_default()
    }

    /// Returns the number of uncommitted records in each assigned partition. Updated once a second while the broker
    /// responds.
    pub fn lag(&self) -> BTreeMap<TopicPartition, u64> {
        self.state().lag.clone()
    }

    /// Waits until `count` records have been processed or discarded.
    pub async fn stored_records(&self, count: u64) {
        let settled = || self.records.load(Ordering::Relaxed) + self.given_up.load(Ordering::Relaxed);
        self.until(|| settled() >= count).await;
    }

    /// Waits until the partition's records up to and including `offset` have been processed or discarded, or the group
    /// has committed a later offset.
    pub async fn stored(&self, topic: &str, partition: i32, offset: i64) {
        let key = (topic.to_owned(), partition);
        self.until(|| self.state().next_offsets.get(&key).is_some_and(|next| *next > offset)).await;
    }

    async fn until(&self, reached: impl Fn() -> bool) {
        loop {
            // Subscribe before the check; otherwise a change between the two would be missed.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::tests::batch;

    #[test]
    fn records_are_counted_by_topic() {
        let progress = Progress::default();
        progress.succeeded(&batch(&[(0, 3, 0), (0, 4, 0), (2, 1, 0)]), None, false);
        progress.succeeded(&batch(&[(0, 5, 0)]), None, true);
        assert_eq!((progress.records_of("quotes"), progress.records_of("other")), (4, 0));
    }

    #[test]
    fn open_batches_of_topics_are_separate() {
        let progress = Progress::default();
        let collected = |records| Collected { records, bytes: 10, ..Collected::default() };
        progress.set_collected(&["a".to_owned()], collected(1));
        progress.set_collected(&["b".to_owned(), "c".to_owned()], collected(2));
        progress.set_collected(&["a".to_owned()], collected(3));
        assert_eq!(progress.collected("a"), Some(collected(3)));
        assert_eq!(progress.collected("c"), Some(collected(2)));
        assert_eq!(progress.collected("d"), None);
    }

    #[test]
    fn retried_records_are_not_repeated_ones() {
        let progress = Progress::default();
        let skipped = |skipped| Some(Report { skipped, ..Report::default() });
        progress.succeeded(&batch(&[(0, 3, 0), (0, 4, 0)]), skipped(2), false);
        progress.succeeded(&batch(&[(0, 5, 0)]), skipped(1), true);
        assert_eq!((progress.counts().repeated, progress.counts().report.skipped), (2, 3));
    }

    #[test]
    fn function_without_a_report_is_known() {
        let progress = Progress::default();
        progress.succeeded(&batch(&[(0, 3, 0)]), None, false);
        assert!(!progress.counts().has_report);
        progress.succeeded(&batch(&[(0, 4, 0)]), Some(Report::default()), false);
        assert!(progress.counts().has_report);
    }
}
