//! Names the columns of a file without a header, if its cells allow only one interpretation.
//!
//! Open, high, low and close are recognised by two conditions: high is the largest and low the smallest of the four,
//! and bars open nearer to the previous close than they close to the previous open.

use terminal::numbers::counted;

use super::columns::Table;
use super::date_guess::{self, Guess};
use super::known_forms;
use super::moment::Moment;
use super::number_format::is_missing;
use super::options::PlanOptions;
use super::question::Question;
use super::sample::SampledRow;
use super::time_of_day;

/// Minimum number of bars needed to name the price columns. With fewer, the producer asks for the names.
const MIN_BARS: usize = 3;

/// Returns the titles of the columns.
///
/// # Errors
/// A question that asks for the names of the columns if the cells do not show them, or a question that reports the
/// width of the rows if `--columns` names a different number of columns.
pub(super) fn titles(rows: &[SampledRow], width: usize, options: &PlanOptions) -> Result<Vec<String>, Question> {
    if !options.columns.is_empty() {
        return match options.columns.len() {
            given if given == width => Ok(options.columns.clone()),
            given => Err(Question::new(
                format!(
                    "--columns names {}, but rows have {}, for example {}",
                    counted(given as u64, "column", "columns"),
                    counted(width as u64, "cell", "cells"),
                    example(rows)
                ),
                [] as [&str; 0],
            )),
        };
    }
    let untitled = vec![String::new(); width];
    let table = Table { titles: &untitled, rows, delimiter: b',' };
    let is_date = |column: usize| date_guess::guess(table.cells(column), options.latest) != Guess::None;
    let is_clock = |column: usize| {
        let mut cells = table.cells(column).peekable();
        cells.peek().is_some() && cells.all(|cell| cell.contains(':') && time_of_day::parse(cell).is_some())
    };
    let unknown = || {
        let date = (0..width).find(|column| is_date(*column));
        let name = |column: usize| match column {
            column if Some(column) == date => "date".to_owned(),
            column if is_clock(column) => "time".to_owned(),
            column => format!("c{}", column + 1),
        };
        let names: Vec<String> = (0..width).map(name).collect();
        Question::new(
            format!("the first line is data, not a header: {}", example(rows)),
            [format!(
                "--columns {} (with names such as date, time, symbol, open, high, low, close, volume)",
                names.join(",")
            )],
        )
    };
    let is_number = |column: usize| table.is_numeric(column);
    if let Some(titles) = known_forms::titles(table, options) {
        return Ok(titles);
    }
    let has_time = width > 5 && is_clock(1);
    let first = if has_time { 2 } else { 1 };
    let rest = width.saturating_sub(first);
    if !is_date(0)
        || !matches!(rest, 4 | 5)
        || !(first..width).all(is_number)
        || !are_bars(rows, first, || is_newest_first(table, options))
    {
        return Err(unknown());
    }
    let names = if has_time { ["date", "time"].as_slice() } else { ["date"].as_slice() };
    let prices = ["open", "high", "low", "close", "volume"];
    Ok(names.iter().chain(&prices[..rest]).map(|name| (*name).to_owned()).collect())
}

/// Returns `true` if the first column begins with a later date than it ends with.
fn is_newest_first(table: Table<'_>, options: &PlanOptions) -> bool {
    let format = match date_guess::guess(table.cells(0), options.latest) {
        Guess::One(format) => format,
        Guess::Several(formats) => match formats.first() {
            Some(format) => format.clone(),
            None => return false,
        },
        Guess::Mixed(..) | Guess::None => return false,
    };
    let mut moments = table.cells(0).filter_map(|cell| format.read(cell)).map(Moment::local_micros);
    moments.next().zip(moments.last()).is_some_and(|(first, last)| first > last)
}

/// Returns `true` if four columns from `first` on can only be open, high, low and close, in this order.
fn are_bars(rows: &[SampledRow], first: usize, is_newest_first: impl Fn() -> bool) -> bool {
    let price =
        |row: &SampledRow, at: usize| row.cell(first + at).parse::<f64>().ok().filter(|price| price.is_finite());
    let is_complete = |row: &&SampledRow| !(0..4).any(|at| is_missing(row.cell(first + at)));
    let bar = |row: &SampledRow| Some([price(row, 0)?, price(row, 1)?, price(row, 2)?, price(row, 3)?]);
    let bars: Option<Vec<[f64; 4]>> = rows.iter().filter(is_complete).map(bar).collect();
    let Some(bars) = bars.filter(|bars| bars.len() >= MIN_BARS) else { return false };
    let in_range = bars.iter().all(|[open, high, low, close]| {
        [open, low, close].iter().all(|price| *price <= high) && [open, high, close].iter().all(|price| *price >= low)
    });
    let has_range = bars.iter().any(|[_, high, low, _]| high > low);
    // The columns are open and close, in this order, if bars open near the previous bar's close. If the newest row
    // comes first, the previous bar is in the next row.
    let jumps = |from: usize, to: usize| bars.windows(2).map(|pair| (pair[1][to] - pair[0][from]).abs()).sum::<f64>();
    let (forward, backward) = if is_newest_first() { (jumps(0, 3), jumps(3, 0)) } else { (jumps(3, 0), jumps(0, 3)) };
    in_range && has_range && forward < backward
}

fn example(rows: &[SampledRow]) -> String {
    let row = rows.first().map_or(String::new(), |row| row.cells.join(","));
    row.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::delimiter::Delimiter;
    use crate::plan::sample::Sample;

    fn named(text: &str) -> Result<String, String> {
        let sample = Sample::whole(text);
        let rows = sample.head_rows(Delimiter::COMMA);
        let width = rows[0].cells.len();
        titles(&rows, width, &PlanOptions::default()).map(|names| names.join(" ")).map_err(|question| question.problem)
    }

    #[test]
    fn bars_name_their_columns() {
        let daily = "2024-01-02,10,12,9,11,5\n2024-01-03,11,13,10,12,6\n2024-01-04,12,14,11,13,7\n";
        assert_eq!(named(daily).as_deref(), Ok("date open high low close volume"));
        let timed = "2010.08.20,03:00,10,12,9,11,5\n2010.08.20,04:00,11,13,10,12,6\n2010.08.20,05:00,12,14,11,13,7\n";
        assert_eq!(named(timed).as_deref(), Ok("date time open high low close volume"));
    }

    #[test]
    fn dates_that_fall_in_the_alphabet_are_not_newest_first() {
        let bars = "12/28/2023,10,12,9,11\n12/29/2023,11,13,10,12\n01/02/2024,12,14,11,13\n01/03/2024,13,-,-,\n";
        assert_eq!(named(bars).as_deref(), Ok("date open high low close"));
    }

    #[test]
    fn other_orders_are_asked_for() {
        for text in [
            // Close first and open last: each row ends with the price with which the previous row begins.
            "2024-01-02,11,12,9,10\n2024-01-03,12,13,10,11\n2024-01-04,13,14,11,12\n",
            // Low before high.
            "2024-01-02,10,9,12,11\n2024-01-03,11,10,13,12\n2024-01-04,12,11,14,13\n",
            // Nothing moves.
            "2024-01-02,1,1,1,1\n2024-01-03,1,1,1,1\n2024-01-04,1,1,1,1\n",
            // A type that LOBSTER does not have.
            "34200.01,9,0,1,2238200,-1\n34200.18,1,11885113,21,2238100,1\n",
            "2024-01-02,10,12,9,11\n",
        ] {
            assert!(named(text).is_err_and(|problem| problem.starts_with("the first line is data")), "{text}");
        }
    }
}
