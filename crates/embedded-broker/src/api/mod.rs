//! The APIs: decodes a request, calls its handler, and encodes the response.
//!
//! A handler is a function from a decoded request to a response. Errors that Apache Kafka reports within a response are
//! part of the response; a [`RequestError`] closes the connection.

mod api_versions;
mod broker_configs;
mod configs;
mod describe;
mod fetch;
mod group_admin;
mod groups;
mod list_offsets;
mod metadata;
mod offsets;
mod partitions;
mod produce;
mod produced_records;
mod producer_ids;
mod topic_partitions;
mod topics;
mod transaction_admin;
mod transactions;

use std::net::SocketAddr;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{ApiKey, ApiVersionsRequest, FetchRequest, ProduceRequest};
use kafka_protocol::protocol::{Encodable, HeaderVersion, Request, StrBytes};

use crate::memory::InUse;
use crate::state::State;
use crate::wire::head::{self, Head, HeadError};
use crate::wire::layout::LayoutError;
use crate::wire::layouts;
use crate::wire::offered::offer_of;

/// Reason that a request is not answered and its connection is closed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("failed to read a request header")]
    Head(#[from] HeadError),
    #[error("the broker does not offer API {0}")]
    UnknownApi(i16),
    #[error("the broker does not offer version {version} of {api:?}")]
    UnsupportedVersion { api: ApiKey, version: i16 },
    #[error("failed to decode {api:?} version {version} of {size} bytes")]
    Layout { api: ApiKey, version: i16, size: usize, source: LayoutError },
    #[error("failed to decode {api:?} version {version} of {size} bytes")]
    Decode { api: ApiKey, version: i16, size: usize, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("failed to encode the response to {api:?} version {version} (this is a bug)")]
    Encode { api: ApiKey, version: i16, source: Box<dyn std::error::Error + Send + Sync> },
    /// A producer sent records after [`crate::Broker::close`].
    #[error("records rejected because the broker is closed")]
    Closed,
    /// A producer that asked for no response sent records that were not appended.
    #[error("records rejected of a producer with acks=0")]
    Unconfirmed,
}

/// A request with its header read.
pub(crate) struct Call {
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    pub(crate) client_id: String,
    pub(crate) peer: SocketAddr,
    correlation_id: i32,
    body: Bytes,
}

/// A response with its size, and the memory that it uses until it is sent.
pub(crate) struct Answer {
    pub(crate) bytes: Bytes,
    pub(crate) memory: InUse,
}

impl From<Bytes> for Answer {
    fn from(bytes: Bytes) -> Self {
        Answer { bytes, memory: InUse::none() }
    }
}

/// Answers a request. Returns `None` if the client expects no response.
pub(crate) async fn answer(
    state: &State,
    peer: SocketAddr,
    mut request: Bytes,
) -> Result<Option<Answer>, RequestError> {
    let Head { api_key, api_version: version, correlation_id } = Head::peek(&request)?;
    let api = ApiKey::try_from(api_key).map_err(|()| RequestError::UnknownApi(api_key))?;
    let offer = offer_of(api).ok_or(RequestError::UnknownApi(api_key))?;
    if !offer.contains(version) {
        return match api {
            ApiKey::ApiVersions => {
                let response = encode::<ApiVersionsRequest>(0, correlation_id, &api_versions::unsupported())?;
                Ok(Some(response.into()))
            }
            _ => Err(RequestError::UnsupportedVersion { api, version }),
        };
    }
    let client_id = head::read_client_id(api, version, &mut request)?;
    let call = Call { api, version, client_id, peer, correlation_id, body: request };
    dispatch(state, call).await
}

async fn dispatch(state: &State, call: Call) -> Result<Option<Answer>, RequestError> {
    let version = call.version;
    match call.api {
        ApiKey::Produce => {
            let request = call.decode::<ProduceRequest>()?;
            let Some(response) = produce::handle(state, version, request)? else { return Ok(None) };
            Ok(Some(encode::<ProduceRequest>(version, call.correlation_id, &response)?.into()))
        }
        ApiKey::Fetch => {
            let request = call.decode::<FetchRequest>()?;
            let (response, mut memory) = fetch::handle(state, version, request).await;
            let bytes = encode::<FetchRequest>(version, call.correlation_id, &response)?;
            drop(response);
            memory.shrink_to(bytes.len());
            Ok(Some(Answer { bytes, memory }))
        }
        ApiKey::ListOffsets => call.run(async |_, request| list_offsets::list(state, version, request)).await,
        ApiKey::Metadata => call.run(async |_, request| metadata::handle(state, version, request)).await,
        ApiKey::OffsetCommit => call.run(async |_, request| offsets::commit(state, version, request)).await,
        ApiKey::OffsetFetch => call.run(async |_, request| offsets::fetch(state, version, request)).await,
        ApiKey::FindCoordinator => {
            call.run(async |_, request| group_admin::find_coordinator(state, version, request)).await
        }
        ApiKey::JoinGroup => call.run(async |call, request| groups::join(state, call, request).await).await,
        ApiKey::Heartbeat => call.run(async |_, request| groups::heartbeat(state, request).await).await,
        ApiKey::LeaveGroup => call.run(async |call, request| groups::leave(state, call, request).await).await,
        ApiKey::SyncGroup => call.run(async |call, request| groups::sync(state, call, request).await).await,
        ApiKey::DescribeGroups => call.run(async |_, request| group_admin::describe(state, version, request)).await,
        ApiKey::ListGroups => call.run(async |_, request| group_admin::list(state, version, &request)).await,
        ApiKey::ApiVersions => call.run(async |_, request| api_versions::handle(version, &request)).await,
        ApiKey::CreateTopics => call.run(async |_, request| topics::create(state, version, request)).await,
        ApiKey::DeleteTopics => call.run(async |_, request| topics::delete(state, version, request)).await,
        ApiKey::DeleteRecords => call.run(async |_, request| partitions::delete_records(state, request)).await,
        ApiKey::InitProducerId => call.run(async |_, request| producer_ids::handle(state, version, &request)).await,
        ApiKey::OffsetForLeaderEpoch => {
            call.run(async |_, request| list_offsets::for_leader_epoch(state, request)).await
        }
        ApiKey::AddPartitionsToTxn => {
            call.run(async |_, request| transactions::add_partitions(state, version, request)).await
        }
        ApiKey::AddOffsetsToTxn => {
            call.run(async |_, request| transactions::add_offsets(state, version, &request)).await
        }
        ApiKey::EndTxn => call.run(async |_, request| transactions::end(state, version, &request)).await,
        ApiKey::TxnOffsetCommit => {
            call.run(async |_, request| transactions::commit_offsets(state, version, request)).await
        }
        ApiKey::DescribeConfigs => call.run(async |_, request| configs::describe(state, version, request)).await,
        ApiKey::AlterConfigs => call.run(async |_, request| configs::alter(state, request)).await,
        ApiKey::DescribeLogDirs => call.run(async |_, request| describe::log_dirs(state, request)).await,
        ApiKey::CreatePartitions => call.run(async |_, request| partitions::create(state, request)).await,
        ApiKey::DeleteGroups => call.run(async |_, request| group_admin::delete(state, request)).await,
        ApiKey::IncrementalAlterConfigs => {
            call.run(async |_, request| configs::alter_incrementally(state, request)).await
        }
        ApiKey::OffsetDelete => call.run(async |_, request| offsets::delete(state, request)).await,
        ApiKey::DescribeCluster => call.run(async |_, request| describe::cluster(state, version, &request)).await,
        ApiKey::DescribeProducers => call.run(async |_, request| describe::producers(state, request)).await,
        ApiKey::DescribeTransactions => call.run(async |_, request| transaction_admin::describe(state, request)).await,
        ApiKey::ListTransactions => call.run(async |_, request| transaction_admin::list(state, &request)).await,
        ApiKey::DescribeTopicPartitions => call.run(async |_, request| topic_partitions::handle(state, request)).await,
        api => Err(RequestError::UnknownApi(api as i16)),
    }
}

impl Call {
    /// Decodes the request, calls `handler` and encodes its response.
    async fn run<R: Request>(
        self,
        handler: impl AsyncFnOnce(&Call, R) -> R::Response,
    ) -> Result<Option<Answer>, RequestError> {
        let request = self.decode::<R>()?;
        let response = handler(&self, request).await;
        Ok(Some(encode::<R>(self.version, self.correlation_id, &response)?.into()))
    }

    fn decode<R: Request>(&self) -> Result<R, RequestError> {
        let (api, version, size) = (self.api, self.version, self.body.len());
        layouts::check(api, version, &self.body).map_err(|source| RequestError::Layout {
            api,
            version,
            size,
            source,
        })?;
        R::decode(&mut self.body.clone(), version).map_err(|error| {
            let source = error.into_boxed_dyn_error();
            RequestError::Decode { api, version, size, source }
        })
    }
}

/// Encodes a response with its size and header.
fn encode<R: Request>(version: i16, correlation_id: i32, response: &R::Response) -> Result<Bytes, RequestError> {
    let fail = |source: Box<dyn std::error::Error + Send + Sync>| {
        let api = ApiKey::try_from(R::KEY).unwrap_or(ApiKey::ApiVersions);
        RequestError::Encode { api, version, source }
    };
    let size = response.compute_size(version).map_err(|error| fail(error.into_boxed_dyn_error()))?;
    let mut buffer = BytesMut::with_capacity(size + 9);
    buffer.put_i32(0);
    buffer.put_i32(correlation_id);
    if R::Response::header_version(version) >= 1 {
        // The header has no tagged fields.
        buffer.put_u8(0);
    }
    response.encode(&mut buffer, version).map_err(|error| fail(error.into_boxed_dyn_error()))?;
    let length = i32::try_from(buffer.len() - 4).map_err(|error| fail(error.into()))?;
    buffer[..4].copy_from_slice(&length.to_be_bytes());
    Ok(buffer.freeze())
}

/// Operations that a client may perform on a topic, as bits; without authorization, all that exist.
const TOPIC_OPERATIONS: i32 = 0b1101_1111_1000;

/// Operations that a client may perform on the cluster, as bits.
const CLUSTER_OPERATIONS: i32 = 0b1_1111_1010_0000;

/// Operations that a client may perform on a consumer group, as bits.
const GROUP_OPERATIONS: i32 = 0b1101_0100_1000;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

/// Returns `true` if a topic may have this name: 1 to 249 letters, digits, `.`, `_` and `-`, but not `.` or `..`.
fn is_topic_name(name: &str) -> bool {
    let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=249).contains(&name.len()) && name != "." && name != ".." && name.chars().all(valid)
}

fn optional(text: Option<String>) -> Option<StrBytes> {
    text.map(StrBytes::from_string)
}

/// Compares the leader epoch that a client knows with the only one; -1 means that the client knows none.
fn epoch_error(epoch: i32) -> Option<ResponseError> {
    (epoch > crate::state::LEADER_EPOCH).then_some(ResponseError::UnknownLeaderEpoch)
}

/// An error of one topic or resource, with a message for people.
#[derive(Debug)]
struct Rejection {
    error: ResponseError,
    message: String,
}

impl Rejection {
    fn new(error: ResponseError, message: impl Into<String>) -> Self {
        Rejection { error, message: message.into() }
    }

    fn code(&self) -> i16 {
        self.error.code()
    }
}
