//! A coordinator whose state is the sum of the events in a journal.

use kafka_groups::GroupCoordinator;
use kafka_groups::offsets::{DecodeError, OffsetEvent};
use kafka_groups::transactions::{TransactionEvent, Transactions};
use kafka_log::{Journal, StorageError};

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
        Ok(Journaled { coordinator, journal })
    }

    /// Stores events, makes them visible, and rewrites the journal when it has grown.
    pub(crate) fn store(&mut self, events: Vec<C::Event>) -> Result<(), StorageError> {
        for event in events {
            self.append(&event)?;
            self.coordinator.replay(event);
        }
        if self.journal.needs_rewrite() {
            self.journal.rewrite(self.coordinator.snapshot().iter().map(C::encode))?;
        }
        Ok(())
    }

    /// Stores an event that is visible already.
    pub(crate) fn append(&mut self, event: &C::Event) -> Result<(), StorageError> {
        self.journal.append(&C::encode(event))
    }

    /// Writes the journal to the disk.
    pub(crate) fn flush(&mut self) -> Result<(), StorageError> {
        self.journal.flush()
    }
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
