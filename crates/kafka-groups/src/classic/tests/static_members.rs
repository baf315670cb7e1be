use super::*;

/// A stable group with a static member `i`, its leader, and its dynamic follower.
fn stable() -> (Broker, i32, String, String) {
    let mut broker = Broker::new();
    let (token, answers) = broker.join(static_request("i"));
    let leader = answers.join(token).unwrap().member_id;
    let (follower, ..) = broker.join_twice(join_request());
    let (token, answers) = broker.join(JoinRequest { member_id: leader.clone(), ..static_request("i") });
    let generation = answers.join(token).unwrap().generation_id;
    broker.sync_all(generation, &[leader.clone(), follower.clone()]);
    (broker, generation, leader, follower)
}

#[test]
fn restarted_static_member_keeps_its_assignment() {
    let (mut broker, generation, old_id, _) = stable();
    let (token, answers) = broker.join(static_request("i"));
    let joined = answers.join(token).unwrap();
    assert_ne!(joined.member_id, old_id);
    assert_eq!(joined.generation_id, generation);
    assert_eq!(broker.state(), GroupState::Stable);
    let (token, answers) = broker.sync(generation, &joined.member_id, &[]);
    assert_eq!(answers.sync(token).unwrap().assignment, old_id.as_bytes());
}

#[test]
fn restarted_static_leader_skips_assignment_from_version_9() {
    let (mut broker, _, _, _) = stable();
    let (token, answers) = broker.join(static_request("i"));
    let joined = answers.join(token).unwrap();
    assert!(joined.skip_assignment);
    assert_eq!(joined.leader, joined.member_id);
    assert_eq!(joined.members.len(), 2);
}

#[test]
fn restarted_static_leader_is_a_follower_up_to_version_8() {
    let (mut broker, _, old_id, _) = stable();
    let (token, answers) = broker.join(JoinRequest { version: 8, ..static_request("i") });
    let joined = answers.join(token).unwrap();
    assert!(!joined.skip_assignment);
    assert_eq!(joined.leader, old_id);
    assert_eq!(joined.members, []);
}

#[test]
fn former_self_of_a_static_member_is_fenced() {
    let (mut broker, generation, old_id, _) = stable();
    broker.join(static_request("i"));
    let heartbeat = HeartbeatRequest {
        group_id: GROUP.to_owned(),
        generation_id: generation,
        member_id: old_id.clone(),
        group_instance_id: Some("i".to_owned()),
    };
    let (token, answers) = broker.send(Request::Heartbeat(heartbeat));
    assert_eq!(answers.heartbeat(token), Err(ErrorCode::FencedInstanceId));
    let (token, answers) = broker.join(JoinRequest { member_id: old_id.clone(), ..static_request("i") });
    assert_eq!(answers.join_error(token), ErrorCode::FencedInstanceId);
    let request = SyncRequest { group_instance_id: Some("i".to_owned()), ..sync_request(generation, &old_id, &[]) };
    let (token, answers) = broker.send(Request::Sync(request));
    assert_eq!(answers.sync(token), Err(ErrorCode::FencedInstanceId));
    let (token, answers) = broker.leave(&old_id, Some("i"));
    assert_eq!(answers.leave(token), [Err(ErrorCode::FencedInstanceId)]);
    assert_eq!(broker.heartbeat(generation, &old_id), Err(ErrorCode::UnknownMemberId));
}

#[test]
fn waiting_join_of_the_former_self_is_fenced() {
    let (mut broker, _, old_id, _) = stable();
    let (old, answers) = broker.join(JoinRequest { member_id: old_id, ..static_request("i") });
    assert!(answers.is_waiting(old));
    let (new, answers) = broker.join(static_request("i"));
    assert_eq!(answers.join_error(old), ErrorCode::FencedInstanceId);
    assert!(answers.is_waiting(new));
}

#[test]
fn restart_between_join_and_assignment_causes_a_rebalance() {
    let mut broker = Broker::new();
    let (token, answers) = broker.join(static_request("i"));
    assert_eq!(answers.join(token).unwrap().generation_id, 1);
    let (token, answers) = broker.join(static_request("i"));
    assert_eq!(answers.join(token).unwrap().generation_id, 2);
}

#[test]
fn restart_with_other_protocols_causes_a_rebalance() {
    let mut broker = Broker::new();
    let both = protocols(&["range", "sticky"]);
    let (token, answers) = broker.join(JoinRequest { protocols: both, ..static_request("i") });
    let joined = answers.join(token).unwrap();
    broker.sync(1, &joined.member_id, &[(&joined.member_id, "a")]);
    let request = JoinRequest { protocols: protocols(&["sticky", "range"]), ..static_request("i") };
    let (token, answers) = broker.join(request);
    let joined = answers.join(token).unwrap();
    assert_eq!(joined.generation_id, 2);
    assert_eq!(joined.protocol_name.as_deref(), Some("sticky"));
}

#[test]
fn static_member_may_miss_a_rebalance() {
    let (mut broker, _, leader, follower) = stable();
    let changed = vec![Protocol { name: "range".to_owned(), metadata: subscription(&["other"]) }];
    let (token, answers) =
        broker.join(JoinRequest { member_id: follower.clone(), protocols: changed, ..join_request() });
    assert!(answers.is_waiting(token));
    // The static leader does not join again; it only sends heartbeats.
    let mut last = answers;
    for _ in 0..12 {
        assert!(last.is_waiting(token));
        let heartbeat = HeartbeatRequest {
            group_id: GROUP.to_owned(),
            generation_id: 2,
            member_id: leader.clone(),
            group_instance_id: Some("i".to_owned()),
        };
        let (heartbeat, answers) = broker.send(Request::Heartbeat(heartbeat));
        assert_eq!(answers.heartbeat(heartbeat), Err(ErrorCode::RebalanceInProgress));
        last = broker.advance(5_000);
    }
    let joined = last.join(token).unwrap();
    assert_eq!(joined.leader, follower, "a member that has joined leads");
    assert_eq!(joined.members.len(), 2, "the static member is still part of the group");
}

#[test]
fn administrator_removes_a_static_member_by_its_instance_id() {
    let (mut broker, _, _, follower) = stable();
    let (token, answers) = broker.leave("", Some("i"));
    assert_eq!(answers.leave(token), [Ok(())]);
    assert_eq!(broker.members(), [follower]);
}

#[test]
fn restart_before_its_sync_leaves_no_phantom_member() {
    let mut broker = Broker::new();
    let (generation, _) = broker.stable(1);
    let (token, _) = broker.join(static_request("i"));
    let leader = broker.members().into_iter().find(|id| id.starts_with("client")).unwrap();
    let (_, answers) = broker.rejoin(&leader);
    let old_id = answers.join(token).unwrap().member_id;
    let generation = generation + 1;
    broker.sync(generation, &leader, &[(&leader, "a"), (&old_id, "b")]);
    let (token, answers) = broker.join(static_request("i"));
    let new_id = answers.join(token).unwrap().member_id;
    let (token, answers) = broker.sync(generation, &new_id, &[]);
    assert_eq!(answers.sync(token).unwrap().assignment, "b");
    for _ in 0..12 {
        broker.advance(9_000);
        assert_eq!(broker.heartbeat(generation, &leader), Ok(()));
        assert_eq!(broker.heartbeat(generation, &new_id), Ok(()));
    }
}

#[test]
fn new_id_of_a_static_member_is_stored() {
    let mut broker = Broker::new();
    let (token, answers) = broker.join(static_request("i"));
    let old_id = answers.join(token).unwrap().member_id;
    broker.sync_all(1, std::slice::from_ref(&old_id));
    broker.groups.take_unstored();
    let (token, answers) = broker.join(static_request("i"));
    let new_id = answers.join(token).unwrap().member_id;
    assert!(broker.groups.take_unstored().contains(GROUP));
    let stored = broker.groups.static_generation(GROUP).unwrap();

    let mut restarted = Broker::new();
    restarted.groups.restore_members(GROUP, stored);
    restarted.groups.start_sessions(restarted.now_ms);
    invariants::check(&restarted.groups, GROUP);
    assert_eq!(restarted.members(), broker.members());
    let (token, answers) = restarted.sync(1, &new_id, &[]);
    assert_eq!(answers.sync(token).unwrap().assignment, old_id.as_bytes());
}

#[test]
fn group_with_a_dynamic_member_is_stored_without_members() {
    let (broker, ..) = stable();
    assert_eq!(broker.groups.static_generation(GROUP), None);
}
