//! Reads the first and last offsets of a topic's partitions, and reads and commits the offsets of a group. All
//! functions block the thread.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::KafkaResult;
use rdkafka::metadata::MetadataTopic;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use tokio_util::sync::CancellationToken;

use crate::hints::Operation;

/// Maximum time for the broker to respond to one request. After it, the request fails.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum time for which [`topic_watermarks`] retries a request to a partition's leader. After it, the function
/// returns the error.
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause before a failed request is retried.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// The watermarks of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermarks {
    /// The first offset that the broker still has.
    pub low: i64,
    /// One past the last offset.
    pub high: i64,
}

/// Watermarks of several partitions of a topic, and the leaders' response time.
#[derive(Debug, Default)]
pub struct TopicWatermarks {
    /// Watermarks by partition number, from 0.
    pub partitions: Vec<Watermarks>,
    /// Time that the slowest leader took to respond.
    pub slowest_answer: Duration,
}

/// Returns the watermarks of the first `partitions` partitions, as reported by their leaders. Returns `None` if
/// `shutdown` is cancelled first.
///
/// # Errors
/// librdkafka's error if a leader rejects the request permanently, or if requests to a leader keep failing for 30
/// seconds.
pub fn topic_watermarks<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partitions: u32,
    shutdown: &CancellationToken,
) -> KafkaResult<Option<TopicWatermarks>> {
    let mut watermarks = TopicWatermarks::default();
    let mut asked = Instant::now();
    while watermarks.partitions.len() < partitions as usize {
        if shutdown.is_cancelled() {
            return Ok(None);
        }
        let partition = watermarks.partitions.len() as i32;
        match consumer.fetch_watermarks(topic, partition, REQUEST_TIMEOUT) {
            Ok((low, high)) => {
                watermarks.partitions.push(Watermarks { low, high });
                watermarks.slowest_answer = watermarks.slowest_answer.max(asked.elapsed());
                asked = Instant::now();
            }
            Err(error) if Operation::ReadTopic.is_permanent(&error) || asked.elapsed() > RETRY_TIMEOUT => {
                return Err(error);
            }
            Err(_) => std::thread::sleep(RETRY_INTERVAL),
        }
    }
    Ok(Some(watermarks))
}

/// Returns the offsets that a group has committed, indexed by partition number. The offset is 0 for a partition without
/// a committed offset.
///
/// # Errors
/// librdkafka's error if the request fails or takes longer than 5 seconds.
pub fn committed_offsets(client: &ClientConfig, group: &str, topic: &str, partitions: usize) -> KafkaResult<Vec<i64>> {
    let consumer: BaseConsumer = client.clone().set("group.id", group).create()?;
    let mut list = TopicPartitionList::new();
    for (partition, _) in (0..).zip(0..partitions) {
        list.add_partition(topic, partition);
    }
    let committed = consumer.committed_offsets(list, REQUEST_TIMEOUT)?;
    Ok(committed.elements().iter().map(|element| element.offset().to_raw().unwrap_or(0).max(0)).collect())
}

/// Commits `offsets`, indexed by partition number, for a group without members.
///
/// # Errors
/// librdkafka's error if the request fails.
pub fn commit_offsets(client: &ClientConfig, group: &str, topic: &str, offsets: &[i64]) -> KafkaResult<()> {
    let consumer: BaseConsumer = client.clone().set("group.id", group).create()?;
    let mut list = TopicPartitionList::new();
    for (partition, &offset) in (0..).zip(offsets) {
        list.add_partition_offset(topic, partition, Offset::Offset(offset))?;
    }
    consumer.commit(&list, CommitMode::Sync)
}

/// Returns the partition number and the last offset of each partition that contains records.
///
/// # Errors
/// librdkafka's error if a request fails or takes longer than 5 seconds.
pub fn last_offsets(client: &ClientConfig, topic: &str) -> KafkaResult<Vec<(i32, i64)>> {
    let consumer: BaseConsumer = client.create()?;
    let metadata = consumer.fetch_metadata(Some(topic), REQUEST_TIMEOUT)?;
    let partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
    let mut last = Vec::new();
    for partition in partitions {
        let (low, high) = consumer.fetch_watermarks(topic, partition.id(), REQUEST_TIMEOUT)?;
        if high > low {
            last.push((partition.id(), high - 1));
        }
    }
    Ok(last)
}
