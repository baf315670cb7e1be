//! The APIs of members of a consumer group: `JoinGroup`, `SyncGroup`, Heartbeat and `LeaveGroup`.

use kafka_groups::ErrorCode;
use kafka_groups::classic::{
    Answer, HeartbeatRequest as Heartbeat, JoinAnswer, JoinError, JoinRequest, LeaveRequest, LeavingMember, Protocol,
    Request, SyncAnswer, SyncRequest,
};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_response::MemberResponse;
use kafka_protocol::messages::{
    HeartbeatRequest, HeartbeatResponse, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse,
    SyncGroupRequest, SyncGroupResponse,
};
use uuid::Uuid;

use super::{Call, optional, text};
use crate::state::State;

/// First version of `JoinGroup` whose protocol name can be null.
const FIRST_JOIN_WITH_NULL_PROTOCOL: i16 = 7;

/// First version of `LeaveGroup` with several members.
const FIRST_LEAVE_WITH_MEMBERS: i16 = 3;

/// Error code for a member that waits when the broker stops. It makes the member look up its coordinator again.
const STOPPING: i16 = ResponseError::NotCoordinator.code();

pub(super) async fn join(state: &State, call: &Call, request: JoinGroupRequest) -> JoinGroupResponse {
    let version = call.version;
    let member_id = request.member_id.to_string();
    let join = JoinRequest {
        version,
        group_id: request.group_id.to_string(),
        member_id: member_id.clone(),
        group_instance_id: request.group_instance_id.map(|id| id.to_string()),
        client_id: call.client_id.clone(),
        client_host: format!("/{}", call.peer.ip()),
        protocol_type: request.protocol_type.to_string(),
        protocols: request
            .protocols
            .into_iter()
            .map(|protocol| Protocol { name: protocol.name.to_string(), metadata: protocol.metadata })
            .collect(),
        session_timeout_ms: request.session_timeout_ms,
        rebalance_timeout_ms: if version == 0 { -1 } else { request.rebalance_timeout_ms },
        random: Uuid::new_v4(),
    };
    match state.groups.request(Request::Join(join)).await {
        Some(Answer::Join(Ok(joined))) => joined_response(version, joined),
        Some(Answer::Join(Err(JoinError { error, member_id }))) => join_failed(version, error.code(), &member_id),
        _ => join_failed(version, STOPPING, &member_id),
    }
}

fn joined_response(version: i16, joined: JoinAnswer) -> JoinGroupResponse {
    let members = joined.members.into_iter().map(|member| {
        JoinGroupResponseMember::default()
            .with_member_id(text(&member.member_id))
            .with_group_instance_id(optional(member.group_instance_id.filter(|_| version >= 5)))
            .with_metadata(member.metadata)
    });
    JoinGroupResponse::default()
        .with_generation_id(joined.generation_id)
        .with_protocol_type(optional(joined.protocol_type.filter(|_| version >= FIRST_JOIN_WITH_NULL_PROTOCOL)))
        .with_protocol_name(protocol_name(version, joined.protocol_name))
        .with_leader(text(&joined.leader))
        .with_skip_assignment(joined.skip_assignment && version >= 9)
        .with_member_id(text(&joined.member_id))
        .with_members(members.collect())
}

fn join_failed(version: i16, error: i16, member_id: &str) -> JoinGroupResponse {
    JoinGroupResponse::default()
        .with_error_code(error)
        .with_generation_id(-1)
        .with_protocol_name(protocol_name(version, None))
        .with_member_id(text(member_id))
}

fn protocol_name(version: i16, name: Option<String>) -> Option<kafka_protocol::protocol::StrBytes> {
    let empty = (version < FIRST_JOIN_WITH_NULL_PROTOCOL).then(String::new);
    optional(name.or(empty))
}

pub(super) async fn sync(state: &State, call: &Call, request: SyncGroupRequest) -> SyncGroupResponse {
    let sync = SyncRequest {
        version: call.version,
        group_id: request.group_id.to_string(),
        generation_id: request.generation_id,
        member_id: request.member_id.to_string(),
        group_instance_id: request.group_instance_id.map(|id| id.to_string()),
        protocol_type: request.protocol_type.map(|name| name.to_string()),
        protocol_name: request.protocol_name.map(|name| name.to_string()),
        assignments: request
            .assignments
            .into_iter()
            .map(|assignment| (assignment.member_id.to_string(), assignment.assignment))
            .collect(),
    };
    match state.groups.request(Request::Sync(sync)).await {
        Some(Answer::Sync(Ok(SyncAnswer { protocol_type, protocol_name, assignment }))) => SyncGroupResponse::default()
            .with_protocol_type(optional(protocol_type.filter(|_| call.version >= 5)))
            .with_protocol_name(optional(protocol_name.filter(|_| call.version >= 5)))
            .with_assignment(assignment),
        Some(Answer::Sync(Err(error))) => SyncGroupResponse::default().with_error_code(error.code()),
        _ => SyncGroupResponse::default().with_error_code(STOPPING),
    }
}

pub(super) async fn heartbeat(state: &State, request: HeartbeatRequest) -> HeartbeatResponse {
    let heartbeat = Heartbeat {
        group_id: request.group_id.to_string(),
        generation_id: request.generation_id,
        member_id: request.member_id.to_string(),
        group_instance_id: request.group_instance_id.map(|id| id.to_string()),
    };
    let error = match state.groups.request(Request::Heartbeat(heartbeat)).await {
        Some(Answer::Heartbeat(result)) => error_code(result),
        _ => STOPPING,
    };
    HeartbeatResponse::default().with_error_code(error)
}

pub(super) async fn leave(state: &State, call: &Call, request: LeaveGroupRequest) -> LeaveGroupResponse {
    let several = call.version >= FIRST_LEAVE_WITH_MEMBERS;
    let members = if several {
        let member = |member: kafka_protocol::messages::leave_group_request::MemberIdentity| LeavingMember {
            member_id: member.member_id.to_string(),
            group_instance_id: member.group_instance_id.map(|id| id.to_string()),
        };
        request.members.into_iter().map(member).collect()
    } else {
        vec![LeavingMember { member_id: request.member_id.to_string(), group_instance_id: None }]
    };
    let leave = LeaveRequest { group_id: request.group_id.to_string(), members };
    let left = match state.groups.request(Request::Leave(leave)).await {
        Some(Answer::Leave(Ok(left))) => left,
        Some(Answer::Leave(Err(error))) => return LeaveGroupResponse::default().with_error_code(error.code()),
        _ => return LeaveGroupResponse::default().with_error_code(STOPPING),
    };
    if !several {
        let error = left.into_iter().find_map(|member| member.result.err()).map_or(0, ErrorCode::code);
        return LeaveGroupResponse::default().with_error_code(error);
    }
    let members = left.into_iter().map(|member| {
        MemberResponse::default()
            .with_member_id(text(&member.member_id))
            .with_group_instance_id(optional(member.group_instance_id))
            .with_error_code(error_code(member.result))
    });
    LeaveGroupResponse::default().with_members(members.collect())
}

fn error_code(result: Result<(), ErrorCode>) -> i16 {
    result.map_or_else(ErrorCode::code, |()| 0)
}
