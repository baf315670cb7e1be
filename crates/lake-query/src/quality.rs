//! The data-quality report: one line for each query in `queries/quality/`.

use std::collections::BTreeMap;

use serde::Serialize;
use terminal::numbers::grouped;

use crate::{Session, execute, first_row};

/// Name of the column that contains a quality query's total number of findings.
const FINDINGS: &str = "findings";

/// Result of one quality query.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// Question that the query answers, in words.
    pub question: String,
    /// Path of the query below `queries/`, without its extension.
    pub query: &'static str,
    /// Number of findings; `None` if the query failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub findings: Option<u64>,
    /// Cells of the first finding, by column; `None` if the query found nothing or failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<BTreeMap<String, String>>,
    /// Reason that the query failed; `None` if it succeeded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The result, formatted as one line of text.
    #[serde(skip)]
    pub line: String,
}

/// Runs every quality query. If one query fails, the others are still run.
pub async fn report(session: &Session) -> Vec<Answer> {
    let mut answers = Vec::new();
    for query in crate::quality_questions() {
        let first = match execute(session, query.sql).await {
            Ok(rows) => first_row(&rows).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
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
                error: Some(error),
                query: query.name,
                question,
            },
        });
    }
    answers
}

/// Converts a query's name, such as `quality/low_above_high`, to words.
fn question(name: &str) -> String {
    name.rsplit('/').next().unwrap_or(name).replace('_', " ")
}

fn count(cells: &[(String, String)]) -> Option<u64> {
    cells.iter().find(|(name, _)| name == FINDINGS)?.1.parse().ok()
}

/// Formats a result, such as `low above high: 3 findings, first: symbol AAPL, trade_date 2012-03-01, low 9, high 8`.
fn line(question: &str, first: Option<&[(String, String)]>) -> String {
    let Some(cells) = first else {
        return format!("{question}: none");
    };
    let count = match count(cells) {
        Some(1) => "1 finding:".to_owned(),
        Some(count) => format!("{} findings, first:", grouped(count)),
        None => "findings, first:".to_owned(),
    };
    let shown = cells.iter().filter(|(name, cell)| name != FINDINGS && !cell.is_empty());
    let shown: Vec<String> = shown.map(|(name, cell)| format!("{name} {cell}")).collect();
    format!("{question}: {count} {}", shown.join(", "))
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
    fn line_counts_all_findings_and_shows_the_first() {
        let row = |count| cells(&[("symbol", "FB"), ("low", "9.5"), ("next", ""), ("findings", count)]);
        assert_eq!(line("jumps", Some(&row("1"))), "jumps: 1 finding: symbol FB, low 9.5");
        assert_eq!(line("jumps", Some(&row("1200"))), "jumps: 1,200 findings, first: symbol FB, low 9.5");
    }
}
