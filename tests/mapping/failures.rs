//! Retries, discarded records and partial batch responses when the function fails.

use std::collections::BTreeSet;
use std::path::Path;

use event_source::on_failure::{Destination, Place};
use event_source::retry::Policy;
use lambda_kafka_event::Event;
use serde_json::Value;
use tempfile::TempDir;
use tickerlake_tests::function::{Invocation, Reply};
use tokio::net::TcpListener;

use super::*;

tickerlake_tests::on_both_brokers! {
    failed_batch_is_redelivered_whole_before_any_commit, 1;
    next_trigger_redelivers_uncommitted_records, 1;
    function_timeout_is_a_failure, 1;
    throttling_does_not_count_as_a_retry_attempt, 1;
    exhausted_retries_send_the_batch_to_the_destination, 1;
    bisecting_discards_only_the_failing_record, 2;
    expired_records_are_discarded_without_an_invocation, 1;
    partial_response_redelivers_from_the_failed_record_on, 2;
    invalid_partial_response_redelivers_the_whole_batch, 1;
    partial_response_is_ignored_unless_enabled, 1;
    record_over_the_payload_limit_fails_alone, 1;
}

/// Sets the number of retries and a folder as the on-failure destination.
async fn discard_after(settings: &mut Settings, retries: u32, folder: &Path) {
    settings.policy = Policy { maximum_retry_attempts: Some(retries), ..settings.policy };
    settings.on_failure = Some(Destination::open(Place::Folder(folder.to_owned()), None).unwrap());
}

/// Returns the documents in an on-failure destination, each with the partitions and offsets of its payload's records.
fn documents(folder: &Path) -> Vec<(Value, Vec<(i32, i64)>)> {
    let mut documents = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let document: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let event = Event::parse(document["payload"].as_str().unwrap()).unwrap();
            let offsets = event.records.iter().map(|record| (record.partition, record.offset)).collect();
            documents.push((document, offsets));
        }
    }
    documents
}

async fn failed_batch_is_redelivered_whole_before_any_commit(broker: TestBroker) {
    broker.send(0, small(5)).await.unwrap();
    let function = FakeFunction::with_replies(vec![Reply::Status500, Reply::FunctionErrorHeader]).await.unwrap();
    let rig = Rig::start(settings(&broker, 3, SHORT), &function);
    until("a failure", || rig.progress.counts().failures > 0).await;
    assert_eq!(broker.committed(0).await.unwrap(), None);
    let progress = rig.finish_after(5).await;
    assert_eq!(function.offsets(), [vec![0, 1, 2], vec![0, 1, 2], vec![0, 1, 2], vec![3, 4]]);
    let counts = progress.counts();
    assert_eq!((counts.batches, counts.records, counts.failures, counts.retried), (2, 5, 2, 3));
    assert_eq!(broker.committed(0).await.unwrap(), Some(5));
}

async fn next_trigger_redelivers_uncommitted_records(broker: TestBroker) {
    broker.send(0, small(4)).await.unwrap();
    let failing = FakeFunction::start(|nth, _| if nth == 0 { Reply::Body("null") } else { Reply::Status500 });
    let failing = failing.await.unwrap();
    let rig = Rig::start(settings(&broker, 2, SHORT), &failing);
    until("a failure", || rig.progress.counts().failures > 0).await;
    rig.running.finish().await.unwrap();
    assert_eq!(failing.offsets()[..2], [vec![0, 1], vec![2, 3]]);
    let working = FakeFunction::with_replies(Vec::new()).await.unwrap();
    Rig::start(settings(&broker, 2, SHORT), &working).finish_after(2).await;
    assert_eq!(working.offsets(), [vec![2, 3]]);
}

async fn function_timeout_is_a_failure(broker: TestBroker) {
    broker.send(0, small(2)).await.unwrap();
    let function = FakeFunction::with_replies(vec![Reply::After(Duration::from_secs(60))]).await.unwrap();
    let settings = Settings { timeout: Duration::from_millis(300), ..settings(&broker, 2, SHORT) };
    let progress = Rig::start(settings, &function).finish_after(2).await;
    assert_eq!((function.offsets(), progress.counts().failures), (vec![vec![0, 1]; 2], 1));
}

async fn throttling_does_not_count_as_a_retry_attempt(broker: TestBroker) {
    broker.send(0, small(2)).await.unwrap();
    let function = FakeFunction::with_replies(vec![Reply::Throttle, Reply::Throttle]).await.unwrap();
    let mut settings = settings(&broker, 2, SHORT);
    settings.policy = Policy { maximum_retry_attempts: Some(0), bisect: true, ..Policy::default() };
    let progress = Rig::start(settings, &function).finish_after(2).await;
    assert_eq!(function.offsets(), [[0, 1]; 3]);
    assert_eq!((progress.counts().records, progress.counts().given_up), (2, 0));
}

async fn exhausted_retries_send_the_batch_to_the_destination(broker: TestBroker) {
    broker.send(0, small(4)).await.unwrap();
    let folder = TempDir::new().unwrap();
    let fails = |_, invocation: &Invocation| {
        if invocation.records[0].1 == 0 { Reply::Status500 } else { Reply::Body("null") }
    };
    let function = FakeFunction::start(fails).await.unwrap();
    let mut settings = settings(&broker, 2, SHORT);
    discard_after(&mut settings, 1, folder.path()).await;
    let progress = Rig::start(settings, &function).finish_after(4).await;
    assert_eq!(function.offsets(), [[0, 1], [0, 1], [2, 3]]);
    assert_eq!((progress.counts().records, progress.counts().given_up), (2, 2));
    assert_eq!(broker.committed(0).await.unwrap(), Some(4));
    let documents = documents(folder.path());
    assert_eq!(documents.len(), 1);
    let (document, offsets) = &documents[0];
    assert_eq!(*offsets, [(0, 0), (0, 1)]);
    assert_eq!(document["requestContext"]["condition"], "RetryAttemptsExhausted");
    assert_eq!(document["requestContext"]["approximateInvokeCount"], 2);
    let name = format!("{}-0", broker.topic);
    assert_eq!(document["KafkaBatchInfo"]["recordsInfo"][&name]["lastRecordOffset"], "1");
}

async fn bisecting_discards_only_the_failing_record(broker: TestBroker) {
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
    settings.policy.bisect = true;
    discard_after(&mut settings, 3, folder.path()).await;
    let progress = Rig::start(settings, &function).finish_after(100).await;
    assert_eq!((progress.counts().records, progress.counts().given_up), (99, 1));
    let documents = documents(folder.path());
    assert_eq!(documents.iter().flat_map(|(_, offsets)| offsets.clone()).collect::<Vec<_>>(), [bad]);
    let seen = function.invocations();
    assert_eq!(
        seen.iter().filter(|invocation| invocation.records == [bad]).count(),
        4,
        "one attempt and three retries"
    );
    let good: Vec<_> = seen.into_iter().filter(|invocation| !invocation.records.contains(&bad)).collect();
    let good: Vec<_> = good.into_iter().flat_map(|invocation| invocation.records).collect();
    assert_eq!((good.len(), good.into_iter().collect::<BTreeSet<_>>().len()), (99, 99));
}

async fn expired_records_are_discarded_without_an_invocation(broker: TestBroker) {
    broker.send(0, small(2)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let folder = TempDir::new().unwrap();
    let function = FakeFunction::with_replies(Vec::new()).await.unwrap();
    let mut settings = settings(&broker, 2, SHORT);
    settings.policy.maximum_record_age = Some(Duration::from_millis(10));
    discard_after(&mut settings, 0, folder.path()).await;
    let progress = Rig::start(settings, &function).finish_after(2).await;
    assert_eq!((function.invocations().len(), progress.counts().given_up), (0, 2));
    assert_eq!(documents(folder.path())[0].0["requestContext"]["condition"], "RecordAgeExceeded");
}

fn batch_item_failure(broker: &TestBroker, partition: i32, offset: i64) -> Reply {
    let name = format!("{}-{partition}", broker.topic);
    Reply::Text(format!(r#"{{"batchItemFailures":[{{"itemIdentifier":{{"partition":"{name}","offset":{offset}}}}}]}}"#))
}

async fn partial_response_redelivers_from_the_failed_record_on(broker: TestBroker) {
    for partition in 0..2 {
        broker.send(partition, small(5)).await.unwrap();
    }
    let replies =
        vec![batch_item_failure(&broker, 1, 3), Reply::Body("{}"), Reply::Body(r#"{"batchItemFailures":[]}"#)];
    let function = FakeFunction::with_replies(replies).await.unwrap();
    let settings = Settings { report_batch_item_failures: true, ..settings(&broker, 10, LONG) };
    let progress = Rig::start(settings, &function).finish_after(10).await;
    let seen = function.invocations();
    assert_eq!(seen[0].records.len(), 10);
    assert_eq!(seen[1].records, [(1, 3), (1, 4)]);
    assert_eq!((seen.len(), progress.counts().records, progress.counts().retried), (2, 10, 2));
}

async fn invalid_partial_response_redelivers_the_whole_batch(broker: TestBroker) {
    broker.send(0, small(3)).await.unwrap();
    let replies = vec![batch_item_failure(&broker, 0, 77), batch_item_failure(&broker, 5, 1), Reply::Body("no JSON")];
    let function = FakeFunction::with_replies(replies).await.unwrap();
    let settings = Settings { report_batch_item_failures: true, ..settings(&broker, 3, SHORT) };
    let progress = Rig::start(settings, &function).finish_after(3).await;
    assert_eq!(function.offsets(), [[0, 1, 2]; 4]);
    assert_eq!(progress.counts().failures, 3);
}

async fn partial_response_is_ignored_unless_enabled(broker: TestBroker) {
    broker.send(0, small(3)).await.unwrap();
    let function = FakeFunction::with_replies(vec![batch_item_failure(&broker, 0, 0)]).await.unwrap();
    let progress = Rig::start(settings(&broker, 3, SHORT), &function).finish_after(3).await;
    assert_eq!((function.offsets(), progress.counts().failures), (vec![vec![0, 1, 2]], 0));
    assert_eq!(broker.committed(0).await.unwrap(), Some(3));
}

async fn record_over_the_payload_limit_fails_alone(broker: TestBroker) {
    let large = format!("{{\"padding\":\"{}\"}}", "x".repeat(5_000_000));
    broker.send(0, [None, Some(large), None]).await.unwrap();
    let folder = TempDir::new().unwrap();
    let function = FakeFunction::with_replies(Vec::new()).await.unwrap();
    let mut settings = settings(&broker, 100, Duration::from_secs(1));
    discard_after(&mut settings, 1, folder.path()).await;
    let progress = Rig::start(settings, &function).finish_after(3).await;
    assert_eq!(function.offsets(), [[0], [2]]);
    assert_eq!(documents(folder.path())[0].1, [(0, 1)]);
    assert_eq!(progress.counts().given_up, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_function_is_retried() {
    let broker = TestBroker::embedded(1).await.unwrap();
    broker.send(0, small(1)).await.unwrap();
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://{unused}/2015-03-31/functions/sink/invocations").parse().unwrap();
    let progress = Arc::new(Progress::default());
    let function = Arc::new(event_source::function::HttpFunction::new(url));
    let running = Running::start(settings(&broker, 1, SHORT), function, Arc::clone(&progress)).unwrap();
    until("two attempts", || progress.counts().failures >= 2).await;
    assert_eq!(progress.counts().batches, 0);
    running.finish().await.unwrap();
}
