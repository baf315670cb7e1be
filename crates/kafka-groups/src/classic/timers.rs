//! Deadlines of all groups.

use std::collections::{BTreeMap, BTreeSet};

/// An event that has a deadline.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The end of a member's session, or of the time within which a client must join with the id that it received.
    Session { member_id: String },
    /// The end of the join phase.
    Join,
    /// The end of the sync phase.
    Sync,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    group_id: String,
    timer: Timer,
}

/// One deadline for each timer of each group.
#[derive(Debug, Default)]
pub(super) struct Timers {
    deadlines: BTreeMap<Key, u64>,
    by_time: BTreeSet<(u64, Key)>,
}

impl Timers {
    /// Sets the deadline of a timer. Replaces an earlier deadline of the same timer.
    pub(super) fn set(&mut self, group_id: &str, timer: Timer, deadline_ms: u64) {
        let key = Key { group_id: group_id.to_owned(), timer };
        if let Some(old) = self.deadlines.insert(key.clone(), deadline_ms) {
            self.by_time.remove(&(old, key.clone()));
        }
        self.by_time.insert((deadline_ms, key));
    }

    pub(super) fn cancel(&mut self, group_id: &str, timer: Timer) {
        let key = Key { group_id: group_id.to_owned(), timer };
        if let Some(old) = self.deadlines.remove(&key) {
            self.by_time.remove(&(old, key));
        }
    }

    #[cfg(test)]
    pub(super) fn has(&self, group_id: &str, timer: Timer) -> bool {
        self.deadlines.contains_key(&Key { group_id: group_id.to_owned(), timer })
    }

    pub(super) fn next_deadline(&self) -> Option<u64> {
        self.by_time.first().map(|(deadline, _)| *deadline)
    }

    /// Removes and returns the earliest timer whose deadline has passed.
    pub(super) fn pop(&mut self, now_ms: u64) -> Option<(String, Timer)> {
        if self.next_deadline()? > now_ms {
            return None;
        }
        let (_, key) = self.by_time.pop_first()?;
        self.deadlines.remove(&key);
        Some((key.group_id, key.timer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_in_the_order_of_their_deadlines() {
        let mut timers = Timers::default();
        timers.set("b", Timer::Join, 20);
        timers.set("a", Timer::Sync, 10);
        assert_eq!(timers.pop(9), None);
        assert_eq!(timers.pop(30), Some(("a".to_owned(), Timer::Sync)));
        assert_eq!(timers.pop(30), Some(("b".to_owned(), Timer::Join)));
        assert_eq!(timers.pop(30), None);
    }

    #[test]
    fn setting_a_timer_again_replaces_its_deadline() {
        let mut timers = Timers::default();
        timers.set("a", Timer::Join, 10);
        timers.set("a", Timer::Join, 30);
        assert_eq!(timers.next_deadline(), Some(30));
        assert_eq!(timers.pop(20), None);
    }

    #[test]
    fn cancelled_timer_never_fires() {
        let mut timers = Timers::default();
        timers.set("a", Timer::Join, 10);
        timers.cancel("a", Timer::Join);
        assert_eq!(timers.next_deadline(), None);
        assert_eq!(timers.pop(20), None);
    }
}
