//! Stores stable generations of static members, and restores them after a restart of the broker.
//!
//! Only a group of which all members are static is restored. Other clients join again, which they do at once, while a
//! restored member that has ended with the broker would hold up its group until its session times out. The consumer in
//! the broker's own process is such a member.

use super::group::{Group, Member};
use super::stored::{StoredGeneration, StoredMember};
use super::turn::session;
use super::{GroupState, Groups};

impl Groups {
    /// Returns the generation of a group to store with its members, if the group is stable and has only static members.
    pub(crate) fn static_generation(&self, group_id: &str) -> Option<StoredGeneration> {
        let group = self.groups.get(group_id).filter(|group| group.state == GroupState::Stable)?;
        if group.members.values().any(|member| member.group_instance_id.is_none()) {
            return None;
        }
        let member = |(member_id, member): (&String, &Member)| StoredMember {
            member_id: member_id.clone(),
            group_instance_id: member.group_instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            session_timeout_ms: member.session_timeout_ms,
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            protocols: member.protocols.clone(),
            assignment: member.assignment.clone(),
        };
        Some(StoredGeneration {
            generation_id: group.generation_id,
            protocol_type: group.protocol_type.clone()?,
            protocol_name: group.protocol_name.clone()?,
            leader: group.leader.clone()?,
            members: group.members.iter().map(member).collect(),
        })
    }

    /// Restores the generation of a group that has no members after a restart. Does nothing to a group with members
    /// that have joined since.
    pub(crate) fn restore(&mut self, group_id: &str, generation_id: i32, protocol_type: String) {
        let was_restored = self.restored.remove(group_id);
        let group = self.groups.entry(group_id.to_owned()).or_insert_with(Group::new);
        if was_restored {
            *group = Group { has_offsets: group.has_offsets, ..Group::new() };
        }
        if group.state == GroupState::Empty {
            group.generation_id = generation_id;
            group.protocol_type = Some(protocol_type);
        }
    }

    /// Restores a group with its members after a restart. Does nothing to a group with members that have joined since.
    pub(crate) fn restore_members(&mut self, group_id: &str, generation: StoredGeneration) {
        let group = self.groups.entry(group_id.to_owned()).or_insert_with(Group::new);
        if group.state == GroupState::Empty || self.restored.contains(group_id) {
            *group = Group { has_offsets: group.has_offsets, ..Group::restored(generation) };
            self.restored.insert(group_id.to_owned());
        }
    }

    /// Starts the session timeouts of the restored members.
    pub fn start_sessions(&mut self, now_ms: u64) {
        for group_id in std::mem::take(&mut self.restored) {
            let members = self.groups.get(&group_id).into_iter().flat_map(|group| &group.members);
            for (member_id, member) in members {
                self.timers.set(&group_id, session(member_id), now_ms.saturating_add(member.session_timeout_ms));
            }
        }
    }
}
