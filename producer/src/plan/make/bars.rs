//! Chooses the length of the bars.

use super::Maker;
use super::roles::Roles;
use crate::plan::bar::{self, Bar, Spot};
use crate::plan::columns::Table;
use crate::plan::number_format::is_missing;
use crate::plan::sample::SampledRow;
use crate::plan::titles::{self, Role};
use crate::plan::{Column, Dates};

impl Maker<'_> {
    pub(super) fn bar(
        &mut self,
        table: Table<'_>,
        roles: &Roles,
        dates: &Dates,
        key: &[usize],
        columns: &[Column],
    ) -> Bar {
        if let Some(bar) = self.options.bar {
            self.reason("bar", bar.to_string(), "--bar");
            return bar;
        }
        if let Some((bar, label)) = bar_of_column(table, columns) {
            self.reason("bar", bar.to_string(), format!("every cell of {label}"));
            return bar;
        }
        let series = columns.iter().position(|column| column.name == "series");
        let spot = |row: &SampledRow| {
            let moment = dates.read(|column| row.cell(column)).ok()?;
            let mut symbol = roles.symbol.map_or(String::new(), |column| row.cell(column).to_owned());
            for column in key.iter().copied().chain(series) {
                symbol.push('/');
                symbol.push_str(row.cell(column));
            }
            Some(Spot { symbol, micros: moment.local_micros(), has_time: moment.time.is_some() })
        };
        // Rows from further on do not follow these.
        let spots: Vec<Spot> = table.rows.iter().filter(|row| row.place.is_some()).filter_map(spot).collect();
        let has = |role: Role| {
            let column =
                roles.prices.get(&role).or_else(|| roles.groups.first().and_then(|(_, group)| group.get(&role)));
            column.is_some_and(|&column| table.cells(column).any(|cell| !is_missing(cell)))
        };
        let has_range = has(Role::Open) && has(Role::High) && has(Role::Low);
        let bar = bar::find(&spots, has_range);
        let because = match bar {
            Bar::Tick if !has_range => "rows have a time and no open, high and low",
            Bar::Tick => "rows are at irregular times",
            bar if bar.is_daily_or_longer() => "the distance of the rows' dates",
            _ => "the distance of the rows' times",
        };
        self.reason("bar", bar.to_string(), because);
        bar
    }
}

/// Returns the length of the bars from a column such as Stooq's `<PER>`, if all rows have the same.
fn bar_of_column(table: Table<'_>, columns: &[Column]) -> Option<(Bar, String)> {
    let column = columns
        .iter()
        .position(|column| matches!(titles::key(&column.title).as_str(), "per" | "interval" | "timeframe" | "bar"))?;
    let mut cells = table.cells(column);
    let first = cells.next()?;
    if cells.any(|cell| cell != first) {
        return None;
    }
    let bar = match first {
        "D" | "d" | "daily" => Bar::DAY,
        "W" | "w" | "weekly" => "1w".parse().ok()?,
        "M" | "monthly" => "1mo".parse().ok()?,
        "H" => "1h".parse().ok()?,
        number if number.bytes().all(|byte| byte.is_ascii_digit()) => match number.parse::<u32>().ok()? {
            minutes if minutes >= 60 && minutes % 60 == 0 => format!("{}h", minutes / 60).parse().ok()?,
            minutes => format!("{minutes}m").parse().ok()?,
        },
        text => text.parse().ok()?,
    };
    Some((bar, table.label(column)))
}
