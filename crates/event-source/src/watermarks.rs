//! Reads how far a topic reaches.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::metadata::MetadataTopic;

const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Returns the last offset of each partition that holds a record. Blocks until the broker responds.
///
/// # Errors
/// If the broker does not respond in time.
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
