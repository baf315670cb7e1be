//! How inputs are read: what separates the columns, which of them are numbers, how dates are written.

use std::collections::BTreeSet;

use crate::args::FeedArgs;
use crate::date::DateFormat;
use crate::delimiter::Delimiter;
use crate::feed::FeedError;
use crate::header::field_name;

/// How inputs are read; the same for all inputs of a feed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// What separates the columns.
    pub delimiter: Delimiter,
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
        Ok(Self { delimiter, dates, numeric: numeric(&args.numeric)? })
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
    fn numeric_names_are_taken_as_headers_are() {
        let args = FeedArgs { numeric: vec!["Ex-Dividend".into(), "splitRatio".into()], ..FeedArgs::default() };
        let reading = Reading::try_from(&args).expect("consistent");
        assert!(reading.numeric.iter().eq(["ex_dividend", "split_ratio"]));
    }
}
