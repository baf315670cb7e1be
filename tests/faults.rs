//! The sink with a failing S3: it retries after transient faults. A permanent fault fails the batch, with an error that
//! names the remedy.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use embedded_s3::{ACCESS_KEY, Endpoint, REGION, SECRET_KEY, Storage};
use futures::stream::{self, StreamExt};
use serde_json::{Value, json};
use sink::{BatchError, Config, Sink};
use tempfile::TempDir;
use tickerlake_tests::faulty_s3::{Fault, FaultyS3};
use tickerlake_tests::{lake, sample_event};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

struct Rig {
    folder: TempDir,
    _endpoint: Endpoint,
    s3: FaultyS3,
    sink: Sink,
}

impl Rig {
    async fn new(faults: impl Fn(usize) -> Option<Fault> + Send + Sync + 'static) -> Self {
        let folder = TempDir::new().unwrap();
        let endpoint = Storage::open(folder.path(), "lake").unwrap().serve(0).await.unwrap();
        let s3 = FaultyS3::start(endpoint.url(), faults).await.unwrap();
        let client = client(&s3.url);
        Rig { folder, _endpoint: endpoint, s3, sink: Sink::new(Config::new("lake"), client) }
    }

    fn lines(&self) -> usize {
        lake::objects(&self.folder.path().join("lake")).unwrap().values().map(Vec::len).sum()
    }
}

fn client(url: &str) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "tests"))
        .endpoint_url(url)
        .force_path_style(true)
        .http_client(sink::storage::https::client());
    Client::from_conf(config.build())
}

/// Faults that a retry recovers from, whether or not S3 has executed the request.
const TRANSIENT: [Fault; 8] = [
    Fault::Answer(500, "InternalError"),
    Fault::Answer(503, "SlowDown"),
    Fault::Reset,
    Fault::ResetAfterWrite,
    Fault::TruncatedAnswer(500, "InternalError"),
    Fault::TruncatedAnswer(503, "SlowDown"),
    Fault::TruncatedAfterWrite,
    Fault::Slow(Duration::from_millis(200)),
];

#[tokio::test(flavor = "multi_thread")]
async fn transient_fault_at_any_request_is_retried() {
    let event = sample_event("1-two-partitions.json").unwrap();
    let fault_free = Rig::new(|_| None).await;
    fault_free.sink.handle(&event).await.unwrap();
    let requests = fault_free.s3.requests().len();
    assert_eq!(
        requests, 10,
        "for each of two partitions: read ledger, probe prefix, create ledger, put object, update ledger"
    );
    let cases = TRANSIENT.into_iter().flat_map(|fault| (0..requests).map(move |at| (fault, at)));
    let run_case = |(fault, at)| {
        let event = &event;
        async move {
            let rig = Rig::new(move |ordinal| (ordinal == at).then_some(fault)).await;
            let report = rig.sink.handle(event).await.unwrap().report;
            assert_eq!((report.records, rig.lines()), (8, 8), "{fault:?} at request {at}");
            assert!(rig.s3.requests().len() > at, "{fault:?} at request {at} must occur");
        }
    };
    stream::iter(cases).map(run_case).buffer_unordered(16).collect::<Vec<()>>().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn batch_reads_and_writes_each_ledger_once() {
    let rig = Rig::new(|_| None).await;
    let batch = |offsets: std::ops::Range<u64>| {
        let days = offsets.map(|offset| record(offset, TIMESTAMP + offset % 2 * 86_400_000, "{}"));
        event(&days.collect::<Vec<_>>())
    };
    rig.sink.handle(&batch(0..10)).await.unwrap();
    for start in [10, 20, 30] {
        let before = rig.s3.requests().len();
        rig.sink.handle(&batch(start..start + 10)).await.unwrap();
        let mut requests = rig.s3.requests().split_off(before);
        requests.sort();
        let put = |day: &str, offset: u64| format!("PUT /lake/data/t/dt%3D{day}/00000-{offset:020}.json.gz");
        let expected = [
            "GET /lake/ledger/t/00000.json".to_owned(),
            put("2026-11-20", start),
            put("2026-11-21", start + 1),
            "PUT /lake/ledger/t/00000.json".to_owned(),
        ];
        assert_eq!(requests, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_gap_a_batch_reads_only_one_existing_object() {
    let rig = Rig::new(|_| None).await;
    let batch = |offsets: std::ops::Range<u64>| {
        event(&offsets.map(|offset| record(offset, TIMESTAMP, "{}")).collect::<Vec<_>>())
    };
    // Two of every ten offsets are gaps.
    for n in 0..50 {
        rig.sink.handle(&batch(10 * n..10 * n + 8)).await.unwrap();
    }
    let before = rig.s3.requests().len();
    rig.sink.handle(&batch(500..508)).await.unwrap();
    let seen = rig.s3.requests().split_off(before);
    let ledger = "/lake/ledger/t/00000.json";
    let object = |first: u64| format!("/lake/data/t/dt%3D2026-11-20/00000-{first:020}.json.gz");
    let expected = [
        format!("GET {ledger}"),
        format!("PUT {ledger}"),
        "GET /lake/".to_owned(),
        format!("GET {}", object(490)),
        format!("PUT {}", object(500)),
        format!("PUT {ledger}"),
    ];
    assert_eq!(seen, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_batch_waits_for_its_requests_in_flight() {
    // S3 denies the second PUT while the first is slow.
    let rig = Rig::new(|ordinal| match ordinal {
        4 => Some(Fault::Slow(Duration::from_secs(1))),
        5 => Some(Fault::Answer(403, "AccessDenied")),
        _ => None,
    })
    .await;
    let two_days = [record(0, TIMESTAMP, "{}"), record(1, TIMESTAMP + 86_400_000, "{}")];
    let error = rig.sink.handle(&event(&two_days)).await.unwrap_err().to_string();
    assert!(error.contains("AccessDenied"), "{error}");
    assert_eq!((rig.lines(), rig.s3.requests().len()), (1, 6), "{:?}", rig.s3.requests());
}

#[tokio::test(flavor = "multi_thread")]
async fn server_that_breaks_if_match_fails_the_batch() {
    // The first four requests read the ledger, probe the prefix, create the ledger and put the object. After that every
    // second request writes the ledger.
    let rejects = |ordinal: usize| {
        (ordinal >= 4 && ordinal.is_multiple_of(2)).then_some(Fault::Answer(412, "PreconditionFailed"))
    };
    let rig = Rig::new(rejects).await;
    let error = rig.sink.handle(&one_record("{}")).await.unwrap_err().to_string();
    assert!(error.contains("s3://lake/ledger/t/00000.json") && error.contains("does not honour If-Match"), "{error}");
    assert_eq!(rig.lines(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn truncated_answer_announces_more_than_it_sends() {
    for (fault, end) in [(Fault::TruncatedAnswer(503, "SlowDown"), "</Error>"), (Fault::TruncatedAfterWrite, "<Put")] {
        let rig = Rig::new(move |_| Some(fault)).await;
        let mut stream = TcpStream::connect(rig.s3.url.strip_prefix("http://").unwrap()).await.unwrap();
        stream.write_all(b"GET /lake HTTP/1.1\r\nhost: lake\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let announced = format!("content-length: {}", 2 * body.len());
        assert!(head.contains(&announced) && body.ends_with(end), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn permanent_fault_names_the_object_and_the_remedy() {
    for (status, code, remedy, attempts) in [
        (404, "NoSuchBucket", "SINK_BUCKET", 1),
        (403, "AccessDenied", "s3:PutObject", 1),
        (403, "InvalidAccessKeyId", "AWS_ACCESS_KEY_ID", 1),
        (403, "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY", 1),
        (400, "ExpiredToken", "credentials", 1),
        (500, "InternalError", "injected fault", 3),
        (503, "SlowDown", "injected fault", 3),
    ] {
        let rig = Rig::new(move |_| Some(Fault::Answer(status, code))).await;
        let event = one_record("{}");
        let error = rig.sink.handle(&event).await.unwrap_err();
        assert!(matches!(error, BatchError::Partitions(_)), "{code}: {error:?}");
        let text = error.to_string();
        assert!(text.contains("s3://lake/ledger/t/00000.json"), "{text}");
        assert!(text.contains(code) && text.contains(remedy), "{text}");
        assert_eq!(rig.s3.requests().len(), attempts, "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_server_fails_the_batch_with_the_cause() {
    let rig = Rig::new(|_| Some(Fault::Reset)).await;
    let text = rig.sink.handle(&one_record("{}")).await.unwrap_err().to_string();
    assert!(text.contains("s3://lake/ledger/t/00000.json") && text.contains("connection"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn absent_server_names_the_endpoint() {
    // A port that nothing listens on: it was free a moment ago.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for scheme in ["http", "https"] {
        let sink = Sink::new(Config::new("lake"), client(&format!("{scheme}://{address}")));
        let text = sink.handle(&one_record("{}")).await.unwrap_err().to_string();
        let remedy = "Connection refused (os error 111); start the server, or correct AWS_ENDPOINT_URL_S3";
        assert!(text.contains(remedy) && !text.contains("DispatchFailure"), "{text}");
    }
    let rig = Rig::new(|_| None).await;
    let url = rig.s3.url.replace("http://", "https://");
    let text = Sink::new(Config::new("lake"), client(&url)).handle(&one_record("{}")).await.unwrap_err().to_string();
    assert!(text.contains("write http:// in AWS_ENDPOINT_URL_S3"), "{text}");
}

fn record(offset: u64, timestamp: u64, value: &str) -> Value {
    json!({"topic": "t", "partition": 0, "offset": offset, "timestamp": timestamp,
           "value": base64_simd::STANDARD.encode_to_string(value)})
}

/// A time on 2026-11-20 in milliseconds since 1970.
const TIMESTAMP: u64 = 1_795_176_000_123;

fn event(records: &[Value]) -> String {
    json!({"eventSource": "SelfManagedKafka", "records": {"t-0": records}}).to_string()
}

fn one_record(value: &str) -> String {
    event(&[record(1, TIMESTAMP, value)])
}

#[tokio::test(flavor = "multi_thread")]
async fn events_at_the_limits_of_lambda_are_stored() {
    let rig = Rig::new(|_| None).await;
    let records: Vec<Value> =
        (0..10_000).map(|offset| record(offset, TIMESTAMP, &format!("{{\"n\":{offset}}}"))).collect();
    let report = rig.sink.handle(&event(&records)).await.unwrap().report;
    assert_eq!((report.records, report.objects, rig.lines()), (10_000, 1, 10_000));

    let rig = Rig::new(|_| None).await;
    let padding = "x".repeat(4_000);
    let value = format!("{{\"padding\":\"{padding}\"}}");
    let mut records = Vec::new();
    let mut size = 0;
    while size < 6 * 1024 * 1024 - 8_000 {
        let record = record(records.len() as u64, TIMESTAMP, &value);
        size += record.to_string().len() + 1;
        records.push(record);
    }
    let text = event(&records);
    assert!((6_200_000..=6 * 1024 * 1024).contains(&text.len()), "{} bytes", text.len());
    assert_eq!(rig.sink.handle(&text).await.unwrap().report.records, records.len() as u64);
    assert_eq!(rig.lines(), records.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn batch_with_500_prefixes_becomes_500_objects() {
    let rig = Rig::new(|_| None).await;
    let day = 86_400_000;
    let records: Vec<Value> = (0..500).map(|n| record(n, TIMESTAMP - n * day, "{}")).collect();
    let report = rig.sink.handle(&event(&records)).await.unwrap().report;
    assert_eq!((report.objects, rig.lines()), (500, 500));
    let puts = rig.s3.requests().iter().filter(|request| request.starts_with("PUT /lake/data/")).count();
    assert_eq!(puts, 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_batch_sends_no_request() {
    let rig = Rig::new(|_| None).await;
    let report = rig.sink.handle(r#"{"eventSource":"SelfManagedKafka","records":{}}"#).await.unwrap().report;
    assert_eq!((report.records, report.objects, rig.s3.requests().len()), (0, 0, 0));
}
