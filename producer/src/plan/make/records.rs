//! Chooses the symbol, and with it the records that a row becomes.

use super::Maker;
use super::roles::Roles;
use crate::plan::columns::{self, Table};
use crate::plan::question::Question;
use crate::plan::symbol_name::{stem, symbol_of_file};
use crate::plan::{Column, RecordPlan};

impl Maker<'_> {
    pub(super) fn records(
        &mut self,
        roles: &Roles,
        file_name: Option<&str>,
        columns: &[Column],
        table: Table<'_>,
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
                let taken: Vec<usize> = roles.prices.values().copied().collect();
                let symbol = self.symbol_of_name(file_name);
                let rival = symbol.as_deref().and_then(|symbol| columns::unknown_symbols(table, &taken, symbol));
                if let (Some(symbol), Some(column), false) = (&symbol, rival, self.options.symbol_from_file_name) {
                    self.questions.push(Question::new(
                        format!("the file's name is {symbol}, but {} may have the symbols", table.label(column)),
                        [
                            format!("--symbol-column {}", columns::argument(&table.titles[column], column)),
                            format!("--symbol {symbol}"),
                        ],
                    ));
                }
                symbol
            }
        };
        vec![RecordPlan { symbol, columns: all(&|_| true), needs: Vec::new() }]
    }

    pub(super) fn symbol_of_name(&mut self, file_name: Option<&str>) -> Option<String> {
        if self.options.symbol_column.is_some() {
            // The column was not found, which has been asked.
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
                self.reason("symbol", symbol.clone(), "no column has symbols, and the file is named after one");
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
