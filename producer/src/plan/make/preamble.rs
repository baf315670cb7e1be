//! Asks about lines before the table that may be part of it.

use crate::plan::dialect::{self, Dialect, Header};
use crate::plan::question::Question;
use crate::plan::sample::SampledRow;
use crate::plan::titles::{self, Role};

/// Minimum number of known titles in a row that may be the header.
const MIN_TITLES: usize = 2;

/// Asks about a line before the table that looks like the table's header or one of its rows, but has a different number
/// of cells. Without the question, such a line would be dropped silently. Returns `None` if no such line exists.
pub(super) fn question(dialect: &Dialect) -> Option<Question> {
    let may_be_header = |row: &&SampledRow| dialect.header == Header::None && known_titles(row) >= MIN_TITLES;
    let header = dialect.preamble.iter().rev().find(may_be_header);
    let (row, what, last, rest) = match header {
        Some(row) => (row, "the header", row, " --columns NAME,NAME,..."),
        None => {
            let row = dialect.preamble.iter().find(|row| dialect::is_row_of_prices(row))?;
            (row, "a row of the table", dialect.preamble.last()?, "")
        }
    };
    let hint = if header.is_none() { "; correct it, or leave it out" } else { "" };
    Some(Question::new(
        format!(
            "line {} may be {what}, but has {} cells, and the rows have {}{hint}",
            row.place?.line,
            row.cells.len(),
            dialect.width
        ),
        [format!("--skip-lines {}{rest}", last.place?.last_line)],
    ))
}

fn known_titles(row: &SampledRow) -> usize {
    let is_known = |title: &str| {
        titles::price_role(title).is_some()
            || [Role::Date, Role::Symbol].iter().any(|role| titles::rank(title, *role).is_some())
    };
    (0..row.cells.len()).filter(|&column| is_known(row.cell(column))).count()
}
