//! The error for a partition whose records are not all stored, classified by the remedy.

use super::condition_ignored::ConditionIgnored;
use super::s3_adapter::{Damage, S3Error};

/// Number of ledger conflicts after which the partition fails. A conflict means that the ledger changed between the
/// read and the write.
pub(super) const MAX_LEDGER_CONFLICTS: u32 = 20;

/// Error for a partition whose records are not all stored.
#[derive(Debug, thiserror::Error)]
#[error("topic {topic}, partition {partition}, offsets {retry_from} to {last_offset}: {cause}")]
pub struct PartitionError {
    pub topic: String,
    pub partition: i32,
    /// Offset from which the partition must be delivered again: its first offset in the batch, see
    /// [`commit_protocol::CommitProtocol::retry_from`].
    pub retry_from: i64,
    /// The partition's last offset in the batch.
    pub last_offset: i64,
    /// Number of the partition's records in the batch, duplicates included.
    pub records: u64,
    #[source]
    pub cause: Cause,
}

/// Reason that a partition's records are not stored.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// A request to S3 failed. Delivering the records again may help.
    #[error(transparent)]
    Storage(S3Error),
    /// Other writers kept changing the ledger, or the server does not compare `ETag`s as S3 does.
    #[error(
        "failed to write {ledger}: it changed {MAX_LEDGER_CONFLICTS} times between being read and written; if no other writer exists, the server does not honour If-Match with the ETags that it returns; use one that does"
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
        source: std::io::Error,
    },
    /// The records contradict what is stored, or a stored object or ledger is missing or damaged. Delivering the
    /// records again does not help; an operator must intervene.
    #[error(transparent)]
    Rejected(Rejection),
}

/// Reason that the records of a partition were rejected.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// The event contains two different records with the same offset.
    #[error("the event contains two different records with offset {offset}; deliver only one of them")]
    ConflictingRecords {
        /// Offset of both records.
        offset: i64,
    },
    /// Objects exist, but the ledger does not.
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
    /// The ledger was written with a different rule for field names, or with different metadata.
    #[error(
        "{ledger} was written with {stored}, but the sink has {configured}; restore {stored}; to keep {configured} instead, wait until the lag is 0, then deploy it together with SINK_TOPIC_GENERATION={next_generation}, or one more than the highest generation in use"
    )]
    RulesDiffer {
        /// URL of the ledger.
        ledger: String,
        /// The sink's settings that differ.
        configured: String,
        /// The same settings in the ledger.
        stored: String,
        /// Generation after the configured one.
        next_generation: u32,
    },
    /// The ledger was written for a different pattern of object keys.
    #[error(
        "the sink is configured to write {configured}, but {ledger} is for objects named {stored}; restore SINK_COMPRESSION, SINK_PARTITION_BY and SINK_PARTITION_FIELD; to change these settings, wait until the lag is 0 and set a new SINK_PREFIX at the same time"
    )]
    LayoutDiffers {
        /// URL of the ledger.
        ledger: String,
        /// Key pattern of the sink's settings.
        configured: String,
        /// Key pattern in the ledger.
        stored: String,
    },
    /// An object contains a different record with the same offset: the topic was recreated, or a broker lost the end of
    /// its log.
    #[error(
        "{object} contains a different record with offset {offset}, so offsets are being reused; if the topic was recreated, or its broker lost records, set SINK_TOPIC_GENERATION to {next_generation}, or to one more than the highest generation in use"
    )]
    OffsetReused {
        /// URL of the object.
        object: String,
        /// Offset of both records.
        offset: i64,
        /// Generation after the configured one.
        next_generation: u32,
    },
    /// An object is empty, or does not begin with the offset in its name.
    #[error("{object} does not begin with the offset in its name; run `tickerlake audit`")]
    WrongFirstOffset {
        /// URL of the object.
        object: String,
    },
    /// An object or a ledger is damaged.
    #[error("{url} {source}")]
    Damaged {
        /// URL of the object or ledger.
        url: String,
        source: Damage,
    },
    /// The server does not honour conditional writes. Nothing was stored.
    #[error(transparent)]
    ConditionIgnored(ConditionIgnored),
    /// The commit protocol is not done, but no request is in flight.
    #[error("internal error: the commit protocol has no next request (this is a bug)")]
    NoNextRequest,
}

impl From<S3Error> for Cause {
    fn from(error: S3Error) -> Self {
        match error {
            S3Error::Failed { .. } => Cause::Storage(error),
            S3Error::ConditionIgnored(error) => Cause::Rejected(Rejection::ConditionIgnored(error)),
            S3Error::Damaged { url, source } => Cause::Rejected(Rejection::Damaged { url, source }),
        }
    }
}
