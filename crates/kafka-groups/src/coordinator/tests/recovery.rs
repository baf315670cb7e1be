use super::*;

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

#[test]
fn restarted_group_continues_with_the_next_generation() {
    let mut coordinator = new();
    let joined = join(&mut coordinator, "consumer");
    assert_eq!(coordinator.take_events(), [], "a generation without an assignment is not stored");
    sync(&mut coordinator, &joined);
    let events = coordinator.take_events();
    assert_eq!(coordinator.take_events(), []);
    assert_eq!(events, coordinator.snapshot());

    let mut restored = new();
    replay(&mut restored, events);
    let description = restored.describe(GROUP).unwrap();
    assert_eq!((description.state, description.protocol_type.as_str()), (GroupState::Empty, "consumer"));
    let stale = restored.commit(NOW_MS, WALL_CLOCK_MS, &of_member(&joined.member_id, 1));
    assert_eq!(stale, Err(ErrorCode::UnknownMemberId), "clients join again");
    assert_eq!(join(&mut restored, "consumer").generation_id, 2);
}

#[test]
fn emptied_group_is_stored() {
    let mut coordinator = new();
    let joined = join(&mut coordinator, "consumer");
    leave(&mut coordinator, &joined);
    let protocol_type = "consumer".to_owned();
    let expected = OffsetEvent::Generation { group_id: GROUP.to_owned(), generation_id: 2, protocol_type };
    assert_eq!(coordinator.take_events(), [expected]);
}

#[test]
fn replay_of_a_generation_leaves_members_alone() {
    let mut coordinator = new();
    let joined = join(&mut coordinator, "consumer");
    sync(&mut coordinator, &joined);
    let events = coordinator.take_events();
    replay(&mut coordinator, events);
    commit(&mut coordinator, &of_member(&joined.member_id, 1));
    assert_eq!(values(&coordinator), [(0, 5)]);
}
