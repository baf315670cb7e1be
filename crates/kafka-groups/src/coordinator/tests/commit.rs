use super::*;

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
fn commit_without_a_valid_offset_creates_no_group() {
    let mut coordinator = new();
    let mut request = request(&[(0, 5)]);
    request.partitions[0].metadata = "x".repeat(4_097);
    commit(&mut coordinator, &request);
    assert_eq!(coordinator.describe(GROUP), None);
}
