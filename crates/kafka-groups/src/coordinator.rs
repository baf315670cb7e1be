//! The group coordinator of a broker: groups and their offsets.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::ErrorCode;
use crate::classic::{Committer, GroupDescription, Groups, ListedGroup, Options, Output, Request, Token};
use crate::offsets::{CommittedOffset, OffsetEvent, Offsets, TopicPartition};

/// Kafka's `offset.metadata.max.bytes`: longer metadata is rejected. Kafka counts UTF-16 units.
const MAX_METADATA_LENGTH: usize = 4_096;
/// First version of `OffsetCommit` with a separate error for a group that does not exist.
const COMMIT_HAS_GROUP_ID_NOT_FOUND: i16 = 9;

/// Groups, their committed offsets, and the rules between the two.
///
/// Methods that change offsets return events instead of changing anything: the caller stores the events, then passes
/// them to [`GroupCoordinator::replay`], then answers. An offset is visible only if it is stored, and recovery replays
/// the same events. The caller must not handle another request between the call and the replay.
#[derive(Debug)]
pub struct GroupCoordinator {
    groups: Groups,
    offsets: Offsets,
}

/// `OffsetCommit`. It must contain only partitions that exist; the caller answers the others with
/// [`ErrorCode::UnknownTopicOrPartition`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitRequest {
    /// Version of `OffsetCommit`. The error for a group that does not exist depends on it.
    pub version: i16,
    pub group_id: String,
    /// -1 if the client is not a member: it assigns its partitions itself, or it is an administrator.
    pub generation_id: i32,
    /// Empty if the client is not a member.
    pub member_id: String,
    pub group_instance_id: Option<String>,
    pub partitions: Vec<CommitPartition>,
}

/// One partition of a [`CommitRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitPartition {
    pub partition: TopicPartition,
    pub offset: i64,
    /// -1 if the request has none.
    pub leader_epoch: i32,
    /// Empty if the request has none.
    pub metadata: String,
}

/// `TxnOffsetCommit`. The caller must have verified that the group is part of the producer's open transaction
/// ([`Transactions::verify`](crate::transactions::Transactions::verify)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxnCommitRequest {
    pub producer_id: i64,
    pub commit: CommitRequest,
}

/// Changes of a commit or a deletion, and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// To be stored, then replayed.
    pub events: Vec<OffsetEvent>,
    /// One result for each partition of the request, in its order.
    pub results: Vec<(TopicPartition, Result<(), ErrorCode>)>,
}

/// A partition's committed offset, as `OffsetFetch` answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedOffset {
    pub partition: TopicPartition,
    /// `None` if the group has committed nothing: offset -1, leader epoch -1, empty metadata. The only error is
    /// [`ErrorCode::UnstableOffsetCommit`].
    pub offset: Result<Option<CommittedOffset>, ErrorCode>,
}

impl GroupCoordinator {
    #[must_use]
    pub fn new(options: Options) -> Self {
        GroupCoordinator { groups: Groups::new(options), offsets: Offsets::default() }
    }

    /// See [`Groups::apply`].
    pub fn apply(&mut self, now_ms: u64, token: Token, request: Request) -> Vec<Output> {
        self.groups.apply(now_ms, token, request)
    }

    /// See [`Groups::expire`].
    pub fn expire(&mut self, now_ms: u64) -> Vec<Output> {
        self.groups.expire(now_ms)
    }

    /// See [`Groups::next_deadline`].
    #[must_use]
    pub fn next_deadline(&self) -> Option<u64> {
        self.groups.next_deadline()
    }

    /// See [`Groups::close`].
    pub fn close(&mut self, error: ErrorCode) -> Vec<Output> {
        self.groups.close(error)
    }

    /// See [`Groups::list`].
    #[must_use]
    pub fn list(&self, states: &[String], types: &[String]) -> Vec<ListedGroup> {
        self.groups.list(states, types)
    }

    /// See [`Groups::describe`].
    #[must_use]
    pub fn describe(&self, group_id: &str) -> Option<GroupDescription> {
        self.groups.describe(group_id)
    }

    /// Validates an `OffsetCommit`. A valid commit of a member also counts as its heartbeat. `wall_clock_ms` is the
    /// commit timestamp, in milliseconds since 1970.
    ///
    /// # Errors
    ///
    /// The error is that of each partition.
    pub fn commit(&mut self, now_ms: u64, wall_clock_ms: i64, request: &CommitRequest) -> Result<Commit, ErrorCode> {
        match self.groups.validate_commit(&request.group_id, committer(request, false)) {
            // The commit of a client without membership creates the group. (Apache Kafka also creates it if no offset is
            // valid, but does not list it then.)
            Err(ErrorCode::GroupIdNotFound) if request.generation_id < 0 => {}
            Err(ErrorCode::GroupIdNotFound) if request.version < COMMIT_HAS_GROUP_ID_NOT_FOUND => {
                return Err(ErrorCode::IllegalGeneration);
            }
            result => result?,
        }
        self.groups.member_committed(now_ms, &request.group_id, &request.member_id);
        Ok(commit(request, wall_clock_ms, |group_id, partition, offset| OffsetEvent::Committed {
            group_id,
            partition,
            offset,
        }))
    }

    /// Validates a `TxnOffsetCommit`.
    ///
    /// # Errors
    ///
    /// The error is that of each partition.
    pub fn commit_in_transaction(&self, wall_clock_ms: i64, request: &TxnCommitRequest) -> Result<Commit, ErrorCode> {
        let TxnCommitRequest { producer_id, commit: request } = request;
        if request.group_id.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        match self.groups.validate_commit(&request.group_id, committer(request, true)) {
            Err(ErrorCode::GroupIdNotFound) if request.generation_id < 0 => {}
            Err(ErrorCode::GroupIdNotFound) => return Err(ErrorCode::IllegalGeneration),
            result => result?,
        }
        Ok(commit(request, wall_clock_ms, |group_id, partition, offset| OffsetEvent::Pending {
            group_id,
            producer_id: *producer_id,
            partition,
            offset,
        }))
    }

    /// Returns the events that end a transaction's pending offsets in all groups. The caller stores them when it writes
    /// the transaction's markers.
    #[must_use]
    pub fn end_transaction(&self, producer_id: i64, committed: bool) -> Vec<OffsetEvent> {
        let ended = OffsetEvent::TransactionEnded { producer_id, committed };
        if self.offsets.has_pending(producer_id) { vec![ended] } else { Vec::new() }
    }

    /// Answers an `OffsetFetch` of one group: of the given partitions, or of all (`None`).
    ///
    /// The member id and epoch that the request carries since version 9 play no part in a classic group. With
    /// `require_stable` a partition that an open transaction has committed to is answered with
    /// [`ErrorCode::UnstableOffsetCommit`].
    #[must_use]
    pub fn fetch(
        &self,
        group_id: &str,
        partitions: Option<&[TopicPartition]>,
        require_stable: bool,
    ) -> Vec<FetchedOffset> {
        let fetch = |partition: &TopicPartition, offset: Option<&CommittedOffset>| FetchedOffset {
            partition: partition.clone(),
            offset: if require_stable && self.offsets.is_pending(group_id, partition) {
                Err(ErrorCode::UnstableOffsetCommit)
            } else {
                Ok(offset.cloned())
            },
        };
        match partitions {
            Some(partitions) => {
                partitions.iter().map(|partition| fetch(partition, self.offsets.get(group_id, partition))).collect()
            }
            None => self.offsets.of_group(group_id).map(|(partition, offset)| fetch(partition, Some(offset))).collect(),
        }
    }

    /// Validates an `OffsetDelete` of partitions that exist.
    ///
    /// # Errors
    ///
    /// The error is that of the whole request.
    pub fn delete_offsets(&self, group_id: &str, partitions: &[TopicPartition]) -> Result<Commit, ErrorCode> {
        if group_id.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        self.groups.validate_offset_delete(group_id)?;
        let mut commit = Commit { events: Vec::new(), results: Vec::new() };
        for partition in partitions {
            let result = if self.groups.is_subscribed(group_id, &partition.topic) {
                Err(ErrorCode::GroupSubscribedToTopic)
            } else {
                Ok(())
            };
            let exists =
                self.offsets.get(group_id, partition).is_some() || self.offsets.is_pending(group_id, partition);
            if result.is_ok() && exists {
                let (group_id, partition) = (group_id.to_owned(), partition.clone());
                commit.events.push(OffsetEvent::Deleted { group_id, partition });
            }
            commit.results.push((partition.clone(), result));
        }
        Ok(commit)
    }

    /// Validates the deletion of one group (`DeleteGroups`).
    ///
    /// # Errors
    ///
    /// The error is that of the group.
    pub fn delete_group(&self, group_id: &str) -> Result<Vec<OffsetEvent>, ErrorCode> {
        self.groups.validate_delete(group_id)?;
        Ok(vec![OffsetEvent::GroupDeleted { group_id: group_id.to_owned() }])
    }

    /// Returns the events that delete all offsets of a topic that no longer exists.
    #[must_use]
    pub fn delete_topic(&self, topic: &str) -> Vec<OffsetEvent> {
        let offsets = self.offsets.of_topic(topic).into_iter();
        offsets.map(|(group_id, partition)| OffsetEvent::Deleted { group_id, partition }).collect()
    }

    /// Returns the topics for which a group has an offset, committed or pending.
    #[must_use]
    pub fn topics(&self) -> BTreeSet<String> {
        self.offsets.topics()
    }

    /// Returns the events of the generations that have begun since the last call, with their members. The caller stores
    /// them after [`GroupCoordinator::apply`] and [`GroupCoordinator::expire`]; there is no need to replay them or to
    /// delay an answer.
    pub fn take_events(&mut self) -> Vec<OffsetEvent> {
        let group_ids = self.groups.take_unstored();
        group_ids.iter().filter_map(|group_id| self.generation(group_id)).collect()
    }

    fn generation(&self, group_id: &str) -> Option<OffsetEvent> {
        let group_id = group_id.to_owned();
        if let Some(generation) = self.groups.static_generation(&group_id) {
            return Some(OffsetEvent::Members { group_id, generation });
        }
        let (generation_id, protocol_type) = self.groups.generation(&group_id)?;
        Some(OffsetEvent::Generation { group_id, generation_id, protocol_type })
    }

    /// See [`Groups::start_sessions`]. To be called after the events of before a restart have been replayed.
    pub fn start_sessions(&mut self, now_ms: u64) {
        self.groups.start_sessions(now_ms);
    }

    /// Changes the offsets by an event that the caller has stored.
    pub fn replay(&mut self, event: OffsetEvent) {
        let groups = match &event {
            OffsetEvent::Committed { group_id, .. }
            | OffsetEvent::Pending { group_id, .. }
            | OffsetEvent::Deleted { group_id, .. } => BTreeSet::from([group_id.clone()]),
            OffsetEvent::GroupDeleted { group_id } => {
                self.groups.remove_empty(group_id);
                BTreeSet::new()
            }
            OffsetEvent::Generation { group_id, generation_id, protocol_type } => {
                self.groups.restore(group_id, *generation_id, protocol_type.clone());
                BTreeSet::new()
            }
            OffsetEvent::Members { group_id, generation } => {
                self.groups.restore_members(group_id, generation.clone());
                BTreeSet::new()
            }
            OffsetEvent::TransactionEnded { producer_id, .. } => {
                self.offsets.pending_groups(*producer_id).map(str::to_owned).collect()
            }
        };
        self.offsets.replay(event);
        for group_id in groups {
            self.groups.set_has_offsets(&group_id, self.offsets.has_group(&group_id));
        }
    }

    /// Returns events that lead from an empty coordinator to the present offsets and generations, to rewrite a journal
    /// that has grown.
    #[must_use]
    pub fn snapshot(&self) -> Vec<OffsetEvent> {
        let generations = self.groups.ids().filter_map(|group_id| self.generation(group_id));
        generations.chain(self.offsets.snapshot()).collect()
    }
}

fn committer(request: &CommitRequest, in_transaction: bool) -> Committer<'_> {
    Committer {
        generation_id: request.generation_id,
        member_id: &request.member_id,
        group_instance_id: request.group_instance_id.as_deref(),
        in_transaction,
    }
}

fn commit(
    request: &CommitRequest,
    commit_timestamp_ms: i64,
    event: impl Fn(String, TopicPartition, CommittedOffset) -> OffsetEvent,
) -> Commit {
    let mut commit = Commit { events: Vec::new(), results: Vec::new() };
    for CommitPartition { partition, offset, leader_epoch, metadata } in &request.partitions {
        let result = if metadata.encode_utf16().count() > MAX_METADATA_LENGTH {
            Err(ErrorCode::OffsetMetadataTooLarge)
        } else {
            let metadata = metadata.clone();
            let offset =
                CommittedOffset { offset: *offset, leader_epoch: *leader_epoch, metadata, commit_timestamp_ms };
            commit.events.push(event(request.group_id.clone(), partition.clone(), offset));
            Ok(())
        };
        commit.results.push((partition.clone(), result));
    }
    commit
}
