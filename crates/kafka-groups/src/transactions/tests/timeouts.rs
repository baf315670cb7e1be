use super::*;

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
    broker.store(change).1.unwrap();
    assert_eq!(broker.transactions.get(ID), None);
    assert_eq!(broker.transactions.next_deadline(), None);
    assert_eq!(broker.add(producer, &[0]), Err(ErrorCode::InvalidProducerIdMapping));
}
