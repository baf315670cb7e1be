//! Audits one partition in one generation, object by object.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use commit_protocol::{Ledger, MAX_OBJECT_SPAN};
use lake_format::keys::{LineRules, parse_ledger_layout};
use lake_store::Area;
use terminal::numbers::grouped;

use crate::finding::{Finding, Findings, PartitionKey};
use crate::finding_kind::FindingKind;
use crate::gaps::{self, Gap};
use crate::object_lines;
use crate::object_text::TextError;
use crate::objects::Object;
use crate::row::Row;
use crate::window::{Duplicate, Window};

/// Maximum number of gaps in a rebuilt ledger. Beyond that, the oldest gaps are merged into one wider gap.
const MAX_GAPS: usize = 1_000;

/// Result of reading a ledger.
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

/// A partition that has stored records but no ledger, with the contents of a new ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostLedger {
    pub(crate) partition: PartitionKey,
    pub(crate) next: i64,
    pub(crate) gaps: Vec<Range<i64>>,
    /// Key patterns of the objects, each with the key of one object. The patterns depend on the sink's settings.
    pub(crate) patterns: BTreeMap<String, String>,
    /// Rules for lines, from the ledger of another partition in the same generation; `None` if no such ledger exists.
    /// Not every rule can be derived from the objects.
    pub(crate) rules: Option<LineRules>,
    /// Key of the first object whose offsets could not all be determined, if any. Such an object prevents a rebuild.
    pub(crate) unreadable: Option<String>,
}

/// A partition whose objects are being read.
pub(crate) struct Partition {
    pub(crate) row: Row,
    ledger_key: String,
    ledger: LedgerRead,
    window: Window,
    /// Objects whose records may be in the window, each with its number.
    objects: VecDeque<(u32, Object)>,
    duplicates: Option<Duplicates>,
    patterns: BTreeMap<String, String>,
    unreadable: Option<String>,
    gaps: VecDeque<Range<i64>>,
}

/// Consecutive offsets that are stored in the same two objects.
struct Duplicates {
    kind: FindingKind,
    objects: [u32; 2],
    offsets: Range<i64>,
    text: &'static str,
}

impl Partition {
    pub(crate) fn new(key: PartitionKey, ledger_key: String, ledger: LedgerRead) -> Self {
        Partition {
            row: Row::new(key, ledger.ledger()),
            ledger_key,
            ledger,
            window: Window::new(),
            objects: VecDeque::new(),
            duplicates: None,
            patterns: BTreeMap::new(),
            unreadable: None,
            gaps: VecDeque::new(),
        }
    }

    pub(crate) fn ledger(&self) -> Option<&Ledger> {
        self.ledger.ledger()
    }

    /// Adds an object, with its text or the reason that it could not be decoded. Objects must be added in the order of
    /// their first offsets. Returns the gaps that no later object can fill.
    pub(crate) fn add_object(
        &mut self,
        object: Object,
        text: Result<&[u8], &TextError>,
        findings: &mut Findings,
    ) -> Vec<Gap> {
        self.row.objects += 1;
        let number = u32::try_from(self.row.objects).unwrap_or(u32::MAX);
        let gaps = self.begin_object(&object);
        self.patterns.entry(object.pattern()).or_insert_with(|| object.key());
        let problems = match text {
            Ok(text) => {
                let topic = self.row.partition.topic.clone();
                self.objects.push_back((number, object.clone()));
                object_lines::check(&topic, &object, text, |offset, line| {
                    self.add_record(number, object.area, offset, line, findings);
                })
                .into_iter()
                .map(|problem| (problem.kind, problem.text()))
                .collect()
            }
            Err(error) => vec![(FindingKind::Damaged, error.to_string())],
        };
        for (kind, text) in problems {
            if kind != FindingKind::WrongFolder {
                self.unreadable.get_or_insert_with(|| object.key());
            }
            findings.add(Finding::new(kind, &self.row.partition, text).keys([object.key()]));
        }
        gaps
    }

    fn begin_object(&mut self, object: &Object) -> Vec<Gap> {
        let mut settled = Vec::new();
        self.window.begin_object(object.first, |missing| settled.push(missing));
        let base = self.window.base();
        while self.objects.front().is_some_and(|(_, object)| object.first + MAX_OBJECT_SPAN <= base) {
            self.objects.pop_front();
        }
        settled.into_iter().flat_map(|missing| self.gaps_of(missing)).collect()
    }

    fn gaps_of(&mut self, missing: Range<i64>) -> Vec<Gap> {
        let is_last = self.row.last.is_none_or(|last| missing.start > last);
        let gaps = gaps::split(missing, self.ledger.ledger(), self.row.first, is_last);
        if self.ledger.ledger().is_none() {
            let missing = gaps.iter().filter(|gap| gap.kind == FindingKind::Missing);
            self.gaps.extend(missing.map(|gap| gap.offsets.clone()));
            while self.gaps.len() > MAX_GAPS {
                if let (Some(first), Some(second)) = (self.gaps.pop_front(), self.gaps.front_mut()) {
                    second.start = first.start;
                }
            }
        }
        gaps
    }

    fn add_record(&mut self, number: u32, area: Area, offset: i64, line: &[u8], findings: &mut Findings) {
        if let Some(Duplicate { object, is_same }) = self.window.add(offset, number, line) {
            self.row.repeats += 1;
            let (kind, text) = match (is_same, self.area(object) == Some(area)) {
                (true, _) => (FindingKind::Duplicate, ""),
                (false, true) => (FindingKind::TwoRecords, ""),
                // Lines of data and quarantine have different formats, so the records cannot be compared.
                (false, false) => (FindingKind::Duplicate, "once as a valid record and once in the quarantine"),
            };
            let next = Duplicates { kind, objects: [object, number], offsets: offset..offset + 1, text };
            self.add_duplicates(next, findings);
            return;
        }
        match area {
            Area::Data => self.row.stored += 1,
            Area::Quarantine => self.row.quarantined += 1,
        }
        self.row.first = Some(self.row.first.map_or(offset, |first| first.min(offset)));
        self.row.last = self.row.last.max(Some(offset));
    }

    fn add_duplicates(&mut self, next: Duplicates, findings: &mut Findings) {
        match &mut self.duplicates {
            Some(known)
                if (known.kind, known.objects) == (next.kind, next.objects)
                    && known.offsets.end == next.offsets.start =>
            {
                known.offsets.end = next.offsets.end;
            }
            _ => {
                self.report_duplicates(findings);
                self.duplicates = Some(next);
            }
        }
    }

    fn report_duplicates(&mut self, findings: &mut Findings) {
        if let Some(Duplicates { kind, objects, offsets, text }) = self.duplicates.take() {
            let keys: Vec<String> = match objects {
                [one, other] if one == other => self.key(one).into_iter().collect(),
                both => both.iter().filter_map(|number| self.key(*number)).collect(),
            };
            let text = if keys.len() == 1 { "twice in one object" } else { text };
            findings.add(Finding::new(kind, &self.row.partition, text).offsets(&offsets).keys(keys));
        }
    }

    fn object(&self, number: u32) -> Option<&Object> {
        let index = self.objects.binary_search_by_key(&number, |(known, _)| *known).ok()?;
        self.objects.get(index).map(|(_, object)| object)
    }

    fn key(&self, number: u32) -> Option<String> {
        self.object(number).map(Object::key)
    }

    fn area(&self, number: u32) -> Option<Area> {
        self.object(number).map(|object| object.area)
    }

    /// Finishes the partition after its last object. Returns its row, the remaining gaps, and a [`LostLedger`] if the
    /// partition has stored records but no ledger.
    pub(crate) fn finish(mut self, findings: &mut Findings) -> (Row, Vec<Gap>, Option<LostLedger>) {
        self.report_duplicates(findings);
        let past_last = self.row.last.map_or(0, |last| last + 1);
        let next = self.ledger.ledger().map_or(0, |ledger| ledger.next);
        let mut settled = Vec::new();
        let window = std::mem::replace(&mut self.window, Window::new());
        window.finish(past_last.max(next), |missing| settled.push(missing));
        let gaps = settled.into_iter().flat_map(|missing| self.gaps_of(missing)).collect();
        self.compare_with_ledger(findings);
        let lost = matches!((&self.ledger, self.row.last), (LedgerRead::Absent, Some(_))).then(|| LostLedger {
            partition: self.row.partition.clone(),
            next: past_last,
            gaps: self.gaps.into_iter().filter(|gap| past_last < gap.end.saturating_add(MAX_OBJECT_SPAN)).collect(),
            patterns: self.patterns,
            rules: None,
            unreadable: self.unreadable,
        });
        (self.row, gaps, lost)
    }

    fn compare_with_ledger(&self, findings: &mut Findings) {
        let mut add = |kind, text: String| {
            findings.add(Finding::new(kind, &self.row.partition, text).keys([self.ledger_key.clone()]));
        };
        let ledger = match &self.ledger {
            LedgerRead::Read(ledger) => ledger,
            LedgerRead::Damaged(error) => return add(FindingKind::LedgerDamaged, error.clone()),
            LedgerRead::Absent if self.row.objects > 0 => {
                let objects = match self.row.objects {
                    1 => "1 object exists".to_owned(),
                    objects => format!("{} objects exist", grouped(objects)),
                };
                return add(FindingKind::NoLedger, format!("the ledger does not exist, but {objects}"));
            }
            LedgerRead::Absent => return,
        };
        let highest = ledger.high_watermarks.iter().max_by_key(|(_, mark)| **mark);
        if let Some((group, &mark)) = highest.filter(|(_, mark)| self.row.last.is_none_or(|last| last < **mark)) {
            let last = self
                .row
                .last
                .map_or("nothing is stored".to_owned(), |last| format!("the last stored offset is {last}"));
            add(FindingKind::LedgerAhead, format!("the ledger's high watermark in {group} is {mark}, but {last}"));
        }
        if let Some(last) = self.row.last.filter(|last| ledger.next <= *last)
            && highest.is_none_or(|(_, mark)| *mark < last)
        {
            let text = format!("the ledger's next offset is {}, but offset {last} is stored", ledger.next);
            add(FindingKind::LedgerBehind, text);
        }
        let layout = parse_ledger_layout(&ledger.layout).pattern;
        for (pattern, key) in &self.patterns {
            let is_own = match pattern.starts_with('*') {
                // Keys in the quarantine depend only on the codec, which is the last part of the layout.
                true => layout.rsplit('/').next() == Some(pattern),
                false => layout == *pattern,
            };
            if !is_own {
                let text = format!("the ledger's layout is {layout}, which does not match the object {key}");
                add(FindingKind::OtherLayout, text);
            }
        }
    }
}
