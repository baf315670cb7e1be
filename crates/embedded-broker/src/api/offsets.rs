//! Committed offsets: `OffsetCommit`, `OffsetFetch` and `OffsetDelete`.

use std::collections::BTreeMap;

use kafka_groups::ErrorCode;
use kafka_groups::coordinator::{CommitPartition, CommitRequest, FetchedOffset};
use kafka_groups::offsets::TopicPartition;
use kafka_protocol::messages::offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic};
use kafka_protocol::messages::offset_delete_response::{OffsetDeleteResponsePartition, OffsetDeleteResponseTopic};
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
};
use kafka_protocol::messages::{
    OffsetCommitRequest, OffsetCommitResponse, OffsetDeleteRequest, OffsetDeleteResponse, OffsetFetchRequest,
    OffsetFetchResponse, TopicName,
};

use super::text;
use crate::state::State;

/// First version of `OffsetFetch` with several groups.
const FIRST_FETCH_WITH_GROUPS: i16 = 8;

/// Results for partitions, by topic and partition.
pub(super) type Results = BTreeMap<TopicPartition, i16>;

pub(super) fn commit(state: &State, version: i16, request: OffsetCommitRequest) -> OffsetCommitResponse {
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
        let partitions: Vec<_> = known.iter().map(|asked| asked.partition.clone()).collect();
        let mut commit = CommitRequest {
            version,
            group_id: request.group_id.to_string(),
            generation_id: request.generation_id_or_member_epoch,
            member_id: request.member_id.to_string(),
            group_instance_id: request.group_instance_id.map(|id| id.to_string()),
            partitions: known,
        };
        let committed = state.groups.change(|groups, now_ms, wall_clock_ms| {
            let deleted = remove_deleted(state, &mut commit);
            let commit = groups.commit(now_ms, wall_clock_ms, &commit)?;
            Ok((commit.events, (commit.results, deleted)))
        });
        match committed {
            Ok((committed, deleted)) => {
                results.extend(committed.into_iter().map(|(partition, result)| (partition, code(result))));
                results.extend(deleted);
            }
            Err(error) => {
                let error = error.code();
                results.extend(partitions.into_iter().map(|partition| (partition, error)));
            }
        }
    }
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let error = result(&results, &topic.name, partition.partition_index);
            OffsetCommitResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(error)
        });
        OffsetCommitResponseTopic::default().with_partitions(partitions.collect()).with_name(topic.name.clone())
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}

pub(super) fn fetch(state: &State, version: i16, request: OffsetFetchRequest) -> OffsetFetchResponse {
    let require_stable = request.require_stable;
    if version < FIRST_FETCH_WITH_GROUPS {
        let asked = request.topics.map(|topics| partitions(topics.iter().map(|t| (&t.name, &t.partition_indexes))));
        let fetched = fetch_group(state, &request.group_id, asked.as_deref(), require_stable);
        let topics = by_topic(fetched, old_partition)
            .into_iter()
            .map(|(name, partitions)| OffsetFetchResponseTopic::default().with_name(name).with_partitions(partitions));
        return OffsetFetchResponse::default().with_topics(topics.collect());
    }
    let groups = request.groups.into_iter().map(|group| {
        let asked = group.topics.map(|topics| partitions(topics.iter().map(|t| (&t.name, &t.partition_indexes))));
        let fetched = fetch_group(state, &group.group_id, asked.as_deref(), require_stable);
        let topics = by_topic(fetched, new_partition)
            .into_iter()
            .map(|(name, partitions)| OffsetFetchResponseTopics::default().with_name(name).with_partitions(partitions));
        OffsetFetchResponseGroup::default().with_topics(topics.collect()).with_group_id(group.group_id)
    });
    OffsetFetchResponse::default().with_groups(groups.collect())
}

fn fetch_group(
    state: &State,
    group_id: &str,
    partitions: Option<&[TopicPartition]>,
    require_stable: bool,
) -> Vec<FetchedOffset> {
    state.groups.read(|groups| groups.fetch(group_id, partitions, require_stable))
}

fn partitions<'a>(topics: impl Iterator<Item = (&'a TopicName, &'a Vec<i32>)>) -> Vec<TopicPartition> {
    topics
        .flat_map(|(name, indexes)| {
            indexes.iter().map(|&partition| TopicPartition { topic: name.to_string(), partition })
        })
        .collect()
}

/// Groups consecutive partitions of a topic.
fn by_topic<P>(fetched: Vec<FetchedOffset>, partition: fn(FetchedOffset) -> P) -> Vec<(TopicName, Vec<P>)> {
    let mut topics: Vec<(TopicName, Vec<P>)> = Vec::new();
    for offset in fetched {
        let name = TopicName(text(&offset.partition.topic));
        match topics.last_mut() {
            Some((last, partitions)) if *last == name => partitions.push(partition(offset)),
            _ => topics.push((name, vec![partition(offset)])),
        }
    }
    topics
}

fn old_partition(fetched: FetchedOffset) -> OffsetFetchResponsePartition {
    let partition = new_partition(fetched);
    OffsetFetchResponsePartition::default()
        .with_partition_index(partition.partition_index)
        .with_committed_offset(partition.committed_offset)
        .with_committed_leader_epoch(partition.committed_leader_epoch)
        .with_metadata(partition.metadata)
        .with_error_code(partition.error_code)
}

fn new_partition(fetched: FetchedOffset) -> OffsetFetchResponsePartitions {
    let (committed, error) = match fetched.offset {
        Ok(committed) => (committed, 0),
        Err(error) => (None, error.code()),
    };
    let (offset, epoch, metadata) = match committed {
        Some(committed) => (committed.offset, committed.leader_epoch, committed.metadata),
        None => (-1, -1, String::new()),
    };
    OffsetFetchResponsePartitions::default()
        .with_partition_index(fetched.partition.partition)
        .with_committed_offset(offset)
        .with_committed_leader_epoch(epoch)
        .with_metadata(Some(text(&metadata)))
        .with_error_code(error)
}

pub(super) fn delete(state: &State, request: OffsetDeleteRequest) -> OffsetDeleteResponse {
    let asked = request.topics.iter().flat_map(|topic| {
        topic
            .partitions
            .iter()
            .map(|partition| TopicPartition { topic: topic.name.to_string(), partition: partition.partition_index })
    });
    let (known, unknown): (Vec<_>, Vec<_>) = asked.partition(|asked| exists(state, asked));
    let mut results = unknown_partitions(unknown);
    let deleted = state.groups.change(|groups, _, _| {
        let commit = groups.delete_offsets(&request.group_id, &known)?;
        Ok((commit.events, commit.results))
    });
    match deleted {
        Ok(deleted) => results.extend(deleted.into_iter().map(|(partition, result)| (partition, code(result)))),
        Err(error) => return OffsetDeleteResponse::default().with_error_code(error.code()),
    }
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let error = result(&results, &topic.name, partition.partition_index);
            OffsetDeleteResponsePartition::default()
                .with_partition_index(partition.partition_index)
                .with_error_code(error)
        });
        OffsetDeleteResponseTopic::default().with_partitions(partitions.collect()).with_name(topic.name.clone())
    });
    OffsetDeleteResponse::default().with_topics(topics.collect())
}

pub(super) fn exists(state: &State, partition: &TopicPartition) -> bool {
    state.topics.partition(&partition.topic, partition.partition).is_some()
}

/// Removes the partitions that no longer exist from a commit, and returns their results. The groups are locked: a
/// topic's offsets are deleted after the topic, so that none of them is stored later.
pub(super) fn remove_deleted(state: &State, commit: &mut CommitRequest) -> Results {
    let asked = std::mem::take(&mut commit.partitions).into_iter();
    let (known, deleted): (Vec<_>, Vec<_>) = asked.partition(|asked| exists(state, &asked.partition));
    commit.partitions = known;
    unknown_partitions(deleted.into_iter().map(|asked| asked.partition))
}

pub(super) fn unknown_partitions(partitions: impl IntoIterator<Item = TopicPartition>) -> Results {
    let unknown = ErrorCode::UnknownTopicOrPartition.code();
    partitions.into_iter().map(|partition| (partition, unknown)).collect()
}

pub(super) fn result(results: &Results, topic: &str, partition: i32) -> i16 {
    results.get(&TopicPartition { topic: topic.to_owned(), partition }).copied().unwrap_or(0)
}

fn code(result: Result<(), ErrorCode>) -> i16 {
    result.map_or_else(ErrorCode::code, |()| 0)
}
