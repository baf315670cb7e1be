use super::*;

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
fn open_transaction_is_aborted_even_for_an_old_epoch() {
    let mut broker = Broker::new();
    let old = broker.init();
    let producer = broker.init();
    broker.add(producer, &[0]).unwrap();
    let (end, result) = broker.init_with(&InitProducerId { version: 3, ..request(Some(old)) });
    assert_eq!(result, Err(ErrorCode::ConcurrentTransactions));
    broker.write_markers(&end.unwrap());
    let (_, result) = broker.init_with(&InitProducerId { version: 3, ..request(Some(old)) });
    assert_eq!(result, Err(ErrorCode::InvalidProducerEpoch));
}
