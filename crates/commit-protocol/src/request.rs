//! The requests of the commit protocol and the storage's answers to them.

use super::Ledger;

/// Version of a stored ledger, as assigned by the storage (on S3, the `ETag`). Different contents always have different
/// versions. Equal contents may have the same version; that is safe, because a ledger only grows and never returns to
/// an earlier state.
pub type Version = String;

/// A request to the storage. A group and a first offset identify an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// Read the partition's ledger. The answer is [`Answer::Ledger`] or [`Answer::Absent`].
    ReadLedger,
    /// Write the ledger if it does not exist. The answer is [`Answer::Written`] or [`Answer::PreconditionFailed`].
    CreateLedger(Ledger),
    /// Write the ledger if the stored one still has this version. The answer is [`Answer::Written`] or
    /// [`Answer::PreconditionFailed`].
    ReplaceLedger(Ledger, Version),
    /// Check whether the partition has an object in a group. The answer is [`Answer::Objects`], with at least one first
    /// offset if an object exists.
    ProbeGroup {
        /// Index of the group in the batch.
        group: usize,
    },
    /// List the partition's objects in a group whose first offsets are in `from..=to`. The answer is
    /// [`Answer::Objects`].
    ListObjects {
        /// Index of the group in the batch.
        group: usize,
        /// Lowest first offset to list.
        from: i64,
        /// Highest first offset to list.
        to: i64,
    },
    /// Read an object. The answer is [`Answer::Object`].
    ReadObject {
        /// Index of the group in the batch.
        group: usize,
        /// The object's first offset.
        first: i64,
    },
    /// Create an object, named after the offset of its first record, if its key does not exist. The answer is
    /// [`Answer::Written`] or [`Answer::PreconditionFailed`].
    PutObject {
        /// Index of the group in the batch.
        group: usize,
        /// Ascending indexes of the object's records in [`super::CommitProtocol::records`]; never empty.
        records: Vec<usize>,
    },
}

/// The storage's answer to a request. A request that fails has no answer; the batch then fails.
#[derive(Clone, Debug)]
pub enum Answer<'o> {
    /// The ledger does not exist.
    Absent,
    /// The stored ledger, with its version.
    Ledger(Ledger, Version),
    /// The storage has written the ledger or object, which now has this version.
    Written(Version),
    /// The storage has not written the ledger or object: its key already exists, or the stored ledger no longer has the
    /// required version.
    PreconditionFailed,
    /// First offsets of the objects found.
    Objects(&'o [i64]),
    /// The offsets and lines of an object, in the object's order.
    Object(&'o [(i64, &'o [u8])]),
}
