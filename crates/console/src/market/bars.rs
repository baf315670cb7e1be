//! Builds bars of one length from rows of any length, by the rules of the view `daily`.
//!
//! Each bar is decided separately. A row of the wanted length is the bar; of several, the last one counts. Otherwise the
//! finest rows that are shorter are added up: first open, highest high, lowest low, last close, total volume. A row
//! without open, high and low counts with its close. Simulated rows count only where a bar has no others.

use std::collections::BTreeMap;

use serde::Serialize;

use super::time::Length;

/// A row of the view `quotes_latest`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) length: Length,
    /// Seconds since 1970.
    pub(crate) time: i64,
    pub(crate) seq: i64,
    pub(crate) simulated: bool,
    pub(crate) open: Option<f64>,
    pub(crate) high: Option<f64>,
    pub(crate) low: Option<f64>,
    pub(crate) close: Option<f64>,
    pub(crate) volume: Option<f64>,
}

/// A bar of a chart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Bar {
    /// First second, since 1970.
    pub(crate) time: i64,
    pub(crate) open: f64,
    pub(crate) high: f64,
    pub(crate) low: f64,
    pub(crate) close: f64,
    pub(crate) volume: Option<f64>,
}

/// Rows that may form a bar, from best to worst: not simulated ones first, then rows of the wanted length, then finer
/// ones.
type Choice = (bool, bool, Length);

/// Returns the bars of a length, in order of time. `rows` are in order of time and `seq`. Rows longer than the wanted
/// length, and rows without a close, are left out.
pub(crate) fn bars(rows: &[Row], length: Length) -> Vec<Bar> {
    let mut buckets: BTreeMap<i64, (Choice, Bar)> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.length <= length) {
        let Some(bar) = bar(row, length) else { continue };
        let is_whole = row.length == length;
        let choice = (row.simulated, !is_whole, row.length);
        match buckets.get_mut(&bar.time) {
            Some((best, _)) if *best < choice => {}
            Some((best, sum)) if *best == choice && !is_whole => add(sum, &bar),
            _ => {
                buckets.insert(bar.time, (choice, bar));
            }
        }
    }
    buckets.into_values().map(|(_, bar)| bar).collect()
}

fn bar(row: &Row, length: Length) -> Option<Bar> {
    let close = row.close?;
    let is_trade = row.open.is_none() && row.high.is_none() && row.low.is_none();
    let open = if is_trade { close } else { row.open.unwrap_or(close) };
    let high = row.high.unwrap_or(open.max(close));
    let low = row.low.unwrap_or(open.min(close));
    Some(Bar { time: length.start(row.time), open, high, low, close, volume: row.volume })
}

fn add(sum: &mut Bar, next: &Bar) {
    sum.high = sum.high.max(next.high);
    sum.low = sum.low.min(next.low);
    sum.close = next.close;
    sum.volume = match (sum.volume, next.volume) {
        (None, volume) | (volume, None) => volume,
        (Some(a), Some(b)) => Some(a + b),
    };
}

/// Returns the offered lengths that bars of these rows can have: those not shorter than the shortest row.
pub(crate) fn lengths(rows: &[Row]) -> Vec<Length> {
    let Some(finest) = rows.iter().filter(|row| row.close.is_some()).map(|row| row.length).min() else {
        return Vec::new();
    };
    let mut lengths: Vec<_> = Length::OFFERED.into_iter().filter(|length| *length >= finest).collect();
    if finest != Length::Tick && !lengths.contains(&finest) {
        lengths.insert(0, finest);
    }
    lengths
}

/// Returns the length to show first: the longest one up to a day that has at least `bars` bars, otherwise the shortest.
pub(crate) fn first_length(rows: &[Row], lengths: &[Length], wanted: usize) -> Option<Length> {
    let up_to_a_day = lengths.iter().rev().filter(|length| **length <= Length::DAY);
    up_to_a_day.copied().find(|length| bars(rows, *length).len() >= wanted).or(lengths.first().copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::time::parse_instant;

    fn row(bar: &str, time: &str, prices: [f64; 4], volume: f64) -> Row {
        let [open, high, low, close] = prices.map(Some);
        Row {
            length: Length::parse(bar).unwrap(),
            time: parse_instant(time).unwrap(),
            seq: 1,
            simulated: false,
            open,
            high,
            low,
            close,
            volume: Some(volume),
        }
    }

    fn trade(time: &str, close: f64, volume: f64) -> Row {
        Row { open: None, high: None, low: None, ..row("tick", time, [close; 4], volume) }
    }

    fn built(rows: &[Row], length: &str) -> Vec<(f64, f64, f64, f64, Option<f64>)> {
        let bars = bars(rows, Length::parse(length).unwrap());
        bars.iter().map(|bar| (bar.open, bar.high, bar.low, bar.close, bar.volume)).collect()
    }

    #[test]
    fn finer_rows_are_added_up() {
        let rows = [
            row("1m", "2024-01-02 14:30:00", [10.0, 12.0, 9.0, 11.0], 5.0),
            row("1m", "2024-01-02 14:31:00", [11.0, 15.0, 10.0, 14.0], 7.0),
            row("1m", "2024-01-02 14:35:00", [14.0, 14.0, 13.0, 13.0], 1.0),
        ];
        assert_eq!(built(&rows, "5m"), [(10.0, 15.0, 9.0, 14.0, Some(12.0)), (14.0, 14.0, 13.0, 13.0, Some(1.0))]);
        assert_eq!(built(&rows, "1d"), [(10.0, 15.0, 9.0, 13.0, Some(13.0))]);
        assert_eq!(built(&rows, "1m").len(), 3);
    }

    #[test]
    fn trades_count_with_their_close() {
        let rows = [trade("2024-01-02 14:30:00", 5.0, 1.0), trade("2024-01-02 14:30:40", 4.0, 2.0)];
        assert_eq!(built(&rows, "1m"), [(5.0, 5.0, 4.0, 4.0, Some(3.0))]);
    }

    #[test]
    fn row_of_the_wanted_length_is_the_bar() {
        let day = row("1d", "2024-01-02", [1.0, 2.0, 0.5, 1.5], 100.0);
        let corrected = Row { close: Some(1.75), ..day.clone() };
        let minute = row("1m", "2024-01-02 14:30:00", [1.0, 9.0, 0.1, 1.5], 5.0);
        let expected = [(1.0, 2.0, 0.5, 1.75, Some(100.0))];
        assert_eq!(built(&[day.clone(), corrected.clone(), minute.clone()], "1d"), expected);
        assert_eq!(built(&[minute, day, corrected], "1d"), expected);
    }

    #[test]
    fn longer_rows_are_left_out() {
        let week = row("1w", "2024-01-01", [1.0; 4], 1.0);
        assert!(built(std::slice::from_ref(&week), "1d").is_empty());
        assert_eq!(built(&[week], "1mo").len(), 1);
    }

    #[test]
    fn simulated_rows_count_only_without_others() {
        let day = row("1d", "2024-01-02", [1.0, 2.0, 0.5, 1.5], 100.0);
        let simulated = Row { simulated: true, ..row("1m", "2024-01-02 10:00:00", [9.0; 4], 1.0) };
        let other_day = Row { simulated: true, ..row("1m", "2024-01-03 10:00:00", [8.0; 4], 1.0) };
        let rows = [day, simulated, other_day];
        assert_eq!(built(&rows, "1d"), [(1.0, 2.0, 0.5, 1.5, Some(100.0)), (8.0, 8.0, 8.0, 8.0, Some(1.0))]);
    }

    #[test]
    fn rows_without_a_close_make_no_bar() {
        let rows = [Row { close: None, ..row("1d", "2024-01-02", [1.0; 4], 1.0) }];
        assert!(built(&rows, "1d").is_empty() && lengths(&rows).is_empty());
    }

    #[test]
    fn lengths_begin_with_the_finest_row() {
        let names = |rows: &[Row]| lengths(rows).iter().map(|length| length.name()).collect::<Vec<_>>().join(" ");
        assert_eq!(names(&[row("1d", "2024-01-02", [1.0; 4], 1.0)]), "1d 1w 1mo");
        assert_eq!(names(&[row("30m", "2024-01-02", [1.0; 4], 1.0)]), "30m 1h 4h 1d 1w 1mo");
        assert_eq!(names(&[row("2m", "2024-01-02", [1.0; 4], 1.0)]), "2m 5m 15m 30m 1h 4h 1d 1w 1mo");
        assert!(names(&[trade("2024-01-02", 1.0, 1.0)]).starts_with("1s 10s 1m"));
    }

    #[test]
    fn first_length_has_enough_bars() {
        let rows: Vec<_> = (10..60)
            .flat_map(|minute| (0..2).map(move |part| (minute, part)))
            .map(|(minute, part)| trade(&format!("2024-01-02 14:{minute}:{part}0"), 1.0, 1.0))
            .collect();
        let first = |wanted| first_length(&rows, &lengths(&rows), wanted).map(Length::name);
        assert_eq!(first(1).as_deref(), Some("1d"));
        assert_eq!(first(40).as_deref(), Some("1m"));
        assert_eq!(first(1000).as_deref(), Some("1s"));
        assert_eq!(first_length(&[], &[], 1), None);
    }
}
