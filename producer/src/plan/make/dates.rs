//! Chooses the format of the dates, the column of the time and the zone.

use super::Maker;
use crate::plan::columns::{self, DateColumn, Table};
use crate::plan::date_format::DateFormat;
use crate::plan::date_guess::Guess;
use crate::plan::moment::Zone;
use crate::plan::question::Question;
use crate::plan::{Dates, TimeFormat, titles};

impl Maker<'_> {
    pub(super) fn date_format(&mut self, table: Table<'_>, date: Option<&DateColumn>) -> Option<DateFormat> {
        let DateColumn { column, guess } = date?;
        let label = table.label(*column);
        let example = table.cells(*column).next().unwrap_or_default().to_owned();
        match guess {
            Guess::One(format) => {
                let because = match &self.options.date_format {
                    Some(_) => "--date-format".to_owned(),
                    None => format!("no other format reads every sampled cell, such as {example}"),
                };
                self.reason("date", format!("{label} as {format} ({})", format.example()), because);
                Some(format.clone())
            }
            Guess::Several(formats) => {
                let readings: Vec<String> = formats
                    .iter()
                    .filter_map(|format| Some(format!("{} ({format})", format.read(&example)?.date)))
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
                self.questions.push(Question::new("rows have a time but no date", ["--date YYYY-MM-DD"]));
                Dates::Given(jiff::civil::Date::MIN, time, format)
            }
            // Where dates were to be found has been asked.
            (None, _, None, _) if is_asked => Dates::Column(0, DateFormat::YearMonthDay),
            (None, _, None, _) => {
                let answer = match self.options.date {
                    Some(_) => "--time-column NAME",
                    None => "--date-column NAME",
                };
                let titled = columns::titled_date(table).filter(|_| self.options.date.is_none());
                self.questions.push(match titled.and_then(|column| Some((column, table.cells(column).next()?))) {
                    Some((column, cell)) => Question::new(
                        format!("{} has no dates that can be read, such as {cell}", table.label(column)),
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
