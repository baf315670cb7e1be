//! Changes of committed offsets and of generations, as the broker's journal stores them.

use super::{CommittedOffset, TopicPartition};
use crate::classic::StoredGeneration;
use crate::codec::{DecodeError, Decoder, Encoder};

/// A change of [`Offsets`](super::Offsets) or of a group's generation and members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OffsetEvent {
    /// A group commits an offset.
    Committed { group_id: String, partition: TopicPartition, offset: CommittedOffset },
    /// A committed offset is deleted, also from open transactions.
    Deleted { group_id: String, partition: TopicPartition },
    /// A group is deleted, with all of its offsets.
    GroupDeleted { group_id: String },
    /// A transaction commits an offset, which becomes visible when the transaction is committed.
    Pending { group_id: String, producer_id: i64, partition: TopicPartition, offset: CommittedOffset },
    /// A transaction ends; its pending offsets become visible or are dropped.
    TransactionEnded { producer_id: i64, committed: bool },
    /// A group has a new generation, without members or with members that join again after a restart. It continues with
    /// the next generation then.
    Generation { group_id: String, generation_id: i32, protocol_type: String },
    /// A group of static members has a new generation with assignments, or one of them has a new id. The members
    /// continue after a restart.
    Members { group_id: String, generation: StoredGeneration },
}

impl OffsetEvent {
    /// Appends the encoded event to `bytes`.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        match self {
            OffsetEvent::Committed { group_id, partition, offset } => {
                encode_offset(Encoder::new(bytes, 1).text(group_id).partition(partition), offset);
            }
            OffsetEvent::Deleted { group_id, partition } => {
                Encoder::new(bytes, 2).text(group_id).partition(partition);
            }
            OffsetEvent::GroupDeleted { group_id } => {
                Encoder::new(bytes, 3).text(group_id);
            }
            OffsetEvent::Pending { group_id, producer_id, partition, offset } => {
                encode_offset(Encoder::new(bytes, 4).text(group_id).i64(*producer_id).partition(partition), offset);
            }
            OffsetEvent::TransactionEnded { producer_id, committed } => {
                Encoder::new(bytes, 5).i64(*producer_id).bool(*committed);
            }
            OffsetEvent::Generation { group_id, generation_id, protocol_type } => {
                Encoder::new(bytes, 6).text(group_id).i32(*generation_id).text(protocol_type);
            }
            OffsetEvent::Members { group_id, generation } => {
                generation.encode(Encoder::new(bytes, 7).text(group_id));
            }
        }
    }

    /// Decodes an event.
    ///
    /// # Errors
    ///
    /// Returns an error unless `bytes` is exactly one encoded event.
    pub fn decode(bytes: &[u8]) -> Result<OffsetEvent, DecodeError> {
        let (mut entry, kind) = Decoder::new(bytes)?;
        let event = match kind {
            1 => OffsetEvent::Committed {
                group_id: entry.text()?,
                partition: entry.partition()?,
                offset: decode_offset(&mut entry)?,
            },
            2 => OffsetEvent::Deleted { group_id: entry.text()?, partition: entry.partition()? },
            3 => OffsetEvent::GroupDeleted { group_id: entry.text()? },
            4 => OffsetEvent::Pending {
                group_id: entry.text()?,
                producer_id: entry.i64()?,
                partition: entry.partition()?,
                offset: decode_offset(&mut entry)?,
            },
            5 => OffsetEvent::TransactionEnded { producer_id: entry.i64()?, committed: entry.bool()? },
            6 => OffsetEvent::Generation {
                group_id: entry.text()?,
                generation_id: entry.i32()?,
                protocol_type: entry.text()?,
            },
            7 => OffsetEvent::Members { group_id: entry.text()?, generation: StoredGeneration::decode(&mut entry)? },
            kind => return Err(DecodeError::UnknownKind(kind)),
        };
        entry.finish(event)
    }
}

fn encode_offset(entry: &mut Encoder<'_>, offset: &CommittedOffset) {
    entry.i64(offset.offset).i32(offset.leader_epoch).text(&offset.metadata).i64(offset.commit_timestamp_ms);
}

fn decode_offset(entry: &mut Decoder<'_>) -> Result<CommittedOffset, DecodeError> {
    Ok(CommittedOffset {
        offset: entry.i64()?,
        leader_epoch: entry.i32()?,
        metadata: entry.text()?,
        commit_timestamp_ms: entry.i64()?,
    })
}
