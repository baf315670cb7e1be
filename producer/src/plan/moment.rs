//! The moment of a row: a date, with an optional time of day and an optional offset.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// Earliest year that the date of a trade can have. A row with an earlier date is rejected.
pub(crate) const MIN_YEAR: i16 = 1700;

/// Microseconds in a day.
const DAY_MICROS: i64 = 86_400_000_000;

/// Date of a row, and its time of day and offset if the row has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) date: Date,
    /// Microseconds since midnight; finer digits are cut off.
    pub(crate) time: Option<i64>,
    /// Seconds east of UTC.
    pub(crate) offset: Option<i32>,
}

/// Zone of the times of a file.
#[derive(Clone, Debug, PartialEq)]
pub enum Zone {
    /// A time without an offset stays as it is written.
    AsWritten,
    /// A time without an offset is UTC.
    Utc,
    /// A time without an offset is local to this zone, which is in the IANA database or has a fixed offset.
    Named(TimeZone),
}

/// Reason that a local time does not correspond to exactly one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LocalTimeError {
    /// Clocks were set forward over this time.
    Skipped,
    /// Clocks were set back, so this time occurs twice.
    Repeated,
}

impl Moment {
    /// Creates a moment from a date alone.
    pub(crate) fn day(date: Date) -> Self {
        Moment { date, time: None, offset: None }
    }

    /// Creates a moment from microseconds since 1970 in UTC. Returns `None` for an instant outside jiff's calendar.
    pub(crate) fn from_micros(micros: i64) -> Option<Self> {
        let at = Offset::UTC.to_datetime(Timestamp::from_microsecond(micros).ok()?);
        Some(Moment { date: at.date(), time: Some(micros.rem_euclid(DAY_MICROS)), offset: Some(0) })
    }

    /// Returns the microseconds since midnight, zero for a date alone.
    pub(crate) fn micros_of_day(self) -> i64 {
        self.time.unwrap_or(0)
    }

    /// Returns the microseconds since 1970 of the local time, as if it were UTC.
    pub(crate) fn local_micros(self) -> i64 {
        days_since_1970(self.date) * DAY_MICROS + self.micros_of_day()
    }

    /// Returns the microseconds since 1970 and whether they are UTC.
    ///
    /// # Errors
    /// [`LocalTimeError`] if the zone's clocks skip or repeat the local time.
    pub(crate) fn instant(self, zone: &Zone) -> Result<(i64, bool), LocalTimeError> {
        let local = self.local_micros();
        match (self.offset, zone, self.time) {
            (Some(offset), _, Some(_)) => Ok((local - i64::from(offset) * 1_000_000, true)),
            (None, Zone::Utc, Some(_)) => Ok((local, true)),
            (None, Zone::Named(zone), Some(_)) => {
                let at = datetime(self.date, self.micros_of_day());
                let ambiguous = zone.to_ambiguous_timestamp(at);
                match ambiguous.offset() {
                    jiff::tz::AmbiguousOffset::Unambiguous { offset } => {
                        Ok((local - i64::from(offset.seconds()) * 1_000_000, true))
                    }
                    jiff::tz::AmbiguousOffset::Gap { .. } => Err(LocalTimeError::Skipped),
                    jiff::tz::AmbiguousOffset::Fold { .. } => Err(LocalTimeError::Repeated),
                }
            }
            _ => Ok((local, false)),
        }
    }
}

fn datetime(date: Date, micros: i64) -> DateTime {
    date.to_datetime(Time::midnight()).saturating_add(SignedDuration::from_micros(micros))
}

/// Returns the days since 1970-01-01. This function runs for every row; jiff would first convert the date to a
/// timestamp.
fn days_since_1970(date: Date) -> i64 {
    let (month, day) = (i64::from(date.month()), i64::from(date.day()));
    // The year begins in March, so that a leap day is its last day.
    let year = i64::from(date.year()) - i64::from(month <= 2);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Appends a date as `YYYY-MM-DD`. The year must have at most four digits, which [`MIN_YEAR`] and the latest date
/// ensure.
pub(crate) fn write_date(date: Date, out: &mut Vec<u8>) {
    let year = date.year().unsigned_abs();
    let digit = |number: u16| b'0' + (number % 10) as u8;
    let (month, day): (u16, u16) = (date.month().unsigned_abs().into(), date.day().unsigned_abs().into());
    out.extend_from_slice(&[
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
    ]);
}

/// Appends microseconds since 1970 as `YYYY-MM-DD HH:MM:SS`, with a fraction of up to six digits if there is one.
pub(crate) fn write_instant(micros: i64, out: &mut Vec<u8>) {
    let at = Timestamp::from_microsecond(micros).map_or(DateTime::ZERO, |at| Offset::UTC.to_datetime(at));
    write_date(at.date(), out);
    out.push(b' ');
    let of_day = micros.rem_euclid(DAY_MICROS);
    let seconds = of_day / 1_000_000;
    write_digits(seconds / 3600, 2, out);
    out.push(b':');
    write_digits(seconds / 60 % 60, 2, out);
    out.push(b':');
    write_digits(seconds % 60, 2, out);
    let fraction = of_day % 1_000_000;
    if fraction != 0 {
        out.push(b'.');
        write_digits(fraction, 6, out);
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

/// Appends the last `digits` digits of `value`, with leading zeros.
fn write_digits(value: i64, digits: u32, out: &mut Vec<u8>) {
    for place in (0..digits).rev() {
        out.push(b'0' + (value / 10_i64.pow(place) % 10) as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn at(time: &str) -> Moment {
        let time: DateTime = time.parse().expect("a time");
        let micros = time.time().duration_since(Time::midnight()).as_micros();
        Moment { date: time.date(), time: Some(i64::try_from(micros).expect("a day")), offset: None }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        let mut day = date(1699, 12, 1);
        let mut expected =
            Offset::UTC.to_timestamp(day.to_datetime(Time::midnight())).expect("a time").as_second() / 86_400;
        while day < date(2101, 3, 2) {
            assert_eq!(days_since_1970(day), expected, "{day}");
            day = day.tomorrow().expect("a day");
            expected += 1;
        }
    }

    #[test]
    fn an_instant_is_written_with_its_shortest_fraction() {
        for (micros, text) in [
            (0, "1970-01-01 00:00:00"),
            (1_704_205_800_123_456, "2024-01-02 14:30:00.123456"),
            (1_704_205_800_500_000, "2024-01-02 14:30:00.5"),
            (-1, "1969-12-31 23:59:59.999999"),
        ] {
            let mut out = Vec::new();
            write_instant(micros, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), text);
        }
    }

    #[test]
    fn a_zone_makes_utc_of_a_local_time() {
        let new_york = Zone::Named(TimeZone::get("America/New_York").expect("a zone"));
        let noon = at("2024-01-02T12:00:00");
        assert_eq!(
            noon.instant(&new_york).map(|(micros, utc)| (micros - noon.local_micros(), utc)),
            Ok((18_000_000_000, true))
        );
        assert_eq!(noon.instant(&Zone::AsWritten), Ok((noon.local_micros(), false)));
        assert_eq!(
            Moment { offset: Some(3600), ..noon }.instant(&new_york),
            Ok((noon.local_micros() - 3_600_000_000, true))
        );
        assert_eq!(at("2024-03-10T02:30:00").instant(&new_york), Err(LocalTimeError::Skipped));
        assert_eq!(at("2024-11-03T01:30:00").instant(&new_york), Err(LocalTimeError::Repeated));
        assert_eq!(Moment::day(date(2024, 3, 10)).instant(&new_york).map(|(_, utc)| utc), Ok(false));
    }
}
