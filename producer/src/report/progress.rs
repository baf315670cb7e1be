//! Counters of a running feed.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use crate::encode::reject::Reject;

/// Counters of a running feed, shared between the feed and its display.
#[derive(Debug, Default)]
pub struct Progress {
    read: AtomicU64,
    sent: AtomicU64,
    delivered: AtomicU64,
    already_in_topic: AtomicU64,
    rejected: AtomicU64,
    reasons: Mutex<BTreeMap<&'static str, u64>>,
    blank: AtomicU64,
    bytes: AtomicU64,
    input_bytes: AtomicU64,
    expected_bytes: AtomicU64,
    expected_rows: AtomicU64,
    notices: Mutex<Vec<String>>,
}

/// Values of the counters at one point in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Rows read from the inputs, not counting blank rows. A row that is sent again counts again.
    pub read: u64,
    /// Records passed to the Kafka client, or printed.
    pub sent: u64,
    /// Records that the broker has confirmed.
    pub delivered: u64,
    /// Rows that were not sent because the topic already contains them.
    pub already_in_topic: u64,
    /// Rows that are not quotes.
    pub rejected: u64,
    /// Blank lines, and rows without a value for any symbol.
    pub blank: u64,
    /// Total size of the keys and values of the delivered or printed records, in bytes.
    pub bytes: u64,
    /// Bytes read from the inputs, before decompression.
    pub input_bytes: u64,
    /// Bytes of the inputs in all passes; 0 if unknown.
    pub expected_bytes: u64,
    /// Records to send in all passes, if the rows are in memory; 0 if unknown.
    pub expected_rows: u64,
}

impl Snapshot {
    /// Returns the completed fraction of the work, from 0 to 1; `None` if it is unknown.
    #[must_use]
    pub fn fraction(&self) -> Option<f64> {
        let (done, all) = match (self.expected_rows, self.expected_bytes) {
            (0, 0) => return None,
            (0, bytes) => (self.input_bytes, bytes),
            (rows, _) => (self.sent + self.already_in_topic, rows),
        };
        Some((done as f64 / all as f64).min(1.0))
    }
}

impl Progress {
    /// Returns the current values of the counters.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            read: self.read.load(Relaxed),
            sent: self.sent.load(Relaxed),
            delivered: self.delivered.load(Relaxed),
            already_in_topic: self.already_in_topic.load(Relaxed),
            rejected: self.rejected.load(Relaxed),
            blank: self.blank.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            input_bytes: self.input_bytes.load(Relaxed),
            expected_bytes: self.expected_bytes.load(Relaxed),
            expected_rows: self.expected_rows.load(Relaxed),
        }
    }

    /// Returns the number of rejected rows by the kind of their reason, the most frequent first.
    #[must_use]
    pub fn rejected_by_reason(&self) -> Vec<(&'static str, u64)> {
        let reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner);
        let mut reasons: Vec<_> = reasons.iter().map(|(reason, rows)| (*reason, *rows)).collect();
        reasons.sort_by_key(|(_, rows)| Reverse(*rows));
        reasons
    }

    /// Removes and returns the notices for the user that were added since the last call, for example that the broker is
    /// unreachable or that a file may be truncated.
    #[must_use]
    pub fn take_notices(&self) -> Vec<String> {
        std::mem::take(&mut self.notices.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn notice(&self, notice: String) {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).push(notice);
    }

    pub(crate) fn add_read(&self) {
        self.read.fetch_add(1, Relaxed);
    }

    pub(crate) fn add_sent(&self) {
        self.sent.fetch_add(1, Relaxed);
    }

    pub(crate) fn add_already_in_topic(&self) {
        self.already_in_topic.fetch_add(1, Relaxed);
    }

    pub(crate) fn add_delivered(&self) {
        self.delivered.fetch_add(1, Relaxed);
    }

    pub(crate) fn add_bytes(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn add_rejected(&self, reason: &Reject) {
        self.rejected.fetch_add(1, Relaxed);
        *self.reasons.lock().unwrap_or_else(PoisonError::into_inner).entry(reason.kind()).or_default() += 1;
    }

    pub(crate) fn add_blank(&self) {
        self.blank.fetch_add(1, Relaxed);
    }

    pub(crate) fn add_input_bytes(&self, bytes: u64) {
        self.input_bytes.fetch_add(bytes, Relaxed);
    }

    pub(crate) fn expect_bytes(&self, bytes: u64) {
        self.expected_bytes.store(bytes, Relaxed);
    }

    pub(crate) fn expect_rows(&self, rows: u64) {
        self.expected_rows.store(rows, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fraction_is_of_bytes_until_rows_are_known() {
        let progress = Progress::default();
        assert_eq!(progress.snapshot().fraction(), None);
        progress.expect_bytes(200);
        progress.add_input_bytes(50);
        assert_eq!(progress.snapshot().fraction(), Some(0.25));
        progress.expect_rows(4);
        progress.add_sent();
        progress.add_already_in_topic();
        assert_eq!(progress.snapshot().fraction(), Some(0.5));
    }

    #[test]
    fn rejected_rows_are_counted_by_reason() {
        let progress = Progress::default();
        for reason in [Reject::NoSymbol, Reject::Time("x".to_owned()), Reject::Time("y".to_owned())] {
            progress.add_rejected(&reason);
        }
        assert_eq!(progress.rejected_by_reason(), [("time is not a time of day", 2), ("no symbol", 1)]);
        assert_eq!(progress.snapshot().rejected, 3);
    }

    #[test]
    fn a_notice_is_returned_once() {
        let progress = Progress::default();
        progress.notice("a".to_owned());
        assert_eq!(progress.take_notices(), ["a"]);
        assert!(progress.take_notices().is_empty());
    }
}
