//! The requests that the sink sends to S3, counted: for the first batch of a process, with and without an endpoint, and
//! for the batches after it.

use std::ops::Range;
use std::process::Command;

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use embedded_s3::{ACCESS_KEY, Endpoint, REGION, SECRET_KEY, Storage};
use serde_json::json;
use sink::storage::endpoint::Connection;
use sink::{Config, Sink};
use tempfile::TempDir;
use tickerlake_tests::faulty_s3::FaultyS3;
use tickerlake_tests::programs::{Running, program};
use tickerlake_tests::runtime_api::{Answer, RuntimeApi};

/// An S3 that records the requests.
struct Recorder {
    _folder: TempDir,
    _endpoint: Endpoint,
    s3: FaultyS3,
}

impl Recorder {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let endpoint = Storage::open(folder.path(), "lake").unwrap().serve(0).await.unwrap();
        let s3 = FaultyS3::start(endpoint.url(), |_| None).await.unwrap();
        Recorder { _folder: folder, _endpoint: endpoint, s3 }
    }

    /// Returns the requests after the first `before`, sorted.
    fn requests_after(&self, before: usize) -> Vec<String> {
        let mut requests = self.s3.requests().split_off(before);
        requests.sort();
        requests
    }
}

/// A process of the sink.
enum Process {
    /// The program, which has the endpoint in a variable.
    Program { api: RuntimeApi, _function: Running },
    /// The sink without an endpoint, as on AWS. Its client is connected to the recorder.
    OnAws(Sink),
}

impl Process {
    async fn program(s3: &FaultyS3) -> Self {
        let api = RuntimeApi::start().await.unwrap();
        let mut command = Command::new(program("sink").unwrap());
        command.env_clear().envs(api.environment()).env("SINK_BUCKET", "lake").env("AWS_ENDPOINT_URL_S3", &s3.url);
        command.envs([
            ("AWS_REGION", REGION),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ]);
        let function = Running::start(&mut command).unwrap();
        Process::Program { api, _function: function }
    }

    fn on_aws(s3: &FaultyS3) -> Self {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(REGION))
            .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "tests"))
            .endpoint_url(&s3.url)
            .force_path_style(true)
            .http_client(sink::storage::https::client());
        let sdk = SdkConfig::builder().build();
        let connection = Connection { client: Client::from_conf(config.build()), sdk, endpoint: None };
        Process::OnAws(Sink::connected(Config::new("lake"), connection))
    }

    /// Delivers a batch and returns its requests, sorted.
    async fn deliver(&self, recorder: &Recorder, topic: &str, offsets: Range<u64>) -> Vec<String> {
        let before = recorder.s3.requests().len();
        let event = event(topic, offsets);
        match self {
            Process::Program { api, .. } => {
                assert_eq!(api.invoke(event).await.unwrap(), Answer::Response("null".to_owned()));
            }
            Process::OnAws(sink) => drop(sink.handle(event).await.unwrap()),
        }
        recorder.requests_after(before)
    }
}

/// Returns an event of one partition with records of two days.
fn event(topic: &str, offsets: Range<u64>) -> String {
    let records: Vec<_> = offsets
        .map(|offset| {
            json!({"topic": topic, "partition": 0, "offset": offset,
                   "timestamp": 1_795_176_000_123 + offset % 2 * 86_400_000, "value": "e30="})
        })
        .collect();
    json!({"eventSource": "SelfManagedKafka", "records": {format!("{topic}-0"): records}}).to_string()
}

fn put_object(topic: &str, day: &str, offset: u64) -> String {
    format!("PUT /lake/data/{topic}/dt%3D{day}/00000-{offset:020}.json.gz")
}

fn ledger(method: &str, topic: &str) -> String {
    format!("{method} /lake/ledger/{topic}/00000.json")
}

/// Requests of the first batch of a topic with two object prefixes: as many as version 0.1.0 sent.
fn first_batch(topic: &str) -> Vec<String> {
    vec![
        "GET /lake/".to_owned(),
        "GET /lake/".to_owned(),
        ledger("GET", topic),
        put_object(topic, "2026-11-20", 0),
        put_object(topic, "2026-11-21", 1),
        ledger("PUT", topic),
        ledger("PUT", topic),
    ]
}

/// Requests of a batch that follows the previous one: as many as version 0.1.0 sent.
fn following_batch(topic: &str, first: u64) -> Vec<String> {
    vec![
        ledger("GET", topic),
        put_object(topic, "2026-11-20", first),
        put_object(topic, "2026-11-21", first + 1),
        ledger("PUT", topic),
    ]
}

/// Returns the requests of the probe for conditional writes if no object of an earlier probe exists.
fn probe(topic: &str) -> Vec<String> {
    let key = format!("PUT /lake/ledger/{topic}/_probe");
    vec![key.clone(), key.clone(), key.clone(), format!("{key}-missing")]
}

fn sorted(mut requests: Vec<String>) -> Vec<String> {
    requests.sort();
    requests
}

#[tokio::test(flavor = "multi_thread")]
async fn probe_runs_once_in_a_process() {
    let recorder = Recorder::new().await;
    let process = Process::program(&recorder.s3).await;
    assert_eq!(process.deliver(&recorder, "t", 0..10).await, sorted([first_batch("t"), probe("t")].concat()));
    for first in [10, 20, 30] {
        assert_eq!(process.deliver(&recorder, "t", first..first + 10).await, following_batch("t", first));
    }
    assert_eq!(process.deliver(&recorder, "u", 0..10).await, first_batch("u"));
    // A process that finds the object of the probe sends one request fewer.
    let next = Process::program(&recorder.s3).await;
    let probe_again = probe("t").split_off(1);
    assert_eq!(next.deliver(&recorder, "t", 40..50).await, sorted([following_batch("t", 40), probe_again].concat()));
    assert_eq!(next.deliver(&recorder, "t", 50..60).await, following_batch("t", 50));
}

#[tokio::test(flavor = "multi_thread")]
async fn sink_on_aws_never_probes() {
    let recorder = Recorder::new().await;
    let process = Process::on_aws(&recorder.s3);
    assert_eq!(process.deliver(&recorder, "t", 0..10).await, first_batch("t"));
    for first in [10, 20, 30] {
        assert_eq!(process.deliver(&recorder, "t", first..first + 10).await, following_batch("t", first));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn probe_waits_for_the_first_write() {
    let recorder = Recorder::new().await;
    Process::program(&recorder.s3).await.deliver(&recorder, "t", 0..10).await;
    let process = Process::program(&recorder.s3).await;
    let before = recorder.s3.requests().len();
    // An event without records is answered when the program has started.
    process.deliver(&recorder, "t", 0..0).await;
    assert_eq!(recorder.requests_after(before), [""; 0]);
    // All records are stored, so the batch only reads.
    let read = process.deliver(&recorder, "t", 0..10).await;
    assert!(!read.is_empty() && read.iter().all(|request| request.starts_with("GET ")), "{read:?}");
}
