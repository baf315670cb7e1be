//! The quality report at the end of a run: one line for each question of `queries/quality/`.

use producer::summary::grouped;

use crate::sql;

/// The column in which a quality query counts its findings.
const FINDINGS: &str = "findings";

/// What the questions found.
#[derive(Debug, Default)]
pub struct Report {
    /// A line for each.
    pub lines: Vec<String>,
    /// The names of those that could not be answered.
    pub failed: Vec<&'static str>,
}

/// Asks every question of a lake. One that fails does not keep the others from being answered.
pub async fn report(session: &sql::Session) -> Report {
    let mut report = Report::default();
    for query in sql::quality() {
        let first = sql::execute(session, query.sql).await.and_then(|rows| sql::first_row(&rows));
        report.lines.push(match first {
            Ok(first) => line(query.name, first),
            Err(error) => {
                report.failed.push(query.name);
                format!("{}: {error}", question(query.name))
            }
        });
    }
    report
}

/// `quality/low_above_high` as words.
fn question(name: &str) -> String {
    name.rsplit('/').next().unwrap_or(name).replace('_', " ")
}

/// `low above high: 3 findings, first: symbol AAPL, trade_date 2012-03-01, low 9, high 8`
fn line(name: &str, first: Option<Vec<(String, String)>>) -> String {
    let question = question(name);
    let Some(cells) = first else {
        return format!("{question}: none");
    };
    let count = cells.iter().find(|(name, _)| name == FINDINGS).map(|(_, count)| count.as_str());
    let count = match count.map(|text| (text, text.parse::<u64>())) {
        Some((_, Ok(1))) => "1 finding:".to_owned(),
        Some((_, Ok(count))) => format!("{} findings, first:", grouped(count)),
        Some((text, Err(_))) => format!("{text} findings, first:"),
        None => "findings, first:".to_owned(),
    };
    let told = cells.iter().filter(|(name, cell)| name != FINDINGS && !cell.is_empty());
    let told: Vec<String> = told.map(|(name, cell)| format!("{name} {cell}")).collect();
    format!("{question}: {count} {}", told.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(cells: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
        Some(cells.iter().map(|(name, cell)| ((*name).to_owned(), (*cell).to_owned())).collect())
    }

    #[test]
    fn no_row_is_no_finding() {
        assert_eq!(line("quality/low_above_high", None), "low above high: none");
    }

    #[test]
    fn the_count_is_of_all_findings_and_the_cells_are_of_the_first() {
        let row = |count| cells(&[("symbol", "FB"), ("low", "9.5"), ("next", ""), ("findings", count)]);
        assert_eq!(line("quality/jumps", row("1")), "jumps: 1 finding: symbol FB, low 9.5");
        assert_eq!(line("quality/jumps", row("1200")), "jumps: 1,200 findings, first: symbol FB, low 9.5");
    }
}
