//! What is stored of a partition, in figures.

use commit_protocol::Ledger;
use serde::Serialize;

use crate::finding::Place;

/// What is stored of a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Which.
    #[serde(flatten)]
    pub place: Place,
    /// Good records, each offset once.
    pub stored: u64,
    /// Records put aside, each offset once.
    pub quarantined: u64,
    /// Objects.
    pub objects: u64,
    /// The first offset that is stored.
    pub first: Option<i64>,
    /// The last.
    pub last: Option<i64>,
    /// Offsets that are missing.
    pub missing: u64,
    /// Runs of them.
    pub gaps: u64,
    /// Offsets that are not stored because the broker does not deliver them.
    pub not_delivered: u64,
    /// Lines of offsets that another line holds already.
    pub repeats: u64,
    /// What the ledger says; none where there is none that can be read.
    pub ledger: Option<LedgerTold>,
    /// What the broker says; none where it was not asked.
    pub broker: Option<Watermarks>,
}

/// A ledger in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LedgerTold {
    /// Every offset below is stored, or in a gap.
    pub next: i64,
    /// Gaps that it still lists, first and last offset of each.
    pub gaps: Vec<(i64, i64)>,
}

/// How far the broker's partition reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Watermarks {
    /// The first offset that it still has.
    pub low: i64,
    /// One past the last.
    pub high: i64,
    /// Offsets that the lake has still to come to.
    pub lag: u64,
}

impl Row {
    /// The row of a partition of which nothing has been read but the ledger.
    pub(crate) fn new(place: Place, ledger: Option<&Ledger>) -> Self {
        Row {
            place,
            stored: 0,
            quarantined: 0,
            objects: 0,
            first: None,
            last: None,
            missing: 0,
            gaps: 0,
            not_delivered: 0,
            repeats: 0,
            ledger: ledger.map(LedgerTold::from),
            broker: None,
        }
    }
}

impl From<&Ledger> for LedgerTold {
    fn from(ledger: &Ledger) -> Self {
        let gaps = ledger.gaps.iter().map(|gap| (gap.start, gap.end - 1));
        LedgerTold { next: ledger.next, gaps: gaps.collect() }
    }
}
