//! The last audit, and what it says about the records that are stored now.

use lake_audit::{Finding, Report, Row, Total};
use serde::Serialize;

/// Result of an audit, for the page.
#[derive(Debug, Serialize)]
pub(crate) struct AuditResult {
    /// Time at which the audit began, in milliseconds since 1970.
    pub(crate) began: i64,
    pub(crate) elapsed_ms: u64,
    /// Records that the pipeline had stored when the audit began; 0 without a pipeline.
    pub(crate) stored_before: u64,
    pub(crate) total: Total,
    /// The line that `tickerlake audit` prints at the end.
    pub(crate) line: String,
    pub(crate) rows: Vec<Row>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) kinds: Vec<Kind>,
}

/// A kind of findings, and how many there are.
#[derive(Debug, Serialize)]
pub(crate) struct Kind {
    kind: &'static str,
    count: u64,
    is_fault: bool,
    remedy: &'static str,
}

impl AuditResult {
    pub(crate) fn new(report: &Report, began: i64, elapsed_ms: u64, stored_before: u64) -> Self {
        let kinds = report.findings.kinds().map(|(kind, _, count)| Kind {
            kind: kind.name(),
            count,
            is_fault: kind.is_fault(),
            remedy: kind.remedy(),
        });
        AuditResult {
            began,
            elapsed_ms,
            stored_before,
            total: report.total(),
            line: report.closing_line(),
            rows: report.rows.clone(),
            findings: report.shown().cloned().collect(),
            kinds: kinds.collect(),
        }
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
    /// Nothing is missing and nothing is stored twice.
    Clean,
    /// The last audit found nothing, but records were stored after it.
    Stale,
    /// Something is missing, stored twice or damaged.
    Faults,
}

/// Returns the seal of an audit that found `total`. `since` is the number of records stored after it.
pub(crate) fn seal(total: &Total, since: u64) -> Seal {
    let is_whole = total.clean && total.missing == 0 && total.repeats == 0;
    match (is_whole, since) {
        (false, _) => Seal::Faults,
        (true, 0) => Seal::Clean,
        (true, _) => Seal::Stale,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seal_is_clean_only_if_nothing_is_missing_or_stored_twice() {
        let clean = Total { stored: 9, clean: true, ..Total::default() };
        assert_eq!(seal(&clean, 0), Seal::Clean);
        assert_eq!(seal(&clean, 1), Seal::Stale);
        for total in [
            Total { missing: 1, ..clean.clone() },
            Total { repeats: 1, ..clean.clone() },
            Total { clean: false, ..clean },
        ] {
            assert_eq!(seal(&total, 0), Seal::Faults, "{total:?}");
        }
    }
}
