//! Requests of a producer that has an id and epoch: add partitions and groups, and end the transaction.

use std::collections::BTreeSet;

use super::{Change, Producer, Transaction, TransactionState, Transactions, prepare, updated};
use crate::ErrorCode;
use crate::offsets::TopicPartition;

/// First version of `AddPartitionsToTxn`, `AddOffsetsToTxn` and `EndTxn` with a separate error for a fenced producer.
const HAS_PRODUCER_FENCED: i16 = 2;

/// An `AddPartitionsToTxn` request (with partitions) or an `AddOffsetsToTxn` request (with a group).
///
/// If a partition does not exist, the caller adds no partition. It responds with
/// [`ErrorCode::UnknownTopicOrPartition`] for that partition and [`ErrorCode::OperationNotAttempted`] for the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddToTransaction {
    pub version: i16,
    pub transactional_id: String,
    pub producer: Producer,
    pub partitions: BTreeSet<TopicPartition>,
    pub groups: BTreeSet<String>,
}

/// An `EndTxn` request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndTxn {
    pub version: i16,
    pub transactional_id: String,
    pub producer: Producer,
    pub committed: bool,
}

/// A partition or a group that must be part of the open transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify<'a> {
    /// The partition of a transactional batch in `Produce`.
    Partition(&'a TopicPartition),
    /// The group of a `TxnOffsetCommit`.
    Group(&'a str),
}

impl Transactions {
    /// Adds partitions and groups to the open transaction, or begins one with them.
    pub fn add(&self, wall_clock_ms: i64, request: &AddToTransaction) -> Change<()> {
        let AddToTransaction { version, transactional_id: id, producer, partitions, groups } = request;
        let transaction = match self.of_producer(id, *producer) {
            Ok(transaction) => transaction,
            Err(error) => return Change::answer(Err(fenced_error(error, *version))),
        };
        let is_open = match transaction.state {
            TransactionState::PrepareCommit | TransactionState::PrepareAbort => {
                return Change::answer(Err(ErrorCode::ConcurrentTransactions));
            }
            TransactionState::Ongoing => true,
            TransactionState::Empty | TransactionState::CompleteCommit | TransactionState::CompleteAbort => false,
        };
        if is_open && partitions.is_subset(&transaction.partitions) && groups.is_subset(&transaction.groups) {
            return Change::answer(Ok(()));
        }
        let ongoing = Transaction {
            state: TransactionState::Ongoing,
            partitions: transaction.partitions.union(partitions).cloned().collect(),
            groups: transaction.groups.union(groups).cloned().collect(),
            start_ms: if is_open { transaction.start_ms } else { wall_clock_ms },
            update_ms: wall_clock_ms,
            ..transaction.clone()
        };
        Change { events: vec![updated(id, ongoing)], end: None, answer: Ok(()) }
    }

    /// Commits or aborts the transaction. The request succeeds again if the transaction has ended in the same way.
    pub fn end_txn(&self, wall_clock_ms: i64, request: &EndTxn) -> Change<()> {
        let EndTxn { version, transactional_id: id, producer, committed } = request;
        let transaction = match self.of_producer(id, *producer) {
            Ok(transaction) => transaction,
            Err(error) => return Change::answer(Err(fenced_error(error, *version))),
        };
        match (transaction.state, committed) {
            (TransactionState::Ongoing, _) => {
                let state = if *committed { TransactionState::PrepareCommit } else { TransactionState::PrepareAbort };
                let prepared = Transaction { state, update_ms: wall_clock_ms, ..transaction.clone() };
                prepare(id, prepared, Ok(()))
            }
            (TransactionState::CompleteCommit, true) | (TransactionState::CompleteAbort, false) => {
                Change::answer(Ok(()))
            }
            (TransactionState::PrepareCommit, true) | (TransactionState::PrepareAbort, false) => {
                Change::answer(Err(ErrorCode::ConcurrentTransactions))
            }
            _ => Change::answer(Err(ErrorCode::InvalidTxnState)),
        }
    }

    /// Verifies that a partition or a group is part of the producer's open transaction.
    ///
    /// If it is not, the error is [`ErrorCode::TransactionAbortable`] with `supports_abortable` (`Produce` from version
    /// 11 on, `TxnOffsetCommit` from version 4 on), and [`ErrorCode::InvalidTxnState`] without it. From `Produce`
    /// version 12 and `TxnOffsetCommit` version 5 on, clients do not announce what they add, so the caller calls
    /// [`Transactions::add`] instead.
    ///
    /// # Errors
    ///
    /// After [`ErrorCode::ConcurrentTransactions`], the client should retry. All other errors are permanent.
    pub fn verify(
        &self,
        transactional_id: &str,
        producer: Producer,
        verify: Verify<'_>,
        supports_abortable: bool,
    ) -> Result<(), ErrorCode> {
        let transaction = match self.of_producer(transactional_id, producer) {
            // `PRODUCER_FENCED` is fatal to clients; after this error they abort the transaction.
            Err(ErrorCode::ProducerFenced) => return Err(ErrorCode::InvalidProducerEpoch),
            result => result?,
        };
        let is_part = match (transaction.state, verify) {
            (TransactionState::PrepareCommit | TransactionState::PrepareAbort, _) => {
                return Err(ErrorCode::ConcurrentTransactions);
            }
            (TransactionState::Ongoing, Verify::Partition(partition)) => transaction.partitions.contains(partition),
            (TransactionState::Ongoing, Verify::Group(group_id)) => transaction.groups.contains(group_id),
            _ => false,
        };
        match (is_part, supports_abortable) {
            (true, _) => Ok(()),
            (false, true) => Err(ErrorCode::TransactionAbortable),
            (false, false) => Err(ErrorCode::InvalidTxnState),
        }
    }

    /// Verifies that the transactional id belongs to the producer, and that no newer producer has fenced it.
    fn of_producer(&self, transactional_id: &str, producer: Producer) -> Result<&Transaction, ErrorCode> {
        if transactional_id.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        match self.get(transactional_id) {
            Some(transaction) if transaction.producer == producer => Ok(transaction),
            Some(transaction) if transaction.producer.id == producer.id => Err(ErrorCode::ProducerFenced),
            _ => Err(ErrorCode::InvalidProducerIdMapping),
        }
    }
}

/// Replaces the error for a fenced producer with the one that older clients know.
fn fenced_error(error: ErrorCode, version: i16) -> ErrorCode {
    if error == ErrorCode::ProducerFenced && version < HAS_PRODUCER_FENCED {
        ErrorCode::InvalidProducerEpoch
    } else {
        error
    }
}
