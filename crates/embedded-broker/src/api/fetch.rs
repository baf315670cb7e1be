//! Fetch: reads record batches, and waits for them if there are too few.
//!
//! Incremental fetch sessions (KIP-227) save bandwidth that costs nothing on one machine, so no session is ever
//! created: a response has the session id 0, with which clients send full requests.

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
use crate::memory::InUse;
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

/// Reads records. The second value is the memory of the response and of the records that it copies.
pub(super) async fn handle(state: &State, version: i16, request: FetchRequest) -> (FetchResponse, InUse) {
    // The epochs 0 and -1 mean a full request, with or without a new session.
    if request.session_epoch > 0 {
        let code = ResponseError::FetchSessionIdNotFound.code();
        return (FetchResponse::default().with_error_code(code), InUse::none());
    }
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0)).min(MAX_WAIT);
    let deadline = Instant::now() + wait;
    let fetch = Fetch::new(state, version, &request);
    let waiter = Waiter::register(fetch.partitions());
    loop {
        let is_over = Instant::now() >= deadline;
        let Available { bytes, is_final } = fetch.available();
        if is_over || is_final || bytes >= fetch.min_bytes {
            let memory = state.memory.response(bytes.saturating_mul(2)).await;
            let (responses, enough) = fetch.read(bytes);
            if enough || is_over {
                return (FetchResponse::default().with_responses(responses), memory);
            }
        }
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

/// An estimate of what a read would return.
struct Available {
    /// Upper bound of the bytes.
    bytes: usize,
    /// The response does not depend on further records.
    is_final: bool,
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

    /// Returns the partitions whose changes can complete the request.
    fn partitions(&self) -> Vec<Arc<Partition>> {
        let found = |(asked, topic): &(&FetchTopic, Option<Arc<Topic>>)| {
            let topic = topic.clone();
            let indexes: Vec<_> = asked.partitions.iter().map(|partition| partition.partition).collect();
            indexes.into_iter().filter_map(move |index| topic.as_ref()?.partition(index).cloned())
        };
        self.topics.iter().flat_map(found).collect()
    }

    /// Estimates what a read would return, without reading.
    fn available(&self) -> Available {
        let mut available = Available { bytes: 0, is_final: true };
        let mut failed = false;
        for (asked, topic) in &self.topics {
            for partition in &asked.partitions {
                available.is_final = false;
                match self.available_in(topic.as_deref(), partition, available.bytes) {
                    Some(bytes) => available.bytes += bytes,
                    None => failed = true,
                }
            }
        }
        Available { is_final: available.is_final || failed, ..available }
    }

    /// Estimates what one partition has, after `before` bytes of the others. Returns `None` if the answer is an error.
    fn available_in(&self, topic: Option<&Topic>, asked: &FetchPartition, before: usize) -> Option<usize> {
        let partition = topic?.partition(asked.partition)?;
        if epoch_error(asked.current_leader_epoch).is_some() {
            return None;
        }
        let request = self.read_request(asked, before, self.max_bytes);
        partition.read(|log| log.available_bytes(request))?.ok()
    }

    /// Returns a request for records of one partition, after `before` of at most `max` bytes have been read from the
    /// others.
    fn read_request(&self, asked: &FetchPartition, before: usize, max: usize) -> ReadRequest {
        let partition_max = usize::try_from(asked.partition_max_bytes).unwrap_or(0);
        ReadRequest {
            offset: asked.fetch_offset,
            max_bytes: partition_max.min(max.saturating_sub(before)),
            at_least_one_batch: before == 0,
            isolation: self.isolation,
        }
    }

    /// Reads what is there, up to `max` bytes. The second value is `true` if the response should be sent without
    /// waiting.
    fn read(&self, max: usize) -> (Vec<FetchableTopicResponse>, bool) {
        let max = max.min(self.max_bytes);
        let mut size = 0;
        let mut failed = false;
        let mut asked_partitions = 0;
        let mut responses = Vec::with_capacity(self.topics.len());
        for (asked, topic) in &self.topics {
            let mut partitions = Vec::with_capacity(asked.partitions.len());
            for partition in &asked.partitions {
                let data = self.partition(topic.as_deref(), partition, size, max);
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

    /// Reads from one partition, after `before` of at most `max` bytes have been read from the others.
    fn partition(&self, topic: Option<&Topic>, asked: &FetchPartition, before: usize, max: usize) -> PartitionData {
        let Some(topic) = topic else { return unknown(asked.partition, self.unknown_topic) };
        let Some(partition) = topic.partition(asked.partition) else {
            return unknown(asked.partition, ResponseError::UnknownTopicOrPartition);
        };
        if let Some(error) = epoch_error(asked.current_leader_epoch) {
            return failed(asked.partition, error.code());
        }
        let request = self.read_request(asked, before, max);
        match partition.read(|log| read_log(log, asked.partition, request)) {
            // The topic was deleted after the request had begun.
            None => unknown(asked.partition, self.unknown_topic),
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
