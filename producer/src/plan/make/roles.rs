//! Assigns roles to columns, and finds the columns of several symbols side by side.

use std::collections::BTreeMap;

use super::Maker;
use crate::plan::Dates;
use crate::plan::columns::{self, Table};
use crate::plan::dialect::{Dialect, Header};
use crate::plan::question::Question;
use crate::plan::symbol_name::symbol_of_file;
use crate::plan::titles::{self, Role};
use crate::plan::words::is_word;

/// The roles of columns, and the records of a row.
pub(super) struct Roles {
    pub(super) symbol: Option<usize>,
    pub(super) prices: BTreeMap<Role, usize>,
    /// The columns of each symbol, if rows hold several.
    pub(super) groups: Vec<(String, BTreeMap<Role, usize>)>,
}

impl Maker<'_> {
    pub(super) fn roles(
        &mut self,
        dialect: &Dialect,
        table: Table<'_>,
        symbol: Option<usize>,
        dates: &Dates,
        file_name: Option<&str>,
    ) -> Roles {
        let taken: Vec<usize> = symbol.into_iter().chain(dates.columns()).collect();
        let (prices, warnings) = columns::prices(table, &taken, symbol, self.options);
        let mut groups = match &dialect.header {
            Header::TitlesAndSymbols { symbols, .. } => columns::by_symbol(
                table
                    .titles
                    .iter()
                    .zip(symbols)
                    .map(|(title, symbol)| Some((symbol.clone(), titles::price_role(title)?))),
            ),
            _ if prices.contains_key(&Role::Close) => Vec::new(),
            _ => columns::by_symbol(table.titles.iter().map(|title| titles::symbol_and_role(title))),
        };
        self.check_titles(table, &prices, &groups);
        let named = self.options.symbol.is_some() || self.options.symbol_from_file_name || symbol.is_some();
        if groups.is_empty() && prices.is_empty() && !named {
            groups = self.wide(table, &taken, file_name);
        }
        if groups.len() > 1 && named {
            self.questions.push(Question::new(
                format!(
                    "rows hold the prices of {} symbols side by side, so a symbol for all of them is wrong",
                    groups.len()
                ),
                [] as [&str; 0],
            ));
        }
        if let [(name, roles)] = groups.as_slice() {
            let prices = roles.clone();
            let groups = if named { Vec::new() } else { vec![(name.clone(), roles.clone())] };
            return Roles { symbol, prices, groups };
        }
        if groups.len() > 1 {
            return Roles { symbol: None, prices: BTreeMap::new(), groups };
        }
        self.warnings.extend(warnings);
        Roles { symbol, prices, groups }
    }

    /// Asks about titles of prices that occur twice, and about titles that may be symbols as well as prices.
    pub(super) fn check_titles(
        &mut self,
        table: Table<'_>,
        prices: &BTreeMap<Role, usize>,
        groups: &[(String, BTreeMap<Role, usize>)],
    ) {
        if !groups.is_empty() {
            return;
        }
        let keys: Vec<String> = table.titles.iter().map(|title| titles::key(title)).collect();
        let twice = (0..keys.len())
            .find(|&at| titles::price_role(&table.titles[at]).is_some() && keys[..at].contains(&keys[at]));
        let names = || {
            let mut names: Vec<String> = Vec::new();
            for key in &keys {
                let numbered = (2..).map(|number| format!("{key}_{number}"));
                names.extend(std::iter::once(key.clone()).chain(numbered).find(|name| !names.contains(name)));
            }
            names.join(",")
        };
        if let Some(at) = twice {
            self.questions.push(Question::new(
                format!("several columns are titled {}", table.label(at)),
                [format!("--skip-lines {} --columns {} (a different name for each)", self.last_header_line, names())],
            ));
        }
        let has_price = [Role::Close, Role::Bid, Role::Ask].iter().any(|role| prices.contains_key(role));
        let others: Vec<&String> =
            table.titles.iter().filter(|title| titles::rank(title, Role::Date).is_none()).collect();
        let may_be_symbols = others.len() > 1 && others.iter().all(|title| titles::is_ticker(title) && !is_word(title));
        let some_are_no_prices = others.iter().any(|title| titles::price_role(title).is_none());
        if !prices.is_empty() && !has_price && may_be_symbols && some_are_no_prices && self.options.columns.is_empty() {
            self.questions.push(Question::new(
                format!(
                    "{} may be symbols or prices",
                    others.iter().map(|title| title.as_str()).collect::<Vec<_>>().join(", ")
                ),
                [format!(
                    "--skip-lines {} --columns {} (with the names that they have)",
                    self.last_header_line,
                    names()
                )],
            ));
        }
    }

    /// Recognises a table of closes with a column for each symbol.
    pub(super) fn wide(
        &mut self,
        table: Table<'_>,
        taken: &[usize],
        file_name: Option<&str>,
    ) -> Vec<(String, BTreeMap<Role, usize>)> {
        let others: Vec<usize> = (0..table.titles.len()).filter(|column| !taken.contains(column)).collect();
        // One damaged cell does not make a column of text.
        let is_price =
            |column: usize| columns::is_number_column(table, column) || (others.len() == 1 && table.is_numeric(column));
        let is_close = |column: &usize| {
            titles::is_ticker(&table.titles[*column]) && !is_word(&table.titles[*column]) && is_price(*column)
        };
        // A single column is named after the symbol of the file, if the file has one.
        let contradicts = |column: usize| {
            let symbol = file_name.and_then(symbol_of_file);
            symbol.is_some_and(|symbol| !symbol.eq_ignore_ascii_case(&table.titles[column]))
        };
        let is_other = others.len() == 1 && contradicts(others[0]);
        if others.is_empty() || !others.iter().all(is_close) || is_other {
            return Vec::new();
        }
        self.reason(
            "columns",
            "one symbol each, with its close",
            "every title but the date's is a ticker, every cell a number",
        );
        others.iter().map(|&column| (table.titles[column].clone(), BTreeMap::from([(Role::Close, column)]))).collect()
    }
}
