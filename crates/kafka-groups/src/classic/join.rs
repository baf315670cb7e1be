//! `JoinGroup`.

use bytes::Bytes;

use super::GroupState;
use super::group::Member;
use super::messages::{Answer, JoinAnswer, JoinRequest, Protocol, Token};
use super::turn::{Turn, session};
use crate::ErrorCode;

/// First version of `JoinGroup` in which a dynamic member joins twice: without an id, then with the id it receives.
const REQUIRES_MEMBER_ID: i16 = 4;
/// First version of `JoinGroup` in which a returning static leader can be asked to skip the assignment.
const SUPPORTS_SKIPPING_ASSIGNMENT: i16 = 9;
/// Time after which a new member that waits for its first generation is removed, because its client may have gone away.
const NEW_MEMBER_JOIN_TIMEOUT_MS: u64 = 300_000;

impl Turn<'_> {
    pub(super) fn join(&mut self, token: Token, mut request: JoinRequest) {
        remove_repeated(&mut request.protocols);
        if !self.group.supports(&request.protocol_type, &request.protocols) {
            self.answer_join_error(token, ErrorCode::InconsistentGroupProtocol, &request.member_id);
        } else if request.member_id.is_empty() {
            self.join_without_id(token, request);
        } else {
            self.join_with_id(token, request);
        }
    }

    fn join_without_id(&mut self, token: Token, request: JoinRequest) {
        let prefix = request.group_instance_id.as_ref().unwrap_or(&request.client_id);
        let member_id = format!("{prefix}-{}", request.random);
        let existing = request.group_instance_id.as_ref().and_then(|id| self.group.static_members.get(id)).cloned();
        match existing {
            Some(old_id) => self.replace_static_member(token, &request, &old_id, &member_id),
            None if request.group_instance_id.is_none() && request.version >= REQUIRES_MEMBER_ID => {
                self.add_pending(&member_id, timeout_ms(request.session_timeout_ms));
                self.answer_join_error(token, ErrorCode::MemberIdRequired, &member_id);
            }
            None => self.add_member(token, request, &member_id),
        }
    }

    fn join_with_id(&mut self, token: Token, request: JoinRequest) {
        let member_id = request.member_id.clone();
        if self.group.pending_join.contains(&member_id) {
            // Only dynamic members have pending ids.
            match request.group_instance_id {
                None => self.add_member(token, request, &member_id),
                Some(_) => self.answer_join_error(token, ErrorCode::UnknownMemberId, ""),
            }
            return;
        }
        if let Err(error) = self.group.validate_member(&member_id, request.group_instance_id.as_deref()) {
            self.answer_join_error(token, error, &member_id);
            return;
        }
        let unchanged = self.group.members.get(&member_id).is_some_and(|member| member.protocols == request.protocols);
        match self.group.state {
            // The member may have missed the answer, so it receives the present generation again.
            GroupState::CompletingRebalance if unchanged => self.answer_join(token, &member_id),
            // A leader joins again to cause a rebalance, for example because a topic has more partitions.
            GroupState::Stable if unchanged && !self.group.is_leader(&member_id) => self.answer_join(token, &member_id),
            GroupState::PreparingRebalance | GroupState::CompletingRebalance | GroupState::Stable => {
                self.update_member(token, &member_id, &request);
                self.rebalance();
            }
            GroupState::Empty => self.answer_join_error(token, ErrorCode::UnknownMemberId, &member_id),
        }
    }

    fn add_member(&mut self, token: Token, request: JoinRequest, member_id: &str) {
        if self.group.initial_delay.is_some() {
            self.group.new_member_added = true;
        }
        let member = Member {
            session_timeout_ms: timeout_ms(request.session_timeout_ms),
            rebalance_timeout_ms: rebalance_timeout_ms(&request),
            group_instance_id: request.group_instance_id,
            client_id: request.client_id,
            client_host: request.client_host,
            protocols: request.protocols,
            assignment: Bytes::new(),
            waiting_join: Some(token),
            waiting_sync: None,
            is_new: true,
        };
        self.group.add(member_id, &request.protocol_type, member);
        self.set_timer(session(member_id), NEW_MEMBER_JOIN_TIMEOUT_MS);
        self.rebalance();
    }

    /// Updates a member from its new request. If an earlier request still waits, the new one supersedes it.
    fn update_member(&mut self, token: Token, member_id: &str, request: &JoinRequest) {
        let Some(member) = self.group.members.get_mut(member_id) else { return };
        member.protocols.clone_from(&request.protocols);
        member.session_timeout_ms = timeout_ms(request.session_timeout_ms);
        member.rebalance_timeout_ms = rebalance_timeout_ms(request);
        if let Some(superseded) = member.waiting_join.replace(token) {
            self.answer_join_error(superseded, ErrorCode::RebalanceInProgress, member_id);
        }
    }

    /// Gives a restarted static member a new member id. The former id is fenced.
    fn replace_static_member(&mut self, token: Token, request: &JoinRequest, old_id: &str, new_id: &str) {
        let former_leader = self.group.leader.clone().unwrap_or_default();
        self.cancel_timer(session(old_id));
        if let Some(old) = self.group.replace(old_id, new_id) {
            self.answer_removed(&old, ErrorCode::FencedInstanceId, old_id);
        }
        self.update_member(token, new_id, request);
        self.restart_session(new_id);

        match self.group.state {
            // No rebalance is needed: the member keeps its assignment.
            GroupState::Stable if self.group.protocol_name == self.group.select_protocol() => {
                let is_leader = self.group.is_leader(new_id);
                let can_skip = request.version >= SUPPORTS_SKIPPING_ASSIGNMENT;
                if let Some(member) = self.group.members.get_mut(new_id) {
                    member.waiting_join = None;
                }
                let answer = JoinAnswer {
                    generation_id: self.group.generation_id,
                    protocol_type: self.group.protocol_type.clone(),
                    protocol_name: self.group.protocol_name.clone(),
                    // An older client computes an assignment if this is its own id, so it receives the former id.
                    leader: if can_skip { self.group.leader.clone().unwrap_or_default() } else { former_leader },
                    skip_assignment: can_skip && is_leader,
                    member_id: new_id.to_owned(),
                    members: if can_skip && is_leader { self.group.joined_members() } else { Vec::new() },
                };
                self.answer(token, Answer::Join(Ok(answer)));
            }
            // The leader may already have computed an assignment for the former id.
            GroupState::Stable | GroupState::CompletingRebalance => self.prepare_rebalance(),
            GroupState::PreparingRebalance | GroupState::Empty => self.complete_join_if_all_joined(),
        }
    }
}

/// Keeps the first of several protocols with the same name.
fn remove_repeated(protocols: &mut Vec<Protocol>) {
    let mut names = std::collections::HashSet::new();
    protocols.retain(|protocol| names.insert(protocol.name.clone()));
}

fn timeout_ms(timeout_ms: i32) -> u64 {
    u64::try_from(timeout_ms).unwrap_or(0)
}

fn rebalance_timeout_ms(request: &JoinRequest) -> u64 {
    u64::try_from(request.rebalance_timeout_ms).unwrap_or_else(|_| timeout_ms(request.session_timeout_ms))
}
