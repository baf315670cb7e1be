//! `ListOffsets` and `OffsetForLeaderEpoch`: offsets by timestamp and by leader epoch.

use std::collections::HashSet;

use kafka_log::{Log, StorageError, TimestampOffset};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::list_offsets_request::ListOffsetsPartition;
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::offset_for_leader_epoch_request::OffsetForLeaderPartition;
use kafka_protocol::messages::offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult};
use kafka_protocol::messages::{
    ListOffsetsRequest, ListOffsetsResponse, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
};

use super::epoch_error;
use crate::state::{LEADER_EPOCH, State};

/// The offset that the timestamp of a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Earliest,
    Latest,
    MaxTimestamp,
    /// The highest offset in tiered storage. The broker has no tiered storage.
    Tiered,
    Timestamp(i64),
}

impl Wanted {
    /// Interprets the timestamp of a request. Returns `None` if the version of the request does not define it.
    fn parse(timestamp: i64, version: i16) -> Option<Self> {
        let (wanted, first_version) = match timestamp {
            -1 => (Wanted::Latest, 1),
            -2 => (Wanted::Earliest, 1),
            -3 => (Wanted::MaxTimestamp, 7),
            // All segments are local.
            -4 => (Wanted::Earliest, 8),
            -5 => (Wanted::Tiered, 9),
            0.. => (Wanted::Timestamp(timestamp), 1),
            _ => return None,
        };
        (version >= first_version).then_some(wanted)
    }
}

pub(super) fn list(state: &State, version: i16, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let committed = request.isolation_level == 1;
    let mut seen = HashSet::new();
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in &topic.partitions {
            let response = match seen.insert((topic.name.clone(), asked.partition_index)) {
                true => partition(state, version, committed, &topic.name, asked),
                false => Err(ResponseError::InvalidRequest),
            };
            let response = response.unwrap_or_else(|error| {
                let unknown =
                    ListOffsetsPartitionResponse::default().with_timestamp(-1).with_offset(-1).with_leader_epoch(-1);
                unknown.with_error_code(error.code())
            });
            partitions.push(response.with_partition_index(asked.partition_index));
        }
        topics.push(ListOffsetsTopicResponse::default().with_name(topic.name).with_partitions(partitions));
    }
    ListOffsetsResponse::default().with_topics(topics)
}

fn partition(
    state: &State,
    version: i16,
    committed: bool,
    topic: &str,
    asked: &ListOffsetsPartition,
) -> Result<ListOffsetsPartitionResponse, ResponseError> {
    let wanted = Wanted::parse(asked.timestamp, version).ok_or(ResponseError::UnsupportedVersion)?;
    let partition =
        state.topics.partition(topic, asked.partition_index).ok_or(ResponseError::UnknownTopicOrPartition)?;
    if let Some(error) = epoch_error(asked.current_leader_epoch) {
        return Err(error);
    }
    let found = partition.read(|log| look_up(log, wanted, committed)).ok_or(ResponseError::UnknownTopicOrPartition)?;
    let found = found.map_err(|error| {
        tracing::error!(topic, partition = asked.partition_index, %error, "failed to look up an offset");
        ResponseError::KafkaStorageError
    })?;
    let epoch = if found.offset >= 0 { LEADER_EPOCH } else { -1 };
    let response = ListOffsetsPartitionResponse::default().with_timestamp(found.timestamp).with_offset(found.offset);
    // Earlier versions do not have the field.
    Ok(response.with_leader_epoch(if version >= 4 { epoch } else { -1 }))
}

fn look_up(log: &Log, wanted: Wanted, committed: bool) -> Result<TimestampOffset, StorageError> {
    let end = if committed { log.last_stable_offset() } else { log.high_watermark() };
    let offset = |offset| TimestampOffset { timestamp: -1, offset };
    let visible = |found: Option<TimestampOffset>| found.filter(|found| found.offset < end).unwrap_or(offset(-1));
    Ok(match wanted {
        Wanted::Earliest => offset(log.log_start_offset()),
        Wanted::Latest => offset(end),
        Wanted::Tiered => offset(-1),
        Wanted::MaxTimestamp => visible(log.max_timestamp()?),
        Wanted::Timestamp(timestamp) => visible(log.offset_for_time(timestamp)?),
    })
}

pub(super) fn for_leader_epoch(state: &State, request: OffsetForLeaderEpochRequest) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            let end = end_of_epoch(state, &topic.topic, asked);
            let end = end.unwrap_or_else(|error| {
                EpochEndOffset::default().with_error_code(error.code()).with_leader_epoch(-1).with_end_offset(-1)
            });
            end.with_partition(asked.partition)
        });
        OffsetForLeaderTopicResult::default().with_partitions(partitions.collect()).with_topic(topic.topic.clone())
    });
    OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
}

fn end_of_epoch(state: &State, topic: &str, asked: &OffsetForLeaderPartition) -> Result<EpochEndOffset, ResponseError> {
    let partition = state.topics.partition(topic, asked.partition).ok_or(ResponseError::UnknownTopicOrPartition)?;
    if let Some(error) = epoch_error(asked.current_leader_epoch) {
        return Err(error);
    }
    let end = partition.read(Log::high_watermark).ok_or(ResponseError::UnknownTopicOrPartition)?;
    let (epoch, end) = if asked.leader_epoch == LEADER_EPOCH { (LEADER_EPOCH, end) } else { (-1, -1) };
    Ok(EpochEndOffset::default().with_leader_epoch(epoch).with_end_offset(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_timestamp_needs_version_7() {
        assert_eq!(Wanted::parse(-3, 6), None);
        assert_eq!(Wanted::parse(-3, 7), Some(Wanted::MaxTimestamp));
    }

    #[test]
    fn undefined_timestamps_are_unsupported() {
        assert_eq!(Wanted::parse(-6, 10), None);
        assert_eq!(Wanted::parse(i64::MIN, 10), None);
    }
}
