//! Changes of the log under a running trigger: new partitions, removed records, and offsets without a record.
//!
//! These tests run on Apache Kafka only. The embedded broker neither adds partitions nor removes records, and has no
//! transactions.

use tickerlake_tests::function::Reply;

use super::*;

/// Time within which a new partition is read.
const NEW_PARTITION: Duration = Duration::from_secs(30);

/// Starts a function that succeeds once, and then fails until the returned value is set.
async fn failing_after_one() -> (FakeFunction, Arc<std::sync::atomic::AtomicBool>) {
    let works = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_working = Arc::clone(&works);
    let function = FakeFunction::start(move |nth, _| {
        let succeeds = nth == 0 || is_working.load(std::sync::atomic::Ordering::Relaxed);
        if succeeds { Reply::Body("null") } else { Reply::Status500 }
    });
    (function.await.unwrap(), works)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
async fn new_partitions_are_read_without_a_restart() {
    let broker = TestBroker::apache(1).await.unwrap();
    broker.send(0, small(3)).await.unwrap();
    let function = FakeFunction::with_replies(Vec::new()).await.unwrap();
    let rig = Rig::start(settings(&broker, 100, SHORT), &function);
    rig.progress.stored_records(3).await;
    broker.add_partitions(3).await.unwrap();
    let added = Instant::now();
    for partition in 0..3 {
        broker.send(partition, small(5)).await.unwrap();
    }
    tokio::time::timeout(NEW_PARTITION, rig.progress.stored_records(18)).await.unwrap();
    println!("new partitions were read after {:.1} s", added.elapsed().as_secs_f64());
    rig.running.finish().await.unwrap();
    for (partition, offset) in [(0, 8), (1, 5), (2, 5)] {
        assert_eq!(broker.committed(partition).await.unwrap(), Some(offset));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
async fn records_removed_while_stopped_are_counted() {
    let broker = TestBroker::apache(1).await.unwrap();
    broker.send(0, small(300)).await.unwrap();
    let (failing, _) = failing_after_one().await;
    let rig = Rig::start(settings(&broker, 10, SHORT), &failing);
    until("a failure", || rig.progress.counts().failures > 0).await;
    rig.running.finish().await.unwrap();
    assert_eq!((rig.progress.counts().removed, broker.committed(0).await.unwrap()), (0, Some(10)));
    broker.delete_records(0, 300).await.unwrap();
    let function = FakeFunction::with_replies(Vec::new()).await.unwrap();
    // Without a later record.
    let rig = Rig::start(settings(&broker, 10, SHORT), &function);
    until("the removed records", || rig.progress.counts().removed > 0).await;
    rig.running.finish().await.unwrap();
    assert_eq!(rig.progress.counts().removed, 290);
    // With one, which is read at once.
    broker.send(0, small(1)).await.unwrap();
    let counts = Rig::start(settings(&broker, 10, SHORT), &function).finish_after(1).await.counts();
    assert_eq!((counts.removed, function.offsets()), (290, vec![vec![300]]));
    let counts = {
        broker.send(0, small(1)).await.unwrap();
        Rig::start(settings(&broker, 10, SHORT), &function).finish_after(1).await.counts()
    };
    assert_eq!(counts.removed, 0, "the group has read past them");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
async fn records_removed_while_the_function_fails_are_counted() {
    let broker = TestBroker::apache(1).await.unwrap();
    broker.send(0, small(300)).await.unwrap();
    let (function, works) = failing_after_one().await;
    let rig = Rig::start(settings(&broker, 10, SHORT), &function);
    // The batch in flight has 10 to 19, and the next one 20 to 29; pausing discards what was fetched after that.
    until("several failures", || rig.progress.counts().failures > 4).await;
    broker.delete_records(0, 200).await.unwrap();
    until("the removed records", || rig.progress.counts().removed > 0).await;
    works.store(true, std::sync::atomic::Ordering::Relaxed);
    until("the rest", || rig.progress.counts().records == 130).await;
    rig.running.finish().await.unwrap();
    assert_eq!(rig.progress.counts().removed, 170);
    let mut read = function.offsets().concat();
    read.sort_unstable();
    read.dedup();
    assert_eq!(read, (0..30).chain(200..300).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
async fn lag_of_a_transactional_topic_reaches_0() {
    let broker = TestBroker::apache(1).await.unwrap();
    let function = FakeFunction::with_replies(Vec::new()).await.unwrap();
    for _ in 0..3 {
        broker.send_in_transaction(2, true).await.unwrap();
    }
    broker.send_in_transaction(4, false).await.unwrap();
    // Records at 0, 1, 3, 4, 6 and 7; markers at 2, 5, 8 and 13; aborted records at 9 to 12.
    let rig = Rig::start(settings(&broker, 100, SHORT), &function);
    rig.progress.stored_records(6).await;
    until("lag 0", || rig.progress.lag().values().copied().collect::<Vec<_>>() == [0]).await;
    assert_eq!(broker.committed(0).await.unwrap(), Some(14));
    // A transaction that is aborted while the trigger waits.
    broker.send_in_transaction(3, false).await.unwrap();
    until_committed(&broker, 18).await;
    until("lag 0 again", || rig.progress.lag().values().copied().collect::<Vec<_>>() == [0]).await;
    rig.running.finish().await.unwrap();
    assert_eq!((function.offsets().concat(), rig.progress.counts().removed), (vec![0, 1, 3, 4, 6, 7], 0));
    // The next process has nothing to read, and its lag is 0 as well.
    broker.send_in_transaction(1, false).await.unwrap();
    let rig = Rig::start(settings(&broker, 100, SHORT), &function);
    until_committed(&broker, 20).await;
    rig.running.finish().await.unwrap();
    broker.send_in_transaction(1, true).await.unwrap();
    Rig::start(settings(&broker, 100, SHORT), &function).finish_after(1).await;
    assert_eq!(function.offsets().concat(), [0, 1, 3, 4, 6, 7, 20]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
async fn markers_are_not_committed_before_the_records_before_them() {
    let broker = TestBroker::apache(1).await.unwrap();
    broker.send_in_transaction(2, true).await.unwrap();
    let (function, works) = failing_after_one().await;
    let rig = Rig::start(settings(&broker, 1, SHORT), &function);
    until("several failures", || rig.progress.counts().failures > 3).await;
    assert_eq!(broker.committed(0).await.unwrap(), Some(1), "offset 1 is still retried");
    works.store(true, std::sync::atomic::Ordering::Relaxed);
    until_committed(&broker, 3).await;
    rig.running.finish().await.unwrap();
}

async fn until_committed(broker: &TestBroker, offset: i64) {
    let limit = Instant::now() + WAIT;
    while broker.committed(0).await.unwrap() != Some(offset) {
        assert!(Instant::now() < limit, "timed out waiting for offset {offset} to be committed");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
