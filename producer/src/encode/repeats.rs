//! Counts rows of the same symbol, series and instant, so that each is a separate quote.
//!
//! A symbol's rows are usually in chronological order, so rows with the same instant follow each other. For each
//! symbol, it is then enough to keep the earliest, the latest and the last instant. A log of all instants, at about
//! three bytes per row, is kept as well. It is expanded into a table only if an instant falls between the earliest and
//! the latest one and differs from the last.

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
    /// The last instant, and the number of consecutive rows with it.
    last: (i64, u32),
    /// The difference between each instant and the previous one, encoded by [`push`].
    log: Vec<u8>,
    /// Number of rows at each instant; `None` while the log is sufficient.
    counts: Option<HashMap<i64, u32>>,
}

impl Repeats {
    /// Adds a row. Returns the number of rows so far with this symbol, series and instant (in microseconds), including
    /// this one.
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

const MICROS_PER_SECOND: i64 = 1_000_000;

/// Appends a difference in microseconds. Whole seconds, which most differences are, are stored as seconds: a day takes
/// three bytes.
///
/// The number is zigzag-encoded (the sign in the lowest bit) and written with its lowest bits first:
///
/// ```text
/// first byte    | another byte follows | 6 bits of the number | the number is in microseconds |
/// further bytes | another byte follows | 7 bits of the number                                 |
/// ```
fn push(log: &mut Vec<u8>, micros: i64) {
    let is_fraction = micros % MICROS_PER_SECOND != 0;
    let number = if is_fraction { micros } else { micros / MICROS_PER_SECOND };
    let zigzag = ((number << 1) ^ (number >> 63)) as u64;
    let (mut bits, mut rest) = (((zigzag & 0x3f) << 1) | u64::from(is_fraction), zigzag >> 6);
    while rest > 0 {
        log.push(bits as u8 | 0x80);
        (bits, rest) = (rest & 0x7f, rest >> 7);
    }
    log.push(bits as u8);
}

fn decode(log: &[u8]) -> HashMap<i64, u32> {
    let mut counts = HashMap::new();
    let mut instant = 0_i64;
    let mut bytes = log.iter().copied();
    while let Some(first) = bytes.next() {
        let mut zigzag = u64::from(first & 0x7f) >> 1;
        let (mut byte, mut shift) = (first, 6);
        while byte & 0x80 != 0 {
            let Some(next) = bytes.next() else { break };
            zigzag |= u64::from(next & 0x7f) << shift;
            (byte, shift) = (next, shift + 7);
        }
        let number = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
        let micros = if first & 1 == 1 { number } else { number.wrapping_mul(MICROS_PER_SECOND) };
        instant = instant.wrapping_add(micros);
        *counts.entry(instant).or_default() += 1;
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

    #[test]
    fn whole_seconds_take_few_bytes() {
        for (micros, bytes) in [(0, 1), (31_000_000, 1), (86_400_000_000, 3), (-3 * 86_400_000_000, 3), (1, 1)] {
            let mut log = Vec::new();
            push(&mut log, micros);
            assert_eq!(log.len(), bytes, "{micros}");
        }
    }

    proptest! {
        #[test]
        fn counts_equal_those_of_a_table(rows in proptest::collection::vec((0_u8..3, -5_i64..5, 0_i64..3), 0..80)) {
            let (mut repeats, mut table) = (Repeats::default(), HashMap::new());
            for (symbol, seconds, micros) in rows {
                let instant = seconds * MICROS_PER_SECOND + micros;
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
