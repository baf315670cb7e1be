//! The last audit, and whether it still covers the records that are stored now.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use lake_audit::{Finding, FindingKind, PartitionKey, Report, Row, Total};
use serde::Serialize;

/// Time for which the result of an audit counts as current if the console has no pipeline, and therefore does not know
/// whether more records have been stored.
const MAX_AGE: Duration = Duration::from_secs(60);

/// State of the lake when an audit began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Began {
    /// Milliseconds since 1970.
    pub(crate) at: i64,
    /// Records of the audited topic that the pipeline had stored; 0 without a pipeline.
    pub(crate) stored: u64,
    /// Number of changes by the lab.
    pub(crate) changes: u64,
}

/// Result of an audit, for the page.
#[derive(Debug, Serialize)]
pub(crate) struct AuditResult {
    #[serde(skip)]
    pub(crate) at_start: Began,
    /// Time at which the audit began, in milliseconds since 1970.
    pub(crate) began: i64,
    pub(crate) elapsed_ms: u64,
    pub(crate) total: Total,
    /// The line that `tickerlake audit` prints at the end.
    pub(crate) line: String,
    pub(crate) rows: Vec<Row>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) kinds: Vec<Kind>,
    /// Number of findings that were only counted, so the strips do not show them.
    not_drawn: u64,
    #[serde(skip)]
    pub(crate) marks: Marks,
}

/// A kind of finding, and the number of findings of this kind.
#[derive(Debug, Serialize)]
pub(crate) struct Kind {
    kind: &'static str,
    count: u64,
    is_fault: bool,
    remedy: &'static str,
}

impl AuditResult {
    pub(crate) fn new(report: &Report, at_start: Began, elapsed: Duration) -> Self {
        let kinds = report.findings.kinds().map(|(kind, _, count)| Kind {
            kind: kind.name(),
            count,
            is_fault: kind.is_fault(),
            remedy: kind.remedy(),
        });
        AuditResult {
            at_start,
            began: at_start.at,
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
            total: report.total(),
            line: report.closing_line(),
            rows: report.rows.clone(),
            findings: report.shown().cloned().collect(),
            kinds: kinds.collect(),
            not_drawn: report.findings.not_kept(),
            marks: Marks::new(report),
        }
    }
}

/// Everything that an audit found about individual objects and ranges of offsets, for the strips.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// Faults by object key: `true` if the object's records are stored twice, and the name of the fault.
    objects: HashMap<String, (bool, &'static str)>,
    gaps: BTreeMap<PartitionKey, Vec<Gap>>,
    /// The audited partitions, each with its last stored offset.
    last: BTreeMap<PartitionKey, Option<i64>>,
}

/// Offsets that are in no object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Gap {
    pub(crate) first: i64,
    /// Inclusive.
    pub(crate) last: i64,
    finding: &'static str,
}

/// How the page draws an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mark {
    /// No audit has read the object.
    Unknown,
    Valid,
    Quarantined,
    Twice,
    Damaged,
}

impl Mark {
    pub(crate) fn is_fault(self) -> bool {
        self >= Mark::Twice
    }
}

impl Marks {
    pub(crate) fn new(report: &Report) -> Self {
        let mut marks = Marks::default();
        marks.last.extend(report.rows.iter().map(|row| (row.partition.clone(), row.last)));
        for finding in report.findings.kept().filter(|finding| finding.kind.is_fault()) {
            let is_twice = matches!(finding.kind, FindingKind::Duplicate | FindingKind::TwoRecords);
            for key in &finding.keys {
                let (known, name) = marks.objects.entry(key.clone()).or_insert((is_twice, finding.kind.name()));
                // Damage takes precedence over duplicates.
                if *known && !is_twice {
                    (*known, *name) = (false, finding.kind.name());
                }
            }
            if let (true, Some(partition), Some(first), Some(last)) =
                (finding.keys.is_empty(), &finding.partition, finding.first, finding.last)
            {
                let gap = Gap { first, last, finding: finding.kind.name() };
                marks.gaps.entry(partition.clone()).or_default().push(gap);
            }
        }
        for gaps in marks.gaps.values_mut() {
            gaps.sort_by_key(|gap| gap.first);
        }
        marks
    }

    /// Returns how to draw an object, and the name of its fault.
    pub(crate) fn mark(
        &self,
        partition: &PartitionKey,
        key: &str,
        first: i64,
        is_quarantined: bool,
    ) -> (Mark, Option<&'static str>) {
        match self.objects.get(key) {
            Some((true, name)) => return (Mark::Twice, Some(name)),
            Some((false, name)) => return (Mark::Damaged, Some(name)),
            None if is_quarantined => return (Mark::Quarantined, None),
            None => {}
        }
        // Objects past the last offset were stored after the audit.
        match self.last.get(partition) {
            Some(Some(last)) if first <= *last => (Mark::Valid, None),
            _ => (Mark::Unknown, None),
        }
    }

    pub(crate) fn gaps(&self, partition: &PartitionKey) -> &[Gap] {
        self.gaps.get(partition).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn partitions_with_gaps(&self) -> impl Iterator<Item = &PartitionKey> {
        self.gaps.keys()
    }
}

/// State of the audit in the strip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Seal {
    /// No audit has run.
    None,
    Running,
    /// The last audit failed to read the lake.
    Failed,
    /// The last audit found no faults, and its result is current.
    Clean,
    /// The last audit found no faults, but records were stored after it.
    Stale,
    /// The last audit found no faults, but the lab acted after it.
    Changed,
    /// The last audit found no faults, but it is old, and other programs may have stored records since.
    Aged,
    /// Something is missing, stored twice or damaged.
    Faults,
}

/// The state of the lake now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Now {
    /// Milliseconds since 1970.
    pub(crate) at: i64,
    /// Records of the audited topic that the pipeline has stored; `None` without a pipeline.
    pub(crate) stored: Option<u64>,
}

/// Returns the seal of an audit that found `total`. `changes` is the number of changes by the lab so far.
pub(crate) fn seal(total: &Total, at_start: Began, now: Now, changes: u64) -> Seal {
    let is_whole = total.clean && total.missing == 0 && total.repeats == 0;
    let age = u128::from(now.at.saturating_sub(at_start.at).unsigned_abs());
    match now.stored {
        _ if !is_whole => Seal::Faults,
        _ if changes != at_start.changes => Seal::Changed,
        Some(stored) if stored != at_start.stored => Seal::Stale,
        None if age > MAX_AGE.as_millis() => Seal::Aged,
        _ => Seal::Clean,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Began = Began { at: 1_000_000, stored: 5, changes: 2 };

    fn now(stored: Option<u64>) -> Now {
        Now { at: START.at + 1_000, stored }
    }

    #[test]
    fn seal_is_clean_only_if_nothing_is_missing_or_stored_twice() {
        let clean = Total { stored: 9, clean: true, ..Total::default() };
        assert_eq!(seal(&clean, START, now(Some(5)), 2), Seal::Clean);
        for total in [
            Total { missing: 1, ..clean.clone() },
            Total { repeats: 1, ..clean.clone() },
            Total { clean: false, ..clean },
        ] {
            assert_eq!(seal(&total, START, now(Some(5)), 2), Seal::Faults, "{total:?}");
        }
    }

    #[test]
    fn seal_loses_its_colour_when_the_lake_changes() {
        let clean = Total { stored: 9, clean: true, ..Total::default() };
        assert_eq!(seal(&clean, START, now(Some(6)), 2), Seal::Stale);
        assert_eq!(seal(&clean, START, now(Some(5)), 3), Seal::Changed);
        let late = |stored| Now { at: START.at + 3_600_000, stored };
        assert_eq!(seal(&clean, START, late(Some(5)), 2), Seal::Clean, "nothing else writes to a lake of `up`");
        assert_eq!(seal(&clean, START, now(None), 2), Seal::Clean);
        assert_eq!(seal(&clean, START, late(None), 2), Seal::Aged);
    }
}
