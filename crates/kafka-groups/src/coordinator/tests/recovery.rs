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

/// A stable group of a static member, and the events that lead to it.
fn with_static_member() -> (GroupCoordinator, JoinAnswer, Vec<OffsetEvent>) {
    let mut coordinator = new();
    let joined = join_as(&mut coordinator, "consumer", Some("instance"));
    sync(&mut coordinator, &joined);
    let events = coordinator.take_events();
    (coordinator, joined, events)
}

/// Static members notice nothing of a restart.
#[test]
fn static_member_continues_after_a_restart() {
    let (coordinator, joined, events) = with_static_member();
    let mut restored = new();
    replay(&mut restored, events);
    restored.start_sessions(NOW_MS);
    assert_eq!(restored.describe(GROUP), coordinator.describe(GROUP));
    assert_eq!(restored.snapshot(), coordinator.snapshot());
    commit(&mut restored, &of_member(&joined.member_id, 1));
    let heartbeat = HeartbeatRequest {
        group_id: GROUP.to_owned(),
        generation_id: 1,
        member_id: joined.member_id.clone(),
        group_instance_id: Some("instance".to_owned()),
    };
    let answers = restored.apply(NOW_MS + 9_000, Token(9), Request::Heartbeat(heartbeat));
    assert_eq!(answers[0].answer, Answer::Heartbeat(Ok(())));
    restored.expire(NOW_MS + 18_000);
    assert_eq!(restored.describe(GROUP).unwrap().members.len(), 1);
    let deletion = restored.delete_offsets(GROUP, &[quotes(0)]).unwrap();
    assert_eq!(deletion.results, [(quotes(0), Err(ErrorCode::GroupSubscribedToTopic))]);
    restored.expire(NOW_MS + 19_000);
    assert_eq!(restored.describe(GROUP).unwrap().state, GroupState::Empty);
}

#[test]
fn static_member_that_left_is_not_restored() {
    let (mut coordinator, joined, mut events) = with_static_member();
    leave(&mut coordinator, &joined);
    events.extend(coordinator.take_events());
    let mut restored = new();
    replay(&mut restored, events.clone());
    assert_eq!(restored.snapshot(), coordinator.snapshot());
    assert_eq!(restored.describe(GROUP).unwrap().state, GroupState::Empty);
    // The group was deleted, and the event of its last member could not be stored.
    events.truncate(1);
    events.push(OffsetEvent::GroupDeleted { group_id: GROUP.to_owned() });
    let mut restored = new();
    replay(&mut restored, events);
    assert_eq!(restored.describe(GROUP), None);
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
