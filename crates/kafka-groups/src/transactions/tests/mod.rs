//! Tests of the transaction coordinator by requests and answers.

mod init;
mod requests;
mod schedules;
mod timeouts;

use super::*;

const ID: &str = "t";
const TIMEOUT_MS: i32 = 60_000;

/// Transactions with a clock and a counter for producer ids.
struct Broker {
    transactions: Transactions,
    now_ms: i64,
    next_producer_id: i64,
}

impl Broker {
    fn new() -> Self {
        Broker { transactions: Transactions::new(), now_ms: 1_000, next_producer_id: 100 }
    }

    /// Stores the events of a change. Returns its markers and its answer.
    fn store<T>(&mut self, change: Change<T>) -> (Option<EndTransaction>, Result<T, ErrorCode>) {
        change.events.into_iter().for_each(|event| self.transactions.replay(event));
        (change.end, change.answer)
    }

    fn init_with(&mut self, request: &InitProducerId) -> (Option<EndTransaction>, Result<Producer, ErrorCode>) {
        let next = &mut self.next_producer_id;
        let change = self.transactions.init_producer_id(self.now_ms, request, || {
            *next += 1;
            Ok(*next)
        });
        self.store(change)
    }

    fn init(&mut self) -> Producer {
        self.init_with(&request(None)).1.unwrap()
    }

    /// Returns a producer with the last epoch that a producer can have.
    fn init_with_last_epoch(&mut self) -> Producer {
        let first = self.init();
        let mut transaction = self.transactions.get(ID).unwrap().clone();
        transaction.producer.epoch = i16::MAX - 2;
        self.transactions.replay(updated(ID, transaction));
        let last = self.init();
        assert_eq!(last, Producer { epoch: i16::MAX - 1, ..first });
        last
    }

    fn add(&mut self, producer: Producer, partitions: &[i32]) -> Result<(), ErrorCode> {
        let change = self.transactions.add(self.now_ms, &add(producer, partitions));
        self.store(change).1
    }

    fn end(&mut self, producer: Producer, committed: bool) -> (Option<EndTransaction>, Result<(), ErrorCode>) {
        let change = self.transactions.end_txn(self.now_ms, &end_txn(producer, committed));
        self.store(change)
    }

    fn write_markers(&mut self, end: &EndTransaction) {
        for event in self.transactions.markers_written(end, self.now_ms) {
            self.transactions.replay(event);
        }
    }

    /// Runs a transaction of partition 0 to its end.
    fn run(&mut self, producer: Producer, committed: bool) {
        self.add(producer, &[0]).unwrap();
        let (end, result) = self.end(producer, committed);
        result.unwrap();
        self.write_markers(&end.unwrap());
    }

    fn state(&self) -> TransactionState {
        self.transactions.get(ID).unwrap().state
    }
}

fn request(present: Option<Producer>) -> InitProducerId {
    InitProducerId { version: 5, transactional_id: ID.to_owned(), timeout_ms: TIMEOUT_MS, present }
}

fn add(producer: Producer, partitions: &[i32]) -> AddToTransaction {
    AddToTransaction {
        version: 3,
        transactional_id: ID.to_owned(),
        producer,
        partitions: partitions.iter().map(|partition| quotes(*partition)).collect(),
        groups: BTreeSet::new(),
    }
}

fn end_txn(producer: Producer, committed: bool) -> EndTxn {
    EndTxn { version: 4, transactional_id: ID.to_owned(), producer, committed }
}

fn quotes(partition: i32) -> TopicPartition {
    TopicPartition { topic: "quotes".to_owned(), partition }
}
