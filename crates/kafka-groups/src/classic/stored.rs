//! A stable generation of static members as the broker's journal stores it, so that they continue after a restart.
//!
//! Only a group of which all members are static is restored. Other clients join again, which they do at once, while a
//! restored member that has ended with the broker would hold up its group until its session times out. The consumer in
//! the broker's own process is such a member.

use bytes::Bytes;

use super::group::{Group, Member};
use super::messages::Protocol;
use super::turn::session;
use super::{GroupState, Groups};
use crate::codec::{DecodeError, Decoder, Encoder};

/// A generation whose members are static and have received their assignments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredGeneration {
    pub generation_id: i32,
    pub protocol_type: String,
    pub protocol_name: String,
    /// Member id of the leader.
    pub leader: String,
    pub members: Vec<StoredMember>,
}

/// A member of a [`StoredGeneration`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMember {
    pub member_id: String,
    pub group_instance_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    pub session_timeout_ms: u64,
    pub rebalance_timeout_ms: u64,
    pub protocols: Vec<Protocol>,
    pub assignment: Bytes,
}

impl StoredGeneration {
    pub(crate) fn encode(&self, entry: &mut Encoder<'_>) {
        entry
            .i32(self.generation_id)
            .text(&self.protocol_type)
            .text(&self.protocol_name)
            .text(&self.leader)
            .length(self.members.len());
        for member in &self.members {
            entry
                .text(&member.member_id)
                .optional_text(member.group_instance_id.as_deref())
                .text(&member.client_id)
                .text(&member.client_host)
                .u64(member.session_timeout_ms)
                .u64(member.rebalance_timeout_ms)
                .length(member.protocols.len());
            for protocol in &member.protocols {
                entry.text(&protocol.name).bytes(&protocol.metadata);
            }
            entry.bytes(&member.assignment);
        }
    }

    pub(crate) fn decode(entry: &mut Decoder<'_>) -> Result<StoredGeneration, DecodeError> {
        Ok(StoredGeneration {
            generation_id: entry.i32()?,
            protocol_type: entry.text()?,
            protocol_name: entry.text()?,
            leader: entry.text()?,
            members: (0..entry.length()?).map(|_| StoredMember::decode(entry)).collect::<Result<_, _>>()?,
        })
    }
}

impl StoredMember {
    fn decode(entry: &mut Decoder<'_>) -> Result<StoredMember, DecodeError> {
        Ok(StoredMember {
            member_id: entry.text()?,
            group_instance_id: entry.optional_text()?,
            client_id: entry.text()?,
            client_host: entry.text()?,
            session_timeout_ms: entry.u64()?,
            rebalance_timeout_ms: entry.u64()?,
            protocols: (0..entry.length()?).map(|_| decode_protocol(entry)).collect::<Result<_, _>>()?,
            assignment: entry.bytes()?,
        })
    }
}

fn decode_protocol(entry: &mut Decoder<'_>) -> Result<Protocol, DecodeError> {
    Ok(Protocol { name: entry.text()?, metadata: entry.bytes()? })
}

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

    /// Restores the generation of a group that has no members after a restart. Does nothing to a group with members that
    /// have joined since.
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
