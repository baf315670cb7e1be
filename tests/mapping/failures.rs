//! What is done when the function fails.

use std::collections::BTreeSet;
use std::path::Path;

use event_source::RetryPolicy;
use event_source::location::OpenLocation;
use event_source::on_failure::OnFailureDestination;
use serde_json::Value;
use sink::event::Event;
use tempfile::TempDir;
use tickerlake_tests::function::{Invocation, Reply};
use tokio::net::TcpListener;

use super::*;

tickerlake_tests::on_both_brokers! {
    a_failed_batch_is_delivered_again_whole_and_committed_only_once_it_succeeds, 1;
    what_a_stopped_trigger_has_not_committed_comes_again_to_the_next, 1;
    a_function_that_takes_too_long_has_failed, 1;
    a_throttled_batch_is_tried_for_ever_whatever_the_attempts, 1;
    a_batch_is_given_up_after_its_retries_and_kept_in_the_destination, 1;
    bisecting_gives_up_exactly_the_one_record_that_fails, 2;
    records_that_are_too_old_are_given_up_without_an_invocation, 1;
    a_partial_response_is_answered_with_what_is_left_of_each_partition, 2;
    an_item_that_was_not_in_the_batch_makes_all_of_it_come_again, 1;
    without_the_response_type_the_answer_is_ignored_whatever_it_reports, 1;
    a_record_over_the_payload_limit_fails_by_itself, 1;
}

/// A policy of so many retries, and a destination in a folder.
async fn giving_up(settings: &mut Settings, retries: u32, folder: &Path) {
    settings.retry_policy = RetryPolicy { maximum_retry_attempts: Some(retries), ..settings.retry_policy };
    settings.on_failure = Some(OnFailureDestination::open(OpenLocation::Folder(folder.to_owned())).unwrap());
}

/// The records kept in a destination, and the partitions and offsets of their payloads.
fn kept(folder: &Path) -> Vec<(Value, Vec<(i32, i64)>)> {
    let mut kept = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let record: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let event = Event::parse(record["payload"].as_str().unwrap()).unwrap();
            let offsets = event.records.iter().map(|record| (record.partition, record.offset)).collect();
            kept.push((record, offsets));
        }
    }
    kept
}

async fn a_failed_batch_is_delivered_again_whole_and_committed_only_once_it_succeeds(broker: TestBroker) {
    broker.send(0, small(5)).await.unwrap();
    let function = FakeFunction::replying(vec![Reply::Status500, Reply::FunctionErrorHeader]).await.unwrap();
    let rig = Rig::start(settings(&broker, 3, SHORT), &function);
    until("a failure", || rig.progress.counts().failures > 0).await;
    assert_eq!(broker.committed(0).await.unwrap(), None);
    let progress = rig.end_after(5).await;
    assert_eq!(function.offsets(), [vec![0, 1, 2], vec![0, 1, 2], vec![0, 1, 2], vec![3, 4]]);
    let counts = progress.counts();
    assert_eq!((counts.batches, counts.records, counts.failures, counts.retried), (2, 5, 2, 3));
    assert_eq!(broker.committed(0).await.unwrap(), Some(5));
}

async fn what_a_stopped_trigger_has_not_committed_comes_again_to_the_next(broker: TestBroker) {
    broker.send(0, small(4)).await.unwrap();
    let failing = FakeFunction::start(|nth, _| if nth == 0 { Reply::Body("null") } else { Reply::Status500 });
    let failing = failing.await.unwrap();
    let rig = Rig::start(settings(&broker, 2, SHORT), &failing);
    until("a failure", || rig.progress.counts().failures > 0).await;
    rig.running.finish().await.unwrap();
    assert_eq!(failing.offsets()[..2], [vec![0, 1], vec![2, 3]]);
    let working = FakeFunction::replying(Vec::new()).await.unwrap();
    Rig::start(settings(&broker, 2, SHORT), &working).end_after(2).await;
    assert_eq!(working.offsets(), [vec![2, 3]]);
}

async fn a_function_that_takes_too_long_has_failed(broker: TestBroker) {
    broker.send(0, small(2)).await.unwrap();
    let function = FakeFunction::replying(vec![Reply::After(Duration::from_secs(60))]).await.unwrap();
    let impatient = Settings { timeout: Duration::from_millis(300), ..settings(&broker, 2, SHORT) };
    let progress = Rig::start(impatient, &function).end_after(2).await;
    assert_eq!((function.offsets(), progress.counts().failures), (vec![vec![0, 1]; 2], 1));
}

async fn a_throttled_batch_is_tried_for_ever_whatever_the_attempts(broker: TestBroker) {
    broker.send(0, small(2)).await.unwrap();
    let function = FakeFunction::replying(vec![Reply::Throttle, Reply::Throttle]).await.unwrap();
    let mut settings = settings(&broker, 2, SHORT);
    settings.retry_policy = RetryPolicy { maximum_retry_attempts: Some(0), bisect: true, ..RetryPolicy::default() };
    let progress = Rig::start(settings, &function).end_after(2).await;
    assert_eq!(function.offsets(), [[0, 1]; 3]);
    assert_eq!((progress.counts().records, progress.counts().given_up), (2, 0));
}

async fn a_batch_is_given_up_after_its_retries_and_kept_in_the_destination(broker: TestBroker) {
    broker.send(0, small(4)).await.unwrap();
    let folder = TempDir::new().unwrap();
    let fails = |_, invocation: &Invocation| {
        if invocation.records[0].1 == 0 { Reply::Status500 } else { Reply::Body("null") }
    };
    let function = FakeFunction::start(fails).await.unwrap();
    let mut settings = settings(&broker, 2, SHORT);
    giving_up(&mut settings, 1, folder.path()).await;
    let progress = Rig::start(settings, &function).end_after(4).await;
    assert_eq!(function.offsets(), [[0, 1], [0, 1], [2, 3]]);
    assert_eq!((progress.counts().records, progress.counts().given_up), (2, 2));
    assert_eq!(broker.committed(0).await.unwrap(), Some(4));
    let kept = kept(folder.path());
    assert_eq!(kept.len(), 1);
    let (record, offsets) = &kept[0];
    assert_eq!(*offsets, [(0, 0), (0, 1)]);
    assert_eq!(record["requestContext"]["condition"], "RetryAttemptsExhausted");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 2);
    let name = format!("{}-0", broker.topic);
    assert_eq!(record["KafkaBatchInfo"]["recordsInfo"][&name]["lastRecordOffset"], "1");
}

async fn bisecting_gives_up_exactly_the_one_record_that_fails(broker: TestBroker) {
    for partition in 0..2 {
        broker.send(partition, small(50)).await.unwrap();
    }
    let folder = TempDir::new().unwrap();
    let bad = (1, 33);
    let fails = move |_, invocation: &Invocation| {
        if invocation.records.contains(&bad) { Reply::Status500 } else { Reply::Body("null") }
    };
    let function = FakeFunction::start(fails).await.unwrap();
    let mut settings = settings(&broker, 100, LONG);
    settings.retry_policy.bisect = true;
    giving_up(&mut settings, 3, folder.path()).await;
    let progress = Rig::start(settings, &function).end_after(100).await;
    assert_eq!((progress.counts().records, progress.counts().given_up), (99, 1));
    let kept = kept(folder.path());
    assert_eq!(kept.iter().flat_map(|(_, offsets)| offsets.clone()).collect::<Vec<_>>(), [bad]);
    let seen = function.seen();
    assert_eq!(seen.iter().filter(|invocation| invocation.records == [bad]).count(), 4, "once and three retries");
    let good: Vec<_> = seen.into_iter().filter(|invocation| !invocation.records.contains(&bad)).collect();
    let good: Vec<_> = good.into_iter().flat_map(|invocation| invocation.records).collect();
    assert_eq!((good.len(), good.into_iter().collect::<BTreeSet<_>>().len()), (99, 99));
}

async fn records_that_are_too_old_are_given_up_without_an_invocation(broker: TestBroker) {
    broker.send(0, small(2)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let folder = TempDir::new().unwrap();
    let function = FakeFunction::replying(Vec::new()).await.unwrap();
    let mut settings = settings(&broker, 2, SHORT);
    settings.retry_policy.maximum_record_age = Some(Duration::from_millis(10));
    giving_up(&mut settings, 0, folder.path()).await;
    let progress = Rig::start(settings, &function).end_after(2).await;
    assert_eq!((function.seen().len(), progress.counts().given_up), (0, 2));
    assert_eq!(kept(folder.path())[0].0["requestContext"]["condition"], "RecordAgeExceeded");
}

fn failed(broker: &TestBroker, partition: i32, offset: i64) -> Reply {
    let name = format!("{}-{partition}", broker.topic);
    Reply::Told(format!(r#"{{"batchItemFailures":[{{"itemIdentifier":{{"partition":"{name}","offset":{offset}}}}}]}}"#))
}

async fn a_partial_response_is_answered_with_what_is_left_of_each_partition(broker: TestBroker) {
    for partition in 0..2 {
        broker.send(partition, small(5)).await.unwrap();
    }
    let replies = vec![failed(&broker, 1, 3), Reply::Body("{}"), Reply::Body(r#"{"batchItemFailures":[]}"#)];
    let function = FakeFunction::replying(replies).await.unwrap();
    let reporting = Settings { report_batch_item_failures: true, ..settings(&broker, 10, LONG) };
    let progress = Rig::start(reporting, &function).end_after(10).await;
    let seen = function.seen();
    assert_eq!(seen[0].records.len(), 10);
    assert_eq!(seen[1].records, [(1, 3), (1, 4)]);
    assert_eq!((seen.len(), progress.counts().records, progress.counts().retried), (2, 10, 2));
}

async fn an_item_that_was_not_in_the_batch_makes_all_of_it_come_again(broker: TestBroker) {
    broker.send(0, small(3)).await.unwrap();
    let replies = vec![failed(&broker, 0, 77), failed(&broker, 5, 1), Reply::Body("no JSON")];
    let function = FakeFunction::replying(replies).await.unwrap();
    let reporting = Settings { report_batch_item_failures: true, ..settings(&broker, 3, SHORT) };
    let progress = Rig::start(reporting, &function).end_after(3).await;
    assert_eq!(function.offsets(), [[0, 1, 2]; 4]);
    assert_eq!(progress.counts().failures, 3);
}

async fn without_the_response_type_the_answer_is_ignored_whatever_it_reports(broker: TestBroker) {
    broker.send(0, small(3)).await.unwrap();
    let function = FakeFunction::replying(vec![failed(&broker, 0, 0)]).await.unwrap();
    let progress = Rig::start(settings(&broker, 3, SHORT), &function).end_after(3).await;
    assert_eq!((function.offsets(), progress.counts().failures), (vec![vec![0, 1, 2]], 0));
    assert_eq!(broker.committed(0).await.unwrap(), Some(3));
}

async fn a_record_over_the_payload_limit_fails_by_itself(broker: TestBroker) {
    let large = format!("{{\"padding\":\"{}\"}}", "x".repeat(5_000_000));
    broker.send(0, [None, Some(large), None]).await.unwrap();
    let folder = TempDir::new().unwrap();
    let function = FakeFunction::replying(Vec::new()).await.unwrap();
    let mut settings = settings(&broker, 100, Duration::from_secs(1));
    giving_up(&mut settings, 1, folder.path()).await;
    let progress = Rig::start(settings, &function).end_after(3).await;
    assert_eq!(function.offsets(), [[0], [2]]);
    assert_eq!(kept(folder.path())[0].1, [(0, 1)]);
    assert_eq!(progress.counts().given_up, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_is_not_there_is_waited_for() {
    let broker = TestBroker::embedded(1).await.unwrap();
    broker.send(0, small(1)).await.unwrap();
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://{unused}/2015-03-31/functions/sink/invocations").parse().unwrap();
    let progress = Arc::new(Progress::default());
    let function = Arc::new(event_source::function::HttpFunction::new(url));
    let running = EventSource::start(settings(&broker, 1, SHORT), function, Arc::clone(&progress)).unwrap();
    until("two tries", || progress.counts().failures >= 2).await;
    assert_eq!(progress.counts().batches, 0);
    running.finish().await.unwrap();
}
