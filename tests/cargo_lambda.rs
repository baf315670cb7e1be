//! The function under `cargo lambda watch`, invoked with the sample events and by the event source, also while it
//! fails.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use embedded_s3::{ACCESS_KEY, REGION, SECRET_KEY, Storage};
use serde_json::Value;
use sink::Config;
use tempfile::TempDir;
use tickerlake_tests::apache_kafka::ApacheKafka;
use tickerlake_tests::faulty_s3::{Fault, FaultyS3};
use tickerlake_tests::programs::{Running, part, program};
use tickerlake_tests::{kafka, lake, workspace};

use crate::up::{WAIT, up};

/// Timeout of the first invocation, which waits until the function is built.
const BUILD_TIMEOUT: Duration = Duration::from_secs(1200);

fn cargo_lambda() -> Command {
    let mut command = Command::new(part("cargo-lambda").unwrap());
    command.arg("lambda").current_dir(workspace());
    command
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn watch(port: u16, env_file: &Path) -> Running {
    let mut command = cargo_lambda();
    command
        .args(["watch", "-p", "sink", "--ignore-changes", "--invoke-port", &port.to_string()])
        .arg("--env-file")
        .arg(env_file);
    let running = Running::start(&mut command).unwrap();
    let limit = Instant::now() + WAIT;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < limit, "cargo lambda watch does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    running
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}/2015-03-31/functions/sink/invocations")
}

fn invoke(port: u16, event: &Path) -> Output {
    cargo_lambda()
        .args(["invoke", "sink", "--invoke-port", &port.to_string(), "--data-file"])
        .arg(event)
        .output()
        .unwrap()
}

/// Invokes the function until it succeeds, because an invocation may time out while the function is being built.
fn invoke_when_built(port: u16, event: &Path, limit: Instant) {
    let mut output = invoke(port, event);
    while !output.status.success() && Instant::now() < limit {
        std::thread::sleep(Duration::from_secs(1));
        output = invoke(port, event);
    }
    assert!(output.status.success(), "{}: {output:?}", event.display());
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "null", "{}", event.display());
}

/// Returns the paths of the sample events, in the order of their delivery.
pub(crate) fn sample_events() -> Vec<PathBuf> {
    let mut events: Vec<PathBuf> = std::fs::read_dir(workspace().join("events"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    events.sort();
    events
}

#[test]
#[ignore = "needs cargo-lambda: run tests/install-parts"]
fn watched_function_accepts_events_from_invoke_and_trigger() {
    let folder = TempDir::new().unwrap();
    let port = free_port();
    let (_up, servers) = up(folder.path(), &["--function", &url(port)]);
    let _watch = watch(port, &folder.path().join("lake/sink.env"));

    let limit = Instant::now() + BUILD_TIMEOUT;
    for event in sample_events() {
        invoke_when_built(port, &event, limit);
    }
    let bucket = folder.path().join("lake/tickerlake");
    let objects = lake::objects(&bucket).unwrap();
    let count = |prefix: &str| {
        objects.iter().filter(|(key, _)| key.starts_with(prefix)).map(|(_, lines)| lines.len()).sum::<usize>()
    };
    assert_eq!(count("quarantine/sample/dt=2026-11-20/"), 6, "{objects:?}");
    assert_eq!(count("data/sample/dt=2026-11-20/"), 12, "{objects:?}");

    let not_kafka = folder.path().join("sqs.json");
    std::fs::write(&not_kafka, r#"{"Records":[]}"#).unwrap();
    let output = invoke(port, &not_kafka);
    assert!(!output.status.success(), "{output:?}");

    let csv = folder.path().join("a.csv");
    std::fs::write(&csv, "Index,Date,Close\nHSI,1986-12-31,2568.300049\n").unwrap();
    let produced = Command::new(program("producer").unwrap()).args(["-b", &servers]).arg(&csv).output().unwrap();
    assert!(produced.status.success(), "{produced:?}");
    let limit = Instant::now() + WAIT;
    while !lake::objects(&bucket).unwrap().keys().any(|key| key.starts_with("data/quotes/")) {
        assert!(Instant::now() < limit, "no batch of the event source reached the watched function");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Writes the environment of a function whose S3 is at `endpoint`, and returns the file's path.
fn env_file(folder: &Path, endpoint: &str) -> PathBuf {
    let aws = [
        ("AWS_ENDPOINT_URL_S3", endpoint.to_owned()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
    ];
    let variables = aws.into_iter().chain(Config::new("lake").to_variables());
    let path = folder.join("sink.env");
    std::fs::write(&path, variables.map(|(name, value)| format!("{name}={value}\n")).collect::<String>()).unwrap();
    path
}

#[test]
#[ignore = "needs cargo-lambda and Apache Kafka: run tests/install-parts"]
fn failing_watched_function_loses_no_record() {
    let kafka = ApacheKafka::shared();
    kafka.create_topic("watched", 3, &[]).unwrap();
    let folder = TempDir::new().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let storage = runtime.block_on(Storage::open(folder.path(), "lake").unwrap().serve(0)).unwrap();
    let (fault, hangs) = (Arc::new(Mutex::new(None)), Arc::new(AtomicBool::new(false)));
    let (current, hanging) = (Arc::clone(&fault), Arc::clone(&hangs));
    let s3 = FaultyS3::start(storage.url(), move |_| {
        let fault = *current.lock().unwrap();
        hanging.fetch_or(matches!(fault, Some(Fault::Slow(_))), Ordering::SeqCst);
        fault
    });
    let s3 = runtime.block_on(s3).unwrap();
    let set = |next| *fault.lock().unwrap() = next;
    let env_file = env_file(folder.path(), &s3.url);
    let port = free_port();
    let mut function = watch(port, &env_file);
    invoke_when_built(port, &sample_events()[0], Instant::now() + BUILD_TIMEOUT);

    let login = ["--config", kafka.client_properties.to_str().unwrap(), "--topic", "watched", "--format", "json"];
    let mut command = Command::new(program("producer").unwrap());
    command.args(login).args(["--rate", "300", "--repeat", "forever"]);
    let mut producer = Running::start(command.arg(workspace().join("data/us-stocks-sample.csv"))).unwrap();
    let mut command = Command::new(program("tickerlake").unwrap());
    command.arg("trigger").args(login).args(["--function", &url(port), "--function-timeout", "5"]);
    let mut trigger = Running::start(&mut command).unwrap();
    trigger.wait_for_line(r#""type":"status""#, WAIT).unwrap();

    // The function fails for a while.
    set(Some(Fault::Answer(503, "SlowDown")));
    for _ in 0..2 {
        let line = trigger.wait_for_line("the function failed: ", WAIT).unwrap();
        assert!(line.contains("SlowDown"), "the function's error is missing: {line}");
        trigger.discard_lines();
    }
    set(None);
    trigger.wait_for_line("batch completed after failed invocations", WAIT).unwrap();

    // Kill the function in the middle of a batch, while it waits for S3. `cargo lambda watch` does not restart it.
    set(Some(Fault::Slow(Duration::from_secs(600))));
    let limit = Instant::now() + WAIT;
    while !hangs.load(Ordering::SeqCst) {
        assert!(Instant::now() < limit, "no batch arrived");
        std::thread::sleep(Duration::from_millis(20));
    }
    let pid = function.child_pid("sink").unwrap().to_string();
    assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    set(None);
    trigger.wait_for_line("the function timed out after 5s", WAIT).unwrap();

    // Stop `cargo lambda watch` and, after a while, start it again.
    function.interrupt(WAIT).unwrap();
    trigger.wait_for_line("the function did not respond: ", WAIT).unwrap();
    trigger.discard_lines();
    let _function = watch(port, &env_file);
    trigger.wait_for_line("batch completed after failed invocations", WAIT).unwrap();

    assert_eq!(producer.interrupt(WAIT).unwrap(), Some(0));
    let summary: Value = serde_json::from_str(&producer.wait_for_line("\"delivered\"", WAIT).unwrap()).unwrap();
    let delivered = summary["delivered"].as_u64().unwrap();
    trigger.wait_for_line(&format!(r#""stored":{{"records":{delivered},"#), WAIT).unwrap();
    assert_eq!(trigger.interrupt(WAIT).unwrap(), Some(0));
    let ended: Value = serde_json::from_str(&trigger.wait_for_line(r#""type":"ended""#, WAIT).unwrap()).unwrap();
    let count = |name: &str| ended[name].as_u64().unwrap();
    assert_eq!((count("records"), count("given_up")), (delivered, 0), "{ended}");
    assert!(count("failed_invocations") >= 4, "expected two errors, a timeout and a refused connection: {ended}");
    assert!((2..delivered).contains(&count("retried")), "expected the records of two retried batches: {ended}");

    let mut stored = BTreeMap::new();
    let objects = lake::objects(&folder.path().join("lake")).unwrap();
    for line in objects.iter().filter(|(key, _)| key.starts_with("data/watched/")).flat_map(|(_, lines)| lines) {
        let position = (line["kafka_partition"].as_i64().unwrap(), line["kafka_offset"].as_i64().unwrap());
        let row = (line["symbol"].clone(), line["trade_date"].clone(), line["close"].clone());
        assert_eq!(stored.insert(position, row), None, "{position:?} is stored twice");
    }
    let mut sent = BTreeMap::new();
    for record in kafka::read(&kafka.plaintext, "watched", usize::try_from(delivered).unwrap()).unwrap() {
        let value: Value = serde_json::from_str(&record.value).unwrap();
        let row = (value["symbol"].clone(), value["trade_date"].clone(), value["close"].clone());
        sent.insert((i64::from(record.partition), record.offset), row);
    }
    assert_eq!(kafka::record_count(&kafka.plaintext, "watched").unwrap(), i64::try_from(delivered).unwrap());
    assert!(stored == sent, "{} offsets stored, {} sent", stored.len(), sent.len());
}
