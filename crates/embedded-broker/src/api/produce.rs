//! Produce: appends record batches as they come.

use std::collections::BTreeSet;

use kafka_groups::ErrorCode;
use kafka_groups::offsets::TopicPartition;
use kafka_groups::transactions::{AddToTransaction, Producer, Verify};
use kafka_log::{AppendError, BatchHeader, Compression, Log, ValidBatch};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::{PartitionProduceResponse, TopicProduceResponse};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse};

use super::{RequestError, produced_records, text};
use crate::blocking::blocking;
use crate::clock::Clock;
use crate::state::State;
use crate::topics::{Partition, Topic};

/// First version that names topics by their id.
const FIRST_VERSION_WITH_IDS: i16 = 13;

/// First version whose clients know `TRANSACTION_ABORTABLE`.
const FIRST_VERSION_WITH_ABORTABLE: i16 = 11;

/// First version that adds the partition to the transaction, and the version of `AddPartitionsToTxn` that does the
/// same.
const FIRST_VERSION_THAT_ADDS: i16 = 12;
const ADD_VERSION: i16 = 3;

/// Compressed bytes from which on a batch is decompressed while another thread works on the other requests.
const LARGE_BATCH: usize = 256 * 1024;

/// Appends the records. Returns `None` if the client asked for no response.
pub(super) fn handle(
    state: &State,
    version: i16,
    request: ProduceRequest,
) -> Result<Option<ProduceResponse>, RequestError> {
    if state.is_closed() {
        return Err(RequestError::Closed);
    }
    let rejected = produced_records::check_request(&request).err().map(|error| error.code());
    let context = Context {
        rejected,
        version,
        valid_acks: matches!(request.acks, -1..=1),
        transactional_id: request.transactional_id.as_ref().map(|id| id.as_str()),
    };
    let mut failed = false;
    let mut responses = Vec::with_capacity(request.topic_data.len());
    for data in request.topic_data {
        let response = append_to_topic(state, context, data);
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

/// The fields of a request that concern all of its partitions.
#[derive(Clone, Copy)]
struct Context<'a> {
    /// Error code of all partitions.
    rejected: Option<i16>,
    version: i16,
    valid_acks: bool,
    transactional_id: Option<&'a str>,
}

fn append_to_topic(state: &State, context: Context<'_>, data: TopicProduceData) -> TopicProduceResponse {
    let (topic, unknown) = if context.version >= FIRST_VERSION_WITH_IDS {
        (state.topics.by_id(data.topic_id), ResponseError::UnknownTopicId)
    } else {
        (state.topics.by_name(&data.name), ResponseError::UnknownTopicOrPartition)
    };
    let append = |data: PartitionProduceData| match (&topic, context.rejected) {
        (_, Some(code)) => failed(data.index, code),
        (None, None) => failed(data.index, unknown.code()),
        (Some(topic), None) => append(state, context, topic, unknown, data),
    };
    let partitions = data.partition_data.into_iter().map(append).collect();
    TopicProduceResponse::default()
        .with_name(data.name)
        .with_topic_id(data.topic_id)
        .with_partition_responses(partitions)
}

/// Reason that records were not appended.
enum Rejected {
    /// By the transaction coordinator, with its error code.
    Coordinator(i16),
    /// The number of acknowledgements does not exist.
    Acks,
    Log(AppendError),
}

fn append(
    state: &State,
    context: Context<'_>,
    topic: &Topic,
    unknown: ResponseError,
    data: PartitionProduceData,
) -> PartitionProduceResponse {
    let index = data.index;
    let records = data.records.unwrap_or_default();
    let Some(partition) = topic.partition(index) else {
        return failed(index, ResponseError::UnknownTopicOrPartition.code());
    };
    if let Err(rejection) = produced_records::check_partition(context.version, &records) {
        return failed(index, rejection.code()).with_error_message(Some(text(&rejection.message)));
    }
    let Some(prepared) = prepare(partition, &records) else { return failed(index, unknown.code()) };
    let appended = partition.change(|log| {
        // The partition is locked from here on, so that no record follows the marker of its transaction.
        if let Some(header) = transactional_header(&records) {
            let starts_at_zero = context.version >= FIRST_VERSION_THAT_ADDS;
            let begun = log.begin_verification(&header, starts_at_zero, Clock::wall_ms());
            begun.map_err(|error| Rejected::Coordinator(error.code()))?;
            verify(state, context, topic, index, &header).map_err(Rejected::Coordinator)?;
        }
        if !context.valid_acks {
            return Err(Rejected::Acks);
        }
        log.append_valid(prepared.map_err(Rejected::Log)?, Clock::wall_ms()).map_err(Rejected::Log)
    });
    match appended {
        // The topic was deleted after the request had begun.
        None => failed(index, unknown.code()),
        Some(Ok(appended)) => {
            if !appended.duplicate {
                partition.wake();
            }
            PartitionProduceResponse::default()
                .with_index(index)
                .with_base_offset(appended.base_offset)
                .with_log_append_time_ms(appended.log_append_time.unwrap_or(-1))
                .with_log_start_offset(appended.log_start_offset)
        }
        Some(Err(Rejected::Coordinator(code))) => failed(index, code),
        Some(Err(Rejected::Acks)) => failed(index, ResponseError::InvalidRequiredAcks.code()),
        Some(Err(Rejected::Log(error))) => {
            match &error {
                AppendError::Storage(error) => {
                    tracing::error!(topic = topic.name, partition = index, %error, "failed to store records");
                }
                error => tracing::debug!(topic = topic.name, partition = index, %error, "records rejected"),
            }
            let log_start_offset = if names_log_start(&error) { partition.read(Log::log_start_offset) } else { None };
            failed(index, error.code())
                .with_error_message(Some(text(&error.to_string())))
                .with_log_start_offset(log_start_offset.unwrap_or(-1))
        }
    }
}

/// Does what an append needs before the partition is locked: validates the batch, which is decompressed for that, and
/// writes the partition's segment to the disk if it has no room for the batch. Returns `None` if the partition no
/// longer exists.
fn prepare(partition: &Partition, records: &[u8]) -> Option<Result<ValidBatch, AppendError>> {
    let config = partition.read(|log| log.config().clone())?;
    let validate = || ValidBatch::new(records, &config, Clock::wall_ms());
    let is_compressed = BatchHeader::parse(records).is_ok_and(|header| header.compression() != Ok(Compression::None));
    let validated = if is_compressed && records.len() >= LARGE_BATCH { blocking(validate) } else { validate() };
    let synced = validated.and_then(|batch| {
        if let Some(segment) = partition.read(|log| log.full_segment(&batch)).flatten() {
            blocking(|| segment.sync())?;
        }
        Ok(batch)
    });
    Some(synced)
}

/// Returns the header of a transactional batch.
fn transactional_header(records: &[u8]) -> Option<BatchHeader> {
    BatchHeader::parse(records).ok().filter(BatchHeader::is_transactional)
}

/// Checks that the batch belongs to an open transaction that contains the partition. Clients of version 12 and later
/// leave it to the broker to add the partition.
fn verify(state: &State, context: Context<'_>, topic: &Topic, index: i32, header: &BatchHeader) -> Result<(), i16> {
    let id = context.transactional_id.ok_or(ResponseError::TransactionalIdAuthorizationFailed.code())?;
    let producer = Producer { id: header.producer_id, epoch: header.producer_epoch };
    let partition = TopicPartition { topic: topic.name.clone(), partition: index };
    let result = if context.version >= FIRST_VERSION_THAT_ADDS {
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
        let abortable = context.version >= FIRST_VERSION_WITH_ABORTABLE;
        let verified = state
            .transactions
            .read(|transactions| transactions.verify(id, producer, Verify::Partition(&partition), abortable));
        verified.map_err(ErrorCode::code)
    };
    // Producers retry after NOT_ENOUGH_REPLICAS, but not after CONCURRENT_TRANSACTIONS. After INVALID_PRODUCER_EPOCH they
    // abort the transaction; PRODUCER_FENCED would be fatal.
    result.map_err(|code| match code {
        _ if code == ErrorCode::ProducerFenced.code() => ErrorCode::InvalidProducerEpoch.code(),
        _ if code == ErrorCode::ConcurrentTransactions.code() => ResponseError::NotEnoughReplicas.code(),
        code => code,
    })
}

/// Returns `true` if Apache Kafka sends the log start offset with this error.
fn names_log_start(error: &AppendError) -> bool {
    !matches!(error, AppendError::Corrupt(_) | AppendError::TooLarge { .. } | AppendError::Storage(_))
}

fn failed(index: i32, code: i16) -> PartitionProduceResponse {
    PartitionProduceResponse::default()
        .with_index(index)
        .with_error_code(code)
        .with_base_offset(-1)
        .with_log_append_time_ms(-1)
        .with_log_start_offset(-1)
}
