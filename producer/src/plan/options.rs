//! Options that override individual choices of a reading plan.

use std::collections::BTreeSet;

use encoding_rs::Encoding;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use super::bar::{Bar, InvalidBar};
use super::date_format::{DateFormat, DateFormatError};
use super::moment::Zone;
use super::number_format::DecimalSign;
use super::question::Questions;
use crate::cli::args::{DecimalArg, FeedArgs, SymbolFrom};
use crate::csv::delimiter::{Delimiter, DelimiterError};
use crate::csv::field_name::snake_case;

/// Choices that a user has made; the same for all inputs of a feed.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanOptions {
    /// The character between the cells of a row.
    pub delimiter: Option<Delimiter>,
    /// Number of lines to skip before the header.
    pub skip_lines: Option<u64>,
    /// Whether the first row is data.
    pub no_header: bool,
    /// Names of the columns, instead of a header.
    pub columns: Vec<String>,
    /// The symbol of every row.
    pub symbol: Option<String>,
    /// Whether the file's name is the symbol, even if it does not look like one.
    pub symbol_from_file_name: bool,
    pub symbol_column: Option<String>,
    /// Columns that are part of a quote's identity.
    pub key: Vec<String>,
    pub date_column: Option<String>,
    /// The column with the time of day.
    pub time_column: Option<String>,
    pub date_format: Option<DateFormat>,
    /// The date of every row, for files whose rows have only a time.
    pub date: Option<Date>,
    /// The zone of times without an offset.
    pub zone: Option<Zone>,
    pub decimal: Option<DecimalSign>,
    /// Names of fields to read as numbers.
    pub numeric: BTreeSet<String>,
    /// Names of fields to read as text.
    pub text: BTreeSet<String>,
    /// The length of the bars.
    pub bar: Option<Bar>,
    /// The character encoding.
    pub encoding: Option<&'static Encoding>,
    /// The latest date that a row may have.
    pub latest: Date,
    /// The command that was given, for messages; empty if it is unknown.
    pub command: String,
}

/// Reason that an argument is invalid. Each message names the argument.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PlanOptionsError {
    /// The delimiter is invalid.
    #[error("--delimiter: {0}")]
    Delimiter(#[source] DelimiterError),
    /// The symbol is blank.
    #[error("--symbol is empty; give the symbol of every row, such as AAPL")]
    EmptySymbol,
    /// The symbol contains a control character.
    #[error("--symbol: {0:?} contains a control character; remove it")]
    ControlInSymbol(String),
    /// The date format is invalid.
    #[error("--date-format: {0}")]
    DateFormat(#[source] DateFormatError),
    /// The value of `--date` is not a date.
    #[error("--date: `{0}` is not a date such as 2012-06-21")]
    Date(String),
    /// The zone is unknown.
    #[error(
        "--timezone: `{0}` is neither the name of a time zone, such as UTC or America/New_York, nor an offset, such as -05:00"
    )]
    Zone(String),
    /// The length of the bars is invalid.
    #[error("--bar: {0}")]
    Bar(#[source] InvalidBar),
    /// The encoding is unknown.
    #[error("--encoding: `{0}` is not the name of an encoding, such as utf-8, utf-16le, windows-1252 or gbk")]
    Encoding(String),
    /// A name occurs twice.
    #[error("--columns: {0}")]
    Columns(String),
    /// The field is the symbol or the date, which are always strings, or the name contains no letter or digit.
    #[error("{option}: `{name}` is always a string; leave it out")]
    AlwaysText {
        option: &'static str,
        /// The column.
        name: String,
    },
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
            encoding: None,
            latest: Date::MAX,
            command: String::new(),
        }
    }
}

impl PlanOptions {
    /// Returns `; try: ` and the command to try, with the first answer to each question. Returns an empty string if the
    /// command is unknown or no question has an answer.
    pub(crate) fn command(&self, questions: &Questions) -> String {
        let answers: Vec<&str> = questions
            .0
            .iter()
            .filter_map(|question| question.answers.first())
            .map(|answer| {
                // Explanations follow in parentheses or after a comma and a space.
                let option = answer.split_once(" (").map_or(answer.as_str(), |(option, _)| option);
                option.split_once(", ").map_or(option, |(option, _)| option)
            })
            .collect();
        match answers.is_empty() || self.command.is_empty() {
            true => String::new(),
            false => format!("; try: {} {}", self.command, answers.join(" ")),
        }
    }

    /// Validates the arguments. `now` decides which dates are in the future.
    ///
    /// # Errors
    /// [`PlanOptionsError`] if an argument is invalid.
    pub(crate) fn new(args: &FeedArgs, now: Timestamp) -> Result<Self, PlanOptionsError> {
        use PlanOptionsError as Error;
        Ok(PlanOptions {
            delimiter: args.delimiter.as_deref().map(str::parse).transpose().map_err(Error::Delimiter)?,
            skip_lines: args.skip_lines,
            no_header: args.no_header,
            columns: columns(&args.columns)?,
            symbol: args.symbol.as_deref().map(symbol).transpose()?,
            symbol_from_file_name: args.symbol_from == Some(SymbolFrom::FileName),
            symbol_column: args.symbol_column.clone(),
            key: args.key.clone(),
            date_column: args.date_column.clone(),
            time_column: args.time_column.clone(),
            date_format: args.date_format.as_deref().map(str::parse).transpose().map_err(Error::DateFormat)?,
            date: args.date.as_ref().map(|date| date.parse().map_err(|_| Error::Date(date.clone()))).transpose()?,
            zone: args.timezone.as_deref().map(zone).transpose()?,
            decimal: args.decimal.map(|decimal| match decimal {
                DecimalArg::Point => DecimalSign::Point,
                DecimalArg::Comma => DecimalSign::Comma,
            }),
            numeric: fields("--numeric", &args.numeric)?,
            text: fields("--text", &args.text)?,
            bar: args.bar.as_deref().map(str::parse).transpose().map_err(Error::Bar)?,
            encoding: args
                .encoding
                .as_ref()
                .map(|name| Encoding::for_label(name.as_bytes()).ok_or_else(|| Error::Encoding(name.clone())))
                .transpose()?,
            latest: latest_date(now),
            command: args.command.clone(),
        })
    }
}

/// Returns the latest date that a row may have at the time `now`: the date in UTC 24 hours later.
pub(crate) fn latest_date(now: Timestamp) -> Date {
    let ahead = now.checked_add(SignedDuration::from_hours(24)).unwrap_or(now);
    Offset::UTC.to_datetime(ahead).date()
}

/// Trims the symbol, as the encoder trims a symbol cell.
fn symbol(text: &str) -> Result<String, PlanOptionsError> {
    match text.trim() {
        "" => Err(PlanOptionsError::EmptySymbol),
        symbol if symbol.chars().any(char::is_control) => Err(PlanOptionsError::ControlInSymbol(symbol.to_owned())),
        symbol => Ok(symbol.to_owned()),
    }
}

fn zone(name: &str) -> Result<Zone, PlanOptionsError> {
    match name {
        _ if name.eq_ignore_ascii_case("utc") || name.eq_ignore_ascii_case("gmt") => Ok(Zone::Utc),
        _ if name.starts_with(['+', '-']) => match fixed_offset(name) {
            Some(offset) => Ok(Zone::Named(TimeZone::fixed(offset))),
            None => Err(PlanOptionsError::Zone(name.to_owned())),
        },
        _ => TimeZone::get(name).map(Zone::Named).map_err(|_| PlanOptionsError::Zone(name.to_owned())),
    }
}

/// Parses an offset from UTC, such as `-05:00` or `+0530`.
fn fixed_offset(text: &str) -> Option<Offset> {
    let (hours, minutes) = text[1..].split_once(':').or_else(|| text[1..].split_at_checked(2))?;
    let number = |text: &str| text.parse::<i32>().ok().filter(|_| text.len() == 2);
    let seconds = number(hours)? * 3_600 + number(minutes).filter(|minutes| *minutes < 60)? * 60;
    Offset::from_seconds(if text.starts_with('-') { -seconds } else { seconds }).ok()
}

fn columns(names: &[String]) -> Result<Vec<String>, PlanOptionsError> {
    let names: Vec<String> = names.iter().map(|name| name.trim().to_owned()).collect();
    for (at, name) in names.iter().enumerate() {
        if !name.is_empty() && names[..at].iter().any(|other| other.eq_ignore_ascii_case(name)) {
            return Err(PlanOptionsError::Columns(format!("`{name}` occurs twice")));
        }
    }
    Ok(names)
}

fn fields(option: &'static str, titles: &[String]) -> Result<BTreeSet<String>, PlanOptionsError> {
    titles
        .iter()
        .map(|title| match snake_case(title) {
            name if name == "symbol" || name == "trade_date" || name.is_empty() => {
                Err(PlanOptionsError::AlwaysText { option, name: title.clone() })
            }
            name => Ok(name),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(change: impl FnOnce(&mut FeedArgs)) -> Result<PlanOptions, PlanOptionsError> {
        let mut args = FeedArgs::default();
        change(&mut args);
        PlanOptions::new(&args, "2026-11-28T12:00:00Z".parse().expect("a time"))
    }

    #[test]
    fn the_symbol_is_trimmed() {
        let symbol = |text: &str| options(|args| args.symbol = Some(text.to_owned())).map(|options| options.symbol);
        assert_eq!(symbol(" BRK B "), Ok(Some("BRK B".to_owned())));
        for text in ["", "  ", "\n"] {
            assert_eq!(symbol(text), Err(PlanOptionsError::EmptySymbol), "{text:?}");
        }
        for text in ["A\nB", "A\0", "\u{9b}A"] {
            assert!(matches!(symbol(text), Err(PlanOptionsError::ControlInSymbol(_))), "{text:?}");
        }
    }

    #[test]
    fn the_latest_date_is_a_day_ahead() {
        assert_eq!(options(|_| ()).map(|options| options.latest), Ok(jiff::civil::date(2026, 11, 29)));
    }

    #[test]
    fn numeric_names_become_field_names() {
        let numeric = options(|args| args.numeric = vec!["Ex-Dividend".into(), "splitRatio".into()]);
        assert!(numeric.expect("valid").numeric.iter().eq(["ex_dividend", "split_ratio"]));
        assert!(options(|args| args.numeric = vec!["Symbol".into()]).is_err());
    }

    #[test]
    fn an_invalid_argument_is_named() {
        let message = |change: fn(&mut FeedArgs)| options(change).expect_err("invalid").to_string();
        assert!(message(|args| args.timezone = Some("Mars".into())).starts_with("--timezone: `Mars`"));
        assert!(message(|args| args.date = Some("21/06".into())).starts_with("--date: `21/06`"));
        assert!(message(|args| args.bar = Some("1M".into())).starts_with("--bar: `1M`"));
        assert!(message(|args| args.encoding = Some("klingon".into())).starts_with("--encoding: `klingon`"));
        assert!(message(|args| args.columns = vec!["a".into(), "A".into()]).starts_with("--columns: `A` occurs twice"));
        assert!(message(|args| args.date_format = Some("dd/mm".into())).starts_with("--date-format: `dd/mm`"));
        assert!(message(|args| args.delimiter = Some("x".into())).starts_with("--delimiter: "));
    }
}
