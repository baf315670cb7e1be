//! Options for reading CSV: the delimiter, the symbol, the date format and the number columns.

use std::collections::BTreeSet;

use thiserror::Error;

use super::date::{DateFormat, PatternError};
use super::delimiter::{Delimiter, DelimiterError};
use super::field_name::field_name;
use crate::cli::args::FeedArgs;

/// Options for reading CSV; the same for all inputs of a feed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CsvOptions {
    /// Character that separates the cells of a row.
    pub delimiter: Delimiter,
    /// Symbol of every row, for files without a symbol column.
    pub symbol: Option<String>,
    /// Format of the cells in the date column.
    pub dates: DateFormat,
    /// Names of fields to read as numbers, in addition to those that always are.
    pub numeric: BTreeSet<String>,
}

/// Reason that arguments are not valid options. Each message names the argument to change.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CsvOptionsError {
    /// The delimiter is invalid.
    #[error("--delimiter: {0}")]
    Delimiter(#[source] DelimiterError),
    /// The symbol is blank.
    #[error("--symbol is empty; give the symbol of every row, such as AAPL")]
    EmptySymbol,
    /// The symbol contains a control character, which no key should have.
    #[error("--symbol: {0:?} contains a control character; remove it")]
    ControlInSymbol(String),
    /// The date format is invalid.
    #[error("--date-format: {0}")]
    DateFormat(#[source] PatternError),
    /// The column is the symbol or the date, or its title has no letter or digit.
    #[error("--numeric: `{0}` cannot be a number column; leave it out")]
    Numeric(String),
}

impl TryFrom<&FeedArgs> for CsvOptions {
    type Error = CsvOptionsError;

    fn try_from(args: &FeedArgs) -> Result<Self, CsvOptionsError> {
        let delimiter = match &args.delimiter {
            None => Delimiter::COMMA,
            Some(text) => text.parse().map_err(CsvOptionsError::Delimiter)?,
        };
        let dates = match &args.date_format {
            None => DateFormat::Iso,
            Some(pattern) => DateFormat::strftime(pattern).map_err(CsvOptionsError::DateFormat)?,
        };
        let symbol = args.symbol.as_deref().map(symbol).transpose()?;
        Ok(Self { delimiter, symbol, dates, numeric: numeric(&args.numeric)? })
    }
}

/// Trims the symbol, as the encoder trims a symbol cell, and validates it.
fn symbol(text: &str) -> Result<String, CsvOptionsError> {
    match text.trim() {
        "" => Err(CsvOptionsError::EmptySymbol),
        symbol if symbol.chars().any(char::is_control) => Err(CsvOptionsError::ControlInSymbol(symbol.to_owned())),
        symbol => Ok(symbol.to_owned()),
    }
}

fn numeric(names: &[String]) -> Result<BTreeSet<String>, CsvOptionsError> {
    names
        .iter()
        .map(|title| match field_name(title) {
            Some(name) if name != "symbol" && name != "trade_date" => Ok(name),
            _ => Err(CsvOptionsError::Numeric(title.clone())),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_symbol_is_trimmed() {
        let symbol = |text: &str| {
            let args = FeedArgs { symbol: Some(text.to_owned()), ..FeedArgs::default() };
            CsvOptions::try_from(&args).map(|options| options.symbol)
        };
        assert_eq!(symbol(" BRK B ").expect("a symbol").as_deref(), Some("BRK B"));
        for text in ["", "  ", "\n"] {
            assert!(matches!(symbol(text), Err(CsvOptionsError::EmptySymbol)), "{text:?}");
        }
        for text in ["A\nB", "A\0", "\u{9b}A"] {
            assert!(matches!(symbol(text), Err(CsvOptionsError::ControlInSymbol(_))), "{text:?}");
        }
    }

    #[test]
    fn numeric_names_become_field_names() {
        let args = FeedArgs { numeric: vec!["Ex-Dividend".into(), "splitRatio".into()], ..FeedArgs::default() };
        let options = CsvOptions::try_from(&args).expect("consistent");
        assert!(options.numeric.iter().eq(["ex_dividend", "split_ratio"]));
    }
}
