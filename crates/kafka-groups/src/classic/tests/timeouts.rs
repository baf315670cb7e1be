use super::*;

#[test]
fn silent_member_is_removed_after_its_session_timeout() {
    let mut broker = Broker::new();
    broker.stable(1);
    broker.advance(9_999);
    assert_eq!(broker.state(), GroupState::Stable);
    broker.advance(1);
    assert_eq!(broker.state(), GroupState::Empty);
}

#[test]
fn heartbeats_keep_a_member() {
    let mut broker = Broker::new();
    let (generation, members) = broker.stable(1);
    for _ in 0..10 {
        broker.advance(9_000);
        assert_eq!(broker.heartbeat(generation, &members[0]), Ok(()));
    }
}

#[test]
fn rebalance_timeout_removes_members_that_do_not_rejoin() {
    let mut broker = Broker::new();
    let (generation, members) = broker.stable(2);
    let (token, _) = broker.rejoin(&members[0]);
    for _ in 0..11 {
        assert_eq!(broker.heartbeat(generation, &members[1]), Err(ErrorCode::RebalanceInProgress));
        assert!(broker.advance(5_000).is_waiting(token));
    }
    broker.heartbeat(generation, &members[1]).unwrap_err();
    let answers = broker.advance(5_000);
    assert_eq!(answers.join(token).unwrap().members.len(), 1);
    assert_eq!(broker.heartbeat(generation, &members[1]), Err(ErrorCode::UnknownMemberId));
}

#[test]
fn waiting_member_needs_no_heartbeats() {
    let mut broker = Broker::new();
    let (generation, members) = broker.stable(2);
    let (token, _) = broker.rejoin(&members[0]);
    for _ in 0..5 {
        broker.heartbeat(generation, &members[1]).unwrap_err();
        broker.advance(9_000);
    }
    let (_, answers) = broker.rejoin(&members[1]);
    assert!(answers.join(token).is_ok());
}

#[test]
fn member_that_dies_during_the_join_phase_completes_it() {
    let mut broker = Broker::new();
    let (_, members) = broker.stable(2);
    let (token, _) = broker.rejoin(&members[0]);
    let answers = broker.advance(10_000);
    assert_eq!(answers.join(token).unwrap().members.len(), 1);
}

#[test]
fn pending_member_id_is_forgotten_after_the_session_timeout() {
    let mut broker = Broker::new();
    let (token, answers) = broker.join(join_request());
    let member_id = answers.join(token).unwrap_err().member_id;
    broker.advance(10_000);
    let (token, answers) = broker.rejoin(&member_id);
    assert_eq!(answers.join_error(token), ErrorCode::UnknownMemberId);
}

#[test]
fn pending_member_delays_a_rebalance_until_it_is_forgotten() {
    let mut broker = Broker::new();
    let (_, members) = broker.stable(1);
    broker.join(join_request());
    let (token, answers) = broker.rejoin(&members[0]);
    assert!(answers.is_waiting(token));
    let answers = broker.advance(10_000);
    assert_eq!(answers.join(token).unwrap().generation_id, 2);
}

#[test]
fn members_that_do_not_sync_are_removed() {
    let mut broker = Broker::new();
    let (generation, members) = broker.stable(2);
    broker.rejoin(&members[0]);
    broker.rejoin(&members[1]);
    let generation = generation + 1;
    broker.sync(generation, &members[0], &[(&members[0], "a")]);
    for _ in 0..12 {
        assert_eq!(broker.heartbeat(generation, &members[0]), Ok(()));
        assert_eq!(broker.heartbeat(generation, &members[1]), Ok(()));
        broker.advance(5_000);
    }
    assert_eq!(broker.members(), [members[0].clone()]);
    assert_eq!(broker.heartbeat(generation, &members[0]), Err(ErrorCode::RebalanceInProgress));
}

#[test]
fn leader_that_does_not_sync_is_removed() {
    let mut broker = Broker::new();
    let (generation, members) = broker.stable(2);
    broker.rejoin(&members[0]);
    broker.rejoin(&members[1]);
    let generation = generation + 1;
    let (follower, _) = broker.sync(generation, &members[1], &[]);
    broker.heartbeat(generation, &members[0]).unwrap();
    let answers = broker.advance(10_000);
    assert_eq!(answers.sync(follower), Err(ErrorCode::RebalanceInProgress));
    assert_eq!(broker.members(), [members[1].clone()]);
}

#[test]
fn new_member_whose_client_is_gone_is_removed_after_5_minutes() {
    let mut broker = Broker::with_delay(1_000_000);
    let request = JoinRequest { rebalance_timeout_ms: 2_000_000, ..join_request() };
    let (_, token, _) = broker.join_twice(request);
    assert!(broker.advance(299_999).is_waiting(token));
    assert_eq!(broker.advance(1).join_error(token), ErrorCode::UnknownMemberId);
    assert_eq!(broker.state(), GroupState::Empty);
}

#[test]
fn missing_rebalance_timeout_is_the_session_timeout() {
    let mut broker = Broker::new();
    let request = JoinRequest { version: 0, rebalance_timeout_ms: -1, ..join_request() };
    let (token, answers) = broker.join(request.clone());
    let first = answers.join(token).unwrap();
    broker.sync(first.generation_id, &first.member_id, &[(&first.member_id, "a")]);
    let (token, _) = broker.join(request);
    broker.advance(5_000);
    broker.heartbeat(1, &first.member_id).unwrap_err();
    let answers = broker.advance(5_000);
    assert_eq!(answers.join(token).unwrap().members.len(), 1);
}

#[test]
fn absent_static_members_do_not_make_the_timer_spin() {
    let mut broker = Broker::new();
    let (token, answers) = broker.join(JoinRequest { rebalance_timeout_ms: 0, ..static_request("i") });
    let member_id = answers.join(token).unwrap().member_id;
    broker.sync(1, &member_id, &[(&member_id, "a")]);
    let (leaving, ..) = broker.join_twice(JoinRequest { rebalance_timeout_ms: 0, ..join_request() });
    broker.leave(&leaving, None);
    assert_eq!(broker.groups.expire(broker.now_ms), []);
    assert_eq!(broker.groups.next_deadline(), Some(broker.now_ms + 1_000));
    broker.advance(10_000);
    assert_eq!(broker.state(), GroupState::Empty);
}

#[test]
fn empty_group_is_removed_by_the_cleanup() {
    let mut broker = Broker::new();
    let (_, members) = broker.stable(1);
    broker.leave(&members[0], None);
    assert!(broker.groups.contains(GROUP));
    broker.advance(600_000);
    assert!(!broker.groups.contains(GROUP));
}

#[test]
fn group_with_offsets_survives_the_cleanup() {
    let mut broker = Broker::new();
    let (_, members) = broker.stable(1);
    broker.groups.set_has_offsets(GROUP, true);
    broker.leave(&members[0], None);
    broker.advance(600_000);
    assert!(broker.groups.contains(GROUP));
}

#[test]
fn idle_broker_has_no_deadline() {
    assert_eq!(Broker::new().groups.next_deadline(), None);
}

#[test]
fn closing_answers_every_waiting_request() {
    let mut broker = Broker::new();
    let (_, members) = broker.stable(2);
    let (token, _) = broker.rejoin(&members[0]);
    let answers = Answers(broker.groups.close(ErrorCode::CoordinatorNotAvailable));
    assert_eq!(answers.join_error(token), ErrorCode::CoordinatorNotAvailable);
    assert_eq!(broker.groups.next_deadline(), broker.groups.next_cleanup_ms);
}
