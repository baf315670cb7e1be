//! A client that sends one request at a time, and a broker to send it to.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use embedded_broker::{Broker, Options, Storage};
use kafka_protocol::messages::create_topics_request::CreatableTopic;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{
    ApiKey, BrokerId, CreateTopicsRequest, FetchRequest, ListOffsetsRequest, ProduceRequest, RequestHeader,
    ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use kafka_protocol::records::{
    Compression, NO_PARTITION_LEADER_EPOCH, NO_PRODUCER_EPOCH, NO_PRODUCER_ID, NO_SEQUENCE, Record, RecordBatchEncoder,
    RecordEncodeOptions, TimestampType,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use uuid::Uuid;

/// Time that a response may take on a busy machine.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);

/// A broker for one test.
pub(crate) struct TestBroker {
    pub(crate) address: SocketAddr,
    pub(crate) broker: Option<Broker>,
}

impl TestBroker {
    /// Starts a broker in memory, unless the environment names another one.
    pub(crate) async fn start() -> Self {
        if let Ok(address) = std::env::var("TICKERLAKE_TEST_BROKER") {
            return TestBroker { address: address.parse().unwrap(), broker: None };
        }
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let broker = Broker::start(Options { port: 0, ..options }).await.unwrap();
        TestBroker { address: broker.bootstrap_servers().parse().unwrap(), broker: Some(broker) }
    }

    pub(crate) async fn in_folder(folder: &std::path::Path) -> Self {
        Self::with(Options { storage: Storage::Folder(folder.to_owned()), ..Options::default() }).await
    }

    pub(crate) async fn client(&self) -> Client {
        Client { stream: TcpStream::connect(self.address).await.unwrap(), correlation_id: 0 }
    }

    /// Starts a broker, creates a topic, and connects to it.
    pub(crate) async fn topic(partitions: i32) -> (Self, Client, TopicName) {
        let broker = Self::start().await;
        let mut client = broker.client().await;
        let topic = client.create_topic(partitions).await;
        (broker, client, topic)
    }
}

/// Returns `true` if the tests run against another broker, so that tests of this broker's own features can be skipped.
pub(crate) fn is_foreign() -> bool {
    std::env::var_os("TICKERLAKE_TEST_BROKER").is_some()
}

/// A connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    correlation_id: i32,
}

impl Client {
    /// Sends a request and returns its response.
    pub(crate) async fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        self.send(version, request).await;
        let mut response = self.receive().await.expect("the broker closed the connection");
        let header = ResponseHeader::decode(&mut response, R::Response::header_version(version)).unwrap();
        assert_eq!(header.correlation_id, self.correlation_id);
        let decoded = R::Response::decode(&mut response, version).unwrap();
        assert!(response.is_empty(), "{} bytes follow the response", response.len());
        decoded
    }

    pub(crate) async fn send<R: Request>(&mut self, version: i16, request: &R) {
        self.correlation_id += 1;
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(self.correlation_id)
            .with_client_id(Some(text("test")));
        let mut body = BytesMut::new();
        let api = ApiKey::try_from(R::KEY).unwrap();
        header.encode(&mut body, api.request_header_version(version)).unwrap();
        request.encode(&mut body, version).unwrap();
        self.send_raw(&body).await;
    }

    /// Sends a request with its size prefix.
    pub(crate) async fn send_raw(&mut self, request: &[u8]) {
        let mut message = BytesMut::new();
        message.put_i32(i32::try_from(request.len()).unwrap());
        message.put_slice(request);
        self.stream.write_all(&message).await.unwrap();
    }

    /// Returns the next response, or `None` if the broker closes the connection.
    pub(crate) async fn receive(&mut self) -> Option<Bytes> {
        let read = async {
            let mut size = [0; 4];
            self.stream.read_exact(&mut size).await.ok()?;
            let mut response = vec![0; usize::try_from((&size[..]).get_i32()).unwrap()];
            self.stream.read_exact(&mut response).await.ok()?;
            Some(Bytes::from(response))
        };
        tokio::time::timeout(RESPONSE_TIMEOUT, read).await.expect("no response")
    }

    /// Creates a topic with a unique name and waits until it can be used.
    pub(crate) async fn create_topic(&mut self, partitions: i32) -> TopicName {
        let name = unique("topic");
        let topic = CreatableTopic::default()
            .with_name(name.clone())
            .with_num_partitions(partitions)
            .with_replication_factor(1);
        let response =
            self.call(7, &CreateTopicsRequest::default().with_topics(vec![topic]).with_timeout_ms(30_000)).await;
        assert_eq!(response.topics[0].error_code, 0, "{:?}", response.topics[0].error_message);
        while self.is_pending(&name, partitions).await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        name
    }

    /// Returns `true` while a created topic has no leader yet. Apache Kafka creates topics before they can be used.
    async fn is_pending(&mut self, topic: &TopicName, partitions: i32) -> bool {
        let partition = |index| ListOffsetsPartition::default().with_partition_index(index).with_timestamp(-1);
        let topic = ListOffsetsTopic::default()
            .with_name(topic.clone())
            .with_partitions((0..partitions).map(partition).collect());
        let request = ListOffsetsRequest::default().with_replica_id(BrokerId(-1)).with_topics(vec![topic]);
        self.call(5, &request).await.topics[0].partitions.iter().any(|partition| partition.error_code != 0)
    }

    /// Appends records to partition 0.
    pub(crate) async fn append(&mut self, topic: &TopicName, records: Bytes) -> PartitionProduceResponse {
        let request = produce_request(topic, records);
        let response = self.call(9, &request).await;
        response.responses[0].partition_responses[0].clone()
    }

    /// Fetches records of partition 0 without waiting.
    pub(crate) async fn fetch(&mut self, topic: &TopicName, offset: i64) -> PartitionData {
        let response = self.call(11, &fetch_request(topic, offset)).await;
        response.responses[0].partitions[0].clone()
    }
}

pub(crate) fn produce_request(topic: &TopicName, records: Bytes) -> ProduceRequest {
    let partition = PartitionProduceData::default().with_index(0).with_records(Some(records));
    let topic = TopicProduceData::default().with_name(topic.clone()).with_partition_data(vec![partition]);
    ProduceRequest::default().with_acks(-1).with_timeout_ms(30_000).with_topic_data(vec![topic])
}

pub(crate) fn fetch_request(topic: &TopicName, offset: i64) -> FetchRequest {
    let partition =
        FetchPartition::default().with_partition(0).with_fetch_offset(offset).with_partition_max_bytes(1 << 20);
    let topic = FetchTopic::default().with_topic(topic.clone()).with_partitions(vec![partition]);
    FetchRequest::default().with_max_bytes(1 << 20).with_topics(vec![topic])
}

/// A record of a test.
#[derive(Clone, Copy)]
pub(crate) struct TestRecord {
    pub(crate) value: &'static str,
    pub(crate) timestamp: i64,
    /// Id, epoch and sequence of an idempotent producer.
    pub(crate) producer: Option<(i64, i16, i32)>,
}

pub(crate) fn record(value: &'static str) -> TestRecord {
    TestRecord { value, timestamp: now_ms(), producer: None }
}

pub(crate) fn now_ms() -> i64 {
    i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// Encodes a record batch.
pub(crate) fn batch(records: &[TestRecord]) -> Bytes {
    encode(records, false)
}

/// Encodes a record batch that belongs to a transaction.
pub(crate) fn transactional_batch(records: &[TestRecord]) -> Bytes {
    encode(records, true)
}

fn encode(records: &[TestRecord], transactional: bool) -> Bytes {
    let record = |(offset, record)| Record { transactional, ..encoded(offset, record) };
    let records: Vec<_> = (0..).zip(records).map(record).collect();
    let mut batch = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    RecordBatchEncoder::encode(&mut batch, &records, &options).unwrap();
    batch.freeze()
}

fn encoded(offset: i64, record: &TestRecord) -> Record {
    let (producer_id, producer_epoch, base_sequence) =
        record.producer.unwrap_or((NO_PRODUCER_ID, NO_PRODUCER_EPOCH, NO_SEQUENCE));
    Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: NO_PARTITION_LEADER_EPOCH,
        producer_id,
        producer_epoch,
        timestamp_type: TimestampType::Creation,
        offset,
        // The encoder starts a new batch unless sequences are consecutive.
        sequence: base_sequence + i32::try_from(offset).unwrap(),
        timestamp: record.timestamp,
        key: None,
        value: Some(Bytes::from_static(record.value.as_bytes())),
        headers: Default::default(),
    }
}

/// Returns a name that no other test uses, not even in another run.
pub(crate) fn unique(prefix: &str) -> TopicName {
    TopicName(text(&format!("{prefix}-{}", Uuid::new_v4())))
}

pub(crate) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}
