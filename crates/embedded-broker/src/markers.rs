//! The end of transactions: writes the markers to the partitions, and aborts transactions whose timeout has passed.
//!
//! Locks are taken in the order partition, transactions, groups. The folder's lock is never taken after that of the
//! transactions.

use kafka_groups::ErrorCode;
use kafka_groups::transactions::{Change, EndTransaction, InitProducerId, Producer, Transactions as Coordinator};
use kafka_log::{EndMarker, TransactionResult};

use crate::clock::Clock;
use crate::journaled::NOT_COORDINATOR;
use crate::state::State;

/// Epoch of the only coordinator.
const COORDINATOR_EPOCH: i32 = 0;

/// Changes transactions and writes the markers that the change requires. Returns the answer or an error code.
pub(crate) fn transact<T>(state: &State, change: impl FnOnce(&Coordinator, i64) -> Change<T>) -> Result<T, i16> {
    let (answer, end) = state.transactions.change(change);
    if let Some(end) = end {
        finish(state, &end);
    }
    answer
}

/// Gives a producer with a transactional id its id and epoch.
pub(crate) fn init_producer_id(state: &State, request: &InitProducerId) -> Result<Producer, i16> {
    let mut needs_id = false;
    let answer = transact(state, |transactions, now| {
        transactions.init_producer_id(now, request, || {
            needs_id = true;
            Err(ErrorCode::ConcurrentTransactions)
        })
    });
    if !needs_id {
        return answer;
    }
    let id = state.topics.next_producer_id().map_err(|error| {
        tracing::error!(%error, "failed to assign a producer id");
        NOT_COORDINATOR
    })?;
    transact(state, |transactions, now| transactions.init_producer_id(now, request, || Ok(id)))
}

/// Writes the markers of an ended transaction. If that fails, the transaction remains unfinished and [`run_timeouts`]
/// tries again; meanwhile its producer receives `CONCURRENT_TRANSACTIONS` and retries.
fn finish(state: &State, end: &EndTransaction) {
    if let Err(error) = write_markers(state, end) {
        let id = end.transactional_id.as_str();
        tracing::error!(transactional_id = id, error, "failed to write transaction markers; the broker tries again");
        // Without this, the timeout task would wait for the next deadline.
        state.transactions.wake();
        return;
    }
    let complete = |transactions: &Coordinator, now| Change {
        events: transactions.markers_written(end, now),
        end: None,
        answer: Ok(()),
    };
    // An error has been logged, and the transaction remains unfinished.
    state.transactions.change(complete).0.unwrap_or_default();
}

fn write_markers(state: &State, end: &EndTransaction) -> Result<(), String> {
    let result = if end.committed { TransactionResult::Commit } else { TransactionResult::Abort };
    let marker = EndMarker {
        producer_id: end.producer.id,
        producer_epoch: end.producer.epoch,
        coordinator_epoch: COORDINATOR_EPOCH,
        result,
    };
    for asked in &end.partitions {
        // The topic may have been deleted.
        let Some(partition) = state.topics.partition(&asked.topic, asked.partition) else { continue };
        match partition.change(|log| log.append_end_marker(marker, Clock::wall_ms())) {
            Some(Ok(_)) => partition.wake(),
            Some(Err(kafka_log::AppendError::Storage(error))) => return Err(error.to_string()),
            Some(Err(error)) => {
                tracing::warn!(topic = asked.topic, partition = asked.partition, %error, "transaction marker rejected");
            }
            None => {}
        }
    }
    let ended = state.groups.change(|groups, _, _| Ok((groups.end_transaction(end.producer.id, end.committed), ())));
    ended.map_err(|error| error.to_string())
}

/// Finishes transactions whose markers are missing, and handles timeouts, until the future is dropped.
pub(crate) async fn run_timeouts(state: &State) {
    loop {
        for end in state.transactions.read(Coordinator::unfinished) {
            finish(state, &end);
        }
        while let Some(end) = expire(state) {
            finish(state, &end);
        }
        state.transactions.timeout().await;
    }
}

/// Aborts transactions whose timeout has passed. Returns one whose markers must be written, or `None` after the last.
fn expire(state: &State) -> Option<EndTransaction> {
    loop {
        let mut expired = false;
        let (answer, end) = state.transactions.change(|transactions, now| match transactions.expire(now) {
            Some(change) => {
                expired = true;
                change
            }
            None => Change { events: Vec::new(), end: None, answer: Ok(()) },
        });
        if end.is_some() || !expired || answer.is_err() {
            return end;
        }
    }
}
