//! The transaction coordinator as a service: stores what the state machine decides before it is visible.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kafka_groups::ErrorCode;
use kafka_groups::transactions::{Change, EndTransaction, Transactions as Coordinator};
use kafka_log::{Journal, StorageError};
use tokio::sync::Notify;

use crate::clock::Clock;
use crate::error::BrokerError;
use crate::journaled::{InvalidEntry, Journaled, NOT_COORDINATOR};

/// Pause before markers that could not be written are written again.
const MARKER_RETRY_DELAY: Duration = Duration::from_secs(1);

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
}

impl Transactions {
    /// Creates the service and replays the stored transactions.
    pub(crate) fn open(journal: Journal, entries: &[Vec<u8>]) -> Result<Self, BrokerError> {
        let journaled = Journaled::open(Coordinator::new(), journal, entries)
            .map_err(|InvalidEntry { index, source }| BrokerError::Transactions { index, source })?;
        let inner = Inner { journaled, scheduled: None };
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
    ) -> (Result<T, i16>, Option<EndTransaction>) {
        let mut inner = self.lock();
        let Change { events, end, answer } = change(&inner.journaled.coordinator, Clock::wall_ms());
        if let Err(error) = inner.journaled.store(events) {
            tracing::error!(%error, "failed to store a transaction");
            return (Err(NOT_COORDINATOR), None);
        }
        let deadline = inner.journaled.coordinator.next_deadline();
        if deadline.is_some_and(|deadline| inner.scheduled.is_none_or(|scheduled| deadline < scheduled)) {
            self.earlier_deadline.notify_one();
        }
        (answer.map_err(ErrorCode::code), end)
    }

    /// Ends the present or next [`Transactions::timeout`].
    pub(crate) fn wake(&self) {
        self.earlier_deadline.notify_one();
    }

    /// Waits until a transaction times out, markers have to be written again, or [`Transactions::wake`] is called.
    pub(crate) async fn timeout(&self) {
        let wait = {
            let mut inner = self.lock();
            inner.scheduled = inner.journaled.coordinator.next_deadline();
            let left = inner.scheduled.map(|deadline| deadline.saturating_sub(Clock::wall_ms()).max(0));
            let left = left.and_then(|left| u64::try_from(left).ok()).map(Duration::from_millis);
            if inner.journaled.coordinator.unfinished().is_empty() { left } else { Some(MARKER_RETRY_DELAY) }
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

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
