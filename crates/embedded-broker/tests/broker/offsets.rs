//! `OffsetCommit`, `OffsetFetch` and `OffsetDelete`.

use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{
    DeleteGroupsRequest, GroupId, OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest, TopicName,
};

use crate::client::{Client, TestBroker, text, unique};

fn commit_request(group: &GroupId, topic: &TopicName, offset: i64) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition::default()
        .with_committed_offset(offset)
        .with_committed_metadata(Some(text("note")));
    let topic = OffsetCommitRequestTopic::default().with_name(topic.clone()).with_partitions(vec![partition]);
    OffsetCommitRequest::default().with_group_id(group.clone()).with_topics(vec![topic])
}

async fn commit(client: &mut Client, version: i16, group: &GroupId, topic: &TopicName, offset: i64) -> i16 {
    client.call(version, &commit_request(group, topic, offset)).await.topics[0].partitions[0].error_code
}

/// Returns partition, offset and metadata of all partitions, of the given topic or of all topics.
async fn fetch(
    client: &mut Client,
    version: i16,
    group: &GroupId,
    topic: Option<&TopicName>,
) -> Vec<(i32, i64, Option<String>)> {
    if version >= 8 {
        let topics = topic.map(|name| {
            vec![OffsetFetchRequestTopics::default().with_name(name.clone()).with_partition_indexes(vec![0, 1])]
        });
        let asked = OffsetFetchRequestGroup::default().with_group_id(group.clone()).with_topics(topics);
        let asked = if version >= 9 { asked.with_member_epoch(-1).with_member_id(None) } else { asked };
        let response = client.call(version, &OffsetFetchRequest::default().with_groups(vec![asked])).await;
        assert_eq!(response.groups[0].error_code, 0);
        let partitions = response.groups[0].topics.iter().flat_map(|topic| &topic.partitions);
        return partitions
            .map(|p| (p.partition_index, p.committed_offset, p.metadata.as_ref().map(ToString::to_string)))
            .collect();
    }
    let topics = topic.map(|name| {
        vec![OffsetFetchRequestTopic::default().with_name(name.clone()).with_partition_indexes(vec![0, 1])]
    });
    let request = OffsetFetchRequest::default().with_group_id(group.clone()).with_topics(topics);
    let response = client.call(version, &request).await;
    assert_eq!(response.error_code, 0);
    let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|p| (p.partition_index, p.committed_offset, p.metadata.as_ref().map(ToString::to_string))).collect()
}

/// The response to a request for all topics can be decoded in every version.
#[tokio::test]
async fn offsets_in_every_version() {
    let (_broker, mut client, topic) = TestBroker::topic(2).await;
    let note = || Some("note".to_owned());
    for version in 2..=9 {
        let group = GroupId(text(&unique("group")));
        let offset = i64::from(version) * 10;
        assert_eq!(commit(&mut client, version, &group, &topic, offset).await, 0, "version {version}");
        for fetch_version in 1..=9 {
            let fetched = fetch(&mut client, fetch_version, &group, Some(&topic)).await;
            assert_eq!(fetched, [(0, offset, note()), (1, -1, Some(String::new()))], "version {fetch_version}");
            if fetch_version >= 2 {
                let all = fetch(&mut client, fetch_version, &group, None).await;
                assert_eq!(all, [(0, offset, note())], "version {fetch_version}");
            }
        }
    }
}

#[tokio::test]
async fn offsets_of_unknown_topic_are_rejected() {
    let broker = TestBroker::start().await;
    let group = GroupId(text(&unique("group")));
    assert_eq!(commit(&mut broker.client().await, 7, &group, &unique("unknown"), 1).await, 3);
}

#[tokio::test]
async fn unknown_generation_cannot_commit() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let group = GroupId(text(&unique("group")));
    let request = commit_request(&group, &topic, 1).with_generation_id_or_member_epoch(4).with_member_id(text("x"));
    assert_eq!(client.call(7, &request).await.topics[0].partitions[0].error_code, 22);
}

#[tokio::test]
async fn oversized_metadata_is_rejected() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let mut request = commit_request(&GroupId(text(&unique("group"))), &topic, 1);
    request.topics[0].partitions[0].committed_metadata = Some(text(&"x".repeat(5_000)));
    assert_eq!(client.call(7, &request).await.topics[0].partitions[0].error_code, 12);
}

#[tokio::test]
async fn deleted_offset_is_gone() {
    let (_broker, mut client, topic) = TestBroker::topic(2).await;
    let group = GroupId(text(&unique("group")));
    commit(&mut client, 7, &group, &topic, 5).await;
    let partition = OffsetDeleteRequestPartition::default();
    let topics = vec![OffsetDeleteRequestTopic::default().with_name(topic.clone()).with_partitions(vec![partition])];
    let request = OffsetDeleteRequest::default().with_group_id(group.clone()).with_topics(topics);
    let response = client.call(0, &request).await;
    assert_eq!((response.error_code, response.topics[0].partitions[0].error_code), (0, 0));
    assert_eq!(fetch(&mut client, 7, &group, Some(&topic)).await[0].1, -1);
}

#[tokio::test]
async fn deleted_group_has_no_offsets() {
    let (_broker, mut client, topic) = TestBroker::topic(2).await;
    let group = GroupId(text(&unique("group")));
    commit(&mut client, 7, &group, &topic, 5).await;
    let request = DeleteGroupsRequest::default().with_groups_names(vec![group.clone()]);
    assert_eq!(client.call(2, &request).await.results[0].error_code, 0);
    assert_eq!(client.call(2, &request).await.results[0].error_code, 69);
    assert_eq!(fetch(&mut client, 7, &group, None).await, []);
}
