//! The command-line arguments of a feed, as given; [`crate::feed`] validates them into types.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};

/// What is fed, and how.
#[derive(Debug, Clone, Default, Args)]
pub struct FeedArgs {
    /// CSV files; `-` is standard input, gzipped input is recognised
    #[arg(value_name = "FILES")]
    pub files: Vec<PathBuf>,

    /// What separates the columns, such as ';' or '|', or `tab` [default: a comma]
    ///
    /// One ASCII character, the same for all files. A cell that holds it is written in quotes. The
    /// files of rejected rows are separated by commas all the same: line, reason, and the row as it
    /// was written.
    #[arg(long, value_name = "CHAR", help_heading = "Reading")]
    pub delimiter: Option<String>,

    /// The symbol of every row, for files without a symbol column
    ///
    /// It becomes each record's first field and its key, and holds for all files; a file that has a
    /// symbol column is refused. Downloads of a single symbol are of this kind.
    #[arg(long, value_name = "SYMBOL", help_heading = "Reading")]
    pub symbol: Option<String>,

    /// How dates are written, such as %d/%m/%Y for 29/06/1979 [default: ISO, 1979-06-29 with or without a time]
    ///
    /// The sequences are strftime's: %Y year, %y its last two digits, %m month, %d day, %b Jun, %B
    /// June, %H:%M:%S time, %I:%M %p time with AM or PM, %f fraction, %z zone (+0200), %s seconds
    /// since 1970. A value with a time of day keeps it in the field `traded_at`.
    #[arg(long, value_name = "FORMAT", help_heading = "Reading")]
    pub date_format: Option<String>,

    /// Further columns that hold numbers, separated by commas
    ///
    /// Open, high, low, close, adjusted close, volume and close in USD are numbers already; the
    /// symbol and every other column are strings.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "Reading")]
    pub numeric: Vec<String>,

    /// Put the files of rejected rows into this folder [default: FILE.rejects.csv beside each file]
    #[arg(long, value_name = "FOLDER", help_heading = "Reading")]
    pub rejects: Option<PathBuf>,

    /// In which order rows are sent
    #[arg(long, value_enum, default_value_t, help_heading = "Order and pace")]
    pub order: OrderArg,

    /// Makes --order sample draw the same rows each time
    #[arg(long, value_name = "N", help_heading = "Order and pace")]
    pub seed: Option<u64>,

    /// Send everything N times, or `forever`
    #[arg(long, value_name = "N|forever", default_value_t, help_heading = "Order and pace")]
    pub repeat: Repeat,

    /// Send N records a second [default: as fast as the broker takes them]
    #[arg(long, value_name = "N", value_parser = positive, conflicts_with = "speed", help_heading = "Order and pace")]
    pub rate: Option<f64>,

    /// Send as time passed in the rows' dates, but N times faster; 86400 is a day a second
    #[arg(long, value_name = "N", value_parser = positive, help_heading = "Order and pace")]
    pub speed: Option<f64>,

    /// Go on where an earlier run of this feed has stopped, after so long without news of it; only a command that offers
    /// it sets this.
    #[arg(skip)]
    pub resume: Option<Duration>,
}

/// The values of `--order`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum OrderArg {
    /// As the files have them, one file after the other
    #[default]
    File,
    /// By date across all files; rows are held in memory
    Date,
    /// Random rows, drawn with replacement; rows are held in memory
    Sample,
}

/// How often everything is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// So many times, at least once.
    Times(u64),
    /// Until it is stopped.
    Forever,
}

impl Default for Repeat {
    fn default() -> Self {
        Self::Times(1)
    }
}

impl FromStr for Repeat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            _ if text == "forever" => Ok(Self::Forever),
            Ok(times @ 1..) => Ok(Self::Times(times)),
            _ => Err("expected `forever` or a number from 1".to_owned()),
        }
    }
}

impl std::fmt::Display for Repeat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Times(times) => times.fmt(f),
            Self::Forever => f.write_str("forever"),
        }
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err("expected a number above 0".to_owned()),
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
