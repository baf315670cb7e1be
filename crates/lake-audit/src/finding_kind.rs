//! The kinds of findings, and what can be done about each.

use serde::{Serialize, Serializer};

/// The kind of a finding, in the order of the report. From [`FindingKind::LedgerBehind`] on, a finding is only a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// Offsets between stored ones, in no object and not declared by the ledger.
    Missing,
    /// Offsets below the first stored one.
    BeforeFirst,
    /// Offsets that the ledger declares as skipped.
    Declared,
    /// Offsets at or past the ledger's `next`.
    Uncommitted,
    /// Offsets that are stored according to the ledger.
    LedgerAhead,
    /// One record in two objects.
    Duplicate,
    /// Two different records with one offset.
    TwoRecords,
    /// An object that cannot be read.
    Damaged,
    /// An object whose first offset is not the one in its name.
    WrongOffset,
    /// An object whose lines are not in the order of their offsets.
    OutOfOrder,
    /// An object that spans more offsets than the sink stores in one.
    TooWide,
    /// A line that the sink does not write.
    ForeignLine,
    /// A line of another partition, generation or topic.
    OtherPartition,
    /// A record whose timestamp does not belong into its folder.
    WrongFolder,
    /// Objects without a ledger.
    NoLedger,
    /// A ledger that cannot be read.
    LedgerDamaged,
    /// Objects that were written with other settings than the ledger's.
    OtherLayout,
    /// A ledger that has not reached the objects.
    LedgerBehind,
    /// Offsets that the broker does not deliver.
    NotDelivered,
    /// Offsets below the first stored one that the broker has removed.
    Unknown,
    /// The broker's partition ends before the stored offsets.
    BrokerBehind,
    /// Something that could not be compared with the broker.
    NotCompared,
    /// An object that the sink does not write.
    ForeignObject,
}

impl FindingKind {
    /// Returns the kind's name.
    pub fn name(self) -> &'static str {
        self.texts().0
    }

    /// Returns what can be done about it.
    pub fn remedy(self) -> &'static str {
        self.texts().1
    }

    /// Returns `true` if the lake is not as it should be. Other findings are only notes.
    pub fn is_fault(self) -> bool {
        self < FindingKind::LedgerBehind
    }

    fn texts(self) -> (&'static str, &'static str) {
        match self {
            FindingKind::Missing => (
                "missing",
                "if an object was lost, restore it (for example from the bucket's earlier versions), or have the \
                 records delivered again while the broker has them; with --bootstrap-server the audit shows which of \
                 them the broker delivers, since transaction markers and compacted records are never stored",
            ),
            FindingKind::BeforeFirst => (
                "missing before the first",
                "either the first object was lost, or the mapping began later than the topic: then use --from-first; \
                 with --bootstrap-server the audit shows what the broker still has",
            ),
            FindingKind::Declared => (
                "declared by the ledger",
                "they were given up or skipped: have them delivered again; if the broker no longer has them, redrive \
                 them from the --on-failure destination",
            ),
            FindingKind::Uncommitted => (
                "not stored yet",
                "an invocation is running or has failed, and they will be delivered again; then audit again",
            ),
            FindingKind::LedgerAhead => (
                "ledger ahead of the data",
                "the ledger counts them as stored, so objects were lost after it was written: restore the objects, or \
                 have the records delivered again while the broker has them",
            ),
            FindingKind::Duplicate => (
                "stored twice",
                "the records are equal, so queries over distinct records are right; to remove the duplicates, stop the \
                 mapping and delete the later object if the earlier one holds all of its records",
            ),
            FindingKind::TwoRecords => (
                "two records of one offset",
                "offsets were reused: the topic was recreated, or a broker lost its latest records; give the sink the \
                 next SINK_TOPIC_GENERATION from then on",
            ),
            FindingKind::Damaged => (
                "damaged",
                "restore the object, or delete it and have its records delivered again while the broker has them",
            ),
            FindingKind::WrongOffset => {
                ("wrong offset", "rename the object to its first offset, or restore the right object")
            }
            FindingKind::OutOfOrder => ("out of order", "the sink writes no such object: restore the right one"),
            FindingKind::TooWide => ("spans too many offsets", "the sink writes no such object: restore the right one"),
            FindingKind::ForeignLine => ("foreign line", "the sink writes no such line: restore the right object"),
            FindingKind::OtherPartition => ("other partition", "the sink writes no such object: restore the right one"),
            FindingKind::WrongFolder => {
                ("wrong folder", "queries that select a day miss or misplace the record: move the object")
            }
            FindingKind::NoLedger => (
                "no ledger",
                "the function stores no more records of this partition: stop the mapping, then run `tickerlake repair`",
            ),
            FindingKind::LedgerDamaged => {
                ("damaged ledger", "stop the mapping, delete the ledger, then run `tickerlake repair`")
            }
            FindingKind::OtherLayout => (
                "other settings",
                "the sink's settings must be those of the ledger's layout; to change them, let the mapping finish and \
                 use a new SINK_PREFIX",
            ),
            FindingKind::LedgerBehind => (
                "ledger behind the data",
                "an invocation is running, or has failed after it had stored objects; the sink compares these objects \
                 when their records are delivered again",
            ),
            FindingKind::NotDelivered => (
                "not delivered",
                "the broker does not deliver these offsets: they are transaction markers, aborted or compacted",
            ),
            FindingKind::Unknown => ("unknown", "the broker no longer has any of them"),
            FindingKind::BrokerBehind => (
                "broker behind the lake",
                "the topic was recreated, or the broker lost its latest records: give the sink the next \
                 SINK_TOPIC_GENERATION",
            ),
            FindingKind::NotCompared => ("not compared", "the broker has the topic's newest generation only"),
            FindingKind::ForeignObject => {
                ("foreign object", "not written by the sink; queries may fail on it, so store it elsewhere")
            }
        }
    }
}

impl Serialize for FindingKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
