//! Why a partition's records are not all stored, by what to do about it.

use super::s3_adapter::{Damage, S3Error};

/// Number of times that a ledger may change between a read and a write before the batch fails.
pub(super) const MAX_LEDGER_CONFLICTS: u32 = 20;

/// Why a partition's records are not all stored.
#[derive(Debug, thiserror::Error)]
#[error("topic {topic}, partition {partition}, offsets {retry_from} to {last_offset}: {cause}")]
pub struct PartitionError {
    /// Name of the topic.
    pub topic: String,
    /// Number of the partition.
    pub partition: i32,
    /// Offset from which the partition must be delivered again: the batch's first ([`CommitProtocol::retry_from`]).
    pub retry_from: i64,
    /// The batch's last offset.
    pub last_offset: i64,
    /// Number of the partition's records in the batch, duplicates included.
    pub records: u64,
    /// Why they are not stored.
    #[source]
    pub cause: Cause,
}

/// Why a partition's records are not stored, by what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// S3 has not done what was requested. The records may be stored when they are delivered again.
    #[error(transparent)]
    Storage(S3Error),
    /// Other writers changed the ledger each time, or the server does not compare `ETag`s as S3 does.
    #[error(
        "failed to write {ledger}: it changed between reading and writing {MAX_LEDGER_CONFLICTS} times; if it has no other writer, the server does not honour If-Match with the ETag that it returns"
    )]
    LedgerConflicts {
        /// URL of the ledger.
        ledger: String,
    },
    /// An object could not be compressed.
    #[error("failed to compress {object}: {source}")]
    Compression {
        /// URL of the object.
        object: String,
        /// The codec's error.
        source: std::io::Error,
    },
    /// The records contradict what is stored. Delivering them again does not help: an operator has to act.
    #[error(transparent)]
    Rejected(Rejection),
}

/// Why the records of a partition were rejected.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// Two records of the event have the same offset.
    #[error("the event holds two different records of offset {offset}")]
    ConflictingRecords {
        /// Offset of both records.
        offset: i64,
    },
    /// The ledger is lost.
    #[error(
        "{ledger} is missing although objects exist (for example {object}); pause the event source and run `tickerlake repair`"
    )]
    LedgerMissing {
        /// URL of the ledger.
        ledger: String,
        /// URL of one of the objects.
        object: String,
    },
    /// The ledger was deleted after the batch had read it.
    #[error("{ledger} was deleted while records were being stored; pause the event source and run `tickerlake repair`")]
    LedgerDeleted {
        /// URL of the ledger.
        ledger: String,
    },
    /// The ledger was written with other settings.
    #[error(
        "the sink is configured to write {configured}, but according to {ledger} its objects are {stored}; restore SINK_COMPRESSION, SINK_PARTITION_BY and SINK_PARTITION_FIELD, wait until the lag is 0, and change them together with a new SINK_PREFIX"
    )]
    LayoutDiffers {
        /// URL of the ledger.
        ledger: String,
        /// Key pattern of the settings.
        configured: String,
        /// Key pattern in the ledger.
        stored: String,
    },
    /// The topic was recreated, or a broker lost the end of its log.
    #[error(
        "{object} holds another record of offset {offset}, so offsets are being used again; if the topic was recreated, or its broker lost records, set SINK_TOPIC_GENERATION to {next_generation}, or to one more than the greatest in use"
    )]
    OffsetReused {
        /// URL of the object.
        object: String,
        /// Offset of both records.
        offset: i64,
        /// The generation after the configured one.
        next_generation: u32,
    },
    /// An object is empty or has a wrong name.
    #[error("{object} does not begin with the offset in its name; see `tickerlake audit`")]
    WrongFirstOffset {
        /// URL of the object.
        object: String,
    },
    /// An object or a ledger is damaged.
    #[error("{url} {source}")]
    Damaged {
        /// URL of the object or ledger.
        url: String,
        /// Kind of damage.
        source: Damage,
    },
    /// The commit protocol is not done and waits for no answer.
    #[error("internal error: the commit protocol has no next request (this is a bug)")]
    NoNextRequest,
}

impl From<S3Error> for Cause {
    fn from(error: S3Error) -> Self {
        match error {
            S3Error::Failed { .. } => Cause::Storage(error),
            S3Error::Damaged { url, source } => Cause::Rejected(Rejection::Damaged { url, source }),
        }
    }
}
