//! Gaps: runs of offsets that are in no object, classified by the ledger.

use std::ops::Range;

use commit_protocol::{Ledger, MAX_OBJECT_SPAN};

use crate::finding_kind::FindingKind;

/// A run of offsets that are in no object. `kind` does not take the broker into account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) kind: FindingKind,
    pub(crate) offsets: Range<i64>,
}

/// Splits missing offsets into gaps of one kind each, according to the ledger. `first` is the partition's first stored
/// offset. `is_last` means that no offset after `missing` is stored.
pub(crate) fn split(missing: Range<i64>, ledger: Option<&Ledger>, first: Option<i64>, is_last: bool) -> Vec<Gap> {
    let undeclared = match (ledger, first) {
        _ if is_last => FindingKind::LedgerAhead,
        (_, Some(first)) if missing.end <= first => FindingKind::BeforeFirst,
        _ => FindingKind::Missing,
    };
    let next = ledger.map_or(i64::MAX, |ledger| ledger.next);
    let mut gaps = Vec::new();
    let mut add = |kind, offsets: Range<i64>| {
        if offsets.start < offsets.end {
            gaps.push(Gap { kind, offsets });
        }
    };
    let mut from = missing.start;
    let committed = missing.end.min(next).max(from);
    for gap in ledger.map_or(&[][..], |ledger| &ledger.gaps) {
        let declared = gap.start.clamp(from, committed)..gap.end.clamp(from, committed);
        if declared.is_empty() {
            continue;
        }
        add(undeclared, from..declared.start);
        from = declared.end;
        add(FindingKind::Declared, declared);
    }
    add(undeclared, from..committed);
    let uncommitted = if undeclared == FindingKind::Missing { FindingKind::Uncommitted } else { undeclared };
    add(uncommitted, committed..missing.end);
    gaps
}

/// Describes a gap according to the ledger. The description does not take the broker into account.
pub(crate) fn description(gap: &Gap, ledger: Option<&Ledger>) -> String {
    match (gap.kind, ledger) {
        (FindingKind::Missing, Some(ledger)) if gap.offsets.end.saturating_add(MAX_OBJECT_SPAN) <= ledger.next => {
            format!(
                "in no object; the ledger may have declared these offsets, since it drops a gap after {MAX_OBJECT_SPAN} more offsets"
            )
        }
        (FindingKind::Missing, Some(_)) => "in no object, and not declared by the ledger".to_owned(),
        (FindingKind::LedgerAhead, Some(ledger)) => {
            format!("in no object, although the ledger counts every offset below {} as stored", ledger.next)
        }
        (FindingKind::Declared, _) => "discarded or skipped, or missing when the ledger was rebuilt".to_owned(),
        (FindingKind::BeforeFirst, _) => format!("the first stored offset is {}", gap.offsets.end),
        _ => "in no object".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(next: i64, gaps: &[(i64, i64)]) -> Ledger {
        Ledger { gaps: gaps.iter().map(|&(start, end)| start..end).collect(), ..Ledger::starting_at(next, "") }
    }

    fn parts(missing: Range<i64>, ledger: Option<&Ledger>, is_last: bool) -> Vec<(FindingKind, Range<i64>)> {
        split(missing, ledger, Some(10), is_last).into_iter().map(|gap| (gap.kind, gap.offsets)).collect()
    }

    #[test]
    fn gaps_are_split_by_what_the_ledger_declares() {
        use FindingKind::{BeforeFirst, Declared, LedgerAhead, Missing, Uncommitted};
        assert_eq!(parts(20..30, None, false), [(Missing, 20..30)]);
        assert_eq!(parts(20..30, Some(&ledger(99, &[])), false), [(Missing, 20..30)]);
        assert_eq!(
            parts(20..30, Some(&ledger(28, &[(12, 15), (18, 22), (24, 26)])), false),
            [(Declared, 20..22), (Missing, 22..24), (Declared, 24..26), (Missing, 26..28), (Uncommitted, 28..30)]
        );
        assert_eq!(parts(20..30, Some(&ledger(99, &[(0, 50)])), false), [(Declared, 20..30)]);
        assert_eq!(parts(20..30, Some(&ledger(15, &[(0, 13)])), false), [(Uncommitted, 20..30)]);
        assert_eq!(parts(0..10, Some(&ledger(99, &[(5, 10)])), false), [(BeforeFirst, 0..5), (Declared, 5..10)]);
        assert_eq!(parts(40..50, Some(&ledger(50, &[(45, 50)])), true), [(LedgerAhead, 40..45), (Declared, 45..50)]);
    }
}
