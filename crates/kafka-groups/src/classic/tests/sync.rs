use super::*;

/// Returns a group of two members that have joined generation 2. The first one is the leader.
fn completing() -> (Broker, Vec<String>) {
    let mut broker = Broker::new();
    let (_, mut members) = broker.stable(1);
    let (second, ..) = broker.join_twice(join_request());
    broker.rejoin(&members[0]);
    members.push(second);
    assert_eq!(broker.state(), GroupState::CompletingRebalance);
    (broker, members)
}

#[test]
fn followers_wait_for_the_leaders_assignment() {
    let (mut broker, members) = completing();
    let (follower, answers) = broker.sync(2, &members[1], &[]);
    assert!(answers.is_waiting(follower));
    let assignments = [(members[0].as_str(), "a"), (members[1].as_str(), "b")];
    let (leader, answers) = broker.sync(2, &members[0], &assignments);
    assert_eq!(answers.sync(leader).unwrap().assignment, "a");
    let synced = answers.sync(follower).unwrap();
    assert_eq!(synced.assignment, "b");
    assert_eq!(synced.protocol_name.as_deref(), Some("range"));
    assert_eq!(synced.protocol_type.as_deref(), Some("consumer"));
    assert_eq!(broker.state(), GroupState::Stable);
}

#[test]
fn late_follower_gets_the_assignment_of_a_stable_group() {
    let (mut broker, members) = completing();
    broker.sync(2, &members[0], &[(&members[1], "b")]);
    let (token, answers) = broker.sync(2, &members[1], &[]);
    assert_eq!(answers.sync(token).unwrap().assignment, "b");
}

#[test]
fn member_that_the_leader_leaves_out_gets_an_empty_assignment() {
    let (mut broker, members) = completing();
    let (follower, _) = broker.sync(2, &members[1], &[]);
    let (_, answers) = broker.sync(2, &members[0], &[(&members[0], "a"), ("unknown", "c")]);
    assert_eq!(answers.sync(follower).unwrap().assignment, "");
}

#[test]
fn assignment_of_a_follower_is_ignored() {
    let (mut broker, members) = completing();
    let (token, answers) = broker.sync(2, &members[1], &[(&members[1], "b")]);
    assert!(answers.is_waiting(token));
    assert_eq!(broker.state(), GroupState::CompletingRebalance);
}

#[test]
fn sync_of_an_unknown_group_or_member_is_rejected() {
    let mut broker = Broker::new();
    let (token, answers) = broker.sync(1, "m", &[]);
    assert_eq!(answers.sync(token), Err(ErrorCode::UnknownMemberId));
    broker.stable(1);
    let (token, answers) = broker.sync(1, "m", &[]);
    assert_eq!(answers.sync(token), Err(ErrorCode::UnknownMemberId));
}

#[test]
fn sync_of_another_generation_is_illegal() {
    let (mut broker, members) = completing();
    for generation in [-1, 1, 3] {
        let (token, answers) = broker.sync(generation, &members[0], &[]);
        assert_eq!(answers.sync(token), Err(ErrorCode::IllegalGeneration));
    }
}

#[test]
fn sync_with_another_protocol_is_inconsistent() {
    let (mut broker, members) = completing();
    let other = SyncRequest { protocol_name: Some("sticky".to_owned()), ..sync_request(2, &members[0], &[]) };
    let (token, answers) = broker.send(Request::Sync(other));
    assert_eq!(answers.sync(token), Err(ErrorCode::InconsistentGroupProtocol));
    let other = SyncRequest { protocol_type: Some("connect".to_owned()), ..sync_request(2, &members[0], &[]) };
    let (token, answers) = broker.send(Request::Sync(other));
    assert_eq!(answers.sync(token), Err(ErrorCode::InconsistentGroupProtocol));
}

#[test]
fn protocol_is_mandatory_from_version_5_on() {
    let (mut broker, members) = completing();
    for (version, expected) in [(4, None), (5, Some(ErrorCode::InconsistentGroupProtocol))] {
        let request =
            SyncRequest { version, protocol_type: None, protocol_name: None, ..sync_request(2, &members[1], &[]) };
        let (token, answers) = broker.send(Request::Sync(request));
        assert_eq!(answers.get(token).map(|_| answers.sync(token).unwrap_err()), expected);
    }
}

#[test]
fn sync_during_the_join_phase_is_rejected() {
    let mut broker = Broker::new();
    let (generation, members) = broker.stable(1);
    broker.join_twice(join_request());
    let (token, answers) = broker.sync(generation, &members[0], &[]);
    assert_eq!(answers.sync(token), Err(ErrorCode::RebalanceInProgress));
}

#[test]
fn rebalance_answers_waiting_syncs() {
    let (mut broker, members) = completing();
    let (follower, _) = broker.sync(2, &members[1], &[]);
    let (_, third, answers) = broker.join_twice(join_request());
    assert_eq!(answers.sync(follower), Err(ErrorCode::RebalanceInProgress));
    assert!(answers.is_waiting(third));
}

#[test]
fn newer_sync_supersedes_a_waiting_one() {
    let (mut broker, members) = completing();
    let (first, _) = broker.sync(2, &members[1], &[]);
    let (second, answers) = broker.sync(2, &members[1], &[]);
    assert_eq!(answers.sync(first), Err(ErrorCode::RebalanceInProgress));
    assert!(answers.is_waiting(second));
}

#[test]
fn rebalance_before_the_assignment_discards_former_assignments() {
    let (mut broker, _) = completing();
    let assignments = |broker: &Broker| -> Vec<bool> {
        let members = broker.groups.describe(GROUP).unwrap().members;
        members.iter().map(|member| member.assignment.is_empty()).collect()
    };
    assert!(assignments(&broker).contains(&false), "the first member has one of the first generation");
    broker.join_twice(join_request());
    assert!(!assignments(&broker).contains(&false));
}
