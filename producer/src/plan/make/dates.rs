//! Chooses the format of the dates, the column of the time and the zone.

use jiff::civil::Date;

use super::Maker;
use crate::plan::columns::{self, DateColumn, Table};
use crate::plan::date_format::DateFormat;
use crate::plan::date_guess::{Guess, is_plausible};
use crate::plan::moment::Zone;
use crate::plan::question::Question;
use crate::plan::symbol_name::stem;
use crate::plan::{Dates, TimeFormat, titles};

impl Maker<'_> {
    pub(super) fn date_format(&mut self, table: Table<'_>, date: Option<&DateColumn>) -> Option<DateFormat> {
        let DateColumn { column, guess } = date?;
        let label = table.label(*column);
        let example = table.cells(*column).next().unwrap_or_default().to_owned();
        match guess {
            Guess::One(format) => {
                let because = match &self.options.date_format {
                    Some(_) => {
                        self.warnings.extend(other_order(table, *column, format, self.options.latest));
                        "--date-format".to_owned()
                    }
                    None => format!("it matches more of the sampled dates, such as {example}, than any other format"),
                };
                self.reason("date", format!("{label} as {format} ({})", format.example()), because);
                Some(format.clone())
            }
            Guess::Several(formats) => {
                let is_read = |cell: &&str| formats.first().is_some_and(|format| format.read(cell).is_some());
                let example = table.cells(*column).find(is_read).unwrap_or_default();
                let readings: Vec<String> = formats
                    .iter()
                    .filter_map(|format| Some(format!("{} ({format})", format.read(example)?.date)))
                    .collect();
                self.questions.push(Question::new(
                    format!("{label}: {example} can be {}", readings.join(" or ")),
                    formats.iter().map(|format| format!("--date-format {format}")),
                ));
                None
            }
            Guess::Mixed(one, other) => {
                self.questions.push(Question::new(
                    format!("{label} mixes formats: {one} and {other}"),
                    ["--date-format FORMAT (rows in another format are rejected)"],
                ));
                None
            }
            Guess::None => {
                self.questions.push(Question::new(
                    format!("{label}: the format of {example} is not known"),
                    ["--date-format FORMAT, such as %d/%m/%Y"],
                ));
                None
            }
        }
    }

    pub(super) fn dates(
        &mut self,
        table: Table<'_>,
        date: Option<usize>,
        format: Option<DateFormat>,
        time: Option<(usize, TimeFormat)>,
        is_asked: bool,
        file_name: Option<&str>,
    ) -> Dates {
        match (date, format, time, self.options.date) {
            (_, _, Some((column, format)), Some(date)) => {
                self.reason("date", date.to_string(), "--date");
                Dates::Given(date, column, format)
            }
            (Some(date), format, Some((time, time_format)), None) => {
                self.reason("time", "a separate column", "its cells are times of day");
                Dates::WithTime(date, format.unwrap_or(DateFormat::YearMonthDay), time, time_format)
            }
            (Some(date), format, None, _) => Dates::Column(date, format.unwrap_or(DateFormat::YearMonthDay)),
            (None, _, Some((time, format)), None) => {
                self.questions.push(match file_name.and_then(date_in_name) {
                    Some(date) => Question::new(
                        format!("rows have a time but no date, and the name of the file contains {date}"),
                        [format!("--date {date}")],
                    ),
                    None => Question::new("rows have a time but no date", ["--date YYYY-MM-DD"]),
                });
                Dates::Given(Date::MIN, time, format)
            }
            // A question about the column of the dates has been added already.
            (None, _, None, _) if is_asked => Dates::Column(0, DateFormat::YearMonthDay),
            (None, _, None, _) => {
                let answer = match self.options.date {
                    Some(_) => "--time-column NAME",
                    None => "--date-column NAME",
                };
                let titled = columns::titled_date(table).filter(|_| self.options.date.is_none());
                self.questions.push(match titled.and_then(|column| Some((column, table.cells(column).next()?))) {
                    Some((column, cell)) => Question::new(
                        format!("the dates in {} cannot be read, for example {cell}", table.label(column)),
                        ["--date-format FORMAT, such as %d/%m/%Y,", answer],
                    ),
                    None => Question::new("no column has dates", [answer]),
                });
                Dates::Column(0, DateFormat::YearMonthDay)
            }
        }
    }

    pub(super) fn zone_of_title(&mut self, table: Table<'_>, dates: &Dates) -> Zone {
        // The zone belongs to the time, which is in the last of these columns.
        let column = dates.columns().next_back().unwrap_or(0);
        let title = table.titles.get(column).map_or("", String::as_str);
        let key = titles::key(title);
        // `GMT+2 time` is not GMT.
        let has_offset = title.contains('+') || title.bytes().any(|byte| byte.is_ascii_digit());
        let is_utc = !has_offset
            && (key.ends_with("utc") || key.starts_with("gmt") || key.starts_with("utc") || key.ends_with("gmt"));
        if is_utc {
            self.reason("zone", "UTC", format!("the title {}", table.label(column)));
            return Zone::Utc;
        }
        Zone::AsWritten
    }
}

/// Returns a warning if some cells are not dates in the given order of day and month, but are dates in the other order.
fn other_order(table: Table<'_>, column: usize, format: &DateFormat, latest: Date) -> Option<String> {
    let other = match format {
        DateFormat::DayMonthYear => DateFormat::MonthDayYear,
        DateFormat::MonthDayYear => DateFormat::DayMonthYear,
        _ => return None,
    };
    let reads = |format: &DateFormat, cell: &str| format.read(cell).is_some_and(|at| is_plausible(at.date, latest));
    let cell = table.cells(column).find(|cell| !reads(format, cell) && reads(&other, cell))?;
    Some(format!(
        "{} has dates, such as {cell}, that are valid as {other} but not as {format}; their rows are rejected, and a date \
         that is valid as both is read as {format}",
        table.label(column)
    ))
}

/// Returns the date in a file's name if the name contains exactly one, as the names of LOBSTER's files do:
/// `AMZN_2012-06-21_34200000_57600000_message_10.csv`.
fn date_in_name(file_name: &str) -> Option<Date> {
    let mut dates =
        stem(file_name).split(['_', ' ']).filter(|part| part.len() == 10).filter_map(|part| part.parse().ok());
    dates.next().filter(|_| dates.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn date_in_name_is_the_only_one() {
        let name = "data/AMZN_2012-06-21_34200000_57600000_message_10.csv.gz";
        assert_eq!(date_in_name(name), Some(jiff::civil::date(2012, 6, 21)));
        for name in ["AMZN.csv", "AMZN_2012-06-21_2012-06-22.csv", "AMZN_2012-13-21.csv", "AMZN_34200.00.0.csv"] {
            assert_eq!(date_in_name(name), None, "{name}");
        }
    }
}
