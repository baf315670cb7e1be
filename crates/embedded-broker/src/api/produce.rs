//! Produce: appends record batches as they come.

use std::collections::BTreeSet;

use bytes::Bytes;
use kafka_groups::ErrorCode;
use kafka_groups::offsets::TopicPartition;
use kafka_groups::transactions::{AddToTransaction, Producer, Verify};
use kafka_log::{AppendError, BatchHeader};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};

use super::{RequestError, text};
use crate::clock::Clock;
use crate::state::State;
use crate::topics::Topic;

/// First version that names topics by their id.
const FIRST_VERSION_WITH_IDS: i16 = 13;

/// First version whose clients know zstd.
const FIRST_VERSION_WITH_ZSTD: i16 = 7;

/// First version whose clients know `TRANSACTION_ABORTABLE`.
const FIRST_VERSION_WITH_ABORTABLE: i16 = 11;

/// First version that adds the partition to the transaction, and the version of `AddPartitionsToTxn` that does the same.
const FIRST_VERSION_THAT_ADDS: i16 = 12;
const ADD_VERSION: i16 = 3;

/// Attribute bits of a record batch that contain the compression type, and the type zstd.
const ATTRIBUTES_AT: usize = 22;
const COMPRESSION_MASK: u8 = 0b111;
const ZSTD: u8 = 4;

/// Appends the records. Returns `None` if the client asked for no response.
pub(super) fn handle(
    state: &State,
    version: i16,
    request: ProduceRequest,
) -> Result<Option<ProduceResponse>, RequestError> {
    if state.is_closed() {
        return Err(RequestError::Closed);
    }
    let valid_acks = matches!(request.acks, -1..=1);
    let transactional_id = request.transactional_id.as_ref().map(|id| id.as_str());
    let mut failed = false;
    let mut responses = Vec::with_capacity(request.topic_data.len());
    for data in request.topic_data {
        let response = topic(state, version, valid_acks, transactional_id, data);
        failed |= response.partition_responses.iter().any(|partition| partition.error_code != 0);
        responses.push(response);
    }
    match request.acks {
        // Closing the connection is the only way to show the client that an append failed.
        0 if failed => Err(RequestError::Unconfirmed),
        0 => Ok(None),
        _ => Ok(Some(ProduceResponse::default().with_responses(responses))),
    }
}

fn topic(
    state: &State,
    version: i16,
    valid_acks: bool,
    transactional_id: Option<&str>,
    data: TopicProduceData,
) -> TopicProduceResponse {
    let (topic, unknown) = if version >= FIRST_VERSION_WITH_IDS {
        (state.topics.by_id(data.topic_id), ResponseError::UnknownTopicId)
    } else {
        (state.topics.by_name(&data.name), ResponseError::UnknownTopicOrPartition)
    };
    let partition = |partition: PartitionProduceData| match &topic {
        _ if !valid_acks => failed(partition.index, ResponseError::InvalidRequiredAcks.code(), None),
        None => failed(partition.index, unknown.code(), None),
        Some(topic) => append(state, topic, version, transactional_id, partition),
    };
    let partitions = data.partition_data.into_iter().map(partition).collect();
    TopicProduceResponse::default()
        .with_name(data.name)
        .with_topic_id(data.topic_id)
        .with_partition_responses(partitions)
}

/// Reason that records were not appended.
enum Rejected {
    /// By the transaction coordinator, with its error code.
    Transaction(i16),
    Log(AppendError),
}

fn append(
    state: &State,
    topic: &Topic,
    version: i16,
    transactional_id: Option<&str>,
    data: PartitionProduceData,
) -> PartitionProduceResponse {
    let index = data.index;
    let records = data.records.unwrap_or_default();
    if version < FIRST_VERSION_WITH_ZSTD && is_zstd(&records) {
        return failed(index, ResponseError::UnsupportedCompressionType.code(), None);
    }
    let partition = topic.partition(index);
    let appended = partition.and_then(|partition| {
        partition.change(|log| {
            // The partition is locked from here on, so that no record follows the marker of its transaction.
            if let Some(header) = transactional_header(&records) {
                verify(state, topic, index, version, transactional_id, &header).map_err(Rejected::Transaction)?;
            }
            log.append(&records, Clock::wall_ms()).map_err(Rejected::Log)
        })
    });
    match appended {
        None => failed(index, ResponseError::UnknownTopicOrPartition.code(), None),
        Some(Ok(appended)) => {
            if let Some(partition) = partition.filter(|_| !appended.duplicate) {
                partition.wake();
            }
            PartitionProduceResponse::default()
                .with_index(index)
                .with_base_offset(appended.base_offset)
                .with_log_append_time_ms(appended.log_append_time.unwrap_or(-1))
                .with_log_start_offset(appended.log_start_offset)
        }
        Some(Err(Rejected::Transaction(code))) => failed(index, code, None),
        Some(Err(Rejected::Log(error))) => {
            match &error {
                AppendError::Storage(error) => {
                    tracing::error!(topic = topic.name, partition = index, %error, "failed to store records");
                }
                error => tracing::debug!(topic = topic.name, partition = index, %error, "records rejected"),
            }
            failed(index, error.code(), Some(&error))
        }
    }
}

/// Returns the header of a transactional batch.
fn transactional_header(records: &[u8]) -> Option<BatchHeader> {
    BatchHeader::parse(records).ok().filter(BatchHeader::is_transactional)
}

/// Checks that the batch belongs to an open transaction that contains the partition. Clients of version 12 and later
/// leave it to the broker to add the partition.
fn verify(
    state: &State,
    topic: &Topic,
    index: i32,
    version: i16,
    transactional_id: Option<&str>,
    header: &BatchHeader,
) -> Result<(), i16> {
    let id = transactional_id.ok_or(ResponseError::TransactionalIdAuthorizationFailed.code())?;
    let producer = Producer { id: header.producer_id, epoch: header.producer_epoch };
    let partition = TopicPartition { topic: topic.name.clone(), partition: index };
    let result = if version >= FIRST_VERSION_THAT_ADDS {
        let add = AddToTransaction {
            version: ADD_VERSION,
            transactional_id: id.to_owned(),
            producer,
            partitions: BTreeSet::from([partition]),
            groups: BTreeSet::new(),
        };
        // Adding a partition ends no transaction, so there are no markers to write.
        state.transactions.change(|transactions, now| transactions.add(now, &add)).0
    } else {
        let abortable = version >= FIRST_VERSION_WITH_ABORTABLE;
        let verified = state
            .transactions
            .read(|transactions| transactions.verify(id, producer, Verify::Partition(&partition), abortable));
        verified.map_err(ErrorCode::code)
    };
    // Producers retry after NOT_ENOUGH_REPLICAS, but not after CONCURRENT_TRANSACTIONS.
    result.map_err(|code| match code {
        _ if code == ErrorCode::ConcurrentTransactions.code() => ResponseError::NotEnoughReplicas.code(),
        code => code,
    })
}

fn failed(index: i32, code: i16, error: Option<&AppendError>) -> PartitionProduceResponse {
    PartitionProduceResponse::default()
        .with_index(index)
        .with_error_code(code)
        .with_base_offset(-1)
        .with_log_append_time_ms(-1)
        .with_log_start_offset(-1)
        .with_error_message(error.map(|error| text(&error.to_string())))
}

fn is_zstd(records: &Bytes) -> bool {
    records.get(ATTRIBUTES_AT).is_some_and(|attributes| attributes & COMPRESSION_MASK == ZSTD)
}
