//! State of the batch in flight on which rebalances depend: whether an invocation is running, and which partitions the
//! batch has lost to other members of the group.
//!
//! The consumer's rebalance callbacks, the loop that reads and the task that delivers share this state:
//!
//! ```text
//! reader     begin_batch ─────────────────────────────────── take_revoked
//! delivery               begin_invocation ── end_invocation
//! rebalance                     revoke (waits) ──┘ the partitions are lost
//! ```

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::progress::TopicPartition;

/// State of the batch in flight.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    state: Mutex<State>,
    invocation_ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// `true` while the function is running or the offsets of its records are being committed.
    invoking: bool,
    /// Partitions revoked since the batch began.
    lost: BTreeSet<TopicPartition>,
    /// Partitions revoked since the last call to `take_revoked`.
    revoked: Vec<TopicPartition>,
}

impl InFlight {
    /// Starts a batch and clears the lost partitions. The batch must contain no records of partitions that were revoked
    /// before.
    pub(crate) fn begin_batch(&self) {
        self.state().lost.clear();
    }

    /// Starts an invocation. Returns the partitions lost since the batch began, whose records must not be passed to the
    /// function.
    pub(crate) fn begin_invocation(&self) -> BTreeSet<TopicPartition> {
        let mut state = self.state();
        state.invoking = true;
        state.lost.clone()
    }

    /// Returns the partitions lost since the batch began, whose offsets must not be committed.
    pub(crate) fn lost(&self) -> BTreeSet<TopicPartition> {
        self.state().lost.clone()
    }

    /// Ends an invocation. Must be called after the offsets of its records have been committed.
    pub(crate) fn end_invocation(&self) {
        self.state().invoking = false;
        self.invocation_ended.notify_all();
    }

    /// Waits until the current invocation ends, for at most `timeout`, and then marks the partitions as lost.
    pub(crate) fn revoke(&self, partitions: Vec<TopicPartition>, timeout: Duration) {
        let waited = self.invocation_ended.wait_timeout_while(self.state(), timeout, |state| state.invoking);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.lost.extend(partitions.iter().cloned());
        state.revoked.extend(partitions);
    }

    /// Returns the partitions that were revoked since the last call.
    pub(crate) fn take_revoked(&self) -> Vec<TopicPartition> {
        std::mem::take(&mut self.state().revoked)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;

    fn partition() -> Vec<TopicPartition> {
        vec![("quotes".to_owned(), 1)]
    }

    #[test]
    fn revocation_waits_for_the_current_invocation_only() {
        let in_flight = Arc::new(InFlight::default());
        in_flight.revoke(partition(), Duration::from_secs(60));
        in_flight.begin_batch();
        assert!(in_flight.begin_invocation().is_empty());
        let (invoked, started) = (Arc::clone(&in_flight), Instant::now());
        let invocation = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            assert!(invoked.lost().is_empty());
            invoked.end_invocation();
        });
        in_flight.revoke(partition(), Duration::from_secs(60));
        invocation.join().unwrap();
        assert!(started.elapsed() >= Duration::from_millis(50));
        assert_eq!(in_flight.lost().len(), 1);
        assert_eq!(in_flight.take_revoked().len(), 2);
        assert!(in_flight.take_revoked().is_empty());
    }

    #[test]
    fn partition_lost_before_the_invocation_is_not_passed_on() {
        let in_flight = InFlight::default();
        in_flight.begin_batch();
        in_flight.revoke(partition(), Duration::from_secs(60));
        assert_eq!(in_flight.begin_invocation().into_iter().collect::<Vec<_>>(), partition());
    }

    #[test]
    fn slow_invocation_loses_the_partition() {
        let in_flight = InFlight::default();
        in_flight.begin_batch();
        in_flight.begin_invocation();
        in_flight.revoke(partition(), Duration::from_millis(10));
        assert_eq!(in_flight.lost().into_iter().collect::<Vec<_>>(), partition());
    }
}
