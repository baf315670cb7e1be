//! Command-line arguments that describe a feed. [`Feed`](crate::feed::Feed) validates them.
//!
//! `tickerlake run` takes the same arguments.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use thiserror::Error;

/// Arguments that choose the rows, their order and their pace.
#[derive(Debug, Clone, Default, Args)]
pub struct FeedArgs {
    /// CSV files to read; `-` is standard input, and gzipped input is detected
    #[arg(value_name = "FILES")]
    pub files: Vec<PathBuf>,

    /// Split columns at CHAR, such as ';' or '|', or `tab` [default: a comma]
    ///
    /// One ASCII character, the same for all files. A cell that contains it must be quoted. The files
    /// of rejected rows always use commas: line, reason, and the row as it was written.
    #[arg(long, value_name = "CHAR", help_heading = "Reading")]
    pub delimiter: Option<String>,

    /// Use SYMBOL for every row of files without a symbol column
    ///
    /// SYMBOL becomes the first field and the key of each record. It applies to all files of the
    /// command; a file that has a symbol column is an error. Use it for downloads of a single symbol.
    #[arg(long, value_name = "SYMBOL", help_heading = "Reading")]
    pub symbol: Option<String>,

    /// Read dates in FORMAT, such as %d/%m/%Y for 29/06/1979 [default: ISO, 1979-06-29 with or without a time]
    ///
    /// FORMAT consists of strftime sequences: %Y year, %y its last two digits, %m month, %d day, %b Jun,
    /// %B June, %H:%M:%S time, %I:%M %p time with AM or PM, %f fraction, %z zone (+0200), %s seconds
    /// since 1970. A time of day is kept in the field `traded_at`.
    #[arg(long, value_name = "FORMAT", help_heading = "Reading")]
    pub date_format: Option<String>,

    /// Read additional columns as numbers; separate their names with commas
    ///
    /// Open, high, low, close, adjusted close, volume and close in USD are always numbers; the symbol
    /// and every other column are strings.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Reading")]
    pub numeric: Vec<String>,

    /// Write the files of rejected rows to FOLDER [default: FILE.rejects.csv beside each file]
    #[arg(long, value_name = "FOLDER", help_heading = "Reading")]
    pub rejects: Option<PathBuf>,

    /// Send rows in this order
    #[arg(long, value_enum, default_value_t, help_heading = "Order and pace")]
    pub order: OrderArg,

    /// Draw the same rows each time with --order sample
    #[arg(long, value_name = "N", help_heading = "Order and pace")]
    pub seed: Option<u64>,

    /// Send all rows N times, or `forever`
    #[arg(long, value_name = "N|forever", default_value_t, help_heading = "Order and pace")]
    pub repeat: Repeat,

    /// Send N records per second [default: as fast as the broker accepts them]
    #[arg(long, value_name = "N", value_parser = positive, conflicts_with = "speed", help_heading = "Order and pace")]
    pub rate: Option<f64>,

    /// Replay the rows' dates N times faster than real time; 86400 is one day per second
    #[arg(long, value_name = "N", value_parser = positive, help_heading = "Order and pace")]
    pub speed: Option<f64>,

    /// Time to wait for the last records of an earlier run before continuing after them; `None` starts at the first
    /// row. Not read from the command line: a command with `--resume` sets this field.
    #[arg(skip)]
    pub resume: Option<Duration>,
}

/// Values of `--order`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum OrderArg {
    /// In the order of the files and of their rows
    #[default]
    File,
    /// By date across all files; rows are kept in memory
    Date,
    /// Random rows, drawn with replacement; rows are kept in memory
    Sample,
}

/// Number of times that all rows are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// This many times, at least once.
    Times(u64),
    /// Until the feed is stopped.
    Forever,
}

impl Default for Repeat {
    fn default() -> Self {
        Self::Times(1)
    }
}

/// Error returned when a string is not a [`Repeat`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected `forever` or a whole number of at least 1")]
pub struct InvalidRepeat;

impl FromStr for Repeat {
    type Err = InvalidRepeat;

    fn from_str(text: &str) -> Result<Self, InvalidRepeat> {
        match text.parse() {
            _ if text == "forever" => Ok(Self::Forever),
            Ok(times @ 1..) => Ok(Self::Times(times)),
            _ => Err(InvalidRepeat),
        }
    }
}

impl fmt::Display for Repeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Times(times) => times.fmt(f),
            Self::Forever => f.write_str("forever"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected a number greater than 0")]
struct NotPositive;

fn positive(text: &str) -> Result<f64, NotPositive> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err(NotPositive),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeat_is_a_number_from_one_or_forever() {
        assert_eq!("3".parse(), Ok(Repeat::Times(3)));
        assert_eq!("forever".parse(), Ok(Repeat::Forever));
        for text in ["0", "-1", "", "1.5", "ever"] {
            assert!(text.parse::<Repeat>().is_err(), "{text}");
        }
        assert_eq!(Repeat::default().to_string(), "1");
    }

    #[test]
    fn a_rate_is_above_zero() {
        assert_eq!(positive("0.5"), Ok(0.5));
        for text in ["0", "-1", "NaN", "inf", "fast"] {
            assert!(positive(text).is_err(), "{text}");
        }
    }
}
