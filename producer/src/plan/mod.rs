//! The reading plan: how one file is read, decided from its name, its header and sampled rows.
//!
//! ```text
//! name, sample ──> dialect ──> columns ──> dates, numbers ──> bars ──> ReadingPlan ──> RecordEncoder
//!                  delimiter   roles       formats            length
//!                  header
//! ```
//!
//! The plan makes a choice only if the file allows exactly one interpretation. Every ambiguity becomes a question in a
//! [`Questions`] error, with the options that answer it. Options override individual choices. The plan depends on
//! nothing else: the same file name, sample and options give the same plan.

pub mod bar;
mod columns;
pub mod date_format;
pub(crate) mod date_guess;
mod dates;
pub(crate) mod dialect;
mod headerless;
mod known_forms;
pub(crate) mod make;
pub mod moment;
pub mod number_format;
pub mod options;
pub mod question;
pub mod sample;
pub mod symbol_name;
pub(crate) mod text;
mod time_format;
mod time_of_day;
pub mod titles;
mod words;

pub use self::dates::Dates;
pub(crate) use self::dates::UnreadableCell;
pub use self::question::Questions;
pub use self::time_format::TimeFormat;

use self::bar::Bar;
use self::moment::Zone;
use self::number_format::NumberFormat;
use crate::csv::delimiter::Delimiter;

/// Plan for reading a file: its encoding, delimiter, header and columns, and the formats of its dates and numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadingPlan {
    /// The encoding from which the file is decoded; `None` for UTF-8.
    pub encoding: Option<&'static encoding_rs::Encoding>,
    /// The character between cells.
    pub delimiter: Delimiter,
    /// Number of the last line before the data; 0 if the file begins with data.
    pub last_header_line: u64,
    /// Number of rows before the first row of data, including blank and unreadable rows.
    pub rows_before_data: u64,
    /// Whether rows end with a delimiter, and thus with an empty cell that has no title.
    pub has_trailing_cell: bool,
    /// The columns, in file order.
    pub columns: Vec<Column>,
    /// The records that a row becomes: one, or one for each symbol of a wide file.
    pub records: Vec<RecordPlan>,
    /// The columns of the date and the time, and their formats.
    pub dates: Dates,
    /// The zone of times without an offset.
    pub zone: Zone,
    /// The length of the bars.
    pub bar: Bar,
    /// The decimal sign, and whether thousands are separated.
    pub numbers: NumberFormat,
    /// Columns that are joined into `series`.
    pub key: Vec<usize>,
    /// Each choice and its reason.
    pub reasons: Vec<Reason>,
    /// Choices that a user should check.
    pub warnings: Vec<String>,
}

/// A column of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The title, empty if the file has none.
    pub title: String,
    /// The field's name; empty for a time or key column, which does not become a field.
    pub name: String,
    pub kind: Kind,
}

/// The kind of a column's cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Symbol,
    Date,
    /// The time of day, which is read with the date.
    Time,
    /// A number. With `magnitudes`, `57.32K` is also a number.
    Number {
        /// Whether K, M, B and T are factors.
        magnitudes: bool,
    },
    Text,
    /// Part of `series`.
    Key,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kind::Symbol => "symbol",
            Kind::Date => "date",
            Kind::Time => "time of day",
            Kind::Number { .. } => "number",
            Kind::Text => "text",
            Kind::Key => "part of series",
        })
    }
}

/// A record that a row becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordPlan {
    /// The symbol, if it is not in a column.
    pub symbol: Option<String>,
    /// The columns that are fields of this record, in file order.
    pub columns: Vec<usize>,
    /// The price and volume columns of this symbol. A row without a value in any of them has no record of this symbol.
    /// Empty if every row has this record.
    pub needs: Vec<usize>,
}

/// A choice and its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The name of the choice.
    pub choice: &'static str,
    /// The decision.
    pub value: String,
    /// The reason for the decision.
    pub because: String,
}

impl ReadingPlan {
    /// Returns the number of cells of a row, not counting an empty trailing cell.
    pub(crate) fn width(&self) -> usize {
        self.columns.len()
    }
}
