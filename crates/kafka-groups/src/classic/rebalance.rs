//! The two phases of a rebalance: in the join phase members join, in the sync phase the leader's assignment is
//! distributed.

use bytes::Bytes;

use super::GroupState;
use super::group::InitialDelay;
use super::timers::Timer;
use super::turn::{Turn, session};
use crate::ErrorCode;

/// Minimum time between two attempts to end a join phase in which no member has joined.
const MIN_JOIN_RETRY_MS: u64 = 1_000;

impl Turn<'_> {
    /// Starts a rebalance. During a rebalance, ends the join phase if all members have joined.
    pub(super) fn rebalance(&mut self) {
        if self.group.state == GroupState::PreparingRebalance {
            self.complete_join_if_all_joined();
        } else {
            self.prepare_rebalance();
        }
    }

    /// Starts a rebalance: members that wait for an assignment must join again.
    pub(super) fn prepare_rebalance(&mut self) {
        if self.group.state == GroupState::CompletingRebalance {
            self.reset_assignments(ErrorCode::RebalanceInProgress);
        }
        self.group.pending_sync.clear();
        self.cancel_timer(Timer::Sync);

        let was_empty = self.group.state == GroupState::Empty;
        self.group.state = GroupState::PreparingRebalance;
        if was_empty {
            let delay_ms = u64::try_from(self.options.initial_rebalance_delay_ms).unwrap_or(0);
            let remaining_ms = self.group.rebalance_timeout_ms().saturating_sub(delay_ms);
            self.group.initial_delay = Some(InitialDelay { delay_ms, remaining_ms });
            if delay_ms == 0 {
                self.complete_join();
            } else {
                self.set_timer(Timer::Join, delay_ms);
            }
        } else if self.group.all_members_joined() {
            self.complete_join();
        } else {
            self.set_timer(Timer::Join, self.group.rebalance_timeout_ms());
        }
    }

    /// Ends the join phase if all members have joined. In the first rebalance of an empty group, the phase ends only
    /// when the initial delay is over.
    pub(super) fn complete_join_if_all_joined(&mut self) {
        if self.group.state == GroupState::PreparingRebalance
            && self.group.initial_delay.is_none()
            && self.group.all_members_joined()
        {
            self.complete_join();
        }
    }

    /// Handles the timeout of the join phase.
    pub(super) fn join_timed_out(&mut self) {
        if self.group.state != GroupState::PreparingRebalance {
            return;
        }
        let max_delay_ms = u64::try_from(self.options.initial_rebalance_delay_ms).unwrap_or(0);
        match &mut self.group.initial_delay {
            Some(delay) if self.group.new_member_added && delay.remaining_ms > 0 => {
                let next_ms = max_delay_ms.min(delay.remaining_ms);
                delay.remaining_ms = delay.remaining_ms.saturating_sub(delay.delay_ms);
                delay.delay_ms = next_ms;
                self.group.new_member_added = false;
                self.set_timer(Timer::Join, next_ms);
            }
            _ => self.complete_join(),
        }
    }

    /// Ends the join phase: removes dynamic members that have not joined, and starts the next generation.
    pub(super) fn complete_join(&mut self) {
        self.cancel_timer(Timer::Join);
        let missing: Vec<String> = self
            .group
            .members
            .iter()
            .filter(|(_, member)| member.waiting_join.is_none() && member.group_instance_id.is_none())
            .map(|(member_id, _)| member_id.clone())
            .collect();
        for member_id in missing {
            self.remove_member(&member_id);
        }

        if !self.group.elect_joined_leader() && !self.group.members.is_empty() {
            // All members are static and none has joined. Wait until they join or their sessions end.
            if let Some(delay) = &mut self.group.initial_delay {
                delay.remaining_ms = 0;
            }
            self.set_timer(Timer::Join, self.group.rebalance_timeout_ms().max(MIN_JOIN_RETRY_MS));
            return;
        }

        self.group.start_generation();
        if self.group.state == GroupState::Empty {
            return;
        }
        let member_ids: Vec<String> = self.group.members.keys().cloned().collect();
        for member_id in &member_ids {
            let Some(member) = self.group.members.get_mut(member_id) else { continue };
            member.is_new = false;
            let waiting = member.waiting_join.take();
            if let Some(token) = waiting {
                self.answer_join(token, member_id);
            }
            self.restart_session(member_id);
        }
        self.group.pending_sync.extend(member_ids);
        self.set_timer(Timer::Sync, self.group.rebalance_timeout_ms());
    }

    /// Handles the timeout of the sync phase: removes the members that have not sent `SyncGroup`.
    pub(super) fn sync_timed_out(&mut self) {
        if !matches!(self.group.state, GroupState::CompletingRebalance | GroupState::Stable)
            || self.group.pending_sync.is_empty()
        {
            return;
        }
        for member_id in std::mem::take(&mut self.group.pending_sync) {
            self.remove_member(&member_id);
        }
        self.prepare_rebalance();
    }

    /// Handles the session timeout of a member, or of a client that has not joined with its member id.
    pub(super) fn session_timed_out(&mut self, member_id: &str) {
        if self.group.pending_join.contains(member_id) {
            self.remove_member(member_id);
            if self.group.state == GroupState::PreparingRebalance && self.group.all_members_joined() {
                self.complete_join();
            }
            return;
        }
        match self.group.members.get(member_id) {
            None => return,
            Some(member) if member.is_waiting() => return,
            Some(_) => self.remove_member(member_id),
        }
        match self.group.state {
            GroupState::Stable | GroupState::CompletingRebalance => self.prepare_rebalance(),
            GroupState::PreparingRebalance if self.group.all_members_joined() => self.complete_join(),
            GroupState::PreparingRebalance | GroupState::Empty => {}
        }
    }

    /// Clears all assignments and answers waiting syncs with an error.
    fn reset_assignments(&mut self, error: ErrorCode) {
        let mut waiting = Vec::new();
        for (member_id, member) in &mut self.group.members {
            member.assignment = Bytes::new();
            if let Some(token) = member.waiting_sync.take() {
                waiting.push((member_id.clone(), token));
            }
        }
        for (member_id, token) in waiting {
            self.answer_sync_error(token, error);
            self.restart_session(&member_id);
        }
    }

    /// Records that a member has sent `SyncGroup`. The sync phase ends with the last one.
    pub(super) fn member_synced(&mut self, member_id: &str) {
        self.group.pending_sync.remove(member_id);
        if self.group.pending_sync.is_empty() {
            self.cancel_timer(Timer::Sync);
        }
    }

    /// Registers a member id that a client has received. It expires after the client's session timeout.
    pub(super) fn add_pending(&mut self, member_id: &str, session_timeout_ms: u64) {
        self.group.pending_join.insert(member_id.to_owned());
        self.set_timer(session(member_id), session_timeout_ms);
    }
}
