//! Features of this broker alone: options, restarts, `close`, and the defence against invalid requests.

use std::time::Duration;

use bytes::{BufMut, BytesMut};
use embedded_broker::{Broker, BrokerError, Options, Storage};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::{
    GroupId, InitProducerIdRequest, MetadataRequest, OffsetCommitRequest, OffsetFetchRequest, TopicName,
};
use tokio::io::AsyncWriteExt;

use crate::client::{TestBroker, batch, fetch_request, is_foreign, produce_request, record, text, unique};

fn asked(name: &TopicName, create: bool) -> MetadataRequest {
    let topic = MetadataRequestTopic::default().with_name(Some(name.clone()));
    MetadataRequest::default().with_topics(Some(vec![topic])).with_allow_auto_topic_creation(create)
}

/// K9: only if the option and the request allow it.
#[tokio::test]
async fn topics_are_created_when_asked_for() {
    let broker = TestBroker::with(Options { auto_create: Some(4), ..Options::default() }).await;
    let mut client = broker.client().await;
    let name = unique("auto");
    assert_eq!(client.call(12, &asked(&name, false)).await.topics[0].error_code, 3);
    let created = client.call(12, &asked(&name, true)).await;
    assert_eq!((created.topics[0].error_code, created.topics[0].partitions.len()), (0, 4));
    let without = TestBroker::with(Options::default()).await;
    assert_eq!(without.client().await.call(12, &asked(&name, true)).await.topics[0].error_code, 3);
}

/// Clients before version 4 cannot say whether they want the topic, so Kafka creates it.
#[tokio::test]
async fn old_metadata_creates_the_topic() {
    let broker = TestBroker::with(Options { auto_create: Some(2), ..Options::default() }).await;
    let mut client = broker.client().await;
    let created = client.call(3, &asked(&unique("auto"), true)).await;
    assert_eq!((created.topics[0].error_code, created.topics[0].partitions.len()), (0, 2));
}

#[tokio::test]
async fn port_in_use_is_named() {
    let broker = TestBroker::with(Options::default()).await;
    let error = Broker::start(Options { port: broker.address.port(), ..Options::default() }).await.unwrap_err();
    assert!(matches!(error, BrokerError::Listen { .. }));
    let expected = format!("the embedded broker failed to listen on {}: ", broker.address);
    assert!(error.to_string().starts_with(&expected), "{error}");
}

#[tokio::test]
async fn folder_in_use_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let _broker = TestBroker::in_folder(folder.path()).await;
    let options = Options { port: 0, storage: Storage::Folder(folder.path().to_owned()), ..Options::default() };
    assert!(matches!(Broker::start(options).await, Err(BrokerError::Folder(_))));
}

#[tokio::test]
async fn closed_broker_disconnects_producers() {
    let (broker, mut client, topic) = TestBroker::topic(1).await;
    client.append(&topic, batch(&[record("a")])).await;
    let Some(running) = &broker.broker else { return };
    running.close();
    client.send(9, &produce_request(&topic, batch(&[record("b")]))).await;
    assert_eq!(client.receive().await, None);
    assert_eq!(broker.client().await.fetch(&topic, 0).await.high_watermark, 1);
}

/// Records, topics, offsets and producer ids survive a stop and a drop.
#[tokio::test]
async fn restarted_broker_continues() {
    let folder = tempfile::tempdir().unwrap();
    let group = GroupId(text("group"));
    let mut topic = None;
    for round in 0..4_i64 {
        let mut broker = TestBroker::in_folder(folder.path()).await;
        let mut client = broker.client().await;
        let topic = match &topic {
            Some(topic) => topic,
            None => topic.insert(client.create_topic(1).await),
        };
        assert_eq!(client.append(topic, batch(&[record("a")])).await.base_offset, round);
        let fetched = OffsetFetchRequestTopic::default().with_name(topic.clone()).with_partition_indexes(vec![0]);
        let request = OffsetFetchRequest::default().with_group_id(group.clone()).with_topics(Some(vec![fetched]));
        assert_eq!(client.call(7, &request).await.topics[0].partitions[0].committed_offset, round - 1);
        let partition = OffsetCommitRequestPartition::default().with_committed_offset(round);
        let committed = OffsetCommitRequestTopic::default().with_name(topic.clone()).with_partitions(vec![partition]);
        let request = OffsetCommitRequest::default().with_group_id(group.clone()).with_topics(vec![committed]);
        assert_eq!(client.call(7, &request).await.topics[0].partitions[0].error_code, 0);
        let request = InitProducerIdRequest::default().with_transactional_id(None);
        assert!(client.call(4, &request).await.producer_id.0 > round);
        let running = broker.broker.take().unwrap();
        assert_eq!(running.topics().len(), 1);
        running.stop().await.unwrap();
    }
}

#[tokio::test]
async fn stop_does_not_wait_for_consumers() {
    let (mut broker, mut client, topic) = TestBroker::topic(1).await;
    let Some(running) = broker.broker.take() else { return };
    client.send(11, &fetch_request(&topic, 0).with_max_wait_ms(600_000).with_min_bytes(1)).await;
    tokio::time::timeout(Duration::from_secs(30), running.stop()).await.expect("stop waits").unwrap();
    assert_eq!(client.receive().await, None);
}

/// Requests that no client sends: the connection is closed, and the broker works on.
#[tokio::test]
async fn invalid_requests_close_the_connection() {
    if is_foreign() {
        return;
    }
    let broker = TestBroker::with(Options::default()).await;
    let header =
        |api: i16, version: i16| [&api.to_be_bytes()[..], &version.to_be_bytes(), &[0, 0, 0, 1, 0xff, 0xff]].concat();
    let requests = [
        // APIs that do not exist or are not offered: SaslHandshake, ConsumerGroupHeartbeat.
        header(999, 0),
        header(-1, 0),
        header(17, 1),
        header(68, 0),
        // Versions that do not exist.
        header(3, 99),
        header(0, 2),
        // Metadata with an array of 2^31 - 1 topics, and of -2.
        [&header(3, 1)[..], &[0x7f, 0xff, 0xff, 0xff]].concat(),
        [&header(3, 1)[..], &[0xff, 0xff, 0xff, 0xfe]].concat(),
        // Metadata version 12 with a compact array of 2^32 - 2 topics.
        [&header(3, 12)[..], &[0, 0xff, 0xff, 0xff, 0xff, 0x0f]].concat(),
        // Nothing after the header, and a header that ends early.
        header(3, 1),
        header(3, 1)[..8].to_vec(),
        // A client id that exceeds the request.
        vec![0, 3, 0, 1, 0, 0, 0, 1, 0x7f, 0xff],
    ];
    for request in requests {
        let mut client = broker.client().await;
        client.send_raw(&request).await;
        assert_eq!(client.receive().await, None, "{request:?}");
    }
    // Sizes out of range.
    for size in [-1_i32, 0, 3, i32::MAX] {
        let mut client = broker.client().await;
        let mut bytes = BytesMut::new();
        bytes.put_i32(size);
        client.stream.write_all(&bytes).await.unwrap();
        assert_eq!(client.receive().await, None, "size {size}");
    }
    let mut client = broker.client().await;
    client.create_topic(1).await;
}

/// A consumer that does not read uses memory, for which others wait.
#[tokio::test]
async fn large_responses_share_their_memory() {
    const SIZE: usize = 32 << 20;
    let options = Options {
        max_buffered_bytes: SIZE,
        max_message_bytes: 2 * SIZE,
        max_request_bytes: 2 * SIZE,
        ..Options::default()
    };
    let broker = TestBroker::with(options).await;
    let [mut first, mut second] = [broker.client().await, broker.client().await];
    let topic = first.create_topic(1).await;
    let value: &'static str = Box::leak("x".repeat(SIZE).into_boxed_str());
    assert_eq!(first.append(&topic, batch(&[record(value)])).await.error_code, 0);
    first.send(11, &fetch_request(&topic, 0)).await;
    // The response has been read from the log when its first bytes arrive.
    first.stream.readable().await.unwrap();
    second.send(11, &fetch_request(&topic, 0)).await;
    assert!(tokio::time::timeout(Duration::from_millis(500), second.stream.readable()).await.is_err());
    assert!(first.receive().await.unwrap().len() > SIZE);
    assert!(second.receive().await.unwrap().len() > SIZE);
}
