//! Counters, rates, lag and freshness at one moment, as text and as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use producer::report::progress::Snapshot;
use serde::Serialize;
use terminal::numbers::{grouped, size};

use event_source::function::Report;
use event_source::progress::{Counts, TopicPartition};
use terminal::numbers::counted;

/// The state of a command at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Status {
    /// The feed of this process, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fed: Option<Fed>,
    pub stored: Stored,
    /// Records in the topic that are not stored yet, by `topic/partition`.
    pub lag: BTreeMap<String, u64>,
    /// Seconds since the newest stored record was sent.
    pub newest_record_age_seconds: Option<f64>,
}

/// Counters of a feed.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Fed {
    /// Rows read.
    pub read: u64,
    /// Records that the broker confirmed.
    pub delivered: u64,
    /// Confirmed records per second.
    pub delivered_per_second: u64,
    /// Rejected rows, which are not valid quotes.
    pub rejected: u64,
    /// Completed fraction, from 0 to 1.
    pub fraction: Option<f64>,
}

/// Counters of stored records.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Stored {
    /// Records in batches that succeeded.
    pub records: u64,
    /// Stored records per second.
    pub records_per_second: u64,
    /// Batches that succeeded.
    pub batches: u64,
    /// Stored objects; 0 if the function does not report them.
    pub objects: u64,
    /// Compressed size of the stored objects in bytes; 0 if the function does not report it.
    pub bytes: u64,
    /// Quarantined records; 0 if the function does not report them.
    pub quarantined: u64,
    pub failed_invocations: u64,
    /// Records that were stored after a failed invocation.
    pub retried: u64,
    /// Records in discarded batches.
    pub given_up: u64,
    /// Upper limit of the number of records that the broker removed before they were read.
    pub removed: u64,
}

/// The rates of a feed and of stored records, measured as the console measures them.
#[derive(Debug, Default)]
pub struct Meter {
    is_running: bool,
    delivered: console::Meter,
    stored: console::Meter,
}

impl Meter {
    /// Returns the current state. `since` is the time since the start, and `now` is in milliseconds since 1970.
    pub fn measure(
        &mut self,
        since: Duration,
        now: i64,
        fed: Option<Snapshot>,
        counts: &Counts,
        lag: &BTreeMap<TopicPartition, u64>,
    ) -> Status {
        if !std::mem::replace(&mut self.is_running, true) {
            // The counters were zero at the start.
            self.delivered.rate(Duration::ZERO, 0);
            self.stored.rate(Duration::ZERO, 0);
        }
        let delivered = fed.map_or(0, |fed| fed.delivered);
        let delivered_per_second = self.delivered.rate(since, delivered);
        let records_per_second = self.stored.rate(since, counts.records);
        Status {
            fed: fed.map(|fed| Fed {
                read: fed.read,
                delivered,
                delivered_per_second,
                rejected: fed.rejected,
                fraction: fed.fraction(),
            }),
            stored: Stored { records_per_second, ..Stored::from(counts) },
            lag: lag.iter().map(|((topic, partition), records)| (format!("{topic}/{partition}"), *records)).collect(),
            newest_record_age_seconds: counts.newest.map(|newest| now.saturating_sub(newest).max(0) as f64 / 1e3),
        }
    }
}

impl Fed {
    /// Formats the counters as `12,154 read, 12,154 delivered, 2 rejected, 61,203/s`.
    pub fn text(&self) -> String {
        let rejected = match self.rejected {
            0 => String::new(),
            rejected => format!(", {} rejected", grouped(rejected)),
        };
        let (read, delivered) = (grouped(self.read), grouped(self.delivered));
        format!("{read} read, {delivered} delivered{rejected}, {}/s", grouped(self.delivered_per_second))
    }
}

impl From<&Counts> for Stored {
    fn from(counts: &Counts) -> Self {
        Stored {
            records: counts.records,
            records_per_second: 0,
            batches: counts.batches,
            objects: counts.report.objects,
            bytes: counts.report.bytes,
            quarantined: counts.report.quarantined,
            failed_invocations: counts.failures,
            retried: counts.retried,
            given_up: counts.given_up,
            removed: counts.removed,
        }
    }
}

impl Stored {
    /// Formats the counters as `1,200 records (400/s) in 3 batches; 3 objects, 45.0 kB, 0 quarantined`.
    pub fn text(&self) -> String {
        let records = counted(self.records, "record", "records");
        let batches = counted(self.batches, "batch", "batches");
        let mut text = format!("{records} ({}/s) in {batches}{}", grouped(self.records_per_second), self.objects());
        if self.failed_invocations > 0 {
            text += &format!("; {}", counted(self.failed_invocations, "failed invocation", "failed invocations"));
        }
        if self.retried > 0 {
            text += &format!("; {} retried", counted(self.retried, "record", "records"));
        }
        if self.given_up > 0 {
            text += &format!("; {} discarded", counted(self.given_up, "record", "records"));
        }
        text += &removed_text(self.removed);
        text
    }

    /// Formats every counter, without the rate, for the end of a command. Removed records appear only if there are any.
    pub fn closing(&self) -> String {
        let records = counted(self.records, "record", "records");
        let batches = counted(self.batches, "batch", "batches");
        let failed = counted(self.failed_invocations, "failed invocation", "failed invocations");
        let (retried, given_up) = (grouped(self.retried), grouped(self.given_up));
        let removed = removed_text(self.removed);
        format!("{records} in {batches}{}; {failed}, {retried} retried, {given_up} discarded{removed}", self.objects())
    }

    /// Formats the counters of objects. Returns an empty string if the function reported no objects.
    fn objects(&self) -> String {
        if self.objects == 0 {
            return String::new();
        }
        let objects = counted(self.objects, "object", "objects");
        format!("; {objects}, {}, {} quarantined", size(self.bytes), grouped(self.quarantined))
    }
}

impl Status {
    /// Returns the sum of the lag of all partitions.
    pub fn total_lag(&self) -> u64 {
        self.lag.values().sum()
    }

    /// Formats the lag as `120: quotes/0 86, quotes/2 34`, largest first.
    pub fn lag_text(&self) -> String {
        let mut behind: Vec<(&String, u64)> =
            self.lag.iter().filter(|(_, lag)| **lag > 0).map(|(name, lag)| (name, *lag)).collect();
        if behind.is_empty() {
            return "0".to_owned();
        }
        behind.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let lags: Vec<String> = behind.iter().map(|(name, lag)| format!("{name} {}", grouped(*lag))).collect();
        format!("{}: {}", grouped(self.total_lag()), lags.join(", "))
    }

    /// Formats the age of the newest record as `0.4 s`, or returns `None` while nothing is stored.
    pub fn age_text(&self) -> Option<String> {
        self.newest_record_age_seconds.map(|age| match age {
            ..100.0 => format!("{age:.1} s"),
            100.0..6_000.0 => format!("{:.0} min", age / 60.0),
            6_000.0..172_800.0 => format!("{:.0} h", age / 3_600.0),
            _ => format!("{} days", grouped((age / 86_400.0) as u64)),
        })
    }

    /// Formats everything except the feed on one line.
    pub fn line(&self) -> String {
        let age = self.age_text().map_or_else(String::new, |age| format!("; newest sent {age} ago"));
        format!("{}; lag {}{age}", self.stored.text(), self.lag_text())
    }
}

/// Formats the number of removed records as `; up to 290 records removed before they were read`, or as an empty string
/// if the number is 0.
pub(crate) fn removed_text(removed: u64) -> String {
    match removed {
        0 => String::new(),
        _ => format!("; up to {} removed before they were read", counted(removed, "record", "records")),
    }
}

/// Formats a function's counters as `1,200 records in 3 objects, 45.0 kB; 0 quarantined`.
pub(crate) fn report_text(report: &Report) -> String {
    format!(
        "{} in {}, {}; {} quarantined",
        counted(report.records, "record", "records"),
        counted(report.objects, "object", "objects"),
        size(report.bytes),
        grouped(report.quarantined)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_object_is_singular() {
        let report = Report { records: 1_200, bytes: 45_000, objects: 1, quarantined: 0, skipped: 0 };
        assert_eq!(report_text(&report), "1,200 records in 1 object, 45.0 kB; 0 quarantined");
    }

    fn counts(records: u64) -> Counts {
        let report = Report { records, bytes: 45_000, objects: 3, quarantined: 1, skipped: 0 };
        Counts { batches: 3, records, report, newest: Some(1_000_000), ..Counts::default() }
    }

    fn lag() -> BTreeMap<TopicPartition, u64> {
        [(("quotes".to_owned(), 0), 34), (("quotes".to_owned(), 1), 0), (("quotes".to_owned(), 2), 1_086)].into()
    }

    #[test]
    fn line_has_rate_batches_objects_lag_and_freshness() {
        let mut meter = Meter::default();
        let status = meter.measure(Duration::from_secs(2), 1_000_400, None, &counts(1_200), &lag());
        assert_eq!(
            status.line(),
            "1,200 records (600/s) in 3 batches; 3 objects, 45.0 kB, 1 quarantined; \
             lag 1,120: quotes/2 1,086, quotes/0 34; newest sent 0.4 s ago"
        );
        let failing = Counts { failures: 1, retried: 3, given_up: 2, ..Counts::default() };
        let status = Meter::default().measure(Duration::from_secs(1), 0, None, &failing, &BTreeMap::new());
        assert_eq!(
            status.line(),
            "0 records (0/s) in 0 batches; 1 failed invocation; 3 records retried; 2 records discarded; lag 0"
        );
    }

    #[test]
    fn closing_line_has_every_counter_even_if_zero() {
        assert_eq!(
            Stored::from(&counts(1_200)).closing(),
            "1,200 records in 3 batches; 3 objects, 45.0 kB, 1 quarantined; 0 failed invocations, 0 retried, 0 discarded"
        );
        let failing = Counts { failures: 1, retried: 1_000, given_up: 2, ..Counts::default() };
        let closing = Stored::from(&failing).closing();
        assert_eq!(closing, "0 records in 0 batches; 1 failed invocation, 1,000 retried, 2 discarded");
    }

    #[test]
    fn removed_records_are_shown() {
        let counts = Counts { removed: 1_290, ..Counts::default() };
        let status = Meter::default().measure(Duration::from_secs(1), 0, None, &counts, &BTreeMap::new());
        assert_eq!(
            status.line(),
            "0 records (0/s) in 0 batches; up to 1,290 records removed before they were read; lag 0"
        );
        assert_eq!(
            status.stored.closing(),
            "0 records in 0 batches; 0 failed invocations, 0 retried, 0 discarded; \
             up to 1,290 records removed before they were read"
        );
        assert_eq!(serde_json::to_value(&status).unwrap()["stored"]["removed"], 1_290);
    }

    #[test]
    fn rates_cover_the_last_seconds() {
        let mut meter = Meter::default();
        let mut rates = Vec::new();
        for second in 0..=20_u64 {
            let records = if second <= 10 { second * 100 } else { 1_000 };
            let status = meter.measure(Duration::from_secs(second), 0, None, &counts(records), &BTreeMap::new());
            rates.push(status.stored.records_per_second);
        }
        assert_eq!(rates[..11], [0, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100]);
        assert_eq!(rates[15..], [0; 6]);
    }

    #[test]
    fn feed_is_shown_if_it_exists() {
        let fed = Snapshot { read: 2_000, delivered: 1_500, rejected: 2, ..Snapshot::default() };
        let status = Meter::default().measure(Duration::from_secs(3), 0, Some(fed), &counts(0), &BTreeMap::new());
        assert_eq!(status.fed.unwrap().text(), "2,000 read, 1,500 delivered, 2 rejected, 500/s");
    }

    #[test]
    fn age_has_the_unit_that_fits() {
        for (age, text) in
            [(0.04, "0.0 s"), (99.0, "99.0 s"), (600.0, "10 min"), (7_200.0, "2 h"), (864_000.0, "10 days")]
        {
            let status = Status { newest_record_age_seconds: Some(age), ..Status::default() };
            assert_eq!(status.age_text().as_deref(), Some(text));
        }
    }

    #[test]
    fn json_has_every_counter() {
        let status = Meter::default().measure(Duration::from_secs(2), 1_000_400, None, &counts(1_200), &lag());
        let json = serde_json::to_value(&status).unwrap();
        assert_eq!(json["stored"]["records"], 1_200);
        assert_eq!(json["lag"]["quotes/2"], 1_086);
        assert_eq!(json["newest_record_age_seconds"], 0.4);
        assert!(json.get("fed").is_none());
    }
}
