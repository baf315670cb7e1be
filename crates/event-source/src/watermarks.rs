//! How far a topic reaches.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::metadata::MetadataTopic;

const PATIENCE: Duration = Duration::from_secs(5);

/// The last offset of each partition that holds a record. Blocks while the broker answers.
///
/// # Errors
/// What librdkafka says when the broker does not answer in time.
pub fn last_offsets(client: &ClientConfig, topic: &str) -> KafkaResult<Vec<(i32, i64)>> {
    let consumer: BaseConsumer = client.create()?;
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE)?;
    let partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
    let mut last = Vec::new();
    for partition in partitions {
        let (low, high) = consumer.fetch_watermarks(topic, partition.id(), PATIENCE)?;
        if high > low {
            last.push((partition.id(), high - 1));
        }
    }
    Ok(last)
}
