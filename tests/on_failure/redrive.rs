//! `tickerlake redrive`.

use std::process::Output;

use tickerlake_tests::lake;

use super::*;

/// The sink in the trigger's process: a record's symbol is part of its object's key.
fn sink(command: &mut Command) -> &mut Command {
    command.env("SINK_BUCKET", "lake").env("SINK_PARTITION_FIELD", "symbol")
}

fn redrive(s3: &S3, place: &str) -> Command {
    let mut command = s3.tickerlake("redrive");
    // The topics' settings are not asked for.
    command.env_remove("KAFKA_BOOTSTRAP_SERVERS").args([place, "--format", "json"]);
    command
}

/// What a redrive's closing line says, and its exit code.
fn ended(output: &Output) -> (Value, Option<i32>) {
    let said = String::from_utf8_lossy(&output.stdout);
    let last = said.lines().last().unwrap_or_else(|| panic!("{output:?}"));
    let mut ended: Value = serde_json::from_str(last).unwrap();
    assert_eq!(ended["type"], "ended", "{output:?}");
    ended.as_object_mut().unwrap().retain(|name, _| !["type", "sink"].contains(&&**name));
    (ended, output.status.code())
}

fn summary(redriven: u64, records: u64, failed: u64, refused: u64, left: u64) -> Value {
    json!({"redriven": redriven, "records": records, "unmarked": 0, "failed": failed, "refused": refused, "left": left})
}

/// The offsets stored in the lake, in order; one that is stored twice stands there twice.
fn stored(s3: &S3) -> Vec<i64> {
    let objects = lake::objects(&s3.bucket("lake")).unwrap();
    let mut offsets: Vec<i64> = objects.values().flatten().map(|line| line["kafka_offset"].as_i64().unwrap()).collect();
    offsets.sort_unstable();
    offsets
}

/// Of eight records the sink cannot store the one of symbol BAD until S3 takes it; it goes to `place`, whose files are
/// in `folder`, and from there, when S3 does, into the lake.
async fn a_record_given_up_is_stored_by_a_redrive_once(s3: &S3, place: &str, folder: &Path) {
    let broker = TestBroker::embedded(1).await.unwrap();
    let symbols = ["A", "A", "A", "A", "A", "BAD", "A", "A"];
    let row = |symbol| Some(format!(r#"{{"symbol":"{symbol}","trade_date":"2020-01-02"}}"#));
    broker.send(0, symbols.map(row)).await.unwrap();
    s3.refuses.store(true, Ordering::SeqCst);
    let mut trigger = Running::start(sink(&mut giving_up(s3, &broker, place))).unwrap();
    committed(&broker, 8).await;
    assert_eq!(trigger.interrupt(WAIT).unwrap(), Some(0));
    assert_eq!(stored(s3), [0, 1, 2, 3, 4, 6, 7]);
    let kept = files(folder);
    assert_eq!(kept.len(), 1, "{kept:?}");

    // As long as nothing has changed, nothing changes.
    let output = sink(&mut redrive(s3, place)).args(["--maximum-retry-attempts", "0"]).output().unwrap();
    assert_eq!(ended(&output), (summary(0, 0, 1, 0, 0), Some(1)));
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(why.contains(&kept[0]) && why.contains("AccessDenied"), "{why}");
    assert_eq!(files(folder), kept);

    s3.refuses.store(false, Ordering::SeqCst);
    let output = sink(&mut redrive(s3, place)).output().unwrap();
    assert_eq!(ended(&output), (summary(1, 1, 0, 0, 0), Some(0)));
    assert_eq!(stored(s3), [0, 1, 2, 3, 4, 5, 6, 7]);
    let marked = format!("{}.redriven", kept[0]);
    assert_eq!(files(folder), [&*marked]);
    let output = sink(&mut redrive(s3, place)).output().unwrap();
    assert_eq!(ended(&output), (summary(0, 0, 0, 0, 0), Some(0)));

    // As after a kill between the function's success and the mark.
    std::fs::copy(folder.join(&marked), folder.join(&kept[0])).unwrap();
    let output = sink(&mut redrive(s3, place)).output().unwrap();
    assert_eq!(ended(&output), (summary(1, 1, 0, 0, 0), Some(0)));
    assert_eq!(stored(s3), [0, 1, 2, 3, 4, 5, 6, 7], "nothing is stored twice");
    assert_eq!(files(folder), [&*marked]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_given_up_to_a_folder_is_stored_by_a_redrive_once() {
    let (s3, folder) = (S3::start("BAD/").await, TempDir::new().unwrap());
    a_record_given_up_is_stored_by_a_redrive_once(&s3, folder.path().to_str().unwrap(), folder.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_given_up_to_s3_is_stored_by_a_redrive_once() {
    let s3 = S3::start("BAD/").await;
    a_record_given_up_is_stored_by_a_redrive_once(&s3, "s3://given-up/of/it", &s3.bucket("given-up/of/it")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_cannot_be_marked_stays_and_is_told() {
    let s3 = S3::start(".redriven").await;
    s3.refuses.store(true, Ordering::SeqCst);
    keep(&s3.bucket("given-up"), "a", 0, &[7]);
    let function = FakeFunction::replying(Vec::new()).await.unwrap();
    let output = redrive(&s3, "s3://given-up").args(["--function", &function.url()]).output().unwrap();
    let (ended, code) = ended(&output);
    assert_eq!((&ended["redriven"], &ended["unmarked"], code), (&json!(1), &json!(1), Some(1)));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("failed to rename it") && said.contains("s3://given-up/a") && said.contains("AccessDenied"),
        "{said}"
    );
    assert_eq!(files(&s3.bucket("given-up")), ["a"]);
}

/// Writes a document with the event of some records of a partition.
fn keep(folder: &Path, name: &str, partition: i32, offsets: &[i64]) {
    let records: Vec<Value> =
        offsets.iter().map(|offset| json!({"topic": "t", "partition": partition, "offset": offset})).collect();
    let event = json!({"eventSource": "SelfManagedKafka", "records": {format!("t-{partition}"): records}}).to_string();
    let document = json!({"requestContext": {}, "KafkaBatchInfo": {"recordsInfo": {}}, "payload": event});
    std::fs::write(folder.join(name), document.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_fed_in_the_order_of_their_records_and_what_fails_or_is_none_is_named_and_stays() {
    let (s3, folder) = (S3::start("").await, TempDir::new().unwrap());
    let place = folder.path().to_str().unwrap();
    keep(folder.path(), "a", 1, &[4, 5]);
    keep(folder.path(), "b", 0, &[100, 101]);
    keep(folder.path(), "c", 0, &[20]);
    keep(folder.path(), "d", 0, &[3]);
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
    let output = redrive(&s3, place).args(args).output().unwrap();
    assert_eq!(ended(&output), (summary(3, 5, 1, 4, 0), Some(1)));
    assert_eq!(function.offsets(), [vec![3], vec![20], vec![20], vec![100, 101], vec![4, 5]]);
    let said = String::from_utf8_lossy(&output.stderr);
    for (name, why) in [
        ("c", "the function failed"),
        ("of-sqs", "no payload, only the offsets (t-0 1 to 2)"),
        ("of-others", "neither payload nor KafkaBatchInfo"),
        ("text", "not a document"),
        ("unreadable", "failed to read the file"),
    ] {
        let name = folder.path().join(name).display().to_string();
        assert!(
            said.lines().any(|line| line.contains(&format!("file={name:?} ")) && line.contains(why)),
            "{name}:\n{said}"
        );
    }
    let marked = |name: &String| if "abd".contains(&**name) { format!("{name}.redriven") } else { name.clone() };
    assert_eq!(files(folder.path()), all.iter().map(marked).collect::<Vec<_>>());

    let working = FakeFunction::replying(Vec::new()).await.unwrap();
    let output = redrive(&s3, place).args(["--function", &working.url()]).output().unwrap();
    assert_eq!(ended(&output), (summary(1, 1, 0, 4, 0), Some(3)));
    assert_eq!(working.offsets(), [[20]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_names_failed_records_or_is_not_there_has_not_taken_the_document() {
    let (s3, folder) = (S3::start("").await, TempDir::new().unwrap());
    keep(folder.path(), "a", 0, &[1, 2]);
    keep(folder.path(), "b", 0, &[3]);
    let all = files(folder.path());
    let place = folder.path().to_str().unwrap();

    let nobody = "http://127.0.0.1:1/2015-03-31/functions/sink/invocations";
    let output = redrive(&s3, place).args(["--function", nobody]).output().unwrap();
    assert_eq!(ended(&output), (summary(0, 0, 1, 0, 1), Some(1)));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did not respond"), "{output:?}");
    assert_eq!(files(folder.path()), all);

    let failures = r#"{"batchItemFailures":[{"itemIdentifier":{"partition":"t-0","offset":2}}]}"#;
    let function = FakeFunction::start(move |_, _| Reply::Body(failures)).await.unwrap();
    let args = ["--function", &function.url(), "--function-response-types", "ReportBatchItemFailures"];
    let output = redrive(&s3, place).args(args).output().unwrap();
    assert_eq!(ended(&output), (summary(0, 0, 2, 0, 0), Some(1)));
    assert_eq!(files(folder.path()), all);
    assert_eq!(function.seen().len(), 6, "each is tried three times");
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_marks_the_document_under_way_and_a_kill_none_and_the_next_redrive_goes_on() {
    let (s3, folder) = (S3::start("").await, TempDir::new().unwrap());
    for name in ["a", "b", "c"] {
        keep(folder.path(), name, 0, &[i64::from(name.as_bytes()[0])]);
    }
    let place = folder.path().to_str().unwrap();
    let slow = FakeFunction::start(|_, _| Reply::After(Duration::from_secs(3))).await.unwrap();
    let invoked = |count| {
        let limit = Instant::now() + WAIT;
        while slow.seen().len() < count {
            assert!(Instant::now() < limit, "no invocation came");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let mut command = redrive(&s3, place);
    command.args(["--function", &slow.url()]);

    // Dropped, it is killed.
    let killed = Running::start(&mut command).unwrap();
    invoked(1);
    drop(killed);
    assert_eq!(files(folder.path()), ["a", "b", "c"]);

    let mut stopped = Running::start(&mut command).unwrap();
    invoked(2);
    assert_eq!(stopped.interrupt(WAIT).unwrap(), Some(130));
    let ended: Value = serde_json::from_str(&stopped.line(r#""type":"ended""#, WAIT).unwrap()).unwrap();
    assert_eq!((&ended["redriven"], &ended["left"]), (&json!(1), &json!(2)));
    assert_eq!(files(folder.path()), ["a.redriven", "b", "c"]);

    let working = FakeFunction::replying(Vec::new()).await.unwrap();
    let output = redrive(&s3, place).args(["--function", &working.url()]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(working.offsets(), [[i64::from(b'b')], [i64::from(b'c')]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_is_not_there_and_settings_of_topics_are_refused() {
    let s3 = S3::start("").await;
    for (place, named) in
        [("/no/such/folder", "failed to read /no/such/folder"), ("s3://absent/x", "failed to list s3://absent/x")]
    {
        let output = redrive(&s3, place).args(["--function", "http://127.0.0.1:1/x"]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(named), "{output:?}");
    }
    for wrong in [["--topic", "quotes"], ["--on-failure", "x"], ["--batch-size", "5"]] {
        let output = redrive(&s3, "x").args(wrong).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(wrong[0]), "{output:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn trigger_with_redrive_still_works_and_names_its_replacement() {
    let (s3, folder) = (S3::start("").await, TempDir::new().unwrap());
    let place = folder.path().to_str().unwrap();
    keep(folder.path(), "a", 0, &[1, 2]);
    let function = FakeFunction::replying(Vec::new()).await.unwrap();
    let mut command = s3.tickerlake("trigger");
    command.env_remove("KAFKA_BOOTSTRAP_SERVERS").env("RUST_LOG", "warn");
    let output =
        command.args(["--redrive", place, "--function", &function.url(), "--format", "json"]).output().unwrap();
    assert_eq!(ended(&output), (summary(1, 2, 0, 0, 0), Some(0)));
    assert_eq!(function.offsets(), [[1, 2]]);
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        format!("tickerlake: `trigger --redrive` is deprecated; use `tickerlake redrive {place}`\n")
    );
    let output = s3.tickerlake("trigger").args(["--redrive", place, "--topic", "quotes"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("--topic"), "{output:?}");
}
