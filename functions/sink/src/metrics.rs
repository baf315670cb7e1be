//! The log line of a batch, from which `CloudWatch` also extracts metrics.
//!
//! The line is in `CloudWatch`'s [embedded metric format]: the fields at the top level are log fields, and `_aws` names
//! the fields that are metrics.
//!
//! [embedded metric format]:
//! https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use std::ops::AddAssign;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

/// Counts for a batch. Failed partitions are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Records in the event, duplicates included.
    pub records: u64,
    /// Size of the objects written, in bytes after compression.
    pub bytes: u64,
    /// Objects written.
    pub objects: u64,
    /// Invalid records, written to the quarantine by this batch or an earlier one.
    pub quarantined: u64,
    /// Records that were already stored, and duplicates within the event.
    pub skipped: u64,
}

impl AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        self.records += other.records;
        self.bytes += other.bytes;
        self.objects += other.objects;
        self.quarantined += other.quarantined;
        self.skipped += other.skipped;
    }
}

/// Formats the log line, without a line feed. `now` is the time since the Unix epoch, and `duration` is the time that
/// the batch took.
pub fn line(function: &str, request_id: &str, now: Duration, duration: Duration, report: &Report) -> String {
    let metrics = [
        ("records", "Count"),
        ("bytes", "Bytes"),
        ("objects", "Count"),
        ("quarantined", "Count"),
        ("skipped", "Count"),
        ("duration", "Milliseconds"),
    ];
    json!({
        "_aws": {
            "Timestamp": u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
            "CloudWatchMetrics": [{
                "Namespace": "Tickerlake",
                "Dimensions": [["function"]],
                "Metrics": metrics.map(|(name, unit)| json!({ "Name": name, "Unit": unit })),
            }],
        },
        "level": "INFO",
        "message": "batch stored",
        "function": function,
        "requestId": request_id,
        "records": report.records,
        "bytes": report.bytes,
        "objects": report.objects,
        "quarantined": report.quarantined,
        "skipped": report.skipped,
        "duration": duration.as_secs_f64() * 1e3,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn every_declared_metric_is_a_number_in_the_line() {
        let report = Report { records: 10, bytes: 300, objects: 2, quarantined: 1, skipped: 0 };
        let text = line("sink", "r-1", Duration::from_millis(1_700_000_000_123), Duration::from_micros(1500), &report);
        assert!(!text.contains('\n'));
        let line: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(line["_aws"]["Timestamp"], 1_700_000_000_123_u64);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        let metrics = directive["Metrics"].as_array().unwrap();
        assert_eq!(metrics.len(), 6);
        for metric in metrics {
            assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{metric}");
        }
        assert!(line[directive["Dimensions"][0][0].as_str().unwrap()].is_string());
        assert_eq!(line["duration"], 1.5);
    }
}
