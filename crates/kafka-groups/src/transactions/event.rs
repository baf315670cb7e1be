//! Changes of transactions, as the broker's journal stores them.

use super::{Producer, Transaction, TransactionState};
use crate::codec::{DecodeError, Decoder, Encoder};

/// A change of [`Transactions`](super::Transactions).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionEvent {
    /// The new state of a transactional id.
    Updated { transactional_id: String, transaction: Transaction },
    /// A transactional id is removed.
    Removed { transactional_id: String },
}

impl TransactionEvent {
    /// Appends the encoded event to `bytes`.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        match self {
            TransactionEvent::Updated { transactional_id, transaction } => {
                let mut entry = Encoder::new(bytes, 1);
                entry
                    .text(transactional_id)
                    .u8(state_number(transaction.state))
                    .i64(transaction.producer.id)
                    .i16(transaction.producer.epoch)
                    .i16(transaction.last_epoch)
                    .i64(transaction.previous_producer_id)
                    .i32(transaction.timeout_ms)
                    .partitions(&transaction.partitions)
                    .length(transaction.groups.len());
                for group_id in &transaction.groups {
                    entry.text(group_id);
                }
                entry.i64(transaction.start_ms).i64(transaction.update_ms);
            }
            TransactionEvent::Removed { transactional_id } => {
                Encoder::new(bytes, 2).text(transactional_id);
            }
        }
    }

    /// Decodes an event.
    ///
    /// # Errors
    ///
    /// Returns an error unless `bytes` is exactly one encoded event.
    pub fn decode(bytes: &[u8]) -> Result<TransactionEvent, DecodeError> {
        let (mut entry, kind) = Decoder::new(bytes)?;
        let event = match kind {
            1 => TransactionEvent::Updated {
                transactional_id: entry.text()?,
                transaction: Transaction {
                    state: state(entry.u8()?)?,
                    producer: Producer { id: entry.i64()?, epoch: entry.i16()? },
                    last_epoch: entry.i16()?,
                    previous_producer_id: entry.i64()?,
                    timeout_ms: entry.i32()?,
                    partitions: entry.partitions()?,
                    groups: (0..entry.length()?).map(|_| entry.text()).collect::<Result<_, _>>()?,
                    start_ms: entry.i64()?,
                    update_ms: entry.i64()?,
                },
            },
            2 => TransactionEvent::Removed { transactional_id: entry.text()? },
            kind => return Err(DecodeError::UnknownKind(kind)),
        };
        entry.finish(event)
    }
}

/// Returns the state's number in Kafka's transaction log.
fn state_number(state: TransactionState) -> u8 {
    match state {
        TransactionState::Empty => 0,
        TransactionState::Ongoing => 1,
        TransactionState::PrepareCommit => 2,
        TransactionState::PrepareAbort => 3,
        TransactionState::CompleteCommit => 4,
        TransactionState::CompleteAbort => 5,
    }
}

fn state(number: u8) -> Result<TransactionState, DecodeError> {
    match number {
        0 => Ok(TransactionState::Empty),
        1 => Ok(TransactionState::Ongoing),
        2 => Ok(TransactionState::PrepareCommit),
        3 => Ok(TransactionState::PrepareAbort),
        4 => Ok(TransactionState::CompleteCommit),
        5 => Ok(TransactionState::CompleteAbort),
        number => Err(DecodeError::UnknownState(number)),
    }
}
