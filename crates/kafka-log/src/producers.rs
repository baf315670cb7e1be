//! Sequences and open transactions of the producers of one partition.
//!
//! A producer retries a batch that it got no answer for. The last five batches of each producer are remembered, so the
//! batch is recognised and not stored twice: a client has at most five batches of a partition in flight. The rules are
//! those of Apache Kafka's `ProducerAppendInfo`.

mod stored;

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::aborted::AbortedTransaction;
use crate::batch::{BatchHeader, add_sequence};
use crate::control::{EndMarker, TransactionResult};
use crate::error::AppendError;
use crate::verification::Verifications;

/// Epoch of a producer that has none.
const NO_EPOCH: i16 = -1;
const REMEMBERED_BATCHES: usize = 5;
/// Kafka's `producer.id.expiration.ms`: a producer that was idle for this long is forgotten.
const EXPIRATION_MS: i64 = 86_400_000;

/// A producer's state, as `DescribeProducers` reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProducerSnapshot {
    pub producer_id: i64,
    pub producer_epoch: i16,
    /// -1 if the log has no batch of this epoch.
    pub last_sequence: i32,
    pub last_timestamp: i64,
    /// -1 if no transaction marker was written.
    pub coordinator_epoch: i32,
    pub open_transaction_start: Option<i64>,
}

/// Sequences and offsets of a producer's batch in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoredBatch {
    first_sequence: i32,
    last_sequence: i32,
    pub(crate) base_offset: i64,
    pub(crate) last_offset: i64,
    pub(crate) timestamp: i64,
}

#[derive(Debug)]
struct Producer {
    epoch: i16,
    batches: VecDeque<StoredBatch>,
    open_transaction_start: Option<i64>,
    coordinator_epoch: i32,
    last_timestamp: i64,
    /// Time of the last append, `None` if it was before the log was opened.
    last_append_ms: Option<i64>,
}

impl Producer {
    fn new(epoch: i16) -> Producer {
        Producer {
            epoch,
            batches: VecDeque::with_capacity(REMEMBERED_BATCHES),
            open_transaction_start: None,
            coordinator_epoch: -1,
            last_timestamp: -1,
            last_append_ms: None,
        }
    }

    fn last_sequence(&self) -> i32 {
        self.batches.back().map_or(-1, |batch| batch.last_sequence)
    }

    fn set_epoch(&mut self, epoch: i16) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.batches.clear();
        }
    }
}

/// The producers of one partition.
#[derive(Debug, Default)]
pub(crate) struct Producers {
    producers: HashMap<i64, Producer>,
    /// First offsets of the open transactions.
    open_transactions: BTreeSet<i64>,
    verifications: Verifications,
}

impl Producers {
    /// Begins to verify that a transactional batch belongs to a transaction, unless the transaction has a batch
    /// already.
    pub(crate) fn begin_verification(
        &mut self,
        header: &BatchHeader,
        starts_at_zero: bool,
        now_ms: i64,
    ) -> Result<(), AppendError> {
        if let Some(producer) = self.producers.get(&header.producer_id) {
            validate_epoch(header.producer_id, producer, header.producer_epoch)?;
            if producer.open_transaction_start.is_some() && producer.epoch == header.producer_epoch {
                return Ok(());
            }
        }
        self.verifications.begin(header, starts_at_zero, now_ms);
        Ok(())
    }

    /// Validates epoch, sequence and transaction of a batch. Returns the stored batch if this one is a duplicate of it.
    pub(crate) fn validate(&self, header: &BatchHeader) -> Result<Option<StoredBatch>, AppendError> {
        if !header.has_producer_id() {
            return Ok(None);
        }
        let Some(producer) = self.producers.get(&header.producer_id) else {
            // Retention may have removed the producer's earlier batches, so any sequence is accepted.
            return self.verifications.validate(header, false).map(|()| None);
        };
        let producer_id = header.producer_id;
        let (first, last) = (header.base_sequence, header.last_sequence());
        if header.producer_epoch == producer.epoch {
            let same = |batch: &&StoredBatch| (batch.first_sequence, batch.last_sequence) == (first, last);
            if let Some(&duplicate) = producer.batches.iter().find(same) {
                return Ok(Some(duplicate));
            }
        }
        validate_epoch(producer_id, producer, header.producer_epoch)?;
        self.verifications.validate(header, !producer.batches.is_empty())?;
        let expected =
            if header.producer_epoch == producer.epoch { add_sequence(producer.last_sequence(), 1) } else { 0 };
        if first != expected && producer.epoch != NO_EPOCH {
            return Err(AppendError::OutOfOrderSequence { producer_id, sequence: first, expected });
        }
        if producer.open_transaction_start.is_some() && !header.is_transactional() {
            return Err(AppendError::InvalidTxnState { producer_id });
        }
        Ok(None)
    }

    /// Adds a batch that is stored. `now_ms` is `None` while the log is being opened.
    pub(crate) fn add(&mut self, header: &BatchHeader, now_ms: Option<i64>) {
        if !header.has_producer_id() {
            return;
        }
        self.verifications.stored(header);
        let epoch = header.producer_epoch;
        let producer = self.producers.entry(header.producer_id).or_insert_with(|| Producer::new(epoch));
        producer.set_epoch(epoch);
        if producer.batches.len() == REMEMBERED_BATCHES {
            producer.batches.pop_front();
        }
        producer.batches.push_back(StoredBatch {
            first_sequence: header.base_sequence,
            last_sequence: header.last_sequence(),
            base_offset: header.base_offset,
            last_offset: header.last_offset(),
            timestamp: header.max_timestamp,
        });
        producer.last_timestamp = header.max_timestamp;
        producer.last_append_ms = now_ms;
        if header.is_transactional() && producer.open_transaction_start.is_none() {
            producer.open_transaction_start = Some(header.base_offset);
            self.open_transactions.insert(header.base_offset);
        }
    }

    /// Validates the epochs of a marker.
    pub(crate) fn validate_marker(&self, marker: &EndMarker) -> Result<(), AppendError> {
        let Some(producer) = self.producers.get(&marker.producer_id) else { return Ok(()) };
        let producer_id = marker.producer_id;
        validate_epoch(producer_id, producer, marker.producer_epoch)?;
        let (epoch, current) = (marker.coordinator_epoch, producer.coordinator_epoch);
        if epoch < current {
            return Err(AppendError::CoordinatorFenced { producer_id, epoch, current });
        }
        Ok(())
    }

    /// Adds a marker that is stored. Returns the transaction if the marker aborts one with records.
    pub(crate) fn add_marker(
        &mut self,
        marker: &EndMarker,
        timestamp: i64,
        now_ms: Option<i64>,
    ) -> Option<AbortedTransaction> {
        self.verifications.ended(marker);
        let epoch = marker.producer_epoch;
        let producer = self.producers.entry(marker.producer_id).or_insert_with(|| Producer::new(epoch));
        producer.set_epoch(epoch);
        producer.coordinator_epoch = marker.coordinator_epoch;
        producer.last_timestamp = timestamp;
        producer.last_append_ms = now_ms;
        let first_offset = producer.open_transaction_start.take()?;
        self.open_transactions.remove(&first_offset);
        let aborted = AbortedTransaction { producer_id: marker.producer_id, first_offset };
        (marker.result == TransactionResult::Abort).then_some(aborted)
    }

    /// Returns the first offset of the oldest open transaction.
    pub(crate) fn first_open_offset(&self) -> Option<i64> {
        self.open_transactions.first().copied()
    }

    pub(crate) fn has_open_transaction(&self, producer_id: i64) -> bool {
        self.producers.get(&producer_id).is_some_and(|producer| producer.open_transaction_start.is_some())
    }

    /// Forgets producers that were idle for a day and have no open transaction.
    pub(crate) fn expire(&mut self, now_ms: i64) {
        self.verifications.expire(now_ms, EXPIRATION_MS);
        self.producers.retain(|_, producer| {
            let idle_since = *producer.last_append_ms.get_or_insert(now_ms);
            producer.open_transaction_start.is_some() || now_ms.saturating_sub(idle_since) < EXPIRATION_MS
        });
    }

    /// Returns the producers in the order of their ids.
    pub(crate) fn snapshots(&self) -> Vec<ProducerSnapshot> {
        let snapshot = |(&producer_id, producer): (&i64, &Producer)| ProducerSnapshot {
            producer_id,
            producer_epoch: producer.epoch,
            last_sequence: producer.last_sequence(),
            last_timestamp: producer.last_timestamp,
            coordinator_epoch: producer.coordinator_epoch,
            open_transaction_start: producer.open_transaction_start,
        };
        let mut snapshots: Vec<_> = self.producers.iter().map(snapshot).collect();
        snapshots.sort_unstable_by_key(|snapshot| snapshot.producer_id);
        snapshots
    }
}

fn validate_epoch(producer_id: i64, producer: &Producer, epoch: i16) -> Result<(), AppendError> {
    let current = producer.epoch;
    if epoch < current { Err(AppendError::InvalidProducerEpoch { producer_id, epoch, current }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn batch(epoch: i16, sequence: i32, base_offset: i64, records: i32) -> BatchHeader {
        BatchHeader {
            producer_id: 1,
            producer_epoch: epoch,
            base_sequence: sequence,
            base_offset,
            last_offset_delta: records - 1,
            record_count: records,
            size: 61,
            crc: 0,
            attributes: 0,
            base_timestamp: 0,
            max_timestamp: 0,
        }
    }

    #[test]
    fn each_of_the_last_five_batches_is_a_duplicate() {
        let mut producers = Producers::default();
        for n in 0..7 {
            producers.add(&batch(0, n * 10, i64::from(n) * 10, 10), None);
        }
        for n in 2..7 {
            let duplicate = producers.validate(&batch(0, n * 10, 0, 10)).unwrap().unwrap();
            assert_eq!(duplicate.base_offset, i64::from(n) * 10);
        }
        let error = producers.validate(&batch(0, 10, 0, 10)).unwrap_err();
        assert!(matches!(error, AppendError::OutOfOrderSequence { expected: 70, .. }));
    }

    #[test]
    fn new_epoch_starts_at_sequence_0() {
        let mut producers = Producers::default();
        producers.add(&batch(3, 0, 0, 5), None);
        assert!(producers.validate(&batch(4, 0, 0, 5)).unwrap().is_none());
        assert_eq!(producers.validate(&batch(4, 5, 0, 5)).unwrap_err().code(), 45);
        assert_eq!(producers.validate(&batch(2, 0, 0, 5)).unwrap_err().code(), 47);
    }

    #[test]
    fn sequence_continues_at_0_after_the_largest() {
        let mut producers = Producers::default();
        producers.add(&batch(0, i32::MAX - 1, 0, 2), None);
        assert!(producers.validate(&batch(0, 0, 0, 1)).unwrap().is_none());
        producers.add(&batch(0, 0, 2, 1), None);
        let mut producers = Producers::default();
        producers.add(&batch(0, i32::MAX, 0, 3), None);
        assert_eq!(producers.snapshots()[0].last_sequence, 1);
    }

    #[test]
    fn unknown_producer_may_start_at_any_sequence() {
        assert!(Producers::default().validate(&batch(0, 1_234, 0, 1)).unwrap().is_none());
    }

    #[test]
    fn producer_without_epoch_may_continue_at_any_sequence() {
        let mut producers = Producers::default();
        producers.add(&batch(-1, 0, 0, 2), None);
        assert!(producers.validate(&batch(0, 7, 0, 1)).unwrap().is_none());
        assert!(producers.validate(&batch(-1, 7, 0, 1)).unwrap().is_none());
    }

    #[test]
    fn batch_of_an_open_transaction_is_not_verified_again() {
        let mut producers = Producers::default();
        let transactional = |sequence| BatchHeader { attributes: 1 << 4, ..batch(0, sequence, 0, 1) };
        producers.begin_verification(&transactional(0), false, 0).unwrap();
        producers.add(&transactional(0), None);
        producers.begin_verification(&transactional(2), false, 0).unwrap();
        assert!(producers.validate(&transactional(1)).unwrap().is_none());
        assert_eq!(
            producers
                .begin_verification(&BatchHeader { producer_epoch: -1, ..transactional(0) }, false, 0)
                .unwrap_err()
                .code(),
            47
        );
    }

    #[test]
    fn marker_with_a_higher_epoch_resets_the_sequence() {
        let mut producers = Producers::default();
        producers.add(&BatchHeader { attributes: 1 << 4, ..batch(0, 0, 10, 5) }, None);
        assert_eq!(producers.first_open_offset(), Some(10));
        assert_eq!(producers.validate(&batch(0, 5, 0, 1)).unwrap_err().code(), 48);
        let result = TransactionResult::Abort;
        let marker = EndMarker { producer_id: 1, producer_epoch: 1, coordinator_epoch: 2, result };
        let aborted = producers.add_marker(&marker, 0, None).unwrap();
        assert_eq!(aborted, AbortedTransaction { producer_id: 1, first_offset: 10 });
        assert_eq!(producers.first_open_offset(), None);
        assert!(producers.validate(&batch(1, 0, 0, 1)).unwrap().is_none());
        let zombie = EndMarker { coordinator_epoch: 1, ..marker };
        assert_eq!(producers.validate_marker(&zombie).unwrap_err().code(), 52);
    }

    #[test]
    fn producer_expires_a_day_after_it_was_first_seen_idle() {
        let mut producers = Producers::default();
        producers.add(&batch(0, 0, 0, 1), None);
        producers.expire(5);
        producers.expire(5 + EXPIRATION_MS - 1);
        assert_eq!(producers.snapshots().len(), 1);
        producers.expire(5 + EXPIRATION_MS);
        assert!(producers.snapshots().is_empty());
    }
}
