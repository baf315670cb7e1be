//! One group during one call: the group, its timers, and the answers of the call.

use super::Options;
use super::group::{Group, Member};
use super::messages::{Answer, JoinAnswer, JoinError, Output, SyncAnswer, Token};
use super::timers::{Timer, Timers};
use crate::ErrorCode;

pub(super) struct Turn<'a> {
    pub(super) options: Options,
    pub(super) group_id: &'a str,
    pub(super) group: &'a mut Group,
    pub(super) timers: &'a mut Timers,
    pub(super) now_ms: u64,
    pub(super) outputs: Vec<Output>,
}

impl Turn<'_> {
    pub(super) fn answer(&mut self, token: Token, answer: Answer) {
        self.outputs.push(Output { token, answer });
    }

    pub(super) fn answer_join_error(&mut self, token: Token, error: ErrorCode, member_id: &str) {
        self.answer(token, Answer::Join(Err(JoinError { error, member_id: member_id.to_owned() })));
    }

    /// Answers a waiting `JoinGroup` with the present generation.
    pub(super) fn answer_join(&mut self, token: Token, member_id: &str) {
        let is_leader = self.group.is_leader(member_id);
        let answer = JoinAnswer {
            generation_id: self.group.generation_id,
            protocol_type: self.group.protocol_type.clone(),
            protocol_name: self.group.protocol_name.clone(),
            leader: self.group.leader.clone().unwrap_or_default(),
            skip_assignment: false,
            member_id: member_id.to_owned(),
            members: if is_leader { self.group.joined_members() } else { Vec::new() },
        };
        self.answer(token, Answer::Join(Ok(answer)));
    }

    pub(super) fn answer_sync_error(&mut self, token: Token, error: ErrorCode) {
        self.answer(token, Answer::Sync(Err(error)));
    }

    /// Answers a `SyncGroup` with the member's assignment.
    pub(super) fn answer_sync(&mut self, token: Token, member_id: &str) {
        let answer = SyncAnswer {
            protocol_type: self.group.protocol_type.clone(),
            protocol_name: self.group.protocol_name.clone(),
            assignment: self.group.members.get(member_id).map(|member| member.assignment.clone()).unwrap_or_default(),
        };
        self.answer(token, Answer::Sync(Ok(answer)));
    }

    /// Answers the waiting requests of a member that has been removed.
    pub(super) fn answer_removed(&mut self, member: &Member, error: ErrorCode, member_id: &str) {
        if let Some(token) = member.waiting_join {
            self.answer_join_error(token, error, member_id);
        }
        if let Some(token) = member.waiting_sync {
            self.answer_sync_error(token, error);
        }
    }

    /// Removes a member or a pending member id, with its timer. The error that a waiting client receives makes it join
    /// as a new member.
    pub(super) fn remove_member(&mut self, member_id: &str) {
        self.timers.cancel(self.group_id, session(member_id));
        if let Some(member) = self.group.remove(member_id) {
            self.answer_removed(&member, ErrorCode::UnknownMemberId, "");
        }
    }

    /// Restarts the member's session timeout.
    pub(super) fn restart_session(&mut self, member_id: &str) {
        if let Some(member) = self.group.members.get(member_id) {
            self.timers.set(self.group_id, session(member_id), self.now_ms.saturating_add(member.session_timeout_ms));
        }
    }

    pub(super) fn set_timer(&mut self, timer: Timer, delay_ms: u64) {
        self.timers.set(self.group_id, timer, self.now_ms.saturating_add(delay_ms));
    }

    pub(super) fn cancel_timer(&mut self, timer: Timer) {
        self.timers.cancel(self.group_id, timer);
    }
}

/// Returns the session timer of a member.
pub(super) fn session(member_id: &str) -> Timer {
    Timer::Session { member_id: member_id.to_owned() }
}
