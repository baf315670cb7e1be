//! The last steps of a start, after everything has been loaded: makes logs, transactions and offsets agree with each
//! other.
//!
//! They are stored in separate files. A process can be killed after it has changed one file but not the other, and a
//! power failure can truncate one file but not the other.

use std::sync::Arc;

use kafka_groups::offsets::TopicPartition;
use kafka_groups::transactions::TransactionState;
use kafka_log::{EndMarker, ProducerSnapshot, TransactionResult};

use crate::clock::Clock;
use crate::markers::COORDINATOR_EPOCH;
use crate::state::State;
use crate::topics::{Partition, Topic};

/// Repairs what an interrupted change has left, and starts the sessions of restored members. A failure is only logged,
/// because the broker works without the repair.
pub(crate) fn complete(state: &State) {
    forget_deleted_topics(state);
    for topic in state.topics.all() {
        for (index, partition) in (0..).zip(&topic.partitions) {
            abort_orphans(state, &topic, index, partition);
        }
    }
    // Last, so that the time of the recovery does not count.
    state.groups.start_sessions();
}

/// Deletes the committed offsets of topics that do not exist, because the broker was killed while it deleted them.
fn forget_deleted_topics(state: &State) {
    let topics = state.groups.read(kafka_groups::GroupCoordinator::topics);
    for topic in topics.iter().filter(|topic| state.topics.by_name(topic).is_none()) {
        match state.groups.forget_topic(topic) {
            Ok(()) => tracing::info!(topic, "committed offsets of a deleted topic removed"),
            Err(error) => tracing::error!(topic, %error, "failed to remove the committed offsets of a deleted topic"),
        }
    }
}

/// Aborts open transactions of the log that the coordinator does not know. No client could end them, and consumers of
/// committed records would wait for them for ever.
fn abort_orphans(state: &State, topic: &Topic, index: i32, partition: &Arc<Partition>) {
    let producers = partition.read(kafka_log::Log::producers).unwrap_or_default();
    for producer in producers.iter().filter(|producer| producer.open_transaction_start.is_some()) {
        if is_known(state, topic, index, producer) {
            continue;
        }
        let marker = EndMarker {
            producer_id: producer.producer_id,
            producer_epoch: producer.producer_epoch,
            coordinator_epoch: COORDINATOR_EPOCH,
            result: TransactionResult::Abort,
        };
        let producer_id = producer.producer_id;
        let topic = topic.name.as_str();
        match partition.change(|log| log.append_end_marker(marker, Clock::wall_ms())) {
            Some(Err(error)) => {
                tracing::error!(topic, partition = index, producer_id, %error, "failed to abort a transaction");
            }
            _ => tracing::warn!(
                topic,
                partition = index,
                producer_id,
                "open transaction aborted because the coordinator does not know it"
            ),
        }
    }
}

fn is_known(state: &State, topic: &Topic, index: i32, producer: &ProducerSnapshot) -> bool {
    let partition = TopicPartition { topic: topic.name.clone(), partition: index };
    state.transactions.read(|transactions| {
        transactions.iter().any(|(_, transaction)| {
            let is_open = matches!(
                transaction.state,
                TransactionState::Ongoing | TransactionState::PrepareCommit | TransactionState::PrepareAbort
            );
            is_open && transaction.producer.id == producer.producer_id && transaction.partitions.contains(&partition)
        })
    })
}
