//! `InitProducerId`: ids of idempotent and transactional producers.

use kafka_groups::transactions::{InitProducerId, Producer};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{InitProducerIdRequest, InitProducerIdResponse, ProducerId};

use crate::markers::init_producer_id;
use crate::state::State;

/// Assigns a producer id. The id and epoch that a producer sends matter only with a transactional id; -1 and -1 mean
/// that it has none yet. Some clients send 0 and 0 instead. As in Kafka, they cannot take over a transactional id from
/// another producer, because 0 is treated as the id of a producer.
pub(super) fn handle(state: &State, version: i16, request: &InitProducerIdRequest) -> InitProducerIdResponse {
    let present = Producer { id: request.producer_id.0, epoch: request.producer_epoch };
    if (present.id == -1) != (present.epoch == -1) {
        return failed(ResponseError::InvalidRequest.code());
    }
    let assigned = match &request.transactional_id {
        Some(id) if id.is_empty() => Err(ResponseError::InvalidRequest.code()),
        Some(id) => {
            let init = InitProducerId {
                version,
                transactional_id: id.to_string(),
                timeout_ms: request.transaction_timeout_ms,
                present: (present.id != -1).then_some(present),
            };
            init_producer_id(state, &init)
        }
        None => state.topics.next_producer_id().map(|id| Producer { id, epoch: 0 }).map_err(|error| {
            tracing::error!(%error, "failed to assign a producer id");
            ResponseError::CoordinatorNotAvailable.code()
        }),
    };
    match assigned {
        Ok(Producer { id, epoch }) => {
            InitProducerIdResponse::default().with_producer_id(ProducerId(id)).with_producer_epoch(epoch)
        }
        Err(code) => failed(code),
    }
}

fn failed(code: i16) -> InitProducerIdResponse {
    let failed = InitProducerIdResponse::default().with_error_code(code);
    failed.with_producer_id(ProducerId(-1)).with_producer_epoch(-1)
}
