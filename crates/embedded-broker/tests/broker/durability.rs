//! The broker after failures of the file system, a kill, and a restart. The folder of the broker is changed for that,
//! so the tests are about this broker only.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use embedded_broker::{Broker, Options, Storage};
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::{
    CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, GroupId, HeartbeatRequest, MetadataRequest,
    OffsetCommitRequest, OffsetFetchRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use tokio::net::TcpStream;

use crate::client::{Client, TestBroker, batch, record, text, unique};
use crate::groups::{join, sync};
use crate::transactions::{Producer, read_committed};

const GROUP: &str = "group";

async fn stop(mut broker: TestBroker) {
    broker.broker.take().unwrap().stop().await.unwrap();
}

/// The directory of the only topic.
fn topic_dir(folder: &Path) -> PathBuf {
    fs::read_dir(folder.join("topics")).unwrap().next().unwrap().unwrap().path()
}

async fn commit(client: &mut Client, topic: &TopicName, offset: i64, metadata: &str) -> i16 {
    let partition = OffsetCommitRequestPartition::default()
        .with_committed_offset(offset)
        .with_committed_metadata(Some(StrBytes::from_string(metadata.to_owned())));
    let committed = OffsetCommitRequestTopic::default().with_name(topic.clone()).with_partitions(vec![partition]);
    let request = OffsetCommitRequest::default().with_group_id(GroupId(text(GROUP))).with_topics(vec![committed]);
    client.call(7, &request).await.topics[0].partitions[0].error_code
}

async fn committed(client: &mut Client, topic: &TopicName) -> i64 {
    let asked = OffsetFetchRequestTopic::default().with_name(topic.clone()).with_partition_indexes(vec![0]);
    let request = OffsetFetchRequest::default().with_group_id(GroupId(text(GROUP))).with_topics(Some(vec![asked]));
    client.call(7, &request).await.topics[0].partitions[0].committed_offset
}

async fn delete(client: &mut Client, topic: &TopicName) -> i16 {
    let request = DeleteTopicsRequest::default().with_topic_names(vec![topic.clone()]).with_timeout_ms(30_000);
    client.call(5, &request).await.responses[0].error_code
}

async fn create(client: &mut Client, topic: CreatableTopic) -> i16 {
    let topic = topic.with_replication_factor(1);
    let request = CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(30_000);
    client.call(7, &request).await.topics[0].error_code
}

async fn partition_count(client: &mut Client, topic: &TopicName) -> usize {
    let asked = MetadataRequestTopic::default().with_name(Some(topic.clone()));
    let response = client.call(12, &MetadataRequest::default().with_topics(Some(vec![asked]))).await;
    response.topics[0].partitions.len()
}

/// An entry of a journal is stored, whether the journal can be rewritten or not.
#[tokio::test]
async fn commits_succeed_if_the_journal_is_not_rewritten() {
    let folder = tempfile::tempdir().unwrap();
    let broker = TestBroker::in_folder(folder.path()).await;
    let mut client = broker.client().await;
    let topic = client.create_topic(1).await;
    let obstacle = folder.path().join("offsets.log.new");
    fs::create_dir(&obstacle).unwrap();
    let metadata = "x".repeat(4_000);
    for offset in 0..800 {
        assert_eq!(commit(&mut client, &topic, offset, &metadata).await, 0);
    }
    let journal = folder.path().join("offsets.log");
    assert!(fs::metadata(&journal).unwrap().len() > 3_000_000);
    fs::remove_dir(&obstacle).unwrap();
    for offset in 800.. {
        assert_eq!(commit(&mut client, &topic, offset, &metadata).await, 0);
        if fs::metadata(&journal).unwrap().len() < 1_000_000 {
            break;
        }
        assert!(offset < 2_000, "the journal is not rewritten");
    }
    let last = committed(&mut client, &topic).await;
    stop(broker).await;
    let broker = TestBroker::in_folder(folder.path()).await;
    assert_eq!(committed(&mut broker.client().await, &topic).await, last);
}

/// The partition that accepts its marker receives one, however often the other one fails.
#[tokio::test]
async fn failed_marker_is_written_later_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let broker = TestBroker::in_folder(folder.path()).await;
    let mut client = broker.client().await;
    let [first, second] = [unique("first"), unique("second")];
    for (topic, size) in [(&first, "1000000"), (&second, "14")] {
        let config = CreatableTopicConfig::default().with_name(text("segment.bytes")).with_value(Some(text(size)));
        let topic =
            CreatableTopic::default().with_name(topic.clone()).with_num_partitions(1).with_configs(vec![config]);
        assert_eq!(create(&mut client, topic).await, 0);
    }
    let producer = Producer::new(&mut client).await;
    for topic in [&first, &second] {
        producer.add(&mut client, topic, 0).await;
        assert_eq!(producer.append(&mut client, topic, 0, "a").await, 0);
    }
    // The marker needs a new segment.
    let dirs = fs::read_dir(folder.path().join("topics")).unwrap().map(|entry| entry.unwrap().path());
    let dir = dirs.into_iter().find(|dir| dir.file_name().unwrap().to_str().unwrap().starts_with("second")).unwrap();
    let obstacle = dir.join("0").join("00000000000000000001.log");
    fs::create_dir(&obstacle).unwrap();
    assert_eq!(producer.end(&mut client, true).await, 0);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(client.fetch(&first, 0).await.high_watermark, 2);
    assert_eq!(client.fetch(&second, 0).await.last_stable_offset, 0);
    fs::remove_dir(&obstacle).unwrap();
    assert_eq!(read_committed(&mut client, &second, 2).await, []);
    assert_eq!(client.fetch(&first, 0).await.high_watermark, 2);
    assert_eq!(producer.add(&mut client, &first, 0).await, 0);
}

/// A loss of power can take the end of the coordinator's journal.
#[tokio::test]
async fn transaction_without_coordinator_is_aborted() {
    let folder = tempfile::tempdir().unwrap();
    let broker = TestBroker::in_folder(folder.path()).await;
    let mut client = broker.client().await;
    let topic = client.create_topic(1).await;
    let producer = Producer::new(&mut client).await;
    producer.add(&mut client, &topic, 0).await;
    assert_eq!(producer.append(&mut client, &topic, 0, "a").await, 0);
    stop(broker).await;
    fs::remove_file(folder.path().join("transactions.log")).unwrap();
    let broker = TestBroker::in_folder(folder.path()).await;
    let mut client = broker.client().await;
    let ended = tokio::time::timeout(Duration::from_secs(30), read_committed(&mut client, &topic, 2)).await;
    assert_eq!(ended.expect("the transaction stays open"), [(producer.id, 0)]);
    client.append(&topic, batch(&[record("b")])).await;
    assert_eq!(read_committed(&mut client, &topic, 3).await, [(producer.id, 0)]);
}

/// The broker is killed after it has deleted a topic and before it has deleted the committed offsets.
#[tokio::test]
async fn recreated_topic_has_no_committed_offsets() {
    let folder = tempfile::tempdir().unwrap();
    let broker = TestBroker::in_folder(folder.path()).await;
    let mut client = broker.client().await;
    let topic = client.create_topic(1).await;
    assert_eq!(commit(&mut client, &topic, 1_000, "").await, 0);
    stop(broker).await;
    let dir = topic_dir(folder.path());
    fs::rename(&dir, dir.with_added_extension("deleted")).unwrap();
    let broker = TestBroker::in_folder(folder.path()).await;
    let mut client = broker.client().await;
    assert_eq!(committed(&mut client, &topic).await, -1);
    let recreated = CreatableTopic::default().with_name(topic.clone()).with_num_partitions(1);
    assert_eq!(create(&mut client, recreated).await, 0);
    assert_eq!(committed(&mut client, &topic).await, -1);
}

#[tokio::test]
async fn failed_deletion_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let broker = TestBroker::in_folder(folder.path()).await;
    let mut client = broker.client().await;
    let topic = client.create_topic(1).await;
    assert_eq!(commit(&mut client, &topic, 5, "").await, 0);
    let obstacle = topic_dir(folder.path()).with_added_extension("deleted");
    fs::create_dir_all(obstacle.join("full")).unwrap();
    assert_eq!(delete(&mut client, &topic).await, 56);
    assert_eq!(client.append(&topic, batch(&[record("a")])).await.error_code, 0);
    assert_eq!(committed(&mut client, &topic).await, 5);
    fs::remove_dir_all(&obstacle).unwrap();
    assert_eq!(delete(&mut client, &topic).await, 0);
    assert_eq!(delete(&mut client, &topic).await, 3);
    assert_eq!(fs::read_dir(folder.path().join("topics")).unwrap().count(), 0);
}

#[tokio::test]
async fn failed_partitions_can_be_added_again() {
    let folder = tempfile::tempdir().unwrap();
    let broker = TestBroker::in_folder(folder.path()).await;
    let mut client = broker.client().await;
    let topic = client.create_topic(1).await;
    let asked = CreatePartitionsTopic::default().with_name(topic.clone()).with_count(4).with_assignments(None);
    let request = CreatePartitionsRequest::default().with_topics(vec![asked]).with_timeout_ms(30_000);
    let obstacle = topic_dir(folder.path()).join("2");
    fs::write(&obstacle, "").unwrap();
    assert_eq!(client.call(3, &request).await.results[0].error_code, 56);
    assert_eq!(partition_count(&mut client, &topic).await, 1);
    fs::remove_file(&obstacle).unwrap();
    assert_eq!(client.call(3, &request).await.results[0].error_code, 0);
    assert_eq!(partition_count(&mut client, &topic).await, 4);
}

/// Static members notice nothing of a restart. Others join again at once: the members of before are gone.
#[tokio::test]
async fn restarted_broker_knows_static_members() {
    let folder = tempfile::tempdir().unwrap();
    let broker = TestBroker::in_folder(folder.path()).await;
    let mut client = broker.client().await;
    let [group, dynamic] = [GroupId(text(GROUP)), GroupId(text("dynamic"))];
    let request = join(&group, text("")).with_group_instance_id(Some(text("instance")));
    let joined = client.call(5, &request).await;
    assert_eq!(client.call(3, &sync(&group, 1, &joined.member_id)).await.error_code, 0);
    let former = client.call(3, &join(&dynamic, text(""))).await;
    assert_eq!(client.call(3, &sync(&dynamic, 1, &former.member_id)).await.error_code, 0);
    // Not stopped: as after a kill.
    drop(broker);
    let broker = restarted(folder.path()).await;
    let mut client = broker.client().await;
    let heartbeat = HeartbeatRequest::default()
        .with_group_id(group.clone())
        .with_generation_id(1)
        .with_member_id(joined.member_id.clone())
        .with_group_instance_id(Some(text("instance")));
    assert_eq!(client.call(3, &heartbeat).await.error_code, 0);
    assert_eq!(client.call(3, &sync(&group, 1, &joined.member_id)).await.error_code, 0);
    let joined = client.call(3, &join(&dynamic, text(""))).await;
    assert_eq!((joined.error_code, joined.generation_id, joined.members.len()), (0, 2, 1));
}

/// Starts a broker on a folder that the dropped one may still hold for a moment.
async fn restarted(folder: &Path) -> TestBroker {
    let options = Options { port: 0, storage: Storage::Folder(folder.to_owned()), ..Options::default() };
    loop {
        match Broker::start(options.clone()).await {
            Ok(broker) => {
                return TestBroker { address: broker.bootstrap_servers().parse().unwrap(), broker: Some(broker) };
            }
            Err(embedded_broker::BrokerError::Folder(_)) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A client that comes during the recovery is refused, instead of waiting for an answer until it gives up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn port_does_not_listen_during_the_recovery() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("offsets.log");
    // Reading the journal waits until something has opened the pipe for writing.
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let storage = Storage::Folder(folder.path().to_owned());
    let options = Options { port: address.port(), storage, ..Options::default() };
    let starting = tokio::spawn(Broker::start(options));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!starting.is_finished());
    let connected = TcpStream::connect(address).await;
    // First, because the recovery would keep the runtime from ending with a failed test.
    drop(fs::OpenOptions::new().write(true).open(&pipe).unwrap());
    let _broker = starting.await.unwrap().unwrap();
    assert_eq!(connected.unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    TcpStream::connect(address).await.unwrap();
}
