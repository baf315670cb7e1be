use super::*;

#[test]
fn last_member_that_leaves_empties_the_group() {
    let mut broker = Broker::new();
    let (_, members) = broker.stable(1);
    let (token, answers) = broker.leave(&members[0], None);
    assert_eq!(answers.leave(token), [Ok(())]);
    assert_eq!(broker.state(), GroupState::Empty);
    assert_eq!(broker.groups.groups[GROUP].generation_id, 2);
}

#[test]
fn emptied_group_continues_with_the_next_generation() {
    let mut broker = Broker::new();
    let (_, members) = broker.stable(1);
    broker.leave(&members[0], None);
    let (_, token, answers) = broker.join_twice(join_request());
    assert_eq!(answers.join(token).unwrap().generation_id, 3);
}

#[test]
fn leaving_starts_a_rebalance_of_the_others() {
    let mut broker = Broker::new();
    let (generation, members) = broker.stable(2);
    broker.leave(&members[1], None);
    assert_eq!(broker.heartbeat(generation, &members[0]), Err(ErrorCode::RebalanceInProgress));
    let (token, answers) = broker.rejoin(&members[0]);
    assert_eq!(answers.join(token).unwrap().members.len(), 1);
}

#[test]
fn leaving_leader_is_replaced() {
    let mut broker = Broker::new();
    let (_, members) = broker.stable(2);
    broker.leave(&members[0], None);
    let (token, answers) = broker.rejoin(&members[1]);
    assert_eq!(answers.join(token).unwrap().leader, members[1]);
}

#[test]
fn missing_member_that_leaves_completes_the_join_phase() {
    let mut broker = Broker::new();
    let (_, members) = broker.stable(2);
    let (token, answers) = broker.rejoin(&members[0]);
    assert!(answers.is_waiting(token));
    let (_, answers) = broker.leave(&members[1], None);
    assert_eq!(answers.join(token).unwrap().members.len(), 1);
}

#[test]
fn waiting_join_of_a_leaving_member_is_answered() {
    let mut broker = Broker::new();
    let (_, members) = broker.stable(2);
    let (token, _) = broker.rejoin(&members[0]);
    let (_, answers) = broker.leave(&members[0], None);
    assert_eq!(answers.join(token), Err(JoinError { error: ErrorCode::UnknownMemberId, member_id: String::new() }));
}

#[test]
fn waiting_sync_of_a_leaving_member_is_answered() {
    let mut broker = Broker::new();
    let (_, members) = broker.stable(2);
    broker.rejoin(&members[0]);
    let protocols = protocols(&["range"]);
    broker.join(JoinRequest { member_id: members[1].clone(), protocols, ..join_request() });
    let (token, answers) = broker.sync(3, &members[1], &[]);
    assert!(answers.is_waiting(token));
    let (_, answers) = broker.leave(&members[1], None);
    assert_eq!(answers.sync(token), Err(ErrorCode::UnknownMemberId));
}

#[test]
fn pending_member_can_leave() {
    let mut broker = Broker::new();
    let (token, answers) = broker.join(join_request());
    let member_id = answers.join(token).unwrap_err().member_id;
    let (token, answers) = broker.leave(&member_id, None);
    assert_eq!(answers.leave(token), [Ok(())]);
    let (token, answers) = broker.rejoin(&member_id);
    assert_eq!(answers.join_error(token), ErrorCode::UnknownMemberId);
}

#[test]
fn unknown_member_cannot_leave() {
    let mut broker = Broker::new();
    let (token, answers) = broker.leave("m", None);
    assert_eq!(answers.leave(token), [Err(ErrorCode::UnknownMemberId)]);
    broker.stable(1);
    for (member_id, instance_id) in [("m", None), ("", None), ("", Some("i"))] {
        let (token, answers) = broker.leave(member_id, instance_id);
        assert_eq!(answers.leave(token), [Err(ErrorCode::UnknownMemberId)]);
    }
    assert_eq!(broker.state(), GroupState::Stable);
}

#[test]
fn several_members_leave_by_one_request() {
    let mut broker = Broker::new();
    let (_, members) = broker.stable(3);
    let leaving = |member_id: &str| LeavingMember { member_id: member_id.to_owned(), group_instance_id: None };
    let request = LeaveRequest {
        group_id: GROUP.to_owned(),
        members: vec![leaving(&members[0]), leaving("m"), leaving(&members[1])],
    };
    let (token, answers) = broker.send(Request::Leave(request));
    assert_eq!(answers.leave(token), [Ok(()), Err(ErrorCode::UnknownMemberId), Ok(())]);
    assert_eq!(broker.members(), [members[2].clone()]);
}
