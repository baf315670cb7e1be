//! `CreatePartitions` and `DeleteRecords`.

use std::collections::HashMap;

use kafka_log::DeleteRecordsError;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
use kafka_protocol::messages::delete_records_response::{DeleteRecordsPartitionResult, DeleteRecordsTopicResult};
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreatePartitionsResponse, DeleteRecordsRequest, DeleteRecordsResponse,
};

use super::{Rejection, text};
use crate::blocking::blocking;
use crate::state::{NODE_ID, State};
use crate::topics::MAX_PARTITIONS;

pub(super) fn create(state: &State, request: CreatePartitionsRequest) -> CreatePartitionsResponse {
    let mut counts: HashMap<_, usize> = HashMap::new();
    for topic in &request.topics {
        *counts.entry(&topic.name).or_default() += 1;
    }
    let results = request.topics.iter().map(|topic| {
        let created = if counts.get(&topic.name).is_some_and(|&count| count > 1) {
            Err(Rejection::new(ResponseError::InvalidRequest, "the request names the topic more than once"))
        } else {
            create_one(state, topic, request.validate_only)
        };
        let result = CreatePartitionsTopicResult::default().with_name(topic.name.clone());
        match created {
            Ok(()) => result,
            Err(rejection) => {
                result.with_error_code(rejection.code()).with_error_message(Some(text(&rejection.message)))
            }
        }
    });
    CreatePartitionsResponse::default().with_results(results.collect())
}

fn create_one(state: &State, asked: &CreatePartitionsTopic, validate_only: bool) -> Result<(), Rejection> {
    let unknown = || Rejection::new(ResponseError::UnknownTopicOrPartition, "the topic does not exist");
    let topic = state.topics.by_name(&asked.name).ok_or_else(unknown)?;
    let current = topic.partition_count();
    if asked.count <= current || asked.count > MAX_PARTITIONS {
        let message = format!(
            "the topic has {current} partitions, and {} is not from {} to {MAX_PARTITIONS}",
            asked.count,
            current + 1
        );
        return Err(Rejection::new(ResponseError::InvalidPartitions, message));
    }
    if let Some(assignments) = &asked.assignments {
        let added = usize::try_from(asked.count - current).unwrap_or(usize::MAX);
        let on_this_node = assignments.iter().all(|replicas| replicas.broker_ids.iter().map(|id| id.0).eq([NODE_ID]));
        if assignments.len() != added || !on_this_node {
            let message = format!("each added partition must be assigned to broker {NODE_ID} only");
            return Err(Rejection::new(ResponseError::InvalidReplicaAssignment, message));
        }
    }
    if validate_only {
        return Ok(());
    }
    blocking(|| state.topics.add_partitions(&asked.name, asked.count)).map_err(Rejection::from)
}

pub(super) fn delete_records(state: &State, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let result = DeleteRecordsPartitionResult::default().with_partition_index(asked.partition_index);
            match delete_before(state, &topic.name, asked.partition_index, asked.offset) {
                Ok(low_watermark) => result.with_low_watermark(low_watermark),
                Err(code) => result.with_low_watermark(-1).with_error_code(code),
            }
        });
        DeleteRecordsTopicResult::default().with_partitions(partitions.collect()).with_name(topic.name.clone())
    });
    DeleteRecordsResponse::default().with_topics(topics.collect())
}

/// Deletes the records before an offset, or all if it is -1. Returns the log start offset or an error code.
fn delete_before(state: &State, topic: &str, index: i32, offset: i64) -> Result<i64, i16> {
    let unknown = || ResponseError::UnknownTopicOrPartition.code();
    let topic = state.topics.by_name(topic).ok_or_else(unknown)?;
    let partition = topic.partition(index).ok_or_else(unknown)?;
    if !topic.configs.has_policy("delete") {
        return Err(ResponseError::PolicyViolation.code());
    }
    let deleted = blocking(|| {
        partition.change(|log| {
            let before = if offset == -1 { log.high_watermark() } else { offset };
            log.delete_records_before(before)
        })
    });
    deleted.ok_or_else(unknown)?.map_err(|error| {
        if let DeleteRecordsError::Storage(error) = &error {
            tracing::error!(topic = topic.name, partition = index, %error, "failed to delete records");
        }
        error.code()
    })
}
