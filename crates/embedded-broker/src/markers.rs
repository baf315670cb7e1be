//! The end of transactions: writes the markers to the partitions, and aborts transactions whose timeout has passed.
//!
//! Locks are taken in the order partition, transactions, groups. The folder's lock is never taken after that of the
//! transactions.

use std::time::Duration;

use kafka_groups::ErrorCode;
use kafka_groups::transactions::{Change, InitProducerId, Producer, Transactions as Coordinator};
use kafka_log::{AppendError, EndMarker, StorageError, TransactionResult};

use crate::clock::Clock;
use crate::journaled::NOT_COORDINATOR;
use crate::state::State;
use crate::transactions::Ending;

/// Epoch of the only coordinator.
pub(crate) const COORDINATOR_EPOCH: i32 = 0;

/// Pause before markers that could not be written are written again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Changes transactions and writes the markers that the change requires. Returns the answer or an error code.
pub(crate) fn transact<T>(state: &State, change: impl FnOnce(&Coordinator, i64) -> Change<T>) -> Result<T, i16> {
    let (answer, ending) = state.transactions.change(change);
    if let Some(ending) = ending
        && finish(state, ending).is_err()
    {
        // Without this, the timeout task would wait for the next deadline.
        state.transactions.wake();
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

/// A transaction has not ended everywhere.
struct Unfinished;

/// Writes the markers of an ended transaction. If that fails, the transaction remains unfinished and [`run_timeouts`]
/// tries again; meanwhile its producer receives `CONCURRENT_TRANSACTIONS` and retries.
fn finish(state: &State, mut ending: Ending<'_>) -> Result<(), Unfinished> {
    let id = ending.end.transactional_id.clone();
    let finished = write_markers(state, &mut ending).and_then(|()| state.transactions.complete(ending));
    finished.map_err(|error| {
        tracing::error!(transactional_id = id, %error, "failed to end a transaction; the broker tries again");
        Unfinished
    })
}

/// Writes the markers that are missing, then ends the pending offsets.
fn write_markers(state: &State, ending: &mut Ending<'_>) -> Result<(), StorageError> {
    let end = &mut ending.end;
    let result = if end.committed { TransactionResult::Commit } else { TransactionResult::Abort };
    let marker = EndMarker {
        producer_id: end.producer.id,
        producer_epoch: end.producer.epoch,
        coordinator_epoch: COORDINATOR_EPOCH,
        result,
    };
    // A partition that has its marker is removed, so that another attempt does not write it again.
    while let Some(asked) = end.partitions.first() {
        // The topic may have been deleted.
        if let Some(partition) = state.topics.partition(&asked.topic, asked.partition) {
            match partition.change(|log| log.append_end_marker(marker, Clock::wall_ms())) {
                Some(Ok(_)) => partition.wake(),
                Some(Err(AppendError::Storage(error))) => return Err(error),
                Some(Err(error)) => {
                    let index = asked.partition;
                    tracing::warn!(topic = asked.topic, partition = index, %error, "transaction marker rejected");
                }
                None => {}
            }
        }
        end.partitions.pop_first();
    }
    state.groups.end_transaction(end.producer.id, end.committed)
}

/// Finishes transactions whose markers are missing, and handles timeouts, until the future is dropped.
pub(crate) async fn run_timeouts(state: &State) {
    loop {
        match finish_all(state) {
            Ok(()) => state.transactions.timeout().await,
            // Whatever else happens: trying again at once would fail again, for example on a full disk.
            Err(Unfinished) => tokio::time::sleep(RETRY_DELAY).await,
        }
    }
}

fn finish_all(state: &State) -> Result<(), Unfinished> {
    let mut result = Ok(());
    for ending in state.transactions.take_unfinished() {
        result = finish(state, ending).and(result);
    }
    while let Some(ending) = expire(state)? {
        result = finish(state, ending).and(result);
    }
    result
}

/// Aborts transactions whose timeout has passed. Returns one whose markers must be written, or `None` after the last.
fn expire(state: &State) -> Result<Option<Ending<'_>>, Unfinished> {
    loop {
        let mut expired = false;
        let (answer, ending) = state.transactions.change(|transactions, now| match transactions.expire(now) {
            Some(change) => {
                expired = true;
                change
            }
            None => Change { events: Vec::new(), end: None, answer: Ok(()) },
        });
        // The error has been logged.
        answer.map_err(|_| Unfinished)?;
        if ending.is_some() || !expired {
            return Ok(ending);
        }
    }
}
