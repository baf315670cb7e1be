//! Transactions whose first batch of a partition is not stored yet.
//!
//! A producer has several batches in flight. If the first one is rejected because the coordinator does not know the
//! transaction yet, a later one must not be stored before it: every retry of the first one would then be out of order.
//! So the log remembers the lowest sequence that was tried until a batch is stored, and rejects higher ones. The rules
//! are those of Apache Kafka's `VerificationStateEntry`.

use std::collections::HashMap;

use crate::batch::BatchHeader;
use crate::control::EndMarker;
use crate::error::AppendError;

#[derive(Debug)]
struct Verification {
    epoch: i16,
    lowest_sequence: i32,
    /// `true` if the producer begins each transaction with sequence 0, because each transaction has a new epoch.
    starts_at_zero: bool,
    since_ms: i64,
}

/// The producers of one partition whose transactions are being verified, by producer id.
#[derive(Debug, Default)]
pub(crate) struct Verifications(HashMap<i64, Verification>);

impl Verifications {
    /// Remembers the sequence of a batch that is about to be verified.
    pub(crate) fn begin(&mut self, header: &BatchHeader, starts_at_zero: bool, now_ms: i64) {
        let (epoch, sequence) = (header.producer_epoch, header.base_sequence);
        let first = Verification { epoch, lowest_sequence: sequence, starts_at_zero, since_ms: now_ms };
        let known = self.0.entry(header.producer_id).or_insert(first);
        if epoch > known.epoch {
            (known.epoch, known.lowest_sequence) = (epoch, sequence);
        } else if epoch == known.epoch {
            known.lowest_sequence = known.lowest_sequence.min(sequence);
        }
    }

    /// Returns `OutOfOrderSequence` if the batch's sequence shows that an earlier batch of its transaction is not stored
    /// yet. `has_batches` is `true` if the log contains batches of the producer.
    pub(crate) fn validate(&self, header: &BatchHeader, has_batches: bool) -> Result<(), AppendError> {
        let Some(known) = self.0.get(&header.producer_id) else { return Ok(()) };
        let (producer_id, sequence) = (header.producer_id, header.base_sequence);
        let expected = match known.starts_at_zero && !has_batches {
            true if sequence != 0 => 0,
            _ if sequence > known.lowest_sequence => known.lowest_sequence,
            _ => return Ok(()),
        };
        Err(AppendError::OutOfOrderSequence { producer_id, sequence, expected })
    }

    /// Forgets a producer whose transactional batch was stored.
    pub(crate) fn stored(&mut self, header: &BatchHeader) {
        if header.is_transactional() {
            self.0.remove(&header.producer_id);
        }
    }

    /// Forgets a producer whose transaction has ended, unless the next one is being verified already.
    pub(crate) fn ended(&mut self, marker: &EndMarker) {
        let is_next = |known: &Verification| known.starts_at_zero && known.epoch == marker.producer_epoch;
        if !self.0.get(&marker.producer_id).is_some_and(is_next) {
            self.0.remove(&marker.producer_id);
        }
    }

    /// Forgets verifications that have lasted for `age_ms`.
    pub(crate) fn expire(&mut self, now_ms: i64, age_ms: i64) {
        self.0.retain(|_, known| now_ms.saturating_sub(known.since_ms) < age_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::TransactionResult;

    fn batch(epoch: i16, sequence: i32) -> BatchHeader {
        BatchHeader {
            producer_id: 1,
            producer_epoch: epoch,
            base_sequence: sequence,
            base_offset: 0,
            last_offset_delta: 0,
            record_count: 1,
            size: 61,
            crc: 0,
            attributes: 1 << 4,
            base_timestamp: 0,
            max_timestamp: 0,
        }
    }

    fn begun(starts_at_zero: bool, sequence: i32) -> Verifications {
        let mut verifications = Verifications::default();
        verifications.begin(&batch(0, sequence), starts_at_zero, 0);
        verifications
    }

    #[test]
    fn higher_sequence_waits_for_the_lowest() {
        let mut verifications = begun(false, 7);
        assert!(verifications.validate(&batch(0, 7), false).is_ok());
        verifications.begin(&batch(0, 3), false, 0);
        assert_eq!(verifications.validate(&batch(0, 7), false).unwrap_err().code(), 45);
        assert!(verifications.validate(&batch(0, 3), false).is_ok());
        verifications.stored(&batch(0, 3));
        assert!(verifications.validate(&batch(0, 7), true).is_ok());
    }

    #[test]
    fn higher_epoch_has_a_new_lowest_sequence() {
        let mut verifications = begun(false, 0);
        verifications.begin(&batch(1, 5), false, 0);
        assert!(verifications.validate(&batch(1, 5), true).is_ok());
    }

    #[test]
    fn producer_that_changes_epochs_begins_at_0() {
        let verifications = begun(true, 7);
        assert_eq!(verifications.validate(&batch(0, 7), false).unwrap_err().code(), 45);
        assert!(verifications.validate(&batch(0, 7), true).is_ok());
    }

    #[test]
    fn marker_ends_the_verification() {
        let marker =
            EndMarker { producer_id: 1, producer_epoch: 0, coordinator_epoch: 0, result: TransactionResult::Abort };
        let mut verifications = begun(false, 0);
        verifications.ended(&marker);
        assert!(verifications.validate(&batch(0, 7), false).is_ok());
        let mut next = begun(true, 0);
        next.ended(&marker);
        assert!(next.validate(&batch(0, 7), false).is_err());
    }

    #[test]
    fn verification_expires() {
        let mut verifications = begun(false, 0);
        verifications.expire(9, 10);
        assert!(verifications.validate(&batch(0, 7), false).is_err());
        verifications.expire(10, 10);
        assert!(verifications.validate(&batch(0, 7), false).is_ok());
    }
}
