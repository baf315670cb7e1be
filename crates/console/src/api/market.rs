//! `GET /api/market/symbols` and `/api/market/bars`: the watch list and the history of a chart, by SQL.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use lake_query::ReadAnswer;
use serde::{Deserialize, Serialize};

use super::query::run;
use super::{ApiError, on_thread};
use crate::app::App;
use crate::market::bars::{self, Bar, Row};
use crate::market::time::{Length, parse_instant};

/// Number of closes in a sparkline.
const SPARK_POINTS: usize = 40;

/// Maximum number of symbols in the watch list.
const MAX_SYMBOLS: usize = 2_000;

/// Maximum number of rows of a symbol that form bars.
const MAX_CHART_ROWS: usize = 200_000;

/// Maximum number of bars in an answer.
const MAX_BARS: usize = 20_000;

/// Number of bars that the first length of a chart should have.
const WANTED_BARS: usize = 60;

/// A symbol of the watch list.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Symbol {
    symbol: String,
    series: Option<String>,
    date: String,
    close: f64,
    /// The close of the trading day before.
    before: Option<f64>,
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
            "SELECT symbol, series, trade_date, close FROM (\
           SELECT symbol, series, trade_date, close, \
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

/// Groups rows of symbol, series, date and close, in this order, into symbols.
fn group(rows: Vec<Vec<Option<String>>>) -> Vec<Symbol> {
    let mut symbols: Vec<Symbol> = Vec::new();
    for row in rows {
        let Ok([Some(symbol), series, Some(date), Some(close)]) = <[_; 4]>::try_from(row) else { continue };
        let Ok(close) = close.parse() else { continue };
        match symbols.last_mut() {
            Some(last) if last.symbol == symbol && last.series == series => {
                last.before = Some(last.close);
                (last.date, last.close) = (date, close);
                last.spark.push(close);
            }
            _ => symbols.push(Symbol { symbol, series, date, close, before: None, spark: vec![close] }),
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
    /// Length of the row that the last bar was built from last, and its time. A later row extends the bar.
    last: Option<LastRow>,
    /// Number of rows that formed the bars.
    rows: usize,
    /// `true` if older rows or bars were left out.
    is_cut: bool,
}

#[derive(Serialize)]
struct LastRow {
    length: Length,
    time: i64,
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
            "SELECT bar, instant, seq, simulated, open, high, low, close, volume FROM quotes_latest \
         WHERE symbol = {} AND {series} AND close IS NOT NULL ORDER BY instant DESC, seq DESC",
            literal(&query.symbol)
        );
        let answer = run(&app, &sql, MAX_CHART_ROWS).await?;
        let is_cut = answer.is_cut;
        let mut rows = chart_rows(answer)?;
        rows.reverse();
        let lengths = bars::lengths(&rows);
        let length = wanted.or_else(|| bars::first_length(&rows, &lengths, WANTED_BARS));
        let mut built = length.map(|length| bars::bars(&rows, length)).unwrap_or_default();
        if let Some(from) = query.from {
            built.retain(|bar| bar.time >= from);
        }
        let more = built.len().saturating_sub(MAX_BARS);
        built.drain(..more);
        let last = rows.iter().rev().find(|row| length.is_some_and(|length| row.length <= length));
        let last = last.map(|row| LastRow { length: row.length, time: row.time, seq: row.seq });
        Ok(Json(Bars { length, lengths, bars: built, last, rows: rows.len(), is_cut: is_cut || more > 0 }))
    })
    .await
}

fn chart_rows(answer: ReadAnswer) -> Result<Vec<Row>, ApiError> {
    let number =
        |cell: Option<String>| cell.and_then(|cell| cell.parse::<f64>().ok()).filter(|value| value.is_finite());
    let rows = answer.cells()?.into_iter().filter_map(|row| {
        let [bar, instant, seq, simulated, open, high, low, close, volume] = <[_; 9]>::try_from(row).ok()?;
        Some(Row {
            length: Length::parse(&bar?)?,
            time: parse_instant(&instant?)?,
            seq: seq?.parse().ok()?,
            simulated: simulated.as_deref() == Some("true"),
            open: number(open),
            high: number(high),
            low: number(low),
            close: number(close),
            volume: number(volume),
        })
    });
    Ok(rows.collect())
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

    #[test]
    fn rows_are_grouped_by_symbol_and_series() {
        let row = |symbol: &str, series: Option<&str>, date: &str, close: &str| {
            vec![Some(symbol.to_owned()), series.map(str::to_owned), Some(date.to_owned()), Some(close.to_owned())]
        };
        let symbols = group(vec![
            row("A", None, "2024-01-01", "1"),
            row("A", None, "2024-01-02", "1.5"),
            row("A", Some("EQ"), "2024-01-02", "9"),
            vec![None, None, None, None],
        ]);
        assert_eq!(symbols.len(), 2);
        let first = Symbol {
            symbol: "A".to_owned(),
            series: None,
            date: "2024-01-02".to_owned(),
            close: 1.5,
            before: Some(1.0),
            spark: vec![1.0, 1.5],
        };
        assert_eq!(symbols[0], first);
        assert_eq!((symbols[1].series.as_deref(), symbols[1].before), (Some("EQ"), None));
    }
}
