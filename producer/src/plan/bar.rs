//! Determines the length of bars from the times of sampled rows.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The time that a row covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bar {
    /// A single trade or quote.
    Tick,
    /// A number of units, at least one.
    Of(u32, BarUnit),
}

/// Unit of a bar's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BarUnit {
    /// `s`
    Second,
    /// `m`
    Minute,
    /// `h`
    Hour,
    /// `d`
    Day,
    /// `w`
    Week,
    /// `mo`
    Month,
    /// `y`
    Year,
}

/// Error returned when a string is not the length of a bar.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{0}` is not the length of a bar; use tick, or a number and a unit: 30s, 5m (minutes), 1h, 1d, 1w, 1mo (months)"
)]
pub struct InvalidBar(String);

const DAY: i64 = 86_400;

/// Minimum number of intervals needed to conclude that bars are longer than a day.
const MIN_GAPS_OF_LONG_BARS: usize = 3;

impl Bar {
    /// One trading day.
    pub const DAY: Bar = Bar::Of(1, BarUnit::Day);

    /// Returns `true` for a length that few sources have, such as three minutes.
    pub(crate) fn is_unusual(self) -> bool {
        match self {
            Bar::Tick => false,
            Bar::Of(number, BarUnit::Minute) => !matches!(number, 1 | 5 | 15 | 30),
            Bar::Of(number, BarUnit::Hour) => !matches!(number, 1 | 4),
            Bar::Of(number, _) => number != 1,
        }
    }

    /// Returns `true` for bars of a day or more, whose rows need no time of day.
    pub(crate) fn is_daily_or_longer(self) -> bool {
        matches!(self, Bar::Of(_, BarUnit::Day | BarUnit::Week | BarUnit::Month | BarUnit::Year))
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bar::Of(number, unit) = self else { return f.write_str("tick") };
        let unit = match unit {
            BarUnit::Second => "s",
            BarUnit::Minute => "m",
            BarUnit::Hour => "h",
            BarUnit::Day => "d",
            BarUnit::Week => "w",
            BarUnit::Month => "mo",
            BarUnit::Year => "y",
        };
        write!(f, "{number}{unit}")
    }
}

impl FromStr for Bar {
    type Err = InvalidBar;

    fn from_str(text: &str) -> Result<Self, InvalidBar> {
        if text.eq_ignore_ascii_case("tick") {
            return Ok(Bar::Tick);
        }
        let (number, unit) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
        let unit = match unit {
            "s" => BarUnit::Second,
            "m" | "min" => BarUnit::Minute,
            "h" => BarUnit::Hour,
            "d" => BarUnit::Day,
            "w" => BarUnit::Week,
            "mo" => BarUnit::Month,
            "y" => BarUnit::Year,
            _ => return Err(InvalidBar(text.to_owned())),
        };
        match number.parse() {
            Ok(number @ 1..=9_999) => Ok(Bar::Of(number, unit)),
            _ => Err(InvalidBar(text.to_owned())),
        }
    }
}

/// A sampled row, for finding the length of the bars.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    /// Symbol and series.
    pub(super) symbol: String,
    /// Local time, in microseconds since 1970-01-01T00:00:00.
    pub(super) micros: i64,
    /// Whether the row has a time of day.
    pub(super) has_time: bool,
}

/// Returns the length of the bars. `spots` must be consecutive rows of the file. `has_range` must be `true` if rows
/// have open, high and low; intraday rows without them are ticks.
pub(super) fn find(spots: &[Spot], has_range: bool) -> Bar {
    let by_symbol = times_by_symbol(spots);
    let mut gaps = gaps(&by_symbol);
    let repeats = gaps.remove(&0).unwrap_or(0);
    let total: usize = gaps.values().sum();
    let is_intraday = has_several_a_day(&by_symbol) || is_single_time(spots);
    if !is_intraday {
        return by_day(&gaps, total);
    }
    if !has_range {
        return Bar::Tick;
    }
    let shortest = gaps.keys().copied().reduce(greatest_common_divisor).unwrap_or(0);
    // Intervals of whole minutes are rarely those of trades, so more repeated instants are accepted for them.
    let most_repeats = if shortest >= 60_000_000 { total / 4 } else { total / 10 };
    let is_rarely_repeated = repeats <= most_repeats.max(1);
    let usual = gaps.iter().max_by_key(|(_, count)| **count);
    match usual {
        Some((&gap, &count)) if gap == shortest && count * 2 >= total && is_rarely_repeated => {
            of_seconds(gap).unwrap_or(Bar::Tick)
        }
        // In a quiet market, an interval can be several bars long, but never a fraction of a bar.
        Some((&gap, _)) if shortest >= 60_000_000 && gap / shortest <= 10 && is_rarely_repeated => {
            of_seconds(shortest).unwrap_or(Bar::Tick)
        }
        _ => Bar::Tick,
    }
}

/// Minimum number of rows needed to be sure of an unusual bar length.
const MIN_ROWS_OF_UNUSUAL_BAR: usize = 5;

/// Returns `true` if there are too few rows to be sure of the length that [`find`] returned. Such a length is unusual,
/// or it is one day although all rows are at least six days apart.
pub(super) fn is_uncertain(spots: &[Spot], bar: Bar) -> bool {
    let mut gaps = gaps(&times_by_symbol(spots));
    gaps.remove(&0);
    let has_long_gaps_only = !gaps.is_empty() && gaps.keys().all(|gap| *gap >= 6 * DAY * 1_000_000);
    match bar {
        Bar::DAY => has_long_gaps_only && gaps.values().sum::<usize>() < MIN_GAPS_OF_LONG_BARS,
        bar => bar.is_unusual() && spots.len() < MIN_ROWS_OF_UNUSUAL_BAR,
    }
}

/// Returns `true` if the rows of several symbols all have the same instant.
pub(super) fn is_single_instant(spots: &[Spot]) -> bool {
    let Some(first) = spots.first() else { return false };
    spots.iter().all(|spot| spot.micros == first.micros) && spots.iter().any(|spot| spot.symbol != first.symbol)
}

/// Returns `true` if a symbol has rows at different times.
pub(super) fn has_intervals(spots: &[Spot]) -> bool {
    gaps(&times_by_symbol(spots)).keys().any(|gap| *gap > 0)
}

/// Returns the times of each symbol, sorted.
fn times_by_symbol(spots: &[Spot]) -> BTreeMap<&str, Vec<i64>> {
    let mut by_symbol: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for spot in spots {
        by_symbol.entry(&spot.symbol).or_default().push(spot.micros);
    }
    by_symbol.values_mut().for_each(|times| times.sort_unstable());
    by_symbol
}

/// Counts how often each interval, in microseconds, occurs between consecutive times of a symbol.
fn gaps(by_symbol: &BTreeMap<&str, Vec<i64>>) -> BTreeMap<i64, usize> {
    let mut gaps = BTreeMap::new();
    for pair in by_symbol.values().flat_map(|times| times.windows(2)) {
        *gaps.entry(pair[1] - pair[0]).or_default() += 1;
    }
    gaps
}

/// Returns `true` if a symbol has rows at different times of the same day. Daily bars have one row per day, at midnight
/// or when the market closes.
fn has_several_a_day(by_symbol: &BTreeMap<&str, Vec<i64>>) -> bool {
    let day = |micros: i64| micros.div_euclid(DAY * 1_000_000);
    by_symbol.values().any(|times| times.windows(2).any(|pair| pair[0] != pair[1] && day(pair[0]) == day(pair[1])))
}

/// Returns `true` if all rows have the same instant, which is not midnight. Such rows do not count as daily bars.
fn is_single_time(spots: &[Spot]) -> bool {
    let Some(first) = spots.first().filter(|spot| spot.has_time) else { return false };
    first.micros % (DAY * 1_000_000) != 0 && spots.iter().all(|spot| spot.micros == first.micros)
}

fn by_day(gaps: &BTreeMap<i64, usize>, total: usize) -> Bar {
    let days = |gap: i64| (gap + DAY * 500_000) / (DAY * 1_000_000);
    let share = |least: i64, most: i64| {
        let within = gaps.iter().filter(|(gap, _)| (least..=most).contains(&days(**gap))).map(|(_, count)| count);
        // Rows may be missing, so some intervals may be longer, but none may be shorter.
        let has_shorter = gaps.keys().any(|gap| days(*gap) < least);
        total >= MIN_GAPS_OF_LONG_BARS && !has_shorter && within.sum::<usize>() * 10 >= total * 6
    };
    match () {
        () if share(6, 8) => Bar::Of(1, BarUnit::Week),
        () if share(27, 33) => Bar::Of(1, BarUnit::Month),
        () if share(85, 95) => Bar::Of(3, BarUnit::Month),
        () if share(360, 370) => Bar::Of(1, BarUnit::Year),
        () => Bar::DAY,
    }
}

fn of_seconds(micros: i64) -> Option<Bar> {
    let seconds = u32::try_from(micros / 1_000_000).ok().filter(|_| micros % 1_000_000 == 0)?;
    match seconds {
        1 | 5 | 10 | 15 | 30 => Some(Bar::Of(seconds, BarUnit::Second)),
        60 | 120 | 180 | 300 | 600 | 900 | 1200 | 1800 => Some(Bar::Of(seconds / 60, BarUnit::Minute)),
        3600 | 7200 | 10800 | 14400 | 21600 | 28800 | 43200 => Some(Bar::Of(seconds / 3600, BarUnit::Hour)),
        _ => None,
    }
}

fn greatest_common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(seconds: &[i64], has_time: bool, has_range: bool) -> String {
        let spot = |&at: &i64| Spot { symbol: String::new(), micros: at * 1_000_000, has_time };
        find(&seconds.iter().map(spot).collect::<Vec<_>>(), has_range).to_string()
    }

    #[test]
    fn days_weeks_and_months_are_told_apart() {
        let days = |days: &[i64]| found(&days.iter().map(|day| day * DAY).collect::<Vec<_>>(), false, true);
        assert_eq!(days(&[0, 1, 2, 3, 4, 7, 8]), "1d");
        assert_eq!(days(&[21, 14, 7, 0]), "1w");
        assert_eq!(days(&[0, 31, 59, 90, 120]), "1mo");
        assert_eq!(days(&[0, 31, 90, 120, 151]), "1mo", "a month is missing");
        assert_eq!(days(&[0, 91, 182, 273]), "3mo");
        assert_eq!(days(&[0, 7]), "1d", "a single interval decides nothing");
    }

    #[test]
    fn few_rows_far_apart_are_uncertain() {
        let is_uncertain = |days: &[i64]| {
            let spot = |&day: &i64| Spot { symbol: String::new(), micros: day * DAY * 1_000_000, has_time: false };
            let spots: Vec<Spot> = days.iter().map(spot).collect();
            is_uncertain(&spots, find(&spots, true))
        };
        for days in [&[0, 31][..], &[0, 7], &[0, 31, 59]] {
            assert!(is_uncertain(days), "{days:?}");
        }
        for days in [&[0][..], &[0, 1], &[0, 4], &[0, 31, 32], &[0, 31, 59, 90]] {
            assert!(!is_uncertain(days), "{days:?}");
        }
    }

    #[test]
    fn midnights_are_days() {
        assert_eq!(found(&[0, DAY, 2 * DAY], true, true), "1d");
        // The close of a market, and New York's midnight in UTC, both with a change of the clocks.
        assert_eq!(found(&[57_600, DAY + 57_600, 2 * DAY + 46_800], true, true), "1d");
        assert_eq!(found(&[18_000, DAY + 18_000, 2 * DAY + 14_400], true, true), "1d");
    }

    #[test]
    fn the_usual_gap_is_the_length_of_a_bar() {
        assert_eq!(found(&[0, 60, 120, 180, DAY, DAY + 60, DAY + 120], true, true), "1m");
        assert_eq!(found(&[0, 3600, 7200, 10_800], true, true), "1h");
        assert_eq!(found(&[0, 60, 300, 420, 900, 960], true, true), "1m");
        assert_eq!(found(&[0, 1, 3, 8, 9, 20], true, true), "tick");
        assert_eq!(found(&[0, 60, 120, 180], true, false), "tick");
        assert_eq!(found(&[34_200, 37_800, DAY + 34_200, DAY + 37_800], true, true), "1h");
        assert_eq!(found(&[34_200], true, true), "tick");
    }

    #[test]
    fn a_length_is_parsed_as_it_is_written() {
        for text in ["tick", "30s", "5m", "1h", "1d", "1w", "1mo"] {
            assert_eq!(text.parse::<Bar>().map(|bar| bar.to_string()).as_deref(), Ok(text));
        }
        for text in ["", "m", "0m", "1x", "1M"] {
            assert!(text.parse::<Bar>().is_err(), "{text}");
        }
    }
}
