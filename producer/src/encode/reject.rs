//! Reasons for rejecting a row.

use std::borrow::Cow;

use jiff::civil::Date;
use memchr::memchr3;
use terminal::numbers::{counted, grouped};
use thiserror::Error;

use super::number::NumberError;
use crate::csv::row_reader::MAX_ROW_BYTES;

/// Reason that a row is rejected. The file of rejected rows contains the message.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Reject {
    /// The row has too few or too many cells.
    #[error("{} where the header has {}", counted(*found as u64, "field", "fields"), grouped(*expected as u64))]
    FieldCount { expected: usize, found: usize },
    /// The symbol cell is empty.
    #[error("no symbol")]
    NoSymbol,
    /// The date cell is empty.
    #[error("no date")]
    NoDate,
    /// The date cell does not match the date format.
    #[error("date does not match {format}: {cell}")]
    Date { cell: String, format: String },
    /// The date is before 1700 or more than a day in the future.
    #[error("date is implausible: {0}{hint}", hint = if .0.year() < 100 { "; a year of two digits is %y, not %Y" } else { "" })]
    ImplausibleDate(Date),
    /// The time cell is not a time of day.
    #[error("time is not a time of day: {0}")]
    Time(String),
    /// The clocks of the zone skip the time, or show it twice.
    #[error("local time {} in {zone}: {cell}", if *.repeated { "occurs twice" } else { "does not exist" })]
    LocalTime { cell: String, zone: String, repeated: bool },
    /// The cell of a column that is part of the key is empty.
    #[error("no {0}, which is part of --key")]
    NoKey(String),
    /// A cell of a number column is not a number.
    #[error("{column} {source}: {cell}")]
    Number { column: String, source: NumberError, cell: String },
    /// The row is not UTF-8 text.
    #[error("not UTF-8 text")]
    NotUtf8,
    /// A quoted field is never closed.
    #[error("a quoted field starts here and is never closed")]
    OpenQuote,
    /// The row is longer than [`MAX_ROW_BYTES`].
    #[error("row is longer than {MAX_ROW_BYTES} bytes; only its beginning is kept here")]
    TooLong,
}

impl Reject {
    /// Returns the reason without what differs from row to row, to count rows by it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Reject::FieldCount { .. } => "too few or too many fields",
            Reject::NoSymbol => "no symbol",
            Reject::NoDate => "no date",
            Reject::Date { .. } => "date does not match the format",
            Reject::ImplausibleDate(_) => "date is implausible",
            Reject::Time(_) => "time is not a time of day",
            Reject::LocalTime { repeated: true, .. } => "local time occurs twice",
            Reject::LocalTime { repeated: false, .. } => "local time does not exist",
            Reject::NoKey(_) => "no value in a column of --key",
            Reject::Number { source: NumberError::NotFinite, .. } => "number is not finite",
            Reject::Number { source: NumberError::Separators, .. } => "number has other separators",
            Reject::Number { source: NumberError::AmbiguousComma, .. } => "number has an ambiguous comma",
            Reject::Number { source: NumberError::LeadingZeros, .. } => "number has leading zeros",
            Reject::Number { source: NumberError::NotANumber, .. } => "not a number",
            Reject::NotUtf8 => "not UTF-8 text",
            Reject::OpenQuote => "a quoted field is never closed",
            Reject::TooLong => "row is too long",
        }
    }
}

/// Formats a cell for a message: on one line, truncated to 40 characters.
pub(super) fn shortened(cell: &str) -> String {
    let cell: Cow<'_, str> = match memchr3(b'\n', b'\r', b'\t', cell.as_bytes()) {
        Some(_) => Cow::Owned(cell.split_ascii_whitespace().collect::<Vec<_>>().join(" ")),
        None => Cow::Borrowed(cell),
    };
    match cell.char_indices().nth(40) {
        Some((cut, _)) => format!("{}...", &cell[..cut]),
        None => cell.into_owned(),
    }
}
