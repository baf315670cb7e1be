//! Resumes a feed: finds its last row in each partition of the topic, and skips the rows that the topic already
//! contains.
//!
//! The topic is the only state: the headers of each record identify its feed and its row in the feed
//! (`fingerprint.rs`).
//!
//! ```text
//! partition 0:  | 1 | 3 | 4 | x |            high-water mark 4      x: a record of another producer
//! partition 1:  | x | 2 | 6 |                high-water mark 6
//!                                            row 5 goes to partition 0 and is sent, although row 6 is in the topic
//! ```
//!
//! Records that a killed run had in flight can arrive after the topic has been read. This run waits for them instead of
//! fencing them off: Kafka fences only transactional producers, and with transactions, a consumer that reads
//! uncommitted records would receive the rows of aborted transactions too, and so receive them twice. The wait ends
//! when no new row of the feed has arrived for a configured time and each partition's leader has responded without
//! delay during that time. A row that arrives even later is detected at the end.

pub(crate) mod error;
mod fingerprint;
mod high_water_marks;
mod partitioner;
mod topic_reader;

use std::time::{Duration, Instant};

use kafka_client::settings::Settings;
use kafka_client::topic::Topic;
use kafka_client::watermarks::Watermarks;
use rdkafka::message::{Header, OwnedHeaders};
use tokio_util::sync::CancellationToken;

use self::error::ResumeError;
pub(crate) use self::fingerprint::Fingerprint;
use self::fingerprint::{FEED_HEADER, Mismatch, ROW_HEADER, Relation};
use self::high_water_marks::{DuplicateDetector, OffsetRange, Search};
use self::partitioner::partition_of;
use self::topic_reader::TopicReader;
use crate::feed::input::Input;
use crate::report::progress::Progress;
use crate::report::summary::Delivered;

/// Interval at which the topic is checked for new rows during the wait.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Response time above which a broker counts as stalled. After its response, a stalled broker may append records that
/// it received earlier.
const STALL_THRESHOLD: Duration = Duration::from_secs(1);
/// Maximum time by which the wait is extended. Rows that still arrive after it are sent by another producer, not by a
/// run that was killed, so resuming fails.
const MAX_EXTRA_WAIT: Duration = Duration::from_secs(30);

/// Status of a row of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RowStatus {
    New,
    AlreadyInTopic,
}

/// A feed that continues where an earlier run stopped.
pub(crate) struct ResumedFeed<'a> {
    settings: &'a Settings,
    topic: &'a Topic,
    fingerprint: Fingerprint,
    /// Values of [`FEED_HEADER`], by input.
    headers: Vec<String>,
    wait: Duration,
    /// Number of the current row, from 1; 0 before the first row.
    row: u64,
    /// Partition of the current row.
    partition: u32,
    digits: String,
    /// `None` if a shutdown came before the search was over.
    found: Option<Found>,
}

/// The rows of the feed that the topic contains.
struct Found {
    /// Last row of the feed in each partition; 0 for a partition without rows of the feed.
    high_water_marks: Vec<u64>,
    /// Next offset to read in each partition.
    ends: Vec<i64>,
}

impl<'a> ResumedFeed<'a> {
    /// Finds the last rows of the feed with this fingerprint in the topic. Blocks until no new row has arrived for
    /// `wait`, or `shutdown` is cancelled.
    ///
    /// # Errors
    /// [`ResumeError`] if the topic cannot be read, the feed has changed, its last rows are unknown, or another
    /// producer sends its rows.
    pub(crate) fn find(
        fingerprint: Fingerprint,
        inputs: &[Input],
        wait: Duration,
        settings: &'a Settings,
        topic: &'a Topic,
        progress: &Progress,
        shutdown: &CancellationToken,
    ) -> Result<Self, ResumeError> {
        progress.notice(format!(
            "--resume: reading topic `{topic}` backwards, then waiting {} s for records that an earlier run had in flight",
            wait.as_secs()
        ));
        let search = TopicSearch {
            fingerprint: &fingerprint,
            reader: &TopicReader::new(settings, topic)?,
            inputs,
            topic,
            partitions: fingerprint.feed.partitions,
            wait,
        };
        let found = search.run(shutdown)?;
        if let Some(found) = &found
            && found.high_water_marks.iter().all(|&mark| mark == 0)
        {
            progress
                .notice(format!("--resume: topic `{topic}` holds no row of this feed; starting with the first row"));
        }
        let headers = fingerprint.headers();
        let (row, partition, digits) = (0, 0, String::new());
        Ok(Self { settings, topic, fingerprint, headers, wait, row, partition, digits, found })
    }

    /// Advances to the next row of the feed, whose record has this key, and returns whether the topic already contains
    /// that row.
    pub(crate) fn advance(&mut self, key: &[u8]) -> RowStatus {
        self.row += 1;
        self.partition = partition_of(key, self.fingerprint.feed.partitions);
        let mark = self.found.as_ref().and_then(|found| found.high_water_marks.get(self.partition as usize));
        match mark {
            Some(&mark) if self.row <= mark => RowStatus::AlreadyInTopic,
            _ => RowStatus::New,
        }
    }

    /// Returns the partition of the current row.
    pub(crate) fn partition(&self) -> i32 {
        self.partition as i32
    }

    /// Returns the headers of the current row, which is a row of the input with index `input`.
    pub(crate) fn headers(&mut self, input: usize) -> OwnedHeaders {
        use std::fmt::Write;
        self.digits.clear();
        // Writing to a string does not fail.
        let _ = write!(self.digits, "{}", self.row);
        OwnedHeaders::new_with_capacity(2)
            .insert(Header { key: FEED_HEADER, value: self.headers.get(input) })
            .insert(Header { key: ROW_HEADER, value: Some(&self.digits) })
    }

    /// Checks that no row of the feed is in the topic twice, among the records that arrived after the search.
    ///
    /// # Errors
    /// [`ResumeError::Duplicates`] if the topic holds a duplicate, [`ResumeError::Read`] if the topic cannot be read.
    pub(crate) fn check_for_duplicates(&self, delivered: &Delivered) -> Result<(), ResumeError> {
        let Some(found) = &self.found else { return Ok(()) };
        // An interrupted feed is checked too, since the check is quick.
        let never = CancellationToken::new();
        let reader = TopicReader::new(self.settings, self.topic)?;
        let watermarks = reader.watermarks(self.fingerprint.feed.partitions, &never)?.unwrap_or_default();
        // A partition that has grown by the number of delivered records has no other new records.
        let with_others: Vec<OffsetRange> = new_ranges(&found.ends, &watermarks.partitions)
            .filter(|range| {
                let own = delivered.get(&range.partition).map_or(0, |partition| partition.records);
                (range.to - range.from) as u64 != own
            })
            .collect();
        let mut detector = DuplicateDetector::new(&found.high_water_marks);
        reader.read::<ResumeError>(&with_others, &never, |partition, offset, headers| {
            if self.fingerprint.relation(headers) == Relation::SameFeed {
                detector.observe(partition, offset, headers.row);
            }
            Ok(())
        })?;
        match detector.first {
            None => Ok(()),
            Some((partition, offset, row)) => Err(ResumeError::Duplicates {
                rows: detector.duplicates,
                topic: self.topic.clone(),
                partition,
                offset,
                row,
                waited: self.wait,
            }),
        }
    }
}

/// Search for the high-water marks in the topic.
struct TopicSearch<'a> {
    fingerprint: &'a Fingerprint,
    reader: &'a TopicReader<'a>,
    inputs: &'a [Input],
    topic: &'a Topic,
    partitions: u32,
    wait: Duration,
}

impl TopicSearch<'_> {
    /// Reads the partitions backwards until a row of the feed is found in each, and then waits for rows in flight.
    /// Returns `None` if a shutdown comes first.
    fn run(&self, shutdown: &CancellationToken) -> Result<Option<Found>, ResumeError> {
        let Some(watermarks) = self.reader.watermarks(self.partitions, shutdown)? else { return Ok(None) };
        let mut search = Search::new(self.fingerprint, &watermarks.partitions);
        loop {
            let ranges = search.next_ranges();
            if ranges.is_empty() {
                break;
            }
            let read = |partition, _, headers| {
                search.observe(partition, headers).map(drop).map_err(|mismatch| self.mismatch(mismatch))
            };
            if !self.reader.read::<ResumeError>(&ranges, shutdown, read)? {
                return Ok(None);
            }
        }
        let mut ends: Vec<i64> = watermarks.partitions.iter().map(|partition| partition.high).collect();
        if !self.wait_for_rows_in_flight(&mut search, &mut ends, shutdown)? {
            return Ok(None);
        }
        let high_water_marks = search.high_water_marks().map_err(|removed| ResumeError::RowsRemoved {
            topic: self.topic.clone(),
            partition: removed.partition,
            low: removed.low,
        })?;
        Ok(Some(Found { high_water_marks, ends }))
    }

    /// Reads new records until no row of the feed has arrived for `wait` and the brokers have responded without delay
    /// during that time. Returns `false` if a shutdown comes first. After [`MAX_EXTRA_WAIT`], slow responses no longer
    /// extend the wait, and new rows are an error.
    fn wait_for_rows_in_flight(
        &self,
        search: &mut Search<'_>,
        ends: &mut [i64],
        shutdown: &CancellationToken,
    ) -> Result<bool, ResumeError> {
        let started = Instant::now();
        let mut last_row = started;
        loop {
            std::thread::sleep(POLL_INTERVAL.min(self.wait.saturating_sub(last_row.elapsed())));
            // Checked before the watermarks are fetched, so that everything that has arrived by then is read.
            let is_over = last_row.elapsed() >= self.wait;
            let Some(watermarks) = self.reader.watermarks(self.partitions, shutdown)? else { return Ok(false) };
            let arrived: Vec<OffsetRange> = new_ranges(ends, &watermarks.partitions).collect();
            let mut has_new_row = false;
            let read = |partition, _, headers| {
                has_new_row |= search.observe(partition, headers).map_err(|mismatch| self.mismatch(mismatch))?;
                Ok(())
            };
            if !self.reader.read::<ResumeError>(&arrived, shutdown, read)? {
                return Ok(false);
            }
            for range in arrived {
                ends[range.partition as usize] = range.to;
            }
            let may_wait_longer = started.elapsed() <= self.wait + MAX_EXTRA_WAIT;
            if has_new_row {
                last_row = Instant::now();
                if !may_wait_longer {
                    return Err(ResumeError::OtherProducer(self.topic.clone()));
                }
            } else if watermarks.slowest_answer > STALL_THRESHOLD && may_wait_longer {
                last_row = Instant::now();
            } else if is_over {
                return Ok(true);
            }
        }
    }

    fn mismatch(&self, mismatch: Mismatch) -> ResumeError {
        ResumeError::Mismatch {
            change: mismatch.change,
            topic: self.topic.clone(),
            input: self.inputs.get(mismatch.input).map_or_else(String::new, Input::name),
            partitions: self.partitions,
        }
    }
}

/// Returns the offsets that each partition has gained since it was read.
fn new_ranges<'a>(ends: &'a [i64], watermarks: &'a [Watermarks]) -> impl Iterator<Item = OffsetRange> + 'a {
    let all = ends.iter().zip(watermarks).enumerate();
    all.map(|(at, (&from, &Watermarks { high, .. }))| OffsetRange { partition: at as i32, from, to: high })
        .filter(|range| range.from < range.to)
}
