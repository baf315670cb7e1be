use super::*;

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
