//! The limits that close a batch, and the order of batches.

use std::collections::BTreeMap;

use tickerlake_tests::function::Reply;

use super::*;

tickerlake_tests::on_both_brokers! {
    batch_closes_at_its_size_or_the_end_of_its_window, 1;
    without_a_window_a_record_is_delivered_at_once, 1;
    without_a_window_fetched_records_form_one_batch, 1;
    batches_mix_partitions_but_keep_the_order_of_each, 3;
    no_event_exceeds_the_payload_limit, 1;
}

async fn batch_closes_at_its_size_or_the_end_of_its_window(broker: TestBroker) {
    broker.send(0, small(7)).await.unwrap();
    let function = FakeFunction::with_replies(Vec::new()).await.unwrap();
    let window = Duration::from_secs(2);
    Rig::start(settings(&broker, 3, window), &function).finish_after(7).await;
    assert_eq!(function.offsets(), [vec![0, 1, 2], vec![3, 4, 5], vec![6]]);
    let seen = function.invocations();
    assert!(
        seen[2].at - seen[0].at > window - Duration::from_millis(500),
        "the last batch is delivered at the end of its window"
    );
}

async fn without_a_window_a_record_is_delivered_at_once(broker: TestBroker) {
    let function = FakeFunction::with_replies(Vec::new()).await.unwrap();
    let rig = Rig::start(settings(&broker, 10_000, Duration::ZERO), &function);
    for count in 1..=3 {
        broker.send(0, small(1)).await.unwrap();
        until("another record", || rig.progress.counts().records == count).await;
    }
    rig.running.finish().await.unwrap();
    assert_eq!(function.offsets(), [vec![0], vec![1], vec![2]]);
}

async fn without_a_window_fetched_records_form_one_batch(broker: TestBroker) {
    broker.send(0, small(250)).await.unwrap();
    let function = FakeFunction::with_replies(Vec::new()).await.unwrap();
    Rig::start(settings(&broker, 10_000, Duration::ZERO), &function).finish_after(250).await;
    assert_eq!(function.offsets(), [(0..250).collect::<Vec<_>>()], "more records than the consumer takes in one round");
}

async fn batches_mix_partitions_but_keep_the_order_of_each(broker: TestBroker) {
    for partition in 0..3 {
        broker.send(partition, small(40)).await.unwrap();
    }
    let duration = Duration::from_millis(30);
    let function = FakeFunction::start(move |_, _| Reply::After(duration)).await.unwrap();
    let progress = Rig::start(settings(&broker, 50, SHORT), &function).finish_after(120).await;
    let seen = function.invocations();
    assert!(seen.iter().any(|invocation| invocation.records.iter().any(|record| record.0 != invocation.records[0].0)));
    assert!(seen.windows(2).all(|two| two[1].at - two[0].at >= duration), "one invocation at a time");
    let mut offsets: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
    for (partition, offset) in seen.into_iter().flat_map(|invocation| invocation.records) {
        offsets.entry(partition).or_default().push(offset);
    }
    assert_eq!(offsets, (0..3).map(|partition| (partition, (0..40).collect())).collect());
    assert_eq!(progress.counts().failures, 0);
}

async fn no_event_exceeds_the_payload_limit(broker: TestBroker) {
    let value = format!("{{\"padding\":\"{}\"}}", "x".repeat(300_000));
    broker.send(0, (0..40).map(|_| Some(value.clone()))).await.unwrap();
    let function = FakeFunction::with_replies(Vec::new()).await.unwrap();
    Rig::start(settings(&broker, 10_000, Duration::from_secs(3)), &function).finish_after(40).await;
    let sizes: Vec<usize> = function.invocations().iter().map(|invocation| invocation.size).collect();
    assert!(sizes.iter().all(|size| *size <= MAX_PAYLOAD), "{sizes:?}");
    // Base64 turns 300,000 bytes into 400,000: fifteen values are 6 MB, and a sixteenth exceeds the limit.
    assert_eq!(function.offsets()[..2], [(0..15).collect::<Vec<_>>(), (15..30).collect()]);
}
