//! The value of `--simulate`.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The rows that replace a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Simulate {
    /// This many trades for each bar, or fewer if the bar's volume has fewer units.
    Ticks(u32),
    /// Bars of one minute.
    Minutes,
}

impl Simulate {
    /// Number of ticks for each bar if the option does not give one.
    pub const DEFAULT_TICKS: u32 = 50;
    /// Minimum number of ticks for each bar, because open, high, low and close can be four different prices.
    /// `--simulate` rejects a smaller number.
    pub const MIN_TICKS: u32 = 4;
    /// Maximum number of ticks for each bar, which limits the memory that a bar needs. `--simulate` rejects a larger
    /// number.
    pub const MAX_TICKS: u32 = 10_000;
    /// Seed if `--seed` is not given. It is a constant, so that two runs of one command simulate the same rows.
    pub const DEFAULT_SEED: u64 = 1;
}

/// Error returned when a string is not a [`Simulate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected `ticks`, `ticks:N` with N from {} to {}, or `1m`", Simulate::MIN_TICKS, Simulate::MAX_TICKS)]
pub struct InvalidSimulate;

impl FromStr for Simulate {
    type Err = InvalidSimulate;

    fn from_str(text: &str) -> Result<Self, InvalidSimulate> {
        match text {
            "ticks" => Ok(Self::Ticks(Self::DEFAULT_TICKS)),
            "1m" => Ok(Self::Minutes),
            _ => match text.strip_prefix("ticks:").map(str::parse) {
                Some(Ok(ticks @ Self::MIN_TICKS..=Self::MAX_TICKS)) => Ok(Self::Ticks(ticks)),
                _ => Err(InvalidSimulate),
            },
        }
    }
}

impl fmt::Display for Simulate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ticks(ticks) => write!(f, "ticks:{ticks}"),
            Self::Minutes => f.write_str("1m"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_parsed_as_it_is_written() {
        for text in ["ticks:4", "ticks:10000", "1m"] {
            assert_eq!(text.parse::<Simulate>().map(|value| value.to_string()).as_deref(), Ok(text));
        }
        assert_eq!("ticks".parse(), Ok(Simulate::Ticks(50)));
        for text in ["", "tick", "ticks:", "ticks:3", "ticks:10001", "5m", "1d"] {
            assert_eq!(text.parse::<Simulate>(), Err(InvalidSimulate), "{text}");
        }
    }
}
