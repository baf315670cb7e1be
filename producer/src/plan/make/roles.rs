//! Assigns roles to columns, and finds the columns of several symbols side by side.

use std::collections::BTreeMap;

use super::Maker;
use crate::plan::Dates;
use crate::plan::columns::{self, Table};
use crate::plan::dialect::{Dialect, Header};
use crate::plan::question::Question;
use crate::plan::symbol_name::{stem, symbol_of_file};
use crate::plan::titles::{self, Role};
use crate::plan::words::is_word;

/// The columns of each role.
pub(super) struct Roles {
    pub(super) symbol: Option<usize>,
    pub(super) prices: BTreeMap<Role, usize>,
    /// The columns of each symbol that the header names.
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
                    "rows contain the prices of {} symbols side by side, so one symbol cannot apply to all of them",
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

    /// Asks about price titles that occur twice, and about titles that can be either symbols or prices.
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
                [format!("{}--columns {} (a different name for each)", self.skip_header(), names())],
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
                [format!("{}--columns {} (with the right name for each)", self.skip_header(), names())],
            ));
        }
    }

    /// Recognises a table that consists of one column of closing prices for each symbol. Returns the column of each
    /// symbol, or an empty list for any other table.
    pub(super) fn wide(
        &mut self,
        table: Table<'_>,
        taken: &[usize],
        file_name: Option<&str>,
    ) -> Vec<(String, BTreeMap<Role, usize>)> {
        let others: Vec<usize> = (0..table.titles.len()).filter(|column| !taken.contains(column)).collect();
        // One damaged cell does not turn a column of numbers into text.
        let is_price =
            |column: usize| columns::is_number_column(table, column) || (others.len() == 1 && table.is_numeric(column));
        let is_close = |column: &usize| {
            titles::is_ticker(&table.titles[*column]) && !titles::has_word(&table.titles[*column]) && is_price(*column)
        };
        // The title of a single column must be the symbol in the file's name, if the name contains one.
        let contradicts = |column: usize| {
            let symbol = file_name.and_then(symbol_of_file);
            symbol.is_some_and(|symbol| !symbol.eq_ignore_ascii_case(&table.titles[column]))
        };
        let is_other = others.len() == 1 && contradicts(others[0]);
        if others.is_empty() || !others.iter().all(is_close) || is_other {
            return Vec::new();
        }
        if let Some(word) = file_name.and_then(word_for_other_values) {
            self.questions.push(Question::new(
                format!(
                    "the columns are named by symbol, which is read as closing prices, but the file's name contains \
                     `{word}`; if they are closing prices, rename the file"
                ),
                [] as [&str; 0],
            ));
        }
        self.reason(
            "columns",
            "one symbol each, with its close",
            "every title except the date's is a ticker, and every cell is a number",
        );
        others.iter().map(|&column| (table.titles[column].clone(), BTreeMap::from([(Role::Close, column)]))).collect()
    }
}

/// Words in a file's name that show that the values of a table by symbol are not closing prices. The names of prices
/// are not listed, because [`titles::price_role`] recognises them.
const OTHER_VALUES: [&str; 8] =
    ["return", "returns", "volumes", "dividends", "marketcap", "shares", "weights", "volatility"];

/// Returns the word in a file's name that says that the values are not closing prices, such as `volume` or `returns`.
fn word_for_other_values(file_name: &str) -> Option<&str> {
    let is_other = |word: &str| {
        titles::price_role(word).is_some_and(|role| role != Role::Close)
            || OTHER_VALUES.iter().any(|other| other.eq_ignore_ascii_case(word))
    };
    stem(file_name).split(|letter: char| !letter.is_alphanumeric()).find(|word| is_other(word))
}
