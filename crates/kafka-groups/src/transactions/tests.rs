use proptest::prelude::*;

use super::*;
use crate::codec::DecodeError;

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

#[test]
fn new_transactional_id_begins_with_epoch_0() {
    let mut broker = Broker::new();
    assert_eq!(broker.init(), Producer { id: 101, epoch: 0 });
    assert_eq!(broker.state(), TransactionState::Empty);
}

#[test]
fn second_producer_gets_the_next_epoch() {
    let mut broker = Broker::new();
    let first = broker.init();
    let second = broker.init();
    assert_eq!(second, Producer { epoch: 1, ..first });
    assert_eq!(broker.add(first, &[0]), Err(ErrorCode::ProducerFenced));
    assert_eq!(broker.end(first, true).1, Err(ErrorCode::ProducerFenced));
    assert_eq!(broker.add(second, &[0]), Ok(()));
}

#[test]
fn transactional_id_must_not_be_empty() {
    let mut broker = Broker::new();
    let empty = InitProducerId { transactional_id: String::new(), ..request(None) };
    assert_eq!(broker.init_with(&empty).1, Err(ErrorCode::InvalidRequest));
}

#[test]
fn timeout_must_be_within_15_minutes() {
    let mut broker = Broker::new();
    for timeout_ms in [-1, 0, 900_001] {
        let request = InitProducerId { timeout_ms, ..request(None) };
        assert_eq!(broker.init_with(&request).1, Err(ErrorCode::InvalidTransactionTimeout));
    }
    assert!(broker.init_with(&InitProducerId { timeout_ms: 900_000, ..request(None) }).1.is_ok());
}

#[test]
fn failure_to_get_a_producer_id_changes_nothing() {
    let change = Transactions::new().init_producer_id(0, &request(None), || Err(ErrorCode::CoordinatorNotAvailable));
    assert_eq!(change, Change { events: vec![], end: None, answer: Err(ErrorCode::CoordinatorNotAvailable) });
}

#[test]
fn commit_writes_markers_to_every_partition() {
    let mut broker = Broker::new();
    let producer = broker.init();
    broker.add(producer, &[0, 1]).unwrap();
    let groups = AddToTransaction { groups: BTreeSet::from(["g".to_owned()]), ..add(producer, &[]) };
    let change = broker.transactions.add(broker.now_ms, &groups);
    broker.store(change).1.unwrap();
    let (end, result) = broker.end(producer, true);
    assert_eq!(result, Ok(()));
    let end = end.unwrap();
    let expected = EndTransaction {
        transactional_id: ID.to_owned(),
        producer,
        committed: true,
        partitions: BTreeSet::from([quotes(0), quotes(1)]),
        groups: BTreeSet::from(["g".to_owned()]),
    };
    assert_eq!(end, expected);
    assert_eq!(broker.state(), TransactionState::PrepareCommit);
    broker.write_markers(&end);
    assert_eq!(broker.state(), TransactionState::CompleteCommit);
    let transaction = broker.transactions.get(ID).unwrap();
    assert!(transaction.partitions.is_empty() && transaction.groups.is_empty());
}

#[test]
fn next_transaction_has_the_same_epoch() {
    let mut broker = Broker::new();
    let producer = broker.init();
    broker.run(producer, true);
    broker.now_ms += 5;
    broker.add(producer, &[1]).unwrap();
    let transaction = broker.transactions.get(ID).unwrap();
    assert_eq!(transaction.start_ms, broker.now_ms);
    assert_eq!(transaction.partitions, BTreeSet::from([quotes(1)]));
}

#[test]
fn adding_the_same_partition_again_stores_nothing() {
    let mut broker = Broker::new();
    let producer = broker.init();
    broker.add(producer, &[0, 1]).unwrap();
    let change = broker.transactions.add(broker.now_ms, &add(producer, &[1]));
    assert_eq!(change, Change { events: vec![], end: None, answer: Ok(()) });
}

#[test]
fn repeated_end_of_a_complete_transaction_succeeds() {
    for committed in [true, false] {
        let mut broker = Broker::new();
        let producer = broker.init();
        broker.run(producer, committed);
        assert_eq!(broker.end(producer, committed), (None, Ok(())));
        assert_eq!(broker.end(producer, !committed), (None, Err(ErrorCode::InvalidTxnState)));
    }
}

#[test]
fn requests_during_the_markers_are_concurrent() {
    let mut broker = Broker::new();
    let producer = broker.init();
    broker.add(producer, &[0]).unwrap();
    broker.end(producer, true).1.unwrap();
    assert_eq!(broker.add(producer, &[0]), Err(ErrorCode::ConcurrentTransactions));
    assert_eq!(broker.end(producer, true).1, Err(ErrorCode::ConcurrentTransactions));
    assert_eq!(broker.end(producer, false).1, Err(ErrorCode::InvalidTxnState));
    assert_eq!(broker.init_with(&request(None)).1, Err(ErrorCode::ConcurrentTransactions));
    let verified = broker.transactions.verify(ID, producer, Verify::Partition(&quotes(0)), true);
    assert_eq!(verified, Err(ErrorCode::ConcurrentTransactions));
}

#[test]
fn transaction_without_partitions_cannot_end() {
    let mut broker = Broker::new();
    let producer = broker.init();
    assert_eq!(broker.end(producer, true), (None, Err(ErrorCode::InvalidTxnState)));
    assert_eq!(broker.end(producer, false), (None, Err(ErrorCode::InvalidTxnState)));
}

#[test]
fn unknown_ids_do_not_map() {
    let mut broker = Broker::new();
    let producer = broker.init();
    let other = Producer { id: 7, ..producer };
    assert_eq!(broker.add(other, &[0]), Err(ErrorCode::InvalidProducerIdMapping));
    assert_eq!(broker.end(other, true).1, Err(ErrorCode::InvalidProducerIdMapping));
    let unknown = AddToTransaction { transactional_id: "u".to_owned(), ..add(producer, &[0]) };
    assert_eq!(broker.transactions.add(0, &unknown).answer, Err(ErrorCode::InvalidProducerIdMapping));
    let empty = AddToTransaction { transactional_id: String::new(), ..add(producer, &[0]) };
    assert_eq!(broker.transactions.add(0, &empty).answer, Err(ErrorCode::InvalidRequest));
}

#[test]
fn older_clients_see_an_invalid_epoch_when_fenced() {
    let mut broker = Broker::new();
    let old = broker.init();
    broker.init();
    let add = AddToTransaction { version: 1, ..add(old, &[0]) };
    assert_eq!(broker.transactions.add(0, &add).answer, Err(ErrorCode::InvalidProducerEpoch));
    let end = EndTxn { version: 1, ..end_txn(old, true) };
    assert_eq!(broker.transactions.end_txn(0, &end).answer, Err(ErrorCode::InvalidProducerEpoch));
    let init = InitProducerId { version: 3, ..request(Some(Producer { id: 7, epoch: 0 })) };
    assert_eq!(broker.init_with(&init).1, Err(ErrorCode::InvalidProducerEpoch));
}

#[test]
fn new_producer_aborts_the_open_transaction_first() {
    let mut broker = Broker::new();
    let old = broker.init();
    broker.add(old, &[0]).unwrap();
    let (end, result) = broker.init_with(&request(None));
    assert_eq!(result, Err(ErrorCode::ConcurrentTransactions));
    let end = end.unwrap();
    assert!(!end.committed);
    assert_eq!(end.producer, Producer { epoch: 1, ..old });
    broker.write_markers(&end);
    assert_eq!(broker.end(old, true).1, Err(ErrorCode::ProducerFenced));
    assert_eq!(broker.init(), Producer { epoch: 2, ..old });
}

#[test]
fn producer_that_continues_gets_the_next_epoch() {
    let mut broker = Broker::new();
    let first = broker.init();
    let second = broker.init_with(&request(Some(first))).1.unwrap();
    assert_eq!(second, Producer { epoch: 1, ..first });
    let repeated = broker.init_with(&request(Some(first))).1.unwrap();
    assert_eq!(repeated, second, "the answer may have been lost");
}

#[test]
fn fenced_producer_cannot_continue() {
    let mut broker = Broker::new();
    let first = broker.init();
    broker.init();
    assert_eq!(broker.init_with(&request(Some(first))).1, Err(ErrorCode::ProducerFenced));
    let other = Producer { id: 7, epoch: 0 };
    assert_eq!(broker.init_with(&request(Some(other))).1, Err(ErrorCode::ProducerFenced));
}

#[test]
fn exhausted_epochs_lead_to_a_new_producer_id() {
    let mut broker = Broker::new();
    let producer = broker.init_with_last_epoch();
    let rotated = broker.init_with(&request(Some(producer))).1.unwrap();
    assert_eq!(rotated, Producer { id: 102, epoch: 0 });
    let repeated = broker.init_with(&request(Some(producer))).1.unwrap();
    assert_eq!(repeated, rotated, "the answer may have been lost");
}

#[test]
fn producer_with_the_last_epoch_can_be_fenced() {
    let mut broker = Broker::new();
    let producer = broker.init_with_last_epoch();
    broker.add(producer, &[0]).unwrap();
    let (end, _) = broker.init_with(&request(None));
    assert_eq!(end.as_ref().unwrap().producer.epoch, i16::MAX);
    broker.write_markers(&end.unwrap());
    assert_eq!(broker.init(), Producer { id: 102, epoch: 0 });
}

#[test]
fn transaction_is_aborted_after_its_timeout() {
    let mut broker = Broker::new();
    let producer = broker.init();
    broker.add(producer, &[0]).unwrap();
    assert_eq!(broker.transactions.next_deadline(), Some(61_000));
    assert_eq!(broker.transactions.expire(60_999), None);
    let change = broker.transactions.expire(61_000).unwrap();
    let end = broker.store(change).0.unwrap();
    assert!(!end.committed);
    assert_eq!(end.producer.epoch, producer.epoch + 1);
    assert_eq!(broker.transactions.expire(61_000), None);
    broker.write_markers(&end);
    assert_eq!(broker.end(producer, true).1, Err(ErrorCode::ProducerFenced));
}

#[test]
fn timeout_runs_from_the_begin_of_the_transaction() {
    let mut broker = Broker::new();
    let producer = broker.init();
    broker.add(producer, &[0]).unwrap();
    broker.now_ms += 30_000;
    broker.add(producer, &[1]).unwrap();
    assert_eq!(broker.transactions.next_deadline(), Some(61_000));
}

#[test]
fn unused_id_is_forgotten_after_7_days() {
    let mut broker = Broker::new();
    let producer = broker.init();
    broker.run(producer, true);
    let change = broker.transactions.expire(1_000 + ID_EXPIRATION_MS).unwrap();
    broker.store(change);
    assert_eq!(broker.transactions.get(ID), None);
    assert_eq!(broker.transactions.next_deadline(), None);
    assert_eq!(broker.add(producer, &[0]), Err(ErrorCode::InvalidProducerIdMapping));
}

#[test]
fn only_parts_of_the_open_transaction_are_verified() {
    let mut broker = Broker::new();
    let producer = broker.init();
    let verify = |broker: &Broker, producer, partition: i32, supports_abortable| {
        broker.transactions.verify(ID, producer, Verify::Partition(&quotes(partition)), supports_abortable)
    };
    assert_eq!(verify(&broker, producer, 0, true), Err(ErrorCode::TransactionAbortable));
    broker.add(producer, &[0]).unwrap();
    assert_eq!(verify(&broker, producer, 0, true), Ok(()));
    assert_eq!(verify(&broker, producer, 1, true), Err(ErrorCode::TransactionAbortable));
    assert_eq!(verify(&broker, producer, 1, false), Err(ErrorCode::InvalidTxnState));
    let fenced = Producer { epoch: 7, ..producer };
    assert_eq!(verify(&broker, fenced, 0, true), Err(ErrorCode::InvalidProducerEpoch));
    let other = Producer { id: 7, ..producer };
    assert_eq!(verify(&broker, other, 0, true), Err(ErrorCode::InvalidProducerIdMapping));
    let group = broker.transactions.verify(ID, producer, Verify::Group("g"), true);
    assert_eq!(group, Err(ErrorCode::TransactionAbortable));
}

#[test]
fn stale_markers_do_not_complete_a_newer_transaction() {
    let mut broker = Broker::new();
    let producer = broker.init();
    broker.add(producer, &[0]).unwrap();
    let end = broker.end(producer, true).0.unwrap();
    let stale = EndTransaction { producer: Producer { epoch: 7, ..producer }, ..end.clone() };
    assert_eq!(broker.transactions.markers_written(&stale, 0), []);
    broker.write_markers(&end);
    assert_eq!(broker.transactions.markers_written(&end, 0), []);
}

#[test]
fn restart_repeats_unwritten_markers() {
    let mut broker = Broker::new();
    let producer = broker.init();
    broker.add(producer, &[0]).unwrap();
    let end = broker.end(producer, true).0.unwrap();
    let mut restarted = Transactions::new();
    broker.transactions.snapshot().into_iter().for_each(|event| restarted.replay(event));
    assert_eq!(restarted.unfinished(), std::slice::from_ref(&end));
    restarted.markers_written(&end, 0).into_iter().for_each(|event| restarted.replay(event));
    assert_eq!(restarted.unfinished(), []);
}

#[derive(Clone, Debug)]
enum Step {
    Init { continues: bool, version: i16 },
    Add { producer: prop::sample::Index, partition: i32 },
    End { producer: prop::sample::Index, committed: bool },
    WriteMarkers,
    Wait { ms: i64 },
    Restart,
}

fn any_step() -> impl Strategy<Value = Step> {
    let producer = any::<prop::sample::Index>();
    prop_oneof![
        2 => (any::<bool>(), 2..=5i16).prop_map(|(continues, version)| Step::Init { continues, version }),
        5 => (producer.clone(), 0..3).prop_map(|(producer, partition)| Step::Add { producer, partition }),
        4 => (producer, any::<bool>()).prop_map(|(producer, committed)| Step::End { producer, committed }),
        5 => Just(Step::WriteMarkers),
        2 => prop_oneof![0..1_000i64, Just(60_000), Just(ID_EXPIRATION_MS)].prop_map(|ms| Step::Wait { ms }),
        1 => Just(Step::Restart),
    ]
}

/// Partitions and producers of the open transaction, as an observer of the answers knows them.
#[derive(Default)]
struct Model {
    producers: Vec<Producer>,
    open: BTreeSet<TopicPartition>,
    ending: Option<EndTransaction>,
}

impl Model {
    fn ended(&mut self, end: Option<EndTransaction>) {
        if let Some(end) = end {
            assert!(self.ending.is_none(), "a transaction ends twice");
            assert_eq!(end.partitions, std::mem::take(&mut self.open), "markers for other partitions");
            self.ending = Some(end);
        }
    }
}

proptest! {
    /// Only the latest producer succeeds, and each transaction ends once with markers for exactly its partitions.
    #[test]
    fn every_schedule_keeps_the_invariants(steps in prop::collection::vec(any_step(), 1..60)) {
        let mut broker = Broker::new();
        let mut model = Model::default();
        for step in steps {
            let latest = model.producers.last().copied();
            match step {
                Step::Init { continues, version } => {
                    let present = latest.filter(|_| continues);
                    let (end, result) = broker.init_with(&InitProducerId { version, ..request(present) });
                    model.ended(end);
                    if let Ok(producer) = result {
                        prop_assert!(latest.is_none_or(|latest| producer > latest || present == Some(latest)));
                        prop_assert!(model.open.is_empty() && model.ending.is_none());
                        model.producers.push(producer);
                    }
                }
                Step::Add { producer, partition } if !model.producers.is_empty() => {
                    let producer = *producer.get(&model.producers);
                    if broker.add(producer, &[partition]).is_ok() {
                        prop_assert_eq!(Some(producer), latest, "a fenced producer adds");
                        prop_assert!(model.ending.is_none());
                        model.open.insert(quotes(partition));
                    }
                }
                Step::End { producer, committed } if !model.producers.is_empty() => {
                    let producer = *producer.get(&model.producers);
                    let was_open = !model.open.is_empty();
                    let (end, result) = broker.end(producer, committed);
                    if result.is_ok() {
                        prop_assert_eq!(Some(producer), latest, "a fenced producer ends");
                        prop_assert_eq!(end.is_some(), was_open);
                        prop_assert!(end.as_ref().is_none_or(|end| end.committed == committed));
                    }
                    model.ended(end);
                }
                Step::WriteMarkers => {
                    if let Some(end) = model.ending.take() {
                        broker.write_markers(&end);
                    }
                }
                Step::Wait { ms } => {
                    broker.now_ms += ms;
                    while let Some(change) = broker.transactions.expire(broker.now_ms) {
                        let (end, _) = broker.store(change);
                        prop_assert!(end.as_ref().is_none_or(|end| !end.committed));
                        model.ended(end);
                    }
                    prop_assert!(broker.transactions.next_deadline().is_none_or(|ms| ms > broker.now_ms));
                }
                Step::Restart => {
                    let mut restarted = Transactions::new();
                    for event in broker.transactions.snapshot() {
                        let mut bytes = Vec::new();
                        event.encode(&mut bytes);
                        restarted.replay(TransactionEvent::decode(&bytes).unwrap());
                    }
                    prop_assert_eq!(restarted.snapshot(), broker.transactions.snapshot());
                    prop_assert_eq!(restarted.next_deadline(), broker.transactions.next_deadline());
                    broker.transactions = restarted;
                }
                Step::Add { .. } | Step::End { .. } => {}
            }
            let unfinished = broker.transactions.unfinished();
            prop_assert_eq!(unfinished, model.ending.iter().cloned().collect::<Vec<_>>());
        }
    }

    #[test]
    fn truncated_event_is_rejected(cut in any::<prop::sample::Index>()) {
        let mut broker = Broker::new();
        let producer = broker.init();
        broker.add(producer, &[0, 1]).unwrap();
        let mut bytes = Vec::new();
        broker.transactions.snapshot()[0].encode(&mut bytes);
        bytes.truncate(cut.index(bytes.len()));
        prop_assert_eq!(TransactionEvent::decode(&bytes), Err(DecodeError::Truncated));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
        let _ = TransactionEvent::decode(&bytes);
    }
}
