use super::*;

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn listed(broker: &Broker, states: &[&str], types: &[&str]) -> Vec<String> {
    broker.groups.list(&texts(states), &texts(types)).into_iter().map(|group| group.group_id).collect()
}

#[test]
fn unknown_group_has_no_description() {
    assert_eq!(Broker::new().groups.describe(GROUP), None);
}

#[test]
fn stable_group_shows_metadata_with_assignments() {
    let mut broker = Broker::new();
    let (_, members) = broker.stable(1);
    let description = broker.groups.describe(GROUP).unwrap();
    assert_eq!(description.state.name(), "Stable");
    assert_eq!(description.protocol_type, "consumer");
    assert_eq!(description.protocol, "range");
    let member = &description.members[0];
    assert_eq!(member.member_id, members[0]);
    assert_eq!((member.client_id.as_str(), member.client_host.as_str()), ("client", "/127.0.0.1"));
    assert_eq!(member.metadata, subscription(&["quotes"]));
    assert_eq!(member.assignment, members[0].as_bytes());
}

#[test]
fn rebalancing_group_shows_no_protocol() {
    let mut broker = Broker::new();
    broker.stable(1);
    broker.join_twice(join_request());
    let description = broker.groups.describe(GROUP).unwrap();
    assert_eq!(description.state.name(), "PreparingRebalance");
    assert_eq!(description.protocol, "");
    assert!(description.members.iter().all(|member| member.metadata.is_empty()));
}

#[test]
fn groups_are_listed_by_state() {
    let mut broker = Broker::new();
    broker.stable(1);
    broker.groups.set_has_offsets("simple", true);
    assert_eq!(listed(&broker, &[], &[]), ["g", "simple"]);
    assert_eq!(listed(&broker, &["stable"], &[]), ["g"]);
    assert_eq!(listed(&broker, &["Empty", "Dead"], &[]), ["simple"]);
    assert_eq!(listed(&broker, &["CompletingRebalance"], &[]), [""; 0]);
}

#[test]
fn groups_are_listed_by_type() {
    let mut broker = Broker::new();
    broker.stable(1);
    assert_eq!(listed(&broker, &[], &["classic"]), ["g"]);
    assert_eq!(listed(&broker, &[], &["consumer", "share"]), [""; 0]);
}

#[test]
fn group_that_only_committed_has_no_protocol_type() {
    let mut broker = Broker::new();
    broker.groups.set_has_offsets("simple", true);
    assert_eq!(broker.groups.list(&[], &[])[0].protocol_type, "");
}

#[test]
fn group_knows_the_topics_of_its_members() {
    let mut broker = Broker::new();
    broker.stable(1);
    assert!(broker.groups.is_subscribed(GROUP, "quotes"));
    assert!(!broker.groups.is_subscribed(GROUP, "other"));
}

#[test]
fn consumers_with_unreadable_metadata_subscribe_to_everything() {
    let mut broker = Broker::new();
    let protocols = vec![Protocol { name: "range".to_owned(), metadata: Bytes::from_static(b"?") }];
    broker.join_twice(JoinRequest { protocols, ..join_request() });
    assert!(broker.groups.is_subscribed(GROUP, "other"));
}
