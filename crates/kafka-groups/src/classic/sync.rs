//! `SyncGroup` and Heartbeat.

use std::collections::HashMap;

use bytes::Bytes;

use super::GroupState;
use super::messages::{Answer, HeartbeatRequest, SyncRequest, Token};
use super::turn::Turn;
use crate::ErrorCode;

/// First version of `SyncGroup` in which the protocol type and name are mandatory.
const REQUIRES_PROTOCOL: i16 = 5;

impl Turn<'_> {
    pub(super) fn sync(&mut self, token: Token, request: SyncRequest) {
        if let Err(error) = self.validate_sync(&request) {
            self.answer_sync_error(token, error);
            return;
        }
        let member_id = request.member_id.as_str();
        match self.group.state {
            GroupState::Empty => self.answer_sync_error(token, ErrorCode::UnknownMemberId),
            GroupState::PreparingRebalance => self.answer_sync_error(token, ErrorCode::RebalanceInProgress),
            GroupState::CompletingRebalance => {
                self.member_synced(member_id);
                if let Some(member) = self.group.members.get_mut(member_id)
                    && let Some(superseded) = member.waiting_sync.replace(token)
                {
                    self.answer_sync_error(superseded, ErrorCode::RebalanceInProgress);
                }
                if self.group.is_leader(member_id) {
                    self.assign(request.assignments);
                }
            }
            GroupState::Stable => {
                self.member_synced(member_id);
                self.answer_sync(token, member_id);
            }
        }
    }

    fn validate_sync(&self, request: &SyncRequest) -> Result<(), ErrorCode> {
        self.group.validate_member(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation_id != self.group.generation_id {
            return Err(ErrorCode::IllegalGeneration);
        }
        let differs = |sent: &Option<String>, own: &Option<String>| sent.is_some() && own.is_some() && sent != own;
        if differs(&request.protocol_type, &self.group.protocol_type)
            || differs(&request.protocol_name, &self.group.protocol_name)
        {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        Ok(())
    }

    /// Stores the leader's assignments and answers all waiting syncs. A member that the leader has omitted receives an
    /// empty assignment.
    fn assign(&mut self, assignments: Vec<(String, Bytes)>) {
        let mut assignments: HashMap<String, Bytes> = assignments.into_iter().collect();
        let mut waiting = Vec::new();
        for (member_id, member) in &mut self.group.members {
            member.assignment = assignments.remove(member_id).unwrap_or_default();
            if let Some(token) = member.waiting_sync.take() {
                waiting.push((member_id.clone(), token));
            }
        }
        self.group.state = GroupState::Stable;
        for (member_id, token) in waiting {
            self.answer_sync(token, &member_id);
            self.restart_session(&member_id);
        }
    }

    pub(super) fn heartbeat(&mut self, token: Token, request: &HeartbeatRequest) {
        let result = self.validate_heartbeat(request);
        if result.is_ok() || result == Err(ErrorCode::RebalanceInProgress) {
            self.restart_session(&request.member_id);
        }
        self.answer(token, Answer::Heartbeat(result));
    }

    fn validate_heartbeat(&self, request: &HeartbeatRequest) -> Result<(), ErrorCode> {
        self.group.validate_member(&request.member_id, request.group_instance_id.as_deref())?;
        if request.generation_id != self.group.generation_id {
            return Err(ErrorCode::IllegalGeneration);
        }
        match self.group.state {
            GroupState::Empty => Err(ErrorCode::UnknownMemberId),
            GroupState::PreparingRebalance => Err(ErrorCode::RebalanceInProgress),
            GroupState::CompletingRebalance | GroupState::Stable => Ok(()),
        }
    }
}

/// Validates the parts of the request that do not depend on the group.
pub(super) fn validate_request(request: &SyncRequest) -> Result<(), ErrorCode> {
    if request.group_id.is_empty() {
        Err(ErrorCode::InvalidGroupId)
    } else if request.version >= REQUIRES_PROTOCOL
        && (request.protocol_type.is_none() || request.protocol_name.is_none())
    {
        Err(ErrorCode::InconsistentGroupProtocol)
    } else {
        Ok(())
    }
}
