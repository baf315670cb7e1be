//! The offsets at which a consumer group starts and resumes.

use event_source::StartingPosition;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use tickerlake_tests::function::Reply;

use super::*;

tickerlake_tests::on_both_brokers! {
    group_resumes_in_the_middle_of_a_produced_batch, 1;
    consumer_gets_nothing_after_the_last_record, 1;
    new_group_starts_at_the_trim_horizon, 1;
    latest_position_applies_only_to_a_new_group, 1;
}

async fn new_group_starts_at_the_trim_horizon(broker: TestBroker) {
    broker.send(0, small(3)).await.unwrap();
    let function = FakeFunction::with_replies(Vec::new()).await.unwrap();
    Rig::start(settings(&broker, 100, SHORT), &function).finish_after(3).await;
    assert_eq!(broker.committed(0).await.unwrap(), Some(3));
    broker.send(0, small(2)).await.unwrap();
    Rig::start(settings(&broker, 100, SHORT), &function).finish_after(2).await;
    assert_eq!(function.offsets().concat(), [0, 1, 2, 3, 4]);
}

async fn group_resumes_in_the_middle_of_a_produced_batch(broker: TestBroker) {
    // One produce request is one batch of records in the log.
    broker.send(0, small(10)).await.unwrap();
    for next in 0..3 {
        let function = FakeFunction::start(move |nth, _| if nth == 0 { Reply::Body("null") } else { Reply::Status500 });
        let function = function.await.unwrap();
        let rig = Rig::start(settings(&broker, 3, SHORT), &function);
        until("a second batch", || rig.progress.counts().failures > 0).await;
        rig.running.finish().await.unwrap();
        let first = next * 3;
        assert_eq!(function.offsets()[0], [first, first + 1, first + 2]);
    }
}

async fn consumer_gets_nothing_after_the_last_record(broker: TestBroker) {
    broker.send(0, small(10)).await.unwrap();
    let consumer: BaseConsumer = broker.client().set("group.id", &broker.group).create().unwrap();
    let mut position = TopicPartitionList::new();
    position.add_partition_offset(&broker.topic, 0, Offset::Offset(4)).unwrap();
    consumer.assign(&position).unwrap();
    let read = tokio::task::spawn_blocking(move || {
        let mut offsets = Vec::new();
        let started = Instant::now();
        // The polls continue for some time after the last record.
        while started.elapsed() < Duration::from_secs(5) {
            if let Some(message) = consumer.poll(Duration::from_millis(100)) {
                offsets.push(message.map(|message| message.offset()));
            }
        }
        offsets
    });
    assert_eq!(read.await.unwrap(), (4..10).map(Ok).collect::<Vec<_>>());
}

async fn latest_position_applies_only_to_a_new_group(broker: TestBroker) {
    broker.send(0, small(3)).await.unwrap();
    let function = FakeFunction::with_replies(Vec::new()).await.unwrap();
    let latest = || Settings { starting_position: StartingPosition::Latest, ..settings(&broker, 100, SHORT) };
    let rig = Rig::start(latest(), &function);
    // The broker's response determines the starting offset: the group does not get a record that arrives earlier.
    until("the group's position", || rig.progress.lag().values().sum::<u64>() > 0 || rig.progress.lag().len() == 1)
        .await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    broker.send(0, small(1)).await.unwrap();
    rig.finish_after(1).await;
    assert_eq!(function.offsets(), [vec![3]]);
    broker.send(0, small(2)).await.unwrap();
    Rig::start(latest(), &function).finish_after(2).await;
    assert_eq!(function.offsets().concat(), [3, 4, 5]);
}
