//! `LeaveGroup`.

use super::GroupState;
use super::messages::{Answer, LeaveAnswer, LeaveRequest, LeavingMember, Token};
use super::turn::Turn;
use crate::ErrorCode;

impl Turn<'_> {
    pub(super) fn leave(&mut self, token: Token, request: LeaveRequest) {
        let answers: Vec<LeaveAnswer> = request
            .members
            .into_iter()
            .map(|leaving| {
                let result = self.remove_leaving(&leaving);
                LeaveAnswer { member_id: leaving.member_id, group_instance_id: leaving.group_instance_id, result }
            })
            .collect();
        let a_member_left = answers.iter().any(|answer| answer.result.is_ok());
        self.answer(token, Answer::Leave(Ok(answers)));
        if a_member_left && self.group.state != GroupState::Empty {
            self.rebalance();
        }
    }

    fn remove_leaving(&mut self, leaving: &LeavingMember) -> Result<(), ErrorCode> {
        let instance_id = leaving.group_instance_id.as_deref();
        let member_id = if !leaving.member_id.is_empty() {
            if !self.group.pending_join.contains(&leaving.member_id) {
                self.group.validate_member(&leaving.member_id, instance_id)?;
            }
            leaving.member_id.clone()
        } else {
            let member_id = instance_id.and_then(|id| self.group.static_members.get(id));
            member_id.ok_or(ErrorCode::UnknownMemberId)?.clone()
        };
        self.remove_member(&member_id);
        Ok(())
    }
}

/// Returns the answer for a group that does not exist.
pub(super) fn unknown_group(request: LeaveRequest) -> Vec<LeaveAnswer> {
    request
        .members
        .into_iter()
        .map(|leaving| LeaveAnswer {
            member_id: leaving.member_id,
            group_instance_id: leaving.group_instance_id,
            result: Err(ErrorCode::UnknownMemberId),
        })
        .collect()
}
