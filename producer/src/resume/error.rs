//! Errors that can occur when a feed is resumed.

use std::time::Duration;

use kafka_client::topic::Topic;
use terminal::numbers::counted;
use thiserror::Error;

use super::fingerprint::{Change, ContentError};
use super::topic_reader::ReadError;

/// Reason that a feed cannot be resumed, or was resumed with duplicates.
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
    /// The last row of the feed in a partition is unknown, because records have been removed.
    #[error(
        "--resume: partition {partition} of topic `{topic}` holds no row of this feed, although other partitions do, and its records before offset {low} have been removed, so --resume cannot determine which rows are new; leave out --resume to send everything from the first row"
    )]
    RowsRemoved {
        topic: Topic,
        partition: usize,
        /// First offset that the partition still has.
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
    /// The topic holds duplicate rows.
    #[error(
        "--resume: topic `{topic}` holds {}, the first in partition {partition} at offset {offset} (row {row}): rows of an earlier run arrived more than {} s after that run was killed, or another producer sends the same rows; wait longer with --resume-wait, or stop the other producer",
        counted(*rows, "duplicate row", "duplicate rows"),
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
    /// Returns `true` if nothing was sent and the same command would fail again.
    #[must_use]
    pub(crate) fn is_usage(&self) -> bool {
        matches!(self, Self::Mismatch { .. } | Self::RowsRemoved { .. })
    }
}

fn describe(change: Change, topic: &Topic, input: &str, partitions: u32) -> String {
    match change {
        Change::Files => format!(
            "topic `{topic}` holds rows of {input} that were sent before the file changed, or together with different files, so --resume cannot determine which rows are new; feed new files separately, rename a changed file, or leave out --resume to send everything from the first row"
        ),
        Change::Arguments => format!(
            "topic `{topic}` holds rows of {input} that were sent with different arguments (such as --order, --seed, --repeat, --simulate, or an option that changes how the file is read) or by a different version of the producer; use the same arguments and version again, or leave out --resume to send everything from the first row"
        ),
        Change::Partitions(before) => format!(
            "topic `{topic}` had {} when this feed was started and has {partitions} now, which moves symbols to different partitions; use a new topic, or leave out --resume to send everything from the first row",
            counted(before.into(), "partition", "partitions")
        ),
    }
}
