//! Formats of date cells, and their parsers.
//!
//! A format reads a date with or without a time of day, because one file can contain both, such as `2024-01-02` and
//! `2024-01-02 14:30`. A numeric year, month and day must be separated by the same character. Formats that could read
//! the same cell differently are different values of [`DateFormat`], so that a file's cells can decide between them.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::fmt::strtime::{self, BrokenDownTime};
use thiserror::Error;

use super::moment::Moment;
use super::time_of_day::{self, digits};

/// The format of a file's dates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DateFormat {
    /// `2024-01-02`, `2024/1/2`, `2024.01.02`, with or without a time.
    YearMonthDay,
    /// `20240102`, `20240102 093000`, `20240102093000`.
    Compact,
    /// `31/12/2024`, `31.12.24`.
    DayMonthYear,
    /// `12/31/2024`, `12-31-24`.
    MonthDayYear,
    /// `24-12-31`.
    ShortYearMonthDay,
    /// `06-JAN-2021`, `6 Jan 2021`.
    DayMonthName,
    /// `Jan 6 2021`, `January 6, 2021`.
    MonthNameDay,
    /// A number of units since 1970-01-01T00:00:00Z.
    Epoch(EpochUnit),
    /// A strftime pattern.
    Pattern(Pattern),
}

/// Unit of an epoch time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EpochUnit {
    /// Seconds, perhaps with a fraction.
    Seconds,
    /// Milliseconds.
    Millis,
    /// Microseconds.
    Micros,
    /// Nanoseconds.
    Nanos,
}

/// A strftime pattern that gives year, month and day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    /// The pattern up to the time of day, for cells without a time of day.
    date_only: Option<String>,
}

/// Reason that a string is not a date format.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DateFormatError {
    /// The string is neither the name of a format nor a valid pattern.
    #[error("`{0}` is neither the name of a date format ({NAMES}) nor a strftime pattern such as %d/%m/%Y")]
    Unknown(String),
    /// The pattern does not give year, month and day.
    #[error("`{0}` does not give year, month and day; for dates such as 29/06/1979, give dmy or %d/%m/%Y")]
    Incomplete(String),
}

/// The names that [`DateFormat::from_str`] accepts.
pub(crate) const NAMES: &str =
    "ymd, dmy, mdy, yymmdd, compact, d-mon-y, mon-d-y, epoch-s, epoch-ms, epoch-us, epoch-ns";

impl DateFormat {
    /// All formats that need no pattern, in the order in which they are tried.
    pub(super) const ALL: [DateFormat; 11] = [
        DateFormat::YearMonthDay,
        DateFormat::Compact,
        DateFormat::MonthDayYear,
        DateFormat::DayMonthYear,
        DateFormat::ShortYearMonthDay,
        DateFormat::DayMonthName,
        DateFormat::MonthNameDay,
        DateFormat::Epoch(EpochUnit::Seconds),
        DateFormat::Epoch(EpochUnit::Millis),
        DateFormat::Epoch(EpochUnit::Micros),
        DateFormat::Epoch(EpochUnit::Nanos),
    ];

    /// Parses a cell. Returns `None` if it is not a date in this format.
    pub(crate) fn read(&self, cell: &str) -> Option<Moment> {
        match self {
            Self::YearMonthDay => year_month_day(cell),
            Self::Compact => compact(cell),
            Self::DayMonthYear => numeric(cell, |[day, month, year]| Some((full_year(year)?, month, day))),
            // Countries that write dates with points put the day first.
            Self::MonthDayYear if cell.as_bytes().iter().take(3).any(|byte| *byte == b'.') => None,
            Self::MonthDayYear => numeric(cell, |[month, day, year]| Some((full_year(year)?, month, day))),
            Self::ShortYearMonthDay => {
                numeric(cell, |[year, month, day]| (year.len() == 2).then_some((full_year(year)?, month, day)))
            }
            Self::DayMonthName => named_month(cell, true),
            Self::MonthNameDay => named_month(cell, false),
            Self::Epoch(unit) => unit.read(cell),
            Self::Pattern(pattern) => pattern.read(cell),
        }
    }

    /// Returns an example of the format, for messages.
    pub(crate) fn example(&self) -> &str {
        match self {
            Self::YearMonthDay => "2024-12-31",
            Self::Compact => "20241231",
            Self::DayMonthYear => "31/12/2024",
            Self::MonthDayYear => "12/31/2024",
            Self::ShortYearMonthDay => "24-12-31",
            Self::DayMonthName => "31-Dec-2024",
            Self::MonthNameDay => "Dec 31, 2024",
            Self::Epoch(EpochUnit::Seconds) => "seconds since 1970",
            Self::Epoch(EpochUnit::Millis) => "milliseconds since 1970",
            Self::Epoch(EpochUnit::Micros) => "microseconds since 1970",
            Self::Epoch(EpochUnit::Nanos) => "nanoseconds since 1970",
            Self::Pattern(pattern) => &pattern.text,
        }
    }

    /// Returns `true` for epoch times, which are instants in UTC.
    pub(super) fn is_epoch(&self) -> bool {
        matches!(self, Self::Epoch(_))
    }
}

impl fmt::Display for DateFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::YearMonthDay => "ymd",
            Self::Compact => "compact",
            Self::DayMonthYear => "dmy",
            Self::MonthDayYear => "mdy",
            Self::ShortYearMonthDay => "yymmdd",
            Self::DayMonthName => "d-mon-y",
            Self::MonthNameDay => "mon-d-y",
            Self::Epoch(EpochUnit::Seconds) => "epoch-s",
            Self::Epoch(EpochUnit::Millis) => "epoch-ms",
            Self::Epoch(EpochUnit::Micros) => "epoch-us",
            Self::Epoch(EpochUnit::Nanos) => "epoch-ns",
            Self::Pattern(pattern) => &pattern.text,
        })
    }
}

impl FromStr for DateFormat {
    type Err = DateFormatError;

    fn from_str(text: &str) -> Result<Self, DateFormatError> {
        if let Some(named) = Self::ALL.into_iter().find(|format| format.to_string().eq_ignore_ascii_case(text)) {
            return Ok(named);
        }
        if !text.contains('%') {
            return Err(DateFormatError::Unknown(text.to_owned()));
        }
        Pattern::new(text).map(Self::Pattern)
    }
}

impl Pattern {
    fn new(text: &str) -> Result<Self, DateFormatError> {
        let first_of_time = ["%H", "%I", "%k", "%l", "%T", "%R", "%p"].iter().filter_map(|code| text.find(code)).min();
        let date_only = first_of_time.map(|at| text[..at].trim_end_matches([' ', 'T', ',']).to_owned());
        let date_only = date_only.filter(|date| !date.is_empty());
        let pattern = Self { text: text.to_owned(), date_only };
        // A known time, formatted with the pattern, must read as its own date.
        let known = jiff::civil::date(2001, 2, 3).at(4, 5, 6, 0).in_tz("UTC");
        let known = known.map_err(|_| DateFormatError::Unknown(text.to_owned()))?;
        let written = strtime::format(text, &known).map_err(|_| DateFormatError::Unknown(text.to_owned()))?;
        match pattern.read(&written) {
            Some(read) if read.date == known.date() => Ok(pattern),
            _ => Err(DateFormatError::Incomplete(text.to_owned())),
        }
    }

    fn read(&self, cell: &str) -> Option<Moment> {
        let parsed = BrokenDownTime::parse(&self.text, cell)
            .or_else(|error| self.date_only.as_ref().map_or(Err(error), |date| BrokenDownTime::parse(date, cell)))
            .ok()?;
        if let Some(timestamp) = parsed.timestamp() {
            return Moment::from_micros(timestamp.as_microsecond());
        }
        let date = parsed.to_date().ok()?;
        let time = parsed.to_time().ok().filter(|_| parsed.hour().is_some());
        let time = time.map(|time| time.duration_since(jiff::civil::Time::midnight()).as_micros());
        Some(Moment {
            date,
            time: time.and_then(|micros| i64::try_from(micros).ok()),
            offset: parsed.offset().map(jiff::tz::Offset::seconds),
        })
    }
}

impl EpochUnit {
    /// Parses a number of units since 1970. Returns `None` unless the number has as many digits as a time from 1973 to
    /// 2199 has in this unit. Milliseconds begin in 2001, when they have 13 digits: 12 digits are `YYYYMMDDhhmm`.
    fn read(self, cell: &str) -> Option<Moment> {
        let (whole, rest) = digits(cell);
        let (lengths, per_second) = match self {
            Self::Seconds => (9..=10, 1),
            Self::Millis => (13..=13, 1_000),
            Self::Micros => (15..=16, 1_000_000),
            Self::Nanos => (18..=19, 1_000_000_000),
        };
        if !lengths.contains(&whole.len()) {
            return None;
        }
        let fraction = match rest.strip_prefix('.') {
            Some(fraction) if fraction.bytes().all(|byte| byte.is_ascii_digit()) => fraction,
            None if rest.is_empty() => "",
            _ => return None,
        };
        let value: i64 = whole.parse().ok()?;
        let (seconds, below) = (value / per_second, value % per_second);
        let micros = match self {
            Self::Seconds => time_of_day::micros(fraction),
            Self::Nanos => below / 1_000,
            _ => below * (1_000_000 / per_second),
        };
        (seconds < 7_258_118_400).then(|| Moment::from_micros(seconds * 1_000_000 + micros)).flatten()
    }
}

/// Combines a date with the rest of its cell: either nothing, or an optional comma, a space or `T`, and a time of day.
/// Returns `None` for anything else.
fn with_time(date: Date, rest: &str) -> Option<Moment> {
    if rest.is_empty() {
        return Some(Moment::day(date));
    }
    let rest = rest.strip_prefix(',').unwrap_or(rest);
    let clock = rest.strip_prefix(['T', 't', ' '])?;
    let (time, offset) = time_of_day::parse(clock)?;
    Some(Moment { date, time: Some(time), offset })
}

fn date_of(year: i16, month: &str, day: &str) -> Option<Date> {
    let two = |text: &str| text.parse::<i8>().ok().filter(|_| (1..=2).contains(&text.len()));
    Date::new(year, two(month)?, two(day)?).ok()
}

fn year_month_day(cell: &str) -> Option<Moment> {
    let bytes = cell.as_bytes();
    let digit = |at: usize| bytes.get(at).filter(|byte| byte.is_ascii_digit()).map(|byte| (byte - b'0') as i8);
    // The form that most files use, 2024-01-02, is read without scanning for separators.
    if let [_, _, _, _, b'-', _, _, b'-', _, _, rest @ ..] = bytes
        && let (Some(m0), Some(m1), Some(d0), Some(d1)) = (digit(5), digit(6), digit(8), digit(9))
        && !rest.first().is_some_and(u8::is_ascii_digit)
    {
        let year = (0..4).try_fold(0_i16, |year, at| Some(year * 10 + i16::from(digit(at)?)))?;
        return with_time(Date::new(year, m0 * 10 + m1, d0 * 10 + d1).ok()?, cell.get(10..)?);
    }
    let (year, rest) = digits(cell);
    let separator = rest.chars().next().filter(|separator| matches!(separator, '-' | '/' | '.'))?;
    let (month, rest) = digits(&rest[1..]);
    let (day, rest) = digits(rest.strip_prefix(separator)?);
    let year = year.parse().ok().filter(|_| year.len() == 4)?;
    with_time(date_of(year, month, day)?, rest)
}

fn compact(cell: &str) -> Option<Moment> {
    let (number, rest) = digits(cell);
    let date = |text: &str| date_of(text[..4].parse().ok()?, &text[4..6], &text[6..8]);
    match number.len() {
        8 => with_time(date(number)?, rest),
        12 | 14 => {
            let (time, offset) = time_of_day::parse(&cell[8..])?;
            Some(Moment { date: date(number)?, time: Some(time), offset })
        }
        _ => None,
    }
}

/// Parses three numbers with the same separator between them, and a time of day if one follows. `order` picks the year,
/// the month and the day from the numbers.
fn numeric<'a>(cell: &'a str, order: impl Fn([&'a str; 3]) -> Option<(i16, &'a str, &'a str)>) -> Option<Moment> {
    let (first, rest) = digits(cell);
    let separator = rest.chars().next().filter(|separator| matches!(separator, '-' | '/' | '.'))?;
    let (second, rest) = digits(&rest[1..]);
    let (third, rest) = digits(rest.strip_prefix(separator)?);
    let (year, month, day) = order([first, second, third])?;
    with_time(date_of(year, month, day)?, rest)
}

/// Parses a year of two or four digits. As in POSIX, 69 to 99 mean 1969 to 1999.
fn full_year(digits: &str) -> Option<i16> {
    let year: i16 = digits.parse().ok()?;
    match digits.len() {
        4 => Some(year),
        2 if year < 69 => Some(2000 + year),
        2 => Some(1900 + year),
        _ => None,
    }
}

/// Parses a date with the name of its month, after an optional day of the week.
fn named_month(cell: &str, day_first: bool) -> Option<Moment> {
    let mut rest = skip_weekday(cell);
    let (day, month);
    if day_first {
        (day, rest) = digits(rest);
        (month, rest) = month_name(skip_separator(rest)?)?;
    } else {
        (month, rest) = month_name(rest)?;
        (day, rest) = digits(skip_separator(rest)?);
    }
    let (year, rest) = digits(skip_separator(rest)?);
    let day = day.parse().ok().filter(|_| day.len() <= 2)?;
    with_time(Date::new(full_year(year)?, month, day).ok()?, rest)
}

/// Skips the separator between the parts of a date with a named month: `-`, `/`, `.`, a comma, spaces, or a combination
/// such as a comma and a space. Returns `None` if the text does not begin with a separator.
fn skip_separator(text: &str) -> Option<&str> {
    let rest = text.strip_prefix([',', '.']).unwrap_or(text);
    let rest = rest.trim_start_matches(' ');
    match rest.strip_prefix(['-', '/']) {
        Some(rest) => Some(rest),
        None => (rest.len() < text.len()).then_some(rest),
    }
}

fn skip_weekday(cell: &str) -> &str {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let (word, rest) = letters(cell);
    let is_day = word.get(..3).is_some_and(|start| DAYS.iter().any(|day| day.eq_ignore_ascii_case(start)));
    if is_day { skip_separator(rest).unwrap_or(cell) } else { cell }
}

fn letters(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_alphabetic).count())
}

fn month_name(text: &str) -> Option<(i8, &str)> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let (word, rest) = letters(text);
    let word = word.to_ascii_lowercase();
    let is_month = |name: &&str| {
        word.len() >= 3 && (name.starts_with(&word) && (word.len() == 3 || word == **name))
            || (word == "sept" && **name == *"september")
    };
    let number = MONTHS.iter().position(is_month)?;
    Some((i8::try_from(number).ok()? + 1, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(format: &str, cell: &str) -> Option<String> {
        let moment = format.parse::<DateFormat>().expect("a format").read(cell)?;
        let time = moment.time.map_or(String::new(), |micros| format!(" {micros}"));
        let offset = moment.offset.map_or(String::new(), |offset| format!(" {offset:+}"));
        Some(format!("{}{time}{offset}", moment.date))
    }

    #[test]
    fn each_format_reads_its_cells() {
        for (format, cell, expected) in [
            ("ymd", "2024-01-02", "2024-01-02"),
            ("ymd", "2024/1/2", "2024-01-02"),
            ("ymd", "2024.01.02 09:30", "2024-01-02 34200000000"),
            ("ymd", "2022-01-03 00:00:00-05:00", "2022-01-03 0 -18000"),
            ("ymd", "2015-01-02T00:00:00.000Z", "2015-01-02 0 +0"),
            ("compact", "20240102", "2024-01-02"),
            ("compact", "20120201 000100", "2012-02-01 60000000"),
            ("compact", "20120201000100", "2012-02-01 60000000"),
            ("dmy", "29/06/1979", "1979-06-29"),
            ("dmy", "31.12.17", "2017-12-31"),
            ("mdy", "1/4/2010", "2010-01-04"),
            ("mdy", "11/5/2019 9:30", "2019-11-05 34200000000"),
            ("mdy", "12/31/99", "1999-12-31"),
            ("yymmdd", "24-12-31", "2024-12-31"),
            ("d-mon-y", "06-JAN-2021", "2021-01-06"),
            ("d-mon-y", "6 January 2021", "2021-01-06"),
            ("mon-d-y", "Jan 1 2000", "2000-01-01"),
            ("mon-d-y", "Thu, Aug 17, 2023", "2023-08-17"),
            ("mon-d-y", "Sept. 7, 2023", "2023-09-07"),
            ("epoch-s", "1609286400", "2020-12-30 0 +0"),
            ("epoch-s", "1609286400.25", "2020-12-30 250000 +0"),
            ("epoch-ms", "1637971200000", "2021-11-27 0 +0"),
            ("epoch-us", "1637971200000001", "2021-11-27 1 +0"),
            ("epoch-ns", "1744792500000000999", "2025-04-16 30900000000 +0"),
            ("%d %m %Y", "29 06 1979", "1979-06-29"),
            ("%m/%d/%Y %H:%M", "01/02/2024", "2024-01-02"),
            ("%m/%d/%Y %H:%M", "01/02/2024 09:30", "2024-01-02 34200000000"),
            ("%m/%d/%Y %I:%M %p", "01/02/2024 09:30 PM", "2024-01-02 77400000000"),
            ("%Y-%m-%d %H:%M:%S %z", "2024-01-02 00:00:01 +0530", "2024-01-02 1000000 +19800"),
        ] {
            assert_eq!(read(format, cell).as_deref(), Some(expected), "{format} {cell}");
        }
    }

    #[test]
    fn other_cells_are_not_dates() {
        for (format, cell) in [
            ("ymd", "2024-02-30"),
            ("ymd", "2024-01-023"),
            ("ymd", "2024-01/02"),
            ("ymd", "2024-01"),
            ("ymd", "24-01-02"),
            ("ymd", "2024-01-02 24:00"),
            ("ymd", "2024-01-02 é"),
            ("compact", "2024010"),
            ("compact", "20241301"),
            ("dmy", "12/31/2024"),
            ("mdy", "31/12/2024"),
            ("mdy", "1/2/024"),
            ("mdy", "12.31.2024"),
            ("d-mon-y", "06-JAX-2021"),
            ("d-mon-y", "06JAN2021x"),
            ("epoch-s", "20240102"),
            ("epoch-ms", "1609286400"),
            ("%Y-%m-%d", "x"),
        ] {
            assert_eq!(read(format, cell), None, "{format} {cell}");
        }
    }

    #[test]
    fn a_name_and_its_display_are_the_same() {
        for format in DateFormat::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        assert_eq!(NAMES.split(", ").count(), DateFormat::ALL.len());
    }

    #[test]
    fn patterns_must_give_a_date() {
        for text in ["%H:%M", "%d %m", "%y"] {
            assert!(matches!(text.parse::<DateFormat>(), Err(DateFormatError::Incomplete(_))), "{text}");
        }
        for text in ["dd/mm/yyyy", "%", "%!"] {
            assert!(matches!(text.parse::<DateFormat>(), Err(DateFormatError::Unknown(_))), "{text}");
        }
    }
}
