//! `InitProducerId`: ids of idempotent producers.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};

use crate::state::State;

/// Assigns a producer id. The id and epoch that a producer sends matter only with a transactional id; producers without
/// one send -1 and -1, or 0 and 0, for "none yet".
pub(super) fn handle(state: &State, request: &InitProducerIdRequest) -> InitProducerIdResponse {
    if (request.producer_id.0 == -1) != (request.producer_epoch == -1) {
        return failed(ResponseError::InvalidRequest);
    }
    match &request.transactional_id {
        Some(id) if id.is_empty() => failed(ResponseError::InvalidRequest),
        Some(_) => failed(ResponseError::TransactionalIdAuthorizationFailed),
        None => match state.topics.next_producer_id() {
            Ok(id) => InitProducerIdResponse::default().with_producer_id(ProducerId(id)).with_producer_epoch(0),
            Err(error) => {
                tracing::error!(%error, "failed to assign a producer id");
                failed(ResponseError::CoordinatorNotAvailable)
            }
        },
    }
}

fn failed(error: ResponseError) -> InitProducerIdResponse {
    let failed = InitProducerIdResponse::default().with_error_code(error.code());
    failed.with_producer_id(ProducerId(-1)).with_producer_epoch(-1)
}
