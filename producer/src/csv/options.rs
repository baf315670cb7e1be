//! How inputs are read: what separates the columns, whose rows they are, how dates are written, which columns are
//! numbers.

use std::collections::BTreeSet;

use crate::cli::args::FeedArgs;
use crate::csv::date::DateFormat;
use crate::csv::delimiter::Delimiter;
use crate::csv::header::field_name;
use crate::feed::FeedError;

/// How inputs are read; the same for all inputs of a feed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// What separates the columns.
    pub delimiter: Delimiter,
    /// The symbol of every row, where no column says it.
    pub symbol: Option<String>,
    /// How dates are written.
    pub dates: DateFormat,
    /// The fields that are numbers besides the known ones.
    pub numeric: BTreeSet<String>,
}

impl TryFrom<&FeedArgs> for Reading {
    type Error = FeedError;

    fn try_from(args: &FeedArgs) -> Result<Self, FeedError> {
        let delimiter = match &args.delimiter {
            None => Delimiter::COMMA,
            Some(text) => text.parse().map_err(FeedError::Delimiter)?,
        };
        let dates = match &args.date_format {
            None => DateFormat::Iso,
            Some(pattern) => DateFormat::strftime(pattern).map_err(FeedError::DateFormat)?,
        };
        let symbol = args.symbol.as_deref().map(symbol).transpose()?;
        Ok(Self { delimiter, symbol, dates, numeric: numeric(&args.numeric)? })
    }
}

/// As a cell would be taken: without the white space around it.
fn symbol(text: &str) -> Result<String, FeedError> {
    match text.trim() {
        "" => Err(FeedError::EmptySymbol),
        symbol if symbol.chars().any(char::is_control) => Err(FeedError::ControlInSymbol(symbol.to_owned())),
        symbol => Ok(symbol.to_owned()),
    }
}

fn numeric(names: &[String]) -> Result<BTreeSet<String>, FeedError> {
    names
        .iter()
        .map(|title| match field_name(title) {
            Some(name) if name != "symbol" && name != "trade_date" => Ok(name),
            _ => Err(FeedError::Numeric(title.clone())),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_is_taken_without_the_space_around_it() {
        let symbol = |text: &str| {
            let args = FeedArgs { symbol: Some(text.to_owned()), ..FeedArgs::default() };
            Reading::try_from(&args).map(|reading| reading.symbol)
        };
        assert_eq!(symbol(" BRK B ").expect("a symbol").as_deref(), Some("BRK B"));
        for text in ["", "  ", "\n"] {
            assert!(matches!(symbol(text), Err(FeedError::EmptySymbol)), "{text:?}");
        }
        for text in ["A\nB", "A\0", "\u{9b}A"] {
            assert!(matches!(symbol(text), Err(FeedError::ControlInSymbol(_))), "{text:?}");
        }
    }

    #[test]
    fn numeric_names_are_taken_as_headers_are() {
        let args = FeedArgs { numeric: vec!["Ex-Dividend".into(), "splitRatio".into()], ..FeedArgs::default() };
        let reading = Reading::try_from(&args).expect("consistent");
        assert!(reading.numeric.iter().eq(["ex_dividend", "split_ratio"]));
    }
}
