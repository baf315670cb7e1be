//! Changes of committed offsets, as the broker's journal stores them.

use super::{CommittedOffset, TopicPartition};

/// Format of the encoded events: the first byte of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum OffsetsFormat {
    V1 = 1,
}

/// A change of [`Offsets`](super::Offsets).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OffsetEvent {
    /// A group commits an offset.
    Committed { group_id: String, partition: TopicPartition, offset: CommittedOffset },
    /// An administrator deletes a committed offset.
    Deleted { group_id: String, partition: TopicPartition },
    /// An administrator deletes a group and all of its offsets.
    GroupDeleted { group_id: String },
    /// A transaction commits an offset, which becomes visible when the transaction is committed.
    Pending { group_id: String, producer_id: i64, partition: TopicPartition, offset: CommittedOffset },
    /// A transaction ends; its pending offsets in the group become visible or are dropped.
    TransactionEnded { group_id: String, producer_id: i64, committed: bool },
}

/// A journal entry that is no [`OffsetEvent`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("the entry ends early")]
    Truncated,
    #[error("{0} bytes follow the entry")]
    TrailingBytes(usize),
    #[error("unknown format {0}")]
    UnknownFormat(u8),
    #[error("unknown kind of entry {0}")]
    UnknownKind(u8),
    #[error("a text is not valid UTF-8")]
    InvalidText,
}

impl OffsetEvent {
    /// Appends the encoded event to `bytes`.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        let _ = bytes;
    }

    /// Decodes an event.
    ///
    /// # Errors
    ///
    /// Returns an error unless `bytes` is exactly one encoded event.
    pub fn decode(bytes: &[u8]) -> Result<OffsetEvent, DecodeError> {
        let _ = bytes;
        Err(DecodeError::Truncated)
    }
}
