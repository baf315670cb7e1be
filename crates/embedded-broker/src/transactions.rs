//! The transaction coordinator as a service: stores what the state machine decides before it is visible, and gives each
//! transaction that ends to one task, which writes its markers.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kafka_groups::ErrorCode;
use kafka_groups::offsets::TopicPartition;
use kafka_groups::transactions::{Change, EndTransaction, TransactionState, Transactions as Coordinator};
use kafka_log::{Journal, StorageError};
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::error::BrokerError;
use crate::journaled::{Guarded, InvalidEntry, Journaled, NOT_COORDINATOR};

/// The transactional ids of the broker.
#[derive(Debug)]
pub(crate) struct Transactions {
    inner: Mutex<Inner>,
    /// Signals [`Transactions::timeout`] that a deadline is earlier than the one it waits for.
    earlier_deadline: Notify,
}

#[derive(Debug)]
struct Inner {
    journaled: Journaled<Coordinator>,
    /// The deadline that the timeout task waits for, in milliseconds since 1970.
    scheduled: Option<i64>,
    /// Transactional ids for which an [`Ending`] exists.
    taken: HashSet<String>,
    /// Partitions that still need their marker, of transactions whose end has failed.
    left: HashMap<String, BTreeSet<TopicPartition>>,
}

/// A transaction that has ended, with the partitions that still need its marker. No other exists for the same
/// transactional id, so a marker is never written into the producer's next transaction.
#[derive(Debug)]
pub(crate) struct Ending<'a> {
    pub(crate) end: EndTransaction,
    is_complete: bool,
    transactions: &'a Transactions,
}

impl Drop for Ending<'_> {
    /// Leaves an end that is incomplete to the next call of [`Transactions::take_unfinished`].
    fn drop(&mut self) {
        if self.is_complete {
            return;
        }
        let mut inner = self.transactions.lock();
        let id = std::mem::take(&mut self.end.transactional_id);
        inner.taken.remove(&id);
        if inner.is_unfinished(&id) {
            inner.left.insert(id, std::mem::take(&mut self.end.partitions));
        }
    }
}

impl Inner {
    fn is_unfinished(&self, id: &str) -> bool {
        let state = self.journaled.coordinator.get(id).map(|transaction| transaction.state);
        matches!(state, Some(TransactionState::PrepareCommit | TransactionState::PrepareAbort))
    }
}

impl Transactions {
    /// Creates the service and replays the stored transactions.
    pub(crate) fn open(journal: Journal, entries: &[Vec<u8>]) -> Result<Self, BrokerError> {
        let journaled = Journaled::open(Coordinator::new(), journal, entries)
            .map_err(|InvalidEntry { index, source }| BrokerError::Transactions { index, source })?;
        let inner = Inner { journaled, scheduled: None, taken: HashSet::new(), left: HashMap::new() };
        Ok(Transactions { inner: Mutex::new(inner), earlier_deadline: Notify::new() })
    }

    /// Calls `read` with the coordinator. Transactions do not change until it returns.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Coordinator) -> T) -> T {
        read(&self.lock().journaled.coordinator)
    }

    /// Calls `change` with the coordinator and the time, and stores the events that it returns. The second value is the
    /// transaction whose markers the caller must write.
    ///
    /// Returns the error code of the change, or `NOT_COORDINATOR` if it could not be stored.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&Coordinator, i64) -> Change<T>,
    ) -> (Result<T, i16>, Option<Ending<'_>>) {
        let mut inner = self.lock();
        let Change { events, end, answer } = change(&inner.journaled.coordinator, Clock::wall_ms());
        if let Err(error) = inner.journaled.store(events) {
            tracing::error!(%error, "failed to store a transaction");
            return (Err(NOT_COORDINATOR), None);
        }
        self.schedule(&inner);
        if let Some(end) = &end {
            inner.taken.insert(end.transactional_id.clone());
        }
        drop(inner);
        let ending = end.map(|end| Ending { end, is_complete: false, transactions: self });
        (answer.map_err(ErrorCode::code), ending)
    }

    /// Returns the transactions whose end was interrupted, by a failure or a restart.
    pub(crate) fn take_unfinished(&self) -> Vec<Ending<'_>> {
        let mut inner = self.lock();
        let mut unfinished = inner.journaled.coordinator.unfinished();
        unfinished.retain(|end| inner.taken.insert(end.transactional_id.clone()));
        for end in &mut unfinished {
            if let Some(left) = inner.left.remove(&end.transactional_id) {
                end.partitions = left;
            }
        }
        drop(inner);
        unfinished.into_iter().map(|end| Ending { end, is_complete: false, transactions: self }).collect()
    }

    /// Stores that the markers of a transaction are written. Its producer can begin the next one.
    pub(crate) fn complete(&self, mut ending: Ending<'_>) -> Result<(), StorageError> {
        let mut inner = self.lock();
        let events = inner.journaled.coordinator.markers_written(&ending.end, Clock::wall_ms());
        inner.journaled.store(events)?;
        inner.taken.remove(&ending.end.transactional_id);
        // The next transaction of the same id may end before `ending` is dropped.
        ending.is_complete = true;
        self.schedule(&inner);
        Ok(())
    }

    /// Ends the present or next [`Transactions::timeout`].
    pub(crate) fn wake(&self) {
        self.earlier_deadline.notify_one();
    }

    /// Waits until a transaction times out, or [`Transactions::wake`] is called.
    pub(crate) async fn timeout(&self) {
        let wait = {
            let mut inner = self.lock();
            inner.scheduled = inner.journaled.coordinator.next_deadline();
            let left = inner.scheduled.map(|deadline| deadline.saturating_sub(Clock::wall_ms()).max(0));
            left.and_then(|left| u64::try_from(left).ok()).map(Duration::from_millis)
        };
        let sleep = async {
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = sleep => {}
            () = self.earlier_deadline.notified() => {}
        }
    }

    /// Writes the transactions to the disk.
    pub(crate) fn flush(&self) -> Result<(), StorageError> {
        self.lock().journaled.flush()
    }

    fn schedule(&self, inner: &Inner) {
        let deadline = inner.journaled.coordinator.next_deadline();
        if deadline.is_some_and(|deadline| inner.scheduled.is_none_or(|scheduled| deadline < scheduled)) {
            self.earlier_deadline.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Guarded for Transactions {
    type Coordinator = Coordinator;

    fn with<T>(&self, access: impl FnOnce(&mut Journaled<Coordinator>) -> T) -> T {
        access(&mut self.lock().journaled)
    }
}

#[cfg(test)]
mod tests {
    use kafka_groups::transactions::{AddToTransaction, EndTxn, InitProducerId, Producer};
    use kafka_log::{Folder, JournalKind};

    use super::*;

    fn partitions(numbers: &[i32]) -> BTreeSet<TopicPartition> {
        numbers.iter().map(|&partition| TopicPartition { topic: "quotes".to_owned(), partition }).collect()
    }

    /// Transactions of which one, with two partitions, is open.
    fn open() -> (Transactions, Producer) {
        let (journal, entries) = Folder::in_memory().open_journal(JournalKind::Transactions).unwrap();
        let transactions = Transactions::open(journal, &entries).unwrap();
        let transactional_id = "id".to_owned();
        let init = InitProducerId { version: 4, transactional_id, timeout_ms: 60_000, present: None };
        let producer = transactions.change(|state, now| state.init_producer_id(now, &init, || Ok(7))).0.unwrap();
        begin(&transactions, producer);
        (transactions, producer)
    }

    fn begin(transactions: &Transactions, producer: Producer) {
        let add = AddToTransaction {
            version: 3,
            transactional_id: "id".to_owned(),
            producer,
            partitions: partitions(&[0, 1]),
            groups: BTreeSet::new(),
        };
        transactions.change(|state, now| state.add(now, &add)).0.unwrap();
    }

    fn end(transactions: &Transactions, producer: Producer) -> Ending<'_> {
        let end = EndTxn { version: 3, transactional_id: "id".to_owned(), producer, committed: true };
        transactions.change(|state, now| state.end_txn(now, &end)).1.unwrap()
    }

    #[test]
    fn ending_transaction_has_one_owner() {
        let (transactions, producer) = open();
        let ending = end(&transactions, producer);
        assert_eq!(transactions.take_unfinished().len(), 0, "a second task must not write the markers too");
        transactions.complete(ending).unwrap();
        begin(&transactions, producer);
        assert_eq!(transactions.take_unfinished().len(), 0);
    }

    #[test]
    fn failed_end_continues_with_the_partitions_left() {
        let (transactions, producer) = open();
        let mut ending = end(&transactions, producer);
        ending.end.partitions.pop_first();
        drop(ending);
        let mut unfinished = transactions.take_unfinished();
        let ending = unfinished.pop().unwrap();
        assert_eq!(ending.end.partitions, partitions(&[1]));
        transactions.complete(ending).unwrap();
        begin(&transactions, producer);
        assert_eq!(end(&transactions, producer).end.partitions, partitions(&[0, 1]));
    }
}
