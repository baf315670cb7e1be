//! The header line: which column is which field of the record.

use thiserror::Error;

use crate::csv::delimiter::Delimiter;
use crate::csv::options::Reading;

/// What a column's cells become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The ticker: a string, and the record's key.
    Symbol,
    /// The trade's date.
    Date,
    /// A JSON number.
    Number,
    /// A JSON string.
    Text,
}

/// One column of the CSV file and one field of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The field's name, in snake case.
    pub name: String,
    /// What its cells become.
    pub kind: Kind,
}

/// The columns of a file, in its order; exactly one is the date, and exactly one the symbol unless
/// [`Reading::symbol`] says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    columns: Vec<Column>,
}

/// Why a header line cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// Nothing to read.
    #[error("it is empty; its first line must name the columns")]
    Empty,
    /// Text in another encoding.
    #[error("its header line is not UTF-8 text{0}")]
    NotUtf8(&'static str),
    /// Longer than a row may be, or a quoted name that never ends.
    #[error("its first line is not a header line: {0}")]
    Malformed(String),
    /// One column only, which holds what may separate columns.
    #[error("its header has one column only: {found}; if {} columns, give --delimiter {meant}", separates(*meant))]
    OneColumn {
        /// The column's title.
        found: String,
        /// What may have been meant.
        meant: Delimiter,
    },
    /// A column that every row needs is absent.
    #[error("no column for {field}: one must be called {aliases} (any case){remedy}; found: {found}")]
    Missing {
        /// The field that has no column.
        field: &'static str,
        /// The names that such a column may have.
        aliases: &'static str,
        /// What to do where there is none.
        remedy: &'static str,
        /// The names that the header has.
        found: String,
    },
    /// A symbol for all rows, where each row has its own.
    #[error("--symbol {symbol}: column {column} says each row's symbol; leave out --symbol, or remove the column")]
    SymbolTwice {
        /// The symbol that was given.
        symbol: String,
        /// The column, as position and name.
        column: String,
    },
    /// Two columns for one field.
    #[error("columns {first} and {second} would both become `{name}`; rename or remove one")]
    Twice {
        /// The field's name.
        name: String,
        /// The first column, as position and name.
        first: String,
        /// The second.
        second: String,
    },
    /// A column that would hide one that the pipeline adds.
    #[error("column {column} would become `{name}`, a name that the pipeline uses itself; rename or remove it")]
    Reserved {
        /// The field's name.
        name: String,
        /// The column, as position and name.
        column: String,
    },
}

const NUMBERS: [&str; 7] = ["open", "high", "low", "close", "adj_close", "volume", "close_usd"];

/// Added to each record on its way to the table: the record's coordinates, the table's partition
/// column, and what a date-time of the date column becomes.
const RESERVED: [&str; 7] =
    ["kafka_topic", "kafka_partition", "kafka_offset", "kafka_timestamp", "kafka_generation", "dt", "traded_at"];

impl Header {
    /// Reads the cells of the header line.
    ///
    /// # Errors
    /// [`HeaderError`] names the column that is missing, doubled or reserved.
    pub fn parse<'a>(cells: impl Iterator<Item = &'a [u8]>, reading: &Reading) -> Result<Self, HeaderError> {
        let mut titles = Vec::new();
        for cell in cells {
            let title = std::str::from_utf8(cell).map_err(|_| HeaderError::NotUtf8(encoding_hint(cell)))?;
            titles.push(title.trim());
        }
        if titles.iter().all(|title| title.is_empty()) {
            return Err(HeaderError::Empty);
        }
        let mut columns: Vec<Column> = Vec::with_capacity(titles.len());
        let label = |at: usize| format!("{} ({})", at + 1, titles[at]);
        for (at, title) in titles.iter().enumerate() {
            let name = field_name(title).unwrap_or_else(|| format!("column_{}", at + 1));
            if RESERVED.contains(&name.as_str()) {
                return Err(HeaderError::Reserved { name, column: label(at) });
            }
            if let Some(first) = columns.iter().position(|column| column.name == name) {
                return Err(HeaderError::Twice { name, first: label(first), second: label(at) });
            }
            let kind = match name.as_str() {
                "symbol" => Kind::Symbol,
                "trade_date" => Kind::Date,
                number if NUMBERS.contains(&number) || reading.numeric.contains(number) => Kind::Number,
                _ => Kind::Text,
            };
            columns.push(Column { name, kind });
        }
        let header = Self { columns };
        if let (Some(symbol), Some(at)) = (&reading.symbol, header.position(Kind::Symbol)) {
            return Err(HeaderError::SymbolTwice { symbol: symbol.clone(), column: label(at) });
        }
        for (kind, field, aliases, remedy) in [
            (Kind::Symbol, "symbol", "Symbol, Ticker or Index", ", or --symbol gives the symbol of every row"),
            (Kind::Date, "trade_date", "Date, Datetime or Timestamp", ""),
        ] {
            let given = kind == Kind::Symbol && reading.symbol.is_some();
            if !given && header.position(kind).is_none() {
                let found = titles.join(", ");
                return Err(match reading.delimiter.instead(&found).filter(|_| titles.len() == 1) {
                    Some(meant) => HeaderError::OneColumn { found, meant },
                    None => HeaderError::Missing { field, aliases, remedy, found },
                });
            }
        }
        Ok(header)
    }

    /// The columns, in the file's order.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Where the first column of a kind stands.
    #[must_use]
    pub fn position(&self, kind: Kind) -> Option<usize> {
        self.columns.iter().position(|column| column.kind == kind)
    }
}

/// The field's name that a column's title stands for; `None` if the title has no letter or digit.
#[must_use]
pub fn field_name(title: &str) -> Option<String> {
    let name = snake_case(title);
    let known = match name.replace('_', "").as_str() {
        "" => return None,
        "symbol" | "ticker" | "index" => "symbol",
        "date" | "datetime" | "timestamp" | "tradedate" => "trade_date",
        "adjclose" | "adjustedclose" => "adj_close",
        "closeusd" => "close_usd",
        _ => return Some(name),
    };
    Some(known.to_owned())
}

/// `Adj Close`, `adjClose` and `ADJ_CLOSE` all become `adj_close`; `CloseUSD` becomes `close_usd`.
fn snake_case(title: &str) -> String {
    let letters: Vec<char> = title.chars().collect();
    let mut name = String::with_capacity(title.len() + 4);
    for (at, &letter) in letters.iter().enumerate() {
        if !letter.is_alphanumeric() {
            if !name.is_empty() && !name.ends_with('_') {
                name.push('_');
            }
            continue;
        }
        let previous = at.checked_sub(1).map(|before| letters[before]);
        let next_is_lower = letters.get(at + 1).is_some_and(|next| next.is_lowercase());
        let starts_word = is_capital(letter)
            && previous.is_some_and(|previous| previous.is_lowercase() || (is_capital(previous) && next_is_lower));
        if starts_word && !name.ends_with('_') {
            name.push('_');
        }
        name.extend(letter.to_lowercase().filter(|lower| lower.is_alphanumeric()));
    }
    name.truncate(name.trim_end_matches('_').len());
    name
}

/// There are capitals without a small letter, such as mathematical ones.
fn is_capital(letter: char) -> bool {
    letter.is_uppercase() && !letter.to_lowercase().eq([letter])
}

fn encoding_hint(cell: &[u8]) -> &'static str {
    match cell {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => " but UTF-16; convert it, as with `iconv -f UTF-16 -t UTF-8`",
        _ => "",
    }
}

fn separates(meant: Delimiter) -> &'static str {
    match meant.byte() {
        b',' => "commas separate",
        b';' => "semicolons separate",
        b'\t' => "tabs separate",
        _ => "bars separate",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(line: &str, numeric: &[&str]) -> Result<Header, HeaderError> {
        let numeric = numeric.iter().map(|&name| name.to_owned()).collect();
        Header::parse(line.split(',').map(str::as_bytes), &Reading { numeric, ..Reading::default() })
    }

    fn names(line: &str) -> Vec<String> {
        let header = parse(line, &[]).expect("a header");
        header.columns().iter().map(|column| column.name.clone()).collect()
    }

    #[test]
    fn aliases_are_known_in_any_case() {
        for line in [
            "Index,Date",
            "SYMBOL,TIMESTAMP",
            "ticker,DateTime",
            " Symbol , date ",
            "symbol,trade_date",
            "Ticker,Trade Date",
        ] {
            assert_eq!(names(line), ["symbol", "trade_date"], "{line}");
        }
        for title in
            ["Adj Close", "ADJ CLOSE", "Adj_Close", "AdjClose", "adjusted close", "Adjusted_Close", "Adj. Close"]
        {
            assert_eq!(names(&format!("Symbol,Date,{title}"))[2], "adj_close", "{title}");
        }
        assert_eq!(names("Symbol,Date,CloseUSD")[2], "close_usd");
    }

    #[test]
    fn other_columns_are_kept_in_snake_case() {
        assert_eq!(
            names("Symbol,Date,Open Int,exDividend,% Chg,Börse,P/E Ratio,HTTPCode,"),
            ["symbol", "trade_date", "open_int", "ex_dividend", "chg", "börse", "p_e_ratio", "http_code", "column_9"]
        );
    }

    #[test]
    fn numbers_are_the_prices_and_what_is_named() {
        let header = parse("Symbol,Date,Close,Dividend,Note", &["dividend"]).expect("a header");
        let kinds: Vec<Kind> = header.columns().iter().map(|column| column.kind).collect();
        assert_eq!(kinds, [Kind::Symbol, Kind::Date, Kind::Number, Kind::Number, Kind::Text]);
    }

    #[test]
    fn a_missing_column_is_named_with_its_aliases() {
        let message = |line| parse(line, &[]).expect_err("no header").to_string();
        assert_eq!(
            message("Date,Open,Close"),
            "no column for symbol: one must be called Symbol, Ticker or Index (any case), or --symbol gives the symbol of every row; found: Date, Open, Close"
        );
        assert!(
            message("Ticker,Open")
                .starts_with("no column for trade_date: one must be called Date, Datetime or Timestamp")
        );
    }

    #[test]
    fn a_symbol_for_all_rows_stands_in_for_the_column_and_not_beside_it() {
        let parse = |line: &str| {
            let reading = Reading { symbol: Some("AAPL".to_owned()), ..Reading::default() };
            Header::parse(line.split(',').map(str::as_bytes), &reading)
        };
        assert_eq!(parse("Date,Open").expect("a header").position(Kind::Symbol), None);
        assert_eq!(
            parse("Date,Ticker").expect_err("two symbols").to_string(),
            "--symbol AAPL: column 2 (Ticker) says each row's symbol; leave out --symbol, or remove the column"
        );
        assert!(parse("Open,Close").expect_err("no date").to_string().starts_with("no column for trade_date"));
    }

    #[test]
    fn a_single_column_that_holds_another_delimiter_names_the_argument() {
        let message = |delimiter: &str, title: &str| {
            let reading = Reading { delimiter: delimiter.parse().expect("a delimiter"), ..Reading::default() };
            Header::parse(std::iter::once(title.as_bytes()), &reading).expect_err("no header").to_string()
        };
        assert_eq!(
            message(",", "Index;Date;Open"),
            "its header has one column only: Index;Date;Open; if semicolons separate columns, give --delimiter ';'"
        );
        assert!(message(",", "Index\tDate").ends_with("if tabs separate columns, give --delimiter tab"));
        assert!(message(",", "Index|Date").ends_with("if bars separate columns, give --delimiter '|'"));
        assert!(message(";", "Index,Date").ends_with("if commas separate columns, give --delimiter ','"));
        assert!(message(",", "Index").starts_with("no column for trade_date"));
        assert!(message(";", "Index;Date").starts_with("no column for symbol"), "a quoted title, not a delimiter");
    }

    #[test]
    fn columns_that_become_one_field_are_refused() {
        let twice = parse("Symbol,Date,Adj Close,Open,adj_close", &[]).expect_err("twice").to_string();
        assert_eq!(
            twice,
            "columns 3 (Adj Close) and 5 (adj_close) would both become `adj_close`; rename or remove one"
        );
        assert!(matches!(parse("Index,Symbol,Date", &[]), Err(HeaderError::Twice { .. })));
        assert!(matches!(parse("Index,Date,Date", &[]), Err(HeaderError::Twice { .. })));
        assert!(matches!(parse("Index,Date,column_4,", &[]), Err(HeaderError::Twice { .. })));
    }

    #[test]
    fn names_of_the_pipeline_are_refused() {
        for title in ["kafka_offset", "Kafka Partition", "KafkaTimestamp", "dt", "traded_at"] {
            let result = parse(&format!("Symbol,Date,{title}"), &[]);
            assert!(matches!(result, Err(HeaderError::Reserved { .. })), "{title}");
        }
    }

    #[test]
    fn a_header_that_is_no_text_is_refused() {
        let parse = |bytes: &'static [u8]| Header::parse(std::iter::once(bytes), &Reading::default());
        assert_eq!(parse(b""), Err(HeaderError::Empty));
        assert!(matches!(parse(b"Symb\xffol"), Err(HeaderError::NotUtf8(""))));
        let utf16 = parse(b"\xff\xfeI\0n\0").expect_err("UTF-16").to_string();
        assert!(utf16.contains("iconv"), "{utf16}");
    }

    proptest! {
        #[test]
        fn a_field_name_is_its_own_field_name(title in "\\PC{0,20}") {
            if let Some(name) = field_name(&title) {
                prop_assert_eq!(field_name(&name), Some(name.clone()));
                prop_assert!(!name.chars().any(|letter| letter.is_ascii_uppercase() || letter == ' ' || letter == '"'));
            }
        }
    }
}
