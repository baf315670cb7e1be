//! Metadata, `ApiVersions` and the descriptions of the cluster.

use kafka_protocol::messages::describe_topic_partitions_request::{Cursor, TopicRequest};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{
    ApiVersionsRequest, DescribeClusterRequest, DescribeTopicPartitionsRequest, MetadataRequest, TopicName,
};
use uuid::Uuid;

use crate::client::{TestBroker, text, unique};

fn named(name: &TopicName) -> MetadataRequest {
    let topic = MetadataRequestTopic::default().with_name(Some(name.clone()));
    MetadataRequest::default().with_topics(Some(vec![topic])).with_allow_auto_topic_creation(false)
}

#[tokio::test]
async fn metadata_names_the_node_that_answers() {
    let broker = TestBroker::start().await;
    let response = broker.client().await.call(12, &MetadataRequest::default().with_topics(Some(Vec::new()))).await;
    let node = &response.brokers[0];
    assert_eq!((node.node_id.0, node.port), (1, i32::from(broker.address.port())));
    assert_eq!(response.topics.len(), 0);
}

#[tokio::test]
async fn metadata_lists_partitions_with_their_leader() {
    let (_broker, mut client, topic) = TestBroker::topic(3).await;
    let response = client.call(12, &named(&topic)).await;
    let mut partitions: Vec<_> =
        response.topics[0].partitions.iter().map(|p| (p.partition_index, p.leader_id.0, p.error_code)).collect();
    partitions.sort_unstable();
    assert_eq!(partitions, [(0, 1, 0), (1, 1, 0), (2, 1, 0)]);
}

#[tokio::test]
async fn metadata_of_unknown_topic_is_an_error() {
    let broker = TestBroker::start().await;
    let response = broker.client().await.call(12, &named(&unique("unknown"))).await;
    assert_eq!(response.topics[0].error_code, 3);
}

#[tokio::test]
async fn metadata_of_unknown_id_is_an_error() {
    let broker = TestBroker::start().await;
    let topic = MetadataRequestTopic::default().with_name(None).with_topic_id(Uuid::new_v4());
    let response = broker.client().await.call(12, &MetadataRequest::default().with_topics(Some(vec![topic]))).await;
    assert_eq!(response.topics[0].error_code, 100);
}

#[tokio::test]
async fn operations_are_not_reported_for_an_unknown_id() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let by_id = MetadataRequestTopic::default().with_name(None).with_topic_id(Uuid::new_v4());
    for (asked, operations) in [(by_id, i32::MIN), (named(&topic).topics.unwrap().remove(0), 3_576)] {
        let request = MetadataRequest::default().with_topics(Some(vec![asked]));
        let response = client.call(12, &request.with_include_topic_authorized_operations(true)).await;
        assert_eq!(response.topics[0].topic_authorized_operations, operations);
    }
}

#[tokio::test]
async fn metadata_of_invalid_name_is_an_error() {
    let broker = TestBroker::start().await;
    let response = broker.client().await.call(12, &named(&TopicName(text("a/b")))).await;
    assert_eq!(response.topics[0].error_code, 17);
}

/// franz-go and Kafka 4.4 send a newer version first, and read the offered range from the error.
#[tokio::test]
async fn newer_api_versions_is_answered_with_version_0() {
    let broker = TestBroker::start().await;
    let mut client = broker.client().await;
    for version in [5_i16, 6, 99, i16::MAX] {
        // A header without client id and tagged fields, and a body that the broker does not know.
        let request = [&[0, 18][..], &version.to_be_bytes(), &[0, 0, 0, 7, 0xff, 0xff, 0], &[0xff; 24]].concat();
        client.send_raw(&request).await;
        let response = client.receive().await.expect("closed");
        assert_eq!(response[..10], [0, 0, 0, 7, 0, 35, 0, 0, 0, 1], "version {version}");
        assert_eq!(response[10..12], [0, 18]);
    }
    // The connection can be used for the next request.
    let request =
        ApiVersionsRequest::default().with_client_software_name(text("test")).with_client_software_version(text("1"));
    assert_eq!(client.call(4, &request).await.error_code, 0);
}

#[tokio::test]
async fn api_versions_rejects_invalid_software_name() {
    let broker = TestBroker::start().await;
    let request = ApiVersionsRequest::default()
        .with_client_software_name(text("my client"))
        .with_client_software_version(text("1"));
    assert_eq!(broker.client().await.call(3, &request).await.error_code, 42);
}

#[tokio::test]
async fn cluster_has_one_broker() {
    let broker = TestBroker::start().await;
    let request = DescribeClusterRequest::default().with_endpoint_type(1);
    let response = broker.client().await.call(1, &request).await;
    assert_eq!((response.error_code, response.brokers.len()), (0, 1));
    assert_eq!(response.cluster_authorized_operations, i32::MIN);
}

#[tokio::test]
async fn cluster_operations_are_reported_when_asked() {
    let broker = TestBroker::start().await;
    let request =
        DescribeClusterRequest::default().with_endpoint_type(1).with_include_cluster_authorized_operations(true);
    assert_eq!(broker.client().await.call(1, &request).await.cluster_authorized_operations, 8_096);
}

#[tokio::test]
async fn controller_endpoint_is_elsewhere() {
    let broker = TestBroker::start().await;
    let request = DescribeClusterRequest::default().with_endpoint_type(2);
    assert_eq!(broker.client().await.call(1, &request).await.error_code, 114);
}

#[tokio::test]
async fn topic_partitions_are_described_in_pages() {
    let (_broker, mut client, topic) = TestBroker::topic(3).await;
    let topics = vec![TopicRequest::default().with_name(topic.clone())];
    let request = DescribeTopicPartitionsRequest::default().with_topics(topics).with_response_partition_limit(2);
    let first = client.call(0, &request).await;
    assert_eq!(first.topics[0].partitions.len(), 2);
    let next = first.next_cursor.expect("a cursor");
    assert_eq!((&next.topic_name, next.partition_index), (&topic, 2));
    let cursor = Cursor::default().with_topic_name(next.topic_name).with_partition_index(next.partition_index);
    let second = client.call(0, &request.with_cursor(Some(cursor))).await;
    assert_eq!(second.topics[0].partitions.len(), 1);
    assert_eq!(second.next_cursor, None);
}
