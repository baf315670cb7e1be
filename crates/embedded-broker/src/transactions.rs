//! The transaction coordinator as a service: stores what the state machine decides, writes the markers of ended
//! transactions, and aborts those whose timeout has passed.
//!
//! Locks are taken in the order partition, transactions, groups. The folder's lock is never taken after that of the
//! transactions.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kafka_groups::ErrorCode;
use kafka_groups::transactions::{
    Change, EndTransaction, InitProducerId, Producer, TransactionEvent, Transactions as Coordinator,
};
use kafka_log::{EndMarker, Journal, StorageError, TransactionResult};
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::error::BrokerError;
use crate::state::State;

/// Epoch of the only coordinator.
const COORDINATOR_EPOCH: i32 = 0;

/// Pause before markers that could not be written are written again.
const MARKER_RETRY_DELAY: Duration = Duration::from_secs(1);

/// `NOT_COORDINATOR`, which makes clients retry if a change could not be stored.
const NOT_COORDINATOR: i16 = 16;

/// The transactional ids of the broker.
#[derive(Debug)]
pub(crate) struct Transactions {
    inner: Mutex<Inner>,
    /// Signals [`run_timeouts`] that a deadline is earlier than the one it waits for.
    earlier_deadline: Notify,
}

#[derive(Debug)]
pub(crate) struct Inner {
    coordinator: Coordinator,
    journal: Journal,
    /// The deadline that the timeout task waits for, in milliseconds since 1970.
    scheduled: Option<i64>,
}

impl Transactions {
    /// Creates the service and replays the stored transactions.
    pub(crate) fn open(journal: Journal, entries: &[Vec<u8>]) -> Result<Self, BrokerError> {
        let mut coordinator = Coordinator::new();
        for (index, entry) in entries.iter().enumerate() {
            let event =
                TransactionEvent::decode(entry).map_err(|source| BrokerError::Transactions { index, source })?;
            coordinator.replay(event);
        }
        let inner = Inner { coordinator, journal, scheduled: None };
        Ok(Transactions { inner: Mutex::new(inner), earlier_deadline: Notify::new() })
    }

    /// Calls `read` with the coordinator. Transactions do not change until it returns.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Coordinator) -> T) -> T {
        read(&self.lock().coordinator)
    }

    /// Calls `change` with the coordinator and the time, and stores the events that it returns. The second value is the
    /// transaction whose markers the caller must write.
    ///
    /// Returns the error code of the change, or `NOT_COORDINATOR` if it could not be stored.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&Coordinator, i64) -> Change<T>,
    ) -> (Result<T, i16>, Option<EndTransaction>) {
        let mut inner = self.lock();
        let Change { events, end, answer } = change(&inner.coordinator, Clock::wall_ms());
        if let Err(error) = inner.store(events) {
            tracing::error!(%error, "failed to store a transaction");
            return (Err(NOT_COORDINATOR), None);
        }
        let deadline = inner.coordinator.next_deadline();
        if deadline.is_some_and(|deadline| inner.scheduled.is_none_or(|scheduled| deadline < scheduled)) {
            self.earlier_deadline.notify_one();
        }
        (answer.map_err(ErrorCode::code), end)
    }

    /// Writes the transactions to the disk.
    pub(crate) fn flush(&self) -> Result<(), StorageError> {
        self.lock().journal.flush()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn store(&mut self, events: Vec<TransactionEvent>) -> Result<(), StorageError> {
        for event in events {
            self.journal.append(&encode(&event))?;
            self.coordinator.replay(event);
        }
        if self.journal.needs_rewrite() {
            let entries: Vec<_> = self.coordinator.snapshot().iter().map(encode).collect();
            self.journal.rewrite(entries)?;
        }
        Ok(())
    }
}

fn encode(event: &TransactionEvent) -> Vec<u8> {
    let mut entry = Vec::new();
    event.encode(&mut entry);
    entry
}

/// Changes transactions and writes the markers that the change requires. Returns the answer or an error code.
pub(crate) fn transact<T>(state: &State, change: impl FnOnce(&Coordinator, i64) -> Change<T>) -> Result<T, i16> {
    let (answer, end) = state.transactions.change(change);
    if let Some(end) = end {
        finish(state, &end);
    }
    answer
}

/// Gives a producer with a transactional id its id and epoch.
pub(crate) fn init_producer_id(state: &State, request: &InitProducerId) -> Result<Producer, i16> {
    let mut needs_id = false;
    let answer = transact(state, |transactions, now| {
        transactions.init_producer_id(now, request, || {
            needs_id = true;
            Err(ErrorCode::ConcurrentTransactions)
        })
    });
    if !needs_id {
        return answer;
    }
    let id = state.topics.next_producer_id().map_err(|error| {
        tracing::error!(%error, "failed to assign a producer id");
        NOT_COORDINATOR
    })?;
    transact(state, |transactions, now| transactions.init_producer_id(now, request, || Ok(id)))
}

/// Writes the markers of an ended transaction. If that fails, the transaction remains unfinished and [`run_timeouts`]
/// tries again; meanwhile its producer is told to retry.
fn finish(state: &State, end: &EndTransaction) {
    if let Err(error) = write_markers(state, end) {
        let id = end.transactional_id.as_str();
        tracing::error!(transactional_id = id, error, "failed to write transaction markers; the broker tries again");
        state.transactions.earlier_deadline.notify_one();
        return;
    }
    let complete = |transactions: &Coordinator, now| Change {
        events: transactions.markers_written(end, now),
        end: None,
        answer: Ok(()),
    };
    // An error has been logged, and the transaction remains unfinished.
    state.transactions.change(complete).0.unwrap_or_default();
}

fn write_markers(state: &State, end: &EndTransaction) -> Result<(), String> {
    let result = if end.committed { TransactionResult::Commit } else { TransactionResult::Abort };
    let marker = EndMarker {
        producer_id: end.producer.id,
        producer_epoch: end.producer.epoch,
        coordinator_epoch: COORDINATOR_EPOCH,
        result,
    };
    for asked in &end.partitions {
        // The topic may have been deleted.
        let Some(partition) = state.topics.partition(&asked.topic, asked.partition) else { continue };
        match partition.change(|log| log.append_end_marker(marker, Clock::wall_ms())) {
            Some(Ok(_)) => partition.wake(),
            Some(Err(kafka_log::AppendError::Storage(error))) => return Err(error.to_string()),
            Some(Err(error)) => {
                tracing::warn!(topic = asked.topic, partition = asked.partition, %error, "transaction marker rejected");
            }
            None => {}
        }
    }
    let ended = state.groups.change(|groups, _, _| Ok((groups.end_transaction(end.producer.id, end.committed), ())));
    ended.map_err(|error| error.to_string())
}

/// Finishes transactions whose markers are missing, and handles timeouts, until the future is dropped.
pub(crate) async fn run_timeouts(state: &State) {
    loop {
        for end in state.transactions.read(Coordinator::unfinished) {
            finish(state, &end);
        }
        while let Some(end) = expire(state) {
            finish(state, &end);
        }
        let wait = {
            let mut inner = state.transactions.lock();
            inner.scheduled = inner.coordinator.next_deadline();
            let left = inner.scheduled.map(|deadline| deadline.saturating_sub(Clock::wall_ms()).max(0));
            let left = left.and_then(|left| u64::try_from(left).ok()).map(Duration::from_millis);
            if inner.coordinator.unfinished().is_empty() { left } else { Some(MARKER_RETRY_DELAY) }
        };
        let sleep = async {
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = sleep => {}
            () = state.transactions.earlier_deadline.notified() => {}
        }
    }
}

/// Aborts transactions whose timeout has passed. Returns one whose markers must be written, or `None` after the last.
fn expire(state: &State) -> Option<EndTransaction> {
    loop {
        let mut expired = false;
        let (answer, end) = state.transactions.change(|transactions, now| match transactions.expire(now) {
            Some(change) => {
                expired = true;
                change
            }
            None => Change { events: Vec::new(), end: None, answer: Ok(()) },
        });
        if end.is_some() || !expired || answer.is_err() {
            return end;
        }
    }
}
