//! One partition in one generation, object by object. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use commit_protocol::{Ledger, MAX_OBJECT_SPAN};

use crate::content;
use crate::finding::{Finding, Findings, Place};
use crate::finding_kind::Kind;
use crate::gaps::{Hole, parted};
use crate::objects::Object;
use crate::row::Row;
use crate::window::{Twice, Window};
use lake_store::Area;

/// Gaps that a rebuilt ledger lists; more of them are told as one that covers the oldest.
const GAPS: usize = 1_000;

/// What was found where the ledger should be.
#[derive(Clone, Debug)]
pub(crate) enum LedgerRead {
    Absent,
    Damaged(String),
    Read(Ledger),
}

impl LedgerRead {
    pub(crate) fn ledger(&self) -> Option<&Ledger> {
        match self {
            LedgerRead::Read(ledger) => Some(ledger),
            LedgerRead::Absent | LedgerRead::Damaged(_) => None,
        }
    }
}

/// What a ledger is made of where there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Whose it is.
    pub place: Place,
    pub(crate) next: i64,
    pub(crate) gaps: Vec<Range<i64>>,
    /// What the objects' keys tell of the sink's settings, and an object for each.
    pub(crate) patterns: BTreeMap<String, String>,
    /// An object of which not every offset is known.
    pub(crate) unreadable: Option<String>,
}

/// A partition whose objects go by.
pub(crate) struct Partition {
    pub(crate) row: Row,
    ledger_key: String,
    ledger: LedgerRead,
    window: Window,
    /// Those whose records may be in the window, by their number.
    objects: VecDeque<(u32, Object)>,
    repeat: Option<Repeat>,
    patterns: BTreeMap<String, String>,
    unreadable: Option<String>,
    gaps: VecDeque<Range<i64>>,
}

/// Neighbouring offsets that the same two objects hold.
struct Repeat {
    kind: Kind,
    objects: [u32; 2],
    offsets: Range<i64>,
    text: &'static str,
}

impl Partition {
    pub(crate) fn new(place: Place, ledger_key: String, ledger: LedgerRead) -> Self {
        Partition {
            row: Row::new(place, ledger.ledger()),
            ledger_key,
            ledger,
            window: Window::new(),
            objects: VecDeque::new(),
            repeat: None,
            patterns: BTreeMap::new(),
            unreadable: None,
            gaps: VecDeque::new(),
        }
    }

    pub(crate) fn ledger(&self) -> Option<&Ledger> {
        self.ledger.ledger()
    }

    /// The next object in the order of first offsets, with its text or why there is none. Gives the holes that are
    /// settled by it.
    pub(crate) fn object(&mut self, object: Object, text: Result<&[u8], String>, findings: &mut Findings) -> Vec<Hole> {
        self.row.objects += 1;
        let number = u32::try_from(self.row.objects).unwrap_or(u32::MAX);
        let holes = self.begin(&object);
        self.patterns.entry(object.pattern()).or_insert_with(|| object.key());
        let faults = match text {
            Ok(text) => {
                let topic = self.row.place.topic.clone();
                self.objects.push_back((number, object.clone()));
                content::read(&topic, &object, text, |offset, line| {
                    self.record(number, object.area, offset, line, findings);
                })
                .into_iter()
                .map(|fault| (fault.kind, fault.text()))
                .collect()
            }
            Err(reason) => vec![(Kind::Damaged, reason)],
        };
        for (kind, text) in faults {
            if kind != Kind::WrongFolder {
                self.unreadable.get_or_insert_with(|| object.key());
            }
            findings.add(Finding::of(kind, &self.row.place, text).keys([object.key()]));
        }
        holes
    }

    fn begin(&mut self, object: &Object) -> Vec<Hole> {
        let mut holes = Vec::new();
        self.window.begin(object.first, |hole| holes.push(hole));
        let base = self.window.base();
        while self.objects.front().is_some_and(|(_, object)| object.first + MAX_OBJECT_SPAN <= base) {
            self.objects.pop_front();
        }
        holes.into_iter().flat_map(|hole| self.hole(hole)).collect()
    }

    fn hole(&mut self, hole: Range<i64>) -> Vec<Hole> {
        let is_last = self.row.last.is_none_or(|last| hole.start > last);
        let holes = parted(hole, self.ledger.ledger(), self.row.first, is_last);
        if self.ledger.ledger().is_none() {
            self.gaps.extend(holes.iter().filter(|hole| hole.kind == Kind::Missing).map(|hole| hole.offsets.clone()));
            while self.gaps.len() > GAPS {
                if let (Some(first), Some(second)) = (self.gaps.pop_front(), self.gaps.front_mut()) {
                    second.start = first.start;
                }
            }
        }
        holes
    }

    fn record(&mut self, number: u32, area: Area, offset: i64, line: &[u8], findings: &mut Findings) {
        if let Some(Twice { object, is_same }) = self.window.put(offset, number, line) {
            self.row.repeats += 1;
            let (kind, text) = match (is_same, self.area(object) == Some(area)) {
                (true, _) => (Kind::Twice, ""),
                (false, true) => (Kind::TwoRecords, ""),
                // Which of the two it is cannot be told from the lines.
                (false, false) => (Kind::Twice, "once among the good records and once in the quarantine"),
            };
            self.repeated(Repeat { kind, objects: [object, number], offsets: offset..offset + 1, text }, findings);
            return;
        }
        match area {
            Area::Data => self.row.stored += 1,
            Area::Quarantine => self.row.quarantined += 1,
        }
        self.row.first = Some(self.row.first.map_or(offset, |first| first.min(offset)));
        self.row.last = self.row.last.max(Some(offset));
    }

    fn repeated(&mut self, next: Repeat, findings: &mut Findings) {
        match &mut self.repeat {
            Some(repeat)
                if (repeat.kind, repeat.objects) == (next.kind, next.objects)
                    && repeat.offsets.end == next.offsets.start =>
            {
                repeat.offsets.end = next.offsets.end;
            }
            _ => {
                self.tell_repeat(findings);
                self.repeat = Some(next);
            }
        }
    }

    fn tell_repeat(&mut self, findings: &mut Findings) {
        if let Some(Repeat { kind, objects, offsets, text }) = self.repeat.take() {
            let keys: Vec<String> = match objects {
                [one, other] if one == other => self.key(one).into_iter().collect(),
                both => both.iter().filter_map(|number| self.key(*number)).collect(),
            };
            let text = if keys.len() == 1 { "twice in one object" } else { text };
            findings.add(Finding::of(kind, &self.row.place, text).offsets(&offsets).keys(keys));
        }
    }

    fn known(&self, number: u32) -> Option<&Object> {
        let index = self.objects.binary_search_by_key(&number, |(known, _)| *known).ok()?;
        self.objects.get(index).map(|(_, object)| object)
    }

    fn key(&self, number: u32) -> Option<String> {
        self.known(number).map(Object::key)
    }

    fn area(&self, number: u32) -> Option<Area> {
        self.known(number).map(|object| object.area)
    }

    /// There are no more objects. Gives the last holes, and what a lost ledger can be made of.
    pub(crate) fn end(mut self, findings: &mut Findings) -> (Row, Vec<Hole>, Option<Lost>) {
        self.tell_repeat(findings);
        let past = self.row.last.map_or(0, |last| last + 1);
        let next = self.ledger.ledger().map_or(0, |ledger| ledger.next);
        let mut last = Vec::new();
        std::mem::replace(&mut self.window, Window::new()).end(past.max(next), |hole| last.push(hole));
        let holes = last.into_iter().flat_map(|hole| self.hole(hole)).collect();
        self.compare(findings);
        let lost = matches!((&self.ledger, self.row.last), (LedgerRead::Absent, Some(_))).then(|| Lost {
            place: self.row.place.clone(),
            next: past,
            gaps: self.gaps.into_iter().filter(|gap| past < gap.end.saturating_add(MAX_OBJECT_SPAN)).collect(),
            patterns: self.patterns,
            unreadable: self.unreadable,
        });
        (self.row, holes, lost)
    }

    /// The ledger and the objects.
    fn compare(&self, findings: &mut Findings) {
        let place = &self.row.place;
        let mut tell = |kind, text: String| {
            findings.add(Finding::of(kind, place, text).keys([self.ledger_key.clone()]));
        };
        let ledger = match &self.ledger {
            LedgerRead::Read(ledger) => ledger,
            LedgerRead::Damaged(reason) => return tell(Kind::LedgerDamaged, reason.clone()),
            LedgerRead::Absent if self.row.objects > 0 => {
                let objects = terminal::numbers::counted(self.row.objects, "object", "objects");
                return tell(Kind::NoLedger, format!("there is none, and {objects}"));
            }
            LedgerRead::Absent => return,
        };
        let reaches = ledger.high_watermarks.iter().max_by_key(|(_, last)| **last);
        if let Some((group, &ahead)) = reaches.filter(|(_, ahead)| self.row.last.is_none_or(|last| last < **ahead)) {
            let last =
                self.row.last.map_or("nothing is stored".to_owned(), |last| format!("the last stored is {last}"));
            tell(Kind::LedgerAhead, format!("its ahead tells of offset {ahead} in {group}, and {last}"));
        }
        if let Some(last) = self.row.last.filter(|last| ledger.next <= *last)
            && reaches.is_none_or(|(_, ahead)| *ahead < last)
        {
            tell(Kind::LedgerBehind, format!("its next is {}, and offset {last} is stored", ledger.next));
        }
        for (pattern, key) in &self.patterns {
            let is_its_own = match pattern.starts_with('*') {
                // The quarantine's keys tell the codec only, of which one's extension may end another's.
                true => ledger.layout.rsplit('/').next() == Some(pattern),
                false => ledger.layout == *pattern,
            };
            if !is_its_own {
                tell(Kind::OtherLayout, format!("its layout is {}, and there is {key}", ledger.layout));
            }
        }
    }
}
