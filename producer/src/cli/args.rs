//! Command-line arguments that describe a feed. [`Feed`](crate::feed::Feed) validates them.
//!
//! `tickerlake run` takes the same arguments.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};
use thiserror::Error;

use super::simulate::Simulate;

/// Arguments that choose the rows, their order and their pace.
#[derive(Debug, Clone, Default, Args)]
pub struct FeedArgs {
    /// CSV files to read, plain, gzipped or zipped; `-` is standard input
    #[arg(value_name = "FILES")]
    pub files: Vec<PathBuf>,

    /// Use SYMBOL for every row of every file
    ///
    /// A file of one symbol needs no option if it is named after the symbol, such as AAPL.csv.
    #[arg(long, value_name = "SYMBOL", help_heading = "Reading", conflicts_with_all = ["symbol_column", "symbol_from"])]
    pub symbol: Option<String>,

    /// Take the symbol from COLUMN: the column's title, in any letter case, or its number, counted from 1
    #[arg(long, value_name = "COLUMN", help_heading = "Reading", conflicts_with = "symbol_from")]
    pub symbol_column: Option<String>,

    /// Use each file's name as its symbol, even if it does not look like one
    #[arg(long, value_enum, value_name = "file-name", help_heading = "Reading")]
    pub symbol_from: Option<SymbolFrom>,

    /// Also distinguish quotes of one symbol and time by COLUMNS, such as series, exchange or expiry
    ///
    /// Their cells are joined with slashes into the field `series`. A column titled Series needs no option.
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', help_heading = "Reading")]
    pub key: Vec<String>,

    /// Take the date from COLUMN
    #[arg(long, value_name = "COLUMN", help_heading = "Reading")]
    pub date_column: Option<String>,

    /// Take the time of day from COLUMN
    #[arg(long, value_name = "COLUMN", help_heading = "Reading")]
    pub time_column: Option<String>,

    /// Read dates in FORMAT: a name such as dmy, or a strftime pattern such as %d/%m/%Y
    ///
    /// Names: ymd (2024-12-31, 2024/12/31), dmy (31/12/2024), mdy (12/31/2024), yymmdd, compact (20241231),
    /// d-mon-y (31-Dec-2024), mon-d-y (Dec 31, 2024), epoch-s, epoch-ms, epoch-us, epoch-ns. Each may be
    /// followed by a time. A pattern consists of strftime sequences: %Y year, %y its last two digits, %m month,
    /// %d day, %b Jun, %B June, %H:%M:%S time, %I:%M %p time with AM or PM, %f fraction, %z zone (+0200).
    /// A time of day is kept in the field `traded_at`.
    #[arg(long, value_name = "FORMAT", help_heading = "Reading")]
    pub date_format: Option<String>,

    /// Use DATE for every row of files whose rows have only a time, such as LOBSTER's
    #[arg(long, value_name = "YYYY-MM-DD", help_heading = "Reading")]
    pub date: Option<String>,

    /// Convert times without an offset from ZONE, such as `America/New_York`, to UTC
    ///
    /// Without this option, such times stay as written, unless the column's title says that they are UTC.
    #[arg(long, value_name = "ZONE", allow_hyphen_values = true, help_heading = "Reading")]
    pub timezone: Option<String>,

    /// Read rows as bars of LENGTH: tick, 30s, 5m (minutes), 1h, 1d, 1w, 1mo (months)
    #[arg(long, value_name = "LENGTH", help_heading = "Reading")]
    pub bar: Option<String>,

    /// Give the columns of a file without a header these names, separated by commas
    ///
    /// Use the titles that a header would have: date, time, symbol, open, high, low, close, volume. A column with any
    /// other name becomes a field of that name, and one with an empty name becomes `column_N`.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Reading")]
    pub columns: Vec<String>,

    /// Read the first line as data, not as a header
    #[arg(long, help_heading = "Reading")]
    pub no_header: bool,

    /// Skip N lines before the header
    #[arg(long, value_name = "N", help_heading = "Reading")]
    pub skip_lines: Option<u64>,

    /// Split columns at CHAR, such as ';' or '|', or `tab`
    ///
    /// One ASCII character, the same for all files. A cell that contains it must be quoted. The files
    /// of rejected rows always use commas: line, reason, and the row as it was written.
    #[arg(long, value_name = "CHAR", help_heading = "Reading")]
    pub delimiter: Option<String>,

    /// Read numbers with this decimal sign
    #[arg(long, value_enum, value_name = "SIGN", help_heading = "Reading")]
    pub decimal: Option<DecimalArg>,

    /// Read these columns as numbers; separate their names with commas
    ///
    /// Prices and volume are always numbers. Every other column is a column of numbers if all sampled
    /// cells are numbers, and text otherwise.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Reading")]
    pub numeric: Vec<String>,

    /// Read these columns as text, for example codes that consist of digits
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Reading")]
    pub text: Vec<String>,

    /// Decode the files from ENCODING, such as windows-1252 or gbk
    #[arg(long, value_name = "ENCODING", help_heading = "Reading")]
    pub encoding: Option<String>,

    /// Write the files of rejected rows to FOLDER [default: FILE.rejects.csv beside each file]
    #[arg(long, value_name = "FOLDER", help_heading = "Reading")]
    pub rejects: Option<PathBuf>,

    /// Send rows in this order
    #[arg(long, value_enum, default_value_t, help_heading = "Order and pace")]
    pub order: OrderArg,

    /// Use N as the random seed of --order sample and --simulate; the same seed gives the same rows
    ///
    /// Without --seed, --order sample draws different rows each time, and --simulate uses the seed 1.
    #[arg(long, value_name = "N", help_heading = "Order and pace")]
    pub seed: Option<u64>,

    /// Replace each bar with simulated rows: `ticks`, `ticks:N` or `1m`
    ///
    /// Simulates trades (50 for each bar, or N from 4 to 10000; fewer for a bar with a small volume) or one-minute
    /// bars. The first price is the bar's open, the last its close, the extremes are its high and low, and the volumes
    /// add up to its volume, all exactly. The rows of a daily bar are from 09:30 to 16:00 on its date, without a zone;
    /// those of a shorter bar begin at its time. The records contain "simulated":true and only these columns of the
    /// file: symbol, date, time, prices, volume and series. The same seed simulates the same rows. Ticks, bars of more
    /// than one day, and bars without open, high, low or close are sent unchanged. Use --order date if the files have
    /// several symbols, and --speed to replay the rows at a natural pace.
    #[arg(long, value_name = "ROWS", help_heading = "Order and pace")]
    pub simulate: Option<Simulate>,

    /// Keep reading a file that grows, until Ctrl-C
    ///
    /// Sends each row once its line is complete. Waits until the file has two lines, and creates the reading plan from
    /// them. A file that is replaced, or becomes shorter, is read again from its start. Takes one uncompressed file and
    /// sends it in file order.
    #[arg(long, help_heading = "Order and pace")]
    pub follow: bool,

    /// Send all rows N times, or `forever`
    #[arg(long, value_name = "N|forever", default_value_t, help_heading = "Order and pace")]
    pub repeat: Repeat,

    /// Send N records per second [default: as fast as the broker accepts them]
    #[arg(long, value_name = "N", value_parser = positive, conflicts_with = "speed", help_heading = "Order and pace")]
    pub rate: Option<f64>,

    /// Replay the rows' dates N times faster than real time; 86400 is one day per second
    #[arg(long, value_name = "N", value_parser = positive, help_heading = "Order and pace")]
    pub speed: Option<f64>,

    /// A resumed feed continues once no new row of it has arrived in the topic for this long. `None` starts the feed at
    /// its first row. Not read from the command line: a command with `--resume` sets this field.
    #[arg(skip)]
    pub resume: Option<Duration>,

    /// The command that was given, for messages; empty if it is unknown.
    #[arg(skip)]
    pub command: String,
}

/// Values of `--symbol-from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SymbolFrom {
    /// The file's name without its extensions
    FileName,
}

/// Values of `--decimal`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DecimalArg {
    /// 1234.5
    Point,
    /// 1234,5
    Comma,
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
