//! Tests of the rules between groups and offsets.

mod commit;
mod delete;
mod fetch;
mod recovery;
mod transactional;

use bytes::Bytes;
use uuid::Uuid;

use super::*;
use crate::classic::{
    Answer, GroupState, HeartbeatRequest, JoinAnswer, JoinRequest, LeaveRequest, LeavingMember, Protocol, SyncRequest,
};

const GROUP: &str = "g";
const NOW_MS: u64 = 1_000;
const WALL_CLOCK_MS: i64 = 1_700_000_000_000;

fn quotes(partition: i32) -> TopicPartition {
    TopicPartition { topic: "quotes".to_owned(), partition }
}

fn request(offsets: &[(i32, i64)]) -> CommitRequest {
    CommitRequest {
        version: 9,
        group_id: GROUP.to_owned(),
        generation_id: -1,
        member_id: String::new(),
        group_instance_id: None,
        partitions: offsets
            .iter()
            .map(|(partition, offset)| CommitPartition {
                partition: quotes(*partition),
                offset: *offset,
                leader_epoch: 0,
                metadata: "note".to_owned(),
            })
            .collect(),
    }
}

fn of_member(member_id: &str, generation_id: i32) -> CommitRequest {
    CommitRequest { generation_id, member_id: member_id.to_owned(), ..request(&[(0, 5)]) }
}

fn in_transaction(producer_id: i64, commit: CommitRequest) -> TxnCommitRequest {
    TxnCommitRequest { producer_id, commit }
}

fn new() -> GroupCoordinator {
    GroupCoordinator::new(Options::default())
}

fn replay(coordinator: &mut GroupCoordinator, events: Vec<OffsetEvent>) {
    events.into_iter().for_each(|event| coordinator.replay(event));
}

fn commit(coordinator: &mut GroupCoordinator, request: &CommitRequest) {
    let commit = coordinator.commit(NOW_MS, WALL_CLOCK_MS, request).unwrap();
    replay(coordinator, commit.events);
}

fn commit_in_transaction(coordinator: &mut GroupCoordinator, producer_id: i64, offsets: &[(i32, i64)]) {
    let request = in_transaction(producer_id, request(offsets));
    let commit = coordinator.commit_in_transaction(WALL_CLOCK_MS, &request).unwrap();
    replay(coordinator, commit.events);
}

/// Joins as the only member of the group. Returns the answer; the group waits for the assignment.
fn join(coordinator: &mut GroupCoordinator, protocol_type: &str) -> JoinAnswer {
    join_as(coordinator, protocol_type, None)
}

fn join_as(coordinator: &mut GroupCoordinator, protocol_type: &str, instance_id: Option<&str>) -> JoinAnswer {
    let request = JoinRequest {
        version: 3,
        group_id: GROUP.to_owned(),
        member_id: String::new(),
        group_instance_id: instance_id.map(str::to_owned),
        client_id: "client".to_owned(),
        client_host: "/127.0.0.1".to_owned(),
        protocol_type: protocol_type.to_owned(),
        protocols: vec![Protocol {
            name: "range".to_owned(),
            metadata: Bytes::from_static(b"\0\0\0\0\0\x01\0\x06quotes"),
        }],
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        random: Uuid::from_u128(1),
    };
    match coordinator.apply(NOW_MS, Token(1), Request::Join(request)).remove(0).answer {
        Answer::Join(Ok(joined)) => joined,
        other => panic!("the join failed: {other:?}"),
    }
}

fn sync(coordinator: &mut GroupCoordinator, joined: &JoinAnswer) {
    let request = SyncRequest {
        version: 3,
        group_id: GROUP.to_owned(),
        generation_id: joined.generation_id,
        member_id: joined.member_id.clone(),
        group_instance_id: None,
        protocol_type: None,
        protocol_name: None,
        assignments: Vec::new(),
    };
    coordinator.apply(NOW_MS, Token(2), Request::Sync(request));
    assert_eq!(coordinator.describe(GROUP).unwrap().state, GroupState::Stable);
}

fn leave(coordinator: &mut GroupCoordinator, joined: &JoinAnswer) {
    let members = vec![LeavingMember { member_id: joined.member_id.clone(), group_instance_id: None }];
    let request = LeaveRequest { group_id: GROUP.to_owned(), members };
    coordinator.apply(NOW_MS, Token(3), Request::Leave(request));
    assert_eq!(coordinator.describe(GROUP).unwrap().state, GroupState::Empty);
}

fn values(coordinator: &GroupCoordinator) -> Vec<(i32, i64)> {
    let fetched = coordinator.fetch(GROUP, None, false).into_iter();
    fetched.map(|fetched| (fetched.partition.partition, fetched.offset.unwrap().unwrap().offset)).collect()
}
