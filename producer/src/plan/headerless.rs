//! Names the columns of a file without a header, where its cells leave one reading only.
//!
//! Open, high, low and close are recognised by what they must satisfy: high is the largest and low the smallest of the
//! four, and a bar opens nearer to the close of the bar before than it closes to that bar's open.

use super::columns::Table;
use super::date_guess::{self, Guess};
use super::options::PlanOptions;
use super::question::Question;
use super::sample::SampledRow;
use super::time_of_day;

/// The columns of Binance's files of klines.
const KLINES: [&str; 12] = [
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "trades",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
];

/// Bars that must be in order before the columns of prices are named.
const MIN_BARS: usize = 3;

/// Returns the titles of the columns.
///
/// # Errors
/// A question with the columns to name, if the cells leave several readings.
pub(super) fn titles(rows: &[SampledRow], width: usize, options: &PlanOptions) -> Result<Vec<String>, Question> {
    if !options.columns.is_empty() {
        return match options.columns.len() {
            given if given == width => Ok(options.columns.clone()),
            given => Err(Question::new(
                format!("--columns names {given} columns, but rows have {width} cells, such as {}", example(rows)),
                [] as [&str; 0],
            )),
        };
    }
    let untitled = vec![String::new(); width];
    let table = Table { titles: &untitled, rows, delimiter: b',' };
    let unknown = || {
        let names: Vec<String> = (1..=width).map(|number| format!("c{number}")).collect();
        Question::new(
            format!("the first line is data, not a header: {}", example(rows)),
            [format!(
                "--columns {} (with names such as date, time, symbol, open, high, low, close, volume)",
                names.join(",")
            )],
        )
    };
    let is_date = |column: usize| date_guess::guess(table.cells(column), options.latest) != Guess::None;
    let is_clock = |column: usize| {
        let mut cells = table.cells(column).peekable();
        cells.peek().is_some() && cells.all(|cell| cell.contains(':') && time_of_day::parse(cell).is_some())
    };
    let is_number = |column: usize| table.is_numeric(column);
    if width == KLINES.len() && is_date(0) && is_date(6) && (1..width).all(is_number) && are_bars(rows, 1) {
        return Ok(KLINES.map(str::to_owned).to_vec());
    }
    let has_time = width > 5 && is_clock(1);
    let first = if has_time { 2 } else { 1 };
    let rest = width.saturating_sub(first);
    if !is_date(0) || !matches!(rest, 4 | 5) || !(first..width).all(is_number) || !are_bars(rows, first) {
        return Err(unknown());
    }
    let names = if has_time { ["date", "time"].as_slice() } else { ["date"].as_slice() };
    let prices = ["open", "high", "low", "close", "volume"];
    Ok(names.iter().chain(&prices[..rest]).map(|name| (*name).to_owned()).collect())
}

/// Returns `true` if four columns from `first` on can only be open, high, low and close, in this order.
fn are_bars(rows: &[SampledRow], first: usize) -> bool {
    let price =
        |row: &SampledRow, at: usize| row.cell(first + at).parse::<f64>().ok().filter(|price| price.is_finite());
    let bars: Option<Vec<[f64; 4]>> =
        rows.iter().map(|row| Some([price(row, 0)?, price(row, 1)?, price(row, 2)?, price(row, 3)?])).collect();
    let Some(bars) = bars.filter(|bars| bars.len() >= MIN_BARS) else { return false };
    let in_range = bars.iter().all(|[open, high, low, close]| {
        [open, low, close].iter().all(|price| *price <= high) && [open, high, close].iter().all(|price| *price >= low)
    });
    let has_range = bars.iter().any(|[_, high, low, _]| high > low);
    // The first column in file order is the earlier price if each bar begins where the last one ended.
    let jumps = |from: usize, to: usize| bars.windows(2).map(|pair| (pair[1][to] - pair[0][from]).abs()).sum::<f64>();
    let is_newest_first = rows.first().zip(rows.last()).is_some_and(|(first, last)| first.cell(0) > last.cell(0));
    let (forward, backward) = if is_newest_first { (jumps(0, 3), jumps(3, 0)) } else { (jumps(3, 0), jumps(0, 3)) };
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
        let sample = Sample { head: text.as_bytes().to_vec(), is_complete: true, ..Sample::default() };
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
    fn other_orders_are_asked_for() {
        for text in [
            // Close first: each row ends where the next one began.
            "2024-01-02,11,12,9,10\n2024-01-03,12,13,10,11\n2024-01-04,13,14,11,12\n",
            // Low before high.
            "2024-01-02,10,9,12,11\n2024-01-03,11,10,13,12\n2024-01-04,12,11,14,13\n",
            // Nothing moves.
            "2024-01-02,1,1,1,1\n2024-01-03,1,1,1,1\n2024-01-04,1,1,1,1\n",
            "34200.01,5,0,1,2238200,-1\n34200.18,1,11885113,21,2238100,1\n",
            "2024-01-02,10,12,9,11\n",
        ] {
            assert!(named(text).is_err_and(|problem| problem.starts_with("the first line is data")), "{text}");
        }
    }
}
