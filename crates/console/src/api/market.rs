//! `GET /api/market/symbols` and `/api/market/bars`: the watch list and the history of a chart, by SQL.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};

use super::query::run;
use super::{ApiError, on_thread};
use crate::app::App;
use crate::market::bars::{self, Bar, Row};
use crate::market::time::{Length, parse_day, parse_instant};

/// Number of closes in a sparkline.
const SPARK_POINTS: usize = 40;

/// Maximum number of symbols in the watch list.
const MAX_SYMBOLS: usize = 2_000;

/// Maximum number of rows of a symbol that form bars.
const MAX_CHART_ROWS: usize = 200_000;

/// Maximum number of bars in an answer.
const MAX_BARS: usize = 20_000;

/// Maximum number of lengths to name that charts do not support.
const MAX_OTHER_LENGTHS: usize = 5;

/// Minimum number of bars for the bar length that a chart shows first. If no length has this many, the shortest one
/// is shown.
const WANTED_BARS: usize = 60;

/// A symbol of the watch list.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Symbol {
    symbol: String,
    series: Option<String>,
    date: String,
    close: f64,
    /// Length of the rows of the last trading day, and whether they are simulated.
    bar: String,
    simulated: bool,
    /// The close of the trading day before, and its date.
    before: Option<f64>,
    date_before: Option<String>,
    spark: Vec<f64>,
}

#[derive(Serialize)]
pub(crate) struct Symbols {
    symbols: Vec<Symbol>,
    /// `true` if there are more symbols.
    is_cut: bool,
}

pub(crate) async fn symbols(State(app): State<Arc<App>>) -> Result<Json<Symbols>, ApiError> {
    on_thread(move || async move {
        let sql = format!(
            "SELECT symbol, series, trade_date, close, bar, simulated FROM (\
           SELECT symbol, series, trade_date, close, bar, simulated, \
             row_number() OVER (PARTITION BY symbol, series ORDER BY trade_date DESC) AS place \
           FROM daily WHERE close IS NOT NULL AND bar NOT IN ('1w', '1mo')) AS ranked \
         WHERE place <= {SPARK_POINTS} ORDER BY symbol, series, trade_date"
        );
        let answer = run(&app, &sql, MAX_SYMBOLS * SPARK_POINTS).await?;
        let mut symbols = group(answer.cells()?);
        let is_cut = answer.is_cut || symbols.len() > MAX_SYMBOLS;
        symbols.truncate(MAX_SYMBOLS);
        Ok(Json(Symbols { symbols, is_cut }))
    })
    .await
}

/// Groups rows of symbol, series, date, close, bar and simulated, in this order, into symbols.
fn group(rows: Vec<Vec<Option<String>>>) -> Vec<Symbol> {
    let mut symbols: Vec<Symbol> = Vec::new();
    for row in rows {
        let Ok([Some(symbol), series, Some(date), Some(close), Some(bar), simulated]) = <[_; 6]>::try_from(row) else {
            continue;
        };
        let Ok(close) = close.parse() else { continue };
        let simulated = simulated.as_deref() == Some("true");
        match symbols.last_mut() {
            Some(last) if last.symbol == symbol && last.series == series => {
                last.before = Some(last.close);
                last.date_before = Some(std::mem::replace(&mut last.date, date));
                (last.close, last.bar, last.simulated) = (close, bar, simulated);
                last.spark.push(close);
            }
            _ => symbols.push(Symbol {
                symbol,
                series,
                date,
                close,
                bar,
                simulated,
                before: None,
                date_before: None,
                spark: vec![close],
            }),
        }
    }
    symbols
}

#[derive(Deserialize)]
pub(crate) struct BarsQuery {
    symbol: String,
    #[serde(default)]
    series: Option<String>,
    #[serde(default)]
    length: Option<String>,
    /// Only bars from this time on, in seconds since 1970.
    #[serde(default)]
    from: Option<i64>,
}

#[derive(Serialize)]
pub(crate) struct Bars {
    length: Option<Length>,
    lengths: Vec<Length>,
    bars: Vec<Bar>,
    /// Place of the last row that counts in the last bar. A later row extends the bar.
    last: Option<LastRow>,
    /// Number of rows that were read.
    rows: usize,
    /// `true` if older rows or bars were left out.
    is_cut: bool,
    /// Lengths of rows that charts do not support; these rows were left out.
    other_lengths: BTreeSet<String>,
}

#[derive(Serialize)]
struct LastRow {
    micros: i64,
    seq: i64,
}

pub(crate) async fn bars(State(app): State<Arc<App>>, Query(query): Query<BarsQuery>) -> Result<Json<Bars>, ApiError> {
    on_thread(move || async move {
        let wanted = match &query.length {
            None => None,
            Some(text) => match Length::parse(text) {
                Some(length) if length != Length::Tick => Some(length),
                _ => {
                    return Err(ApiError::bad(format!(
                        "length {text}: expected a length such as 1m, 5m, 1h, 1d, 1w or 1mo"
                    )));
                }
            },
        };
        let series = query
            .series
            .as_deref()
            .map_or("series IS NULL".to_owned(), |series| format!("series = {}", literal(series)));
        let sql = format!(
            "SELECT bar, instant, seq, simulated, trade_date, open, high, low, close, volume FROM quotes_latest \
         WHERE symbol = {} AND {series} AND close IS NOT NULL ORDER BY instant DESC, seq DESC",
            literal(&query.symbol)
        );
        let answer = run(&app, &sql, MAX_CHART_ROWS).await?;
        let is_cut = answer.is_cut;
        let ChartRows { rows, other_lengths } = chart_rows(answer.cells()?);
        let lengths = bars::lengths(&rows);
        let length = wanted.or_else(|| bars::first_length(&rows, &lengths, WANTED_BARS));
        let mut built = length.map(|length| bars::build(&rows, length)).unwrap_or_default();
        if let Some(length) = length.filter(|_| is_cut) {
            bars::drop_partial(&mut built, &rows, length);
        }
        if let Some(from) = query.from {
            built.bars.retain(|bar| bar.time >= from);
        }
        let more = built.bars.len().saturating_sub(MAX_BARS);
        built.bars.drain(..more);
        let last = built.last.map(|(micros, seq)| LastRow { micros, seq });
        let (rows, is_cut) = (rows.len(), is_cut || more > 0);
        Ok(Json(Bars { length, lengths, bars: built.bars, last, rows, is_cut, other_lengths }))
    })
    .await
}

/// Rows of a symbol in order of their places.
struct ChartRows {
    rows: Vec<Row>,
    other_lengths: BTreeSet<String>,
}

/// Reads rows of bar, instant, seq, simulated, trade date, prices and volume, the newest first.
fn chart_rows(cells: Vec<Vec<Option<String>>>) -> ChartRows {
    let number =
        |cell: Option<String>| cell.and_then(|cell| cell.parse::<f64>().ok()).filter(|value| value.is_finite());
    let mut other_lengths = BTreeSet::new();
    let rows = cells.into_iter().rev().filter_map(|row| {
        let [bar, instant, seq, simulated, date, open, high, low, close, volume] = <[_; 10]>::try_from(row).ok()?;
        let bar = bar?;
        let Some(length) = Length::parse(&bar) else {
            if other_lengths.len() < MAX_OTHER_LENGTHS {
                other_lengths.insert(bar);
            }
            return None;
        };
        Some(Row {
            length,
            day: parse_day(date?.get(..10)?)?,
            place: (parse_instant(&instant?)?, seq?.parse().ok()?),
            simulated: simulated.as_deref() == Some("true"),
            open: number(open),
            high: number(high),
            low: number(low),
            close: number(close),
            volume: number(volume),
        })
    });
    ChartRows { rows: rows.collect(), other_lengths }
}

/// Returns a string as a literal of SQL.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_in_a_literal_are_doubled() {
        assert_eq!(literal("O'Reilly' OR 1=1 --"), "'O''Reilly'' OR 1=1 --'");
    }

    fn cells(row: &[&str]) -> Vec<Option<String>> {
        row.iter().map(|cell| (*cell != "null").then(|| (*cell).to_owned())).collect()
    }

    #[test]
    fn rows_are_grouped_by_symbol_and_series() {
        let symbols = group(vec![
            cells(&["A", "null", "2024-01-01", "1", "1d", "false"]),
            cells(&["A", "null", "2024-01-02", "1.5", "tick", "true"]),
            cells(&["A", "EQ", "2024-01-02", "9", "1d", "false"]),
            cells(&["null", "null", "null", "null", "null", "null"]),
        ]);
        assert_eq!(symbols.len(), 2);
        let first = Symbol {
            symbol: "A".to_owned(),
            series: None,
            date: "2024-01-02".to_owned(),
            close: 1.5,
            bar: "tick".to_owned(),
            simulated: true,
            before: Some(1.0),
            date_before: Some("2024-01-01".to_owned()),
            spark: vec![1.0, 1.5],
        };
        assert_eq!(symbols[0], first);
        assert_eq!((symbols[1].series.as_deref(), symbols[1].before), (Some("EQ"), None));
    }

    #[test]
    fn rows_of_other_lengths_are_named() {
        let row =
            |bar| cells(&[bar, "2024-01-02 00:00:00.000000", "1", "false", "2024-01-02", "1", "1", "1", "1", "null"]);
        let ChartRows { rows, other_lengths } = chart_rows(vec![row("1d"), row("2d"), row("1y"), row("2d")]);
        assert_eq!(rows.len(), 1);
        assert_eq!(other_lengths.into_iter().collect::<Vec<_>>(), ["1y", "2d"]);
    }
}
