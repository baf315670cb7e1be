//! Reads date cells: ISO 8601 by default, or a strftime pattern.
//!
//! The ISO parser is written by hand because it runs for every row. chrono parses patterns.

use std::borrow::Cow;

use chrono::format::{Item, Parsed, StrftimeItems, parse};
use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat};
use thiserror::Error;

/// Format of the cells in the date column.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DateFormat {
    /// `2026-11-21`, or a date-time such as `2026-11-21T15:30:00.25+01:00`, where `T` may be a
    /// space and seconds, fraction and zone may be absent.
    #[default]
    Iso,
    /// A strftime pattern.
    Strftime(Strftime),
}

/// A strftime pattern that is known to determine year, month and day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strftime {
    pattern: String,
    items: Vec<Item<'static>>,
}

/// Reason that a strftime pattern cannot be used for dates.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PatternError {
    /// The pattern is malformed, for example because of an unknown `%` sequence.
    #[error("`{0}` is not a strftime pattern; for dates such as 29/06/1979, use %d/%m/%Y")]
    Unknown(String),
    /// The pattern does not determine year, month and day.
    #[error("`{0}` does not determine year, month and day; for dates such as 29/06/1979, use %d/%m/%Y")]
    Incomplete(String),
}

/// Date and time of a row's trade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TradeTime<'a> {
    /// The date in the row's own time zone, as `YYYY-MM-DD`.
    pub date: [u8; 10],
    /// The full value, if the cell has a time of day: as written if the format is ISO, and in ISO 8601 otherwise.
    pub full: Option<Cow<'a, str>>,
    /// Microseconds since 1970-01-01T00:00:00Z. A time without a zone is taken as UTC.
    pub micros: i64,
}

impl DateFormat {
    /// Creates a format from a strftime pattern.
    ///
    /// # Errors
    /// [`PatternError`] if the pattern is malformed, or does not determine year, month and day.
    pub(crate) fn strftime(pattern: &str) -> Result<Self, PatternError> {
        let items =
            StrftimeItems::new(pattern).parse_to_owned().map_err(|_| PatternError::Unknown(pattern.to_owned()))?;
        let incomplete = || PatternError::Incomplete(pattern.to_owned());
        // Formatting a known time with the pattern and parsing the result must return the same date.
        let known = DateTime::from_timestamp(981_173_106, 0).ok_or_else(incomplete)?;
        let mut written = String::new();
        std::fmt::Write::write_fmt(
            &mut written,
            format_args!("{}", known.fixed_offset().format_with_items(items.iter())),
        )
        .map_err(|_| PatternError::Unknown(pattern.to_owned()))?;
        let format = Strftime { pattern: pattern.to_owned(), items };
        match format.read(&written) {
            Some((read, _, _)) if read.date() == known.date_naive() => Ok(Self::Strftime(format)),
            _ => Err(incomplete()),
        }
    }

    /// Parses a cell; returns `None` if the cell is not a date in this format.
    #[must_use]
    pub(crate) fn read<'a>(&self, cell: &'a str) -> Option<TradeTime<'a>> {
        match self {
            Self::Iso => read_iso(cell),
            Self::Strftime(format) => {
                let (local, has_time, offset) = format.read(cell)?;
                let full = has_time.then(|| Cow::Owned(iso(local, offset)));
                trade_time(local, full, offset.map_or(0, |offset| offset.local_minus_utc()))
            }
        }
    }

    /// Returns the strftime pattern; `None` for ISO.
    #[must_use]
    pub(crate) fn pattern(&self) -> Option<&str> {
        match self {
            Self::Iso => None,
            Self::Strftime(format) => Some(&format.pattern),
        }
    }
}

impl Strftime {
    /// Parses a cell. Returns the local date and time, `true` if the cell has a time of day, and its zone, if any;
    /// `None` if the cell does not match the pattern.
    fn read(&self, cell: &str) -> Option<(NaiveDateTime, bool, Option<FixedOffset>)> {
        let mut parsed = Parsed::new();
        parse(&mut parsed, cell, self.items.iter()).ok()?;
        if parsed.hour_mod_12().is_some() && parsed.minute().is_none() {
            parsed.set_minute(0).ok()?;
        }
        let offset = parsed.to_fixed_offset().ok();
        let seconds = offset.map_or(0, |offset| offset.local_minus_utc());
        match parsed.to_naive_datetime_with_offset(seconds) {
            Ok(local) => Some((local, true, offset)),
            Err(_) => Some((parsed.to_naive_date().ok()?.and_time(NaiveTime::MIN), false, None)),
        }
    }
}

fn iso(local: NaiveDateTime, offset: Option<FixedOffset>) -> String {
    let written = local.and_utc().to_rfc3339_opts(SecondsFormat::AutoSi, true);
    let bare = written.trim_end_matches('Z');
    match offset {
        Some(offset) => format!("{bare}{offset}"),
        None => bare.to_owned(),
    }
}

fn trade_time(local: NaiveDateTime, full: Option<Cow<'_, str>>, offset: i32) -> Option<TradeTime<'_>> {
    let date = local.date();
    let year = u32::try_from(date.year()).ok().filter(|year| *year <= 9999)?;
    let digit = |value: u32| b'0' + (value % 10) as u8;
    let (month, day) = (date.month(), date.day());
    Some(TradeTime {
        date: [
            digit(year / 1000),
            digit(year / 100),
            digit(year / 10),
            digit(year),
            b'-',
            digit(month / 10),
            digit(month),
            b'-',
            digit(day / 10),
            digit(day),
        ],
        full,
        micros: local.and_utc().timestamp_micros() - i64::from(offset) * 1_000_000,
    })
}

fn read_iso(cell: &str) -> Option<TradeTime<'_>> {
    let mut rest = IsoCursor(cell.as_bytes());
    let year = rest.number(4)?;
    rest.eat(b"-")?;
    let month = rest.number(2)?;
    rest.eat(b"-")?;
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, rest.number(2)?)?;
    if rest.0.is_empty() {
        return trade_time(date.and_time(NaiveTime::MIN), None, 0);
    }
    rest.eat(b"Tt ")?;
    let hour = rest.number(2)?;
    rest.eat(b":")?;
    let minute = rest.number(2)?;
    let (mut second, mut micros) = (0, 0);
    if rest.eat(b":").is_some() {
        second = rest.number(2)?;
        if rest.eat(b".,").is_some() {
            micros = rest.fraction()?;
        }
    }
    let offset = rest.zone()?;
    let time = NaiveTime::from_hms_micro_opt(hour, minute, second, micros)?;
    trade_time(date.and_time(time), Some(Cow::Borrowed(cell)), offset)
}

/// The unread rest of an ISO date-time.
struct IsoCursor<'a>(&'a [u8]);

impl IsoCursor<'_> {
    fn number(&mut self, digits: usize) -> Option<u32> {
        let (head, tail) = self.0.split_at_checked(digits)?;
        self.0 = tail;
        head.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0')))
    }

    /// Consumes and returns the next byte if `any_of` contains it.
    fn eat(&mut self, any_of: &[u8]) -> Option<u8> {
        let (first, tail) = self.0.split_first()?;
        any_of.contains(first).then(|| self.0 = tail)?;
        Some(*first)
    }

    /// Consumes a fraction of a second, of any length, and returns its microseconds; further digits are dropped.
    fn fraction(&mut self) -> Option<u32> {
        let length = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (head, tail) = self.0.split_at(length);
        self.0 = tail;
        let digit = |at: usize| head.get(at).map_or(0, |byte| u32::from(byte - b'0'));
        (length > 0).then(|| (0..6).fold(0, |micros, at| micros * 10 + digit(at)))
    }

    /// Consumes the zone at the end of the cell (nothing, `Z`, `+01`, `+0100` or `+01:00`) and returns the seconds east
    /// of UTC.
    fn zone(&mut self) -> Option<i32> {
        let offset = match self.0.first() {
            None => 0,
            Some(b'Z' | b'z') => {
                self.eat(b"Zz")?;
                0
            }
            Some(_) => {
                let sign = if self.eat(b"+-")? == b'-' { -1 } else { 1 };
                let hours = self.number(2)?;
                self.eat(b":");
                let minutes = if self.0.is_empty() { 0 } else { self.number(2)? };
                if hours > 23 || minutes > 59 {
                    return None;
                }
                sign * i32::try_from(hours * 3600 + minutes * 60).ok()?
            }
        };
        self.0.is_empty().then_some(offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn date_of(format: &DateFormat, cell: &str) -> Option<String> {
        format.read(cell).map(|time| String::from_utf8(time.date.to_vec()).expect("ASCII"))
    }

    fn strftime(pattern: &str) -> DateFormat {
        DateFormat::strftime(pattern).expect("a pattern")
    }

    #[test]
    fn an_iso_date_has_no_time() {
        let time = DateFormat::Iso.read("1986-12-31").expect("a date");
        assert_eq!((&time.date, time.full), (b"1986-12-31", None));
        assert_eq!(time.micros, 536_371_200_000_000);
    }

    #[test]
    fn an_iso_date_time_keeps_its_full_value_and_local_date() {
        let cell = "2026-11-21 23:30:00.2500001-05:00";
        let time = DateFormat::Iso.read(cell).expect("a date-time");
        assert_eq!((&time.date, time.full.as_deref()), (b"2026-11-21", Some(cell)));
        assert_eq!(time.micros, 1_795_321_800_250_000);
        for cell in ["2026-11-21T09:30", "2026-11-21t09:30:01Z", "2026-11-21 09:30:00+0100", "2026-11-21T09:30+01"] {
            assert_eq!(date_of(&DateFormat::Iso, cell).as_deref(), Some("2026-11-21"), "{cell}");
        }
    }

    #[test]
    fn other_formats_are_not_iso_dates() {
        for cell in [
            "",
            "29/06/1979",
            "1979-6-29",
            "1979-02-29",
            "1979-13-01",
            "19790629",
            "1979-06-29x",
            "1979-06-29 ",
            "1979-06-29T",
            "1979-06-29T25:00",
            "1979-06-29T10:00:00.",
            "1979-06-29T10:00 CET",
            "1979-06-29T10:00+1",
            "１979-06-29",
            "+979-06-29",
        ] {
            assert_eq!(DateFormat::Iso.read(cell), None, "{cell}");
        }
    }

    #[test]
    fn a_pattern_reads_only_dates_in_its_format() {
        let format = strftime("%d/%m/%Y");
        assert_eq!(date_of(&format, "29/06/1979").as_deref(), Some("1979-06-29"));
        assert_eq!(date_of(&format, "9/6/1979").as_deref(), Some("1979-06-09"));
        for cell in ["1979-06-29", "31/06/1979", "29/06/1979 10:00", "29/06/", ""] {
            assert_eq!(format.read(cell), None, "{cell}");
        }
        assert_eq!(date_of(&strftime("%b %d, %Y"), "Jun 29, 1979").as_deref(), Some("1979-06-29"));
        assert_eq!(date_of(&strftime("%Y%m%d"), "19790629").as_deref(), Some("1979-06-29"));
        assert_eq!(date_of(&strftime("%d-%b-%y"), "29-Jun-79").as_deref(), Some("1979-06-29"));
    }

    #[test]
    fn a_pattern_with_a_time_gives_the_full_value_in_iso() {
        let full = |pattern, cell| {
            strftime(pattern).read(cell).and_then(|time| time.full.map(Cow::into_owned)).expect("a time")
        };
        assert_eq!(full("%d/%m/%Y %H:%M", "29/06/1979 15:30"), "1979-06-29T15:30:00");
        assert_eq!(full("%d/%m/%Y %I %p", "29/06/1979 3 PM"), "1979-06-29T15:00:00");
        assert_eq!(full("%Y%m%d %H%M%S %z", "19790629 233000 +0200"), "1979-06-29T23:30:00+02:00");
        let epoch = strftime("%s").read("1764028800").expect("seconds").micros;
        assert_eq!(epoch, 1_764_028_800_000_000);
    }

    #[test]
    fn a_zone_changes_the_instant_but_not_the_date() {
        let time = strftime("%Y%m%d %H%M %z").read("19700101 0030 +0100").map(|time| (time.date, time.micros));
        assert_eq!(time, Some((*b"1970-01-01", -1_800_000_000)));
    }

    #[test]
    fn a_pattern_without_a_whole_date_is_rejected() {
        for pattern in ["%d/%m", "%H:%M", "", "date", "%Y"] {
            assert!(matches!(DateFormat::strftime(pattern), Err(PatternError::Incomplete(_))), "{pattern}");
        }
        assert!(matches!(DateFormat::strftime("%Q-%d"), Err(PatternError::Unknown(_))));
    }

    proptest! {
        #[test]
        fn every_day_reads_back_as_itself(year in 1i32..=9999, ordinal in 1u32..=366) {
            if let Some(day) = NaiveDate::from_yo_opt(year, ordinal) {
                let cell = day.format("%Y-%m-%d").to_string();
                prop_assert_eq!(date_of(&DateFormat::Iso, &cell), Some(cell.clone()));
                let cell_elsewhere = day.format("%d.%m.%Y").to_string();
                prop_assert_eq!(date_of(&strftime("%d.%m.%Y"), &cell_elsewhere), Some(cell));
            }
        }

        #[test]
        fn later_times_have_larger_instants(a in 0i64..4_000_000_000, b in 0i64..4_000_000_000) {
            let micros = |seconds| {
                let cell = DateTime::from_timestamp(seconds, 0).expect("in range").to_rfc3339();
                DateFormat::Iso.read(&cell).expect("ISO").micros
            };
            prop_assert_eq!(a.cmp(&b), micros(a).cmp(&micros(b)));
        }

        #[test]
        fn no_cell_causes_a_panic(cell in "\\PC{0,30}|[-0-9T:.+Z ]{0,30}") {
            let _ = DateFormat::Iso.read(&cell);
            let _ = strftime("%d/%m/%Y %H:%M").read(&cell);
        }
    }
}
