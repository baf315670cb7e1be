//! Asks about rows that only an unused column can distinguish.

use std::collections::{BTreeMap, HashSet};

use jiff::civil::Date;

use super::Maker;
use super::roles::Roles;
use crate::plan::Dates;
use crate::plan::columns::Table;
use crate::plan::date_guess::{self, Guess};
use crate::plan::question::Question;
use crate::plan::titles::Role;

impl Maker<'_> {
    /// Asks how to distinguish rows if at least a third of them have no time of day and repeat the symbol, series and
    /// date of another row with different values. They would otherwise become several bars of one day.
    pub(super) fn check_repeats(&mut self, table: Table<'_>, roles: &Roles, dates: &Dates, identity: &[usize]) {
        if self.options.bar.is_some() || !self.questions.is_empty() {
            return;
        }
        let mut by_day: BTreeMap<(Vec<&str>, Date), HashSet<&[String]>> = BTreeMap::new();
        let mut distinct = 0;
        for row in table.rows.iter().filter(|row| row.place.is_some()) {
            let Ok(moment) = dates.read(|column| row.cell(column)) else { continue };
            if moment.micros_of_day() != 0 {
                return;
            }
            let symbol = identity.iter().map(|&column| row.cell(column)).collect();
            distinct += usize::from(by_day.entry((symbol, moment.date)).or_default().insert(&row.cells));
        }
        let repeats = distinct - by_day.len();
        if repeats < 2 || repeats * 3 < distinct {
            return;
        }
        let Some(((symbol, date), rows)) = by_day.iter().max_by_key(|(_, rows)| rows.len()) else { return };
        let symbol =
            roles.symbol.and(symbol.first()).map_or(String::new(), |symbol| format!("the symbol {symbol} and "));
        let mut answers: Vec<String> = timed_column(table, dates, self.options.latest).into_iter().collect();
        answers.extend(["--time-column NAME", "--key NAME", "--bar tick"].map(str::to_owned));
        self.questions.push(Question::new(
            format!("{} different rows have {symbol}the date {date}, but no time", rows.len()),
            answers,
        ));
    }
}

/// Returns the option that selects a different column for the dates, one whose cells are dates with a time of day.
/// Returns `None` if no such column exists.
pub(super) fn timed_column(table: Table<'_>, dates: &Dates, latest: Date) -> Option<String> {
    let has_times = |column: usize| matches!(date_guess::guess(table.cells(column), latest), Guess::One(format) if table.has_times(column, &format));
    let ranked = [Role::Date, Role::Time].into_iter().flat_map(|role| table.ranked(role));
    let mut others = ranked.filter(|column| !dates.columns().any(|date| date == *column));
    others.find(|&column| has_times(column)).map(|column| table.option("--date-column", column))
}
