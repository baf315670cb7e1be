//! Times of quotes, in microseconds since 1970, and the lengths of bars.

use serde::{Serialize, Serializer};

/// Number of seconds in a day.
const DAY: i64 = 86_400;

/// Number of microseconds in a second.
const MICROS: i64 = 1_000_000;

/// Parses `2024-01-02`. Returns the number of days since 1970, or `None` for any other form.
pub(crate) fn parse_day(text: &str) -> Option<i64> {
    (text.len() == 10).then(|| parse_instant(text)).flatten().map(|micros| micros.div_euclid(DAY * MICROS))
}

/// Parses `2024-01-02` or `2024-01-02 14:30:00.000000`, the form of `instant` in the views. Returns the number of
/// microseconds since 1970, or `None` for any other form.
pub(crate) fn parse_instant(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| {
        bytes
            .get(from..to)?
            .iter()
            .try_fold(0_i64, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
    };
    let is = |at: usize, byte: u8| bytes.get(at) == Some(&byte);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    if !is(4, b'-') || !is(7, b'-') || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let midnight = days_from_civil(year, month, day) * DAY;
    if bytes.len() == 10 {
        return Some(midnight * MICROS);
    }
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let is_time = is(10, b' ') && is(13, b':') && is(16, b':') && hour < 24 && minute < 60 && second < 60;
    let fraction = match bytes.get(19) {
        None => 0,
        Some(b'.') => parse_fraction(&bytes[20..])?,
        Some(_) => return None,
    };
    is_time.then_some((midnight + hour * 3600 + minute * 60 + second) * MICROS + fraction)
}

/// Parses the digits of a fraction of a second. Returns microseconds; further digits are dropped.
fn parse_fraction(digits: &[u8]) -> Option<i64> {
    let is_number = digits.iter().all(u8::is_ascii_digit);
    is_number
        .then(|| (0..6).fold(0, |micros, at| micros * 10 + digits.get(at).map_or(0, |digit| i64::from(digit - b'0'))))
}

/// Converts a date of the proleptic Gregorian calendar to days since 1970-01-01, by Howard Hinnant's algorithm:
/// <https://howardhinnant.github.io/date_algorithms.html#days_from_civil>.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Returns the first second of the month that contains `seconds`.
fn month_start(seconds: i64) -> i64 {
    let days = seconds.div_euclid(DAY) + 719_468;
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let day = day_of_year - (153 * ((5 * day_of_year + 2) / 153) + 2) / 5 + 1;
    (seconds.div_euclid(DAY) - (day - 1)) * DAY
}

/// Length of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Length {
    /// A single trade or quote.
    Tick,
    Seconds(i64),
    /// A week, from Monday on.
    Week,
    Month,
}

impl Length {
    pub(crate) const DAY: Length = Length::Seconds(DAY);

    /// Lengths that the console offers, in ascending order.
    pub(crate) const OFFERED: [Length; 11] = [
        Length::Seconds(1),
        Length::Seconds(10),
        Length::Seconds(60),
        Length::Seconds(300),
        Length::Seconds(900),
        Length::Seconds(1800),
        Length::Seconds(3600),
        Length::Seconds(4 * 3600),
        Length::DAY,
        Length::Week,
        Length::Month,
    ];

    /// Parses the value of the column `bar`, such as `5m` or `1mo`. Returns `None` for a length that is not supported.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text == "tick" {
            return Some(Length::Tick);
        }
        let digits = text.find(|c: char| !c.is_ascii_digit())?;
        let count: i64 = text[..digits].parse().ok().filter(|count| *count > 0)?;
        let seconds = match (&text[digits..], count) {
            ("mo", 1) => return Some(Length::Month),
            ("w", 1) => return Some(Length::Week),
            ("s", _) => count,
            ("m", _) => count.checked_mul(60)?,
            ("h", _) => count.checked_mul(3600)?,
            ("d", 1) => DAY,
            _ => return None,
        };
        (seconds <= DAY).then_some(Length::Seconds(seconds))
    }

    pub(crate) fn name(self) -> String {
        match self {
            Length::Tick => "tick".to_owned(),
            Length::Week => "1w".to_owned(),
            Length::Month => "1mo".to_owned(),
            Length::Seconds(DAY) => "1d".to_owned(),
            Length::Seconds(seconds) if seconds % 3600 == 0 => format!("{}h", seconds / 3600),
            Length::Seconds(seconds) if seconds % 60 == 0 => format!("{}m", seconds / 60),
            Length::Seconds(seconds) => format!("{seconds}s"),
        }
    }

    /// Returns the first second of the bar to which a row belongs. As in the view `daily`, the trade date decides for
    /// lengths of a day or more, and the time for shorter ones. A row of 20:30 in New York therefore belongs to the day
    /// of its trade date, although it is already the next day in UTC.
    pub(crate) fn bar_start(self, day: i64, micros: i64) -> i64 {
        self.start(if self >= Length::DAY { day * DAY } else { micros.div_euclid(MICROS) })
    }

    /// Returns the first second of the bar that contains a time.
    fn start(self, seconds: i64) -> i64 {
        match self {
            Length::Tick => seconds,
            Length::Seconds(length) => seconds.div_euclid(length) * length,
            // 1970-01-01 was a Thursday, three days after a Monday.
            Length::Week => (seconds + 3 * DAY).div_euclid(7 * DAY) * 7 * DAY - 3 * DAY,
            Length::Month => month_start(seconds),
        }
    }
}

impl Serialize for Length {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        parse_instant(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn instants_are_microseconds_since_1970() {
        for (text, micros) in [
            ("1970-01-01", 0),
            ("1969-12-31", -86_400_000_000),
            ("1986-12-31 00:00:00.000000", 536_371_200_000_000),
            ("2000-02-29 23:59:59", 951_868_799_000_000),
            ("2024-01-02 14:30:00.999999", 1_704_205_800_999_999),
            ("2024-01-02 14:30:00.25", 1_704_205_800_250_000),
            ("2024-01-02 14:30:00.0000019", 1_704_205_800_000_001),
        ] {
            assert_eq!(parse_instant(text), Some(micros), "{text}");
        }
    }

    #[test]
    fn days_have_no_time() {
        assert_eq!(parse_day("1970-01-02"), Some(1));
        assert_eq!(parse_day("1969-12-31"), Some(-1));
        assert_eq!(parse_day("1970-01-02 00:00:00"), None);
        assert_eq!(parse_day("yesterday!"), None);
    }

    #[test]
    fn trade_date_decides_from_a_day_on() {
        let (day, time) = (parse_day("2024-01-02").unwrap(), at("2024-01-03 01:30:00"));
        let start = |length: &str| Length::parse(length).unwrap().bar_start(day, time) * MICROS;
        assert_eq!(start("1d"), at("2024-01-02"));
        assert_eq!(start("1mo"), at("2024-01-01"));
        assert_eq!(start("4h"), at("2024-01-03 00:00:00"));
    }

    #[test]
    fn other_forms_are_no_instants() {
        for text in [
            "",
            "2024-01",
            "2024-13-01",
            "2024/01/02",
            "2024-01-02T14:30:00",
            "2024-01-02 14:30",
            "2024-01-02 14:30:00Z",
            "2024-01-02 14:30:00.5Z",
            "2024-01-02 24:00:00",
            "é024-01-02",
        ] {
            assert_eq!(parse_instant(text), None, "{text}");
        }
    }

    #[test]
    fn bars_begin_on_their_boundaries() {
        for (length, time, start) in [
            ("1m", "2024-01-02 14:30:59", "2024-01-02 14:30:00"),
            ("4h", "2024-01-02 15:00:00", "2024-01-02 12:00:00"),
            ("1d", "1969-12-31 23:00:00", "1969-12-31"),
            ("1w", "2024-01-07 23:00:00", "2024-01-01"),
            ("1w", "2024-01-08", "2024-01-08"),
            ("1mo", "2024-02-29 12:00:00", "2024-02-01"),
            ("1mo", "1968-02-29", "1968-02-01"),
            ("1mo", "2023-12-31", "2023-12-01"),
        ] {
            let length = Length::parse(length).unwrap();
            assert_eq!(length.start(at(time) / MICROS) * MICROS, at(start), "{length:?} {time}");
        }
    }

    #[test]
    fn lengths_have_the_names_of_the_column_bar() {
        for length in Length::OFFERED {
            assert_eq!(Length::parse(&length.name()), Some(length));
        }
        assert!(Length::OFFERED.is_sorted());
        for text in ["", "m", "0m", "2d", "3w", "1y", "99999999999999999999s", "-1m"] {
            assert_eq!(Length::parse(text), None, "{text}");
        }
    }
}
