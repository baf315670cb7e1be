//! Several triggers in one consumer group.

use std::collections::BTreeSet;

use tickerlake_tests::function::Reply;

use super::*;

tickerlake_tests::on_both_brokers! {
    partitions_move_between_triggers_without_loss, 4;
    retrying_trigger_yields_partitions_to_a_new_member, 2;
    function_slower_than_max_poll_interval_keeps_partitions, 1;
    stopping_trigger_commits_the_invocation_in_flight, 1;
}

/// Returns partition and offset of the records of all invocations.
fn records(functions: &[&FakeFunction]) -> Vec<(i32, i64)> {
    functions.iter().flat_map(|function| function.invocations()).flat_map(|invocation| invocation.records).collect()
}

async fn send_everywhere(broker: &TestBroker, count: usize) {
    for partition in 0..4 {
        broker.send(partition, small(count)).await.unwrap();
    }
}

async fn partitions_move_between_triggers_without_loss(broker: TestBroker) {
    let slow = || FakeFunction::start(|_, _| Reply::After(Duration::from_millis(50)));
    let (one, other) = (slow().await.unwrap(), slow().await.unwrap());
    let first = Rig::start(settings(&broker, 10, SHORT), &one);
    send_everywhere(&broker, 50).await;
    until("a first batch", || first.progress.counts().batches > 0).await;
    // The second trigger joins while the first delivers, and stops while both deliver.
    let second = Rig::start(settings(&broker, 10, SHORT), &other);
    until("two partitions for each trigger", || {
        let partitions = [&first, &second].map(|rig| rig.progress.lag().len());
        partitions == [2, 2]
    })
    .await;
    send_everywhere(&broker, 50).await;
    until("the second trigger's first batch", || second.progress.counts().batches > 0).await;
    second.running.finish().await.unwrap();
    send_everywhere(&broker, 20).await;
    until("all records", || first.progress.counts().records + second.progress.counts().records >= 4 * 120).await;
    first.running.finish().await.unwrap();
    let all = records(&[&one, &other]);
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 4 * 120, "no record is lost");
    // Kafka can reject a commit during a rebalance and then redelivers its records, as on AWS. The group rebalances
    // twice, and each of the two triggers has at most one batch in flight.
    if broker.is_apache() {
        assert!(all.len() <= 4 * 120 + 2 * 2 * 10, "{} records were delivered", all.len());
    }
    for partition in 0..4 {
        assert_eq!(broker.committed(partition).await.unwrap(), Some(120));
    }
}

async fn retrying_trigger_yields_partitions_to_a_new_member(broker: TestBroker) {
    broker.send(0, small(5)).await.unwrap();
    broker.send(1, small(5)).await.unwrap();
    let failing = FakeFunction::start(|_, _| Reply::Status500).await.unwrap();
    let first = Rig::start(settings(&broker, 100, SHORT), &failing);
    until("failures", || first.progress.counts().failures >= 2).await;
    let working = FakeFunction::with_replies(Vec::new()).await.unwrap();
    let second = Rig::start(settings(&broker, 100, SHORT), &working);
    until("the second trigger's records", || second.progress.counts().records == 5).await;
    // The first trigger retries only the partition that it still has.
    let before = failing.invocations().len();
    until("another retry", || failing.invocations().len() > before + 1).await;
    let (retried, moved) = (failing.invocations(), working.invocations());
    let last = retried.last().unwrap();
    assert_eq!(last.records.len(), 5, "{last:?}");
    assert!(last.records.iter().all(|record| record.0 != moved[0].records[0].0), "{last:?} {moved:?}");
    first.running.finish().await.unwrap();
    second.finish_after(10).await;
}

async fn function_slower_than_max_poll_interval_keeps_partitions(broker: TestBroker) {
    broker.send(0, small(3)).await.unwrap();
    let function = FakeFunction::start(|nth, _| Reply::After(Duration::from_secs(if nth == 0 { 9 } else { 0 })));
    let function = function.await.unwrap();
    let mut settings = settings(&broker, 1, SHORT);
    settings.client.set("session.timeout.ms", "6000").set("max.poll.interval.ms", "6000");
    Rig::start(settings, &function).finish_after(3).await;
    assert_eq!(function.offsets(), [[0], [1], [2]]);
    assert_eq!(broker.committed(0).await.unwrap(), Some(3));
}

async fn stopping_trigger_commits_the_invocation_in_flight(broker: TestBroker) {
    broker.send(0, small(2)).await.unwrap();
    let function = FakeFunction::start(|_, _| Reply::After(Duration::from_secs(1))).await.unwrap();
    let rig = Rig::start(settings(&broker, 2, LONG), &function);
    until("an invocation", || !function.invocations().is_empty()).await;
    assert_eq!(rig.progress.counts().batches, 0);
    rig.running.finish().await.unwrap();
    assert_eq!((rig.progress.counts().records, broker.committed(0).await.unwrap()), (2, Some(2)));
}
