//! `DescribeCluster`, `DescribeLogDirs` and `DescribeProducers`.

use kafka_log::{Log, ProducerSnapshot};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::describe_log_dirs_response::{
    DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
};
use kafka_protocol::messages::describe_producers_response::{PartitionResponse, ProducerState, TopicResponse};
use kafka_protocol::messages::{
    BrokerId, DescribeClusterRequest, DescribeClusterResponse, DescribeLogDirsRequest, DescribeLogDirsResponse,
    DescribeProducersRequest, DescribeProducersResponse, ProducerId, TopicName,
};

use super::broker_configs::log_dir;
use super::{CLUSTER_OPERATIONS, text};
use crate::state::{NODE_ID, State};
use crate::topics::Topic;

/// Endpoint type of brokers. Controllers have another type.
const BROKERS: i8 = 1;

pub(super) fn cluster(state: &State, version: i16, request: &DescribeClusterRequest) -> DescribeClusterResponse {
    if version >= 1 && request.endpoint_type != BROKERS {
        let message = "this address is a broker, not a controller";
        return DescribeClusterResponse::default()
            .with_error_code(ResponseError::MismatchedEndpointType.code())
            .with_error_message(Some(text(message)));
    }
    let operations = if request.include_cluster_authorized_operations { CLUSTER_OPERATIONS } else { i32::MIN };
    let broker = DescribeClusterBroker::default()
        .with_broker_id(BrokerId(NODE_ID))
        .with_host(text(&state.address.ip().to_string()))
        .with_port(i32::from(state.address.port()));
    DescribeClusterResponse::default()
        .with_cluster_id(text(&state.cluster_id))
        .with_controller_id(BrokerId(NODE_ID))
        .with_brokers(vec![broker])
        .with_cluster_authorized_operations(operations)
}

pub(super) fn log_dirs(state: &State, request: DescribeLogDirsRequest) -> DescribeLogDirsResponse {
    let size = |topic: &Topic, index: i32| {
        let bytes = topic.partition(index)?.read(Log::size_bytes)?;
        let partition = DescribeLogDirsPartition::default().with_partition_index(index);
        Some(partition.with_partition_size(i64::try_from(bytes).unwrap_or(i64::MAX)))
    };
    let topic = |topic: &Topic, indexes: Vec<i32>| {
        let partitions = indexes.into_iter().filter_map(|index| size(topic, index)).collect();
        DescribeLogDirsTopic::default().with_name(TopicName(text(&topic.name))).with_partitions(partitions)
    };
    let topics = match request.topics {
        None => state.topics.all().iter().map(|all| topic(all, (0..all.partition_count()).collect())).collect(),
        Some(asked) => asked
            .into_iter()
            .filter_map(|asked| Some(topic(&*state.topics.by_name(&asked.topic)?, asked.partitions)))
            .collect(),
    };
    let folder = DescribeLogDirsResult::default().with_log_dir(text(&log_dir(state))).with_topics(topics);
    DescribeLogDirsResponse::default().with_results(vec![folder])
}

pub(super) fn producers(state: &State, request: DescribeProducersRequest) -> DescribeProducersResponse {
    let topics = request.topics.into_iter().map(|asked| {
        let partitions = asked.partition_indexes.iter().map(|&index| {
            let partition = state.topics.partition(&asked.name, index);
            let response = PartitionResponse::default().with_partition_index(index);
            match partition.and_then(|partition| partition.read(Log::producers)) {
                Some(producers) => response.with_active_producers(producers.iter().map(producer).collect()),
                None => response.with_error_code(ResponseError::UnknownTopicOrPartition.code()),
            }
        });
        TopicResponse::default().with_partitions(partitions.collect()).with_name(asked.name.clone())
    });
    DescribeProducersResponse::default().with_topics(topics.collect())
}

fn producer(producer: &ProducerSnapshot) -> ProducerState {
    ProducerState::default()
        .with_producer_id(ProducerId(producer.producer_id))
        .with_producer_epoch(i32::from(producer.producer_epoch))
        .with_last_sequence(producer.last_sequence)
        .with_last_timestamp(producer.last_timestamp)
        .with_coordinator_epoch(producer.coordinator_epoch)
        .with_current_txn_start_offset(producer.open_transaction_start.unwrap_or(-1))
}
