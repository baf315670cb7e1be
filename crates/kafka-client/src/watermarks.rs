//! Reads the first and last offsets of a topic's partitions. All functions block until the broker answers.

use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaResult;
use rdkafka::metadata::MetadataTopic;
use tokio_util::sync::CancellationToken;

use crate::hints::Operation;

/// How long one request may take.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request to a partition's leader is retried before its error is returned.
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);
/// The pause between two requests to one leader.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// The watermarks of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watermarks {
    /// The first offset that the broker still has.
    pub low: i64,
    /// One past the last offset.
    pub high: i64,
}

/// Watermarks of all partitions, and how quickly the leaders answered.
#[derive(Debug, Default)]
pub struct TopicWatermarks {
    /// Watermarks by partition number, from 0.
    pub partitions: Vec<Watermarks>,
    /// How long the slowest leader took to answer.
    pub slowest_answer: Duration,
}

/// Returns the watermarks of the partitions from 0 to `partitions`, as their leaders report them; `None` if `shutdown`
/// is cancelled first.
///
/// # Errors
/// librdkafka's error if a leader rejects the request, or does not answer for 30 seconds.
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

/// Returns the last offset of each partition that holds a record, with the partition's number.
///
/// # Errors
/// librdkafka's error if the broker does not answer in time.
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
