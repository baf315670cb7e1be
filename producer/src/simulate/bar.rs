//! Reads a bar from its record, and checks that simulated rows can replace it.
//!
//! The record is the one that the feed would send without `--simulate`, so its numbers are valid JSON regardless of the
//! file's number format.

use jiff::civil::Date;
use jiff::tz::Offset;
use serde::Deserialize;
use serde_json::value::RawValue;
use thiserror::Error;

use super::decimal::Decimal;
use super::path::Range;
use crate::plan::bar::{Bar, BarUnit};

/// Start of the session of a daily bar, in seconds since midnight: 09:30.
const SESSION_START: i64 = 9 * 3_600 + 30 * 60;
/// Length of a daily bar's session, 09:30 to 16:00, in seconds.
const SESSION_SECONDS: i64 = 6 * 3_600 + 30 * 60;
const DAY_SECONDS: i64 = 86_400;

/// Reason that a record is sent unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum NotSimulated {
    /// The record is a tick. With one-minute bars, also a bar that is not longer than a minute, or not a whole number
    /// of minutes long.
    #[error("cannot be split into the rows to simulate")]
    Short,
    /// A bar of more than one day.
    #[error("is a bar of more than one day")]
    Long,
    /// An open, high, low or close is missing.
    #[error("lacks an open, high, low or close")]
    NoRange,
    /// The open or the close is not between low and high.
    #[error("has an open or a close that is not between its low and its high")]
    OutsideRange,
    /// An intraday bar without a time of day.
    #[error("has no time of day")]
    NoTime,
    /// A price or a volume has too many digits.
    #[error("has a number with more than 29 digits")]
    Digits,
    /// A volume below zero cannot be divided among the rows.
    #[error("has a negative volume")]
    NegativeVolume,
    /// The record has two fields with the same name.
    #[error("has two fields with the same name")]
    Fields,
}

/// A bar that simulated rows can replace.
#[derive(Debug)]
pub(crate) struct RealBar<'a> {
    pub(super) fields: Fields<'a>,
    pub(super) range: Range,
    /// Number of decimals of the prices.
    pub(super) decimals: u32,
    pub(super) volume: Option<Decimal>,
    /// Time at which the simulated rows begin, in microseconds since 1970-01-01T00:00:00Z. Local times count as UTC.
    pub(super) start: i64,
    /// Length of the time that the simulated rows cover, in seconds.
    pub(super) seconds: i64,
}

/// The fields of a record that simulated rows depend on, as written.
#[derive(Debug, Deserialize)]
pub(super) struct Fields<'a> {
    #[serde(borrow)]
    pub(super) symbol: &'a RawValue,
    #[serde(borrow)]
    pub(super) trade_date: &'a RawValue,
    bar: &'a str,
    #[serde(borrow)]
    traded_at: Option<&'a RawValue>,
    #[serde(borrow)]
    zone: Option<&'a RawValue>,
    #[serde(borrow)]
    open: Option<&'a RawValue>,
    #[serde(borrow)]
    high: Option<&'a RawValue>,
    #[serde(borrow)]
    low: Option<&'a RawValue>,
    #[serde(borrow)]
    close: Option<&'a RawValue>,
    #[serde(borrow)]
    volume: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) series: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) seq: Option<&'a RawValue>,
}

impl Fields<'_> {
    /// Returns `true` if the times of simulated rows are UTC. The times of a daily bar's session are not.
    pub(super) fn is_utc(&self, is_daily: bool) -> bool {
        !is_daily && self.zone.is_some_and(|zone| zone.get() == r#""UTC""#)
    }
}

impl<'a> RealBar<'a> {
    /// Reads a record. `micros` is its time.
    ///
    /// # Errors
    /// [`NotSimulated`] if simulated rows cannot replace the record.
    pub(super) fn parse(record: &'a [u8], micros: i64) -> Result<Self, NotSimulated> {
        let fields: Fields<'_> = serde_json::from_slice(record).map_err(|_| NotSimulated::Fields)?;
        let (start, seconds) = match fields.bar.parse() {
            Ok(Bar::DAY) => (session_start(fields.trade_date).ok_or(NotSimulated::NoTime)?, SESSION_SECONDS),
            Ok(Bar::Tick) => return Err(NotSimulated::Short),
            Ok(Bar::Of(number, unit)) => {
                let unit = match unit {
                    BarUnit::Second => 1,
                    BarUnit::Minute => 60,
                    BarUnit::Hour => 3_600,
                    BarUnit::Day | BarUnit::Week | BarUnit::Month | BarUnit::Year => return Err(NotSimulated::Long),
                };
                (micros, i64::from(number) * unit)
            }
            Err(_) => return Err(NotSimulated::Fields),
        };
        if seconds > DAY_SECONDS {
            return Err(NotSimulated::Long);
        }
        let is_daily = fields.bar == "1d";
        if !is_daily && fields.traded_at.is_none() {
            return Err(NotSimulated::NoTime);
        }
        let (Some(open), Some(high), Some(low), Some(close)) = (fields.open, fields.high, fields.low, fields.close)
        else {
            return Err(NotSimulated::NoRange);
        };
        let parse = |number: &RawValue| Decimal::parse(number.get()).ok_or(NotSimulated::Digits);
        let prices = [parse(open)?, parse(high)?, parse(low)?, parse(close)?];
        let decimals = prices.iter().map(|price| price.decimals).max().unwrap_or(0);
        let units = |price: Decimal| price.with_decimals(decimals).map(|price| price.units).ok_or(NotSimulated::Digits);
        let [open, high, low, close] = prices;
        let range = Range { open: units(open)?, high: units(high)?, low: units(low)?, close: units(close)? };
        if [range.open, range.close].into_iter().any(|price| price < range.low || price > range.high) {
            return Err(NotSimulated::OutsideRange);
        }
        let volume = fields.volume.map(parse).transpose()?;
        if volume.is_some_and(|volume| volume.units < 0) {
            return Err(NotSimulated::NegativeVolume);
        }
        Ok(RealBar { fields, range, decimals, volume, start, seconds })
    }

    /// Returns the time at which the bar's simulated rows begin, in microseconds since 1970-01-01T00:00:00Z.
    pub(crate) fn start(&self) -> i64 {
        self.start
    }

    pub(super) fn is_daily(&self) -> bool {
        self.fields.bar == "1d"
    }
}

fn session_start(trade_date: &RawValue) -> Option<i64> {
    let date: Date = trade_date.get().trim_matches('"').parse().ok()?;
    let midnight = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
    Some(midnight.as_microsecond() + SESSION_START * 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(record: &str) -> Result<(i64, i64), NotSimulated> {
        RealBar::parse(record.as_bytes(), 7).map(|bar| (bar.start, bar.seconds))
    }

    fn of(bar: &str, rest: &str) -> String {
        format!(r#"{{"symbol":"A","trade_date":"1970-01-02","bar":"{bar}"{rest}}}"#)
    }

    const PRICES: &str = r#","open":1,"high":2.50,"low":0.5,"close":2"#;

    #[test]
    fn a_day_is_the_session_as_written() {
        let session = Ok(((24 * 60 + 9 * 60 + 30) * 60_000_000, 23_400));
        assert_eq!(parsed(&of("1d", PRICES)), session);
        // The time of a daily row is midnight in its zone.
        let at_midnight = format!(r#","traded_at":"1970-01-02 05:00:00","zone":"UTC"{PRICES}"#);
        assert_eq!(parsed(&of("1d", &at_midnight)), session);
    }

    #[test]
    fn an_intraday_bar_begins_at_its_time() {
        let at = format!(r#","traded_at":"1970-01-02 00:00:00"{PRICES}"#);
        assert_eq!(parsed(&of("5m", &at)), Ok((7, 300)));
        assert_eq!(parsed(&of("4h", &at)), Ok((7, 14_400)));
        assert_eq!(parsed(&of("25h", &at)), Err(NotSimulated::Long));
        assert_eq!(parsed(&of("5m", PRICES)), Err(NotSimulated::NoTime));
    }

    #[test]
    fn prices_have_the_decimals_of_the_longest() {
        let record = of("1d", PRICES);
        let bar = RealBar::parse(record.as_bytes(), 0).expect("a bar");
        assert_eq!((bar.decimals, bar.range), (2, Range { open: 100, high: 250, low: 50, close: 200 }));
    }

    #[test]
    fn a_record_without_a_path_is_named() {
        for (bar, rest, reason) in [
            ("tick", PRICES, NotSimulated::Short),
            ("1w", PRICES, NotSimulated::Long),
            ("2d", PRICES, NotSimulated::Long),
            ("1d", r#","close":1"#, NotSimulated::NoRange),
            ("1d", r#","open":null,"high":1,"low":1,"close":1"#, NotSimulated::NoRange),
            ("1d", r#","open":3,"high":2,"low":1,"close":1"#, NotSimulated::OutsideRange),
            ("1d", r#","open":1,"high":2,"low":1,"close":0.99"#, NotSimulated::OutsideRange),
            ("1d", r#","open":1e-40,"high":2,"low":0,"close":1"#, NotSimulated::Digits),
            ("1d", r#","open":1,"high":1,"low":1,"close":1,"volume":-1"#, NotSimulated::NegativeVolume),
            ("1d", r#","open":1,"open":1"#, NotSimulated::Fields),
        ] {
            assert_eq!(parsed(&of(bar, rest)), Err(reason), "{bar} {rest}");
        }
    }
}
