//! What a protocol asks of the storage, and what it can be told.

use super::Ledger;

/// A ledger's version, as the storage names it: another one for other content. That is enough, for ledgers only grow.
pub type Version = String;

/// One request. Object keys are made of the group and the first offset.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// Read the partition's ledger: [`Answer::Ledger`] or [`Answer::Absent`].
    ReadLedger,
    /// Write the ledger if there is none: [`Answer::Written`] or [`Answer::Conflict`].
    CreateLedger(Ledger),
    /// Write the ledger if it still has this version: [`Answer::Written`] or [`Answer::Conflict`].
    ReplaceLedger(Ledger, Version),
    /// The first offset of any one of the partition's objects in a group, if there is one: [`Answer::Objects`].
    ProbeGroup {
        /// Which of the batch's groups.
        group: usize,
    },
    /// The first offsets of the partition's objects in a group, as far as they lie in `from..=to`:
    /// [`Answer::Objects`].
    ListObjects {
        /// Which of the batch's groups.
        group: usize,
        /// The least first offset.
        from: i64,
        /// The greatest.
        to: i64,
    },
    /// Read an object: [`Answer::Object`].
    ReadObject {
        /// Which of the batch's groups.
        group: usize,
        /// The object's first offset.
        first: i64,
    },
    /// Write an object under the offset of its first record, if there is none: [`Answer::Written`] or
    /// [`Answer::Conflict`].
    PutObject {
        /// Which of the batch's groups.
        group: usize,
        /// Its records, as places in [`super::CommitProtocol::records`]; never empty.
        records: Vec<usize>,
    },
}

/// What the storage answered. A request that failed has no answer: the batch has failed.
#[derive(Clone, Debug)]
pub enum Answer<'o> {
    /// There is no ledger.
    Absent,
    /// The ledger and its version.
    Ledger(Ledger, Version),
    /// It was written, and has this version.
    Written(Version),
    /// It was not written: something is there already, or the version is another one.
    Conflict,
    /// First offsets of objects.
    Objects(&'o [i64]),
    /// The offsets and lines of an object, in the object's order.
    Object(&'o [(i64, &'o [u8])]),
}
