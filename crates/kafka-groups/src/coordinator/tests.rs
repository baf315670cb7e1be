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
    let request = JoinRequest {
        version: 3,
        group_id: GROUP.to_owned(),
        member_id: String::new(),
        group_instance_id: None,
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

#[test]
fn client_that_is_no_member_creates_a_group_by_its_commit() {
    let mut coordinator = new();
    commit(&mut coordinator, &request(&[(0, 5), (1, 7)]));
    assert_eq!(values(&coordinator), [(0, 5), (1, 7)]);
    assert_eq!(coordinator.describe(GROUP).unwrap().state, GroupState::Empty);
}

#[test]
fn commit_is_invisible_before_its_replay() {
    let mut coordinator = new();
    coordinator.commit(NOW_MS, WALL_CLOCK_MS, &request(&[(0, 5)])).unwrap();
    assert_eq!(values(&coordinator), []);
    assert_eq!(coordinator.describe(GROUP), None);
}

#[test]
fn fetched_offset_carries_metadata_with_its_epoch() {
    let mut coordinator = new();
    commit(&mut coordinator, &request(&[(0, 5)]));
    let expected =
        CommittedOffset { offset: 5, leader_epoch: 0, metadata: "note".to_owned(), commit_timestamp_ms: WALL_CLOCK_MS };
    let fetched = coordinator.fetch(GROUP, Some(&[quotes(0), quotes(9)]), true);
    assert_eq!(fetched[0].offset, Ok(Some(expected)));
    assert_eq!(fetched[1], FetchedOffset { partition: quotes(9), offset: Ok(None) });
}

#[test]
fn unknown_group_has_no_offsets() {
    let coordinator = new();
    assert_eq!(coordinator.fetch(GROUP, None, true), []);
    assert_eq!(coordinator.fetch(GROUP, Some(&[quotes(0)]), true)[0].offset, Ok(None));
}

#[test]
fn member_commits_in_a_stable_group() {
    let mut coordinator = new();
    let joined = join(&mut coordinator, "consumer");
    sync(&mut coordinator, &joined);
    commit(&mut coordinator, &of_member(&joined.member_id, joined.generation_id));
    assert_eq!(values(&coordinator), [(0, 5)]);
}

#[test]
fn commits_of_others_to_a_group_with_members_are_rejected() {
    let mut coordinator = new();
    let joined = join(&mut coordinator, "consumer");
    sync(&mut coordinator, &joined);
    let member_id = joined.member_id.as_str();
    for (request, error) in [
        (request(&[(0, 5)]), ErrorCode::UnknownMemberId),
        (of_member("m", 1), ErrorCode::UnknownMemberId),
        (of_member("", 1), ErrorCode::UnknownMemberId),
        (of_member(member_id, 2), ErrorCode::IllegalGeneration),
        (of_member(member_id, -1), ErrorCode::IllegalGeneration),
        (
            CommitRequest { group_instance_id: Some("i".to_owned()), ..of_member(member_id, 1) },
            ErrorCode::UnknownMemberId,
        ),
    ] {
        assert_eq!(coordinator.commit(NOW_MS, WALL_CLOCK_MS, &request), Err(error), "{request:?}");
    }
}

#[test]
fn commit_of_a_former_self_is_fenced() {
    let mut coordinator = new();
    let joined = join(&mut coordinator, "consumer");
    sync(&mut coordinator, &joined);
    let request = JoinRequest {
        version: 5,
        group_id: GROUP.to_owned(),
        member_id: String::new(),
        group_instance_id: Some("i".to_owned()),
        client_id: String::new(),
        client_host: String::new(),
        protocol_type: "consumer".to_owned(),
        protocols: vec![Protocol { name: "range".to_owned(), metadata: Bytes::new() }],
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 60_000,
        random: Uuid::from_u128(2),
    };
    coordinator.apply(NOW_MS, Token(4), Request::Join(request));
    let request = CommitRequest { group_instance_id: Some("i".to_owned()), ..of_member(&joined.member_id, 1) };
    let result = coordinator.commit(NOW_MS, WALL_CLOCK_MS, &request);
    assert_eq!(result, Err(ErrorCode::FencedInstanceId));
}

#[test]
fn commit_between_join_and_assignment_is_rejected() {
    let mut coordinator = new();
    let joined = join(&mut coordinator, "consumer");
    let request = of_member(&joined.member_id, 1);
    let result = coordinator.commit(NOW_MS, WALL_CLOCK_MS, &request);
    assert_eq!(result, Err(ErrorCode::RebalanceInProgress));
}

#[test]
fn member_of_an_unknown_group_cannot_commit() {
    let mut coordinator = new();
    for (version, error) in [(9, ErrorCode::GroupIdNotFound), (8, ErrorCode::IllegalGeneration)] {
        let request = CommitRequest { version, ..of_member("m", 1) };
        assert_eq!(coordinator.commit(NOW_MS, WALL_CLOCK_MS, &request), Err(error));
    }
}

#[test]
fn former_member_cannot_commit_to_the_emptied_group() {
    let mut coordinator = new();
    let joined = join(&mut coordinator, "consumer");
    leave(&mut coordinator, &joined);
    let result = coordinator.commit(NOW_MS, WALL_CLOCK_MS, &of_member(&joined.member_id, 1));
    assert_eq!(result, Err(ErrorCode::UnknownMemberId));
}

#[test]
fn commit_counts_as_a_heartbeat() {
    let mut coordinator = new();
    let joined = join(&mut coordinator, "consumer");
    sync(&mut coordinator, &joined);
    let request = of_member(&joined.member_id, 1);
    coordinator.commit(NOW_MS + 9_000, WALL_CLOCK_MS, &request).unwrap();
    coordinator.expire(NOW_MS + 18_999);
    assert_eq!(coordinator.describe(GROUP).unwrap().state, GroupState::Stable);
    coordinator.expire(NOW_MS + 19_000);
    assert_eq!(coordinator.describe(GROUP).unwrap().state, GroupState::Empty);
}

#[test]
fn rejected_commit_is_no_heartbeat() {
    let mut coordinator = new();
    let joined = join(&mut coordinator, "consumer");
    sync(&mut coordinator, &joined);
    coordinator.commit(NOW_MS + 9_000, WALL_CLOCK_MS, &of_member(&joined.member_id, 7)).unwrap_err();
    coordinator.expire(NOW_MS + 10_000);
    assert_eq!(coordinator.describe(GROUP).unwrap().state, GroupState::Empty);
}

#[test]
fn too_long_metadata_fails_its_partition_only() {
    let mut coordinator = new();
    let mut request = request(&[(0, 5), (1, 7)]);
    request.partitions[0].metadata = "x".repeat(4_097);
    request.partitions[1].metadata = "x".repeat(4_096);
    let commit = coordinator.commit(NOW_MS, WALL_CLOCK_MS, &request).unwrap();
    assert_eq!(commit.results, [(quotes(0), Err(ErrorCode::OffsetMetadataTooLarge)), (quotes(1), Ok(()))]);
    replay(&mut coordinator, commit.events);
    assert_eq!(values(&coordinator), [(1, 7)]);
}

#[test]
fn offsets_of_an_empty_group_can_be_deleted() {
    let mut coordinator = new();
    commit(&mut coordinator, &request(&[(0, 5), (1, 7)]));
    let deleted = coordinator.delete_offsets(GROUP, &[quotes(0), quotes(9)]).unwrap();
    assert_eq!(deleted.results, [(quotes(0), Ok(())), (quotes(9), Ok(()))]);
    assert_eq!(deleted.events.len(), 1);
    replay(&mut coordinator, deleted.events);
    assert_eq!(values(&coordinator), [(1, 7)]);
}

#[test]
fn offsets_of_a_subscribed_topic_cannot_be_deleted() {
    let mut coordinator = new();
    let joined = join(&mut coordinator, "consumer");
    sync(&mut coordinator, &joined);
    commit(&mut coordinator, &of_member(&joined.member_id, 1));
    let other = TopicPartition { topic: "other".to_owned(), partition: 0 };
    let deleted = coordinator.delete_offsets(GROUP, &[quotes(0), other.clone()]).unwrap();
    assert_eq!(deleted.results, [(quotes(0), Err(ErrorCode::GroupSubscribedToTopic)), (other, Ok(()))]);
    assert_eq!(deleted.events, []);
}

#[test]
fn offsets_of_other_protocols_cannot_be_deleted_while_in_use() {
    let mut coordinator = new();
    let joined = join(&mut coordinator, "connect");
    assert_eq!(coordinator.delete_offsets(GROUP, &[quotes(0)]), Err(ErrorCode::NonEmptyGroup));
    leave(&mut coordinator, &joined);
    assert!(coordinator.delete_offsets(GROUP, &[quotes(0)]).is_ok());
}

#[test]
fn offsets_of_an_unknown_group_cannot_be_deleted() {
    assert_eq!(new().delete_offsets(GROUP, &[quotes(0)]), Err(ErrorCode::GroupIdNotFound));
    assert_eq!(new().delete_offsets("", &[quotes(0)]), Err(ErrorCode::InvalidGroupId));
}

#[test]
fn group_with_members_cannot_be_deleted() {
    let mut coordinator = new();
    assert_eq!(coordinator.delete_group(GROUP), Err(ErrorCode::GroupIdNotFound));
    let joined = join(&mut coordinator, "consumer");
    assert_eq!(coordinator.delete_group(GROUP), Err(ErrorCode::NonEmptyGroup));
    leave(&mut coordinator, &joined);
    assert!(coordinator.delete_group(GROUP).is_ok());
}

#[test]
fn deleted_group_is_gone_with_its_offsets() {
    let mut coordinator = new();
    commit(&mut coordinator, &request(&[(0, 5)]));
    let events = coordinator.delete_group(GROUP).unwrap();
    replay(&mut coordinator, events);
    assert_eq!(values(&coordinator), []);
    assert_eq!(coordinator.list(&[], &[]), []);
    assert_eq!(coordinator.snapshot(), []);
}

#[test]
fn deleted_topic_takes_its_offsets_along() {
    let mut coordinator = new();
    commit(&mut coordinator, &request(&[(0, 5), (1, 7)]));
    commit_in_transaction(&mut coordinator, 9, &[(1, 8), (2, 9)]);
    let events = coordinator.delete_topic("quotes");
    assert_eq!(events.len(), 3);
    replay(&mut coordinator, events);
    assert_eq!(coordinator.snapshot(), []);
    assert_eq!(coordinator.delete_topic("quotes"), []);
}

#[test]
fn open_transaction_makes_its_offsets_unstable() {
    let mut coordinator = new();
    commit(&mut coordinator, &request(&[(0, 5), (1, 7)]));
    commit_in_transaction(&mut coordinator, 9, &[(0, 8)]);
    let stable = coordinator.fetch(GROUP, None, true);
    assert_eq!(stable[0].offset, Err(ErrorCode::UnstableOffsetCommit));
    assert!(stable[1].offset.is_ok());
    assert_eq!(values(&coordinator), [(0, 5), (1, 7)]);

    let events = coordinator.end_transaction(9, true);
    replay(&mut coordinator, events);
    assert_eq!(values(&coordinator), [(0, 8), (1, 7)]);
    assert_eq!(coordinator.end_transaction(9, true), []);
}

#[test]
fn group_without_offsets_ends_with_an_aborted_transaction() {
    let mut coordinator = new();
    commit_in_transaction(&mut coordinator, 9, &[(0, 8)]);
    assert!(coordinator.describe(GROUP).is_some());
    let events = coordinator.end_transaction(9, false);
    replay(&mut coordinator, events);
    let heartbeat = HeartbeatRequest {
        group_id: GROUP.to_owned(),
        generation_id: 1,
        member_id: "m".to_owned(),
        group_instance_id: None,
    };
    coordinator.apply(NOW_MS, Token(1), Request::Heartbeat(heartbeat));
    coordinator.expire(NOW_MS + 600_000);
    assert_eq!(coordinator.describe(GROUP), None);
}

#[test]
fn transactional_commit_needs_the_members_generation() {
    let mut coordinator = new();
    let joined = join(&mut coordinator, "consumer");
    let ok = in_transaction(9, of_member(&joined.member_id, 1));
    assert!(coordinator.commit_in_transaction(WALL_CLOCK_MS, &ok).is_ok(), "also during a rebalance");
    let anonymous = in_transaction(9, request(&[(0, 5)]));
    assert!(coordinator.commit_in_transaction(WALL_CLOCK_MS, &anonymous).is_ok(), "older clients send no generation");
    for (request, error) in [
        (of_member(&joined.member_id, 2), ErrorCode::IllegalGeneration),
        (of_member("m", 1), ErrorCode::UnknownMemberId),
        (CommitRequest { group_id: "h".to_owned(), ..of_member("m", 1) }, ErrorCode::IllegalGeneration),
        (CommitRequest { group_id: String::new(), ..of_member("m", 1) }, ErrorCode::InvalidGroupId),
    ] {
        let result = coordinator.commit_in_transaction(WALL_CLOCK_MS, &in_transaction(9, request));
        assert_eq!(result, Err(error));
    }
}

#[test]
fn recovery_restores_groups_with_their_offsets() {
    let mut coordinator = new();
    commit(&mut coordinator, &request(&[(0, 5)]));
    commit_in_transaction(&mut coordinator, 9, &[(1, 8)]);
    let mut restored = new();
    replay(&mut restored, coordinator.snapshot());
    assert_eq!(restored.snapshot(), coordinator.snapshot());
    assert_eq!(restored.list(&[], &[]), coordinator.list(&[], &[]));
    let events = restored.end_transaction(9, true);
    replay(&mut restored, events);
    assert_eq!(values(&restored), [(0, 5), (1, 8)]);
}
