//! Produce: appends record batches as they come.

use bytes::Bytes;
use kafka_log::AppendError;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};

use super::{RequestError, text};
use crate::clock::Clock;
use crate::state::State;
use crate::topics::Topic;

/// First version that names topics by their id.
const FIRST_VERSION_WITH_IDS: i16 = 13;

/// First version whose clients know zstd.
const FIRST_VERSION_WITH_ZSTD: i16 = 7;

/// Attribute bits of a record batch that contain the compression type, and the type zstd.
const ATTRIBUTES_AT: usize = 22;
const COMPRESSION_MASK: u8 = 0b111;
const ZSTD: u8 = 4;

/// Appends the records. Returns `None` if the client asked for no response.
pub(super) fn handle(
    state: &State,
    version: i16,
    request: ProduceRequest,
) -> Result<Option<ProduceResponse>, RequestError> {
    if state.is_closed() {
        return Err(RequestError::Closed);
    }
    let valid_acks = matches!(request.acks, -1..=1);
    let mut failed = false;
    let mut responses = Vec::with_capacity(request.topic_data.len());
    for data in request.topic_data {
        let response = topic(state, version, valid_acks, data);
        failed |= response.partition_responses.iter().any(|partition| partition.error_code != 0);
        responses.push(response);
    }
    match request.acks {
        // Closing the connection is the only way to show the client that an append failed.
        0 if failed => Err(RequestError::Unconfirmed),
        0 => Ok(None),
        _ => Ok(Some(ProduceResponse::default().with_responses(responses))),
    }
}

fn topic(state: &State, version: i16, valid_acks: bool, data: TopicProduceData) -> TopicProduceResponse {
    let (topic, unknown) = if version >= FIRST_VERSION_WITH_IDS {
        (state.topics.by_id(data.topic_id), ResponseError::UnknownTopicId)
    } else {
        (state.topics.by_name(&data.name), ResponseError::UnknownTopicOrPartition)
    };
    let partition = |partition: PartitionProduceData| match &topic {
        _ if !valid_acks => failed(partition.index, ResponseError::InvalidRequiredAcks.code(), None),
        None => failed(partition.index, unknown.code(), None),
        Some(topic) => append(topic, version, partition),
    };
    let partitions = data.partition_data.into_iter().map(partition).collect();
    TopicProduceResponse::default()
        .with_name(data.name)
        .with_topic_id(data.topic_id)
        .with_partition_responses(partitions)
}

fn append(topic: &Topic, version: i16, data: PartitionProduceData) -> PartitionProduceResponse {
    let index = data.index;
    let records = data.records.unwrap_or_default();
    if version < FIRST_VERSION_WITH_ZSTD && is_zstd(&records) {
        return failed(index, ResponseError::UnsupportedCompressionType.code(), None);
    }
    let partition = topic.partition(index);
    let appended = partition.and_then(|partition| partition.change(|log| log.append(&records, Clock::wall_ms())));
    match appended {
        None => failed(index, ResponseError::UnknownTopicOrPartition.code(), None),
        Some(Ok(appended)) => {
            if let Some(partition) = partition.filter(|_| !appended.duplicate) {
                partition.wake();
            }
            PartitionProduceResponse::default()
                .with_index(index)
                .with_base_offset(appended.base_offset)
                .with_log_append_time_ms(appended.log_append_time.unwrap_or(-1))
                .with_log_start_offset(appended.log_start_offset)
        }
        Some(Err(error)) => {
            match &error {
                AppendError::Storage(error) => {
                    tracing::error!(topic = topic.name, partition = index, %error, "failed to store records");
                }
                error => tracing::debug!(topic = topic.name, partition = index, %error, "records rejected"),
            }
            failed(index, error.code(), Some(&error))
        }
    }
}

fn failed(index: i32, code: i16, error: Option<&AppendError>) -> PartitionProduceResponse {
    PartitionProduceResponse::default()
        .with_index(index)
        .with_error_code(code)
        .with_base_offset(-1)
        .with_log_append_time_ms(-1)
        .with_log_start_offset(-1)
        .with_error_message(error.map(|error| text(&error.to_string())))
}

fn is_zstd(records: &Bytes) -> bool {
    records.get(ATTRIBUTES_AT).is_some_and(|attributes| attributes & COMPRESSION_MASK == ZSTD)
}
