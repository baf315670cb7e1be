//! A row of the report: the totals of one partition.

use commit_protocol::Ledger;
use serde::Serialize;

use crate::finding::PartitionKey;

/// The totals of a partition in one generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    #[serde(flatten)]
    pub partition: PartitionKey,
    /// Number of valid records. An offset that is stored several times counts once.
    pub stored: u64,
    /// Number of quarantined records. An offset that is stored several times counts once.
    pub quarantined: u64,
    pub objects: u64,
    /// First stored offset; `None` if nothing is stored.
    pub first: Option<i64>,
    /// Last stored offset; `None` if nothing is stored.
    pub last: Option<i64>,
    /// Number of missing offsets.
    pub missing: u64,
    /// Number of gaps that the missing offsets form.
    pub gaps: u64,
    /// Number of offsets that are in no object for a harmless reason: the broker does not deliver them, or it has
    /// removed them and they are below the first stored offset.
    pub not_delivered: u64,
    /// Number of lines whose offset is already stored in an earlier line.
    pub repeats: u64,
    /// The ledger, or `None` if no readable ledger exists.
    pub ledger: Option<LedgerSummary>,
    /// The broker's watermarks, or `None` if the partition was not compared with a broker.
    pub broker: Option<Watermarks>,
}

/// The parts of a ledger that the report shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LedgerSummary {
    /// Every offset below this one is stored or in a gap.
    pub next: i64,
    /// The gaps that the ledger lists, each as first and last offset, both inclusive.
    pub gaps: Vec<(i64, i64)>,
}

/// A partition's watermarks on the broker, and its lag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Watermarks {
    /// The first offset that the broker still has.
    pub low: i64,
    /// The offset after the last record.
    pub high: i64,
    /// Number of offsets below `high` that the broker has and the lake has not reached yet.
    pub lag: u64,
}

impl Row {
    /// Creates the row of a partition before its objects are read.
    pub(crate) fn new(partition: PartitionKey, ledger: Option<&Ledger>) -> Self {
        Row {
            partition,
            stored: 0,
            quarantined: 0,
            objects: 0,
            first: None,
            last: None,
            missing: 0,
            gaps: 0,
            not_delivered: 0,
            repeats: 0,
            ledger: ledger.map(LedgerSummary::from),
            broker: None,
        }
    }
}

impl From<&Ledger> for LedgerSummary {
    fn from(ledger: &Ledger) -> Self {
        let gaps = ledger.gaps.iter().map(|gap| (gap.start, gap.end - 1));
        LedgerSummary { next: ledger.next, gaps: gaps.collect() }
    }
}
