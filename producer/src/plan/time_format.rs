//! The format of a column with the time of day.

use std::collections::BTreeSet;

use super::time_of_day::{self, TimeOfDay};

/// Minimum number of different cells needed to conclude that numbers are times without leading zeros, not seconds. If
/// they were seconds at a regular interval, at least one of this many numbers would not be a valid time of day.
const MIN_UNPADDED: usize = 12;

/// The format of a column with the time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeFormat {
    /// `09:30:00`, `093000`
    Clock,
    /// Hours and minutes without leading zeros: `930`
    HoursMinutes,
    /// Hours, minutes and seconds without leading zeros: `93000`
    HoursMinutesSeconds,
    /// `34200.017459617`
    SecondsOfDay,
}

impl TimeFormat {
    /// Decides the format of a column's cells, none of which may be empty. Returns `None` if most of them are not times
    /// of day.
    pub(super) fn guess(cells: &[&str]) -> Option<Self> {
        let share = |format: TimeFormat| cells.iter().filter(|cell| format.read(cell).is_some()).count();
        let reads_all = |format: &TimeFormat| share(*format) == cells.len();
        let lacks_zeros = |cell: &&str| matches!(cell.len(), 3 | 5);
        let are_unpadded = cells.iter().any(lacks_zeros) && cells.iter().collect::<BTreeSet<_>>().len() >= MIN_UNPADDED;
        if are_unpadded
            && let Some(format) =
                [TimeFormat::HoursMinutes, TimeFormat::HoursMinutesSeconds].iter().find(|format| reads_all(format))
        {
            return Some(*format);
        }
        // Numbers that a clock can show do not show that they are seconds.
        let may_be_seconds = || cells.iter().any(|cell| !time_of_day::may_be_clock(cell));
        match () {
            () if share(TimeFormat::Clock) * 2 > cells.len() => Some(TimeFormat::Clock),
            () if share(TimeFormat::SecondsOfDay) * 2 > cells.len() && may_be_seconds() => {
                Some(TimeFormat::SecondsOfDay)
            }
            () => None,
        }
    }

    /// Parses a cell. Returns microseconds since midnight, and seconds east of UTC if the cell names an offset, or
    /// `None` if the cell is not a time in this format.
    pub(crate) fn read(self, cell: &str) -> Option<TimeOfDay> {
        match self {
            TimeFormat::Clock => time_of_day::parse(cell),
            TimeFormat::HoursMinutes => time_of_day::unpadded(cell, 4),
            TimeFormat::HoursMinutesSeconds => time_of_day::unpadded(cell, 6),
            TimeFormat::SecondsOfDay => time_of_day::seconds_of_day(cell),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(times: impl Iterator<Item = u32>) -> Option<TimeFormat> {
        let cells: Vec<String> = times.map(|time| time.to_string()).collect();
        TimeFormat::guess(&cells.iter().map(String::as_str).collect::<Vec<_>>())
    }

    #[test]
    fn leading_zeros_may_be_missing() {
        let minutes = |from: u32, to: u32| (from..to).map(|minute| minute / 60 * 100 + minute % 60);
        assert_eq!(guessed(minutes(0, 1440)), Some(TimeFormat::HoursMinutes));
        assert_eq!(guessed(minutes(570, 960)), Some(TimeFormat::HoursMinutes));
        assert_eq!(guessed(minutes(480, 600)), Some(TimeFormat::HoursMinutes));
        assert_eq!(guessed(minutes(570, 960).map(|time| time * 100)), Some(TimeFormat::HoursMinutesSeconds));
        assert_eq!(TimeFormat::HoursMinutes.read("930"), Some((34_200_000_000, None)));
        assert_eq!(TimeFormat::HoursMinutesSeconds.read("93005"), Some((34_205_000_000, None)));
        assert_eq!(TimeFormat::HoursMinutes.read("975"), None);
    }

    #[test]
    fn numbers_are_seconds_only_if_no_clock_shows_them() {
        for step in [1, 5, 60, 300, 3600] {
            let seconds = (34_200..57_600).step_by(step);
            assert_eq!(guessed(seconds), Some(TimeFormat::SecondsOfDay), "{step}");
            let from_midnight = (0..57_600).step_by(step);
            assert_eq!(guessed(from_midnight), Some(TimeFormat::SecondsOfDay), "{step}");
        }
        assert_eq!(guessed(0..24), None, "hours");
        assert_eq!(guessed([0, 100, 200, 300].into_iter()), None);
        assert_eq!(guessed([800, 801, 802].into_iter()), None);
    }

    #[test]
    fn clocks_and_fractions_decide() {
        assert_eq!(TimeFormat::guess(&["09:30", "9:31"]), Some(TimeFormat::Clock));
        assert_eq!(TimeFormat::guess(&["34200.5", "34201"]), Some(TimeFormat::SecondsOfDay));
        assert_eq!(TimeFormat::guess(&["high", "low"]), None);
        assert_eq!(TimeFormat::guess(&[]), None);
    }
}
