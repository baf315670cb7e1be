//! The kinds of findings, each with its remedy.

use serde::{Serialize, Serializer};

/// The kind of a finding, in the order of the report. From [`FindingKind::LedgerBehind`] on, a finding is only a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FindingKind {
    /// Offsets that are in no object, between two stored offsets, and not declared as skipped by the ledger.
    Missing,
    /// Offsets in no object, below the first stored offset.
    BeforeFirst,
    /// Offsets that are in no object and declared as skipped by the ledger.
    Declared,
    /// Offsets that are in no object, between two stored offsets, and at or past the ledger's `next`.
    Uncommitted,
    /// Offsets past the last stored offset that the ledger's `next` or high watermarks count as stored.
    LedgerAhead,
    /// A record that is stored twice.
    Duplicate,
    /// Two different records with the same offset.
    TwoRecords,
    /// An object that cannot be read completely, or has no records.
    Damaged,
    /// An object whose first record does not have the offset in the object's name.
    WrongOffset,
    /// An object whose offsets do not increase from line to line.
    OutOfOrder,
    /// An object that spans more offsets than the sink stores in one object.
    TooWide,
    /// A line that the sink did not write.
    ForeignLine,
    /// A line whose partition, generation or topic differs from its object's.
    OtherPartition,
    /// A record whose timestamp does not belong in its folder.
    WrongFolder,
    /// A partition that has objects but no ledger.
    NoLedger,
    /// A ledger that cannot be read.
    LedgerDamaged,
    /// Objects that were written with different settings than the ledger.
    OtherLayout,
    /// A generation that `drop` has moved to the trash, or back, only in part.
    UnfinishedDrop,
    /// A ledger that does not cover the last stored offset: its `next` is not past that offset, and its high watermarks
    /// are below it.
    LedgerBehind,
    /// Offsets that are in no object because the broker does not deliver them.
    NotDelivered,
    /// Offsets below the first stored offset that the broker has removed.
    Unknown,
    /// A partition that ends at a lower offset on the broker than in the lake.
    BrokerBehind,
    /// A topic or generation that could not be compared with the broker.
    NotCompared,
    /// An object that the sink did not write.
    ForeignObject,
}

impl FindingKind {
    /// Returns the kind's name in text and JSON.
    pub fn name(self) -> &'static str {
        self.texts().0
    }

    /// Returns advice for the operator.
    pub fn remedy(self) -> &'static str {
        self.texts().1
    }

    /// Returns `true` if the finding is a fault of the lake, and `false` if it is only a note.
    pub fn is_fault(self) -> bool {
        self < FindingKind::LedgerBehind
    }

    fn texts(self) -> (&'static str, &'static str) {
        match self {
            FindingKind::Missing => (
                "missing",
                "if an object was lost, restore it (for example an earlier version in the bucket), or have its records \
                 delivered again while the broker still has them; with --bootstrap-server the audit shows which of \
                 these offsets the broker delivers, since transaction markers and compacted records are never stored",
            ),
            FindingKind::BeforeFirst => (
                "missing before the first",
                "either the first object was lost (restore it), or the event source started reading after the topic's \
                 first records (use --from-first); with --bootstrap-server the audit shows which of these offsets the \
                 broker still delivers",
            ),
            FindingKind::Declared => (
                "declared by the ledger",
                "these offsets were discarded or skipped; have their records delivered again, or, if the broker no \
                 longer has the records, redrive the batches in the --on-failure destination",
            ),
            FindingKind::Uncommitted => (
                "not stored yet",
                "an invocation is running, or has failed and its records will be delivered again; audit again later",
            ),
            FindingKind::LedgerAhead => (
                "ledger ahead of the data",
                "the ledger counts these offsets as stored, so objects were lost after the ledger was written; restore \
                 the objects, or have their records delivered again while the broker still has them",
            ),
            FindingKind::Duplicate => (
                "stored twice",
                "the records are equal, so queries over distinct records return correct results; to remove the \
                 duplicates, stop the event source, and delete the later object if the earlier one contains all of its \
                 records",
            ),
            FindingKind::TwoRecords => (
                "two records with the same offset",
                "offsets were reused: the topic was recreated, or the broker lost its latest records; set \
                 SINK_TOPIC_GENERATION to the next generation",
            ),
            FindingKind::Damaged => (
                "damaged",
                "restore the object, or delete it and have its records delivered again while the broker still has them",
            ),
            FindingKind::WrongOffset => {
                ("wrong offset", "rename the object after its first offset, or restore the original")
            }
            FindingKind::OutOfOrder => ("out of order", "the sink never writes such an object; restore the original"),
            FindingKind::TooWide => {
                ("spans too many offsets", "the sink never writes such an object; restore the original")
            }
            FindingKind::ForeignLine => {
                ("foreign line", "the sink never writes such a line; restore the original object")
            }
            FindingKind::OtherPartition => {
                ("other partition", "the sink never writes such an object; restore the original")
            }
            FindingKind::WrongFolder => (
                "wrong folder",
                "queries that select a day miss or misplace the record; move the object to the right folder",
            ),
            FindingKind::NoLedger => (
                "no ledger",
                "the sink rejects all further records of this partition; stop the event source, then run `tickerlake repair`",
            ),
            FindingKind::LedgerDamaged => {
                ("damaged ledger", "stop the event source, delete the ledger, then run `tickerlake repair`")
            }
            FindingKind::OtherLayout => (
                "other settings",
                "the sink's settings must match the ledger's layout; to change the settings, let the event source \
                 catch up, then use a new SINK_PREFIX",
            ),
            FindingKind::UnfinishedDrop => (
                "unfinished drop",
                "the generation is partly in the trash, so it was not audited; if no `tickerlake drop` is running, run \
                 it again to complete it, or with --restore to bring the generation back",
            ),
            FindingKind::LedgerBehind => (
                "ledger behind the data",
                "no action needed: an invocation is running, or has failed after storing objects; when the records are \
                 delivered again, the sink skips those that it finds in these objects",
            ),
            FindingKind::NotDelivered => (
                "not delivered",
                "no action needed: these offsets are transaction markers, or their records were aborted or compacted",
            ),
            FindingKind::Unknown => (
                "unknown",
                "the broker has removed these offsets, so whether they held records can no longer be determined",
            ),
            FindingKind::BrokerBehind => (
                "broker behind the lake",
                "the topic was recreated, or the broker lost its latest records; set SINK_TOPIC_GENERATION to the next \
                 generation",
            ),
            FindingKind::NotCompared => (
                "not compared",
                "only the newest generation of a topic can be compared, and only if the broker has the topic",
            ),
            FindingKind::ForeignObject => (
                "foreign object",
                "the sink did not write the object; queries may fail on it, so move it out of the lake",
            ),
        }
    }
}

impl Serialize for FindingKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
