use super::*;

#[test]
fn offsets_of_an_empty_group_can_be_deleted() {
    let mut coordinator = new();
    commit(&mut coordinator, &request(&[(0, 5), (1, 7)]));
    let deleted = coordinator.delete_offsets(GROUP, &[quotes(0), quotes(9)]).unwrap();
    assert_eq!(deleted.results, [(quotes(0), Ok(())), (quotes(9), Ok(()))]);
    assert_eq!(deleted.events.len(), 1);
    replay(&mut coordinator, deleted.events);
    assert_eq!(values(&coordinator), [(1, 7)]);
}

#[test]
fn offsets_of_a_subscribed_topic_cannot_be_deleted() {
    let mut coordinator = new();
    let joined = join(&mut coordinator, "consumer");
    sync(&mut coordinator, &joined);
    commit(&mut coordinator, &of_member(&joined.member_id, 1));
    let other = TopicPartition { topic: "other".to_owned(), partition: 0 };
    let deleted = coordinator.delete_offsets(GROUP, &[quotes(0), other.clone()]).unwrap();
    assert_eq!(deleted.results, [(quotes(0), Err(ErrorCode::GroupSubscribedToTopic)), (other, Ok(()))]);
    assert_eq!(deleted.events, []);
}

#[test]
fn offsets_of_other_protocols_cannot_be_deleted_while_in_use() {
    let mut coordinator = new();
    let joined = join(&mut coordinator, "connect");
    assert_eq!(coordinator.delete_offsets(GROUP, &[quotes(0)]), Err(ErrorCode::NonEmptyGroup));
    leave(&mut coordinator, &joined);
    assert!(coordinator.delete_offsets(GROUP, &[quotes(0)]).is_ok());
}

#[test]
fn offsets_of_an_unknown_group_cannot_be_deleted() {
    assert_eq!(new().delete_offsets(GROUP, &[quotes(0)]), Err(ErrorCode::GroupIdNotFound));
    assert_eq!(new().delete_offsets("", &[quotes(0)]), Err(ErrorCode::InvalidGroupId));
}

#[test]
fn group_with_members_cannot_be_deleted() {
    let mut coordinator = new();
    assert_eq!(coordinator.delete_group(GROUP), Err(ErrorCode::GroupIdNotFound));
    let joined = join(&mut coordinator, "consumer");
    assert_eq!(coordinator.delete_group(GROUP), Err(ErrorCode::NonEmptyGroup));
    leave(&mut coordinator, &joined);
    assert!(coordinator.delete_group(GROUP).is_ok());
}

#[test]
fn deleted_group_is_gone_with_its_offsets() {
    let mut coordinator = new();
    commit(&mut coordinator, &request(&[(0, 5)]));
    let events = coordinator.delete_group(GROUP).unwrap();
    replay(&mut coordinator, events);
    assert_eq!(values(&coordinator), []);
    assert_eq!(coordinator.list(&[], &[]), []);
    assert_eq!(coordinator.snapshot(), []);
}

#[test]
fn deleted_topic_takes_its_offsets_along() {
    let mut coordinator = new();
    commit(&mut coordinator, &request(&[(0, 5), (1, 7)]));
    commit_in_transaction(&mut coordinator, 9, &[(1, 8), (2, 9)]);
    let events = coordinator.delete_topic("quotes");
    assert_eq!(events.len(), 3);
    replay(&mut coordinator, events);
    assert_eq!(coordinator.snapshot(), []);
    assert_eq!(coordinator.delete_topic("quotes"), []);
}
