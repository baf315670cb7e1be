//! Transactions of producers: epochs, fencing, the partitions of an open transaction, and its end.
//!
//! ```text
//!                AddPartitionsToTxn,         EndTxn, the timeout,              the caller has
//!                AddOffsetsToTxn             or a newer producer               written the markers
//!     Empty -----------------------> Ongoing -----------------> PrepareCommit ----------> CompleteCommit
//!       ^                               ^                       PrepareAbort              CompleteAbort
//!       |                               |                                                       |
//!       |                               +------------------ AddPartitionsToTxn -----------------+
//!       +------------------------------------ InitProducerId -----------------------------------+
//! ```
//!
//! The coordinator writes no markers itself. Each call returns a [`Change`], and the caller
//!
//! 1. stores its events and passes them to [`Transactions::replay`],
//! 2. appends the markers of [`Change::end`] to the partitions, ends the pending offsets of the groups
//!    ([`GroupCoordinator::end_transaction`](crate::GroupCoordinator::end_transaction)), and stores the events of
//!    [`Transactions::markers_written`],
//! 3. answers.
//!
//! The caller must not handle another request before step 1 is complete. During step 2, other requests for the
//! transactional id are answered with [`ErrorCode::ConcurrentTransactions`]. After a restart, the caller does step 2
//! for each transaction that [`Transactions::unfinished`] returns.
//!
//! This is the protocol of `transaction.version` 0 and 1: the producer announces its partitions, and its epoch changes
//! only with `InitProducerId`. Clients use it with every broker that does not announce version 2.

mod event;
mod init;
mod requests;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use event::TransactionEvent;
pub use init::InitProducerId;
pub use requests::{AddToTransaction, EndTxn, Verify};

use crate::ErrorCode;
use crate::offsets::TopicPartition;

/// Kafka's `transactional.id.expiration.ms`: an id that is unused for 7 days is removed.
const ID_EXPIRATION_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// State of a transactional id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransactionState {
    /// The producer has begun no transaction with its epoch.
    Empty,
    Ongoing,
    /// The transaction is committed; its markers are being written.
    PrepareCommit,
    /// The transaction is aborted; its markers are being written.
    PrepareAbort,
    CompleteCommit,
    CompleteAbort,
}

impl TransactionState {
    /// Returns the name that `ListTransactions` and `DescribeTransactions` use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            TransactionState::Empty => "Empty",
            TransactionState::Ongoing => "Ongoing",
            TransactionState::PrepareCommit => "PrepareCommit",
            TransactionState::PrepareAbort => "PrepareAbort",
            TransactionState::CompleteCommit => "CompleteCommit",
            TransactionState::CompleteAbort => "CompleteAbort",
        }
    }
}

/// A producer id and its epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Producer {
    pub id: i64,
    pub epoch: i16,
}

/// A transactional id with its producer and its latest transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    pub state: TransactionState,
    pub producer: Producer,
    /// The epoch that the producer sent in the request that assigned the present epoch, or -1 if it sent none. A
    /// request with this epoch is a repetition.
    pub last_epoch: i16,
    /// The producer id before the latest `InitProducerId`, or -1. It differs from the present id if its epochs were
    /// exhausted.
    pub previous_producer_id: i64,
    pub timeout_ms: i32,
    pub partitions: BTreeSet<TopicPartition>,
    /// Groups to which the transaction commits offsets.
    pub groups: BTreeSet<String>,
    /// Wall-clock time at which the latest transaction began, in milliseconds since 1970; -1 before the first one.
    pub start_ms: i64,
    /// Wall-clock time of the latest change.
    pub update_ms: i64,
}

/// Markers to write: a control batch to each partition, and the end of the pending offsets of each group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndTransaction {
    pub transactional_id: String,
    /// Producer id and epoch of the markers.
    pub producer: Producer,
    pub committed: bool,
    pub partitions: BTreeSet<TopicPartition>,
    pub groups: BTreeSet<String>,
}

/// Changes that a request causes, and the answer to it. See the [module](self) for the order of the steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<T> {
    pub events: Vec<TransactionEvent>,
    pub end: Option<EndTransaction>,
    pub answer: Result<T, ErrorCode>,
}

impl<T> Change<T> {
    fn answer(answer: Result<T, ErrorCode>) -> Self {
        Change { events: Vec::new(), end: None, answer }
    }
}

/// All transactional ids of a broker.
#[derive(Clone, Debug, Default)]
pub struct Transactions {
    transactions: BTreeMap<String, Transaction>,
    /// Times at which open transactions are aborted and unused ids are removed.
    deadlines: BTreeSet<(i64, String)>,
}

impl Transactions {
    #[must_use]
    pub fn new() -> Self {
        Transactions::default()
    }

    /// Returns the state of a transactional id (`DescribeTransactions`).
    #[must_use]
    pub fn get(&self, transactional_id: &str) -> Option<&Transaction> {
        self.transactions.get(transactional_id)
    }

    /// Iterates over all transactional ids (`ListTransactions`).
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Transaction)> {
        self.transactions.iter().map(|(id, transaction)| (id.as_str(), transaction))
    }

    /// Applies an event that the caller has stored.
    pub fn replay(&mut self, event: TransactionEvent) {
        let (id, transaction) = match event {
            TransactionEvent::Updated { transactional_id, transaction } => (transactional_id, Some(transaction)),
            TransactionEvent::Removed { transactional_id } => (transactional_id, None),
        };
        if let Some(deadline_ms) = self.transactions.remove(&id).as_ref().and_then(deadline_ms) {
            self.deadlines.remove(&(deadline_ms, id.clone()));
        }
        if let Some(transaction) = transaction {
            if let Some(deadline_ms) = deadline_ms(&transaction) {
                self.deadlines.insert((deadline_ms, id.clone()));
            }
            self.transactions.insert(id, transaction);
        }
    }

    /// Returns events that restore the present transactions, to rewrite a journal that has grown.
    #[must_use]
    pub fn snapshot(&self) -> Vec<TransactionEvent> {
        self.transactions.iter().map(|(id, transaction)| updated(id, transaction.clone())).collect()
    }

    /// Returns the transactions whose markers have to be written after a restart.
    #[must_use]
    pub fn unfinished(&self) -> Vec<EndTransaction> {
        self.transactions.iter().filter_map(|(id, transaction)| end(id, transaction)).collect()
    }

    /// Returns the events that complete a transaction whose markers have been written.
    #[must_use]
    pub fn markers_written(&self, written: &EndTransaction, wall_clock_ms: i64) -> Vec<TransactionEvent> {
        let id = &written.transactional_id;
        let Some(transaction) = self.transactions.get(id) else { return Vec::new() };
        let state = match transaction.state {
            TransactionState::PrepareCommit => TransactionState::CompleteCommit,
            TransactionState::PrepareAbort => TransactionState::CompleteAbort,
            _ => return Vec::new(),
        };
        if transaction.producer != written.producer {
            return Vec::new();
        }
        let complete = Transaction {
            state,
            partitions: BTreeSet::new(),
            groups: BTreeSet::new(),
            update_ms: wall_clock_ms,
            ..transaction.clone()
        };
        vec![updated(id, complete)]
    }

    /// Returns the wall-clock time at which [`Transactions::expire`] must be called, in milliseconds since 1970.
    #[must_use]
    pub fn next_deadline(&self) -> Option<i64> {
        self.deadlines.first().map(|(deadline_ms, _)| *deadline_ms)
    }

    /// Aborts a transaction whose timeout has passed, or removes an id that has been unused for 7 days. The caller
    /// repeats the call until it returns `None`.
    ///
    /// An abort fences the producer: its next request fails.
    #[must_use]
    pub fn expire(&self, wall_clock_ms: i64) -> Option<Change<()>> {
        let (deadline_ms, id) = self.deadlines.first()?;
        if *deadline_ms > wall_clock_ms {
            return None;
        }
        let transaction = self.transactions.get(id)?;
        if transaction.state == TransactionState::Ongoing {
            Some(fence(id, transaction, wall_clock_ms, Ok(())))
        } else {
            let events = vec![TransactionEvent::Removed { transactional_id: id.clone() }];
            Some(Change { events, end: None, answer: Ok(()) })
        }
    }
}

/// Returns the time at which a transaction is aborted or an unused id is removed.
fn deadline_ms(transaction: &Transaction) -> Option<i64> {
    match transaction.state {
        TransactionState::Ongoing => Some(transaction.start_ms.saturating_add(transaction.timeout_ms.into())),
        TransactionState::PrepareCommit | TransactionState::PrepareAbort => None,
        TransactionState::Empty | TransactionState::CompleteCommit | TransactionState::CompleteAbort => {
            Some(transaction.update_ms.saturating_add(ID_EXPIRATION_MS))
        }
    }
}

fn updated(transactional_id: &str, transaction: Transaction) -> TransactionEvent {
    TransactionEvent::Updated { transactional_id: transactional_id.to_owned(), transaction }
}

/// Returns the markers to write if the transaction is being committed or aborted.
fn end(transactional_id: &str, transaction: &Transaction) -> Option<EndTransaction> {
    let committed = match transaction.state {
        TransactionState::PrepareCommit => true,
        TransactionState::PrepareAbort => false,
        _ => return None,
    };
    Some(EndTransaction {
        transactional_id: transactional_id.to_owned(),
        producer: transaction.producer,
        committed,
        partitions: transaction.partitions.clone(),
        groups: transaction.groups.clone(),
    })
}

/// Commits or aborts an open transaction.
fn prepare<T>(id: &str, prepared: Transaction, answer: Result<T, ErrorCode>) -> Change<T> {
    Change { end: end(id, &prepared), events: vec![updated(id, prepared)], answer }
}

/// Aborts an open transaction and fences its producer: the next epoch belongs to no producer.
fn fence<T>(id: &str, open: &Transaction, wall_clock_ms: i64, answer: Result<T, ErrorCode>) -> Change<T> {
    let producer = Producer { epoch: open.producer.epoch.saturating_add(1), ..open.producer };
    let prepared = Transaction {
        state: TransactionState::PrepareAbort,
        producer,
        last_epoch: -1,
        update_ms: wall_clock_ms,
        ..open.clone()
    };
    prepare(id, prepared, answer)
}
