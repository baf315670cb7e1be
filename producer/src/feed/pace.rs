//! Decides when each record is due. The caller passes in the time, so nothing here reads a clock.

use std::time::Duration;

/// Rate at which records are sent.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) enum Pace {
    /// As fast as the broker accepts records.
    #[default]
    Unlimited,
    /// This many records per second.
    Rate(f64),
    /// Replays the rows' dates this many times faster than real time.
    Speed(f64),
}

/// Maximum delay that a feed catches up on. The rest of a longer delay is skipped, to avoid a long burst.
const MAX_CATCH_UP: Duration = Duration::from_secs(1);

/// Timer that spaces records at a [`Pace`].
#[derive(Debug)]
pub(crate) struct Pacer {
    pace: Pace,
    due: Duration,
    last_micros: Option<i64>,
}

impl Pacer {
    /// Creates a pacer whose first record is due immediately.
    #[must_use]
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace, due: Duration::ZERO, last_micros: None }
    }

    /// Returns the time to wait before sending the next record. `now` is the time since the start, and `micros` the
    /// time of the record's trade, in microseconds since 1970-01-01T00:00:00Z.
    ///
    /// With [`Pace::Speed`], a row that is older than the previous row is due immediately. If one symbol's history
    /// follows another's, each is thus replayed from its beginning.
    pub(crate) fn wait(&mut self, now: Duration, micros: i64) -> Duration {
        let last = self.last_micros.replace(micros);
        let step = match (self.pace, last) {
            (Pace::Unlimited, _) => return Duration::ZERO,
            (_, None) => Duration::ZERO,
            (Pace::Rate(per_second), _) => seconds(1.0 / per_second),
            (Pace::Speed(times), Some(last)) => seconds(micros.saturating_sub(last).max(0) as f64 / 1e6 / times),
        };
        self.due = self.due.saturating_add(step).max(now.saturating_sub(MAX_CATCH_UP));
        self.due.saturating_sub(now)
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: i64 = 86_400_000_000;

    /// Returns the time at which each record is sent, on a clock that moves only while waiting.
    fn sent(pace: Pace, moments: impl IntoIterator<Item = i64>) -> Vec<Duration> {
        let mut pacer = Pacer::new(pace);
        let mut now = Duration::ZERO;
        moments
            .into_iter()
            .map(|micros| {
                now += pacer.wait(now, micros);
                now
            })
            .collect()
    }

    #[test]
    fn a_rate_spaces_records_evenly() {
        let sent = sent(Pace::Rate(50.0), [0; 101]);
        assert_eq!(sent[1], Duration::from_millis(20));
        assert_eq!(sent[100], Duration::from_secs(2));
    }

    #[test]
    fn a_speed_follows_the_dates() {
        let day = Duration::from_secs(1);
        assert_eq!(
            sent(Pace::Speed(86_400.0), [5 * DAY, 6 * DAY, 6 * DAY, 9 * DAY]),
            [Duration::ZERO, day, day, 4 * day]
        );
    }

    #[test]
    fn an_older_row_is_due_immediately() {
        let day = Duration::from_secs(1);
        assert_eq!(
            sent(Pace::Speed(86_400.0), [DAY, 3 * DAY, DAY, 2 * DAY]),
            [Duration::ZERO, 2 * day, 2 * day, 3 * day]
        );
    }

    #[test]
    fn a_delayed_feed_does_not_burst_for_long() {
        let mut pacer = Pacer::new(Pace::Rate(10.0));
        assert_eq!(pacer.wait(Duration::ZERO, 0), Duration::ZERO);
        let delay = Duration::from_secs(3600);
        let at_once = (0..100).take_while(|_| pacer.wait(delay, 0).is_zero()).count();
        assert_eq!(at_once, 11);
    }

    proptest! {
        #[test]
        fn a_rate_is_met_and_never_exceeded(rate in 0.5f64..100_000.0, records in 2usize..500) {
            let last = sent(Pace::Rate(rate), vec![0; records])[records - 1].as_secs_f64();
            let expected = (records - 1) as f64 / rate;
            prop_assert!((last - expected).abs() < 1e-6 * records as f64, "{} {}", last, expected);
        }

        #[test]
        fn no_pace_overflows(times in 1e-300f64..1e300, a in any::<i64>(), b in any::<i64>()) {
            let mut pacer = Pacer::new(Pace::Speed(times));
            pacer.wait(Duration::ZERO, a);
            pacer.wait(Duration::MAX, b);
            pacer.wait(Duration::ZERO, a);
        }
    }
}
