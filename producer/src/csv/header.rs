//! The header line: maps the columns of a file to the fields of its records.

use thiserror::Error;

use super::delimiter::Delimiter;
use super::field_name::field_name;
use super::options::CsvOptions;
use super::row_reader::MAX_ROW_BYTES;

/// Type of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// The symbol: a JSON string, and the record's key.
    Symbol,
    /// The date of the trade.
    Date,
    /// A JSON number.
    Number,
    /// A JSON string.
    Text,
}

/// A column of the CSV file, which becomes a field of the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Name of the field, in snake case.
    pub name: String,
    pub kind: ColumnKind,
}

/// The columns of a file, in file order. Exactly one is the date. Exactly one is the symbol, or none if
/// [`CsvOptions::symbol`] is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    columns: Vec<Column>,
}

/// Reason that a header line cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HeaderError {
    /// The input is empty, or all its lines are blank.
    #[error("the input is empty; its first line must name the columns")]
    Empty,
    /// The header line is not UTF-8.
    #[error("the header line is not UTF-8 text{0}")]
    NotUtf8(&'static str),
    /// The line is longer than [`MAX_ROW_BYTES`].
    #[error(
        "the first line is longer than {MAX_ROW_BYTES} bytes, so it is not a header line; add a line that names the columns"
    )]
    TooLong,
    /// The line has an unclosed quote.
    #[error(
        "the first line has a quoted title that is never closed; close the quote, or add a line that names the columns"
    )]
    OpenQuote,
    /// The file seems to use a different delimiter: the only title contains one.
    #[error("the header has only one column, `{found}`; if {} columns, add --delimiter {guess}", separate(*guess))]
    OneColumn {
        found: String,
        /// The common delimiter that occurs most often in the title.
        guess: Delimiter,
    },
    /// A required column is missing.
    #[error("no column for {field}: name it {aliases} (case-insensitive){remedy}; found: {found}")]
    Missing {
        /// The field without a column.
        field: &'static str,
        /// Names that the column may have.
        aliases: &'static str,
        /// Additional remedy, or the empty string.
        remedy: &'static str,
        /// The titles in the header.
        found: String,
    },
    /// `--symbol` is given although the file has a symbol column.
    #[error(
        "--symbol {symbol}: column {column} already has each row's symbol; leave out --symbol, or remove the column"
    )]
    SymbolTwice {
        symbol: String,
        /// The column's position and title.
        column: String,
    },
    /// Two columns have the same field name.
    #[error("columns {first} and {second} would both become `{name}`; rename or remove one")]
    Duplicate {
        name: String,
        /// The first column's position and title.
        first: String,
        /// The second column's position and title.
        second: String,
    },
    /// A column has the name of a field that the pipeline adds.
    #[error("column {column} would become `{name}`, a name that the pipeline reserves; rename or remove it")]
    Reserved {
        name: String,
        /// The column's position and title.
        column: String,
    },
}

/// Fields that are always numbers.
const NUMBERS: [&str; 7] = ["open", "high", "low", "close", "adj_close", "volume", "close_usd"];

/// Fields that the pipeline adds to each record: its Kafka coordinates, the table's partition column, and the time of
/// day from the date column.
const RESERVED: [&str; 7] =
    ["kafka_topic", "kafka_partition", "kafka_offset", "kafka_timestamp", "kafka_generation", "dt", "traded_at"];

impl Header {
    /// Parses the cells of the header line.
    ///
    /// # Errors
    /// [`HeaderError`] if the line is blank or not UTF-8, or a column is missing, duplicate or reserved. A symbol
    /// column is also an error if [`CsvOptions::symbol`] is given.
    pub fn parse<'a>(cells: impl Iterator<Item = &'a [u8]>, options: &CsvOptions) -> Result<Self, HeaderError> {
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
                return Err(HeaderError::Duplicate { name, first: label(first), second: label(at) });
            }
            let kind = match name.as_str() {
                "symbol" => ColumnKind::Symbol,
                "trade_date" => ColumnKind::Date,
                number if NUMBERS.contains(&number) || options.numeric.contains(number) => ColumnKind::Number,
                _ => ColumnKind::Text,
            };
            columns.push(Column { name, kind });
        }
        let header = Self { columns };
        if let (Some(symbol), Some(at)) = (&options.symbol, header.position(ColumnKind::Symbol)) {
            return Err(HeaderError::SymbolTwice { symbol: symbol.clone(), column: label(at) });
        }
        for (kind, field, aliases, remedy) in [
            (ColumnKind::Symbol, "symbol", "Symbol, Ticker or Index", ", or give the symbol of all rows with --symbol"),
            (ColumnKind::Date, "trade_date", "Date, Datetime or Timestamp", ""),
        ] {
            let given = kind == ColumnKind::Symbol && options.symbol.is_some();
            if !given && header.position(kind).is_none() {
                let found = titles.join(", ");
                return Err(match options.delimiter.guess_other(&found).filter(|_| titles.len() == 1) {
                    Some(guess) => HeaderError::OneColumn { found, guess },
                    None => HeaderError::Missing { field, aliases, remedy, found },
                });
            }
        }
        Ok(header)
    }

    /// Returns the columns, in the file's order.
    #[must_use]
    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns the index of the first column of a kind.
    #[must_use]
    pub(crate) fn position(&self, kind: ColumnKind) -> Option<usize> {
        self.columns.iter().position(|column| column.kind == kind)
    }
}

fn encoding_hint(cell: &[u8]) -> &'static str {
    match cell {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
            " but UTF-16; convert the file, for example with `iconv -f UTF-16 -t UTF-8`"
        }
        _ => "; convert the file to UTF-8",
    }
}

fn separate(delimiter: Delimiter) -> &'static str {
    match delimiter.byte() {
        b',' => "commas separate the",
        b';' => "semicolons separate the",
        b'\t' => "tabs separate the",
        _ => "bars separate the",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str, numeric: &[&str]) -> Result<Header, HeaderError> {
        let numeric = numeric.iter().map(|&name| name.to_owned()).collect();
        Header::parse(line.split(',').map(str::as_bytes), &CsvOptions { numeric, ..CsvOptions::default() })
    }

    fn names(line: &str) -> Vec<String> {
        let header = parse(line, &[]).expect("a header");
        header.columns().iter().map(|column| column.name.clone()).collect()
    }

    #[test]
    fn aliases_are_recognised_in_any_case() {
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
    fn prices_and_named_columns_are_numbers() {
        let header = parse("Symbol,Date,Close,Dividend,Note", &["dividend"]).expect("a header");
        let kinds: Vec<ColumnKind> = header.columns().iter().map(|column| column.kind).collect();
        assert_eq!(
            kinds,
            [ColumnKind::Symbol, ColumnKind::Date, ColumnKind::Number, ColumnKind::Number, ColumnKind::Text]
        );
    }

    #[test]
    fn a_missing_column_is_reported_with_its_aliases() {
        let message = |line| parse(line, &[]).expect_err("no header").to_string();
        assert_eq!(
            message("Date,Open,Close"),
            "no column for symbol: name it Symbol, Ticker or Index (case-insensitive), or give the symbol of all rows with --symbol; found: Date, Open, Close"
        );
        assert!(message("Ticker,Open").starts_with("no column for trade_date: name it Date, Datetime or Timestamp"));
    }

    #[test]
    fn a_symbol_for_all_rows_excludes_a_symbol_column() {
        let parse = |line: &str| {
            let options = CsvOptions { symbol: Some("AAPL".to_owned()), ..CsvOptions::default() };
            Header::parse(line.split(',').map(str::as_bytes), &options)
        };
        assert_eq!(parse("Date,Open").expect("a header").position(ColumnKind::Symbol), None);
        assert_eq!(
            parse("Date,Ticker").expect_err("two symbols").to_string(),
            "--symbol AAPL: column 2 (Ticker) already has each row's symbol; leave out --symbol, or remove the column"
        );
        assert!(parse("Open,Close").expect_err("no date").to_string().starts_with("no column for trade_date"));
    }

    #[test]
    fn a_single_column_suggests_the_delimiter_it_contains() {
        let message = |delimiter: &str, title: &str| {
            let options = CsvOptions { delimiter: delimiter.parse().expect("a delimiter"), ..CsvOptions::default() };
            Header::parse(std::iter::once(title.as_bytes()), &options).expect_err("no header").to_string()
        };
        assert_eq!(
            message(",", "Index;Date;Open"),
            "the header has only one column, `Index;Date;Open`; if semicolons separate the columns, add --delimiter ';'"
        );
        assert!(message(",", "Index\tDate").ends_with("if tabs separate the columns, add --delimiter tab"));
        assert!(message(",", "Index|Date").ends_with("if bars separate the columns, add --delimiter '|'"));
        assert!(message(";", "Index,Date").ends_with("if commas separate the columns, add --delimiter ','"));
        assert!(message(",", "Index").starts_with("no column for trade_date"));
        assert!(message(";", "Index;Date").starts_with("no column for symbol"), "a quoted title, not a delimiter");
    }

    #[test]
    fn columns_of_the_same_field_are_rejected() {
        let twice = parse("Symbol,Date,Adj Close,Open,adj_close", &[]).expect_err("twice").to_string();
        assert_eq!(
            twice,
            "columns 3 (Adj Close) and 5 (adj_close) would both become `adj_close`; rename or remove one"
        );
        assert!(matches!(parse("Index,Symbol,Date", &[]), Err(HeaderError::Duplicate { .. })));
        assert!(matches!(parse("Index,Date,Date", &[]), Err(HeaderError::Duplicate { .. })));
        assert!(matches!(parse("Index,Date,column_4,", &[]), Err(HeaderError::Duplicate { .. })));
    }

    #[test]
    fn reserved_names_are_rejected() {
        for title in ["kafka_offset", "Kafka Partition", "KafkaTimestamp", "dt", "traded_at"] {
            let result = parse(&format!("Symbol,Date,{title}"), &[]);
            assert!(matches!(result, Err(HeaderError::Reserved { .. })), "{title}");
        }
    }

    #[test]
    fn a_header_that_is_not_text_is_rejected() {
        let parse = |bytes: &'static [u8]| Header::parse(std::iter::once(bytes), &CsvOptions::default());
        assert_eq!(parse(b""), Err(HeaderError::Empty));
        assert!(matches!(parse(b"Symb\xffol"), Err(HeaderError::NotUtf8("; convert the file to UTF-8"))));
        let utf16 = parse(b"\xff\xfeI\0n\0").expect_err("UTF-16").to_string();
        assert!(utf16.contains("iconv"), "{utf16}");
    }
}
