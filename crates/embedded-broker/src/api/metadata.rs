//! Metadata: the broker, its topics and their partitions.

use std::collections::HashSet;
use std::sync::Arc;

use kafka_log::FolderError;
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{BrokerId, MetadataRequest, MetadataResponse, TopicName};

use super::{CLUSTER_OPERATIONS, TOPIC_OPERATIONS, is_topic_name, text};
use crate::state::{LEADER_EPOCH, NODE_ID, State};
use crate::topics::{Topic, TopicConfigs};

pub(super) fn handle(state: &State, version: i16, request: MetadataRequest) -> MetadataResponse {
    let operations = |asked, operations| if asked { operations } else { i32::MIN };
    let topic_operations = operations(request.include_topic_authorized_operations, TOPIC_OPERATIONS);
    let cluster_operations = operations(request.include_cluster_authorized_operations, CLUSTER_OPERATIONS);
    // Version 0 asks for all topics by an empty list, later versions by null.
    let asked = request.topics.filter(|topics| version > 0 || !topics.is_empty());
    let topics = match asked {
        None => state.topics.all().iter().map(|topic| described(topic, version)).collect(),
        Some(asked) => {
            let create = request.allow_auto_topic_creation;
            let mut seen = HashSet::new();
            let asked = asked.into_iter().filter(|topic| seen.insert((topic.name.clone(), topic.topic_id)));
            asked.map(|topic| named(state, version, topic, create)).collect::<Vec<_>>()
        }
    };
    // A topic that is asked for by an unknown id cannot be authorized.
    let is_known = |topic: &MetadataResponseTopic| topic.error_code != ResponseError::UnknownTopicId.code();
    let operations_of = |topic: &MetadataResponseTopic| if is_known(topic) { topic_operations } else { i32::MIN };
    let topics = topics.into_iter().map(|topic| {
        let operations = operations_of(&topic);
        topic.with_topic_authorized_operations(operations)
    });
    MetadataResponse::default()
        .with_brokers(vec![broker(state)])
        .with_cluster_id(Some(text(&state.cluster_id)))
        .with_controller_id(BrokerId(NODE_ID))
        .with_topics(topics.collect())
        .with_cluster_authorized_operations(cluster_operations)
}

fn broker(state: &State) -> MetadataResponseBroker {
    MetadataResponseBroker::default()
        .with_node_id(BrokerId(NODE_ID))
        .with_host(text(&state.address.ip().to_string()))
        .with_port(i32::from(state.address.port()))
}

/// Describes a topic that the request names or identifies, creating it if allowed.
fn named(state: &State, version: i16, asked: MetadataRequestTopic, create: bool) -> MetadataResponseTopic {
    let unknown = |error: ResponseError, name| {
        let response = MetadataResponseTopic::default().with_error_code(error.code());
        response.with_name(name).with_topic_id(asked.topic_id)
    };
    let Some(name) = asked.name.clone() else {
        return match state.topics.by_id(asked.topic_id) {
            Some(topic) => described(&topic, version),
            None => unknown(ResponseError::UnknownTopicId, None),
        };
    };
    if let Some(topic) = state.topics.by_name(&name) {
        return described(&topic, version);
    }
    if !is_topic_name(&name) {
        return unknown(ResponseError::InvalidTopicException, Some(name));
    }
    match auto_create(state, &name, create) {
        Some(topic) => described(&topic, version),
        None => unknown(ResponseError::UnknownTopicOrPartition, Some(name)),
    }
}

/// Creates a topic if the options and the request allow it.
fn auto_create(state: &State, name: &str, create: bool) -> Option<Arc<Topic>> {
    let partitions = state.options.auto_create.filter(|_| create)?;
    match state.create_topic(name, i32::try_from(partitions).ok()?, TopicConfigs::default()) {
        Ok(topic) => Some(topic),
        // Another request has created it meanwhile.
        Err(FolderError::TopicExists { .. }) => state.topics.by_name(name),
        Err(error) => {
            tracing::error!(topic = name, %error, "failed to create a topic");
            None
        }
    }
}

fn described(topic: &Topic, version: i16) -> MetadataResponseTopic {
    let partition = |index| {
        MetadataResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(BrokerId(NODE_ID))
            .with_leader_epoch(if version >= 7 { LEADER_EPOCH } else { -1 })
            .with_replica_nodes(vec![BrokerId(NODE_ID)])
            .with_isr_nodes(vec![BrokerId(NODE_ID)])
    };
    MetadataResponseTopic::default()
        .with_name(Some(TopicName(text(&topic.name))))
        .with_topic_id(topic.id)
        .with_partitions((0..topic.partition_count()).map(partition).collect())
}
