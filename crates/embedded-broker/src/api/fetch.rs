//! Fetch: reads record batches, and waits for them if there are too few.
//!
//! Incremental fetch sessions (KIP-227) save bandwidth that costs nothing on one machine, so no session is ever created:
//! a response has the session id 0, with which clients send full requests.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use kafka_log::{Isolation, Log, ReadError, ReadRequest};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::{AbortedTransaction, FetchableTopicResponse, PartitionData};
use kafka_protocol::messages::{FetchRequest, FetchResponse, ProducerId};
use tokio::time::Instant;

use super::epoch_error;
use crate::state::State;
use crate::topics::{Partition, Topic, Waiter};

/// First version that names topics by their id.
const FIRST_VERSION_WITH_IDS: i16 = 13;

/// Largest response in bytes, whatever the request allows: Kafka's `fetch.max.bytes` of a broker.
const MAX_RESPONSE_BYTES: i32 = 55 * 1024 * 1024;

/// Longest wait, so that a request without a limit does not occupy its connection for ever.
const MAX_WAIT: Duration = Duration::from_secs(600);

/// Pause before records are counted again for a request that waits for more than one byte.
const RECOUNT_PAUSE: Duration = Duration::from_millis(5);

pub(super) async fn handle(state: &State, version: i16, request: FetchRequest) -> FetchResponse {
    // The epochs 0 and -1 mean a full request, with or without a new session.
    if request.session_epoch > 0 {
        return FetchResponse::default().with_error_code(ResponseError::FetchSessionIdNotFound.code());
    }
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0)).min(MAX_WAIT);
    let deadline = Instant::now() + wait;
    let fetch = Fetch::new(state, version, &request);
    let waiter = Waiter::register(fetch.partitions());
    loop {
        let (responses, enough) = fetch.read();
        if enough || Instant::now() >= deadline {
            return FetchResponse::default().with_responses(responses);
        }
        drop(responses);
        let changed = async {
            waiter.changed().await;
            if fetch.min_bytes > 1 {
                tokio::time::sleep(RECOUNT_PAUSE).await;
            }
        };
        // A deadline ends the wait with whatever is there.
        tokio::time::timeout_at(deadline, changed).await.unwrap_or_default();
    }
}

/// A request with its topics looked up.
struct Fetch<'a> {
    topics: Vec<(&'a FetchTopic, Option<Arc<Topic>>)>,
    unknown_topic: ResponseError,
    isolation: Isolation,
    max_bytes: usize,
    min_bytes: usize,
}

impl<'a> Fetch<'a> {
    fn new(state: &State, version: i16, request: &'a FetchRequest) -> Self {
        let by_id = version >= FIRST_VERSION_WITH_IDS;
        let look_up = |topic: &'a FetchTopic| {
            let found = if by_id { state.topics.by_id(topic.topic_id) } else { state.topics.by_name(&topic.topic) };
            (topic, found)
        };
        let unknown_topic = if by_id { ResponseError::UnknownTopicId } else { ResponseError::UnknownTopicOrPartition };
        let isolation =
            if request.isolation_level == 1 { Isolation::ReadCommitted } else { Isolation::ReadUncommitted };
        Fetch {
            topics: request.topics.iter().map(look_up).collect(),
            unknown_topic,
            isolation,
            max_bytes: usize::try_from(request.max_bytes.min(MAX_RESPONSE_BYTES)).unwrap_or(0),
            min_bytes: usize::try_from(request.min_bytes.min(request.max_bytes)).unwrap_or(0),
        }
    }

    /// The partitions whose changes can complete the request.
    fn partitions(&self) -> Vec<Arc<Partition>> {
        let found = |(asked, topic): &(&FetchTopic, Option<Arc<Topic>>)| {
            let topic = topic.clone();
            let indexes: Vec<_> = asked.partitions.iter().map(|partition| partition.partition).collect();
            indexes.into_iter().filter_map(move |index| topic.as_ref()?.partition(index).cloned())
        };
        self.topics.iter().flat_map(found).collect()
    }

    /// Reads what is there. The second value is `true` if the response should be sent without waiting.
    fn read(&self) -> (Vec<FetchableTopicResponse>, bool) {
        let mut size = 0;
        let mut failed = false;
        let mut asked_partitions = 0;
        let mut responses = Vec::with_capacity(self.topics.len());
        for (asked, topic) in &self.topics {
            let mut partitions = Vec::with_capacity(asked.partitions.len());
            for partition in &asked.partitions {
                let data = self.partition(topic.as_deref(), partition, size);
                size += data.records.as_ref().map_or(0, Bytes::len);
                failed |= data.error_code != 0;
                asked_partitions += 1;
                partitions.push(data);
            }
            let response =
                FetchableTopicResponse::default().with_topic(asked.topic.clone()).with_topic_id(asked.topic_id);
            responses.push(response.with_partitions(partitions));
        }
        (responses, failed || size >= self.min_bytes || asked_partitions == 0)
    }

    /// Reads from one partition after `read` bytes from the others.
    fn partition(&self, topic: Option<&Topic>, asked: &FetchPartition, read: usize) -> PartitionData {
        let Some(topic) = topic else { return unknown(asked.partition, self.unknown_topic) };
        let Some(partition) = topic.partition(asked.partition) else {
            return unknown(asked.partition, ResponseError::UnknownTopicOrPartition);
        };
        if let Some(error) = epoch_error(asked.current_leader_epoch) {
            return failed(asked.partition, error.code());
        }
        let request = ReadRequest {
            offset: asked.fetch_offset,
            max_bytes: usize::try_from(asked.partition_max_bytes).unwrap_or(0).min(self.max_bytes.saturating_sub(read)),
            at_least_one_batch: read == 0,
            isolation: self.isolation,
        };
        match partition.read(|log| read_log(log, asked.partition, request)) {
            None => unknown(asked.partition, ResponseError::UnknownTopicOrPartition),
            Some(Ok(data)) => data,
            Some(Err(error)) => {
                if let ReadError::Storage(error) = &error {
                    tracing::error!(topic = topic.name, partition = asked.partition, %error, "failed to read records");
                }
                failed(asked.partition, error.code())
            }
        }
    }
}

fn read_log(log: &Log, index: i32, request: ReadRequest) -> Result<PartitionData, ReadError> {
    let read = log.read(request)?;
    let aborted = |aborted: kafka_log::AbortedTransaction| {
        AbortedTransaction::default()
            .with_producer_id(ProducerId(aborted.producer_id))
            .with_first_offset(aborted.first_offset)
    };
    let aborted_transactions = match request.isolation {
        Isolation::ReadUncommitted => None,
        Isolation::ReadCommitted => Some(read.aborted.into_iter().map(aborted).collect()),
    };
    Ok(PartitionData::default()
        .with_partition_index(index)
        .with_high_watermark(log.high_watermark())
        .with_last_stable_offset(log.last_stable_offset())
        .with_log_start_offset(log.log_start_offset())
        .with_aborted_transactions(aborted_transactions)
        .with_records(Some(read.records)))
}

/// Answers for a partition that does not exist, with an empty list of aborted transactions, as Apache Kafka does.
fn unknown(index: i32, error: ResponseError) -> PartitionData {
    failed(index, error.code()).with_aborted_transactions(Some(Vec::new()))
}

fn failed(index: i32, code: i16) -> PartitionData {
    PartitionData::default()
        .with_partition_index(index)
        .with_error_code(code)
        .with_high_watermark(-1)
        .with_last_stable_offset(-1)
        .with_log_start_offset(-1)
        .with_aborted_transactions(None)
        .with_records(Some(Bytes::new()))
}
