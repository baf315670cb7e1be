//! Transactional producers.

use bytes::Bytes;
use kafka_protocol::messages::add_partitions_to_txn_request::AddPartitionsToTxnTopic;
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, DescribeTransactionsRequest, EndTxnRequest, GroupId,
    InitProducerIdRequest, ListTransactionsRequest, OffsetFetchRequest, ProducerId, TopicName, TransactionalId,
    TxnOffsetCommitRequest,
};

use crate::client::{
    Client, TestBroker, TestRecord, fetch_request, produce_request, record, text, transactional_batch, unique,
};

const CONCURRENT_TRANSACTIONS: i16 = 51;

pub(crate) struct Producer {
    transactional_id: TransactionalId,
    pub(crate) id: i64,
    epoch: i16,
}

impl Producer {
    pub(crate) async fn new(client: &mut Client) -> Self {
        Self::continued(client, TransactionalId(unique("transactional").0)).await
    }

    /// Takes over a transactional id, which aborts its open transaction.
    async fn continued(client: &mut Client, transactional_id: TransactionalId) -> Self {
        let request = InitProducerIdRequest::default()
            .with_transactional_id(Some(transactional_id.clone()))
            .with_transaction_timeout_ms(60_000);
        loop {
            let response = client.call(4, &request).await;
            if response.error_code != CONCURRENT_TRANSACTIONS {
                assert_eq!(response.error_code, 0);
                return Producer { transactional_id, id: response.producer_id.0, epoch: response.producer_epoch };
            }
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn add(&self, client: &mut Client, topic: &TopicName, partition: i32) -> i16 {
        let topic = AddPartitionsToTxnTopic::default().with_name(topic.clone()).with_partitions(vec![partition]);
        let request = AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(self.transactional_id.clone())
            .with_v3_and_below_producer_id(ProducerId(self.id))
            .with_v3_and_below_producer_epoch(self.epoch)
            .with_v3_and_below_topics(vec![topic]);
        // The previous transaction may still be ending.
        loop {
            let response = client.call(3, &request).await;
            let code = response.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code;
            if code != CONCURRENT_TRANSACTIONS {
                return code;
            }
            tokio::task::yield_now().await;
        }
    }

    fn batch(&self, sequence: i32, value: &'static str) -> Bytes {
        transactional_batch(&[TestRecord { producer: Some((self.id, self.epoch, sequence)), ..record(value) }])
    }

    pub(crate) async fn append(
        &self,
        client: &mut Client,
        topic: &TopicName,
        sequence: i32,
        value: &'static str,
    ) -> i16 {
        let request = produce_request(topic, self.batch(sequence, value));
        let request = request.with_transactional_id(Some(self.transactional_id.clone()));
        client.call(9, &request).await.responses[0].partition_responses[0].error_code
    }

    pub(crate) async fn end(&self, client: &mut Client, committed: bool) -> i16 {
        let request = EndTxnRequest::default()
            .with_transactional_id(self.transactional_id.clone())
            .with_producer_id(ProducerId(self.id))
            .with_producer_epoch(self.epoch)
            .with_committed(committed);
        client.call(3, &request).await.error_code
    }
}

/// Waits until the last stable offset is `expected`, and returns the ids of the aborted transactions.
pub(crate) async fn read_committed(client: &mut Client, topic: &TopicName, expected: i64) -> Vec<(i64, i64)> {
    loop {
        let response = client.call(11, &fetch_request(topic, 0).with_isolation_level(1)).await;
        let partition = &response.responses[0].partitions[0];
        assert!(partition.last_stable_offset <= expected);
        if partition.last_stable_offset == expected {
            let aborted = partition.aborted_transactions.iter().flatten();
            return aborted.map(|aborted| (aborted.producer_id.0, aborted.first_offset)).collect();
        }
        tokio::task::yield_now().await;
    }
}

/// A partition that does not exist keeps the others from being added, and topics are named once.
#[tokio::test]
async fn unknown_partition_groups_results_by_topic() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let producer = Producer::new(&mut client).await;
    let of = |index| AddPartitionsToTxnTopic::default().with_name(topic.clone()).with_partitions(vec![index]);
    let request = |topics| {
        AddPartitionsToTxnRequest::default()
            .with_v3_and_below_transactional_id(producer.transactional_id.clone())
            .with_v3_and_below_producer_id(ProducerId(producer.id))
            .with_v3_and_below_producer_epoch(producer.epoch)
            .with_v3_and_below_topics(topics)
    };
    let topics = client.call(3, &request(vec![of(0), of(9)])).await.results_by_topic_v3_and_below;
    assert_eq!(topics.len(), 1);
    let results = topics[0].results_by_partition.iter();
    let mut results: Vec<_> = results.map(|result| (result.partition_index, result.partition_error_code)).collect();
    results.sort_unstable();
    assert_eq!(results, [(0, 55), (9, 3)]);
    let known = client.call(3, &request(vec![of(0), of(0)])).await.results_by_topic_v3_and_below;
    assert_eq!(known.len(), 2);
}

/// Only -1 and -1 mean that a producer has no id yet.
#[tokio::test]
async fn producer_with_another_id_does_not_take_over() {
    let broker = TestBroker::start().await;
    let mut client = broker.client().await;
    // The first producer may have the id 0.
    Producer::new(&mut client).await;
    let producer = Producer::new(&mut client).await;
    let request = |id| {
        InitProducerIdRequest::default()
            .with_transactional_id(Some(id))
            .with_transaction_timeout_ms(60_000)
            .with_producer_id(ProducerId(0))
            .with_producer_epoch(0)
    };
    assert_eq!(client.call(4, &request(producer.transactional_id.clone())).await.error_code, 90);
    assert_eq!(client.call(4, &request(TransactionalId(unique("new").0))).await.error_code, 0);
}

#[tokio::test]
async fn open_transaction_is_not_stable() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let producer = Producer::new(&mut client).await;
    assert_eq!(producer.add(&mut client, &topic, 0).await, 0);
    assert_eq!(producer.append(&mut client, &topic, 0, "a").await, 0);
    assert_eq!(read_committed(&mut client, &topic, 0).await, []);
    assert_eq!(client.fetch(&topic, 0).await.high_watermark, 1);
    assert_eq!(producer.end(&mut client, true).await, 0);
    // The marker has an offset too.
    assert_eq!(read_committed(&mut client, &topic, 2).await, []);
}

#[tokio::test]
async fn aborted_transaction_is_reported() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let producer = Producer::new(&mut client).await;
    producer.add(&mut client, &topic, 0).await;
    assert_eq!(producer.append(&mut client, &topic, 0, "a").await, 0);
    assert_eq!(producer.end(&mut client, false).await, 0);
    assert_eq!(read_committed(&mut client, &topic, 2).await, [(producer.id, 0)]);
}

#[tokio::test]
async fn partition_outside_the_transaction_is_rejected() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let producer = Producer::new(&mut client).await;
    assert_eq!(producer.append(&mut client, &topic, 0, "a").await, 48);
}

#[tokio::test]
async fn unknown_partition_cannot_be_added() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let producer = Producer::new(&mut client).await;
    assert_eq!(producer.add(&mut client, &topic, 7).await, 3);
}

#[tokio::test]
async fn newer_producer_fences_the_former() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let former = Producer::new(&mut client).await;
    former.add(&mut client, &topic, 0).await;
    former.append(&mut client, &topic, 0, "a").await;
    let newer = Producer::continued(&mut client, former.transactional_id.clone()).await;
    assert_eq!(newer.id, former.id);
    assert!(newer.epoch > former.epoch);
    assert_eq!(former.end(&mut client, true).await, 90);
    assert_eq!(read_committed(&mut client, &topic, 2).await, [(former.id, 0)]);
}

#[tokio::test]
async fn ended_transaction_cannot_be_ended_otherwise() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let producer = Producer::new(&mut client).await;
    assert_eq!(producer.end(&mut client, true).await, 48);
    producer.add(&mut client, &topic, 0).await;
    assert_eq!(producer.end(&mut client, true).await, 0);
    read_committed(&mut client, &topic, 1).await;
    while producer.end(&mut client, false).await == CONCURRENT_TRANSACTIONS {
        tokio::task::yield_now().await;
    }
    assert_eq!(producer.end(&mut client, false).await, 48);
}

/// Returns the committed offset of partition 0.
async fn committed(client: &mut Client, group: &GroupId, topic: &TopicName) -> i64 {
    let asked = OffsetFetchRequestTopic::default().with_name(topic.clone()).with_partition_indexes(vec![0]);
    let request = OffsetFetchRequest::default().with_group_id(group.clone()).with_topics(Some(vec![asked]));
    client.call(7, &request).await.topics[0].partitions[0].committed_offset
}

#[tokio::test]
async fn offsets_become_visible_with_the_commit() {
    for (commit, expected) in [(true, 5), (false, -1)] {
        let (_broker, mut client, topic) = TestBroker::topic(1).await;
        let producer = Producer::new(&mut client).await;
        let group = GroupId(unique("group").0);
        let add = AddOffsetsToTxnRequest::default()
            .with_transactional_id(producer.transactional_id.clone())
            .with_producer_id(ProducerId(producer.id))
            .with_producer_epoch(producer.epoch)
            .with_group_id(group.clone());
        assert_eq!(client.call(3, &add).await.error_code, 0);
        let partition =
            TxnOffsetCommitRequestPartition::default().with_committed_offset(5).with_committed_metadata(Some(text("")));
        let asked = TxnOffsetCommitRequestTopic::default().with_name(topic.clone()).with_partitions(vec![partition]);
        let request = TxnOffsetCommitRequest::default()
            .with_transactional_id(producer.transactional_id.clone())
            .with_group_id(group.clone())
            .with_producer_id(ProducerId(producer.id))
            .with_producer_epoch(producer.epoch)
            .with_topics(vec![asked]);
        assert_eq!(client.call(3, &request).await.topics[0].partitions[0].error_code, 0);
        assert_eq!(committed(&mut client, &group, &topic).await, -1);
        assert_eq!(producer.end(&mut client, commit).await, 0);
        // Apache Kafka writes the marker after its answer.
        let mut attempts = 0;
        while committed(&mut client, &group, &topic).await != expected {
            attempts += 1;
            assert!(attempts < 1_000, "the offset is not visible");
        }
    }
}

#[tokio::test]
async fn transactions_are_described() {
    let (_broker, mut client, topic) = TestBroker::topic(1).await;
    let producer = Producer::new(&mut client).await;
    producer.add(&mut client, &topic, 0).await;
    let unknown = TransactionalId(unique("unknown").0);
    let request =
        DescribeTransactionsRequest::default().with_transactional_ids(vec![producer.transactional_id.clone(), unknown]);
    let response = client.call(0, &request).await;
    let described = &response.transaction_states[0];
    assert_eq!((described.error_code, described.transaction_state.as_str()), (0, "Ongoing"));
    assert_eq!((described.producer_id.0, described.topics[0].partitions.as_slice()), (producer.id, &[0][..]));
    assert_eq!(response.transaction_states[1].error_code, 105);
    let request = ListTransactionsRequest::default()
        .with_state_filters(vec![text("Ongoing"), text("Unheard")])
        .with_producer_id_filters(vec![ProducerId(producer.id)]);
    let response = client.call(1, &request).await;
    let listed: Vec<_> = response.transaction_states.iter().map(|listed| &listed.transactional_id).collect();
    assert_eq!(listed, [&producer.transactional_id]);
    assert_eq!(response.unknown_state_filters, [text("Unheard")]);
}

/// An open transaction survives a restart, and can be committed afterwards.
#[tokio::test]
async fn restarted_broker_continues_a_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let mut broker = TestBroker::in_folder(folder.path()).await;
    let mut client = broker.client().await;
    let topic = client.create_topic(1).await;
    let producer = Producer::new(&mut client).await;
    producer.add(&mut client, &topic, 0).await;
    producer.append(&mut client, &topic, 0, "a").await;
    broker.broker.take().unwrap().stop().await.unwrap();

    let broker = TestBroker::in_folder(folder.path()).await;
    let mut client = broker.client().await;
    assert_eq!(read_committed(&mut client, &topic, 0).await, []);
    assert_eq!(producer.append(&mut client, &topic, 1, "b").await, 0);
    assert_eq!(producer.end(&mut client, true).await, 0);
    assert_eq!(read_committed(&mut client, &topic, 3).await, []);
}
