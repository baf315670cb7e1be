//! `InitProducerId` with a transactional id: gives a producer its id and epoch, and fences the previous
//! producer with that transactional id.

use std::collections::BTreeSet;

use super::{Change, Producer, Transaction, TransactionState, Transactions, fence, updated};
use crate::ErrorCode;

/// Kafka's `transaction.max.timeout.ms`: a longer transaction timeout is rejected.
const MAX_TIMEOUT_MS: i32 = 900_000;
/// First version of `InitProducerId` with a separate error for a fenced producer.
const HAS_PRODUCER_FENCED: i16 = 4;

/// Request for a producer id and epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitProducerId {
    pub version: i16,
    pub transactional_id: String,
    pub timeout_ms: i32,
    /// The producer's present id and epoch if it continues after an error (version 3 and later).
    pub present: Option<Producer>,
}

impl Transactions {
    /// Handles an `InitProducerId` request. Calls `new_producer_id` if the transactional id is new, or if the epochs of
    /// its producer id are exhausted.
    ///
    /// An open transaction is aborted first. The answer is then [`ErrorCode::ConcurrentTransactions`], and the client
    /// retries.
    pub fn init_producer_id(
        &self,
        wall_clock_ms: i64,
        request: &InitProducerId,
        new_producer_id: impl FnOnce() -> Result<i64, ErrorCode>,
    ) -> Change<Producer> {
        let mut change = self.init(wall_clock_ms, request, new_producer_id);
        if request.version < HAS_PRODUCER_FENCED && change.answer == Err(ErrorCode::ProducerFenced) {
            change.answer = Err(ErrorCode::InvalidProducerEpoch);
        }
        change
    }

    fn init(
        &self,
        wall_clock_ms: i64,
        request: &InitProducerId,
        new_producer_id: impl FnOnce() -> Result<i64, ErrorCode>,
    ) -> Change<Producer> {
        let id = &request.transactional_id;
        if id.is_empty() {
            return Change::answer(Err(ErrorCode::InvalidRequest));
        }
        if !(1..=MAX_TIMEOUT_MS).contains(&request.timeout_ms) {
            return Change::answer(Err(ErrorCode::InvalidTransactionTimeout));
        }
        let epoch = match self.get(id) {
            None => new_producer_id().map(|id| Epoch {
                producer: Producer { id, epoch: 0 },
                last_epoch: -1,
                previous_producer_id: -1,
            }),
            Some(transaction) => {
                if request.present.is_some_and(|present| !is_known(transaction, present)) {
                    return Change::answer(Err(ErrorCode::ProducerFenced));
                }
                match transaction.state {
                    TransactionState::PrepareCommit | TransactionState::PrepareAbort => {
                        Err(ErrorCode::ConcurrentTransactions)
                    }
                    TransactionState::Ongoing => {
                        return fence(id, transaction, wall_clock_ms, Err(ErrorCode::ConcurrentTransactions));
                    }
                    TransactionState::Empty | TransactionState::CompleteCommit | TransactionState::CompleteAbort => {
                        next_epoch(transaction, request.present.map(|present| present.epoch), new_producer_id)
                    }
                }
            }
        };
        let Epoch { producer, last_epoch, previous_producer_id } = match epoch {
            Ok(epoch) => epoch,
            Err(error) => return Change::answer(Err(error)),
        };
        let empty = Transaction {
            state: TransactionState::Empty,
            producer,
            last_epoch,
            previous_producer_id,
            timeout_ms: request.timeout_ms,
            partitions: BTreeSet::new(),
            groups: BTreeSet::new(),
            start_ms: -1,
            update_ms: wall_clock_ms,
        };
        Change { events: vec![updated(id, empty)], end: None, answer: Ok(producer) }
    }
}

/// The fields of a [`Transaction`] that a successful request sets.
struct Epoch {
    producer: Producer,
    last_epoch: i16,
    previous_producer_id: i64,
}

/// Returns `true` if the producer id has no further epoch. Producers never receive the largest epoch, so that each can
/// be fenced.
fn is_exhausted(epoch: i16) -> bool {
    epoch >= i16::MAX - 1
}

/// Returns `true` if the request names the present producer id. It may also name the previous one if its epochs are
/// exhausted, because the producer may have missed the answer with the new id.
fn is_known(transaction: &Transaction, present: Producer) -> bool {
    present.id == transaction.producer.id
        || (present.id == transaction.previous_producer_id && is_exhausted(present.epoch))
}

/// Returns the next epoch. `present` is the epoch that the producer has. If it is the one before the current epoch, the
/// producer has missed an answer and receives the current epoch again.
fn next_epoch(
    transaction: &Transaction,
    present: Option<i16>,
    new_producer_id: impl FnOnce() -> Result<i64, ErrorCode>,
) -> Result<Epoch, ErrorCode> {
    let Producer { id, epoch } = transaction.producer;
    let last_epoch = match present {
        None => -1,
        Some(present) if present == epoch => epoch,
        Some(present) if present == transaction.last_epoch => {
            return Ok(Epoch {
                producer: transaction.producer,
                last_epoch: present,
                previous_producer_id: transaction.previous_producer_id,
            });
        }
        Some(_) => return Err(ErrorCode::ProducerFenced),
    };
    let producer = if is_exhausted(epoch) {
        Producer { id: new_producer_id()?, epoch: 0 }
    } else {
        Producer { id, epoch: epoch + 1 }
    };
    Ok(Epoch { producer, last_epoch, previous_producer_id: id })
}
