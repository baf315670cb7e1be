use super::*;

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
