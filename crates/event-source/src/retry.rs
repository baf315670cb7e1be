//! What becomes of a batch: tried, tried again, split, given up. A state machine without Kafka, function or
//! clock; it is told what came of each invocation and says what is done, what is given up, and how long to wait.
//!
//! The pieces of a batch are tried in order, one after the other, so that a partition's records stay in order
//! whatever fails. Splitting does not use up attempts (as AWS says of its streams), or a large batch would be given
//! up before its one bad record is found.

use std::collections::VecDeque;
use std::time::Duration;

use super::batch::{Batch, Part};
use super::response::Item;

const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// How often and how long a batch is tried. The defaults are AWS's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Retries after a function's error, the first invocation not counted; none: until it succeeds.
    pub maximum_retry_attempts: Option<u32>,
    /// Records older than this are given up; none: never.
    pub maximum_record_age: Option<Duration>,
    /// A batch of several records is split in two when the function fails.
    pub bisect: bool,
}

/// What came of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The function has succeeded.
    Success,
    /// It names the records that it could not handle.
    Partial(Vec<Item>),
    /// It ran and failed, or took too long.
    Failed,
    /// It did not run: nobody there, throttled. That is tried again for ever, and uses up no attempts.
    NotInvoked,
}

/// Why records are given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The function has failed once more than it may.
    RetryAttemptsExhausted,
    /// The records are older than they may be.
    RecordAgeExceeded,
}

/// Records that are not tried again.
#[derive(Clone, Debug)]
pub struct GivenUp {
    /// The records.
    pub batch: Batch,
    /// Why.
    pub condition: Condition,
    /// How often the function ran with them since they were last split.
    pub invocations: u32,
}

/// What an invocation leads to.
#[derive(Debug, Default)]
pub struct Consequence {
    /// Records that are done.
    pub done: Option<Batch>,
    /// Records that are given up.
    pub given_up: Option<GivenUp>,
    /// How long to wait before the next invocation.
    pub wait: Duration,
}

/// A batch until nothing of it is left.
#[derive(Debug)]
pub struct Attempts {
    policy: Policy,
    pieces: VecDeque<Piece>,
}

#[derive(Debug)]
struct Piece {
    batch: Batch,
    /// The function's errors since the piece was cut.
    failures: u32,
    /// Invocations that came to nothing, whatever the cause; they make the waits longer.
    in_vain: u32,
}

impl Piece {
    fn new(batch: Batch) -> Self {
        Piece { batch, failures: 0, in_vain: 0 }
    }
}

impl Attempts {
    /// A batch that has not been tried yet.
    pub fn new(batch: Batch, policy: Policy) -> Self {
        let mut attempts = Attempts { policy, pieces: VecDeque::new() };
        attempts.push_front(batch);
        attempts
    }

    /// What the function is to be invoked with next; none when nothing is left.
    pub fn current(&self) -> Option<&Batch> {
        self.pieces.front().map(|piece| &piece.batch)
    }

    /// How far a partition may be committed: up to `next`, but not past a record that is still to be tried, since
    /// records do not grow old in the order of their offsets.
    pub fn committable(&self, topic: &str, partition: i32, next: i64) -> i64 {
        let parts = self.pieces.iter().flat_map(|piece| piece.batch.parts());
        let of_it = parts.filter(|part| part.partition() == partition && part.topic() == topic);
        of_it.filter_map(|part| part.records().next()).map(|(offset, _)| offset).fold(next, i64::min)
    }

    /// Gives up what has grown too old; `now` in milliseconds since 1970. To be asked before each invocation.
    /// A record without a timestamp has no age.
    pub fn expire(&mut self, now: i64) -> Option<GivenUp> {
        let age = i64::try_from(self.policy.maximum_record_age?.as_millis()).unwrap_or(i64::MAX);
        let is_old = |timestamp: i64| timestamp >= 0 && now.saturating_sub(timestamp) > age;
        let piece = self.pieces.front_mut()?;
        let (old, young) = piece.batch.part_by_timestamp(is_old);
        if old.is_empty() {
            return None;
        }
        let invocations = piece.failures;
        piece.batch = young;
        self.drop_empty();
        Some(GivenUp { batch: old, condition: Condition::RecordAgeExceeded, invocations })
    }

    /// Draws the consequences of having invoked the function with [`Attempts::current`].
    pub fn after(&mut self, outcome: Outcome) -> Consequence {
        let Some(mut piece) = self.pieces.pop_front() else {
            return Consequence::default();
        };
        match outcome {
            Outcome::Success => Consequence { done: Some(piece.batch), ..Consequence::default() },
            Outcome::NotInvoked => {
                piece.in_vain += 1;
                let wait = wait(piece.in_vain);
                self.pieces.push_front(piece);
                Consequence { wait, ..Consequence::default() }
            }
            Outcome::Failed => self.failed(piece),
            Outcome::Partial(items) => {
                // An item that was not in the batch makes all of it fail, as AWS has it.
                let Some((done, rest)) = cut(&piece.batch, &items) else {
                    return self.failed(piece);
                };
                if done.is_empty() {
                    return self.failed(piece);
                }
                // What is left is a new piece: the function has come further.
                self.push_front(rest);
                Consequence { done: Some(done), wait: FIRST_WAIT, ..Consequence::default() }
            }
        }
    }

    fn failed(&mut self, mut piece: Piece) -> Consequence {
        let records = piece.batch.records();
        if self.policy.bisect && records > 1 {
            let (first, second) = piece.batch.split(records / 2);
            self.push_front(second);
            self.push_front(first);
            return Consequence::default();
        }
        piece.failures += 1;
        piece.in_vain += 1;
        if self.policy.maximum_retry_attempts.is_some_and(|most| piece.failures > most) {
            let given_up = GivenUp {
                batch: piece.batch,
                condition: Condition::RetryAttemptsExhausted,
                invocations: piece.failures,
            };
            return Consequence { given_up: Some(given_up), ..Consequence::default() };
        }
        let wait = wait(piece.in_vain);
        self.pieces.push_front(piece);
        Consequence { wait, ..Consequence::default() }
    }

    /// Takes a partition's records out: it has gone to another member of the group, with all that is not
    /// committed.
    pub fn drop_partition(&mut self, topic: &str, partition: i32) {
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

/// What comes before the failed records, each partition by itself, and the rest; none where an item is not
/// in the batch.
fn cut(batch: &Batch, items: &[Item]) -> Option<(Batch, Batch)> {
    let is_of = |item: &Item, part: &Part| {
        item.partition.strip_prefix(part.topic()).and_then(|rest| rest.strip_prefix('-'))
            == Some(part.partition().to_string().as_str())
    };
    let is_known = |item: &Item| {
        let mut parts = batch.parts().iter().filter(|part| is_of(item, part));
        parts.any(|part| part.records().any(|(offset, _)| offset == item.offset))
    };
    if !items.iter().all(is_known) {
        return None;
    }
    Some(batch.part_from(|part| items.iter().filter(|item| is_of(item, part)).map(|item| item.offset).min()))
}

/// Doubles from a quarter of a second to half a minute.
pub(super) fn wait(in_vain: u32) -> Duration {
    FIRST_WAIT.saturating_mul(2_u32.saturating_pow(in_vain.saturating_sub(1))).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::batch::tests::{batch, offsets};
    use super::*;

    fn policy(attempts: Option<u32>, bisect: bool) -> Policy {
        Policy { maximum_retry_attempts: attempts, maximum_record_age: None, bisect }
    }

    fn item(partition: &str, offset: i64) -> Item {
        Item { partition: partition.to_owned(), offset }
    }

    /// What is tried, in order, when the function fails on these offsets; and what is given up.
    fn run(records: &[(i32, i64)], policy: Policy, bad: &[i64]) -> (Vec<Vec<i64>>, Vec<GivenUp>) {
        let records: Vec<_> = records.iter().map(|&(partition, offset)| (partition, offset, 0)).collect();
        let mut attempts = Attempts::new(batch(&records), policy);
        let (mut tried, mut given_up) = (Vec::new(), Vec::new());
        while let Some(current) = attempts.current() {
            let offsets: Vec<i64> = offsets(current).into_iter().map(|(_, offset)| offset).collect();
            let fails = offsets.iter().any(|offset| bad.contains(offset));
            tried.push(offsets);
            given_up.extend(attempts.after(if fails { Outcome::Failed } else { Outcome::Success }).given_up);
            assert!(tried.len() < 1_000, "it comes to no end");
        }
        (tried, given_up)
    }

    #[test]
    fn a_failed_batch_is_tried_again_whole_after_ever_longer_waits() {
        let mut attempts = Attempts::new(batch(&[(0, 1, 0), (0, 2, 0)]), Policy::default());
        let waits: Vec<_> = (0..100).map(|_| attempts.after(Outcome::Failed).wait).collect();
        assert_eq!(waits[..3], [FIRST_WAIT, FIRST_WAIT * 2, FIRST_WAIT * 4]);
        assert_eq!(waits[99], LONGEST_WAIT);
        assert_eq!(attempts.current().map(Batch::records), Some(2));
        assert_eq!(attempts.after(Outcome::Success).done.map(|done| done.records()), Some(2));
        assert!(attempts.current().is_none());
    }

    #[test]
    fn a_batch_is_given_up_after_its_retries_the_first_invocation_not_counted() {
        let (tried, given_up) = run(&[(0, 1), (0, 2)], policy(Some(3), false), &[2]);
        assert_eq!(tried, vec![vec![1, 2]; 4]);
        assert_eq!(given_up.len(), 1);
        assert_eq!((given_up[0].condition, given_up[0].invocations), (Condition::RetryAttemptsExhausted, 4));
        let (tried, _) = run(&[(0, 1)], policy(Some(0), false), &[1]);
        assert_eq!(tried.len(), 1);
    }

    #[test]
    fn bisecting_finds_the_one_bad_record_in_few_steps_whatever_the_retries() {
        let records: Vec<_> = (0..1_000).map(|offset| (0, offset)).collect();
        let (tried, given_up) = run(&records, policy(Some(1), true), &[333]);
        assert_eq!(given_up.iter().flat_map(|lost| offsets(&lost.batch)).collect::<Vec<_>>(), [(0, 333)]);
        assert!(tried.len() < 25, "{} invocations", tried.len());
    }

    #[test]
    fn what_did_not_run_uses_up_no_attempts_and_splits_nothing() {
        let mut attempts = Attempts::new(batch(&[(0, 1, 0), (0, 2, 0)]), policy(Some(0), true));
        for _ in 0..50 {
            assert!(attempts.after(Outcome::NotInvoked).given_up.is_none());
            assert_eq!(attempts.current().map(Batch::records), Some(2));
        }
    }

    #[test]
    fn a_partial_response_leaves_each_partition_from_its_first_failed_record_on() {
        let mut attempts =
            Attempts::new(batch(&[(0, 10, 0), (1, 5, 0), (0, 11, 0), (0, 12, 0)]), policy(Some(0), false));
        let after = attempts.after(Outcome::Partial(vec![item("quotes-0", 12), item("quotes-0", 11)]));
        assert_eq!(after.done.map(|done| offsets(&done)), Some(vec![(0, 10), (1, 5)]));
        assert_eq!(attempts.current().map(offsets), Some(vec![(0, 11), (0, 12)]));
        // No further: this counts as a failure.
        let after = attempts.after(Outcome::Partial(vec![item("quotes-0", 11)]));
        assert_eq!(after.given_up.map(|lost| offsets(&lost.batch)), Some(vec![(0, 11), (0, 12)]));
    }

    #[test]
    fn an_item_that_is_not_in_the_batch_makes_all_of_it_fail() {
        for unknown in [item("quotes-0", 7), item("quotes-1", 1), item("quote-0", 1), item("quotes-00", 1)] {
            let mut attempts = Attempts::new(batch(&[(0, 1, 0), (0, 2, 0)]), Policy::default());
            let after = attempts.after(Outcome::Partial(vec![item("quotes-0", 2), unknown.clone()]));
            assert!(after.done.is_none(), "{unknown:?}");
            assert_eq!(attempts.current().map(Batch::records), Some(2));
        }
    }

    #[test]
    fn records_that_grow_too_old_are_given_up_and_the_others_stay() {
        let aged = Policy { maximum_record_age: Some(Duration::from_secs(60)), ..Policy::default() };
        let mut attempts = Attempts::new(batch(&[(0, 1, 1_000), (0, 2, 70_000), (1, 1, -1)]), aged);
        assert!(attempts.expire(61_000).is_none());
        let old = attempts.expire(61_001).unwrap();
        assert_eq!((offsets(&old.batch), old.condition), (vec![(0, 1)], Condition::RecordAgeExceeded));
        assert_eq!(attempts.current().map(offsets), Some(vec![(0, 2), (1, 1)]));
    }

    #[test]
    fn what_was_given_up_for_its_age_is_not_committed_past_a_record_that_is_still_to_be_tried() {
        let aged = Policy { maximum_record_age: Some(Duration::from_secs(60)), ..Policy::default() };
        let mut attempts = Attempts::new(batch(&[(0, 5, 70_000), (0, 6, 1_000), (1, 3, 1_000)]), aged);
        let old = attempts.expire(70_000).unwrap();
        assert_eq!(offsets(&old.batch), [(0, 6), (1, 3)]);
        assert_eq!(attempts.committable("quotes", 0, 7), 5);
        assert_eq!(attempts.committable("quotes", 1, 4), 4);
        attempts.after(Outcome::Success);
        assert_eq!(attempts.committable("quotes", 0, 7), 7);
    }

    #[test]
    fn a_partition_that_is_taken_away_is_tried_no_more() {
        let mut attempts = Attempts::new(batch(&[(0, 1, 0), (1, 5, 0)]), policy(None, true));
        attempts.after(Outcome::Failed);
        attempts.drop_partition("quotes", 0);
        assert_eq!(attempts.current().map(offsets), Some(vec![(1, 5)]));
        attempts.drop_partition("quotes", 1);
        assert!(attempts.current().is_none());
    }

    fn outcome() -> impl Strategy<Value = Option<usize>> {
        prop::option::weighted(0.7, 0..40_usize)
    }

    proptest! {
        /// The function fails, succeeds in part or does not run, at random; in the end everything is done or
        /// given up, once, and each partition in order.
        #[test]
        fn every_record_is_done_or_given_up_once_and_in_order(
            partitions in prop::collection::vec(0..3_i32, 1..40),
            outcomes in prop::collection::vec(outcome(), 0..60),
            retries in 0..4_u32,
            bisect: bool,
        ) {
            let records: Vec<_> =
                partitions.iter().enumerate().map(|(at, &partition)| (partition, at as i64, 0)).collect();
            let mut attempts = Attempts::new(batch(&records), policy(Some(retries), bisect));
            let mut outcomes = outcomes.into_iter();
            let mut settled = Vec::new();
            let mut seen = BTreeSet::new();
            while let Some(current) = attempts.current() {
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
                let after = attempts.after(outcome);
                let gone = after.done.into_iter().chain(after.given_up.map(|lost| lost.batch));
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
