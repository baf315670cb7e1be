//! What an audit can find, and what can be done about it. Pure.

use serde::{Serialize, Serializer};

/// What was found, in the order in which it is told. From [`Kind::LedgerBehind`] on it is only noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Between stored offsets, in no object, and not declared.
    Missing,
    /// Below the first stored offset.
    BeforeFirst,
    /// The ledger says that they were passed over.
    Declared,
    /// At or past the ledger's `next`.
    Uncommitted,
    /// The ledger says that they are stored.
    LedgerAhead,
    /// One record in two objects.
    Twice,
    /// Two records of one offset.
    TwoRecords,
    /// An object that cannot be read.
    Damaged,
    /// An object that begins with another offset than its name tells.
    WrongOffset,
    /// An object whose lines are not in the order of their offsets.
    OutOfOrder,
    /// An object that spans more offsets than the sink gives one.
    TooWide,
    /// A line that is none of the sink's.
    ForeignLine,
    /// A line of another partition, generation or topic.
    OtherPartition,
    /// A record that was not sent in the time that its folder tells.
    WrongFolder,
    /// There are objects and no ledger.
    NoLedger,
    /// A ledger that cannot be read.
    LedgerDamaged,
    /// Objects made by other settings than the ledger's.
    OtherLayout,
    /// The ledger has not come as far as the objects.
    LedgerBehind,
    /// What the broker does not deliver.
    NotDelivered,
    /// Below the first stored offset, where nobody can tell.
    CannotTell,
    /// The broker ends before what is stored.
    BrokerBehind,
    /// Why the broker was not asked.
    NotCompared,
    /// Not the sink's.
    ForeignObject,
}

impl Kind {
    /// The kind as a name, for scripts.
    pub fn name(self) -> &'static str {
        self.words().0
    }

    /// What can be done.
    pub fn remedy(self) -> &'static str {
        self.words().1
    }

    /// Whether the lake is other than it should be. What is none is only noted.
    pub fn is_fault(self) -> bool {
        self < Kind::LedgerBehind
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Kind::Missing => (
                "missing",
                "if an object was lost, bring it back (from the bucket's earlier versions, say), or have the records \
                 delivered again while the broker has them; with --bootstrap-server the broker tells which of them it \
                 delivers: transaction markers and what compaction has removed are never stored",
            ),
            Kind::BeforeFirst => (
                "missing before the first",
                "the first object was lost, or the mapping began later than the topic: then say so with --from-first; \
                 with --bootstrap-server the broker tells what it still has",
            ),
            Kind::Declared => (
                "declared by the ledger",
                "given up, or passed over: have them delivered again; those that the broker has no more are kept where \
                 --on-failure said",
            ),
            Kind::Uncommitted => (
                "not stored yet",
                "an invocation is under way, or one has failed: they are delivered again; then audit again",
            ),
            Kind::LedgerAhead => (
                "ledger ahead of the data",
                "the ledger says that they are stored: objects were lost after it was written; bring them back, or have \
                 the records delivered again while the broker has them",
            ),
            Kind::Twice => (
                "stored twice",
                "the records are the same, so no query over distinct records errs; delete the later object once the \
                 earlier holds all of its records, while no mapping delivers",
            ),
            Kind::TwoRecords => (
                "two records of one offset",
                "offsets were used again: the topic was made anew, or a broker lost its tail; from then on give the sink \
                 the next SINK_TOPIC_GENERATION",
            ),
            Kind::Damaged => (
                "damaged",
                "bring the object back, or remove it and have its records delivered again while the broker has them",
            ),
            Kind::WrongOffset => {
                ("wrong offset", "give the object the name of its first offset, or bring back the right one")
            }
            Kind::OutOfOrder => ("out of order", "no sink writes such an object: bring back the right one"),
            Kind::TooWide => ("spans too many offsets", "no sink writes such an object: bring back the right one"),
            Kind::ForeignLine => ("foreign line", "no sink writes such a line: bring back the right object"),
            Kind::OtherPartition => ("other partition", "no sink writes such an object: bring back the right one"),
            Kind::WrongFolder => {
                ("wrong folder", "queries that name a day miss or misplace the record: move the object")
            }
            Kind::NoLedger => (
                "no ledger",
                "the function refuses to store more of this partition: stop the mapping, then `tickerlake repair`",
            ),
            Kind::LedgerDamaged => ("damaged ledger", "stop the mapping, remove the ledger, then `tickerlake repair`"),
            Kind::OtherLayout => (
                "other settings",
                "the settings must be the ledger's (its layout); to change them, drain the mapping and take a new SINK_PREFIX",
            ),
            Kind::LedgerBehind => (
                "ledger behind the data",
                "an invocation is under way, or one has failed after it had stored objects: these are looked at when \
                 their records are delivered again",
            ),
            Kind::NotDelivered => (
                "not delivered",
                "the broker does not deliver these offsets: transaction markers, aborted, or removed by compaction",
            ),
            Kind::CannotTell => ("cannot be told", "the broker has nothing of it any more"),
            Kind::BrokerBehind => (
                "broker behind the lake",
                "the topic was made anew, or the broker lost its tail: give the sink the next SINK_TOPIC_GENERATION",
            ),
            Kind::NotCompared => ("not compared", "the broker holds the topic's newest generation only"),
            Kind::ForeignObject => ("foreign object", "not the sink's; queries may stumble over it: keep it elsewhere"),
        }
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
