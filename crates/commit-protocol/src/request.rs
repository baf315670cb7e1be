//! The requests of the commit protocol and the storage's answers to them.

use super::Ledger;

/// The version of a stored ledger, as the storage names it (S3: the `ETag`). Ledgers with different content have
/// different versions. The same content may get the same version again: a ledger only grows, so it never returns to
/// an earlier content.
pub type Version = String;

/// A request to the storage. The group and the first offset make up an object's key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// Read the partition's ledger: [`Answer::Ledger`] or [`Answer::Absent`].
    ReadLedger,
    /// Write the ledger if none exists: [`Answer::Written`] or [`Answer::Conflict`].
    CreateLedger(Ledger),
    /// Write the ledger if it still has this version: [`Answer::Written`] or [`Answer::Conflict`].
    ReplaceLedger(Ledger, Version),
    /// Find any one of the partition's objects in a group: [`Answer::Objects`], with at least one first offset if there
    /// is an object.
    ProbeGroup {
        /// Index of the group in the batch.
        group: usize,
    },
    /// List the partition's objects in a group whose first offsets are in `from..=to`: [`Answer::Objects`].
    ListObjects {
        /// Index of the group in the batch.
        group: usize,
        /// Smallest first offset to list.
        from: i64,
        /// Greatest first offset to list.
        to: i64,
    },
    /// Read an object: [`Answer::Object`].
    ReadObject {
        /// Index of the group in the batch.
        group: usize,
        /// The object's first offset.
        first: i64,
    },
    /// Create an object named by the offset of its first record, if that key does not exist: [`Answer::Written`] or
    /// [`Answer::Conflict`].
    PutObject {
        /// Index of the group in the batch.
        group: usize,
        /// Indexes of its records in [`super::CommitProtocol::records`]; never empty.
        records: Vec<usize>,
    },
}

/// The storage's answer to a request. A request that fails has no answer: the batch fails.
#[derive(Clone, Debug)]
pub enum Answer<'o> {
    /// No ledger exists.
    Absent,
    /// The stored ledger, with its version.
    Ledger(Ledger, Version),
    /// The storage has written the ledger or object, which now has this version.
    Written(Version),
    /// The storage has not written it: the key exists, or the ledger has another version.
    Conflict,
    /// First offsets of objects.
    Objects(&'o [i64]),
    /// The offsets and lines of an object, in the object's order.
    Object(&'o [(i64, &'o [u8])]),
}
