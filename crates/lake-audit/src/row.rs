//! One row of the report: the figures of a partition.

use commit_protocol::Ledger;
use serde::Serialize;

use crate::finding::PartitionKey;

/// The figures of a partition in one generation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    #[serde(flatten)]
    pub partition: PartitionKey,
    /// Valid records; an offset counts once.
    pub stored: u64,
    /// Quarantined records; an offset counts once.
    pub quarantined: u64,
    /// Number of objects.
    pub objects: u64,
    /// The first stored offset.
    pub first: Option<i64>,
    /// The last stored offset.
    pub last: Option<i64>,
    /// Number of missing offsets.
    pub missing: u64,
    /// Number of gaps that they form.
    pub gaps: u64,
    /// Number of offsets that are not stored because the broker does not deliver them.
    pub not_delivered: u64,
    /// Number of lines whose offset another line has already.
    pub repeats: u64,
    /// The ledger, or `None` if no readable ledger exists.
    pub ledger: Option<LedgerSummary>,
    /// The broker's watermarks, or `None` if the broker was not asked.
    pub broker: Option<Watermarks>,
}

/// The parts of a ledger that the report shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LedgerSummary {
    /// Every offset below is stored or in a gap.
    pub next: i64,
    /// The gaps that it lists, each as first and last offset.
    pub gaps: Vec<(i64, i64)>,
}

/// Offsets of the broker's partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Watermarks {
    /// The first offset that the broker still has.
    pub low: i64,
    /// The offset after the last one.
    pub high: i64,
    /// Number of offsets that the lake does not have yet.
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
