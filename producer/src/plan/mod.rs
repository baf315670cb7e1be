//! The reading plan: how one file is read, decided from its name, its header and sampled rows.
//!
//! ```text
//! name, sample ──> dialect ──> columns ──> dates, numbers ──> bars ──> ReadingPlan ──> RecordEncoder
//!                  delimiter   roles       formats            length
//!                  header
//! ```
//!
//! A choice is made only if the file leaves one reading. Everything else is a [`Questions`] error, with the options that
//! answer it. Options override single choices. The plan is a value: equal samples and options give equal plans.

pub mod bar;
mod columns;
pub mod date_format;
pub(crate) mod date_guess;
mod dates;
pub(crate) mod dialect;
mod headerless;
pub(crate) mod make;
pub mod moment;
pub mod number_format;
pub mod options;
pub mod question;
pub mod sample;
pub mod symbol_name;
mod text;
mod time_of_day;
pub mod titles;
mod words;

pub use self::columns::TimeFormat;
pub use self::dates::Dates;
pub(crate) use self::dates::UnreadableCell;
pub use self::question::Questions;

use self::bar::Bar;
use self::moment::Zone;
use self::number_format::NumberFormat;
use crate::csv::delimiter::Delimiter;

/// How a file is read.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadingPlan {
    /// The encoding from which the file is decoded; `None` for UTF-8.
    pub encoding: Option<&'static encoding_rs::Encoding>,
    /// The character between cells.
    pub delimiter: Delimiter,
    /// Number of the last line before the data.
    pub last_header_line: u64,
    /// Number of rows before the first row of data, blank and unreadable ones included.
    pub rows_before_data: u64,
    /// Whether each row has an empty cell at its end that the header lacks.
    pub has_trailing_cell: bool,
    /// The columns, in file order.
    pub columns: Vec<Column>,
    /// The records that a row becomes: one, or one for each symbol of a wide file.
    pub records: Vec<RecordPlan>,
    /// Where the date is, and how it is written.
    pub dates: Dates,
    /// The zone of times without an offset.
    pub zone: Zone,
    /// The length of the bars.
    pub bar: Bar,
    /// How numbers are written.
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
    /// The field's name.
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
    /// A number. With `magnitudes`, `57.32K` is one.
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
    /// Columns of which at least one must have a value, so that a row is a record of this symbol.
    pub needs: Vec<usize>,
}

/// A choice and its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The name of the choice.
    pub choice: &'static str,
    /// The decision.
    pub value: String,
    /// Why.
    pub because: String,
}

impl ReadingPlan {
    /// Returns the number of cells of a row.
    pub(crate) fn width(&self) -> usize {
        self.columns.len()
    }
}
