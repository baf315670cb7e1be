//! `tickerlake redrive` feeds discarded records to the function again.

use std::process::Output;

use tickerlake_tests::lake;

use super::*;

/// Configures the sink in the trigger's process; the symbol of a record is part of its object's key.
fn with_sink(command: &mut Command) -> &mut Command {
    command.env("SINK_BUCKET", "lake").env("SINK_PARTITION_FIELD", "symbol")
}

fn redrive(s3: &S3, source: &str) -> Command {
    let mut command = s3.tickerlake("redrive");
    // A redrive needs no Kafka settings.
    command.env_remove("KAFKA_BOOTSTRAP_SERVERS").args([source, "--format", "json"]);
    command
}

/// Returns the summary that a redrive prints last, and its exit code.
fn outcome(output: &Output) -> (Value, Option<i32>) {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let last = stdout.lines().last().unwrap_or_else(|| panic!("{output:?}"));
    let mut summary: Value = serde_json::from_str(last).unwrap();
    assert_eq!(summary["type"], "ended", "{output:?}");
    summary.as_object_mut().unwrap().retain(|name, _| !["type", "sink"].contains(&&**name));
    (summary, output.status.code())
}

fn summary(redriven: u64, records: u64, failed: u64, refused: u64, left: u64) -> Value {
    json!({"redriven": redriven, "records": records, "unmarked": 0, "failed": failed, "refused": refused, "left": left})
}

/// Returns the sorted offsets of the lake's lines; an offset that is stored twice appears twice.
fn stored(s3: &S3) -> Vec<i64> {
    let objects = lake::objects(&s3.bucket("lake")).unwrap();
    let mut offsets: Vec<i64> = objects.values().flatten().map(|line| line["kafka_offset"].as_i64().unwrap()).collect();
    offsets.sort_unstable();
    offsets
}

/// Checks that a redrive stores a discarded record once. At first, S3 denies the write of one of eight records, the one
/// with symbol BAD, so the trigger discards it to `destination`, whose files are in `folder`. Once S3 accepts the
/// write, a redrive stores the record.
async fn redrive_stores_a_discarded_record_once(s3: &S3, destination: &str, folder: &Path) {
    let broker = TestBroker::embedded(1).await.unwrap();
    let symbols = ["A", "A", "A", "A", "A", "BAD", "A", "A"];
    let row = |symbol| Some(format!(r#"{{"symbol":"{symbol}","trade_date":"2020-01-02"}}"#));
    broker.send(0, symbols.map(row)).await.unwrap();
    s3.denies_writes.store(true, Ordering::SeqCst);
    let mut trigger = Running::start(with_sink(&mut discarding_trigger(s3, &broker, destination))).unwrap();
    wait_for_commit(&broker, 8).await;
    assert_eq!(trigger.interrupt(WAIT).unwrap(), Some(0));
    assert_eq!(stored(s3), [0, 1, 2, 3, 4, 6, 7]);
    let documents = files(folder);
    assert_eq!(documents.len(), 1, "{documents:?}");

    // While S3 still denies the write, a redrive changes nothing.
    let output = with_sink(&mut redrive(s3, destination)).args(["--maximum-retry-attempts", "0"]).output().unwrap();
    assert_eq!(outcome(&output), (summary(0, 0, 1, 0, 0), Some(1)));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains(&documents[0]) && stderr.contains("AccessDenied"), "{stderr}");
    assert_eq!(files(folder), documents);

    s3.denies_writes.store(false, Ordering::SeqCst);
    let output = with_sink(&mut redrive(s3, destination)).output().unwrap();
    assert_eq!(outcome(&output), (summary(1, 1, 0, 0, 0), Some(0)));
    assert_eq!(stored(s3), [0, 1, 2, 3, 4, 5, 6, 7]);
    let marked = format!("{}.redriven", documents[0]);
    assert_eq!(files(folder), [&*marked]);
    let output = with_sink(&mut redrive(s3, destination)).output().unwrap();
    assert_eq!(outcome(&output), (summary(0, 0, 0, 0, 0), Some(0)));

    // Recreate the state after a kill between the function's success and the renaming of the file.
    std::fs::copy(folder.join(&marked), folder.join(&documents[0])).unwrap();
    let output = with_sink(&mut redrive(s3, destination)).output().unwrap();
    assert_eq!(outcome(&output), (summary(1, 1, 0, 0, 0), Some(0)));
    assert_eq!(stored(s3), [0, 1, 2, 3, 4, 5, 6, 7], "nothing is stored twice");
    assert_eq!(files(folder), [&*marked]);
}

#[tokio::test(flavor = "multi_thread")]
async fn record_discarded_to_a_folder_is_redriven_once() {
    let (s3, folder) = (S3::start("BAD/").await, TempDir::new().unwrap());
    redrive_stores_a_discarded_record_once(&s3, folder.path().to_str().unwrap(), folder.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn record_discarded_to_s3_is_redriven_once() {
    let s3 = S3::start("BAD/").await;
    redrive_stores_a_discarded_record_once(&s3, "s3://discarded/nested/prefix", &s3.bucket("discarded/nested/prefix"))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn document_that_cannot_be_marked_is_reported() {
    let s3 = S3::start(".redriven").await;
    s3.denies_writes.store(true, Ordering::SeqCst);
    write_document(&s3.bucket("discarded"), "a", 0, &[7]);
    let function = FakeFunction::with_replies(Vec::new()).await.unwrap();
    let output = redrive(&s3, "s3://discarded").args(["--function", &function.url()]).output().unwrap();
    let (summary, code) = outcome(&output);
    assert_eq!((&summary["redriven"], &summary["unmarked"], code), (&json!(1), &json!(1), Some(1)));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("failed to rename it")
            && stderr.contains("s3://discarded/a")
            && stderr.contains("AccessDenied"),
        "{stderr}"
    );
    assert_eq!(files(&s3.bucket("discarded")), ["a"]);
}

/// Writes a document whose payload is an event with these records of a partition.
fn write_document(folder: &Path, name: &str, partition: i32, offsets: &[i64]) {
    let records: Vec<Value> =
        offsets.iter().map(|offset| json!({"topic": "t", "partition": partition, "offset": offset})).collect();
    let event = json!({"eventSource": "SelfManagedKafka", "records": {format!("t-{partition}"): records}}).to_string();
    let document = json!({"requestContext": {}, "KafkaBatchInfo": {"recordsInfo": {}}, "payload": event});
    std::fs::write(folder.join(name), document.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_redriven_in_the_order_of_their_records() {
    let (s3, folder) = (S3::start("").await, TempDir::new().unwrap());
    let source = folder.path().to_str().unwrap();
    write_document(folder.path(), "a", 1, &[4, 5]);
    write_document(folder.path(), "b", 0, &[100, 101]);
    write_document(folder.path(), "c", 0, &[20]);
    write_document(folder.path(), "d", 0, &[3]);
    std::fs::write(
        folder.path().join("of-sqs"),
        r#"{"requestContext":{},"KafkaBatchInfo":{"recordsInfo":{"t-0":{"firstRecordOffset":"1","lastRecordOffset":"2"}}}}"#,
    )
    .unwrap();
    std::fs::write(folder.path().join("of-others"), r#"{"name":"x"}"#).unwrap();
    std::fs::write(folder.path().join("text"), "symbol,date\n").unwrap();
    std::os::unix::fs::symlink("nowhere", folder.path().join("unreadable")).unwrap();
    let all = files(folder.path());

    let function = failing_at(20).await;
    let args = ["--function", &function.url(), "--maximum-retry-attempts", "1"];
    let output = redrive(&s3, source).args(args).output().unwrap();
    assert_eq!(outcome(&output), (summary(3, 5, 1, 4, 0), Some(1)));
    assert_eq!(function.offsets(), [vec![3], vec![20], vec![20], vec![100, 101], vec![4, 5]]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    for (name, reason) in [
        ("c", "the function failed"),
        ("of-sqs", "no payload, only the offsets (t-0 1 to 2)"),
        ("of-others", "neither payload nor KafkaBatchInfo"),
        ("text", "not a document"),
        ("unreadable", "failed to read the file"),
    ] {
        let name = folder.path().join(name).display().to_string();
        assert!(
            stderr.lines().any(|line| line.contains(&format!("file={name:?} ")) && line.contains(reason)),
            "{name}:\n{stderr}"
        );
    }
    let marked = |name: &String| if "abd".contains(&**name) { format!("{name}.redriven") } else { name.clone() };
    assert_eq!(files(folder.path()), all.iter().map(marked).collect::<Vec<_>>());

    let working = FakeFunction::with_replies(Vec::new()).await.unwrap();
    let output = redrive(&s3, source).args(["--function", &working.url()]).output().unwrap();
    assert_eq!(outcome(&output), (summary(1, 1, 0, 4, 0), Some(3)));
    assert_eq!(working.offsets(), [[20]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_invocation_leaves_the_document_unmarked() {
    let (s3, folder) = (S3::start("").await, TempDir::new().unwrap());
    write_document(folder.path(), "a", 0, &[1, 2]);
    write_document(folder.path(), "b", 0, &[3]);
    let all = files(folder.path());
    let source = folder.path().to_str().unwrap();

    let unreachable = "http://127.0.0.1:1/2015-03-31/functions/sink/invocations";
    let output = redrive(&s3, source).args(["--function", unreachable]).output().unwrap();
    assert_eq!(outcome(&output), (summary(0, 0, 1, 0, 1), Some(1)));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did not respond"), "{output:?}");
    assert_eq!(files(folder.path()), all);

    let failures = r#"{"batchItemFailures":[{"itemIdentifier":{"partition":"t-0","offset":2}}]}"#;
    let function = FakeFunction::start(move |_, _| Reply::Body(failures)).await.unwrap();
    let args = ["--function", &function.url(), "--function-response-types", "ReportBatchItemFailures"];
    let output = redrive(&s3, source).args(args).output().unwrap();
    assert_eq!(outcome(&output), (summary(0, 0, 2, 0, 0), Some(1)));
    assert_eq!(files(folder.path()), all);
    assert_eq!(function.invocations().len(), 6, "each document is tried three times");
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_redrive_continues_with_unmarked_documents() {
    let (s3, folder) = (S3::start("").await, TempDir::new().unwrap());
    for name in ["a", "b", "c"] {
        write_document(folder.path(), name, 0, &[i64::from(name.as_bytes()[0])]);
    }
    let source = folder.path().to_str().unwrap();
    let slow = FakeFunction::start(|_, _| Reply::After(Duration::from_secs(3))).await.unwrap();
    let wait_for_invocations = |count| {
        let limit = Instant::now() + WAIT;
        while slow.invocations().len() < count {
            assert!(Instant::now() < limit, "the function was not invoked");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let mut command = redrive(&s3, source);
    command.args(["--function", &slow.url()]);

    // Dropping kills the process.
    let killed = Running::start(&mut command).unwrap();
    wait_for_invocations(1);
    drop(killed);
    assert_eq!(files(folder.path()), ["a", "b", "c"]);

    let mut stopped = Running::start(&mut command).unwrap();
    wait_for_invocations(2);
    assert_eq!(stopped.interrupt(WAIT).unwrap(), Some(130));
    let summary: Value = serde_json::from_str(&stopped.wait_for_line(r#""type":"ended""#, WAIT).unwrap()).unwrap();
    assert_eq!((&summary["redriven"], &summary["left"]), (&json!(1), &json!(2)));
    assert_eq!(files(folder.path()), ["a.redriven", "b", "c"]);

    let working = FakeFunction::with_replies(Vec::new()).await.unwrap();
    let output = redrive(&s3, source).args(["--function", &working.url()]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(working.offsets(), [[i64::from(b'b')], [i64::from(b'c')]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn redrive_rejects_missing_sources_and_topic_settings() {
    let s3 = S3::start("").await;
    for (source, expected) in
        [("/no/such/folder", "failed to list /no/such/folder"), ("s3://absent/x", "failed to list s3://absent/x")]
    {
        let output = redrive(&s3, source).args(["--function", "http://127.0.0.1:1/x"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(expected), "{output:?}");
    }
    for arguments in [["--topic", "quotes"], ["--on-failure", "x"], ["--batch-size", "5"]] {
        let output = redrive(&s3, "x").args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(arguments[0]), "{output:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trigger_redrive_still_works_and_names_its_replacement() {
    let (s3, folder) = (S3::start("").await, TempDir::new().unwrap());
    let place = folder.path().to_str().unwrap();
    write_document(folder.path(), "a", 0, &[1, 2]);
    let function = FakeFunction::with_replies(Vec::new()).await.unwrap();
    let mut command = s3.tickerlake("trigger");
    command.env_remove("KAFKA_BOOTSTRAP_SERVERS").env("RUST_LOG", "warn");
    let output =
        command.args(["--redrive", place, "--function", &function.url(), "--format", "json"]).output().unwrap();
    assert_eq!(outcome(&output), (summary(1, 2, 0, 0, 0), Some(0)));
    assert_eq!(function.offsets(), [[1, 2]]);
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        format!("tickerlake: `trigger --redrive` is deprecated; use `tickerlake redrive {place}`\n")
    );
    let output = s3.tickerlake("trigger").args(["--redrive", place, "--topic", "quotes"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("--topic"), "{output:?}");
}
