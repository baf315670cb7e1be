//! Discarded records: the trigger stores them in S3 as AWS documents it; a redrive feeds them to the function again.

mod redrive;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use embedded_s3::{ACCESS_KEY, Endpoint, REGION, SECRET_KEY, Storage};
use serde_json::{Value, json};
use tempfile::TempDir;
use tickerlake_tests::broker::TestBroker;
use tickerlake_tests::faulty_s3::{Fault, FaultyS3};
use tickerlake_tests::function::{FakeFunction, Invocation, Reply};
use tickerlake_tests::programs::{Running, program};

const WAIT: Duration = Duration::from_secs(60);

/// An S3 server with the buckets `lake` and `discarded` that denies writes of some keys while `denies_writes` is set.
struct S3 {
    folder: TempDir,
    _endpoint: Endpoint,
    proxy: FaultyS3,
    denies_writes: Arc<AtomicBool>,
}

impl S3 {
    /// Starts a server that can deny writes of keys that contain `pattern`.
    async fn start(pattern: &'static str) -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("discarded")).unwrap();
        let endpoint = Storage::open(folder.path(), "lake").unwrap().serve(0).await.unwrap();
        let denies_writes = Arc::new(AtomicBool::new(false));
        let denies = Arc::clone(&denies_writes);
        let fault = move |_, request: &str| {
            let matches_pattern = request.starts_with("PUT ") && request.contains(pattern);
            (matches_pattern && denies.load(Ordering::SeqCst)).then_some(Fault::Answer(403, "AccessDenied"))
        };
        let proxy = FaultyS3::start_by_request(endpoint.url(), fault).await.unwrap();
        S3 { folder, _endpoint: endpoint, proxy, denies_writes }
    }

    fn bucket(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the command `tickerlake` with this S3 in its environment.
    fn tickerlake(&self, subcommand: &str) -> Command {
        let mut command = Command::new(program("tickerlake").unwrap());
        command
            .arg(subcommand)
            .env("AWS_ENDPOINT_URL_S3", &self.proxy.url)
            .env("AWS_REGION", REGION)
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        command
    }
}

/// Returns the files below a folder as sorted relative paths.
fn files(folder: &Path) -> Vec<String> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(one) = folders.pop() {
        for entry in std::fs::read_dir(one).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    files.sort();
    files
}

/// Starts a function that fails every batch that contains the record with offset `bad`.
async fn failing_at(bad: i64) -> FakeFunction {
    let fails = move |_, invocation: &Invocation| {
        if invocation.offsets().contains(&bad) { Reply::Status500 } else { Reply::Body("null") }
    };
    FakeFunction::start(fails).await.unwrap()
}

async fn wait_for_commit(broker: &TestBroker, offset: i64) {
    let limit = Instant::now() + WAIT;
    while broker.committed(0).await.unwrap() != Some(offset) {
        assert!(Instant::now() < limit, "{offset} is not committed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Returns a `tickerlake trigger` for the broker's topic, which bisects a failing batch and discards a record after one
/// retry.
fn discarding_trigger(s3: &S3, broker: &TestBroker, destination: &str) -> Command {
    let mut command = s3.tickerlake("trigger");
    command.args(["-b", broker.servers(), "--topic", &broker.topic, "--consumer-group-id", &broker.group]);
    command.args(["--bisect-batch-on-function-error", "--maximum-retry-attempts", "1", "--on-failure", destination]);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn discarded_batch_reaches_s3_before_its_offset_is_committed() {
    let s3 = S3::start("discarded").await;
    let broker = TestBroker::embedded(1).await.unwrap();
    broker.send(0, (0..8).map(|row| Some(format!(r#"{{"row":{row}}}"#)))).await.unwrap();
    let function = failing_at(5).await;
    s3.denies_writes.store(true, Ordering::SeqCst);
    let mut command = discarding_trigger(&s3, &broker, "s3://discarded/by/trigger/");
    let mut trigger = Running::start(command.args(["--function", &function.url()])).unwrap();

    let error = trigger.wait_for_line("failed to write a batch to the on-failure destination", WAIT).unwrap();
    assert!(error.contains("s3://discarded/by/trigger/aws/lambda/") && error.contains("AccessDenied"), "{error}");
    assert_eq!(broker.committed(0).await.unwrap(), Some(5), "only the records before the failing one are committed");
    s3.denies_writes.store(false, Ordering::SeqCst);
    wait_for_commit(&broker, 8).await;
    assert_eq!(trigger.interrupt(WAIT).unwrap(), Some(0));
    trigger.wait_for_line("7 records in ", WAIT).unwrap();
    trigger.wait_for_line(" 1 discarded", WAIT).unwrap();

    let documents = files(&s3.bucket("discarded"));
    assert_eq!(documents.len(), 1, "{documents:?}");
    let mut document: Value =
        serde_json::from_slice(&std::fs::read(s3.bucket("discarded").join(&documents[0])).unwrap()).unwrap();
    let id = document["requestContext"]["requestId"].as_str().unwrap().to_owned();
    let at = document["timestamp"].as_str().unwrap().to_owned();
    // aws/lambda/<mapping>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<id>
    let (day, second) = (at[..10].replace('-', "/"), at[..19].replace(':', "."));
    assert_eq!(documents[0], format!("by/trigger/aws/lambda/{}/{day}/{second}-{id}", broker.group));

    let payload = document.as_object_mut().unwrap().remove("payload").unwrap();
    let payload = payload.as_str().unwrap();
    let event: Value = serde_json::from_str(payload).unwrap();
    let partition_key = format!("{}-0", broker.topic);
    assert_eq!(
        (&event["eventSource"], &event["bootstrapServers"]),
        (&json!("SelfManagedKafka"), &broker.servers().into())
    );
    let record = &event["records"][&partition_key][0];
    assert_eq!(
        (&record["offset"], &record["topic"], &record["partition"]),
        (&json!(5), &json!(broker.topic), &json!(0))
    );
    assert_eq!(record["value"], base64_simd::STANDARD.encode_to_string(r#"{"row":5}"#));
    let sent = document["KafkaBatchInfo"]["recordsInfo"][&partition_key]["firstRecordTimestamp"].clone();
    assert!(sent.as_str().unwrap().ends_with('Z'), "{sent}");
    assert_eq!(
        document,
        json!({
            "requestContext": {
                "requestId": id, "functionArn": "arn:aws:lambda:local:000000000000:function:sink",
                "condition": "RetryAttemptsExhausted", "approximateInvokeCount": 2,
            },
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "version": "1.0",
            "timestamp": at,
            "KafkaBatchInfo": {
                "batchSize": 1, "bootstrapServers": broker.servers(), "payloadSize": payload.len(),
                "recordsInfo": {&partition_key: {
                    "firstRecordOffset": "5", "lastRecordOffset": "5",
                    "firstRecordTimestamp": sent, "lastRecordTimestamp": sent,
                }},
            },
        })
    );
}
