//! Produce and `InitProducerId`.

use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{InitProducerIdRequest, ProduceRequest, ProducerId, TransactionalId};
use uuid::Uuid;

use crate::client::{
    TestBroker, TestRecord, batch, is_foreign, now_ms, produce_request, record, text, transactional_batch, unique,
};

#[tokio::test]
async fn offsets_continue_across_batches() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let first = client.append(&topic, batch(&[record("a"), record("b")])).await;
    let second = client.append(&topic, batch(&[record("c")])).await;
    assert_eq!((first.error_code, first.base_offset, second.base_offset), (0, 0, 2));
    assert_eq!((first.log_append_time_ms, first.log_start_offset), (-1, 0));
}

#[tokio::test]
async fn unknown_topic_is_rejected() {
    let broker = TestBroker::start().await;
    let appended = broker.client().await.append(&unique("unknown"), batch(&[record("a")])).await;
    assert_eq!((appended.error_code, appended.base_offset), (3, -1));
}

#[tokio::test]
async fn unknown_topic_id_is_rejected() {
    let broker = TestBroker::start().await;
    let partition = PartitionProduceData::default().with_records(Some(batch(&[record("a")])));
    let topic = TopicProduceData::default().with_topic_id(Uuid::new_v4()).with_partition_data(vec![partition]);
    let request = ProduceRequest::default().with_acks(-1).with_timeout_ms(1_000).with_topic_data(vec![topic]);
    let response = broker.client().await.call(13, &request).await;
    assert_eq!(response.responses[0].partition_responses[0].error_code, 100);
}

#[tokio::test]
async fn corrupt_batch_is_rejected() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let mut corrupt = batch(&[record("a")]).to_vec();
    *corrupt.last_mut().unwrap() ^= 1;
    let appended = client.append(&topic, corrupt.into()).await;
    assert_eq!((appended.error_code, appended.log_start_offset), (2, -1));
}

/// A batch above max.message.bytes is rejected, and the partition still accepts smaller ones.
#[tokio::test]
async fn oversized_batch_is_rejected() {
    static LARGE: &str = match std::str::from_utf8(&[b'x'; 1_100_000]) {
        Ok(large) => large,
        Err(_) => "",
    };
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let appended = client.append(&topic, batch(&[record(LARGE)])).await;
    assert_eq!((appended.error_code, appended.log_start_offset), (10, -1));
    assert_eq!(client.append(&topic, batch(&[record("a")])).await.base_offset, 0);
}

#[tokio::test]
async fn invalid_acks_are_rejected() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let response = client.call(9, &produce_request(&topic, batch(&[record("a")])).with_acks(2)).await;
    assert_eq!(response.responses[0].partition_responses[0].error_code, 21);
}

/// Bytes that cannot be a batch fail the whole request, before topics are looked up.
#[tokio::test]
async fn impossible_batch_fails_all_partitions() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let mut request = produce_request(&topic, batch(&[record("a")]));
    request.topic_data.extend(produce_request(&unique("unknown"), vec![0; 40].into()).topic_data);
    let response = client.call(9, &request).await;
    let codes: Vec<_> = response.responses.iter().map(|topic| topic.partition_responses[0].error_code).collect();
    assert_eq!(codes, [2, 2]);
    assert_eq!(client.append(&topic, batch(&[record("b")])).await.base_offset, 0);
}

/// Apache Kafka 4.2 never answers such a request.
#[tokio::test]
async fn null_records_are_rejected() {
    if is_foreign() {
        return;
    }
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let mut request = produce_request(&topic, Default::default());
    request.topic_data[0].partition_data[0].records = None;
    assert_eq!(client.call(9, &request).await.responses[0].partition_responses[0].error_code, 87);
}

/// The CRC is verified by the log, which an unknown topic does not have.
#[tokio::test]
async fn unknown_topic_is_found_before_a_wrong_crc() {
    let broker = TestBroker::start().await;
    let mut corrupt = batch(&[record("a")]).to_vec();
    *corrupt.last_mut().unwrap() ^= 1;
    assert_eq!(broker.client().await.append(&unique("unknown"), corrupt.into()).await.error_code, 3);
}

#[tokio::test]
async fn transactional_batch_without_id_fails_all_partitions() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let records = transactional_batch(&[TestRecord { producer: Some((1, 0, 0)), ..record("a") }]);
    let mut request = produce_request(&topic, records);
    request.topic_data.extend(produce_request(&unique("unknown"), batch(&[record("b")])).topic_data);
    let response = client.call(9, &request).await;
    let codes: Vec<_> = response.responses.iter().map(|topic| topic.partition_responses[0].error_code).collect();
    assert_eq!(codes, [53, 53]);
}

#[tokio::test]
async fn invalid_records_are_found_before_invalid_acks() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let response = client.call(9, &produce_request(&topic, Default::default()).with_acks(2)).await;
    let partition = &response.responses[0].partition_responses[0];
    assert_eq!((partition.error_code, partition.log_start_offset), (87, -1));
}

/// A timestamp is too far in the future.
#[tokio::test]
async fn invalid_records_name_the_log_start() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let late = TestRecord { timestamp: now_ms() + 1_000_000_000, ..record("a") };
    let appended = client.append(&topic, batch(&[late])).await;
    assert_eq!((appended.error_code, appended.log_start_offset), (32, 0));
}

#[tokio::test]
async fn no_acks_means_no_response() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    client.send(9, &produce_request(&topic, batch(&[record("a")])).with_acks(0)).await;
    // The next response belongs to the next request, which `append` checks by its correlation id.
    assert_eq!(client.append(&topic, batch(&[record("b")])).await.base_offset, 1);
}

#[tokio::test]
async fn failed_append_without_acks_closes_connection() {
    let broker = TestBroker::start().await;
    let mut client = broker.client().await;
    client.send(9, &produce_request(&unique("unknown"), batch(&[record("a")])).with_acks(0)).await;
    assert_eq!(client.receive().await, None);
}

/// Clients send -1 and -1, or 0 and 0, as the id and epoch of a producer that has none yet.
#[tokio::test]
async fn producer_ids_are_assigned_in_every_version() {
    let broker = TestBroker::start().await;
    let mut client = broker.client().await;
    let mut last = -1;
    for version in 0..=5 {
        for (id, epoch) in [(-1, -1), (0, 0)] {
            let mut request =
                InitProducerIdRequest::default().with_transaction_timeout_ms(i32::MAX).with_transactional_id(None);
            if version >= 3 {
                request = request.with_producer_id(ProducerId(id)).with_producer_epoch(epoch);
            }
            let response = client.call(version, &request).await;
            assert_eq!((response.error_code, response.producer_epoch), (0, 0), "version {version}");
            assert!(response.producer_id.0 > last, "version {version}");
            last = response.producer_id.0;
        }
    }
}

#[tokio::test]
async fn producer_id_without_epoch_is_invalid() {
    let broker = TestBroker::start().await;
    let request = InitProducerIdRequest::default().with_transactional_id(None).with_producer_id(ProducerId(5));
    assert_eq!(broker.client().await.call(4, &request).await.error_code, 42);
}

#[tokio::test]
async fn empty_transactional_id_is_invalid() {
    let broker = TestBroker::start().await;
    let id = Some(TransactionalId(text("")));
    let request = InitProducerIdRequest::default().with_transactional_id(id).with_transaction_timeout_ms(1_000);
    assert_eq!(broker.client().await.call(4, &request).await.error_code, 42);
}

#[tokio::test]
async fn repeated_batch_is_stored_once() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let request = InitProducerIdRequest::default().with_transactional_id(None);
    let id = client.call(4, &request).await.producer_id.0;
    let of = |sequence, epoch| TestRecord { producer: Some((id, epoch, sequence)), ..record("a") };
    let first = batch(&[of(0, 0)]);
    assert_eq!(client.append(&topic, first.clone()).await.base_offset, 0);
    let repeated = client.append(&topic, first).await;
    assert_eq!((repeated.error_code, repeated.base_offset), (0, 0));
    assert_eq!(client.append(&topic, batch(&[of(1, 0)])).await.base_offset, 1);
    let gap = client.append(&topic, batch(&[of(5, 0)])).await;
    assert_eq!((gap.error_code, gap.log_start_offset), (45, 0));
    assert_eq!(client.append(&topic, batch(&[of(0, 1)])).await.base_offset, 2);
    let fenced = client.append(&topic, batch(&[of(2, 0)])).await;
    assert_eq!((fenced.error_code, fenced.log_start_offset), (47, 0));
}
