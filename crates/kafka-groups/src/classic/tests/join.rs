use super::*;

#[test]
fn first_member_is_the_leader_of_generation_1() {
    let mut broker = Broker::new();
    let (member_id, token, answers) = broker.join_twice(join_request());
    let joined = answers.join(token).unwrap();
    assert_eq!(joined.generation_id, 1);
    assert_eq!(joined.leader, member_id);
    assert_eq!(joined.member_id, member_id);
    assert_eq!(joined.protocol_type.as_deref(), Some("consumer"));
    assert_eq!(joined.protocol_name.as_deref(), Some("range"));
    assert_eq!(joined.members.len(), 1);
    assert_eq!(joined.members[0].metadata, subscription(&["quotes"]));
    assert!(!joined.skip_assignment);
}

#[test]
fn member_id_is_the_client_id_and_a_uuid() {
    let (member_id, ..) = Broker::new().join_twice(join_request());
    let (client, uuid) = member_id.split_at("client-".len());
    assert_eq!(client, "client-");
    assert!(Uuid::parse_str(uuid).is_ok());
}

#[test]
fn versions_up_to_3_join_without_a_member_id() {
    for version in 0..=3 {
        let mut broker = Broker::new();
        let (token, answers) = broker.join(JoinRequest { version, ..join_request() });
        assert!(answers.join(token).is_ok(), "version {version}");
    }
}

#[test]
fn versions_from_4_require_a_member_id() {
    for version in 4..=9 {
        let mut broker = Broker::new();
        let (token, answers) = broker.join(JoinRequest { version, ..join_request() });
        assert_eq!(answers.join_error(token), ErrorCode::MemberIdRequired, "version {version}");
        assert_eq!(broker.state(), GroupState::Empty);
    }
}

#[test]
fn static_member_joins_at_once() {
    let mut broker = Broker::new();
    let (token, answers) = broker.join(static_request("i"));
    assert!(answers.join(token).unwrap().member_id.starts_with("i-"));
}

#[test]
fn empty_group_id_is_invalid() {
    let mut broker = Broker::new();
    let (token, answers) = broker.join(JoinRequest { group_id: String::new(), ..join_request() });
    assert_eq!(answers.join_error(token), ErrorCode::InvalidGroupId);
}

#[test]
fn session_timeout_outside_the_limits_is_rejected() {
    let mut broker = Broker::new();
    for session_timeout_ms in [-1, 5_999, 1_800_001] {
        let (token, answers) = broker.join(JoinRequest { session_timeout_ms, ..join_request() });
        assert_eq!(answers.join_error(token), ErrorCode::InvalidSessionTimeout);
    }
    assert!(!broker.groups.contains(GROUP));
}

#[test]
fn member_of_an_unknown_group_is_unknown() {
    let mut broker = Broker::new();
    let (token, answers) = broker.rejoin("m");
    assert_eq!(answers.join_error(token), ErrorCode::UnknownMemberId);
    assert!(!broker.groups.contains(GROUP));
}

#[test]
fn unknown_member_of_a_known_group_is_unknown() {
    let mut broker = Broker::new();
    broker.stable(1);
    let (token, answers) = broker.rejoin("m");
    assert_eq!(answers.join_error(token), ErrorCode::UnknownMemberId);
    assert_eq!(broker.state(), GroupState::Stable);
}

#[test]
fn group_without_protocols_is_inconsistent() {
    let mut broker = Broker::new();
    let (token, answers) = broker.join(JoinRequest { protocols: Vec::new(), ..join_request() });
    assert_eq!(answers.join_error(token), ErrorCode::InconsistentGroupProtocol);
    let (token, answers) = broker.join(JoinRequest { protocol_type: String::new(), ..join_request() });
    assert_eq!(answers.join_error(token), ErrorCode::InconsistentGroupProtocol);
}

#[test]
fn member_without_a_common_protocol_is_rejected() {
    let mut broker = Broker::new();
    broker.stable(1);
    let (token, answers) = broker.join(JoinRequest { protocols: protocols(&["sticky"]), ..join_request() });
    assert_eq!(answers.join_error(token), ErrorCode::InconsistentGroupProtocol);
    let (token, answers) = broker.join(JoinRequest { protocol_type: "connect".to_owned(), ..join_request() });
    assert_eq!(answers.join_error(token), ErrorCode::InconsistentGroupProtocol);
}

#[test]
fn second_member_waits_until_the_first_rejoins() {
    let mut broker = Broker::new();
    let (generation, members) = broker.stable(1);
    let (second, token, answers) = broker.join_twice(join_request());
    assert!(answers.is_waiting(token));
    assert_eq!(broker.state(), GroupState::PreparingRebalance);
    assert_eq!(broker.heartbeat(generation, &members[0]), Err(ErrorCode::RebalanceInProgress));

    let (rejoin, answers) = broker.rejoin(&members[0]);
    let (leader, follower) = (answers.join(rejoin).unwrap(), answers.join(token).unwrap());
    assert_eq!((leader.generation_id, follower.generation_id), (2, 2));
    assert_eq!(leader.members.len(), 2);
    assert_eq!(follower.members, []);
    assert_eq!(follower.member_id, second);
    assert_eq!(follower.leader, members[0]);
}

#[test]
fn protocol_with_most_votes_is_selected() {
    let mut broker = Broker::with_delay(100);
    let mut tokens = Vec::new();
    for names in [["range", "sticky"], ["sticky", "range"], ["sticky", "range"]] {
        let request = JoinRequest { protocols: protocols(&names), ..join_request() };
        tokens.push(broker.join_twice(request).1);
    }
    let answers = broker.advance(60_000);
    assert_eq!(answers.join(tokens[0]).unwrap().protocol_name.as_deref(), Some("sticky"));
}

#[test]
fn leaders_vote_decides_between_protocols_with_equal_votes() {
    for (leaders, followers) in [(["range", "sticky"], ["sticky", "range"]), (["sticky", "range"], ["range", "sticky"])]
    {
        let mut broker = Broker::with_delay(100);
        let join = |broker: &mut Broker, names: &[&str]| {
            broker.join_twice(JoinRequest { protocols: protocols(names), ..join_request() }).1
        };
        let token = join(&mut broker, &leaders);
        join(&mut broker, &followers);
        let answers = broker.advance(60_000);
        assert_eq!(answers.join(token).unwrap().protocol_name.as_deref(), Some(leaders[0]));
    }
}

#[test]
fn protocol_that_a_member_lacks_is_not_selected() {
    let mut broker = Broker::with_delay(100);
    let mut tokens = Vec::new();
    for names in [["sticky", "range"].as_slice(), &["sticky", "range"], &["range"]] {
        let request = JoinRequest { protocols: protocols(names), ..join_request() };
        tokens.push(broker.join_twice(request).1);
    }
    let answers = broker.advance(60_000);
    assert_eq!(answers.join(tokens[0]).unwrap().protocol_name.as_deref(), Some("range"));
}

#[test]
fn follower_with_unchanged_metadata_causes_no_rebalance() {
    let mut broker = Broker::new();
    let (generation, members) = broker.stable(2);
    let (token, answers) = broker.rejoin(&members[1]);
    assert_eq!(answers.join(token).unwrap().generation_id, generation);
    assert_eq!(broker.state(), GroupState::Stable);
}

#[test]
fn follower_with_new_metadata_causes_a_rebalance() {
    let mut broker = Broker::new();
    let (_, members) = broker.stable(2);
    let protocols = vec![Protocol { name: "range".to_owned(), metadata: subscription(&["other"]) }];
    let (token, answers) = broker.join(JoinRequest { member_id: members[1].clone(), protocols, ..join_request() });
    assert!(answers.is_waiting(token));
    assert_eq!(broker.state(), GroupState::PreparingRebalance);
}

#[test]
fn leader_that_rejoins_causes_a_rebalance() {
    let mut broker = Broker::new();
    let (_, members) = broker.stable(2);
    let (token, answers) = broker.rejoin(&members[0]);
    assert!(answers.is_waiting(token));
    assert_eq!(broker.state(), GroupState::PreparingRebalance);
}

#[test]
fn repeated_join_before_the_assignment_gets_the_same_generation() {
    let mut broker = Broker::new();
    let (member_id, token, answers) = broker.join_twice(join_request());
    let first = answers.join(token).unwrap();
    let (token, answers) = broker.rejoin(&member_id);
    assert_eq!(answers.join(token).unwrap(), first);
}

#[test]
fn newer_join_supersedes_a_waiting_one() {
    let mut broker = Broker::new();
    let (_, members) = broker.stable(2);
    let (first, _) = broker.rejoin(&members[0]);
    let (second, answers) = broker.rejoin(&members[0]);
    assert_eq!(answers.join_error(first), ErrorCode::RebalanceInProgress);
    assert!(answers.is_waiting(second));
    let (_, answers) = broker.rejoin(&members[1]);
    assert_eq!(answers.join(second).unwrap().generation_id, 3);
}

#[test]
fn initial_delay_collects_members_into_one_generation() {
    let mut broker = Broker::with_delay(3_000);
    let (_, first, answers) = broker.join_twice(join_request());
    assert!(answers.is_waiting(first));
    broker.advance(2_000);
    let (_, second, _) = broker.join_twice(join_request());
    let answers = broker.advance(1_000);
    assert!(answers.is_waiting(first), "a new member extends the delay");
    let answers = broker.advance(3_000);
    assert_eq!(answers.join(first).unwrap().generation_id, 1);
    assert_eq!(answers.join(second).unwrap().generation_id, 1);
}

#[test]
fn initial_delay_is_extended_up_to_the_rebalance_timeout() {
    let mut broker = Broker::with_delay(3_000);
    let request = JoinRequest { rebalance_timeout_ms: 7_000, ..join_request() };
    let (_, first, _) = broker.join_twice(request.clone());
    for _ in 0..6 {
        broker.join_twice(request.clone());
        assert!(broker.advance(1_000).is_waiting(first));
    }
    broker.join_twice(request);
    assert!(broker.advance(1_000).join(first).is_ok(), "7 s have passed");
}

#[test]
fn protocol_that_is_named_twice_counts_once() {
    let mut broker = Broker::new();
    let names = protocols(&["range", "range"]);
    let (_, token, answers) = broker.join_twice(JoinRequest { protocols: names, ..join_request() });
    assert_eq!(answers.join(token).unwrap().protocol_name.as_deref(), Some("range"));
}

#[test]
fn pending_member_with_an_instance_id_is_unknown() {
    let mut broker = Broker::new();
    let (token, answers) = broker.join(join_request());
    let member_id = answers.join(token).unwrap_err().member_id;
    let (token, answers) = broker.join(JoinRequest { member_id, ..static_request("i") });
    assert_eq!(answers.join(token), Err(JoinError { error: ErrorCode::UnknownMemberId, member_id: String::new() }));
}
