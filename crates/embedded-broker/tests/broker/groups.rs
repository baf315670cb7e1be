//! Consumer groups with several members.

use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{GroupId, HeartbeatRequest, JoinGroupRequest, SyncGroupRequest};
use kafka_protocol::protocol::StrBytes;

use crate::client::{TestBroker, text, unique};

pub(crate) fn join(group: &GroupId, member: StrBytes) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default().with_name(text("range")).with_metadata(vec![0; 8].into());
    JoinGroupRequest::default()
        .with_group_id(group.clone())
        .with_session_timeout_ms(60_000)
        .with_rebalance_timeout_ms(60_000)
        .with_member_id(member)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol])
}

pub(crate) fn sync(group: &GroupId, generation: i32, member: &StrBytes) -> SyncGroupRequest {
    let request = SyncGroupRequest::default().with_group_id(group.clone()).with_generation_id(generation);
    request.with_member_id(member.clone())
}

/// Two members: the second one starts a rebalance, which the first one learns from its heartbeat.
#[tokio::test]
async fn second_member_starts_a_rebalance() {
    let broker = TestBroker::start().await;
    let (mut first, mut second) = (broker.client().await, broker.client().await);
    let group = GroupId(text(&unique("group")));
    let leader = first.call(3, &join(&group, text(""))).await;
    assert_eq!(first.call(3, &sync(&group, 1, &leader.member_id)).await.error_code, 0);

    second.send(3, &join(&group, text(""))).await;
    let heartbeat = HeartbeatRequest::default()
        .with_group_id(group.clone())
        .with_generation_id(1)
        .with_member_id(leader.member_id.clone());
    while first.call(3, &heartbeat).await.error_code == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(first.call(3, &heartbeat).await.error_code, 27);

    let rejoined = first.call(3, &join(&group, leader.member_id.clone())).await;
    assert_eq!((rejoined.error_code, rejoined.generation_id, rejoined.members.len()), (0, 2, 2));
    assert!(second.receive().await.is_some());
    let follower =
        rejoined.members.iter().map(|member| &member.member_id).find(|id| **id != leader.member_id).unwrap().clone();

    // The follower waits for the assignment of the leader.
    second.send(3, &sync(&group, 2, &follower)).await;
    let assignments = [(&leader.member_id, "one"), (&follower, "two")].map(|(member, assignment)| {
        SyncGroupRequestAssignment::default().with_member_id(member.clone()).with_assignment(assignment.into())
    });
    let synced = first.call(3, &sync(&group, 2, &leader.member_id).with_assignments(assignments.to_vec())).await;
    assert_eq!(synced.assignment, "one");
    assert!(second.receive().await.unwrap().ends_with(b"two"));
}

#[tokio::test]
async fn unknown_member_is_rejected() {
    let broker = TestBroker::start().await;
    let group = GroupId(text(&unique("group")));
    let request = HeartbeatRequest::default().with_group_id(group).with_generation_id(1).with_member_id(text("x"));
    assert_eq!(broker.client().await.call(4, &request).await.error_code, 25);
}

#[tokio::test]
async fn session_timeout_is_limited() {
    let broker = TestBroker::start().await;
    let group = GroupId(text(&unique("group")));
    let request = join(&group, text("")).with_session_timeout_ms(1);
    assert_eq!(broker.client().await.call(3, &request).await.error_code, 26);
}

#[tokio::test]
async fn empty_group_id_is_invalid() {
    let broker = TestBroker::start().await;
    let request = join(&GroupId(text("")), text(""));
    assert_eq!(broker.client().await.call(3, &request).await.error_code, 24);
}
