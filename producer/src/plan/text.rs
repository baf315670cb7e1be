//! The text forms of a reading plan: one line that announces it, and the full form that identifies it.

use std::fmt;

use jiff::tz::TimeZone;

use super::number_format::DecimalSign;
use super::titles::Role;
use super::{Dates, Kind, ReadingPlan};
use crate::csv::delimiter::Delimiter;
use crate::plan::moment::Zone;

impl ReadingPlan {
    /// Formats the plan as one line, such as `symbol AAPL, date in Date (ymd), 1d bars; open, close, volume`.
    #[must_use]
    pub fn line(&self) -> String {
        let mut parts = Vec::new();
        if self.delimiter != Delimiter::COMMA {
            parts.push(format!("separated by {}", self.delimiter));
        }
        if self.last_header_line > 1 {
            parts.push(format!("header on line {}", self.last_header_line));
        }
        parts.push(self.symbol_text());
        parts.extend(self.series_text());
        parts.push(self.date_text());
        match &self.zone {
            Zone::Utc => parts.push("times in UTC".to_owned()),
            Zone::Named(zone) => parts.push(format!("times in {}", zone_name(zone))),
            Zone::AsWritten => {}
        }
        parts.push(match self.bar {
            super::bar::Bar::Tick => "ticks".to_owned(),
            bar => format!("{bar} bars"),
        });
        if self.numbers.decimal == DecimalSign::Comma {
            parts.push("decimal commas".to_owned());
        }
        let names: Vec<String> = self
            .fields()
            // If several symbols are side by side, each has separate columns, so no title is shown.
            .map(|(title, name)| match title == name || title.is_empty() || self.records.len() > 1 {
                true => name.to_owned(),
                false => format!("{name} ({title})"),
            })
            .collect();
        match names.is_empty() {
            true => parts.join(", "),
            false => format!("{}; {}", parts.join(", "), names.join(", ")),
        }
    }

    fn symbol_text(&self) -> String {
        let symbols: Vec<&str> = self.records.iter().filter_map(|record| record.symbol.as_deref()).collect();
        match symbols.as_slice() {
            [] => {
                let column = self.columns.iter().find(|column| column.kind == Kind::Symbol);
                format!("symbol in {}", column.map_or("a column", |column| &column.title))
            }
            [only] => format!("symbol {only}"),
            [one, two] => format!("2 symbols side by side ({one}, {two})"),
            [one, two, ..] => format!("{} symbols side by side ({one}, {two}, ...)", symbols.len()),
        }
    }

    /// Describes the columns that distinguish quotes with the same symbol and time, as in `series in Series`. Returns
    /// `None` if no column does.
    fn series_text(&self) -> Option<String> {
        let series = self.columns.iter().filter(|column| column.name == "series" || column.kind == Kind::Key);
        let titles: Vec<&str> = series.map(|column| column.title.as_str()).collect();
        (!titles.is_empty()).then(|| format!("series in {}", titles.join(" and ")))
    }

    fn date_text(&self) -> String {
        let title = |column: &usize| match self.columns[*column].title.as_str() {
            "" => format!("column {}", column + 1),
            title => title.to_owned(),
        };
        match &self.dates {
            Dates::Column(column, format) => format!("date in {} ({format})", title(column)),
            Dates::WithTime(column, format, time, _) => {
                format!("date in {} ({format}) and {}", title(column), title(time))
            }
            Dates::Given(date, time, _) => format!("date {date}, time in {}", title(time)),
        }
    }

    /// Returns the title and the field name of the first column of each price or volume field.
    fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        Role::NUMBERS.into_iter().filter_map(|role| {
            let column = self.columns.iter().find(|column| column.name == role.field())?;
            Some((column.title.as_str(), column.name.as_str()))
        })
    }
}

impl fmt::Display for ReadingPlan {
    /// Writes the full form, which contains every choice and nothing else, so that it identifies the plan.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {} {} {:?} {:?} {:?} {} {:?} {:?}",
            self.encoding.map_or("UTF-8", |encoding| encoding.name()),
            self.delimiter.byte(),
            self.rows_before_data,
            self.has_trailing_cell,
            self.columns,
            self.records,
            self.dates,
            self.bar,
            self.numbers,
            self.key,
        )?;
        match &self.zone {
            Zone::AsWritten => Ok(()),
            Zone::Utc => f.write_str(" utc"),
            Zone::Named(zone) => write!(f, " {}", zone_name(zone)),
        }
    }
}

/// Returns a zone's name in the IANA database, or its offset, such as `-05`.
pub(crate) fn zone_name(zone: &TimeZone) -> String {
    let offset = || zone.to_fixed_offset().map_or_else(|_| String::new(), |offset| offset.to_string());
    zone.iana_name().map_or_else(offset, str::to_owned)
}
