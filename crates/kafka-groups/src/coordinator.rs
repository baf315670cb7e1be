//! Groups and their offsets together: what the group coordinator of a broker answers.

use crate::ErrorCode;
use crate::classic::{GroupDescription, Groups, ListedGroup, Options, Output, Request, Token};
use crate::offsets::{CommittedOffset, OffsetEvent, Offsets, TopicPartition};

/// Groups, their committed offsets, and the rules between the two.
///
/// Methods that change offsets return events instead of changing anything: the caller stores the events, then passes
/// them to [`GroupCoordinator::replay`], then answers. So an offset is visible only if it is stored, and recovery is a
/// replay of the same events.
#[derive(Debug)]
pub struct GroupCoordinator {
    groups: Groups,
    offsets: Offsets,
    max_metadata_bytes: usize,
}

/// `OffsetCommit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitRequest {
    /// Version of `OffsetCommit`: the error for a group that does not exist has changed with 9.
    pub version: i16,
    pub group_id: String,
    /// -1 if the client is not a member: it assigns its partitions itself, or it is an administrator.
    pub generation_id: i32,
    /// Empty if the client is not a member.
    pub member_id: String,
    pub group_instance_id: Option<String>,
    pub partitions: Vec<CommitPartition>,
}

/// One partition of a [`CommitRequest`] or [`TxnCommitRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitPartition {
    pub partition: TopicPartition,
    pub offset: i64,
    /// -1 if the request has none.
    pub leader_epoch: i32,
    /// Missing metadata is stored as an empty text.
    pub metadata: String,
}

/// `TxnOffsetCommit`. The caller has verified that the partition's transaction is open
/// ([`Transactions`](crate::transactions::Transactions)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxnCommitRequest {
    pub producer_id: i64,
    pub commit: CommitRequest,
}

/// What a commit changes, and the answer to it.
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
    /// `None` if the group has committed nothing: offset -1, leader epoch -1, empty metadata. The error is
    /// [`ErrorCode::UnstableOffsetCommit`] or nothing.
    pub offset: Result<Option<CommittedOffset>, ErrorCode>,
}

impl GroupCoordinator {
    #[must_use]
    pub fn new(options: Options) -> Self {
        GroupCoordinator { groups: Groups::new(options), offsets: Offsets::default(), max_metadata_bytes: 4_096 }
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

    /// Validates an `OffsetCommit`. A valid commit of a member also counts as its heartbeat.
    ///
    /// # Errors
    ///
    /// The error is that of each partition.
    pub fn commit(&mut self, now_ms: u64, wall_clock_ms: i64, request: &CommitRequest) -> Result<Commit, ErrorCode> {
        let _ = (now_ms, wall_clock_ms, request, self.max_metadata_bytes);
        Err(ErrorCode::UnknownMemberId)
    }

    /// Validates a `TxnOffsetCommit`.
    ///
    /// # Errors
    ///
    /// The error is that of each partition.
    pub fn commit_in_transaction(
        &mut self,
        wall_clock_ms: i64,
        request: &TxnCommitRequest,
    ) -> Result<Commit, ErrorCode> {
        let _ = (wall_clock_ms, request);
        Err(ErrorCode::UnknownMemberId)
    }

    /// Returns the events that end a transaction's pending offsets. The caller does this when it writes the
    /// transaction's markers.
    #[must_use]
    pub fn end_transaction(&self, producer_id: i64, committed: bool) -> Vec<OffsetEvent> {
        let _ = (producer_id, committed);
        Vec::new()
    }

    /// Answers an `OffsetFetch` of one group: of the given partitions, or of all (`None`).
    ///
    /// `member` is the member id and epoch that version 9 carries; a classic group ignores both. With `require_stable` a partition that
    /// an open transaction has committed to is answered with [`ErrorCode::UnstableOffsetCommit`].
    #[must_use]
    pub fn fetch(
        &self,
        group_id: &str,
        partitions: Option<&[TopicPartition]>,
        require_stable: bool,
    ) -> Vec<FetchedOffset> {
        let _ = (group_id, partitions, require_stable);
        Vec::new()
    }

    /// Validates an `OffsetDelete`.
    ///
    /// # Errors
    ///
    /// The error is that of the whole request.
    pub fn delete_offsets(&self, group_id: &str, partitions: &[TopicPartition]) -> Result<Commit, ErrorCode> {
        let _ = (group_id, partitions);
        Err(ErrorCode::GroupIdNotFound)
    }

    /// Validates the deletion of one group (`DeleteGroups`).
    ///
    /// # Errors
    ///
    /// The error is that of the group.
    pub fn delete_group(&self, group_id: &str) -> Result<Vec<OffsetEvent>, ErrorCode> {
        let _ = group_id;
        Err(ErrorCode::GroupIdNotFound)
    }

    /// Returns the events that delete all offsets of a topic that no longer exists.
    #[must_use]
    pub fn delete_topic(&self, topic: &str) -> Vec<OffsetEvent> {
        let _ = topic;
        Vec::new()
    }

    /// Changes the state by an event that the caller has stored.
    pub fn replay(&mut self, event: OffsetEvent) {
        let _ = event;
    }

    /// Returns events that lead from an empty coordinator to the present offsets, to rewrite a journal that has grown.
    #[must_use]
    pub fn snapshot(&self) -> Vec<OffsetEvent> {
        let _ = &self.offsets;
        Vec::new()
    }
}
