//! The batch under way, as seen by a rebalance: whether an invocation is to be waited for, and which of its
//! partitions are another member's by now.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::progress::Partition;

/// Shared by the consumer's callbacks, the loop that reads, and the task that delivers.
#[derive(Debug, Default)]
pub(super) struct Flight {
    state: Mutex<State>,
    landed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The function is running, or what it has done is being committed.
    invoking: bool,
    /// Taken away since the batch under way was begun.
    lost: BTreeSet<Partition>,
    /// Taken away since the reader last looked.
    revoked: Vec<Partition>,
}

impl Flight {
    /// A batch sets out: whatever was lost before is none of its records.
    pub(super) fn set_out(&self) {
        self.state().lost.clear();
    }

    /// The function is invoked. What is lost by now, its caller must not hand to it.
    pub(super) fn invoke(&self) -> BTreeSet<Partition> {
        let mut state = self.state();
        state.invoking = true;
        state.lost.clone()
    }

    /// What has been lost meanwhile, and must not be committed.
    pub(super) fn lost(&self) -> BTreeSet<Partition> {
        self.state().lost.clone()
    }

    /// The invocation has ended, and what it has done is committed.
    pub(super) fn land(&self) {
        self.state().invoking = false;
        self.landed.notify_all();
    }

    /// Waits for an invocation under way, so long at most; then the partitions are lost.
    pub(super) fn revoke(&self, partitions: Vec<Partition>, patience: Duration) {
        let waited = self.landed.wait_timeout_while(self.state(), patience, |state| state.invoking);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.lost.extend(partitions.iter().cloned());
        state.revoked.extend(partitions);
    }

    /// The partitions that have been taken away since this was last asked.
    pub(super) fn take_revoked(&self) -> Vec<Partition> {
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

    fn partition() -> Vec<Partition> {
        vec![("quotes".to_owned(), 1)]
    }

    #[test]
    fn a_revocation_waits_for_the_invocation_under_way_and_only_for_that() {
        let flight = Arc::new(Flight::default());
        flight.revoke(partition(), Duration::from_secs(60));
        flight.set_out();
        assert!(flight.invoke().is_empty());
        let (landing, started) = (Arc::clone(&flight), Instant::now());
        let lander = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            assert!(landing.lost().is_empty());
            landing.land();
        });
        flight.revoke(partition(), Duration::from_secs(60));
        lander.join().unwrap();
        assert!(started.elapsed() >= Duration::from_millis(50));
        assert_eq!(flight.lost().len(), 1);
        assert_eq!(flight.take_revoked().len(), 2);
        assert!(flight.take_revoked().is_empty());
    }

    #[test]
    fn what_is_taken_away_between_setting_out_and_the_invocation_is_not_handed_to_the_function() {
        let flight = Flight::default();
        flight.set_out();
        flight.revoke(partition(), Duration::from_secs(60));
        assert_eq!(flight.invoke().into_iter().collect::<Vec<_>>(), partition());
    }

    #[test]
    fn an_invocation_that_takes_too_long_loses_the_partition() {
        let flight = Flight::default();
        flight.set_out();
        flight.invoke();
        flight.revoke(partition(), Duration::from_millis(10));
        assert_eq!(flight.lost().into_iter().collect::<Vec<_>>(), partition());
    }
}
