//! `ListOffsets`, `DeleteRecords` and `OffsetForLeaderEpoch`.

use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use kafka_protocol::messages::{
    BrokerId, DeleteRecordsRequest, ListOffsetsRequest, OffsetForLeaderEpochRequest, TopicName,
};

use crate::client::{Client, TestBroker, TestRecord, batch, now_ms, record, unique};

/// Returns the error code, the offset and the timestamp.
async fn look_up(client: &mut Client, version: i16, topic: &TopicName, timestamp: i64) -> (i16, i64, i64) {
    let partition = ListOffsetsPartition::default().with_timestamp(timestamp);
    let topic = ListOffsetsTopic::default().with_name(topic.clone()).with_partitions(vec![partition]);
    let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
    let response = client.call(version, &request).await;
    let partition = &response.topics[0].partitions[0];
    (partition.error_code, partition.offset, partition.timestamp)
}

async fn delete_before(client: &mut Client, topic: &TopicName, offset: i64) -> (i16, i64) {
    let partition = DeleteRecordsPartition::default().with_offset(offset);
    let topic = DeleteRecordsTopic::default().with_name(topic.clone()).with_partitions(vec![partition]);
    let request = DeleteRecordsRequest::default().with_topics(vec![topic]).with_timeout_ms(30_000);
    let response = client.call(2, &request).await;
    let partition = &response.topics[0].partitions[0];
    (partition.error_code, partition.low_watermark)
}

/// The topic has 60 records, one second apart, in 6 batches.
#[tokio::test]
async fn timestamps_are_those_of_records() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let start = now_ms() - 3_600_000;
    for first in (0..60).step_by(10) {
        let records: Vec<_> =
            (first..first + 10).map(|i| TestRecord { timestamp: start + i * 1_000, ..record("a") }).collect();
        client.append(&topic, batch(&records)).await;
    }
    for (asked, offset) in
        [(0, 0), (start, 0), (start + 1, 1), (start + 5_000, 5), (start + 15_001, 16), (start + 59_000, 59)]
    {
        let found = look_up(&mut client, 6, &topic, asked).await;
        assert_eq!(found, (0, offset, start + offset * 1_000), "{}", asked - start);
    }
    assert_eq!(look_up(&mut client, 6, &topic, start + 59_001).await, (0, -1, -1));
}

#[tokio::test]
async fn earliest_and_latest_offsets_are_found() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    client.append(&topic, batch(&[record("a"), record("b")])).await;
    for version in 1..=9 {
        assert_eq!(look_up(&mut client, version, &topic, -2).await, (0, 0, -1), "version {version}");
        assert_eq!(look_up(&mut client, version, &topic, -1).await, (0, 2, -1), "version {version}");
    }
}

#[tokio::test]
async fn max_timestamp_is_the_first_of_the_largest() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    assert_eq!(look_up(&mut client, 7, &topic, -3).await, (0, -1, -1));
    let now = now_ms();
    let at = |timestamp| TestRecord { timestamp, ..record("a") };
    client.append(&topic, batch(&[at(now - 2), at(now), at(now), at(now - 1)])).await;
    assert_eq!(look_up(&mut client, 7, &topic, -3).await, (0, 1, now));
}

#[tokio::test]
async fn undefined_timestamps_are_unsupported() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    assert_eq!(look_up(&mut client, 6, &topic, -3).await, (35, -1, -1));
    assert_eq!(look_up(&mut client, 9, &topic, -9).await, (35, -1, -1));
}

#[tokio::test]
async fn offsets_of_unknown_topic_are_an_error() {
    let broker = TestBroker::start().await;
    assert_eq!(look_up(&mut broker.client().await, 6, &unique("unknown"), -1).await.0, 3);
}

/// `DeleteRecords` moves the log start offset.
#[tokio::test]
async fn deleted_records_cannot_be_fetched() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    client.append(&topic, batch(&[record("a")])).await;
    client.append(&topic, batch(&[record("b"), record("c")])).await;
    assert_eq!(delete_before(&mut client, &topic, 1).await, (0, 1));
    assert_eq!(client.fetch(&topic, 0).await.error_code, 1);
    assert_eq!(client.fetch(&topic, 1).await.log_start_offset, 1);
    assert_eq!(look_up(&mut client, 6, &topic, -2).await, (0, 1, -1));
    // -1 deletes all records.
    assert_eq!(delete_before(&mut client, &topic, -1).await, (0, 3));
}

#[tokio::test]
async fn records_above_high_watermark_cannot_be_deleted() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    assert_eq!(delete_before(&mut client, &topic, 1).await, (1, -1));
    assert_eq!(delete_before(&mut client, &unique("unknown"), 0).await, (3, -1));
}

#[tokio::test]
async fn leader_epoch_ends_at_high_watermark() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    client.append(&topic, batch(&[record("a")])).await;
    for (asked, expected) in [(0, (0, 0, 1)), (3, (0, -1, -1))] {
        let partition = OffsetForLeaderPartition::default().with_current_leader_epoch(-1).with_leader_epoch(asked);
        let topic = OffsetForLeaderTopic::default().with_topic(topic.clone()).with_partitions(vec![partition]);
        let response = client.call(4, &OffsetForLeaderEpochRequest::default().with_topics(vec![topic])).await;
        let end = &response.topics[0].partitions[0];
        assert_eq!((end.error_code, end.leader_epoch, end.end_offset), expected);
    }
}
