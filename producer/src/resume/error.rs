//! Why a feed cannot be resumed, or was resumed with duplicates.

use std::time::Duration;

use kafka_client::topic::Topic;
use terminal::numbers::counted;
use thiserror::Error;

use super::fingerprint::{Change, ContentError};
use super::topic_reader::ReadError;

/// Why a feed cannot be resumed, or was resumed with duplicates.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// An input cannot be read.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The feed has changed since an earlier run.
    #[error("--resume: {}", describe(*change, topic, input, *partitions))]
    Mismatch {
        change: Change,
        topic: Topic,
        /// The input whose rows the topic contains.
        input: String,
        /// The topic's current number of partitions.
        partitions: u32,
    },
    /// The last row of the feed in a partition may have been removed.
    #[error(
        "--resume: partition {partition} of topic `{topic}` holds no row of this feed, although others do, and its records before offset {low} have been removed, so the last row that it received is unknown; without --resume, everything is sent from the first row"
    )]
    RowsRemoved {
        topic: Topic,
        partition: usize,
        /// The first offset that the partition still has.
        low: i64,
    },
    /// Another producer sends rows of the feed.
    #[error(
        "--resume: rows of this feed keep arriving in topic `{0}`: another producer is feeding it; stop that producer first"
    )]
    OtherProducer(Topic),
    /// The topic cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The topic holds rows more than once.
    #[error(
        "--resume: topic `{topic}` holds {} twice, the first at partition {partition}, offset {offset} (row {row}): an earlier run's rows arrived more than {} s after it was killed, or another producer feeds the same rows; wait longer with --resume-wait",
        counted(*rows, "row", "rows"),
        waited.as_secs()
    )]
    Duplicates {
        rows: u64,
        topic: Topic,
        /// Partition, offset and row of the first duplicate.
        partition: i32,
        offset: i64,
        row: u64,
        waited: Duration,
    },
}

impl ResumeError {
    /// Returns `true` if the arguments are wrong.
    #[must_use]
    pub(crate) fn is_usage(&self) -> bool {
        matches!(self, Self::Mismatch { .. } | Self::RowsRemoved { .. })
    }
}

fn describe(change: Change, topic: &Topic, input: &str, partitions: u32) -> String {
    match change {
        Change::Files => format!(
            "topic `{topic}` holds rows of {input} as it was before it changed, or fed together with other files, so its new rows are unknown; feed new files separately, rename a changed file, or leave out --resume to send everything from the first row"
        ),
        Change::Arguments => format!(
            "topic `{topic}` holds rows of {input} that were sent with other arguments (--order, --seed, --repeat, --delimiter, --symbol, --date-format, --numeric) or by another version of the producer; use those, or leave out --resume to send everything from the first row"
        ),
        Change::Partitions(before) => format!(
            "topic `{topic}` had {before} partitions when this feed was started and has {partitions} now, which moves symbols to other partitions; use a new topic, or leave out --resume to send everything from the first row"
        ),
    }
}
