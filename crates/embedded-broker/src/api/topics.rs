//! `CreateTopics` and `DeleteTopics`.

use std::collections::HashMap;
use std::hash::Hash;

use kafka_log::FolderError;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::create_topics_response::{CreatableTopicConfigs, CreatableTopicResult};
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
use kafka_protocol::messages::{
    CreateTopicsRequest, CreateTopicsResponse, DeleteTopicsRequest, DeleteTopicsResponse, TopicName,
};
use uuid::Uuid;

use super::configs::effective;
use super::{Rejection, is_topic_name, text};
use crate::state::{NODE_ID, State};
use crate::topics::{MAX_PARTITIONS, TopicConfigs};

/// First version of `CreateTopics` whose response has the number of partitions and the configurations.
const FIRST_CREATE_WITH_CONFIGS: i16 = 5;

/// First version of `CreateTopics` whose response has the topic's id.
const FIRST_CREATE_WITH_ID: i16 = 7;

/// First version of `DeleteTopics` that can name a topic by its id.
const FIRST_DELETE_WITH_ID: i16 = 6;

pub(super) fn create(state: &State, version: i16, request: CreateTopicsRequest) -> CreateTopicsResponse {
    let topics = counted(request.topics, |topic| topic.name.clone());
    let results = topics.into_iter().map(|(topic, count)| {
        let name = topic.name.clone();
        let created = if count > 1 {
            Err(Rejection::new(ResponseError::InvalidRequest, "the request names the topic more than once"))
        } else {
            create_one(state, version, &topic, request.validate_only)
        };
        created.unwrap_or_else(|rejection| rejected(version, &rejection)).with_name(name)
    });
    CreateTopicsResponse::default().with_topics(results.collect())
}

fn rejected(version: i16, rejection: &Rejection) -> CreatableTopicResult {
    let result = CreatableTopicResult::default()
        .with_error_code(rejection.code())
        .with_error_message(Some(text(&rejection.message)));
    if version < FIRST_CREATE_WITH_CONFIGS {
        return result;
    }
    result.with_num_partitions(-1).with_replication_factor(-1).with_configs(Some(Vec::new()))
}

fn create_one(
    state: &State,
    version: i16,
    topic: &CreatableTopic,
    validate_only: bool,
) -> Result<CreatableTopicResult, Rejection> {
    validate_name(state, &topic.name)?;
    let configs = configs(topic)?;
    let partitions = partition_count(state, topic)?;
    let id = if validate_only {
        Uuid::new_v4()
    } else {
        state.create_topic(&topic.name, partitions, configs.clone()).map_err(Rejection::from)?.id
    };
    let result = CreatableTopicResult::default();
    let result = if version >= FIRST_CREATE_WITH_ID { result.with_topic_id(id) } else { result };
    if version < FIRST_CREATE_WITH_CONFIGS {
        return Ok(result);
    }
    let described = effective(state, &configs).map(|config| {
        CreatableTopicConfigs::default()
            .with_name(text(config.key.name))
            .with_value(Some(text(&config.value)))
            .with_config_source(config.source)
    });
    Ok(result.with_num_partitions(partitions).with_replication_factor(1).with_configs(Some(described.collect())))
}

fn validate_name(state: &State, name: &str) -> Result<(), Rejection> {
    let invalid = |message: String| Err(Rejection::new(ResponseError::InvalidTopicException, message));
    if !is_topic_name(name) {
        return invalid(
            "a topic name has 1 to 249 letters, digits, '.', '_' and '-', and is not '.' or '..'".to_owned(),
        );
    }
    if state.topics.by_name(name).is_some() {
        return Err(Rejection::new(ResponseError::TopicAlreadyExists, format!("topic {name} already exists")));
    }
    match state.topics.colliding(name) {
        Some(existing) => invalid(format!("topic {name} collides with the existing topic {existing}")),
        None => Ok(()),
    }
}

/// Returns the number of partitions to create.
fn partition_count(state: &State, topic: &CreatableTopic) -> Result<i32, Rejection> {
    let too_many = || {
        let message = format!("a topic has at most {MAX_PARTITIONS} partitions");
        Rejection::new(ResponseError::PolicyViolation, message)
    };
    if !topic.assignments.is_empty() {
        return assigned_partitions(topic);
    }
    let factor = topic.replication_factor;
    let impossible_factor = || {
        let message =
            format!("invalid replication factor {factor}: the broker keeps one replica; use 1, or -1 for the default");
        Rejection::new(ResponseError::InvalidReplicationFactor, message)
    };
    // A count that is never possible is reported before one that needs more brokers.
    if factor == 0 || factor < -1 {
        return Err(impossible_factor());
    }
    let count = match topic.num_partitions {
        -1 => state.options.auto_create.and_then(|count| i32::try_from(count).ok()).unwrap_or(1),
        1..=MAX_PARTITIONS => topic.num_partitions,
        ..1 => {
            return Err(Rejection::new(ResponseError::InvalidPartitions, "the number of partitions must be positive"));
        }
        _ => return Err(too_many()),
    };
    if factor > 1 { Err(impossible_factor()) } else { Ok(count) }
}

fn assigned_partitions(topic: &CreatableTopic) -> Result<i32, Rejection> {
    if topic.num_partitions != -1 || topic.replication_factor != -1 {
        let message = "counts must be -1 if partitions are assigned manually";
        return Err(Rejection::new(ResponseError::InvalidRequest, message));
    }
    let mut indexes: Vec<_> = topic.assignments.iter().map(|assignment| assignment.partition_index).collect();
    indexes.sort_unstable();
    let consecutive = (0..).zip(&indexes).all(|(expected, &index)| expected == index);
    let on_this_node =
        topic.assignments.iter().all(|assignment| assignment.broker_ids.iter().map(|id| id.0).eq([NODE_ID]));
    match i32::try_from(indexes.len()) {
        Ok(count @ 1..=MAX_PARTITIONS) if consecutive && on_this_node => Ok(count),
        _ => {
            let message = format!("partitions must be numbered from 0 and assigned to broker {NODE_ID} only");
            Err(Rejection::new(ResponseError::InvalidReplicaAssignment, message))
        }
    }
}

fn configs(topic: &CreatableTopic) -> Result<TopicConfigs, Rejection> {
    let mut configs = TopicConfigs::default();
    for config in &topic.configs {
        let Some(value) = &config.value else {
            let message = format!("the configuration {} has no value", config.name.as_str());
            return Err(Rejection::new(ResponseError::InvalidConfig, message));
        };
        configs.set(&config.name, value.to_string())?;
    }
    Ok(configs)
}

pub(super) fn delete(state: &State, version: i16, request: DeleteTopicsRequest) -> DeleteTopicsResponse {
    let asked = if version >= FIRST_DELETE_WITH_ID {
        request.topics
    } else {
        let by_name = |name| DeleteTopicState::default().with_name(Some(name));
        request.topic_names.into_iter().map(by_name).collect()
    };
    let asked = counted(asked, |topic| (topic.name.clone(), topic.topic_id));
    let responses = asked.into_iter().map(|(asked, count)| {
        let result = if count == 1 { delete_one(state, &asked) } else { Err(ResponseError::InvalidRequest) };
        let response = DeletableTopicResult::default();
        match result {
            Ok((name, id)) => {
                let response = response.with_name(Some(name));
                if version >= FIRST_DELETE_WITH_ID { response.with_topic_id(id) } else { response }
            }
            Err(error) => response.with_error_code(error.code()).with_name(asked.name).with_topic_id(asked.topic_id),
        }
    });
    DeleteTopicsResponse::default().with_responses(responses.collect())
}

fn delete_one(state: &State, asked: &DeleteTopicState) -> Result<(TopicName, Uuid), ResponseError> {
    let topic = match &asked.name {
        Some(_) if !asked.topic_id.is_nil() => return Err(ResponseError::InvalidRequest),
        Some(name) => state.topics.by_name(name).ok_or(ResponseError::UnknownTopicOrPartition)?,
        None => state.topics.by_id(asked.topic_id).ok_or(ResponseError::UnknownTopicId)?,
    };
    state.delete_topic(&topic).map_err(|error| Rejection::from(error).error)?;
    Ok((TopicName(text(&topic.name)), topic.id))
}

/// Returns the first item for each key, with the number of items that have the key.
fn counted<T, K: Eq + Hash>(items: Vec<T>, key: impl Fn(&T) -> K) -> Vec<(T, usize)> {
    let mut positions = HashMap::new();
    let mut counted: Vec<(T, usize)> = Vec::with_capacity(items.len());
    for item in items {
        let position = *positions.entry(key(&item)).or_insert(counted.len());
        match counted.get_mut(position) {
            Some((_, count)) => *count += 1,
            None => counted.push((item, 1)),
        }
    }
    counted
}

impl From<FolderError> for Rejection {
    fn from(error: FolderError) -> Self {
        let code = match error {
            FolderError::TopicExists { .. } => ResponseError::TopicAlreadyExists,
            FolderError::UnknownTopic { .. } => ResponseError::UnknownTopicOrPartition,
            FolderError::InvalidTopicName { .. } => ResponseError::InvalidTopicException,
            FolderError::InvalidPartitions { .. } => ResponseError::InvalidPartitions,
            _ => {
                tracing::error!(%error, "failed to change a topic");
                ResponseError::KafkaStorageError
            }
        };
        Rejection::new(code, error.to_string())
    }
}
