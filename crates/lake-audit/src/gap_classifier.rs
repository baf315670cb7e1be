//! Classifies the offsets of gaps by whether the broker delivers them.
//!
//! The broker's records are read from the first gap to the last. An offset whose record arrives is delivered; every
//! offset between two consecutive records is skipped by the broker.
//!
//! For example, take a gap with the offsets 0 to 7, a low watermark of 3, and a broker that has the records 5 and 7.
//! The offsets 0 to 2 are removed, 3, 4 and 6 are skipped, and 5 and 7 are delivered.

use std::ops::Range;

use crate::finding_kind::FindingKind;
use crate::gaps::Gap;

/// State of offsets on the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// The broker delivers the records with these offsets.
    Delivered,
    /// The broker does not deliver these offsets, although they are between its watermarks.
    Skipped,
    /// The offsets are below the broker's low watermark, so the broker has removed them.
    Removed,
    /// The offsets are at or past the broker's high watermark.
    Beyond,
}

impl Delivery {
    /// Returns the final kind of a gap whose offsets are in this state. `kind` is the gap's kind before the broker is
    /// taken into account.
    pub(crate) fn refine(self, kind: FindingKind) -> FindingKind {
        match (kind, self) {
            // A ledger's `next` is one past a stored record, so at least that record was lost.
            (FindingKind::LedgerAhead, _) => kind,
            (_, Delivery::Skipped) => FindingKind::NotDelivered,
            (FindingKind::BeforeFirst, Delivery::Removed) => FindingKind::Unknown,
            _ => kind,
        }
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Delivery::Delivered => "the broker still delivers these offsets",
            Delivery::Skipped => "the broker does not deliver these offsets",
            Delivery::Removed => "the broker has removed these offsets, so whether they held records is unknown",
            Delivery::Beyond => "past the end of the broker's partition",
        }
    }
}

/// Classifier of gaps, used while the broker's records are read in the order of their offsets.
pub(crate) struct GapClassifier<'a> {
    gaps: &'a [Gap],
    /// Index of the first gap that is not classified completely.
    index: usize,
    /// Every offset below this one is classified.
    next: i64,
    /// Last result, not reported yet because it may be extended by adjacent offsets.
    pending: Option<(FindingKind, Delivery, Range<i64>)>,
}

impl<'a> GapClassifier<'a> {
    /// Creates a classifier. The gaps must be sorted by offset.
    pub(crate) fn new(gaps: &'a [Gap]) -> Self {
        GapClassifier { gaps, index: 0, next: i64::MIN, pending: None }
    }

    /// Assigns `delivery` to every offset below `to` that has not been classified yet.
    pub(crate) fn classify_up_to(
        &mut self,
        to: i64,
        delivery: Delivery,
        mut report: impl FnMut(FindingKind, Delivery, Range<i64>),
    ) {
        while let Some(gap) = self.gaps.get(self.index) {
            let part = gap.offsets.start.max(self.next)..gap.offsets.end.min(to);
            if part.start < part.end {
                match &mut self.pending {
                    Some((kind, known, range))
                        if *kind == gap.kind && *known == delivery && range.end == part.start =>
                    {
                        range.end = part.end;
                    }
                    pending => {
                        if let Some((kind, delivery, range)) = pending.replace((gap.kind, delivery, part)) {
                            report(kind, delivery, range);
                        }
                    }
                }
            }
            if to < gap.offsets.end {
                break;
            }
            self.index += 1;
        }
        self.next = self.next.max(to);
    }

    /// Classifies `offset` as delivered, and the offsets between the previous record and `offset` as skipped.
    pub(crate) fn delivered(&mut self, offset: i64, mut report: impl FnMut(FindingKind, Delivery, Range<i64>)) {
        self.classify_up_to(offset, Delivery::Skipped, &mut report);
        self.classify_up_to(offset + 1, Delivery::Delivered, &mut report);
    }

    /// Returns the next offset that is not classified, or `None` if all gaps are classified.
    pub(crate) fn wanted(&self) -> Option<i64> {
        self.gaps.get(self.index).map(|gap| gap.offsets.start.max(self.next))
    }

    /// Reports the last result.
    pub(crate) fn finish(self, mut report: impl FnMut(FindingKind, Delivery, Range<i64>)) {
        if let Some((kind, delivery, range)) = self.pending {
            report(kind, delivery, range);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_delivered_or_skipped_by_the_broker() {
        use Delivery::{Beyond, Delivered, Removed, Skipped};
        let gap = |kind, offsets| Gap { kind, offsets };
        let gaps = [
            gap(FindingKind::Missing, 0..10),
            gap(FindingKind::Declared, 10..12),
            gap(FindingKind::Missing, 20..21),
            gap(FindingKind::Missing, 30..40),
        ];
        let mut classifier = GapClassifier::new(&gaps);
        let mut reported = Vec::new();
        let mut report = |kind, delivery, range: Range<i64>| reported.push((kind, delivery, range));
        classifier.classify_up_to(3, Removed, &mut report);
        for offset in [5, 6, 11, 15, 19, 22, 31] {
            classifier.delivered(offset, &mut report);
        }
        assert_eq!(classifier.wanted(), Some(32));
        classifier.classify_up_to(35, Skipped, &mut report);
        classifier.classify_up_to(i64::MAX, Beyond, &mut report);
        assert_eq!(classifier.wanted(), None);
        classifier.finish(&mut report);
        assert_eq!(
            reported,
            [
                (FindingKind::Missing, Removed, 0..3),
                (FindingKind::Missing, Skipped, 3..5),
                (FindingKind::Missing, Delivered, 5..7),
                (FindingKind::Missing, Skipped, 7..10),
                (FindingKind::Declared, Skipped, 10..11),
                (FindingKind::Declared, Delivered, 11..12),
                (FindingKind::Missing, Skipped, 20..21),
                (FindingKind::Missing, Skipped, 30..31),
                (FindingKind::Missing, Delivered, 31..32),
                (FindingKind::Missing, Skipped, 32..35),
                (FindingKind::Missing, Beyond, 35..40),
            ]
        );
    }

    #[test]
    fn stored_by_the_ledger_stays_missing_whatever_the_broker() {
        use FindingKind::{BeforeFirst, Declared, LedgerAhead, Missing, NotDelivered, Unknown};
        assert_eq!(Delivery::Skipped.refine(LedgerAhead), LedgerAhead);
        assert_eq!(Delivery::Skipped.refine(Missing), NotDelivered);
        assert_eq!(Delivery::Skipped.refine(Declared), NotDelivered);
        assert_eq!(Delivery::Removed.refine(Missing), Missing);
        assert_eq!(Delivery::Removed.refine(BeforeFirst), Unknown);
        assert_eq!(Delivery::Delivered.refine(BeforeFirst), BeforeFirst);
    }
}
