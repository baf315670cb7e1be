//! Chooses the length of the bars.

use super::Maker;
use super::roles::Roles;
use crate::plan::bar::{self, Bar, Spot};
use crate::plan::columns::Table;
use crate::plan::date_guess::is_plausible;
use crate::plan::number_format::is_missing;
use crate::plan::question::Question;
use crate::plan::sample::SampledRow;
use crate::plan::titles::{self, Role};
use crate::plan::{Column, Dates};

impl Maker<'_> {
    pub(super) fn bar(
        &mut self,
        table: Table<'_>,
        roles: &Roles,
        dates: &Dates,
        identity: &[usize],
        columns: &[Column],
    ) -> Bar {
        if let Some(bar) = self.options.bar {
            self.reason("bar", bar.to_string(), "--bar");
            return bar;
        }
        let latest = self.options.latest;
        let spot = |row: &SampledRow| {
            let moment = dates.read(|column| row.cell(column)).ok()?;
            if !is_plausible(moment.date, latest) {
                return None;
            }
            let symbol = identity.iter().map(|&column| row.cell(column)).collect::<Vec<_>>().join("/");
            Some(Spot { symbol, micros: moment.local_micros(), has_time: moment.time.is_some() })
        };
        // Rows sampled further on are not consecutive.
        let mut spots: Vec<Spot> = table.rows.iter().filter(|row| row.place.is_some()).filter_map(spot).collect();
        if bar::is_single_instant(&spots) {
            // The rows are sorted by time, and there are so many symbols that the first rows all have the same time.
            // The times of all sampled rows show the intervals.
            let mut all: Vec<Spot> = table.rows.iter().filter_map(spot).collect();
            all.iter_mut().for_each(|spot| spot.symbol.clear());
            all.sort_by_key(|spot| spot.micros);
            all.dedup_by_key(|spot| spot.micros);
            if all.len() > 1 {
                spots = all;
            }
        }
        let has = |role: Role| {
            let column =
                roles.prices.get(&role).or_else(|| roles.groups.first().and_then(|(_, group)| group.get(&role)));
            column.is_some_and(|&column| table.cells(column).any(|cell| !is_missing(cell)))
        };
        let has_range = has(Role::Open) && has(Role::High) && has(Role::Low);
        let bar = bar::find(&spots, has_range);
        if let Some((given, label)) = bar_of_column(table, columns) {
            if bar::has_intervals(&spots) && bar != given && bar != Bar::Tick && !bar::is_uncertain(&spots, bar) {
                self.questions.push(Question::new(
                    format!("the bar length in {label} is {given}, but the rows are {bar} apart"),
                    [format!("--bar {given}"), format!("--bar {bar}")],
                ));
            }
            self.reason("bar", given.to_string(), format!("every cell of {label}"));
            return given;
        }
        if bar::is_uncertain(&spots, bar) {
            let answers = match bar {
                Bar::DAY => ["--bar 1d", "--bar 1w", "--bar 1mo"].map(str::to_owned).to_vec(),
                bar => vec![format!("--bar {bar}"), "--bar LENGTH, such as 1m".to_owned()],
            };
            self.questions
                .push(Question::new(format!("{} rows do not show the length of the bars", spots.len()), answers));
        }
        let because = match bar {
            Bar::Tick if !has_range => "rows have a time but lack an open, high or low",
            Bar::Tick => "rows are at irregular times",
            bar if bar.is_daily_or_longer() => "the interval between the rows' dates",
            _ => "the interval between the rows' times",
        };
        self.reason("bar", bar.to_string(), because);
        bar
    }
}

/// Returns the length of the bars and the column that gives it, such as Stooq's `<PER>`, for messages. Returns `None`
/// if no such column exists or its cells differ or are not a length.
fn bar_of_column(table: Table<'_>, columns: &[Column]) -> Option<(Bar, String)> {
    let column = columns
        .iter()
        .position(|column| matches!(titles::key(&column.title).as_str(), "per" | "interval" | "timeframe" | "bar"))?;
    let bar = match table.only_value(column)? {
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
