//! Decides the format of a column of dates from sampled cells.

use jiff::civil::Date;

use super::date_format::DateFormat;
use super::moment::MIN_YEAR;

/// The formats that a column's cells allow.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Guess {
    /// This format reads every cell that is a date, or at least nine in ten of these cells if no other format
    /// contradicts it.
    One(DateFormat),
    /// Several formats are possible. Each reads every cell that is a date or, if no format does, they all read the same
    /// cells, which are at least nine in ten of the dates.
    Several(Vec<DateFormat>),
    /// At least half of the cells are dates, but they need several formats. The values are two cells in different
    /// formats.
    Mixed(String, String),
    /// Fewer than half of the cells are dates.
    None,
}

/// Decides the format of a column's cells. Blank cells are ignored. A date before 1700 or after `latest` does not count
/// as a date.
///
/// A cell that no format reads is ignored as well; its row will be rejected.
pub(super) fn guess<'a>(cells: impl Iterator<Item = &'a str>, latest: Date) -> Guess {
    let cells: Vec<&str> = cells.map(str::trim).filter(|cell| !cell.is_empty()).collect();
    let reads = |format: &DateFormat, cell: &str| format.read(cell).is_some_and(|at| is_plausible(at.date, latest));
    let formats: Vec<(DateFormat, Vec<bool>)> = DateFormat::ALL
        .into_iter()
        .map(|format| {
            let read = cells.iter().map(|cell| reads(&format, cell)).collect();
            (format, read)
        })
        .collect();
    let is_date = |at: usize| formats.iter().any(|(_, read)| read[at]);
    let dates: Vec<usize> = (0..cells.len()).filter(|&at| is_date(at)).collect();
    if dates.is_empty() || dates.len() * 2 < cells.len() {
        return Guess::None;
    }
    let mut complete: Vec<DateFormat> =
        formats.iter().filter(|(_, read)| dates.iter().all(|&at| read[at])).map(|(format, _)| format.clone()).collect();
    match complete.len() {
        1 => Guess::One(complete.remove(0)),
        0 => most(&cells, &formats, &dates),
        _ => Guess::Several(complete),
    }
}

/// Decides between the formats if no format reads every date. Chooses the format that reads the most dates, provided
/// that it reads at least nine in ten; the rows of the remaining dates will be rejected. Returns [`Guess::Several`] if
/// other formats read exactly the same cells.
///
/// Returns [`Guess::Mixed`] if no format reads nine in ten dates. Also returns it if another format reads a date that
/// the chosen format cannot read, and reads a date that both formats can read as a different date. Any row could then
/// be in either format.
fn most(cells: &[&str], formats: &[(DateFormat, Vec<bool>)], dates: &[usize]) -> Guess {
    let count = |read: &[bool]| dates.iter().filter(|&&at| read[at]).count();
    let Some((best, read)) = formats.iter().rev().max_by_key(|(_, read)| count(read)) else { return Guess::None };
    let (with, without): (Vec<usize>, Vec<usize>) = dates.iter().partition(|&&at| read[at]);
    let contradicts = |(other, other_read): &&(DateFormat, Vec<bool>)| {
        without.iter().any(|&at| other_read[at])
            && with.iter().any(|&at| other_read[at] && other.read(cells[at]) != best.read(cells[at]))
    };
    if without.len() * 10 <= dates.len() && !formats.iter().any(|format| contradicts(&format)) {
        let equal: Vec<DateFormat> =
            formats.iter().filter(|(_, other)| other == read).map(|(format, _)| format.clone()).collect();
        return if equal.len() == 1 { Guess::One(best.clone()) } else { Guess::Several(equal) };
    }
    let cell = |at: Option<&usize>| at.map_or(String::new(), |&at| cells[at].to_owned());
    Guess::Mixed(cell(with.first()), cell(without.first()))
}

/// Returns `true` if a trade can have this date: not before [`MIN_YEAR`], and not after `latest`.
pub(crate) fn is_plausible(date: Date, latest: Date) -> bool {
    date.year() >= MIN_YEAR && date <= latest
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn guessed(cells: &[&str]) -> Guess {
        guess(cells.iter().copied(), date(2026, 11, 29))
    }

    #[test]
    fn a_day_above_twelve_decides_the_order() {
        assert_eq!(guessed(&["1/4/2010", "1/15/2010"]), Guess::One(DateFormat::MonthDayYear));
        assert_eq!(guessed(&["4/1/2010", "15/1/2010"]), Guess::One(DateFormat::DayMonthYear));
        assert_eq!(
            guessed(&["1/4/2010", "1/5/2010"]),
            Guess::Several(vec![DateFormat::MonthDayYear, DateFormat::DayMonthYear])
        );
    }

    #[test]
    fn a_date_in_the_future_decides_the_order() {
        assert_eq!(guessed(&["11/12/2026"]), Guess::One(DateFormat::MonthDayYear));
        assert_eq!(guessed(&["12/11/2026"]), Guess::One(DateFormat::DayMonthYear));
    }

    #[test]
    fn two_formats_in_a_column_are_not_guessed() {
        assert_eq!(
            guessed(&["1/15/2010", "1/4/2010", "1/16/2010", "16/1/2010"]),
            Guess::Mixed("1/15/2010".to_owned(), "16/1/2010".to_owned())
        );
        assert!(matches!(guessed(&["2024-01-02", "20240103"]), Guess::Mixed(_, _)));
        let mut cells = vec!["2024-01-02"; 20];
        cells.push("03/01/2024");
        assert_eq!(guessed(&cells), Guess::One(DateFormat::YearMonthDay), "no other format reads the remaining cells");
        let mut cells = vec!["1/15/2010"; 20];
        cells.extend(["1/4/2010", "16/1/2010"]);
        assert!(matches!(guessed(&cells), Guess::Mixed(_, _)), "1/4/2010 can be in either format");
        let mut cells = vec!["1/4/2010"; 20];
        cells.push("2010-02-05");
        let both = vec![DateFormat::MonthDayYear, DateFormat::DayMonthYear];
        assert_eq!(guessed(&cells), Guess::Several(both), "a date in a third format decides nothing");
    }

    #[test]
    fn cells_that_are_no_dates_are_set_aside() {
        assert_eq!(guessed(&["11:34", "2018/10/15", "2018/10/12"]), Guess::One(DateFormat::YearMonthDay));
        assert_eq!(guessed(&["a", "b", "2018/10/12"]), Guess::None);
        assert_eq!(guessed(&["", " "]), Guess::None);
    }
}
