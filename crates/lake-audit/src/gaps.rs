//! Offsets that are in no object: what the ledger and the broker have to say about them. Pure.

use std::ops::Range;

use commit_protocol::{Ledger, MAX_OBJECT_SPAN};

use crate::finding_kind::Kind;

/// Offsets in no object, and what they are as far as the lake can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hole {
    pub(crate) kind: Kind,
    pub(crate) offsets: Range<i64>,
}

/// Parts a hole by what the ledger says of it. `first` is the first stored offset; `is_last` where nothing is stored
/// after the hole.
pub(crate) fn parted(hole: Range<i64>, ledger: Option<&Ledger>, first: Option<i64>, is_last: bool) -> Vec<Hole> {
    let rest = match (ledger, first) {
        _ if is_last => Kind::LedgerAhead,
        (_, Some(first)) if hole.end <= first => Kind::BeforeFirst,
        _ => Kind::Missing,
    };
    let next = ledger.map_or(i64::MAX, |ledger| ledger.next);
    let mut holes = Vec::new();
    let mut add = |kind, offsets: Range<i64>| {
        if offsets.start < offsets.end {
            holes.push(Hole { kind, offsets });
        }
    };
    let mut from = hole.start;
    let committed = hole.end.min(next).max(from);
    for gap in ledger.map_or(&[][..], |ledger| &ledger.gaps) {
        let declared = gap.start.clamp(from, committed)..gap.end.clamp(from, committed);
        if declared.is_empty() {
            continue;
        }
        add(rest, from..declared.start);
        from = declared.end;
        add(Kind::Declared, declared);
    }
    add(rest, from..committed);
    let uncommitted = if rest == Kind::Missing { Kind::Uncommitted } else { rest };
    add(uncommitted, committed..hole.end);
    holes
}

/// What is said of a hole that the broker has not been asked about.
pub(crate) fn untold(hole: &Hole, ledger: Option<&Ledger>) -> String {
    match (hole.kind, ledger) {
        (Kind::Missing, Some(ledger)) if hole.offsets.end.saturating_add(MAX_OBJECT_SPAN) <= ledger.next => format!(
            "in no object; whether the ledger has declared them cannot be told: it forgets a gap {MAX_OBJECT_SPAN} offsets later"
        ),
        (Kind::Missing, Some(_)) => "in no object, and not declared by the ledger".to_owned(),
        (Kind::LedgerAhead, Some(ledger)) => format!("in no object, though the ledger's next is {}", ledger.next),
        (Kind::Declared, _) => "given up or passed over, or missing when the ledger was made anew".to_owned(),
        (Kind::BeforeFirst, _) => format!("the first offset that is stored is {}", hole.offsets.end),
        _ => "in no object".to_owned(),
    }
}

/// What the broker says of offsets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It delivers them.
    Delivered,
    /// It passes over them.
    PassedOver,
    /// It has removed them.
    Gone,
    /// It does not reach them.
    Beyond,
}

impl Verdict {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Verdict::Delivered => "the broker still delivers them",
            Verdict::PassedOver => "the broker does not deliver them",
            Verdict::Gone => "the broker has removed them, so what they were cannot be told any more",
            Verdict::Beyond => "past the end of the broker's partition",
        }
    }
}

/// What a hole is once the broker has been asked.
pub(crate) fn judged(kind: Kind, verdict: Verdict) -> Kind {
    match (kind, verdict) {
        // A ledger's `next` follows a record; what lies below it was stored.
        (Kind::LedgerAhead, _) => kind,
        (_, Verdict::PassedOver) => Kind::NotDelivered,
        (Kind::BeforeFirst, Verdict::Gone) => Kind::CannotTell,
        _ => kind,
    }
}

/// Offsets that are asked for, while the broker's records go by.
pub(crate) struct Sieve<'a> {
    holes: &'a [Hole],
    /// The first hole that is not settled, and how far it is.
    at: usize,
    next: i64,
    /// What was told last, so that neighbours are told together.
    told: Option<(Kind, Verdict, Range<i64>)>,
}

impl<'a> Sieve<'a> {
    /// The holes must be in order.
    pub(crate) fn new(holes: &'a [Hole]) -> Self {
        Sieve { holes, at: 0, next: i64::MIN, told: None }
    }

    /// Everything below `to` that is still unsettled has this verdict.
    pub(crate) fn settle(&mut self, to: i64, verdict: Verdict, mut tell: impl FnMut(Kind, Verdict, Range<i64>)) {
        while let Some(hole) = self.holes.get(self.at) {
            let part = hole.offsets.start.max(self.next)..hole.offsets.end.min(to);
            if part.start < part.end {
                match &mut self.told {
                    Some((kind, told, range)) if *kind == hole.kind && *told == verdict && range.end == part.start => {
                        range.end = part.end;
                    }
                    told => {
                        if let Some((kind, verdict, range)) = told.replace((hole.kind, verdict, part)) {
                            tell(kind, verdict, range);
                        }
                    }
                }
            }
            if to < hole.offsets.end {
                break;
            }
            self.at += 1;
        }
        self.next = self.next.max(to);
    }

    /// The broker delivers this offset, and nothing between it and the one before.
    pub(crate) fn delivered(&mut self, offset: i64, mut tell: impl FnMut(Kind, Verdict, Range<i64>)) {
        self.settle(offset, Verdict::PassedOver, &mut tell);
        self.settle(offset + 1, Verdict::Delivered, &mut tell);
    }

    /// The next offset that is asked for.
    pub(crate) fn wanted(&self) -> Option<i64> {
        self.holes.get(self.at).map(|hole| hole.offsets.start.max(self.next))
    }

    /// Tells what was held back.
    pub(crate) fn end(self, mut tell: impl FnMut(Kind, Verdict, Range<i64>)) {
        if let Some((kind, verdict, range)) = self.told {
            tell(kind, verdict, range);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(next: i64, gaps: &[(i64, i64)]) -> Ledger {
        Ledger { gaps: gaps.iter().map(|&(start, end)| start..end).collect(), ..Ledger::starting_at(next, "") }
    }

    fn parts(hole: Range<i64>, ledger: Option<&Ledger>, is_last: bool) -> Vec<(Kind, Range<i64>)> {
        parted(hole, ledger, Some(10), is_last).into_iter().map(|hole| (hole.kind, hole.offsets)).collect()
    }

    #[test]
    fn a_hole_is_parted_by_what_the_ledger_declares_and_how_far_it_has_come() {
        use Kind::{BeforeFirst, Declared, LedgerAhead, Missing, Uncommitted};
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

    #[test]
    fn what_the_broker_delivers_of_a_hole_is_told_apart_from_what_it_passes_over() {
        use Verdict::{Beyond, Delivered, Gone, PassedOver};
        let hole = |kind, offsets| Hole { kind, offsets };
        let holes = [
            hole(Kind::Missing, 0..10),
            hole(Kind::Declared, 10..12),
            hole(Kind::Missing, 20..21),
            hole(Kind::Missing, 30..40),
        ];
        let mut sieve = Sieve::new(&holes);
        let mut told = Vec::new();
        let mut tell = |kind, verdict, range: Range<i64>| told.push((kind, verdict, range));
        sieve.settle(3, Gone, &mut tell);
        for offset in [5, 6, 11, 15, 19, 22, 31] {
            sieve.delivered(offset, &mut tell);
        }
        assert_eq!(sieve.wanted(), Some(32));
        sieve.settle(35, PassedOver, &mut tell);
        sieve.settle(i64::MAX, Beyond, &mut tell);
        assert_eq!(sieve.wanted(), None);
        sieve.end(&mut tell);
        assert_eq!(
            told,
            [
                (Kind::Missing, Gone, 0..3),
                (Kind::Missing, PassedOver, 3..5),
                (Kind::Missing, Delivered, 5..7),
                (Kind::Missing, PassedOver, 7..10),
                (Kind::Declared, PassedOver, 10..11),
                (Kind::Declared, Delivered, 11..12),
                (Kind::Missing, PassedOver, 20..21),
                (Kind::Missing, PassedOver, 30..31),
                (Kind::Missing, Delivered, 31..32),
                (Kind::Missing, PassedOver, 32..35),
                (Kind::Missing, Beyond, 35..40),
            ]
        );
    }

    #[test]
    fn what_a_ledger_says_is_stored_stays_missing_whatever_the_broker_says() {
        assert_eq!(judged(Kind::LedgerAhead, Verdict::PassedOver), Kind::LedgerAhead);
        assert_eq!(judged(Kind::Missing, Verdict::PassedOver), Kind::NotDelivered);
        assert_eq!(judged(Kind::Declared, Verdict::PassedOver), Kind::NotDelivered);
        assert_eq!(judged(Kind::Missing, Verdict::Gone), Kind::Missing);
        assert_eq!(judged(Kind::BeforeFirst, Verdict::Gone), Kind::CannotTell);
        assert_eq!(judged(Kind::BeforeFirst, Verdict::Delivered), Kind::BeforeFirst);
    }
}
