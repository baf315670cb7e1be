//! What a trigger gives up: kept in S3 as AWS documents it, over the wire, and fed to the function again.

mod redrive;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use embedded::s3::{ACCESS_KEY, Endpoint, REGION, SECRET_KEY, Storage};
use serde_json::{Value, json};
use tempfile::TempDir;
use tickerlake_tests::broker::TestBroker;
use tickerlake_tests::faulty_s3::{Fault, FaultyS3};
use tickerlake_tests::function::{FakeFunction, Invocation, Reply};
use tickerlake_tests::programs::{Running, program};

const WAIT: Duration = Duration::from_secs(60);

/// An S3 with the buckets `lake` and `given-up`, which refuses to write some objects for as long as it is told to.
struct S3 {
    folder: TempDir,
    _endpoint: Endpoint,
    proxy: FaultyS3,
    refuses: Arc<AtomicBool>,
}

impl S3 {
    /// Refuses to write keys that hold `refused`.
    async fn start(refused: &'static str) -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("given-up")).unwrap();
        let endpoint = Storage::open(folder.path(), "lake").unwrap().serve(0).await.unwrap();
        let refuses = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&refuses);
        let fault = move |_, request: &str| {
            let is_meant = request.starts_with("PUT ") && request.contains(refused);
            (is_meant && told.load(Ordering::SeqCst)).then_some(Fault::Answer(403, "AccessDenied"))
        };
        let proxy = FaultyS3::start_by_request(endpoint.url(), fault).await.unwrap();
        S3 { folder, _endpoint: endpoint, proxy, refuses }
    }

    fn bucket(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `tickerlake` with this S3 in its environment.
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

/// The files below a folder, by their path within it.
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

/// A function that fails whenever the record of this offset is in its batch.
async fn failing_at(bad: i64) -> FakeFunction {
    let fails = move |_, invocation: &Invocation| {
        if invocation.offsets().contains(&bad) { Reply::Status500 } else { Reply::Body("null") }
    };
    FakeFunction::start(fails).await.unwrap()
}

async fn committed(broker: &TestBroker, offset: i64) {
    let limit = Instant::now() + WAIT;
    while broker.committed(0).await.unwrap() != Some(offset) {
        assert!(Instant::now() < limit, "{offset} is not committed");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A trigger of a broker's topic that gives up soon, record by record.
fn giving_up(s3: &S3, broker: &TestBroker, place: &str) -> Command {
    let mut command = s3.tickerlake("trigger");
    command.args(["-b", broker.servers(), "--topic", &broker.topic, "--consumer-group-id", &broker.group]);
    command.args(["--bisect-batch-on-function-error", "--maximum-retry-attempts", "1", "--on-failure", place]);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_is_kept_in_s3_as_aws_documents_it_before_its_offset_is_committed() {
    let s3 = S3::start("given-up").await;
    let broker = TestBroker::embedded(1).await.unwrap();
    broker.send(0, (0..8).map(|row| Some(format!(r#"{{"row":{row}}}"#)))).await.unwrap();
    let function = failing_at(5).await;
    s3.refuses.store(true, Ordering::SeqCst);
    let mut command = giving_up(&s3, &broker, "s3://given-up/by/trigger/");
    let mut trigger = Running::start(command.args(["--function", &function.url()])).unwrap();

    let why = trigger.line("failed to write a batch to the on-failure destination", WAIT).unwrap();
    assert!(why.contains("s3://given-up/by/trigger/aws/lambda/") && why.contains("AccessDenied"), "{why}");
    assert_eq!(broker.committed(0).await.unwrap(), Some(5), "what comes before it is done, and no more");
    s3.refuses.store(false, Ordering::SeqCst);
    committed(&broker, 8).await;
    assert_eq!(trigger.interrupt(WAIT).unwrap(), Some(0));
    trigger.line("7 records in ", WAIT).unwrap();
    trigger.line(" 1 given up", WAIT).unwrap();

    let kept = files(&s3.bucket("given-up"));
    assert_eq!(kept.len(), 1, "{kept:?}");
    let mut document: Value =
        serde_json::from_slice(&std::fs::read(s3.bucket("given-up").join(&kept[0])).unwrap()).unwrap();
    let id = document["requestContext"]["requestId"].as_str().unwrap().to_owned();
    let at = document["timestamp"].as_str().unwrap().to_owned();
    // aws/lambda/<mapping>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<id>
    let (day, second) = (at[..10].replace('-', "/"), at[..19].replace(':', "."));
    assert_eq!(kept[0], format!("by/trigger/aws/lambda/{}/{day}/{second}-{id}", broker.group));

    let payload = document.as_object_mut().unwrap().remove("payload").unwrap();
    let payload = payload.as_str().unwrap();
    let event: Value = serde_json::from_str(payload).unwrap();
    let part = format!("{}-0", broker.topic);
    assert_eq!(
        (&event["eventSource"], &event["bootstrapServers"]),
        (&json!("SelfManagedKafka"), &broker.servers().into())
    );
    let record = &event["records"][&part][0];
    assert_eq!(
        (&record["offset"], &record["topic"], &record["partition"]),
        (&json!(5), &json!(broker.topic), &json!(0))
    );
    assert_eq!(record["value"], base64_simd::STANDARD.encode_to_string(r#"{"row":5}"#));
    let sent = document["KafkaBatchInfo"]["recordsInfo"][&part]["firstRecordTimestamp"].clone();
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
                "recordsInfo": {&part: {
                    "firstRecordOffset": "5", "lastRecordOffset": "5",
                    "firstRecordTimestamp": sent, "lastRecordTimestamp": sent,
                }},
            },
        })
    );
}
