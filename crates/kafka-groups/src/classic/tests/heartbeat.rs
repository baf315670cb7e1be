use super::*;

#[test]
fn heartbeat_of_an_unknown_group_or_member_is_rejected() {
    let mut broker = Broker::new();
    assert_eq!(broker.heartbeat(1, "m"), Err(ErrorCode::UnknownMemberId));
    broker.stable(1);
    assert_eq!(broker.heartbeat(1, "m"), Err(ErrorCode::UnknownMemberId));
}

#[test]
fn heartbeat_of_another_generation_is_illegal() {
    let mut broker = Broker::new();
    let (generation, members) = broker.stable(1);
    assert_eq!(broker.heartbeat(generation, &members[0]), Ok(()));
    assert_eq!(broker.heartbeat(generation + 1, &members[0]), Err(ErrorCode::IllegalGeneration));
    assert_eq!(broker.heartbeat(-1, &members[0]), Err(ErrorCode::IllegalGeneration));
}

#[test]
fn heartbeat_before_the_assignment_succeeds() {
    let mut broker = Broker::new();
    let (member_id, ..) = broker.join_twice(join_request());
    assert_eq!(broker.state(), GroupState::CompletingRebalance);
    assert_eq!(broker.heartbeat(1, &member_id), Ok(()));
}

#[test]
fn heartbeat_of_a_pending_member_is_unknown() {
    let mut broker = Broker::new();
    let (token, answers) = broker.join(join_request());
    let member_id = answers.join(token).unwrap_err().member_id;
    assert_eq!(broker.heartbeat(0, &member_id), Err(ErrorCode::UnknownMemberId));
}

#[test]
fn empty_group_id_is_invalid_for_every_request() {
    let mut broker = Broker::new();
    let group_id = String::new();
    let heartbeat = HeartbeatRequest {
        group_id: group_id.clone(),
        generation_id: 1,
        member_id: "m".to_owned(),
        group_instance_id: None,
    };
    let (token, answers) = broker.send(Request::Heartbeat(heartbeat));
    assert_eq!(answers.heartbeat(token), Err(ErrorCode::InvalidGroupId));
    let (token, answers) =
        broker.send(Request::Sync(SyncRequest { group_id: group_id.clone(), ..sync_request(1, "m", &[]) }));
    assert_eq!(answers.sync(token), Err(ErrorCode::InvalidGroupId));
    let (token, answers) = broker.send(Request::Leave(LeaveRequest { group_id, members: Vec::new() }));
    assert_eq!(answers.get(token), Some(&Answer::Leave(Err(ErrorCode::InvalidGroupId))));
}
