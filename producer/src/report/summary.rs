//! The summary of a feed, as text or JSON.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use terminal::exit_code::{INTERRUPTED, ROWS_REJECTED};
use terminal::numbers::{counted, grouped, size};

use super::progress::Snapshot;

/// Confirmed records of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PartitionDelivery {
    pub records: u64,
    /// Smallest known offset; -1 if no offset is known.
    pub first_offset: i64,
    /// Largest known offset; -1 if no offset is known.
    pub last_offset: i64,
}

/// Confirmed records by partition.
pub type Delivered = BTreeMap<i32, PartitionDelivery>;

/// Counts of simulated rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Simulated {
    /// Bars for which at least one simulated row was sent or printed.
    pub bars: u64,
    /// Simulated records that were sent or printed.
    pub records: u64,
    /// Seed that simulates the same rows again.
    pub seed: u64,
}

/// Result of a feed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Rows read from the inputs, not counting blank rows. A row that is sent again counts again; all simulated rows of
    /// a bar count as one row.
    pub read: u64,
    /// Records that the broker has confirmed.
    pub delivered: u64,
    /// Records that were printed instead of sent.
    pub printed: u64,
    /// `true` if records were to be printed instead of sent.
    #[serde(skip)]
    pub dry_run: bool,
    /// Rows that the topic already contained, if the feed was resumed.
    #[serde(rename = "already")]
    pub already_in_topic: Option<u64>,
    /// Rows that are not quotes.
    pub rejected: u64,
    /// Blank lines, and rows without a value for any symbol.
    pub blank: u64,
    /// Total size of the keys and values of the delivered or printed records, in bytes.
    pub bytes: u64,
    /// Duration of the feed, in seconds.
    pub seconds: f64,
    /// Records that were delivered or printed per second.
    pub rate: f64,
    /// `true` if the feed was stopped before its last row. Always `false` with `--repeat forever` and `--follow`.
    pub interrupted: bool,
    /// Seed of a feed with `--order sample`.
    pub seed: Option<u64>,
    /// Counts of simulated rows, with `--simulate`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simulated: Option<Simulated>,
    /// Confirmed records by partition.
    pub partitions: Delivered,
    /// Files to which rejected rows were written.
    pub rejects: Vec<PathBuf>,
    /// Warnings about the inputs.
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
            already_in_topic: None,
            rejected: counts.rejected,
            blank: counts.blank,
            bytes: counts.bytes,
            seconds: took.as_secs_f64(),
            rate: records as f64 / took.as_secs_f64().max(1e-9),
            interrupted: false,
            seed: None,
            simulated: None,
            partitions: Delivered::new(),
            rejects: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Returns the exit code: 130 if the feed was interrupted, otherwise 3 if rows were rejected, otherwise 0.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self { interrupted: true, .. } => INTERRUPTED,
            Self { rejected: 1.., .. } => ROWS_REJECTED,
            _ => 0,
        }
    }

    /// Returns the summary as lines of text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let (records, verb) = if self.dry_run { (self.printed, "printed") } else { (self.delivered, "delivered") };
        let already =
            self.already_in_topic.map_or_else(String::new, |rows| format!("{} already in the topic, ", grouped(rows)));
        let mut text = format!(
            "{} read, {already}{} {verb}, {} rejected, {} blank; {} in {:.1} s, {}/s\n",
            counted(self.read, "row", "rows"),
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
            line(format_args!("to draw the same rows again: --seed {seed}"));
        }
        if let Some(Simulated { bars, records, seed }) = self.simulated {
            let (records, bars) = (counted(records, "record", "records"), counted(bars, "bar", "bars"));
            line(format_args!("simulated: {records} from {bars}; --seed {seed} gives the same records again"));
        }
        if self.interrupted {
            line(format_args!("interrupted before the last row; everything that was sent is counted above"));
        }
        text
    }

    /// Returns the summary as one JSON object on one line.
    ///
    /// # Errors
    /// If a path is not UTF-8.
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
    fn the_text_has_the_confirmed_records() {
        assert_eq!(
            summary().to_text(),
            "5,694 rows read, 5,693 delivered, 1 rejected, 0 blank; 912.3 kB in 0.5 s, 11,386/s\n\
             rejected rows, with their reasons: a.csv.rejects.csv\n"
        );
    }

    #[test]
    fn a_resumed_feed_has_the_rows_already_in_the_topic() {
        let resumed = Summary { already_in_topic: Some(12_000), ..summary() };
        let text = resumed.to_text();
        assert!(
            text.starts_with("5,694 rows read, 12,000 already in the topic, 5,693 delivered, 1 rejected"),
            "{text}"
        );
    }

    #[test]
    fn made_records_are_counted_with_their_seed() {
        let simulated = Some(Simulated { bars: 1, records: 390, seed: 1 });
        let text = Summary { simulated, ..summary() }.to_text();
        assert!(
            text.ends_with("\nsimulated: 390 records from 1 bar; --seed 1 gives the same records again\n"),
            "{text}"
        );
    }

    #[test]
    fn the_json_has_the_offsets_of_each_partition() {
        let json: serde_json::Value = serde_json::from_str(&summary().to_json().expect("JSON")).expect("JSON");
        assert_eq!(json["delivered"], 5_693);
        assert_eq!(json["partitions"]["3"]["last_offset"], 5_702);
        assert_eq!(json["rejects"][0], "a.csv.rejects.csv");
    }
}
