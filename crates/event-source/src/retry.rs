//! Decides whether a batch is retried, split or discarded.
//!
//! [`Retry`] is a state machine that uses neither Kafka, the function nor the clock. It receives the outcome of each
//! invocation and returns which records are processed, which are discarded, and how long to wait before the next
//! invocation.
//!
//! ```text
//!              Success          all records are processed
//!              Partial(items)   records before each partition's first failed item are processed; the rest is a new piece
//! invocation ─ Failed           with `bisect`, the piece is split in two; otherwise it is retried, or discarded
//!              NotInvoked       the piece is retried without using up an attempt
//! ```
//!
//! The pieces of a batch are delivered in order, one at a time, so that a partition's records stay in order even after
//! failures. Splitting uses up no attempts (AWS documents this for streams of Kinesis and `DynamoDB`). Otherwise, a
//! large batch would be discarded before its one bad record was found.

use std::collections::VecDeque;
use std::time::Duration;

use crate::batch::{Batch, PartitionBatch};
use crate::batch_response::ItemIdentifier;

const FIRST_BACKOFF: Duration = Duration::from_millis(250);
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// Limits on retrying a batch, with the defaults of AWS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Maximum number of retries after the function has failed, not counting the first invocation. With `None`, a batch
    /// is retried until the function succeeds.
    pub maximum_retry_attempts: Option<u32>,
    /// Maximum age of a record; older records are discarded. With `None`, records never expire.
    pub maximum_record_age: Option<Duration>,
    /// If `true`, a batch with several records is split in two when the function fails.
    pub bisect: bool,
}

/// Outcome of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The function succeeded.
    Success,
    /// The function succeeded except for these records.
    Partial(Vec<ItemIdentifier>),
    /// The function ran and failed, or timed out.
    Failed,
    /// The function did not run, because it could not be reached or was throttled. The batch is retried without using
    /// up an attempt.
    NotInvoked,
}

/// Reason that records are discarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// The function failed on the last permitted attempt.
    RetryAttemptsExhausted,
    /// The records are older than [`RetryPolicy::maximum_record_age`].
    RecordAgeExceeded,
}

/// Records that are discarded.
#[derive(Clone, Debug)]
pub(crate) struct GivenUp {
    pub(crate) batch: Batch,
    pub(crate) condition: Condition,
    /// Number of failed invocations with these records since they were last split off.
    pub(crate) invocations: u32,
}

/// Consequences of an invocation.
#[derive(Debug, Default)]
pub(crate) struct Consequence {
    /// Records that the function processed.
    pub(crate) done: Option<Batch>,
    /// Records to discard.
    pub(crate) given_up: Option<GivenUp>,
    /// Delay before the next invocation.
    pub(crate) backoff: Duration,
}

/// State of a batch until all of its records are processed or discarded.
#[derive(Debug)]
pub(crate) struct Retry {
    policy: RetryPolicy,
    pieces: VecDeque<Piece>,
}

#[derive(Debug)]
struct Piece {
    batch: Batch,
    /// Failed invocations since the piece was split off. Those in which the function did not run are not counted.
    failures: u32,
    /// Failed invocations since the piece was split off, including those in which the function did not run. Determines
    /// the backoff.
    unsuccessful: u32,
}

impl Piece {
    fn new(batch: Batch) -> Self {
        Piece { batch, failures: 0, unsuccessful: 0 }
    }
}

impl Retry {
    /// Creates the state of a batch that has not been delivered yet.
    pub(crate) fn new(batch: Batch, policy: RetryPolicy) -> Self {
        let mut retry = Retry { policy, pieces: VecDeque::new() };
        retry.push_front(batch);
        retry
    }

    /// Returns the records for the next invocation, or `None` if no records are left.
    pub(crate) fn current(&self) -> Option<&Batch> {
        self.pieces.front().map(|piece| &piece.batch)
    }

    /// Returns the offset that may be committed for a partition: `next`, or the lowest offset that is still to be
    /// delivered, whichever is lower. A lower offset can still be undelivered because records do not expire in offset
    /// order.
    pub(crate) fn committable(&self, topic: &str, partition: i32, next: i64) -> i64 {
        let parts = self.pieces.iter().flat_map(|piece| piece.batch.partitions());
        let of_partition = parts.filter(|part| part.partition() == partition && part.topic() == topic);
        of_partition.filter_map(|part| part.records().next()).map(|(offset, _)| offset).fold(next, i64::min)
    }

    /// Removes and returns the current records that are too old. Returns `None` if no current record is too old. `now`
    /// is in milliseconds since 1970. Must be called before each invocation. A record without a timestamp never
    /// expires.
    pub(crate) fn expire(&mut self, now: i64) -> Option<GivenUp> {
        let age = i64::try_from(self.policy.maximum_record_age?.as_millis()).unwrap_or(i64::MAX);
        let is_old = |timestamp: i64| timestamp >= 0 && now.saturating_sub(timestamp) > age;
        let piece = self.pieces.front_mut()?;
        let (old, young) = piece.batch.split_by_timestamp(is_old);
        if old.is_empty() {
            return None;
        }
        let invocations = piece.failures;
        piece.batch = young;
        self.drop_empty();
        Some(GivenUp { batch: old, condition: Condition::RecordAgeExceeded, invocations })
    }

    /// Records the outcome of an invocation with the records that [`Retry::current`] returned.
    pub(crate) fn apply(&mut self, outcome: Outcome) -> Consequence {
        let Some(mut piece) = self.pieces.pop_front() else {
            return Consequence::default();
        };
        match outcome {
            Outcome::Success => Consequence { done: Some(piece.batch), ..Consequence::default() },
            Outcome::NotInvoked => {
                piece.unsuccessful += 1;
                let backoff = backoff(piece.unsuccessful);
                self.pieces.push_front(piece);
                Consequence { backoff, ..Consequence::default() }
            }
            Outcome::Failed => self.after_failure(piece),
            Outcome::Partial(items) => {
                // As on AWS, an item that is not in the batch fails the whole batch.
                let Some((done, rest)) = split_at_items(&piece.batch, &items) else {
                    return self.after_failure(piece);
                };
                if done.is_empty() {
                    return self.after_failure(piece);
                }
                // The rest is a new piece, because the function has made progress.
                self.push_front(rest);
                Consequence { done: Some(done), backoff: FIRST_BACKOFF, ..Consequence::default() }
            }
        }
    }

    fn after_failure(&mut self, mut piece: Piece) -> Consequence {
        let records = piece.batch.records();
        if self.policy.bisect && records > 1 {
            let (first, second) = piece.batch.split(records / 2);
            self.push_front(second);
            self.push_front(first);
            return Consequence::default();
        }
        piece.failures += 1;
        piece.unsuccessful += 1;
        if self.policy.maximum_retry_attempts.is_some_and(|maximum| piece.failures > maximum) {
            let given_up = GivenUp {
                batch: piece.batch,
                condition: Condition::RetryAttemptsExhausted,
                invocations: piece.failures,
            };
            return Consequence { given_up: Some(given_up), ..Consequence::default() };
        }
        let backoff = backoff(piece.unsuccessful);
        self.pieces.push_front(piece);
        Consequence { backoff, ..Consequence::default() }
    }

    /// Removes the records of a revoked partition. The consumer that takes over the partition receives every
    /// uncommitted record.
    pub(crate) fn drop_partition(&mut self, topic: &str, partition: i32) {
        for piece in &mut self.pieces {
            piece.batch.drop_partition(topic, partition);
        }
        self.drop_empty();
    }

    fn push_front(&mut self, batch: Batch) {
        if !batch.is_empty() {
            self.pieces.push_front(Piece::new(batch));
        }
    }

    fn drop_empty(&mut self) {
        self.pieces.retain(|piece| !piece.batch.is_empty());
    }
}

/// Splits each partition before its first failed item. Returns `None` if an item is not in the batch.
fn split_at_items(batch: &Batch, items: &[ItemIdentifier]) -> Option<(Batch, Batch)> {
    let is_of = |item: &ItemIdentifier, part: &PartitionBatch| {
        item.partition.strip_prefix(part.topic()).and_then(|rest| rest.strip_prefix('-'))
            == Some(part.partition().to_string().as_str())
    };
    let is_known = |item: &ItemIdentifier| {
        let mut parts = batch.partitions().iter().filter(|part| is_of(item, part));
        parts.any(|part| part.records().any(|(offset, _)| offset == item.offset))
    };
    if !items.iter().all(is_known) {
        return None;
    }
    let first_failed =
        |part: &PartitionBatch| items.iter().filter(|item| is_of(item, part)).map(|item| item.offset).min();
    Some(batch.split_at_offsets(first_failed))
}

/// Returns the delay after a number of failed invocations. It doubles from 250 ms after the first to at most 30 s.
pub(crate) fn backoff(unsuccessful: u32) -> Duration {
    FIRST_BACKOFF.saturating_mul(2_u32.saturating_pow(unsuccessful.saturating_sub(1))).min(MAX_BACKOFF)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::batch::tests::{batch, offsets};

    fn policy(attempts: Option<u32>, bisect: bool) -> RetryPolicy {
        RetryPolicy { maximum_retry_attempts: attempts, maximum_record_age: None, bisect }
    }

    fn item(partition: &str, offset: i64) -> ItemIdentifier {
        ItemIdentifier { partition: partition.to_owned(), offset }
    }

    /// Runs a function that fails on the `bad` offsets. Returns the offsets of each invocation, and the discarded
    /// records.
    fn run(records: &[(i32, i64)], policy: RetryPolicy, bad: &[i64]) -> (Vec<Vec<i64>>, Vec<GivenUp>) {
        let records: Vec<_> = records.iter().map(|&(partition, offset)| (partition, offset, 0)).collect();
        let mut retry = Retry::new(batch(&records), policy);
        let (mut tried, mut given_up) = (Vec::new(), Vec::new());
        while let Some(current) = retry.current() {
            let offsets: Vec<i64> = offsets(current).into_iter().map(|(_, offset)| offset).collect();
            let fails = offsets.iter().any(|offset| bad.contains(offset));
            tried.push(offsets);
            given_up.extend(retry.apply(if fails { Outcome::Failed } else { Outcome::Success }).given_up);
            assert!(tried.len() < 1_000, "the retries do not end");
        }
        (tried, given_up)
    }

    #[test]
    fn failed_batch_is_retried_whole_with_longer_backoffs() {
        let mut retry = Retry::new(batch(&[(0, 1, 0), (0, 2, 0)]), RetryPolicy::default());
        let backoffs: Vec<_> = (0..100).map(|_| retry.apply(Outcome::Failed).backoff).collect();
        assert_eq!(backoffs[..3], [FIRST_BACKOFF, FIRST_BACKOFF * 2, FIRST_BACKOFF * 4]);
        assert_eq!(backoffs[99], MAX_BACKOFF);
        assert_eq!(retry.current().map(Batch::records), Some(2));
        assert_eq!(retry.apply(Outcome::Success).done.map(|done| done.records()), Some(2));
        assert!(retry.current().is_none());
    }

    #[test]
    fn batch_is_given_up_after_its_retries() {
        let (tried, given_up) = run(&[(0, 1), (0, 2)], policy(Some(3), false), &[2]);
        assert_eq!(tried, vec![vec![1, 2]; 4]);
        assert_eq!(given_up.len(), 1);
        assert_eq!((given_up[0].condition, given_up[0].invocations), (Condition::RetryAttemptsExhausted, 4));
        let (tried, _) = run(&[(0, 1)], policy(Some(0), false), &[1]);
        assert_eq!(tried.len(), 1);
    }

    #[test]
    fn bisecting_finds_the_bad_record_in_few_steps() {
        let records: Vec<_> = (0..1_000).map(|offset| (0, offset)).collect();
        let (tried, given_up) = run(&records, policy(Some(1), true), &[333]);
        assert_eq!(given_up.iter().flat_map(|lost| offsets(&lost.batch)).collect::<Vec<_>>(), [(0, 333)]);
        assert!(tried.len() < 25, "{} invocations", tried.len());
    }

    #[test]
    fn invocation_that_did_not_run_uses_up_no_attempt() {
        let mut retry = Retry::new(batch(&[(0, 1, 0), (0, 2, 0)]), policy(Some(0), true));
        for _ in 0..50 {
            assert!(retry.apply(Outcome::NotInvoked).given_up.is_none());
            assert_eq!(retry.current().map(Batch::records), Some(2));
        }
    }

    #[test]
    fn partial_response_keeps_from_the_first_failed_record() {
        let mut retry = Retry::new(batch(&[(0, 10, 0), (1, 5, 0), (0, 11, 0), (0, 12, 0)]), policy(Some(0), false));
        let consequence = retry.apply(Outcome::Partial(vec![item("quotes-0", 12), item("quotes-0", 11)]));
        assert_eq!(consequence.done.map(|done| offsets(&done)), Some(vec![(0, 10), (1, 5)]));
        assert_eq!(retry.current().map(offsets), Some(vec![(0, 11), (0, 12)]));
        // No progress: this counts as a failure.
        let consequence = retry.apply(Outcome::Partial(vec![item("quotes-0", 11)]));
        assert_eq!(consequence.given_up.map(|lost| offsets(&lost.batch)), Some(vec![(0, 11), (0, 12)]));
    }

    #[test]
    fn unknown_item_fails_the_whole_batch() {
        for unknown in [item("quotes-0", 7), item("quotes-1", 1), item("quote-0", 1), item("quotes-00", 1)] {
            let mut retry = Retry::new(batch(&[(0, 1, 0), (0, 2, 0)]), RetryPolicy::default());
            let consequence = retry.apply(Outcome::Partial(vec![item("quotes-0", 2), unknown.clone()]));
            assert!(consequence.done.is_none(), "{unknown:?}");
            assert_eq!(retry.current().map(Batch::records), Some(2));
        }
    }

    #[test]
    fn expired_records_are_given_up_without_the_others() {
        let aged = RetryPolicy { maximum_record_age: Some(Duration::from_secs(60)), ..RetryPolicy::default() };
        let mut retry = Retry::new(batch(&[(0, 1, 1_000), (0, 2, 70_000), (1, 1, -1)]), aged);
        assert!(retry.expire(61_000).is_none());
        let old = retry.expire(61_001).unwrap();
        assert_eq!((offsets(&old.batch), old.condition), (vec![(0, 1)], Condition::RecordAgeExceeded));
        assert_eq!(retry.current().map(offsets), Some(vec![(0, 2), (1, 1)]));
    }

    #[test]
    fn commit_stops_before_a_record_that_is_still_retried() {
        let aged = RetryPolicy { maximum_record_age: Some(Duration::from_secs(60)), ..RetryPolicy::default() };
        let mut retry = Retry::new(batch(&[(0, 5, 70_000), (0, 6, 1_000), (1, 3, 1_000)]), aged);
        let old = retry.expire(70_000).unwrap();
        assert_eq!(offsets(&old.batch), [(0, 6), (1, 3)]);
        assert_eq!(retry.committable("quotes", 0, 7), 5);
        assert_eq!(retry.committable("quotes", 1, 4), 4);
        retry.apply(Outcome::Success);
        assert_eq!(retry.committable("quotes", 0, 7), 7);
    }

    #[test]
    fn revoked_partition_is_not_retried() {
        let mut retry = Retry::new(batch(&[(0, 1, 0), (1, 5, 0)]), policy(None, true));
        retry.apply(Outcome::Failed);
        retry.drop_partition("quotes", 0);
        assert_eq!(retry.current().map(offsets), Some(vec![(1, 5)]));
        retry.drop_partition("quotes", 1);
        assert!(retry.current().is_none());
    }

    fn outcome() -> impl Strategy<Value = Option<usize>> {
        prop::option::weighted(0.7, 0..40_usize)
    }

    proptest! {
        /// The function randomly fails, succeeds in part or does not run. In the end, every record has been processed
        /// or discarded exactly once, in order within each partition.
        #[test]
        fn every_record_is_done_or_given_up_once_in_order(
            partitions in prop::collection::vec(0..3_i32, 1..40),
            outcomes in prop::collection::vec(outcome(), 0..60),
            retries in 0..4_u32,
            bisect: bool,
        ) {
            let records: Vec<_> =
                partitions.iter().enumerate().map(|(at, &partition)| (partition, at as i64, 0)).collect();
            let mut retry = Retry::new(batch(&records), policy(Some(retries), bisect));
            let mut outcomes = outcomes.into_iter();
            let mut settled = Vec::new();
            let mut seen = BTreeSet::new();
            while let Some(current) = retry.current() {
                let all = offsets(current);
                let outcome = match outcomes.next() {
                    None => Outcome::Success,
                    Some(None) => Outcome::NotInvoked,
                    Some(Some(at)) if at % 3 == 0 => Outcome::Failed,
                    Some(Some(at)) => {
                        let (partition, offset) = all[at % all.len()];
                        Outcome::Partial(vec![item(&format!("quotes-{partition}"), offset)])
                    }
                };
                let consequence = retry.apply(outcome);
                let gone = consequence.done.into_iter().chain(consequence.given_up.map(|lost| lost.batch));
                settled.extend(gone.flat_map(|batch| offsets(&batch)));
            }
            prop_assert_eq!(settled.len(), records.len());
            for partition in 0..3 {
                let of_one: Vec<i64> = settled.iter().filter(|one| one.0 == partition).map(|one| one.1).collect();
                prop_assert!(of_one.is_sorted(), "partition {}: {:?}", partition, of_one);
                seen.extend(of_one);
            }
            prop_assert_eq!(seen.len(), records.len());
        }
    }
}
