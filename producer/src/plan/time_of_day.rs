//! Reads times of day: `9:30`, `09:30:00.25`, `093000`, `9:30 PM`, with an offset such as `+01:00` or `Z`, and seconds
//! since midnight.

/// Microseconds since midnight, and seconds east of UTC if the text names an offset.
pub(super) type TimeOfDay = (i64, Option<i32>);

const SECOND: i64 = 1_000_000;

/// Parses a time of day that fills the whole text.
pub(super) fn parse(text: &str) -> Option<TimeOfDay> {
    let (micros, rest) = clock(text.trim())?;
    let rest = rest.trim_start();
    let (micros, rest) = twelve_hours(micros, rest)?;
    Some((micros, zone(rest.trim_start())?))
}

/// Parses seconds since midnight, such as `34200.017459617`. They must be less than 86,400.
pub(super) fn seconds_of_day(text: &str) -> Option<TimeOfDay> {
    let (seconds, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let whole: i64 = seconds.parse().ok().filter(|_| is_digits(seconds) && is_digits(fraction))?;
    (whole < 86_400).then(|| (whole * SECOND + micros(fraction), None))
}

/// Parses a time of at most `width` digits that lacks leading zeros. With 4, `930` is 9:30, and with 6, `93005` is
/// 9:30:05.
pub(super) fn unpadded(text: &str, width: usize) -> Option<TimeOfDay> {
    let is_number = !text.is_empty() && text.len() <= width && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| parse(&format!("{text:0>width$}")))?
}

/// Returns `true` for a number that may be a time without leading zeros: `930` for 9:30, `93005` for 9:30:05, or `9`
/// for an hour. Such a number does not show that a column has seconds since midnight.
pub(super) fn may_be_clock(text: &str) -> bool {
    text.trim().parse::<u32>().is_ok_and(|number| number % 100 < 60 && number / 100 % 100 < 60)
}

/// Returns the microseconds of a fraction's digits; finer digits are cut off.
pub(super) fn micros(digits: &str) -> i64 {
    let digit = |at: usize| digits.as_bytes().get(at).map_or(0, |byte| i64::from(byte - b'0'));
    (0..6).fold(0, |micros, at| micros * 10 + digit(at))
}

/// Splits `text` after its leading digits.
pub(super) fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

fn clock(text: &str) -> Option<(i64, &str)> {
    let (hour, rest) = digits(text);
    let (hour, minute, second, rest) = match (hour.len(), rest.strip_prefix(':')) {
        (1 | 2, Some(rest)) => {
            let (minute, rest) = digits(rest);
            let (second, rest) = match rest.strip_prefix(':') {
                Some(rest) => digits(rest),
                None => ("00", rest),
            };
            (hour, minute, second, rest)
        }
        (4, None) => (&hour[..2], &hour[2..], "00", rest),
        (6, None) => (&hour[..2], &hour[2..4], &hour[4..], rest),
        // HistData's ticks, with milliseconds.
        (9, None) => {
            let (of_day, rest) = clock(&text[..6])?;
            return rest.is_empty().then(|| (of_day + micros(&hour[6..]), &text[9..]));
        }
        _ => return None,
    };
    let (fraction, rest) = match rest.strip_prefix(['.', ',']) {
        Some(rest) => digits(rest),
        None => ("0", rest),
    };
    let number = |text: &str, limit: i64| text.parse::<i64>().ok().filter(|number| *number < limit);
    if minute.len() != 2 || second.len() != 2 || fraction.is_empty() {
        return None;
    }
    let seconds = (number(hour, 24)? * 60 + number(minute, 60)?) * 60 + number(second, 60)?;
    Some((seconds * SECOND + micros(fraction), rest))
}

/// Applies AM or PM if the text has it. Returns `None` if the hour does not exist on a twelve-hour clock.
fn twelve_hours(micros: i64, rest: &str) -> Option<(i64, &str)> {
    let Some(half) = rest.get(..2).filter(|half| half.eq_ignore_ascii_case("am") || half.eq_ignore_ascii_case("pm"))
    else {
        return Some((micros, rest));
    };
    let (hour, of_hour) = (micros / (3600 * SECOND), micros % (3600 * SECOND));
    let hour = match (hour, half.as_bytes()[0].eq_ignore_ascii_case(&b'p')) {
        (0 | 13.., _) => return None,
        (12, false) => 0,
        (12, true) => 12,
        (hour, afternoon) => hour + if afternoon { 12 } else { 0 },
    };
    Some((hour * 3600 * SECOND + of_hour, &rest[2..]))
}

/// Parses an offset that fills the text. The outer `None` means that the text is not an offset, and the inner one that
/// the text is empty.
fn zone(text: &str) -> Option<Option<i32>> {
    let named = ["UTC", "GMT", "Z"].into_iter().find_map(|name| {
        let head = text.get(..name.len())?;
        head.eq_ignore_ascii_case(name).then(|| &text[name.len()..])
    });
    let offset = match named {
        Some("") => return Some(Some(0)),
        Some(rest) if text.len() - rest.len() == 3 => rest,
        Some(_) => return None,
        None if text.is_empty() => return Some(None),
        None => text,
    };
    let (east, number) = match offset.as_bytes() {
        [b'+', ..] => (1, &offset[1..]),
        [b'-', ..] => (-1, &offset[1..]),
        _ => return None,
    };
    let (hours, minutes) = match number.len() {
        1 | 2 => (number, "0"),
        4 => (&number[..2], number.get(2..)?),
        5 => number.split_once(':')?,
        8 if number.ends_with(":00") => number[..5].split_once(':')?,
        _ => return None,
    };
    let of = |text: &str| text.parse::<i32>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    let (hours, minutes) = (of(hours)?, of(minutes)?);
    (hours <= 18 && minutes < 60).then(|| Some(east * (hours * 3600 + minutes * 60)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock_time(hours: i64, minutes: i64, seconds: i64) -> i64 {
        ((hours * 60 + minutes) * 60 + seconds) * SECOND
    }

    #[test]
    fn times_are_read_in_the_usual_forms() {
        for (text, expected) in [
            ("9:30", (clock_time(9, 30, 0), None)),
            ("09:30:05", (clock_time(9, 30, 5), None)),
            ("093005", (clock_time(9, 30, 5), None)),
            ("0930", (clock_time(9, 30, 0), None)),
            ("093005250", (clock_time(9, 30, 5) + 250_000, None)),
            ("09:30:05.1234567", (clock_time(9, 30, 5) + 123_456, None)),
            ("9:30 PM", (clock_time(21, 30, 0), None)),
            ("12:05:00 am", (clock_time(0, 5, 0), None)),
            ("00:00:00-05:00", (0, Some(-18_000))),
            ("00:00:00.000Z", (0, Some(0))),
            ("00:00 GMT+0100", (0, Some(3600))),
            ("00:00:00 UTC", (0, Some(0))),
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_times() {
        for text in
            ["", "9", "24:00", "9:60", "9:3", "13:00 PM", "9:30 EST", "9:30x", "09:30:00.", "9:30+25:00", "9:30Z+1"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn seconds_since_midnight_are_cut_at_microseconds() {
        assert_eq!(seconds_of_day("34200.017459617"), Some((clock_time(9, 30, 0) + 17_459, None)));
        assert_eq!(seconds_of_day("86400"), None);
        assert_eq!(seconds_of_day("-1"), None);
    }
}
