//! A coordinator whose state is the sum of the events in a journal.

use std::sync::Arc;

use kafka_groups::GroupCoordinator;
use kafka_groups::offsets::{DecodeError, OffsetEvent};
use kafka_groups::transactions::{TransactionEvent, Transactions};
use kafka_log::{Journal, Rewrite, StorageError};
use tokio::sync::Notify;

use crate::blocking::blocking;

/// `NOT_COORDINATOR`, which Apache Kafka answers if it fails to store a change. Clients retry.
pub(crate) const NOT_COORDINATOR: i16 = 16;

/// A state machine that can be rebuilt from its events.
pub(crate) trait Replay {
    type Event;

    fn encode(event: &Self::Event) -> Vec<u8>;
    fn decode(entry: &[u8]) -> Result<Self::Event, DecodeError>;
    fn replay(&mut self, event: Self::Event);
    /// Returns the fewest events that lead to the present state.
    fn snapshot(&self) -> Vec<Self::Event>;
}

/// A coordinator with its journal.
#[derive(Debug)]
pub(crate) struct Journaled<C> {
    pub(crate) coordinator: C,
    journal: Journal,
    /// Signals [`run_rewrites`] that a rewrite of the journal is due.
    grown: Arc<Notify>,
}

/// An entry of the journal that cannot be decoded.
pub(crate) struct InvalidEntry {
    pub(crate) index: usize,
    pub(crate) source: DecodeError,
}

impl<C: Replay> Journaled<C> {
    /// Replays the stored entries.
    pub(crate) fn open(mut coordinator: C, journal: Journal, entries: &[Vec<u8>]) -> Result<Self, InvalidEntry> {
        for (index, entry) in entries.iter().enumerate() {
            coordinator.replay(C::decode(entry).map_err(|source| InvalidEntry { index, source })?);
        }
        Ok(Journaled { coordinator, journal, grown: Arc::default() })
    }

    /// Stores events, then makes them visible.
    pub(crate) fn store(&mut self, events: Vec<C::Event>) -> Result<(), StorageError> {
        for event in events {
            self.append(&event)?;
            self.coordinator.replay(event);
        }
        Ok(())
    }

    /// Stores an event that is visible already.
    pub(crate) fn append(&mut self, event: &C::Event) -> Result<(), StorageError> {
        self.journal.append(&C::encode(event))?;
        if self.journal.needs_rewrite() {
            self.grown.notify_one();
        }
        Ok(())
    }

    fn begin_rewrite(&mut self) -> Option<Rewrite> {
        if !self.journal.needs_rewrite() {
            return None;
        }
        self.journal.begin_rewrite(self.coordinator.snapshot().iter().map(C::encode))
    }

    /// Writes the journal to the disk.
    pub(crate) fn flush(&mut self) -> Result<(), StorageError> {
        self.journal.flush()
    }
}

/// A lock that guards a coordinator with its journal.
pub(crate) trait Guarded {
    type Coordinator: Replay;

    /// Calls `access` while the lock is held.
    fn with<T>(&self, access: impl FnOnce(&mut Journaled<Self::Coordinator>) -> T) -> T;
}

/// Rewrites the journal whenever it has grown, until the future is dropped. The file is written without the lock, so
/// requests do not wait for the disk. The journal is complete without the rewrite, so a failure is only logged.
pub(crate) async fn run_rewrites(guarded: &impl Guarded) {
    let grown = guarded.with(|journaled| Arc::clone(&journaled.grown));
    loop {
        grown.notified().await;
        if let Err(error) = blocking(|| rewrite(guarded)) {
            tracing::error!(%error, "failed to rewrite a journal, which keeps growing until the next attempt");
        }
    }
}

fn rewrite(guarded: &impl Guarded) -> Result<(), StorageError> {
    let Some(rewrite) = guarded.with(Journaled::begin_rewrite) else { return Ok(()) };
    rewrite.write()?;
    guarded.with(|journaled| journaled.journal.finish_rewrite(&rewrite))?;
    rewrite.sync()
}

/// Implements [`Replay`] by the methods of the same names.
macro_rules! impl_replay {
    ($coordinator:ty, $event:ty) => {
        impl Replay for $coordinator {
            type Event = $event;

            fn encode(event: &$event) -> Vec<u8> {
                let mut entry = Vec::new();
                event.encode(&mut entry);
                entry
            }

            fn decode(entry: &[u8]) -> Result<$event, DecodeError> {
                <$event>::decode(entry)
            }

            fn replay(&mut self, event: $event) {
                self.replay(event);
            }

            fn snapshot(&self) -> Vec<$event> {
                self.snapshot()
            }
        }
    };
}

impl_replay!(GroupCoordinator, OffsetEvent);
impl_replay!(Transactions, TransactionEvent);
