//! Counts rows of the same symbol, series and instant, so that each is a separate quote.
//!
//! A symbol's rows are mostly in the order of time, where a repeated instant follows its first row or never comes. So a
//! symbol keeps its earliest and latest instant and a log of all, in about three bytes a row. The log is expanded into a
//! table only if an instant falls inside what has been seen.

use std::collections::HashMap;

/// The rows of one file, by symbol and series.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    symbols: HashMap<Box<[u8]>, usize>,
    histories: Vec<History>,
    /// The identity of the last row and the index of its history.
    last: (Vec<u8>, usize),
}

#[derive(Debug, Default)]
struct History {
    earliest: i64,
    latest: i64,
    /// The last instant, and how many rows had it one after the other.
    last: (i64, u32),
    /// The distance of each instant from the one before, in a variable number of bytes.
    log: Vec<u8>,
    /// Rows by instant, once they are needed.
    counts: Option<HashMap<i64, u32>>,
}

impl Repeats {
    /// Adds a row. Returns how many rows of this symbol, series and instant there have been, this one included.
    /// `instant` may have any unit.
    pub(crate) fn add(&mut self, identity: &[u8], instant: i64) -> u32 {
        if self.histories.is_empty() || self.last.0 != identity {
            let next = self.histories.len();
            let index = match self.symbols.get(identity) {
                Some(&index) => index,
                None => {
                    self.symbols.insert(identity.into(), next);
                    self.histories.push(History::default());
                    next
                }
            };
            self.last.0.clear();
            self.last.0.extend_from_slice(identity);
            self.last.1 = index;
        }
        self.histories.get_mut(self.last.1).map_or(1, |history| history.add(instant))
    }
}

impl History {
    fn add(&mut self, instant: i64) -> u32 {
        let is_first = self.log.is_empty() && self.counts.is_none();
        if let Some(counts) = &mut self.counts {
            let count = counts.entry(instant).or_default();
            *count += 1;
            return *count;
        }
        let follows = is_first || instant > self.latest || instant < self.earliest;
        if !follows && instant != self.last.0 {
            let counts = self.counts.insert(decode(&self.log));
            self.log = Vec::new();
            let count = counts.entry(instant).or_default();
            *count += 1;
            return *count;
        }
        let repeated = if !is_first && instant == self.last.0 { self.last.1 + 1 } else { 1 };
        push(&mut self.log, instant.wrapping_sub(self.last.0));
        if is_first {
            (self.earliest, self.latest) = (instant, instant);
        }
        self.earliest = self.earliest.min(instant);
        self.latest = self.latest.max(instant);
        self.last = (instant, repeated);
        repeated
    }
}

/// Appends a number, the sign in its lowest bit, seven bits a byte.
fn push(log: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)) as u64;
    while rest >= 0x80 {
        log.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    log.push(rest as u8);
}

fn decode(log: &[u8]) -> HashMap<i64, u32> {
    let mut counts = HashMap::new();
    let (mut instant, mut number, mut shift) = (0_i64, 0_u64, 0);
    for byte in log {
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            let distance = (number >> 1) as i64 ^ -((number & 1) as i64);
            instant = instant.wrapping_add(distance);
            *counts.entry(instant).or_default() += 1;
            (number, shift) = (0, 0);
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_in_order_need_no_table() {
        let mut repeats = Repeats::default();
        for instant in [5, 5, 7, 5_000_000_000, 3, 1] {
            repeats.add(b"A", instant);
        }
        assert!(repeats.histories.iter().all(|history| history.counts.is_none()));
        assert_eq!(repeats.add(b"B", 5), 1);
    }

    proptest! {
        #[test]
        fn counts_equal_those_of_a_table(rows in proptest::collection::vec((0_u8..3, -5_i64..5), 0..80)) {
            let (mut repeats, mut table) = (Repeats::default(), HashMap::new());
            for (symbol, instant) in rows {
                let count: &mut u32 = table.entry((symbol, instant)).or_default();
                *count += 1;
                prop_assert_eq!(repeats.add(&[symbol], instant), *count);
            }
        }

        #[test]
        fn any_instant_survives_the_log(instants in proptest::collection::vec(any::<i64>(), 1..20)) {
            let mut log = Vec::new();
            let mut last = 0_i64;
            for &instant in &instants {
                push(&mut log, instant.wrapping_sub(last));
                last = instant;
            }
            let mut table: HashMap<i64, u32> = HashMap::new();
            instants.iter().for_each(|instant| *table.entry(*instant).or_default() += 1);
            prop_assert_eq!(decode(&log), table);
        }
    }
}
