//! The group coordinator as a service: passes requests to the state machine, gives its answers to the connections that
//! wait for them, and stores committed offsets before they are visible.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kafka_groups::classic::{Answer, Output, Request, Token};
use kafka_groups::offsets::OffsetEvent;
use kafka_groups::{ErrorCode, GroupCoordinator};
use kafka_log::{Journal, StorageError};
use tokio::sync::{Notify, oneshot};

use crate::clock::Clock;
use crate::error::BrokerError;
use crate::journaled::{Guarded, InvalidEntry, Journaled, NOT_COORDINATOR};

/// The groups of the broker and their offsets.
#[derive(Debug)]
pub(crate) struct Groups {
    inner: Mutex<Inner>,
    /// Signals [`Groups::run_timeouts`] that a deadline is earlier than the one it waits for.
    earlier_deadline: Notify,
    clock: Clock,
}

#[derive(Debug)]
struct Inner {
    journaled: Journaled<GroupCoordinator>,
    waiting: HashMap<Token, oneshot::Sender<Answer>>,
    next_token: u64,
    /// The deadline that the timeout task waits for.
    scheduled: Option<u64>,
}

/// A change of offsets failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OffsetsError {
    #[error(transparent)]
    Rejected(#[from] ErrorCode),
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl OffsetsError {
    pub(crate) fn code(&self) -> i16 {
        match self {
            OffsetsError::Rejected(code) => code.code(),
            OffsetsError::Storage(error) => {
                tracing::error!(%error, "failed to store offsets");
                NOT_COORDINATOR
            }
        }
    }
}

impl Groups {
    /// Creates the service and replays the stored offsets.
    pub(crate) fn open(
        options: kafka_groups::classic::Options,
        journal: Journal,
        entries: &[Vec<u8>],
        clock: Clock,
    ) -> Result<Self, BrokerError> {
        let journaled = Journaled::open(GroupCoordinator::new(options), journal, entries)
            .map_err(|InvalidEntry { index, source }| BrokerError::Offsets { index, source })?;
        let inner = Inner { journaled, waiting: HashMap::new(), next_token: 0, scheduled: None };
        Ok(Groups { inner: Mutex::new(inner), earlier_deadline: Notify::new(), clock })
    }

    /// Handles a member's request, which may wait for other members. Returns `None` when the broker stops.
    pub(crate) async fn request(&self, request: Request) -> Option<Answer> {
        let (sender, receiver) = oneshot::channel();
        let _forget = {
            let mut inner = self.lock();
            let token = Token(inner.next_token);
            inner.next_token += 1;
            inner.waiting.insert(token, sender);
            let outputs = inner.journaled.coordinator.apply(self.clock.monotonic_ms(), token, request);
            inner.store_generations();
            inner.deliver(outputs);
            self.schedule(&inner);
            Forget { groups: self, token }
        };
        receiver.await.ok()
    }

    /// Calls `read` with the coordinator.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&GroupCoordinator) -> T) -> T {
        read(&self.lock().journaled.coordinator)
    }

    /// Calls `change` with the coordinator and the two clocks; stores the events that it returns, then makes them
    /// visible.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut GroupCoordinator, u64, i64) -> Result<(Vec<OffsetEvent>, T), ErrorCode>,
    ) -> Result<T, OffsetsError> {
        let mut inner = self.lock();
        let (events, result) = change(&mut inner.journaled.coordinator, self.clock.monotonic_ms(), Clock::wall_ms())?;
        inner.journaled.store(events)?;
        self.schedule(&inner);
        Ok(result)
    }

    /// Starts the sessions of the members that the journal has restored.
    pub(crate) fn start_sessions(&self) {
        let mut inner = self.lock();
        inner.journaled.coordinator.start_sessions(self.clock.monotonic_ms());
    }

    /// Deletes the committed offsets of a topic that does not exist.
    pub(crate) fn forget_topic(&self, topic: &str) -> Result<(), StorageError> {
        let mut inner = self.lock();
        let events = inner.journaled.coordinator.delete_topic(topic);
        inner.journaled.store(events)
    }

    /// Ends the pending offsets of a transaction.
    pub(crate) fn end_transaction(&self, producer_id: i64, committed: bool) -> Result<(), StorageError> {
        let mut inner = self.lock();
        let events = inner.journaled.coordinator.end_transaction(producer_id, committed);
        inner.journaled.store(events)
    }

    /// Handles timeouts until the future is dropped.
    pub(crate) async fn run_timeouts(&self) {
        loop {
            let deadline = {
                let mut inner = self.lock();
                let now = self.clock.monotonic_ms();
                if inner.journaled.coordinator.next_deadline().is_some_and(|deadline| deadline <= now) {
                    let outputs = inner.journaled.coordinator.expire(now);
                    inner.store_generations();
                    inner.deliver(outputs);
                }
                inner.scheduled = inner.journaled.coordinator.next_deadline();
                inner.scheduled
            };
            let sleep = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(self.clock.instant(deadline)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = sleep => {}
                () = self.earlier_deadline.notified() => {}
            }
        }
    }

    /// Writes the committed offsets to the disk.
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

impl Guarded for Groups {
    type Coordinator = GroupCoordinator;

    fn with<T>(&self, access: impl FnOnce(&mut Journaled<GroupCoordinator>) -> T) -> T {
        access(&mut self.lock().journaled)
    }
}

impl Inner {
    fn deliver(&mut self, outputs: Vec<Output>) {
        for Output { token, answer } in outputs {
            if let Some(waiting) = self.waiting.remove(&token) {
                // The connection may be gone.
                drop(waiting.send(answer));
            }
        }
    }

    /// Stores generations, and static members so that they continue after a restart of the broker. Without them,
    /// members have to join again, so a failure is only logged.
    fn store_generations(&mut self) {
        let events = self.journaled.coordinator.take_events();
        let stored = events.iter().try_for_each(|event| self.journaled.append(event));
        if let Err(error) = stored {
            tracing::error!(%error, "failed to store the generation of a group");
        }
    }
}

/// Forgets a request that no longer waits.
struct Forget<'a> {
    groups: &'a Groups,
    token: Token,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.groups.lock().waiting.remove(&self.token);
    }
}
