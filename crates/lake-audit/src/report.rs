//! What an audit has to say: a table, the findings, and a closing line. Pure.

use serde::Serialize;
use terminal::numbers::{counted, grouped};

use crate::finding::{Finding, Findings};
use crate::finding_kind::Kind;

use crate::partition::Lost;
use crate::repair::Rebuilt;
use crate::row::{LedgerTold, Row};

/// What was looked at, and what was found.
#[derive(Debug, Default)]
pub struct Report {
    /// A row for each topic, generation and partition, in this order.
    pub rows: Vec<Row>,
    /// What is not as it should be.
    pub findings: Findings,
}

/// The figures of all rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sum {
    /// Good records.
    pub stored: u64,
    /// Records put aside.
    pub quarantined: u64,
    /// Partitions that something is stored of, in each generation.
    pub partitions: usize,
    /// Offsets that are missing.
    pub missing: u64,
    /// Lines of offsets that another line holds already.
    pub repeats: u64,
    /// The first offset that is stored.
    pub first: Option<i64>,
    /// The last.
    pub last: Option<i64>,
    /// Offsets that the broker has and the lake has still to come to; none where no broker was asked.
    pub lag: Option<u64>,
    /// Nothing missing, nothing twice, nothing damaged.
    pub clean: bool,
}

impl Report {
    /// The figures of all rows.
    pub fn sum(&self) -> Sum {
        let all = |figure: fn(&Row) -> u64| self.rows.iter().map(figure).sum();
        Sum {
            stored: all(|row| row.stored),
            quarantined: all(|row| row.quarantined),
            partitions: self.rows.iter().filter(|row| row.last.is_some()).count(),
            missing: all(|row| row.missing),
            repeats: all(|row| row.repeats),
            first: self.rows.iter().filter_map(|row| row.first).min(),
            last: self.rows.iter().filter_map(|row| row.last).max(),
            lag: self
                .rows
                .iter()
                .filter_map(|row| row.broker)
                .map(|broker| broker.lag)
                .reduce(|one, other| one + other),
            clean: self.findings.is_clean(),
        }
    }

    /// The rows as a table.
    pub fn table(&self) -> String {
        let has_broker = self.rows.iter().any(|row| row.broker.is_some());
        let mut heads = vec![
            "topic",
            "generation",
            "partition",
            "stored",
            "quarantined",
            "first",
            "last",
            "gaps",
            "repeats",
            "ledger",
        ];
        if has_broker {
            heads.extend(["broker", "lag"]);
        }
        let mut lines = vec![heads.into_iter().map(str::to_owned).collect::<Vec<_>>()];
        lines.extend(self.rows.iter().map(|row| cells(row, has_broker)));
        aligned(&lines)
    }

    /// The findings, and after each kind what can be done.
    pub fn told(&self) -> String {
        let mut text = String::new();
        for (kind, shown, count) in self.findings.kinds() {
            for finding in shown {
                text.push_str(&finding.line());
                text.push('\n');
            }
            let more = count.saturating_sub(shown.len() as u64);
            if more > 0 {
                text.push_str(&format!("{}: {} more\n", kind.name(), grouped(more)));
            }
            text.push_str(&format!("  {}\n", kind.remedy()));
        }
        text
    }

    /// All of it in a line.
    pub fn closing(&self) -> String {
        let Sum { stored, quarantined, partitions, missing, repeats, first, last, lag, clean } = self.sum();
        let range = match (first, last) {
            (Some(first), Some(last)) => {
                format!("offsets {} to {}", grouped(first.unsigned_abs()), grouped(last.unsigned_abs()))
            }
            _ => "nothing".to_owned(),
        };
        let partitions = counted(partitions as u64, "partition", "partitions");
        let none_or = |count: u64, what: &str| match count {
            0 => format!("nothing {what}"),
            count => format!("{} {what}", grouped(count)),
        };
        let mut line = format!(
            "{} stored, {} quarantined, {range} in {partitions}, {}, {}",
            grouped(stored),
            grouped(quarantined),
            none_or(missing, "missing"),
            none_or(repeats, "twice")
        );
        let others = self.findings.kinds().filter(|(kind, ..)| kind.is_fault() && !COUNTED.contains(kind));
        for (kind, _, count) in others {
            line.push_str(&format!(", {}: {}", kind.name(), grouped(count)));
        }
        if let Some(lag) = lag {
            line.push_str(&format!(", lag {}", grouped(lag)));
        }
        if !clean {
            line.push_str("; see above");
        }
        line
    }

    /// A lost ledger has been made anew.
    pub fn repaired(&mut self, lost: &Lost, rebuilt: &Rebuilt) {
        self.findings.mended(Kind::NoLedger, &lost.place);
        if let Some(row) = self.rows.iter_mut().find(|row| row.place == lost.place) {
            row.ledger = Some(LedgerTold::from(&rebuilt.ledger));
        }
    }

    /// The findings that are shown, for scripts.
    pub fn shown(&self) -> impl Iterator<Item = &Finding> {
        self.findings.kinds().flat_map(|(_, shown, _)| shown)
    }
}

/// What the figures tell already.
const COUNTED: [Kind; 7] = [
    Kind::Missing,
    Kind::BeforeFirst,
    Kind::Declared,
    Kind::Uncommitted,
    Kind::LedgerAhead,
    Kind::Twice,
    Kind::TwoRecords,
];

fn cells(row: &Row, has_broker: bool) -> Vec<String> {
    let offset = |offset: Option<i64>| offset.map_or("-".to_owned(), |offset| offset.to_string());
    let mut cells = vec![
        row.place.topic.clone(),
        row.place.generation.to_string(),
        row.place.partition.to_string(),
        row.stored.to_string(),
        row.quarantined.to_string(),
        offset(row.first),
        offset(row.last),
        match row.missing {
            0 => "0".to_owned(),
            missing => format!("{missing} in {}", row.gaps),
        },
        row.repeats.to_string(),
        match &row.ledger {
            None => "none".to_owned(),
            Some(ledger) if ledger.gaps.is_empty() => format!("next {}", ledger.next),
            Some(ledger) => {
                format!("next {}, {}", ledger.next, counted(ledger.gaps.len() as u64, "gap", "gaps"))
            }
        },
    ];
    if has_broker {
        cells.push(row.broker.map_or("-".to_owned(), |broker| format!("{} to {}", broker.low, broker.high)));
        cells.push(row.broker.map_or("-".to_owned(), |broker| broker.lag.to_string()));
    }
    cells
}

/// Columns: numbers to the right, text to the left.
fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let cells: Vec<String> = line
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(column, (cell, &width))| match column {
                1..=8 => format!("{cell:>width$}"),
                _ => format!("{cell:<width$}"),
            })
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Place;
    use crate::row::Watermarks;

    fn row(partition: i32, last: i64) -> Row {
        Row {
            place: Place { topic: "quotes".to_owned(), generation: 0, partition },
            stored: 17_000,
            quarantined: 1,
            objects: 2,
            first: Some(0),
            last: Some(last),
            missing: 0,
            gaps: 0,
            not_delivered: 0,
            repeats: 0,
            ledger: Some(LedgerTold { next: last + 1, gaps: vec![] }),
            broker: None,
        }
    }

    #[test]
    fn a_clean_lake_is_a_table_and_a_line() {
        let mut report = Report { rows: vec![row(0, 17_000), row(1, 9)], ..Report::default() };
        assert_eq!(
            report.table(),
            "topic   generation  partition  stored  quarantined  first   last  gaps  repeats  ledger\n\
             quotes           0          0   17000            1      0  17000     0        0  next 17001\n\
             quotes           0          1   17000            1      0      9     0        0  next 10\n"
        );
        assert_eq!(
            report.closing(),
            "34,000 stored, 2 quarantined, offsets 0 to 17,000 in 2 partitions, nothing missing, nothing twice"
        );
        assert_eq!(report.told(), "");
        report.rows[0].broker = Some(Watermarks { low: 3, high: 17_005, lag: 4 });
        assert!(report.closing().ends_with(", nothing twice, lag 4"), "{}", report.closing());
        assert!(report.table().contains("  next 17001  3 to 17005  4\n"), "{}", report.table());
        assert!(report.table().ends_with("  next 10     -           -\n"), "{}", report.table());
    }

    #[test]
    fn what_is_found_is_told_counted_and_followed_by_what_to_do() {
        let mut report = Report { rows: vec![row(0, 99)], ..Report::default() };
        (report.rows[0].missing, report.rows[0].gaps, report.rows[0].repeats) = (7, 2, 1);
        for _ in 0..25 {
            report.findings.add(Finding::of(Kind::Damaged, &report.rows[0].place, "cut").keys(["k".to_owned()]));
        }
        let told = report.told();
        assert!(told.starts_with("damaged: quotes/0: k: cut\n"), "{told}");
        assert!(told.contains("\ndamaged: 5 more\n  bring the object back"), "{told}");
        assert_eq!(told.lines().count(), 22);
        assert!(report.closing().ends_with(", 7 missing, 1 twice, damaged: 25; see above"), "{}", report.closing());
        assert!(report.table().contains("  7 in 2  "));
    }
}
