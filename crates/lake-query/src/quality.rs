//! The quality report at the end of a run: one line for each question of `queries/quality/`.

use std::collections::BTreeMap;

use serde::Serialize;
use terminal::numbers::grouped;

use crate::{Session, execute, first_row};

/// The column in which a quality query counts its findings.
const FINDINGS: &str = "findings";

/// What one question found.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// The question, in words.
    pub question: String,
    /// The file of `queries/` that asks it, without its ending.
    pub query: &'static str,
    /// How many findings there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub findings: Option<u64>,
    /// The first of them, by column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<BTreeMap<String, String>>,
    /// Why it could not be answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The same as a line.
    #[serde(skip)]
    pub line: String,
}

/// Asks every question of a lake. One that fails does not keep the others from being answered.
pub async fn report(session: &Session) -> Vec<Answer> {
    let mut answers = Vec::new();
    for query in crate::quality_questions() {
        let first = execute(session, query.sql).await.and_then(|rows| first_row(&rows));
        let question = question(query.name);
        answers.push(match first {
            Ok(first) => Answer {
                line: line(&question, first.as_deref()),
                findings: Some(first.as_deref().map_or(0, |cells| count(cells).unwrap_or(1))),
                first: first.map(|cells| cells.into_iter().filter(|(name, _)| name != FINDINGS).collect()),
                error: None,
                query: query.name,
                question,
            },
            Err(error) => Answer {
                line: format!("{question}: {error}"),
                findings: None,
                first: None,
                error: Some(error.to_string()),
                query: query.name,
                question,
            },
        });
    }
    answers
}

/// `quality/low_above_high` as words.
fn question(name: &str) -> String {
    name.rsplit('/').next().unwrap_or(name).replace('_', " ")
}

fn count(cells: &[(String, String)]) -> Option<u64> {
    cells.iter().find(|(name, _)| name == FINDINGS)?.1.parse().ok()
}

/// `low above high: 3 findings, first: symbol AAPL, trade_date 2012-03-01, low 9, high 8`
fn line(question: &str, first: Option<&[(String, String)]>) -> String {
    let Some(cells) = first else {
        return format!("{question}: none");
    };
    let count = match count(cells) {
        Some(1) => "1 finding:".to_owned(),
        Some(count) => format!("{} findings, first:", grouped(count)),
        None => "findings, first:".to_owned(),
    };
    let told = cells.iter().filter(|(name, cell)| name != FINDINGS && !cell.is_empty());
    let told: Vec<String> = told.map(|(name, cell)| format!("{name} {cell}")).collect();
    format!("{question}: {count} {}", told.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(cells: &[(&str, &str)]) -> Vec<(String, String)> {
        cells.iter().map(|(name, cell)| ((*name).to_owned(), (*cell).to_owned())).collect()
    }

    #[test]
    fn no_row_is_no_finding() {
        assert_eq!(line(&question("quality/low_above_high"), None), "low above high: none");
    }

    #[test]
    fn the_count_is_of_all_findings_and_the_cells_are_of_the_first() {
        let row = |count| cells(&[("symbol", "FB"), ("low", "9.5"), ("next", ""), ("findings", count)]);
        assert_eq!(line("jumps", Some(&row("1"))), "jumps: 1 finding: symbol FB, low 9.5");
        assert_eq!(line("jumps", Some(&row("1200"))), "jumps: 1,200 findings, first: symbol FB, low 9.5");
    }
}
