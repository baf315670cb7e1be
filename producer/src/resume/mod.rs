//! Resuming a feed: how far each partition of the topic has got, and which rows are therefore passed over.
//!
//! There is no state but the topic: each record says in its headers which feed it is of and which row of it
//! (`identity.rs`). What a killed run had under way may land after the topic has been read. It is waited for, and not
//! fenced off: Kafka fences a producer only where it sends in transactions, whose aborted records every consumer that
//! does not ask for committed ones would get as well, and then once more. So the wait is a time without news of the
//! feed, in which each partition's leader answers at once; whatever comes later still is found at the end.

mod fingerprint;
mod high_water_marks;
mod partitioner;
mod topic_reader;

use std::io;
use std::time::{Duration, Instant};

use kafka_client::settings::Settings;
use kafka_client::topic::Topic;
use kafka_client::watermarks::Watermarks;
use rdkafka::message::{Header, OwnedHeaders};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use self::fingerprint::{FEED_HEADER, Identity, ROW_HEADER};
use crate::delivery::output::Delivered;
use crate::feed::Feed;
use crate::feed::input::Input;
use crate::report::progress::Progress;
use crate::resume::high_water_marks::{InOrder, Range, Search};
use crate::resume::partitioner::partition_of;
use crate::resume::topic_reader::TopicReader;

pub use crate::resume::fingerprint::Change;

/// How often it is asked, during the wait, whether something has landed.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// A broker that takes longer to answer has stalled, and what it had received before may come after its answer.
const STALLED: Duration = Duration::from_secs(1);
/// A run that was killed has no more than this to say beyond the wait itself.
const LAST_WORDS: Duration = Duration::from_secs(30);

/// Why a feed cannot be resumed, or has not been resumed well.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// An input cannot be read.
    #[error("{input}: cannot be read: {problem}")]
    Input {
        /// The input.
        input: String,
        /// What is the matter.
        problem: io::Error,
    },
    /// The feed that was begun would not go on as the same.
    #[error("--resume: {}", changed(*change, topic, input, *partitions))]
    Changed {
        /// What has changed.
        change: Change,
        /// The topic.
        topic: Topic,
        /// The input whose rows the topic holds.
        input: String,
        /// The topic's partitions now.
        partitions: u32,
    },
    /// How far a partition got cannot be known.
    #[error(
        "--resume: partition {partition} of topic `{topic}` holds no row of this feed, others do, and what stood before its offset {low} has been removed: how far it got cannot be known; without --resume everything is sent from the first row"
    )]
    Gone {
        /// The topic.
        topic: Topic,
        /// The partition.
        partition: usize,
        /// Its first offset.
        low: i64,
    },
    /// Somebody else is at it.
    #[error(
        "--resume: rows of this feed keep arriving in topic `{0}`: another producer is feeding it; stop that one first"
    )]
    Busy(Topic),
    /// The topic cannot be read.
    #[error("--resume: topic `{topic}` at {servers} cannot be read: {reason}")]
    Unreadable {
        /// The topic.
        topic: Topic,
        /// The brokers.
        servers: String,
        /// What was said.
        reason: String,
    },
    /// Rows are in the topic more than once.
    #[error(
        "--resume: rows are in topic `{topic}` twice, {rows} in all, the first at partition {partition}, offset {offset} (row {row}): they came later than {} s after an earlier run was killed, or another producer feeds the same rows; --resume-wait waits longer",
        waited.as_secs()
    )]
    Twice {
        /// How many.
        rows: u64,
        /// The topic.
        topic: Topic,
        /// Where the first is.
        partition: i32,
        /// Where in it.
        offset: i64,
        /// Which row it is.
        row: u64,
        /// How long was waited.
        waited: Duration,
    },
}

impl ResumeError {
    /// Whether it is a matter of what was asked for: nothing was sent, and nothing will be if it is asked again.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Changed { .. } | Self::Gone { .. })
    }
}

fn changed(change: Change, topic: &Topic, input: &str, now: u32) -> String {
    match change {
        Change::Files => format!(
            "topic `{topic}` holds rows of {input} as it was before it changed, or fed together with other files, and which rows are new cannot be told; feed new files by themselves, give a changed one another name, or leave out --resume to send everything from the first row"
        ),
        Change::Arguments => format!(
            "topic `{topic}` holds rows of {input} that were sent with other arguments (--order, --seed, --repeat, --delimiter, --symbol, --date-format, --numeric) or by another version of the producer; give those, or leave out --resume to send everything from the first row"
        ),
        Change::Partitions(then) => format!(
            "topic `{topic}` had {then} partitions when this feed was begun and has {now} now, which puts symbols into other partitions; use a new topic, or leave out --resume to send everything from the first row"
        ),
    }
}

/// A feed that is being resumed.
pub(crate) struct Resumed<'a> {
    settings: &'a Settings,
    topic: &'a Topic,
    feed: Identity,
    /// What the records of each input say of the feed.
    headers: Vec<String>,
    wait: Duration,
    /// The row that is at hand, from 1, and its partition.
    row: u64,
    partition: u32,
    digits: String,
    /// Nothing if a shutdown came before it could be known.
    found: Option<Found>,
}

struct Found {
    /// The last row of the feed in each partition.
    marks: Vec<u64>,
    /// The offset up to which each was read.
    ends: Vec<i64>,
}

impl<'a> Resumed<'a> {
    /// Finds out how far the feed has got in a topic of so many partitions.
    pub(crate) fn read_back(
        feed: &Feed,
        wait: Duration,
        (settings, topic, partitions): (&'a Settings, &'a Topic, u32),
        progress: &Progress,
        shutdown: &CancellationToken,
    ) -> Result<Self, ResumeError> {
        let content =
            fingerprint::content(feed.inputs()).map_err(|(input, problem)| ResumeError::Input { input, problem })?;
        let id = Identity::new(feed, content, partitions);
        let changed = |(input, change): (usize, Change)| {
            let input = feed.inputs().get(input).map_or_else(String::new, Input::name);
            ResumeError::Changed { change, topic: topic.clone(), input, partitions }
        };
        progress.notice(format!(
            "--resume: reading back topic `{topic}`, then {} s for what an earlier run may have had under way",
            wait.as_secs()
        ));
        let found = find(&id, wait, &TopicReader::new(settings, topic)?, (topic, partitions), &changed, shutdown)?;
        if let Some(found) = &found
            && found.marks.iter().all(|&mark| mark == 0)
        {
            progress.notice(format!("--resume: topic `{topic}` holds no row of this feed; it begins with the first"));
        }
        let (row, partition, digits) = (0, 0, String::new());
        Ok(Self { settings, topic, headers: id.headers(), feed: id, wait, row, partition, digits, found })
    }

    /// Goes on to the feed's next row; whether the topic has it already.
    pub(crate) fn next(&mut self, key: &[u8]) -> bool {
        self.row += 1;
        self.partition = partition_of(key, self.feed.feed.partitions);
        let mark = self.found.as_ref().and_then(|found| found.marks.get(self.partition as usize));
        mark.is_some_and(|&mark| self.row <= mark)
    }

    /// Where the row at hand goes.
    pub(crate) fn partition(&self) -> i32 {
        self.partition as i32
    }

    /// What its record says of it, a row of this input.
    pub(crate) fn headers(&mut self, input: usize) -> OwnedHeaders {
        use std::fmt::Write;
        self.digits.clear();
        // Writing to a string does not fail.
        let _ = write!(self.digits, "{}", self.row);
        OwnedHeaders::new_with_capacity(2)
            .insert(Header { key: FEED_HEADER, value: self.headers.get(input) })
            .insert(Header { key: ROW_HEADER, value: Some(&self.digits) })
    }

    /// Makes sure that nothing of the feed has landed but what this run has delivered.
    pub(crate) fn check(&self, delivered: &Delivered) -> Result<(), ResumeError> {
        let Some(found) = &self.found else { return Ok(()) };
        // An interrupted feed is checked as well, and not for long.
        let to_the_end = CancellationToken::new();
        let reader = TopicReader::new(self.settings, self.topic)?;
        let watermarks = reader.watermarks(self.feed.feed.partitions, &to_the_end)?.unwrap_or_default();
        let foreign: Vec<Range> = ranges(&found.ends, &watermarks.partitions)
            .filter(|range| {
                let own = delivered.get(&range.partition).map_or(0, |partition| partition.records);
                (range.to - range.from) as u64 != own
            })
            .collect();
        let mut order = InOrder::after(&found.marks);
        reader.read(&foreign, &to_the_end, |partition, offset, stamp| {
            if self.feed.relation(stamp) == Some(Ok(())) {
                order.saw(partition, offset, stamp.row);
            }
            Ok(())
        })?;
        match order.first {
            None => Ok(()),
            Some((partition, offset, row)) => Err(ResumeError::Twice {
                rows: order.repeated,
                topic: self.topic.clone(),
                partition,
                offset,
                row,
                waited: self.wait,
            }),
        }
    }
}

/// Reads the partitions backwards until the feed is found in each, and then whatever lands, until nothing of the feed
/// has for as long as `wait`, while the brokers answered at once. `None` if a shutdown came first.
fn find(
    feed: &Identity,
    wait: Duration,
    reader: &TopicReader<'_>,
    (topic, partitions): (&Topic, u32),
    changed: &dyn Fn((usize, Change)) -> ResumeError,
    shutdown: &CancellationToken,
) -> Result<Option<Found>, ResumeError> {
    let Some(watermarks) = reader.watermarks(partitions, shutdown)? else { return Ok(None) };
    let mut search = Search::new(feed, &watermarks.partitions);
    loop {
        let ranges = search.next();
        if ranges.is_empty() {
            break;
        }
        let read = |partition, _, stamp| search.saw(partition, stamp).map(drop).map_err(changed);
        if !reader.read(&ranges, shutdown, read)? {
            return Ok(None);
        }
    }
    let mut ends: Vec<i64> = watermarks.partitions.iter().map(|partition| partition.high).collect();
    let begun = Instant::now();
    let mut last_news = begun;
    loop {
        std::thread::sleep(ASK_EVERY.min(wait.saturating_sub(last_news.elapsed())));
        // Looked at before it is asked, so that what had landed by then is read.
        let quiet = last_news.elapsed() >= wait;
        let Some(watermarks) = reader.watermarks(partitions, shutdown)? else { return Ok(None) };
        let landed: Vec<Range> = ranges(&ends, &watermarks.partitions).collect();
        let mut news = false;
        let read = |partition, _, stamp| {
            news |= search.saw(partition, stamp).map_err(changed)?;
            Ok(())
        };
        if !reader.read(&landed, shutdown, read)? {
            return Ok(None);
        }
        for range in landed {
            ends[range.partition as usize] = range.to;
        }
        if news {
            last_news = Instant::now();
            if begun.elapsed() > wait + LAST_WORDS {
                return Err(ResumeError::Busy(topic.clone()));
            }
        } else if watermarks.slowest_answer > STALLED && begun.elapsed() < wait + LAST_WORDS {
            last_news = Instant::now();
        } else if quiet {
            break;
        }
    }
    let marks = search.marks().map_err(|gone| ResumeError::Gone {
        topic: topic.clone(),
        partition: gone.partition,
        low: gone.low,
    })?;
    Ok(Some(Found { marks, ends }))
}

/// What came to each partition since it was read.
fn ranges<'a>(ends: &'a [i64], watermarks: &'a [Watermarks]) -> impl Iterator<Item = Range> + 'a {
    let all = ends.iter().zip(watermarks).enumerate();
    all.map(|(at, (&from, &Watermarks { high, .. }))| Range { partition: at as i32, from, to: high })
        .filter(|range| range.from < range.to)
}
