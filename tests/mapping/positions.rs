//! Where a group begins, and where it goes on.

use event_source::StartingPosition;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};
use tickerlake_tests::function::Reply;

use super::*;

tickerlake_tests::on_both_brokers! {
    a_group_goes_on_in_the_middle_of_what_was_produced_at_once, 1;
    a_reader_at_the_end_of_a_partition_is_told_of_nothing, 1;
    a_new_group_begins_at_the_trim_horizon_and_goes_on_after_what_it_has_stored, 1;
    a_new_group_may_begin_at_the_latest_record_and_one_that_exists_ignores_that, 1;
}

async fn a_new_group_begins_at_the_trim_horizon_and_goes_on_after_what_it_has_stored(broker: TestBroker) {
    broker.send(0, small(3)).await.unwrap();
    let function = FakeFunction::replying(Vec::new()).await.unwrap();
    Rig::start(settings(&broker, 100, SHORT), &function).end_after(3).await;
    assert_eq!(broker.committed(0).await.unwrap(), Some(3));
    broker.send(0, small(2)).await.unwrap();
    Rig::start(settings(&broker, 100, SHORT), &function).end_after(2).await;
    assert_eq!(function.offsets().concat(), [0, 1, 2, 3, 4]);
}

async fn a_group_goes_on_in_the_middle_of_what_was_produced_at_once(broker: TestBroker) {
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

async fn a_reader_at_the_end_of_a_partition_is_told_of_nothing(broker: TestBroker) {
    broker.send(0, small(10)).await.unwrap();
    let consumer: BaseConsumer = broker.client().set("group.id", &broker.group).create().unwrap();
    let mut place = TopicPartitionList::new();
    place.add_partition_offset(&broker.topic, 0, Offset::Offset(4)).unwrap();
    consumer.assign(&place).unwrap();
    let read = tokio::task::spawn_blocking(move || {
        let mut offsets = Vec::new();
        let since = Instant::now();
        // For some time after the last record, too.
        while since.elapsed() < Duration::from_secs(5) {
            if let Some(message) = consumer.poll(Duration::from_millis(100)) {
                offsets.push(message.map(|message| message.offset()));
            }
        }
        offsets
    });
    assert_eq!(read.await.unwrap(), (4..10).map(Ok).collect::<Vec<_>>());
}

async fn a_new_group_may_begin_at_the_latest_record_and_one_that_exists_ignores_that(broker: TestBroker) {
    broker.send(0, small(3)).await.unwrap();
    let function = FakeFunction::replying(Vec::new()).await.unwrap();
    let latest = || Settings { starting_position: StartingPosition::Latest, ..settings(&broker, 100, SHORT) };
    let rig = Rig::start(latest(), &function);
    // Where it begins is decided by the broker's answer; a record that comes before is none of its.
    until("the group's place", || rig.progress.lag().values().sum::<u64>() > 0 || rig.progress.lag().len() == 1).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    broker.send(0, small(1)).await.unwrap();
    rig.end_after(1).await;
    assert_eq!(function.offsets(), [vec![3]]);
    broker.send(0, small(2)).await.unwrap();
    Rig::start(latest(), &function).end_after(2).await;
    assert_eq!(function.offsets().concat(), [3, 4, 5]);
}
