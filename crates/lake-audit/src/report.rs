//! The report of an audit: a table, the findings, and a closing line.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;
use terminal::numbers::grouped;

use crate::finding::{Finding, Findings};
use crate::finding_kind::FindingKind;
use crate::partition::LostLedger;
use crate::repair::RebuiltLedger;
use crate::row::{LedgerSummary, Row};

/// The rows and findings of an audit.
#[derive(Debug, Default)]
pub struct Report {
    /// One row for each topic, generation and partition, sorted in this order.
    pub rows: Vec<Row>,
    /// Faults and notes.
    pub findings: Findings,
}

/// Totals of all rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Total {
    /// Number of valid records.
    pub stored: u64,
    /// Number of quarantined records.
    pub quarantined: u64,
    /// Number of partitions with stored records. A partition counts once for each generation.
    pub partitions: usize,
    /// Number of missing offsets.
    pub missing: u64,
    /// Number of lines whose offset is already stored in an earlier line.
    pub repeats: u64,
    /// Lowest stored offset of all partitions; `None` if nothing is stored.
    pub first: Option<i64>,
    /// Highest stored offset of all partitions; `None` if nothing is stored.
    pub last: Option<i64>,
    /// Sum of the partitions' lags; `None` if no partition was compared with a broker.
    pub lag: Option<u64>,
    /// `true` if no finding is a fault of the lake.
    pub clean: bool,
}

impl Report {
    /// Returns the totals of all rows.
    pub fn total(&self) -> Total {
        let sum = |figure: fn(&Row) -> u64| self.rows.iter().map(figure).sum();
        Total {
            stored: sum(|row| row.stored),
            quarantined: sum(|row| row.quarantined),
            partitions: self.rows.iter().filter(|row| row.last.is_some()).count(),
            missing: sum(|row| row.missing),
            repeats: sum(|row| row.repeats),
            first: self.rows.iter().filter_map(|row| row.first).min(),
            last: self.rows.iter().filter_map(|row| row.last).max(),
            lag: self.rows.iter().filter_map(|row| row.broker).map(|broker| broker.lag).reduce(|a, b| a + b),
            clean: self.findings.is_clean(),
        }
    }

    /// Formats the rows as a table.
    pub fn table(&self) -> String {
        let has_broker = self.rows.iter().any(|row| row.broker.is_some());
        let mut header = vec![
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
            header.extend(["broker", "lag"]);
        }
        let mut lines = vec![header.into_iter().map(str::to_owned).collect::<Vec<_>>()];
        lines.extend(self.rows.iter().map(|row| cells(row, has_broker)));
        aligned(&lines)
    }

    /// Formats the findings, each kind followed by its remedy.
    pub fn findings_text(&self) -> String {
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

    /// Formats the totals as one line.
    pub fn closing_line(&self) -> String {
        let Total { stored, quarantined, partitions, missing, repeats, first, last, lag, clean } = self.total();
        let range = match (first, last) {
            (Some(first), Some(last)) => {
                format!("offsets {} to {}", grouped(first.unsigned_abs()), grouped(last.unsigned_abs()))
            }
            _ => "no offsets".to_owned(),
        };
        let missing = if missing == 0 { "nothing".to_owned() } else { grouped(missing) };
        let mut line = format!(
            "{} stored, {} quarantined, {range} in {}, {missing} missing, {}",
            grouped(stored),
            grouped(quarantined),
            counted(partitions as u64, "partition", "partitions"),
            if repeats == 0 { "no duplicates".to_owned() } else { counted(repeats, "duplicate", "duplicates") }
        );
        let others = self.findings.kinds().filter(|(kind, ..)| kind.is_fault() && !IN_TOTAL.contains(kind));
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

    /// Updates the report after a lost ledger has been rebuilt.
    pub fn ledger_rebuilt(&mut self, lost: &LostLedger, rebuilt: &RebuiltLedger) {
        self.findings.resolve(FindingKind::NoLedger, &lost.partition);
        if let Some(row) = self.rows.iter_mut().find(|row| row.partition == lost.partition) {
            row.ledger = Some(LedgerSummary::from(&rebuilt.ledger));
        }
    }

    /// Returns the findings to show.
    pub fn shown(&self) -> impl Iterator<Item = &Finding> {
        self.findings.kinds().flat_map(|(_, shown, _)| shown)
    }
}

/// Formats a number, followed by the singular or the plural of a noun.
fn counted(number: u64, singular: &str, plural: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { singular } else { plural })
}

/// Kinds that the totals in the closing line already cover.
const IN_TOTAL: [FindingKind; 7] = [
    FindingKind::Missing,
    FindingKind::BeforeFirst,
    FindingKind::Declared,
    FindingKind::Uncommitted,
    FindingKind::LedgerAhead,
    FindingKind::Duplicate,
    FindingKind::TwoRecords,
];

fn cells(row: &Row, has_broker: bool) -> Vec<String> {
    let offset = |offset: Option<i64>| offset.map_or("-".to_owned(), |offset| offset.to_string());
    let mut cells = vec![
        row.partition.topic.clone(),
        row.partition.generation.to_string(),
        row.partition.partition.to_string(),
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

/// Formats columns: numbers right-aligned, text left-aligned.
fn aligned(lines: &[Vec<String>]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled).add_rows(lines);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if (1..=8).contains(&index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::PartitionKey;
    use crate::row::Watermarks;

    fn row(partition: i32, last: i64) -> Row {
        Row {
            partition: PartitionKey { topic: "quotes".to_owned(), generation: 0, partition },
            stored: 17_000,
            quarantined: 1,
            objects: 2,
            first: Some(0),
            last: Some(last),
            missing: 0,
            gaps: 0,
            not_delivered: 0,
            repeats: 0,
            ledger: Some(LedgerSummary { next: last + 1, gaps: vec![] }),
            broker: None,
        }
    }

    #[test]
    fn report_of_a_clean_lake_is_a_table_and_a_line() {
        let mut report = Report { rows: vec![row(0, 17_000), row(1, 9)], ..Report::default() };
        assert_eq!(
            report.table(),
            "topic   generation  partition  stored  quarantined  first   last  gaps  repeats  ledger\n\
             quotes           0          0   17000            1      0  17000     0        0  next 17001\n\
             quotes           0          1   17000            1      0      9     0        0  next 10\n"
        );
        assert_eq!(
            report.closing_line(),
            "34,000 stored, 2 quarantined, offsets 0 to 17,000 in 2 partitions, nothing missing, no duplicates"
        );
        assert_eq!(report.findings_text(), "");
        report.rows[0].broker = Some(Watermarks { low: 3, high: 17_005, lag: 4 });
        assert!(report.closing_line().ends_with(", no duplicates, lag 4"), "{}", report.closing_line());
        assert!(report.table().contains("  next 17001  3 to 17005  4\n"), "{}", report.table());
        assert!(report.table().ends_with("  next 10     -           -\n"), "{}", report.table());
    }

    #[test]
    fn findings_are_counted_and_followed_by_a_remedy() {
        let mut report = Report { rows: vec![row(0, 99)], ..Report::default() };
        (report.rows[0].missing, report.rows[0].gaps, report.rows[0].repeats) = (7, 2, 1);
        for _ in 0..25 {
            report
                .findings
                .add(Finding::new(FindingKind::Damaged, &report.rows[0].partition, "cut").keys(["k".to_owned()]));
        }
        let text = report.findings_text();
        assert!(text.starts_with("damaged: quotes/0: k: cut\n"), "{text}");
        assert!(text.contains("\ndamaged: 5 more\n  restore the object"), "{text}");
        assert_eq!(text.lines().count(), 22);
        assert!(
            report.closing_line().ends_with(", 7 missing, 1 duplicate, damaged: 25; see above"),
            "{}",
            report.closing_line()
        );
        assert!(report.table().contains("  7 in 2  "));
    }
}
