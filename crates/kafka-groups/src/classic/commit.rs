//! A group's rules for its offsets: which clients may commit, and which offsets may be deleted.

use std::collections::BTreeSet;

use super::{GroupState, Groups};
use crate::ErrorCode;
use crate::classic::group::Group;

/// Sender of an offset commit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Committer<'a> {
    pub(crate) generation_id: i32,
    pub(crate) member_id: &'a str,
    pub(crate) group_instance_id: Option<&'a str>,
    pub(crate) in_transaction: bool,
}

impl Groups {
    /// Returns `true` if the group exists.
    #[must_use]
    pub fn contains(&self, group_id: &str) -> bool {
        self.groups.contains_key(group_id)
    }

    /// Verifies that a client may commit offsets. The group must exist.
    pub(crate) fn validate_commit(&self, group_id: &str, committer: Committer<'_>) -> Result<(), ErrorCode> {
        let group = self.groups.get(group_id).ok_or(ErrorCode::GroupIdNotFound)?;
        let Committer { generation_id, member_id, group_instance_id, in_transaction } = committer;
        // An administrator, or a consumer that assigns its partitions itself.
        if generation_id < 0 && group.state == GroupState::Empty {
            return Ok(());
        }
        if generation_id >= 0 || !member_id.is_empty() || group_instance_id.is_some() {
            group.validate_member(member_id, group_instance_id)?;
            if generation_id != group.generation_id {
                return Err(ErrorCode::IllegalGeneration);
            }
        } else if !in_transaction && group.state != GroupState::Empty {
            return Err(ErrorCode::UnknownMemberId);
        }
        if !in_transaction && group.state == GroupState::CompletingRebalance {
            return Err(ErrorCode::RebalanceInProgress);
        }
        Ok(())
    }

    /// Counts a valid commit as the member's heartbeat.
    pub(crate) fn member_committed(&mut self, now_ms: u64, group_id: &str, member_id: &str) {
        self.turn(now_ms, group_id, |turn| {
            if matches!(turn.group.state, GroupState::Stable | GroupState::PreparingRebalance) {
                turn.restart_session(member_id);
            }
        });
    }

    /// Verifies that the group's offsets may be deleted: the group is empty, or its members are consumers, whose topics
    /// the coordinator knows.
    pub(crate) fn validate_offset_delete(&self, group_id: &str) -> Result<(), ErrorCode> {
        let group = self.groups.get(group_id).ok_or(ErrorCode::GroupIdNotFound)?;
        if group.state == GroupState::Empty || group.uses_consumer_protocol() {
            Ok(())
        } else {
            Err(ErrorCode::NonEmptyGroup)
        }
    }

    /// Verifies that the group may be deleted: it is empty.
    pub(crate) fn validate_delete(&self, group_id: &str) -> Result<(), ErrorCode> {
        let group = self.groups.get(group_id).ok_or(ErrorCode::GroupIdNotFound)?;
        if group.state == GroupState::Empty { Ok(()) } else { Err(ErrorCode::NonEmptyGroup) }
    }

    /// Returns `true` if a member of the group subscribes to the topic.
    pub(crate) fn is_subscribed(&self, group_id: &str, topic: &str) -> bool {
        self.groups.get(group_id).is_some_and(|group| group.is_subscribed(topic))
    }

    /// Returns the ids of groups whose generation or members have changed since the last call.
    pub(crate) fn take_unstored(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.unstored)
    }

    /// Returns the group's generation and protocol type, if the group has had members.
    pub(crate) fn generation(&self, group_id: &str) -> Option<(i32, String)> {
        let group = self.groups.get(group_id)?;
        Some((group.generation_id, group.protocol_type.clone()?))
    }

    /// Iterates over the ids of all groups.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &String> {
        self.groups.keys()
    }

    /// Records whether the group has offsets. The group is created if it has offsets and does not exist.
    pub(crate) fn set_has_offsets(&mut self, group_id: &str, has_offsets: bool) {
        if has_offsets && !self.groups.contains_key(group_id) {
            self.groups.insert(group_id.to_owned(), Group::new());
        }
        if let Some(group) = self.groups.get_mut(group_id) {
            group.has_offsets = has_offsets;
        }
    }

    /// Removes an empty group. Timers of its pending member ids find no group and do nothing. During a restart, the
    /// group was empty when it was deleted.
    pub(crate) fn remove_empty(&mut self, group_id: &str) {
        if self.restored.remove(group_id) || self.validate_delete(group_id).is_ok() {
            self.groups.remove(group_id);
        }
    }
}
