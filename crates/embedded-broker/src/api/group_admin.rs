//! The APIs that find and administer consumer groups: `FindCoordinator`, `ListGroups`, `DescribeGroups` and
//! `DeleteGroups`.

use kafka_groups::ErrorCode;
use kafka_groups::classic::{GROUP_TYPE, GroupDescription, MemberDescription};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
use kafka_protocol::messages::describe_groups_response::{DescribedGroup, DescribedGroupMember};
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::list_groups_response::ListedGroup;
use kafka_protocol::messages::{
    BrokerId, DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse,
    FindCoordinatorRequest, FindCoordinatorResponse, GroupId, ListGroupsRequest, ListGroupsResponse,
};

use super::{GROUP_OPERATIONS, optional, text};
use crate::state::{NODE_ID, State};

/// First version of `FindCoordinator` with several keys.
const FIRST_FIND_WITH_KEYS: i16 = 4;

/// First version of `DescribeGroups` that reports a group that does not exist as an error.
const FIRST_DESCRIBE_WITH_NOT_FOUND: i16 = 6;

/// Key types of `FindCoordinator` for groups and for transactional ids.
const COORDINATED: [i8; 2] = [0, 1];

pub(super) fn find_coordinator(
    state: &State,
    version: i16,
    request: FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let host = text(&state.address.ip().to_string());
    let port = i32::from(state.address.port());
    let found = COORDINATED.contains(&request.key_type);
    let error = if found { 0 } else { ResponseError::InvalidRequest.code() };
    let (node, host, port) = if found { (NODE_ID, host, port) } else { (-1, text(""), -1) };
    if version < FIRST_FIND_WITH_KEYS {
        let response = FindCoordinatorResponse::default().with_error_code(error);
        return response.with_node_id(BrokerId(node)).with_host(host).with_port(port);
    }
    let coordinator = |key| {
        let coordinator = Coordinator::default().with_key(key).with_error_code(error).with_node_id(BrokerId(node));
        coordinator.with_host(host.clone()).with_port(port)
    };
    FindCoordinatorResponse::default()
        .with_coordinators(request.coordinator_keys.into_iter().map(coordinator).collect())
}

pub(super) fn list(state: &State, version: i16, request: &ListGroupsRequest) -> ListGroupsResponse {
    let names =
        |names: &[kafka_protocol::protocol::StrBytes]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let groups = state.groups.read(|groups| groups.list(&names(&request.states_filter), &names(&request.types_filter)));
    let listed = groups.into_iter().map(|group| {
        let listed = ListedGroup::default()
            .with_group_id(GroupId(text(&group.group_id)))
            .with_protocol_type(text(&group.protocol_type));
        // The fields have been added by later versions.
        let listed = if version >= 4 { listed.with_group_state(text(group.state.name())) } else { listed };
        if version >= 5 { listed.with_group_type(text(GROUP_TYPE)) } else { listed }
    });
    ListGroupsResponse::default().with_groups(listed.collect())
}

pub(super) fn describe(state: &State, version: i16, request: DescribeGroupsRequest) -> DescribeGroupsResponse {
    let operations = if request.include_authorized_operations { GROUP_OPERATIONS } else { i32::MIN };
    let describe = |group_id: GroupId| {
        let group = match state.groups.read(|groups| groups.describe(&group_id)) {
            Some(group) => described(version, group),
            None => not_found(version, &group_id),
        };
        let operations = if group.error_code == 0 { operations } else { i32::MIN };
        let group = group.with_authorized_operations(operations);
        group.with_group_id(group_id)
    };
    DescribeGroupsResponse::default().with_groups(request.groups.into_iter().map(describe).collect())
}

fn described(version: i16, group: GroupDescription) -> DescribedGroup {
    let member = |member: MemberDescription| {
        DescribedGroupMember::default()
            .with_member_id(text(&member.member_id))
            .with_group_instance_id(optional(member.group_instance_id.filter(|_| version >= 4)))
            .with_client_id(text(&member.client_id))
            .with_client_host(text(&member.client_host))
            .with_member_metadata(member.metadata)
            .with_member_assignment(member.assignment)
    };
    DescribedGroup::default()
        .with_group_state(text(group.state.name()))
        .with_protocol_type(text(&group.protocol_type))
        .with_protocol_data(text(&group.protocol))
        .with_members(group.members.into_iter().map(member).collect())
}

fn not_found(version: i16, group_id: &str) -> DescribedGroup {
    let dead = DescribedGroup::default().with_group_state(text("Dead"));
    if version < FIRST_DESCRIBE_WITH_NOT_FOUND {
        return dead;
    }
    let message = format!("group {group_id} does not exist");
    dead.with_error_code(ErrorCode::GroupIdNotFound.code()).with_error_message(Some(text(&message)))
}

pub(super) fn delete(state: &State, request: DeleteGroupsRequest) -> DeleteGroupsResponse {
    let delete = |group_id: GroupId| {
        let deleted = state.groups.change(|groups, _, _| Ok((groups.delete_group(&group_id)?, ())));
        let error = deleted.map_or_else(|error| error.code(), |()| 0);
        DeletableGroupResult::default().with_group_id(group_id).with_error_code(error)
    };
    DeleteGroupsResponse::default().with_results(request.groups_names.into_iter().map(delete).collect())
}
