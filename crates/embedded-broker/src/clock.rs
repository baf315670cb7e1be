//! The broker's clocks. Everything below receives the time from here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// A wall clock for records and a monotonic clock for timeouts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Clock { start: Instant::now() }
    }

    /// Milliseconds since 1970.
    pub(crate) fn wall_ms() -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    /// Milliseconds since the broker started.
    pub(crate) fn monotonic_ms(self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Returns the moment at which [`Clock::monotonic_ms`] reaches `ms`.
    pub(crate) fn instant(self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }
}
