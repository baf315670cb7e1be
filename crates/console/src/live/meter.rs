//! Rates over the last seconds.

use std::collections::VecDeque;
use std::time::Duration;

/// Period over which a rate is measured.
const PERIOD: Duration = Duration::from_secs(5);

/// Samples of a counter, from which its rate is computed.
#[derive(Debug, Default)]
pub struct Meter {
    samples: VecDeque<(Duration, u64)>,
}

impl Meter {
    /// Adds a sample and returns the counter's rate per second. `since` is the time since the start.
    pub fn rate(&mut self, since: Duration, value: u64) -> u64 {
        self.samples.push_back((since, value));
        while self.samples.get(1).is_some_and(|(then, _)| since.saturating_sub(*then) >= PERIOD) {
            self.samples.pop_front();
        }
        let (then, before) = self.samples.front().copied().unwrap_or_default();
        let seconds = since.saturating_sub(then).as_secs_f64().max(1.0);
        (value.saturating_sub(before) as f64 / seconds).round() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rate_is_that_of_the_last_seconds() {
        let mut meter = Meter::default();
        let at = |tenths: u64| Duration::from_millis(tenths * 100);
        assert_eq!(meter.rate(at(0), 100), 0);
        let fast = (1..=100).map(|tenth| meter.rate(at(tenth), 100 + tenth * 50)).last();
        assert_eq!(fast, Some(500));
        let idle = (101..=160).map(|tenth| meter.rate(at(tenth), 5_100)).last();
        assert_eq!(idle, Some(0));
    }

    #[test]
    fn samples_are_bounded() {
        let mut meter = Meter::default();
        for tenth in 0..10_000 {
            meter.rate(Duration::from_millis(tenth * 100), tenth);
        }
        assert!(meter.samples.len() <= 52, "{}", meter.samples.len());
    }
}
