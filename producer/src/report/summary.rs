//! What a feed did.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use terminal::exit_code::{INTERRUPTED, ROWS_REJECTED};
use terminal::numbers::{grouped, size};

use crate::report::progress::Snapshot;

pub use crate::delivery::tracker::PartitionDelivery;

/// What a feed did, once it has ended.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Rows taken from the inputs, blank ones aside; a row sent again counts again.
    pub read: u64,
    /// Records that the broker confirmed.
    pub delivered: u64,
    /// Records printed instead of sent.
    pub printed: u64,
    /// Whether records were printed, even if there were none.
    #[serde(skip)]
    pub dry_run: bool,
    /// Rows that the topic had already, if the feed was resumed.
    pub already: Option<u64>,
    /// Rows that could not be quotes.
    pub rejected: u64,
    /// Blank lines.
    pub blank: u64,
    /// Bytes of the records delivered or printed, keys and values.
    pub bytes: u64,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Records delivered or printed a second.
    pub rate: f64,
    /// Whether it was stopped before the last row.
    pub interrupted: bool,
    /// The seed of a sampled feed.
    pub seed: Option<u64>,
    /// By partition, what was confirmed.
    pub partitions: BTreeMap<i32, PartitionDelivery>,
    /// Files that hold rejected rows.
    pub rejects: Vec<PathBuf>,
    /// What looked odd in the inputs.
    pub warnings: Vec<String>,
}

impl Summary {
    pub(crate) fn new(counts: Snapshot, printed: u64, took: Duration) -> Self {
        let records = counts.delivered + printed;
        Self {
            read: counts.read,
            delivered: counts.delivered,
            printed,
            dry_run: false,
            already: None,
            rejected: counts.rejected,
            blank: counts.blank,
            bytes: counts.bytes,
            seconds: took.as_secs_f64(),
            rate: records as f64 / took.as_secs_f64().max(1e-9),
            interrupted: false,
            seed: None,
            partitions: BTreeMap::new(),
            rejects: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// The exit code of a program that fed this: 0 all delivered, 3 rows were rejected, 130 interrupted.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self { interrupted: true, .. } => INTERRUPTED,
            Self { rejected: 1.., .. } => ROWS_REJECTED,
            _ => 0,
        }
    }

    /// The summary for a reader, each line ended.
    #[must_use]
    pub fn to_text(&self) -> String {
        let (records, verb) = if self.dry_run { (self.printed, "printed") } else { (self.delivered, "delivered") };
        let already = self.already.map_or_else(String::new, |rows| format!("{} in the topic already, ", grouped(rows)));
        let mut text = format!(
            "{} rows read, {already}{} {verb}, {} rejected, {} blank; {} in {:.1} s, {}/s\n",
            grouped(self.read),
            grouped(records),
            grouped(self.rejected),
            grouped(self.blank),
            size(self.bytes),
            self.seconds,
            grouped(self.rate.round() as u64),
        );
        let mut line = |line: std::fmt::Arguments<'_>| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{line}");
        };
        for path in &self.rejects {
            line(format_args!("rejected rows, with their reasons: {}", path.display()));
        }
        if let Some(seed) = self.seed {
            line(format_args!("the same rows again: --seed {seed}"));
        }
        if self.interrupted {
            line(format_args!("interrupted before the last row; what is counted above is complete"));
        }
        text
    }

    /// The summary as one JSON object on one line.
    ///
    /// # Errors
    /// None in practice; the type's numbers and strings all have a JSON form.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary() -> Summary {
        let counts = Snapshot { read: 5_694, delivered: 5_693, rejected: 1, bytes: 912_345, ..Snapshot::default() };
        let mut summary = Summary::new(counts, 0, Duration::from_millis(500));
        summary.partitions.insert(3, PartitionDelivery { records: 5_693, first_offset: 10, last_offset: 5_702 });
        summary.rejects.push("a.csv.rejects.csv".into());
        summary
    }

    #[test]
    fn the_text_says_what_was_confirmed() {
        assert_eq!(
            summary().to_text(),
            "5,694 rows read, 5,693 delivered, 1 rejected, 0 blank; 912.3 kB in 0.5 s, 11,386/s\n\
             rejected rows, with their reasons: a.csv.rejects.csv\n"
        );
    }

    #[test]
    fn a_resumed_feed_says_what_was_there_already() {
        let resumed = Summary { already: Some(12_000), ..summary() };
        let text = resumed.to_text();
        assert!(
            text.starts_with("5,694 rows read, 12,000 in the topic already, 5,693 delivered, 1 rejected"),
            "{text}"
        );
    }

    #[test]
    fn the_json_holds_the_offsets_of_each_partition() {
        let json: serde_json::Value = serde_json::from_str(&summary().to_json().expect("JSON")).expect("JSON");
        assert_eq!(json["delivered"], 5_693);
        assert_eq!(json["partitions"]["3"]["last_offset"], 5_702);
        assert_eq!(json["rejects"][0], "a.csv.rejects.csv");
    }
}
