//! The APIs of transactional producers: `AddPartitionsToTxn`, `AddOffsetsToTxn`, `TxnOffsetCommit` and `EndTxn`.

use std::collections::BTreeSet;

use kafka_groups::ErrorCode;
use kafka_groups::coordinator::{CommitPartition, CommitRequest, TxnCommitRequest};
use kafka_groups::offsets::TopicPartition;
use kafka_groups::transactions::{AddToTransaction, EndTxn, Producer, Verify};
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse,
    EndTxnRequest, EndTxnResponse, TopicName, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};

use super::offsets::{Results, exists, remove_deleted, result, unknown_partitions};
use super::text;
use crate::markers::transact;
use crate::state::State;

/// First version of `TxnOffsetCommit` whose clients know `TRANSACTION_ABORTABLE`.
const FIRST_COMMIT_WITH_ABORTABLE: i16 = 4;

pub(super) fn add_partitions(
    state: &State,
    version: i16,
    request: AddPartitionsToTxnRequest,
) -> AddPartitionsToTxnResponse {
    let topics = request.v3_and_below_topics;
    let asked: BTreeSet<_> = topics.iter().flat_map(partitions).collect();
    let (known, unknown): (BTreeSet<_>, BTreeSet<_>) = asked.into_iter().partition(|asked| exists(state, asked));
    let response = AddPartitionsToTxnResponse::default();
    if !unknown.is_empty() {
        let mut results = unknown_partitions(unknown);
        let not_attempted = ErrorCode::OperationNotAttempted.code();
        results.extend(known.into_iter().map(|partition| (partition, not_attempted)));
        return response.with_results_by_topic_v3_and_below(by_topic(&results));
    }
    let add = AddToTransaction {
        version,
        transactional_id: request.v3_and_below_transactional_id.to_string(),
        producer: Producer { id: request.v3_and_below_producer_id.0, epoch: request.v3_and_below_producer_epoch },
        partitions: known,
        groups: BTreeSet::new(),
    };
    let code = transact(state, |transactions, now| transactions.add(now, &add)).err().unwrap_or(0);
    let results = topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|&index| partition_result(index, code));
        AddPartitionsToTxnTopicResult::default()
            .with_results_by_partition(partitions.collect())
            .with_name(topic.name.clone())
    });
    response.with_results_by_topic_v3_and_below(results.collect())
}

/// Groups results by topic, also if the request names a topic more than once.
fn by_topic(results: &Results) -> Vec<AddPartitionsToTxnTopicResult> {
    let mut topics: Vec<AddPartitionsToTxnTopicResult> = Vec::new();
    for (TopicPartition { topic, partition }, &code) in results {
        let result = partition_result(*partition, code);
        match topics.last_mut() {
            Some(last) if last.name.as_str() == topic => last.results_by_partition.push(result),
            _ => topics.push(
                AddPartitionsToTxnTopicResult::default()
                    .with_name(TopicName(text(topic)))
                    .with_results_by_partition(vec![result]),
            ),
        }
    }
    topics
}

fn partition_result(index: i32, code: i16) -> AddPartitionsToTxnPartitionResult {
    AddPartitionsToTxnPartitionResult::default().with_partition_index(index).with_partition_error_code(code)
}

fn partitions(topic: &AddPartitionsToTxnTopic) -> impl Iterator<Item = TopicPartition> + '_ {
    topic.partitions.iter().map(|&partition| TopicPartition { topic: topic.name.to_string(), partition })
}

pub(super) fn add_offsets(state: &State, version: i16, request: &AddOffsetsToTxnRequest) -> AddOffsetsToTxnResponse {
    let add = AddToTransaction {
        version,
        transactional_id: request.transactional_id.to_string(),
        producer: Producer { id: request.producer_id.0, epoch: request.producer_epoch },
        partitions: BTreeSet::new(),
        groups: BTreeSet::from([request.group_id.to_string()]),
    };
    let added = transact(state, |transactions, now| transactions.add(now, &add));
    AddOffsetsToTxnResponse::default().with_error_code(added.err().unwrap_or(0))
}

pub(super) fn end(state: &State, version: i16, request: &EndTxnRequest) -> EndTxnResponse {
    let end = EndTxn {
        version,
        transactional_id: request.transactional_id.to_string(),
        producer: Producer { id: request.producer_id.0, epoch: request.producer_epoch },
        committed: request.committed,
    };
    let ended = transact(state, |transactions, now| transactions.end_txn(now, &end));
    EndTxnResponse::default().with_error_code(ended.err().unwrap_or(0))
}

pub(super) fn commit_offsets(state: &State, version: i16, request: TxnOffsetCommitRequest) -> TxnOffsetCommitResponse {
    let asked = request.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|partition| CommitPartition {
            partition: TopicPartition { topic: topic.name.to_string(), partition: partition.partition_index },
            offset: partition.committed_offset,
            leader_epoch: partition.committed_leader_epoch,
            metadata: partition.committed_metadata.as_ref().map(ToString::to_string).unwrap_or_default(),
        })
    });
    let (known, unknown): (Vec<_>, Vec<_>) = asked.partition(|asked| exists(state, &asked.partition));
    let mut results = unknown_partitions(unknown.into_iter().map(|asked| asked.partition));
    if !known.is_empty() {
        results.extend(commit_known(state, version, &request, known));
    }
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            TxnOffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(result(&results, &topic.name, partition.partition_index))
        });
        TxnOffsetCommitResponseTopic::default().with_partitions(partitions.collect()).with_name(topic.name.clone())
    });
    TxnOffsetCommitResponse::default().with_topics(topics.collect())
}

fn commit_known(
    state: &State,
    version: i16,
    request: &TxnOffsetCommitRequest,
    partitions: Vec<CommitPartition>,
) -> Results {
    let named: Vec<_> = partitions.iter().map(|asked| asked.partition.clone()).collect();
    let producer = Producer { id: request.producer_id.0, epoch: request.producer_epoch };
    let mut commit = TxnCommitRequest {
        producer_id: producer.id,
        commit: CommitRequest {
            version,
            group_id: request.group_id.to_string(),
            generation_id: request.generation_id,
            member_id: request.member_id.to_string(),
            group_instance_id: request.group_instance_id.as_ref().map(ToString::to_string),
            partitions,
        },
    };
    // The transaction cannot end before its offsets are stored.
    let committed = state.transactions.read(|transactions| {
        let group = Verify::Group(&request.group_id);
        let abortable = version >= FIRST_COMMIT_WITH_ABORTABLE;
        transactions.verify(&request.transactional_id, producer, group, abortable).map_err(ErrorCode::code)?;
        let committed = state.groups.change(|groups, _, wall_clock_ms| {
            let deleted = remove_deleted(state, &mut commit.commit);
            let commit = groups.commit_in_transaction(wall_clock_ms, &commit)?;
            Ok((commit.events, (commit.results, deleted)))
        });
        committed.map_err(|error| error.code())
    });
    match committed {
        Ok((committed, deleted)) => committed
            .into_iter()
            .map(|(partition, result)| (partition, result.map_or_else(ErrorCode::code, |()| 0)))
            .chain(deleted)
            .collect(),
        Err(code) => named.into_iter().map(|partition| (partition, code)).collect(),
    }
}
