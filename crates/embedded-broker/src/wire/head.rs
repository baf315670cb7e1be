//! The header of a request.
//!
//! ```text
//! v1: [api key: i16] [api version: i16] [correlation id: i32] [client id: i16 length + bytes]
//! v2: the same, then tagged fields
//! ```

use bytes::{Buf, Bytes};
use kafka_protocol::messages::{ApiKey, RequestHeader};
use kafka_protocol::protocol::Decodable;

/// Size of the part that every header begins with.
pub(crate) const FIXED_SIZE: usize = 8;

/// Maximum number of bytes to decode as a request header. A longer header is invalid; no client sends that many tagged
/// fields.
const MAX_TAGGED_BYTES: usize = 64 * 1024;

/// The part of a header that is the same in all versions. It can be read even if the broker does not know the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) api_key: i16,
    pub(crate) api_version: i16,
    pub(crate) correlation_id: i32,
}

/// The reason why a header could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HeadError {
    #[error("the request ends within its header")]
    TooShort,
    #[error("the request header is invalid")]
    Invalid(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Head {
    /// Reads the fixed part without consuming it.
    pub(crate) fn peek(request: &[u8]) -> Result<Self, HeadError> {
        let mut fixed = request.get(..FIXED_SIZE).ok_or(HeadError::TooShort)?;
        Ok(Head { api_key: fixed.get_i16(), api_version: fixed.get_i16(), correlation_id: fixed.get_i32() })
    }
}

/// Reads the whole header of a request whose version is offered and leaves the body in `request`. Returns the client's
/// id, which is empty if the client sent none.
pub(crate) fn read_client_id(api: ApiKey, version: i16, request: &mut Bytes) -> Result<String, HeadError> {
    let header_version = api.request_header_version(version);
    let mut head = request.slice(..request.len().min(MAX_TAGGED_BYTES));
    let before = head.len();
    let header = RequestHeader::decode(&mut head, header_version)
        .map_err(|error| HeadError::Invalid(error.into_boxed_dyn_error()))?;
    request.advance(before - head.len());
    Ok(header.client_id.map(|id| id.to_string()).unwrap_or_default())
}
