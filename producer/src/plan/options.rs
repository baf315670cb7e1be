//! Options that override single choices of a reading plan.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::bar::Bar;
use super::date_format::DateFormat;
use super::moment::Zone;
use super::number_format::DecimalSign;
use crate::csv::delimiter::Delimiter;

/// Choices that a user has made; the same for all inputs of a feed.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanOptions {
    /// The character between the cells of a row.
    pub delimiter: Option<Delimiter>,
    /// Lines before the header.
    pub skip_lines: Option<u64>,
    /// Whether the first row is data.
    pub no_header: bool,
    /// Names of the columns, instead of a header.
    pub columns: Vec<String>,
    /// The symbol of every row.
    pub symbol: Option<String>,
    /// Whether the file's name is the symbol, whatever it is.
    pub symbol_from_file_name: bool,
    /// The column with the symbol.
    pub symbol_column: Option<String>,
    /// Columns that are part of a quote's identity.
    pub key: Vec<String>,
    /// The column with the date.
    pub date_column: Option<String>,
    /// The column with the time of day.
    pub time_column: Option<String>,
    /// The format of the dates.
    pub date_format: Option<DateFormat>,
    /// The date of every row, for files whose rows have only a time.
    pub date: Option<Date>,
    /// The zone of times without an offset.
    pub zone: Option<Zone>,
    /// The decimal sign.
    pub decimal: Option<DecimalSign>,
    /// Fields that are numbers.
    pub numeric: BTreeSet<String>,
    /// Fields that are text.
    pub text: BTreeSet<String>,
    /// The length of the bars.
    pub bar: Option<Bar>,
    /// The latest date that a row may have.
    pub latest: Date,
}

impl Default for PlanOptions {
    fn default() -> Self {
        PlanOptions {
            delimiter: None,
            skip_lines: None,
            no_header: false,
            columns: Vec::new(),
            symbol: None,
            symbol_from_file_name: false,
            symbol_column: None,
            key: Vec::new(),
            date_column: None,
            time_column: None,
            date_format: None,
            date: None,
            zone: None,
            decimal: None,
            numeric: BTreeSet::new(),
            text: BTreeSet::new(),
            bar: None,
            latest: Date::MAX,
        }
    }
}
