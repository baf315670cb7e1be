//! Determines where the symbol comes from, and thus which records each row produces: one, or one for each symbol if the
//! columns are named by symbol.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::Maker;
use super::repeats::timed_column;
use super::roles::Roles;
use crate::plan::columns::{self, Table};
use crate::plan::question::Question;
use crate::plan::symbol_name::{stem, symbol_of_file};
use crate::plan::{Column, Dates, RecordPlan, titles};

impl Maker<'_> {
    pub(super) fn records(
        &mut self,
        roles: &Roles,
        file_name: Option<&str>,
        columns: &[Column],
        table: Table<'_>,
        dates: &Dates,
    ) -> Vec<RecordPlan> {
        let all = |keep: &dyn Fn(usize) -> bool| (0..columns.len()).filter(|column| keep(*column)).collect::<Vec<_>>();
        if roles.groups.len() > 1 {
            let owner =
                |column: usize| roles.groups.iter().position(|(_, group)| group.values().any(|at| *at == column));
            self.reason(
                "symbol",
                format!("{} symbols side by side", roles.groups.len()),
                "columns are named by symbol",
            );
            let records = roles.groups.iter().enumerate().map(|(at, (symbol, group))| RecordPlan {
                symbol: Some(symbol.clone()),
                columns: all(&|column| owner(column).is_none_or(|owner| owner == at)),
                needs: group.values().copied().collect(),
            });
            return records.collect();
        }
        let symbol = match (roles.symbol, &self.options.symbol, roles.groups.as_slice()) {
            (Some(column), ..) => {
                self.check_names(column, roles, table, dates, file_name);
                let because =
                    if self.options.symbol_column.is_some() { "--symbol-column" } else { "its title and its cells" };
                self.reason("symbol", table.label(column), because);
                None
            }
            (None, Some(symbol), _) => {
                self.reason("symbol", symbol.clone(), "--symbol");
                Some(symbol.clone())
            }
            (None, None, [(symbol, _)]) => {
                self.reason("symbol", symbol.clone(), "the titles of the columns");
                Some(symbol.clone())
            }
            (None, None, _) => {
                let taken: Vec<usize> = roles.prices.values().copied().chain(dates.columns()).collect();
                let symbol = self.symbol_of_name(file_name);
                let rival = symbol.as_deref().and_then(|symbol| columns::unknown_symbols(table, &taken, symbol));
                if let (Some(symbol), Some(column), false) = (&symbol, rival, self.options.symbol_from_file_name) {
                    self.questions.push(Question::new(
                        format!("the file's name is {symbol}, but {} may contain the symbols", table.label(column)),
                        [table.option("--symbol-column", column), format!("--symbol {symbol}")],
                    ));
                } else if let (Some(symbol), false, Some((date, rows))) =
                    (&symbol, self.options.symbol_from_file_name, several_a_day(table, dates))
                {
                    let mut answers: Vec<String> =
                        timed_column(table, dates, self.options.latest).into_iter().collect();
                    answers.extend(["--symbol-column NAME".to_owned(), format!("--symbol {symbol}")]);
                    self.questions.push(Question::new(
                        format!("the file's name is {symbol}, but {rows} rows have the date {date} and may belong to several symbols"),
                        answers,
                    ));
                }
                symbol
            }
        };
        vec![RecordPlan { symbol, columns: all(&|_| true), needs: Vec::new() }]
    }

    /// Asks which column contains the symbols if the chosen column contains names, such as `Apple Inc.`, and another
    /// column may contain symbols, or the file is named after a symbol.
    fn check_names(&mut self, column: usize, roles: &Roles, table: Table<'_>, dates: &Dates, file_name: Option<&str>) {
        let has_names = titles::is_name(&table.titles[column]) && !table.cells(column).all(titles::is_ticker);
        if self.options.symbol_column.is_some() || !has_names {
            return;
        }
        let taken: Vec<usize> = roles.prices.values().copied().chain(dates.columns()).chain([column]).collect();
        if let Some(rival) = columns::unknown_symbols(table, &taken, "") {
            self.questions.push(Question::new(
                format!("{} may contain the symbols, and {} their names", table.label(rival), table.label(column)),
                [rival, column].map(|column| table.option("--symbol-column", column)),
            ));
        } else if let (Some(symbol), Some(_)) = (file_name.and_then(symbol_of_file), table.only_value(column)) {
            self.questions.push(Question::new(
                format!("the file's name is {symbol}, but {} has names", table.label(column)),
                [format!("--symbol {symbol}"), table.option("--symbol-column", column)],
            ));
        }
    }

    pub(super) fn symbol_of_name(&mut self, file_name: Option<&str>) -> Option<String> {
        if self.options.symbol_column.is_some() {
            // The column was not found, and a question about it has been added.
            return None;
        }
        if self.options.symbol_from_file_name {
            let Some(name) = file_name.map(stem).filter(|name| !name.is_empty()) else {
                self.questions
                    .push(Question::new("the input has no name to take the symbol from", ["--symbol SYMBOL"]));
                return None;
            };
            self.reason("symbol", name, "--symbol-from file-name");
            return Some(name.to_owned());
        }
        match file_name.and_then(symbol_of_file) {
            Some(symbol) => {
                self.reason("symbol", symbol.clone(), "no column has symbols, but the file's name is a symbol");
                Some(symbol)
            }
            None => {
                let mut answers = vec!["--symbol SYMBOL".to_owned()];
                if let Some(name) = file_name.map(stem).filter(|name| !name.is_empty()) {
                    answers.push(format!("--symbol-from file-name (which is {name})"));
                }
                answers.push("--symbol-column NAME".to_owned());
                self.questions.push(Question::new("no column has symbols", answers));
                None
            }
        }
    }
}

/// Returns the most frequent date and its number of rows if rows have no time and each date has at least two rows on
/// average, otherwise `None`. The rows of one symbol have different dates, so such rows may belong to several symbols.
fn several_a_day(table: Table<'_>, dates: &Dates) -> Option<(Date, usize)> {
    let mut rows: BTreeMap<Date, usize> = BTreeMap::new();
    for row in table.rows.iter().filter(|row| row.place.is_some()) {
        let Ok(moment) = dates.read(|column| row.cell(column)) else { continue };
        if moment.micros_of_day() != 0 {
            return None;
        }
        *rows.entry(moment.date).or_default() += 1;
    }
    let all: usize = rows.values().sum();
    rows.iter().max_by_key(|(_, count)| **count).filter(|_| rows.len() * 2 <= all).map(|(date, count)| (*date, *count))
}
