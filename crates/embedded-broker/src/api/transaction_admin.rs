//! The APIs that administer transactions: `ListTransactions` and `DescribeTransactions`.

use kafka_groups::ErrorCode;
use kafka_groups::transactions::{Transaction, TransactionState as Status};
use kafka_protocol::messages::describe_transactions_response::{TopicData, TransactionState};
use kafka_protocol::messages::{
    DescribeTransactionsRequest, DescribeTransactionsResponse, ListTransactionsRequest, ListTransactionsResponse,
    ProducerId, TopicName, TransactionalId, list_transactions_response,
};

use super::text;
use crate::clock::Clock;
use crate::state::State;

/// The states that filters can name.
const STATES: [Status; 6] = [
    Status::Empty,
    Status::Ongoing,
    Status::PrepareCommit,
    Status::PrepareAbort,
    Status::CompleteCommit,
    Status::CompleteAbort,
];

pub(super) fn list(state: &State, request: &ListTransactionsRequest) -> ListTransactionsResponse {
    let known = |name: &str| STATES.iter().any(|state| state.name() == name);
    let unknown = request.state_filters.iter().filter(|name| !known(name)).cloned().collect();
    let now = Clock::wall_ms();
    let matches = |transaction: &Transaction| {
        let states = &request.state_filters;
        let ids = &request.producer_id_filters;
        (states.is_empty() || states.iter().any(|name| name.as_str() == transaction.state.name()))
            && (ids.is_empty() || ids.iter().any(|id| id.0 == transaction.producer.id))
            && (request.duration_filter < 0 || is_open_for(transaction, now, request.duration_filter))
    };
    let listed = state.transactions.read(|transactions| {
        let listed = transactions.iter().filter(|(_, transaction)| matches(transaction)).map(|(id, transaction)| {
            list_transactions_response::TransactionState::default()
                .with_transactional_id(TransactionalId(text(id)))
                .with_producer_id(ProducerId(transaction.producer.id))
                .with_transaction_state(text(transaction.state.name()))
        });
        listed.collect()
    });
    ListTransactionsResponse::default().with_unknown_state_filters(unknown).with_transaction_states(listed)
}

/// Returns `true` if the transaction has been open for longer than `duration_ms`.
fn is_open_for(transaction: &Transaction, now: i64, duration_ms: i64) -> bool {
    transaction.state == Status::Ongoing && now.saturating_sub(transaction.start_ms) > duration_ms
}

pub(super) fn describe(state: &State, request: DescribeTransactionsRequest) -> DescribeTransactionsResponse {
    let describe = |id: TransactionalId| {
        let described = state.transactions.read(|transactions| transactions.get(&id).map(described));
        let not_found = || TransactionState::default().with_error_code(ErrorCode::TransactionalIdNotFound.code());
        described.unwrap_or_else(not_found).with_transactional_id(id)
    };
    let states = request.transactional_ids.into_iter().map(describe).collect();
    DescribeTransactionsResponse::default().with_transaction_states(states)
}

fn described(transaction: &Transaction) -> TransactionState {
    let mut topics: Vec<TopicData> = Vec::new();
    for partition in &transaction.partitions {
        match topics.last_mut() {
            Some(last) if last.topic.as_str() == partition.topic => last.partitions.push(partition.partition),
            _ => topics.push(
                TopicData::default()
                    .with_topic(TopicName(text(&partition.topic)))
                    .with_partitions(vec![partition.partition]),
            ),
        }
    }
    TransactionState::default()
        .with_transaction_state(text(transaction.state.name()))
        .with_transaction_timeout_ms(transaction.timeout_ms)
        .with_transaction_start_time_ms(transaction.start_ms)
        .with_producer_id(ProducerId(transaction.producer.id))
        .with_producer_epoch(transaction.producer.epoch)
        .with_topics(topics)
}
