//! Requests to a group and the answers to them.

use bytes::Bytes;
use uuid::Uuid;

use crate::ErrorCode;

/// Identifies a request until it is answered. The caller chooses the numbers; two waiting requests must not have the
/// same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub u64);

/// A request of a member, or of a client that wants to become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    Join(JoinRequest),
    Sync(SyncRequest),
    Heartbeat(HeartbeatRequest),
    Leave(LeaveRequest),
}

/// An answer to the request with the same token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    pub token: Token,
    pub answer: Answer,
}

/// An answer. It has the same variant as the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Join(Result<JoinAnswer, JoinError>),
    Sync(Result<SyncAnswer, ErrorCode>),
    Heartbeat(Result<(), ErrorCode>),
    Leave(Result<Vec<LeaveAnswer>, ErrorCode>),
}

/// A `JoinGroup` request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRequest {
    /// Version of the request. From 4 on, a member without an id has to join twice; from 9 on, a static leader can be
    /// asked to skip the assignment.
    pub version: i16,
    pub group_id: String,
    /// Empty if the client has no member id yet.
    pub member_id: String,
    pub group_instance_id: Option<String>,
    pub client_id: String,
    /// Address of the client, which Kafka's tools print, for example `/127.0.0.1`.
    pub client_host: String,
    pub protocol_type: String,
    /// In the order of the client's preference.
    pub protocols: Vec<Protocol>,
    pub session_timeout_ms: i32,
    /// -1 in version 0, which has no such field: the session timeout is used instead.
    pub rebalance_timeout_ms: i32,
    /// Random. It becomes part of the member id if the client has none.
    pub random: Uuid,
}

/// A protocol that the member supports, for example the assignment strategy `range`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocol {
    pub name: String,
    pub metadata: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinAnswer {
    pub generation_id: i32,
    pub protocol_type: Option<String>,
    /// `None` if the group has no protocol; the response contains an empty string instead up to version 6.
    pub protocol_name: Option<String>,
    pub leader: String,
    /// `true` if the leader must not compute a new assignment (version 9 and later).
    pub skip_assignment: bool,
    pub member_id: String,
    /// All members if the receiver is the leader, empty otherwise.
    pub members: Vec<JoinedMember>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedMember {
    pub member_id: String,
    pub group_instance_id: Option<String>,
    /// The member's metadata for the protocol that the group has selected.
    pub metadata: Bytes,
}

/// The error of a `JoinGroup` request. Its response has generation id -1, no leader and no members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinError {
    pub error: ErrorCode,
    /// The id to join with if the error is [`ErrorCode::MemberIdRequired`], otherwise usually the id of the request.
    /// Empty if the client must join as a new member.
    pub member_id: String,
}

/// A `SyncGroup` request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncRequest {
    /// Version of the request: from 5 on the protocol type and name are mandatory.
    pub version: i16,
    pub group_id: String,
    pub generation_id: i32,
    pub member_id: String,
    pub group_instance_id: Option<String>,
    /// Compared with the group's if present.
    pub protocol_type: Option<String>,
    /// Compared with the group's if present.
    pub protocol_name: Option<String>,
    /// Assignments by member id. Only the leader sends them.
    pub assignments: Vec<(String, Bytes)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncAnswer {
    pub protocol_type: Option<String>,
    pub protocol_name: Option<String>,
    pub assignment: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeartbeatRequest {
    pub group_id: String,
    pub generation_id: i32,
    pub member_id: String,
    pub group_instance_id: Option<String>,
}

/// A `LeaveGroup` request. Up to version 2 it has exactly one member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaveRequest {
    pub group_id: String,
    pub members: Vec<LeavingMember>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeavingMember {
    /// Empty if the request names the member by its instance id alone, as administrators do.
    pub member_id: String,
    pub group_instance_id: Option<String>,
}

/// Result for one member of a [`LeaveRequest`]. Up to version 2, the response contains only its error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaveAnswer {
    pub member_id: String,
    pub group_instance_id: Option<String>,
    pub result: Result<(), ErrorCode>,
}
