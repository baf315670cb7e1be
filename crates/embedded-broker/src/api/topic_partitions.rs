//! `DescribeTopicPartitions`: topics page by page.

use std::collections::BTreeMap;
use std::sync::Arc;

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::describe_topic_partitions_response::{
    Cursor, DescribeTopicPartitionsResponsePartition, DescribeTopicPartitionsResponseTopic,
};
use kafka_protocol::messages::{BrokerId, DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, TopicName};

use super::{TOPIC_OPERATIONS, is_topic_name, text};
use crate::state::{LEADER_EPOCH, NODE_ID, State};
use crate::topics::Topic;

/// Largest number of partitions of a response, whatever the request allows.
const MAX_PARTITIONS: i32 = 2_000;

pub(super) fn handle(state: &State, request: DescribeTopicPartitionsRequest) -> DescribeTopicPartitionsResponse {
    let mut topics: BTreeMap<String, Option<Arc<Topic>>> = if request.topics.is_empty() {
        state.topics.all().into_iter().map(|topic| (topic.name.clone(), Some(topic))).collect()
    } else {
        request.topics.iter().map(|topic| (topic.name.to_string(), state.topics.by_name(&topic.name))).collect()
    };
    let mut first = 0;
    if let Some(cursor) = &request.cursor {
        topics = topics.split_off(cursor.topic_name.as_str());
        // The topic of the cursor may have been deleted since.
        if topics.contains_key(cursor.topic_name.as_str()) {
            first = cursor.partition_index.max(0);
        }
    }
    let mut left = request.response_partition_limit.clamp(1, MAX_PARTITIONS);
    let mut described = Vec::new();
    for (name, topic) in topics {
        if left == 0 {
            return response(described, Some(cursor(&name, 0)));
        }
        let Some(topic) = topic else {
            described.push(unknown(&name));
            continue;
        };
        let count = topic.partition_count();
        let end = count.min(first.saturating_add(left));
        described.push(partitions(&topic, first..end));
        if end < count {
            return response(described, Some(cursor(&name, end)));
        }
        left -= (end - first).max(0);
        first = 0;
    }
    response(described, None)
}

fn response(
    topics: Vec<DescribeTopicPartitionsResponseTopic>,
    next: Option<Cursor>,
) -> DescribeTopicPartitionsResponse {
    DescribeTopicPartitionsResponse::default().with_topics(topics).with_next_cursor(next)
}

fn cursor(topic: &str, partition: i32) -> Cursor {
    Cursor::default().with_topic_name(TopicName(text(topic))).with_partition_index(partition)
}

fn unknown(name: &str) -> DescribeTopicPartitionsResponseTopic {
    let error =
        if is_topic_name(name) { ResponseError::UnknownTopicOrPartition } else { ResponseError::InvalidTopicException };
    DescribeTopicPartitionsResponseTopic::default()
        .with_name(Some(TopicName(text(name))))
        .with_error_code(error.code())
        .with_topic_authorized_operations(TOPIC_OPERATIONS)
}

fn partitions(topic: &Topic, indexes: std::ops::Range<i32>) -> DescribeTopicPartitionsResponseTopic {
    let node = || vec![BrokerId(NODE_ID)];
    let partition = |index| {
        DescribeTopicPartitionsResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(BrokerId(NODE_ID))
            .with_leader_epoch(LEADER_EPOCH)
            .with_replica_nodes(node())
            .with_isr_nodes(node())
            .with_eligible_leader_replicas(Some(Vec::new()))
            .with_last_known_elr(Some(Vec::new()))
    };
    DescribeTopicPartitionsResponseTopic::default()
        .with_name(Some(TopicName(text(&topic.name))))
        .with_topic_id(topic.id)
        .with_partitions(indexes.map(partition).collect())
        .with_topic_authorized_operations(TOPIC_OPERATIONS)
}
