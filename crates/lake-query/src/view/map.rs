//! The map of a view: which column of the topic becomes which column of a quote.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::columns::{Column, INTRADAY, QUOTE};
use crate::fold::column_name;

/// Mapped columns of a quote, each with the topic's column from which it is read. All column names are in lowercase.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnMap(BTreeMap<String, String>);

/// Error returned when a string is not a valid map.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseMapError {
    /// A part of the map has no equals sign, or nothing on one side of it.
    #[error("`{0}` does not have the form QUOTE_COLUMN=COLUMN, such as symbol=Index")]
    Form(String),
    /// A quoted name has no closing quotation mark.
    #[error("`{0}` has an opening quotation mark but no closing one")]
    Quote(String),
    /// A column of a quote is mapped twice.
    #[error("{0} is mapped twice; remove one of the mappings")]
    Twice(String),
    /// The left side is not a column of a quote.
    #[error("a quote has no column {name}; its columns are {}", mappable().collect::<Vec<_>>().join(", "))]
    NoColumn {
        /// The name on the left side.
        name: String,
    },
}

/// Returns the names of the columns that can be mapped: the columns of a quote, without its record's coordinates.
pub fn mappable() -> impl Iterator<Item = &'static str> {
    declared().map(|column| column.name)
}

pub(crate) fn declared() -> impl Iterator<Item = Column> {
    QUOTE.iter().chain(INTRADAY).copied()
}

impl ColumnMap {
    /// Maps a column of a quote to the column `source` of the topic. Both names can be in any case.
    ///
    /// # Errors
    /// [`ParseMapError`] if a quote has no such column, or the column is mapped already.
    pub fn insert(&mut self, column: &str, source: &str) -> Result<(), ParseMapError> {
        let column = column_name(column);
        if !mappable().any(|name| name == column) {
            return Err(ParseMapError::NoColumn { name: column });
        }
        match self.0.insert(column.clone(), column_name(source)) {
            None => Ok(()),
            Some(_) => Err(ParseMapError::Twice(column)),
        }
    }

    /// Returns the topic's column from which a column of a quote is read, or `None` if the column is not mapped.
    pub fn source(&self, column: &str) -> Option<&str> {
        self.0.get(column).map(String::as_str)
    }

    /// Returns the mapped columns in the order of a quote's columns, each with the topic's column.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        mappable().filter_map(|column| Some((column, self.source(column)?)))
    }

    /// Returns `true` if the column `source` of the topic is mapped.
    pub(crate) fn renames(&self, source: &str) -> bool {
        self.0.values().any(|renamed| renamed == source)
    }
}

/// Formats the map as a value of `--map`, such as `symbol=index,adj_close=adj close`.
impl fmt::Display for ColumnMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = self.iter().map(|(column, source)| format!("{column}={}", quoted(source)));
        f.write_str(&pairs.collect::<Vec<_>>().join(","))
    }
}

/// Puts a name in quotation marks if the map could not be parsed otherwise.
pub(crate) fn quoted(name: &str) -> String {
    let is_plain = !name.contains([',', '"']) && name.trim() == name && !name.is_empty();
    if is_plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// Parses the value of `--map`: `QUOTE_COLUMN=COLUMN` pairs, separated by commas. A column in quotation marks may
/// contain commas; a quotation mark in it is doubled.
impl FromStr for ColumnMap {
    type Err = ParseMapError;

    fn from_str(text: &str) -> Result<Self, ParseMapError> {
        let mut map = ColumnMap::default();
        let mut rest = text;
        while !rest.trim().is_empty() {
            let form = || ParseMapError::Form(rest.trim().to_owned());
            let (column, after) = rest.split_once('=').ok_or_else(form)?;
            let (source, next) = match after.trim_start().strip_prefix('"') {
                Some(quoted) => {
                    let (name, next) = unquote(quoted).ok_or_else(|| ParseMapError::Quote(rest.trim().to_owned()))?;
                    let next = next.trim_start();
                    (name, next.strip_prefix(',').or(next.is_empty().then_some("")).ok_or_else(form)?)
                }
                None => {
                    let (name, next) = after.split_once(',').unwrap_or((after, ""));
                    (name.trim().to_owned(), next)
                }
            };
            if column.trim().is_empty() || source.is_empty() {
                return Err(form());
            }
            map.insert(column.trim(), &source)?;
            rest = next;
        }
        Ok(map)
    }
}

/// Returns the unescaped name before the closing quotation mark and the text after the mark, or `None` if the mark is
/// missing.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once('"')?;
        name += part;
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        let map: ColumnMap = text.parse().unwrap();
        map.iter().map(|(column, source)| (column.to_owned(), source.to_owned())).collect()
    }

    fn error(text: &str) -> String {
        text.parse::<ColumnMap>().unwrap_err().to_string()
    }

    #[test]
    fn pairs_are_parsed_in_lower_case() {
        let pair = |column: &str, source: &str| (column.to_owned(), source.to_owned());
        assert_eq!(
            pairs("trade_date=Date, Symbol=Index ,adj_close=Adj Close"),
            [pair("symbol", "index"), pair("trade_date", "date"), pair("adj_close", "adj close")]
        );
        assert_eq!(pairs(r#"close="a, ""B"" = c",open=x=y"#), [pair("open", "x=y"), pair("close", "a, \"b\" = c")]);
        assert_eq!(pairs(" "), []);
    }

    #[test]
    fn map_survives_formatting() {
        for text in ["symbol=index,adj_close=adj close", r#"close="a, ""b""""#, "open=\" x\"", ""] {
            let map: ColumnMap = text.parse().unwrap();
            assert_eq!(map.to_string(), text);
            assert_eq!(map.to_string().parse(), Ok(map));
        }
    }

    #[test]
    fn invalid_map_names_the_invalid_part() {
        assert!(error("symbol").contains("`symbol` does not have the form"));
        assert!(error("symbol=,close=b").contains("form"));
        assert!(error("=a").contains("form"));
        assert!(error("symbol=\"a").contains("quotation mark"));
        assert!(error("symbol=\"a\"b").contains("form"));
        assert!(error("symbol=a,SYMBOL=b").contains("symbol is mapped twice"));
        let text = error("price=a");
        assert!(
            text.contains("no column price") && text.contains("symbol, trade_date") && text.contains("ask"),
            "{text}"
        );
        assert!(error("kafka_offset=a").contains("no column kafka_offset"));
    }
}
