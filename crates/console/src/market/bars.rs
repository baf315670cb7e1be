//! Builds bars of one length from rows of any length, by the rules of the view `daily`.
//!
//! Each bar is decided separately. A row of the wanted length is the bar; if there are several, the last one counts.
//! Otherwise, rows of the shortest length are added up: first open, highest high, lowest low, last close, total volume.
//! A row without open, high and low counts with its close. Simulated rows count only where a bar has no others.

use std::collections::BTreeMap;

use serde::Serialize;

use super::time::Length;

/// Sort key of a row among the rows of a symbol: microseconds since 1970, and `seq`.
pub(crate) type Place = (i64, i64);

/// A row of the view `quotes_latest`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) length: Length,
    /// Trade date, in days since 1970-01-01.
    pub(crate) day: i64,
    pub(crate) place: Place,
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
    /// Start of the bar, in seconds since 1970.
    pub(crate) time: i64,
    pub(crate) open: f64,
    pub(crate) high: f64,
    pub(crate) low: f64,
    pub(crate) close: f64,
    pub(crate) volume: Option<f64>,
    /// Length of the rows that the bar sums up; `None` if the bar is a single row of its length.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) rows: Option<Length>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) simulated: bool,
}

/// Bars of one length.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Built {
    /// In order of time.
    pub(crate) bars: Vec<Bar>,
    /// Place of the last row in the last bar.
    pub(crate) last: Option<Place>,
}

/// Rank of the rows that may form a bar; the lowest is the best. Rows that are not simulated come before simulated
/// ones, then rows of the wanted length before shorter ones, and among these, the shortest come first.
type Choice = (bool, bool, Length);

/// Returns the bars of a length. `rows` are in order of their places. Rows longer than the wanted length, and rows
/// without a close, are left out.
pub(crate) fn build(rows: &[Row], length: Length) -> Built {
    let mut buckets: BTreeMap<i64, (Choice, Bar, Place)> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.length <= length) {
        let Some(bar) = bar(row, length) else { continue };
        let is_whole = row.length == length;
        let choice = (row.simulated, !is_whole, row.length);
        match buckets.get_mut(&bar.time) {
            Some((best, ..)) if *best < choice => {}
            Some((best, sum, last)) if *best == choice && !is_whole => {
                add(sum, &bar);
                *last = row.place;
            }
            _ => {
                buckets.insert(bar.time, (choice, bar, row.place));
            }
        }
    }
    let last = buckets.last_key_value().map(|(_, (.., place))| *place);
    Built { bars: buckets.into_values().map(|(_, bar, _)| bar).collect(), last }
}

fn bar(row: &Row, length: Length) -> Option<Bar> {
    let close = row.close?;
    let open = row.open.unwrap_or(close);
    let high = row.high.unwrap_or(open.max(close));
    let low = row.low.unwrap_or(open.min(close));
    let time = length.bar_start(row.day, row.place.0);
    let rows = (row.length != length).then_some(row.length);
    Some(Bar { time, open, high, low, close, volume: row.volume, rows, simulated: row.simulated })
}

fn add(sum: &mut Bar, next: &Bar) {
    sum.high = sum.high.max(next.high);
    sum.low = sum.low.min(next.low);
    sum.close = next.close;
    sum.volume = total(sum.volume, next.volume);
}

/// Adds two volumes. An unknown volume does not count.
pub(crate) fn total(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    match (a, b) {
        (None, volume) | (volume, None) => volume,
        (Some(a), Some(b)) => Some(a + b),
    }
}

/// Removes the bars that may lack rows because only the newest rows were read: the bar of the oldest row and those
/// before it. The newest bar stays.
pub(crate) fn drop_partial(built: &mut Built, rows: &[Row], length: Length) {
    let Some(oldest) = rows.first() else { return };
    let first = length.bar_start(oldest.day, oldest.place.0);
    let partial = built.bars.partition_point(|bar| bar.time <= first);
    built.bars.drain(..partial.min(built.bars.len().saturating_sub(1)));
}

/// Returns the lengths that bars of these rows can have: those that the console offers and that are not shorter than
/// the shortest row, and the length of the shortest row.
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

/// Returns the length to show first: the longest one up to a day with at least `wanted` bars, or the shortest length if
/// none has this many.
pub(crate) fn first_length(rows: &[Row], lengths: &[Length], wanted: usize) -> Option<Length> {
    let up_to_a_day = lengths.iter().rev().filter(|length| **length <= Length::DAY);
    up_to_a_day.copied().find(|length| build(rows, *length).bars.len() >= wanted).or(lengths.first().copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::time::{parse_day, parse_instant};

    fn row(bar: &str, time: &str, prices: [f64; 4], volume: f64) -> Row {
        let [open, high, low, close] = prices.map(Some);
        Row {
            length: Length::parse(bar).unwrap(),
            day: parse_day(&time[..10]).unwrap(),
            place: (parse_instant(time).unwrap(), 1),
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
        let built = build(rows, Length::parse(length).unwrap());
        built.bars.iter().map(|bar| (bar.open, bar.high, bar.low, bar.close, bar.volume)).collect()
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
        assert!(built(&rows, "1d").is_empty());
        assert!(lengths(&rows).is_empty());
    }

    #[test]
    fn last_bar_has_the_place_of_its_last_row() {
        let minute = |time: &str| row("1m", time, [1.0; 4], 5.0);
        let (first, second) = (minute("2024-01-02 14:30:00"), minute("2024-01-02 14:31:00"));
        let day = row("1d", "2024-01-02", [1.0, 2.0, 0.5, 1.5], 100.0);
        let last = |rows: &[Row]| build(rows, Length::DAY).last;
        assert_eq!(last(&[first.clone(), second.clone()]), Some(second.place));
        assert_eq!(last(&[day.clone(), first, second]), Some(day.place));
        assert_eq!(last(&[]), None);
    }

    #[test]
    fn bar_says_which_rows_formed_it() {
        let simulated = Row { simulated: true, ..row("1m", "2024-01-02 10:00:00", [9.0; 4], 1.0) };
        let of = |rows: &[Row]| serde_json::to_value(&build(rows, Length::DAY).bars[0]).unwrap();
        let bar = of(&[simulated]);
        assert_eq!(bar["rows"], "1m");
        assert_eq!(bar["simulated"], true);
        let bar = of(&[row("1d", "2024-01-02", [1.0; 4], 1.0)]);
        assert!(bar.get("rows").or(bar.get("simulated")).is_none(), "{bar}");
    }

    #[test]
    fn evening_in_new_york_belongs_to_its_trade_date() {
        let mut evening = row("1m", "2024-01-03 01:30:00", [5.0; 4], 1.0);
        evening.day = parse_day("2024-01-02").unwrap();
        let rows = [row("1m", "2024-01-02 15:00:00", [4.0; 4], 1.0), evening];
        assert_eq!(built(&rows, "1d"), [(4.0, 5.0, 4.0, 5.0, Some(2.0))]);
        assert_eq!(built(&rows, "1h").len(), 2);
    }

    #[test]
    fn bars_without_all_their_rows_are_dropped() {
        let minute = |time: &str| row("1m", time, [1.0; 4], 5.0);
        let rows = [minute("2024-01-02 14:30:00"), minute("2024-01-03 14:30:00"), minute("2024-01-04 14:30:00")];
        let left = |rows: &[Row]| {
            let mut built = build(rows, Length::DAY);
            drop_partial(&mut built, rows, Length::DAY);
            built.bars.len()
        };
        assert_eq!(left(&rows), 2);
        assert_eq!(left(&rows[..1]), 1);
        assert_eq!(left(&[]), 0);
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
