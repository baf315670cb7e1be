//! Descriptions of groups for `ListGroups` and `DescribeGroups`.

use bytes::Bytes;

use super::Groups;
use super::group::Group;
use super::state::GroupState;

/// Type of each group of this crate, as `ListGroups` shows it since version 5.
pub const GROUP_TYPE: &str = "classic";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGroup {
    pub group_id: String,
    /// Empty for a group that has only committed offsets.
    pub protocol_type: String,
    pub state: GroupState,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    pub group_id: String,
    pub state: GroupState,
    pub protocol_type: String,
    /// Name of the selected protocol; empty unless the group is stable.
    pub protocol: String,
    pub members: Vec<MemberDescription>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberDescription {
    pub member_id: String,
    pub group_instance_id: Option<String>,
    pub client_id: String,
    pub client_host: String,
    /// Empty unless the group is stable.
    pub metadata: Bytes,
    /// Assignment of the latest generation that has one.
    pub assignment: Bytes,
}

impl Groups {
    /// Lists the groups whose state and type are in the filters, in the order of their ids. An empty filter selects all
    /// groups. Case is ignored.
    #[must_use]
    pub fn list(&self, states: &[String], types: &[String]) -> Vec<ListedGroup> {
        let passes = |filter: &[String], name: &str| {
            filter.is_empty() || filter.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))
        };
        if !passes(types, GROUP_TYPE) {
            return Vec::new();
        }
        self.groups
            .iter()
            .filter(|(_, group)| passes(states, group.state.name()))
            .map(|(group_id, group)| ListedGroup {
                group_id: group_id.clone(),
                protocol_type: group.protocol_type.clone().unwrap_or_default(),
                state: group.state,
            })
            .collect()
    }

    /// Describes a group, or returns `None` if it does not exist. The response to `DescribeGroups` then has the state
    /// `Dead`, and from version 6 on also the error `GROUP_ID_NOT_FOUND`.
    #[must_use]
    pub fn describe(&self, group_id: &str) -> Option<GroupDescription> {
        let group = self.groups.get(group_id)?;
        let is_stable = group.state == GroupState::Stable;
        Some(GroupDescription {
            group_id: group_id.to_owned(),
            state: group.state,
            protocol_type: group.protocol_type.clone().unwrap_or_default(),
            protocol: group.protocol_name.clone().filter(|_| is_stable).unwrap_or_default(),
            members: describe_members(group),
        })
    }
}

fn describe_members(group: &Group) -> Vec<MemberDescription> {
    let is_stable = group.state == GroupState::Stable;
    group
        .members
        .iter()
        .map(|(member_id, member)| MemberDescription {
            member_id: member_id.clone(),
            group_instance_id: member.group_instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            metadata: if is_stable { group.metadata(member) } else { Bytes::new() },
            assignment: member.assignment.clone(),
        })
        .collect()
}
