//! Fetch.

use std::time::{Duration, Instant};

use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::{DeleteTopicsRequest, FetchRequest, MetadataRequest, TopicName};
use uuid::Uuid;

use crate::client::{Client, TestBroker, batch, fetch_request, record, unique};

async fn topic_id(client: &mut Client, topic: &TopicName) -> Uuid {
    let asked = MetadataRequestTopic::default().with_name(Some(topic.clone()));
    client.call(12, &MetadataRequest::default().with_topics(Some(vec![asked]))).await.topics[0].topic_id
}

fn by_id(id: Uuid) -> FetchRequest {
    let partition = FetchPartition::default().with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default().with_topic_id(id).with_partitions(vec![partition]);
    FetchRequest::default().with_max_bytes(1 << 20).with_topics(vec![topic])
}

#[tokio::test]
async fn batches_are_returned_as_they_were_sent() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let sent = batch(&[record("a"), record("b")]);
    client.append(&topic, sent.clone()).await;
    let fetched = client.fetch(&topic, 0).await;
    let records = fetched.records.unwrap();
    // The broker sets the first offset and the leader epoch, bytes 0 to 7 and 12 to 15.
    assert_eq!(records[16..], sent[16..]);
    assert_eq!((fetched.high_watermark, fetched.last_stable_offset, fetched.log_start_offset), (2, 2, 0));
}

#[tokio::test]
async fn offset_within_a_batch_returns_the_batch() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let sent = batch(&[record("a"), record("b")]);
    client.append(&topic, sent.clone()).await;
    assert_eq!(client.fetch(&topic, 1).await.records.unwrap().len(), sent.len());
}

#[tokio::test]
async fn offset_out_of_range_is_an_error() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    client.append(&topic, batch(&[record("a")])).await;
    assert_eq!(client.fetch(&topic, 2).await.error_code, 1);
    assert_eq!(client.fetch(&topic, 1).await.error_code, 0);
}

/// K2: a response of version 12 has no tagged field that Java clients reject.
#[tokio::test]
async fn version_12_has_no_tagged_fields() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    client.append(&topic, batch(&[record("a")])).await;
    let response = client.call(12, &fetch_request(&topic, 0)).await;
    assert_eq!(response.node_endpoints, []);
    assert!(response.unknown_tagged_fields.is_empty());
    assert!(response.responses[0].partitions[0].unknown_tagged_fields.is_empty());
}

/// K6: the response is not an empty success.
#[tokio::test]
async fn unknown_topic_is_an_error() {
    let broker = TestBroker::start().await;
    let mut client = broker.client().await;
    assert_eq!(client.fetch(&unique("unknown"), 0).await.error_code, 3);
}

#[tokio::test]
async fn unknown_partition_is_an_error() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let mut request = fetch_request(&topic, 0);
    request.topics[0].partitions[0].partition = 1;
    assert_eq!(client.call(11, &request).await.responses[0].partitions[0].error_code, 3);
}

#[tokio::test]
async fn topics_can_be_fetched_by_id() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let sent = batch(&[record("a")]);
    client.append(&topic, sent.clone()).await;
    let id = topic_id(&mut client, &topic).await;
    for version in 13..=17 {
        let response = client.call(version, &by_id(id)).await;
        assert_eq!(
            response.responses[0].partitions[0].records.as_ref().unwrap().len(),
            sent.len(),
            "version {version}"
        );
    }
}

#[tokio::test]
async fn unknown_topic_id_is_an_error() {
    let broker = TestBroker::start().await;
    let response = broker.client().await.call(13, &by_id(Uuid::new_v4())).await;
    assert_eq!(response.responses[0].partitions[0].error_code, 100);
}

#[tokio::test]
async fn continued_session_does_not_exist() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let request = fetch_request(&topic, 0).with_session_id(1_234_567).with_session_epoch(3);
    let response = client.call(11, &request).await;
    assert_eq!((response.error_code, response.responses.len()), (70, 0));
}

#[tokio::test]
async fn newer_leader_epoch_is_unknown() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let mut request = fetch_request(&topic, 0);
    request.topics[0].partitions[0].current_leader_epoch = 5;
    assert_eq!(client.call(11, &request).await.responses[0].partitions[0].error_code, 75);
}

#[tokio::test]
async fn first_batch_is_returned_whatever_its_size() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let sent = batch(&[record("a"), record("b")]);
    client.append(&topic, sent.clone()).await;
    client.append(&topic, sent.clone()).await;
    let mut request = fetch_request(&topic, 0).with_max_bytes(1);
    request.topics[0].partitions[0].partition_max_bytes = 1;
    let response = client.call(11, &request).await;
    assert_eq!(response.responses[0].partitions[0].records.as_ref().unwrap().len(), sent.len());
}

#[tokio::test]
async fn append_ends_the_wait() {
    let (broker, mut client, topic) = TestBroker::topic(1).await;
    let request = fetch_request(&topic, 0).with_max_wait_ms(60_000).with_min_bytes(1);
    client.send(11, &request).await;
    let started = Instant::now();
    let mut producer = broker.client().await;
    producer.append(&topic, batch(&[record("a")])).await;
    assert!(client.receive().await.unwrap().len() > 60);
    assert!(started.elapsed() < Duration::from_secs(50));
}

#[tokio::test]
async fn wait_ends_with_the_requested_time() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let started = Instant::now();
    let response = client.call(11, &fetch_request(&topic, 0).with_max_wait_ms(200).with_min_bytes(1)).await;
    assert_eq!(response.responses[0].partitions[0].records.as_ref().map_or(0, bytes::Bytes::len), 0);
    assert!(started.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn unknown_partition_has_no_aborted_transactions() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    for (topic, isolation) in [(&unique("unknown"), 0), (&unique("unknown"), 1), (&topic, 0)] {
        let mut request = fetch_request(topic, 0).with_isolation_level(isolation);
        request.topics[0].partitions[0].partition = 9;
        let response = client.call(11, &request).await;
        let partition = &response.responses[0].partitions[0];
        assert_eq!((partition.error_code, partition.aborted_transactions.as_deref()), (3, Some(&[][..])));
    }
    let read = client.fetch(&topic, 0).await;
    assert_eq!((read.error_code, read.aborted_transactions), (0, None));
}

/// From version 13 on, a topic that is gone has an unknown id.
#[tokio::test]
async fn topic_deleted_during_a_fetch_has_an_unknown_id() {
    let (broker, mut client, topic) = TestBroker::topic(1).await;
    let id = topic_id(&mut client, &topic).await;
    let request = by_id(id).with_max_wait_ms(60_000).with_min_bytes(1);
    let mut waiting = broker.client().await;
    let fetch = tokio::spawn(async move { waiting.call(13, &request).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let delete = DeleteTopicsRequest::default().with_topic_names(vec![topic]).with_timeout_ms(30_000);
    assert_eq!(client.call(5, &delete).await.responses[0].error_code, 0);
    assert_eq!(fetch.await.unwrap().responses[0].partitions[0].error_code, 100);
}
