//! `--simulate`: replaces each bar with simulated rows (ticks or one-minute bars) whose prices stay within its range.
//!
//! The rows of a bar begin at its open, end at its close, and reach its high and its low, and their volumes add up to
//! its volume. All of this is exact, because numbers are whole units of their last digit, never floats. Rows depend on
//! the bar and the seed alone, so they are the same in every order and in every run. Each record contains
//! `"simulated":true`.
//!
//! - `bar` reads a bar from its record and checks that simulated rows can replace it;
//! - `path` computes prices, volumes and times;
//! - `decimal` has exact decimal numbers, and `random` the random number generator.

mod bar;
mod decimal;
mod path;
mod random;
#[cfg(test)]
mod tests;

pub(crate) use self::bar::{NotSimulated, RealBar};

use self::decimal::Decimal;
use self::random::Random;
use crate::cli::simulate::Simulate;
use crate::plan::moment::write_instant;

const MINUTE_MICROS: i64 = 60_000_000;
/// Number of prices on the path of each one-minute bar, which determine the bar's open, high, low and close.
const PRICES_PER_MINUTE: usize = 4;

/// The settings of `--simulate`: which rows replace a bar, and the seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Simulation {
    pub(crate) rows: Simulate,
    pub(crate) seed: u64,
}

/// The simulated rows of one bar, which are written one after the other.
#[derive(Debug)]
pub(crate) struct MadeRows {
    /// The JSON before the time.
    prefix: Vec<u8>,
    /// The JSON after the volume.
    suffix: Vec<u8>,
    is_utc: bool,
    decimals: u32,
    volume_decimals: u32,
    prices_per_row: usize,
    prices: Vec<i128>,
    /// The volume of each row; empty if the bar has no volume.
    volumes: Vec<i128>,
    /// The time of each row, in microseconds since 1970-01-01T00:00:00Z.
    times: Vec<i64>,
    next: usize,
}

impl Simulation {
    /// Reads the bar that simulated rows replace. `micros` is the time of the record.
    ///
    /// # Errors
    /// [`NotSimulated`] if the record must be sent unchanged.
    pub(crate) fn bar<'a>(&self, record: &'a [u8], micros: i64) -> Result<RealBar<'a>, NotSimulated> {
        let bar = RealBar::parse(record, micros)?;
        match self.rows {
            Simulate::Minutes if bar.seconds <= 60 || bar.seconds % 60 != 0 => Err(NotSimulated::Short),
            _ => Ok(bar),
        }
    }

    /// Returns the number of rows that replace a bar. A bar with a small volume gets fewer ticks, so that each tick has
    /// a volume, but never fewer than [`Simulate::MIN_TICKS`].
    pub(crate) fn rows_of(&self, bar: &RealBar<'_>) -> usize {
        match self.rows {
            Simulate::Minutes => (bar.seconds / 60) as usize,
            Simulate::Ticks(ticks) => {
                let (least, most) = (Simulate::MIN_TICKS as usize, ticks as usize);
                match bar.volume {
                    Some(Decimal { units: units @ 1.., .. }) => {
                        usize::try_from(units).unwrap_or(most).clamp(least, most)
                    }
                    _ => most,
                }
            }
        }
    }

    /// Simulates the rows of a bar.
    pub(crate) fn make(&self, bar: &RealBar<'_>) -> MadeRows {
        let rows = self.rows_of(bar);
        let series = bar.fields.series.map_or("", |series| series.get());
        let seq = bar.fields.seq.map_or("", |seq| seq.get());
        let start = bar.start.to_le_bytes();
        let parts = [bar.fields.symbol.get().as_bytes(), series.as_bytes(), seq.as_bytes(), &start];
        let mut random = Random::of_bar(self.seed, parts);
        let (prices_per_row, times): (_, Vec<i64>) = match self.rows {
            Simulate::Minutes => {
                (PRICES_PER_MINUTE, (0..rows as i64).map(|row| bar.start + row * MINUTE_MICROS).collect())
            }
            Simulate::Ticks(_) => {
                let times = path::times(bar.seconds * 1_000_000, rows, &mut random);
                (1, times.into_iter().map(|time| bar.start + time).collect())
            }
        };
        let name = match self.rows {
            Simulate::Minutes => "1m",
            Simulate::Ticks(_) => "tick",
        };
        let (symbol, date) = (bar.fields.symbol.get(), bar.fields.trade_date.get());
        let prefix = format!(r#"{{"symbol":{symbol},"trade_date":{date},"bar":"{name}","traded_at":""#);
        let mut suffix = String::new();
        if !series.is_empty() {
            suffix.push_str(&format!(r#","series":{series}"#));
        }
        if !seq.is_empty() {
            suffix.push_str(&format!(r#","seq":{seq}"#));
        }
        suffix.push_str(r#","simulated":true}"#);
        MadeRows {
            prefix: prefix.into_bytes(),
            suffix: suffix.into_bytes(),
            is_utc: bar.fields.is_utc(bar.is_daily()),
            decimals: bar.decimals,
            volume_decimals: bar.volume.map_or(0, |volume| volume.decimals),
            prices_per_row,
            prices: path::prices(bar.range, rows * prices_per_row, &mut random),
            volumes: bar.volume.map_or_else(Vec::new, |volume| path::amounts(volume.units, rows, &mut random)),
            times,
            next: 0,
        }
    }
}

impl MadeRows {
    /// Returns the time of the next row; `None` after the last.
    pub(crate) fn next_micros(&self) -> Option<i64> {
        self.times.get(self.next).copied()
    }

    /// Returns `true` if no row has been written yet.
    pub(crate) fn is_at_start(&self) -> bool {
        self.next == 0
    }

    /// Writes the next row to `json`, replacing its content, and returns its time. Returns `None` after the last row.
    pub(crate) fn write_next(&mut self, json: &mut Vec<u8>) -> Option<i64> {
        let micros = self.next_micros()?;
        let prices = self.prices.get(self.next * self.prices_per_row..)?.get(..self.prices_per_row)?;
        json.clear();
        json.extend_from_slice(&self.prefix);
        write_instant(micros, json);
        json.extend_from_slice(if self.is_utc { br#"","zone":"UTC""# } else { br#"""# });
        let mut price = |name: &str, units: i128| {
            json.extend_from_slice(name.as_bytes());
            Decimal { units, decimals: self.decimals }.write(json);
        };
        if let ([first, .., last], Some(high), Some(low)) = (prices, prices.iter().max(), prices.iter().min()) {
            price(r#","open":"#, *first);
            price(r#","high":"#, *high);
            price(r#","low":"#, *low);
            price(r#","close":"#, *last);
        } else if let [only] = prices {
            price(r#","close":"#, *only);
        }
        if let Some(&units) = self.volumes.get(self.next) {
            json.extend_from_slice(br#","volume":"#);
            Decimal { units, decimals: self.volume_decimals }.write(json);
        }
        json.extend_from_slice(&self.suffix);
        self.next += 1;
        Some(micros)
    }
}
