//! The sink's program against an S3 that fails at one request of a batch, at each request in turn.

use std::collections::BTreeMap;
use std::ops::Range;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use embedded_s3::{ACCESS_KEY, Endpoint, REGION, SECRET_KEY, Storage};
use futures::future::join_all;
use serde_json::json;
use tempfile::TempDir;
use tickerlake::lake::FOLDER_BUCKET;
use tickerlake_tests::faulty_s3::{Fault, FaultyS3};
use tickerlake_tests::lake;
use tickerlake_tests::programs::{Running, program};
use tickerlake_tests::runtime_api::{Answer, RuntimeApi};

use super::assert_clean_audit;

/// Delay of a stalled request: longer than the sink's timeout for a request.
const STALL: Duration = Duration::from_secs(33);

struct Rig {
    folder: TempDir,
    _endpoint: Endpoint,
    s3: FaultyS3,
    faulty_request: Arc<AtomicUsize>,
    api: RuntimeApi,
    _function: Running,
}

impl Rig {
    async fn new(fault: Fault) -> Self {
        let folder = TempDir::new().unwrap();
        let endpoint = Storage::open(folder.path(), FOLDER_BUCKET).unwrap().serve(0).await.unwrap();
        let faulty_request = Arc::new(AtomicUsize::new(usize::MAX));
        let request = Arc::clone(&faulty_request);
        let fault_at = move |ordinal| (ordinal == request.load(Ordering::SeqCst)).then_some(fault);
        let s3 = FaultyS3::start(endpoint.url(), fault_at).await.unwrap();
        let api = RuntimeApi::start().await.unwrap();
        let mut command = Command::new(program("sink").unwrap());
        command
            .env_clear()
            .envs(api.environment())
            .env("SINK_BUCKET", FOLDER_BUCKET)
            .env("AWS_ENDPOINT_URL_S3", &s3.url)
            .envs([("AWS_REGION", REGION), ("AWS_ACCESS_KEY_ID", ACCESS_KEY), ("AWS_SECRET_ACCESS_KEY", SECRET_KEY)]);
        let function = Running::start(&mut command).unwrap();
        Rig { folder, _endpoint: endpoint, s3, faulty_request, api, _function: function }
    }

    /// Delivers a batch with a fault at request `fails`, delivers it again if it fails, and returns the number of
    /// requests.
    async fn deliver(&self, topic: &str, offsets: Range<i64>, fails: Option<usize>) -> usize {
        let before = self.s3.requests().len();
        self.faulty_request.store(fails.map_or(usize::MAX, |request| before + request), Ordering::SeqCst);
        if let Answer::Error(error) = self.api.invoke(event(topic, offsets.clone())).await.unwrap() {
            assert!(fails.is_some() && error.contains("partition 0, offsets "), "{topic}: {error}");
            let answer = self.api.invoke(event(topic, offsets)).await.unwrap();
            assert_eq!(answer, Answer::Response("null".to_owned()), "{topic}");
        }
        self.s3.requests().len() - before
    }

    /// Returns the number of stored lines for each offset of a topic.
    fn stored(&self, topic: &str) -> BTreeMap<i64, usize> {
        let mut stored = BTreeMap::new();
        for (key, lines) in lake::objects(&self.folder.path().join(FOLDER_BUCKET)).unwrap() {
            if key.split('/').nth(1) == Some(topic) {
                for line in lines {
                    *stored.entry(line["kafka_offset"].as_i64().unwrap()).or_insert(0) += 1;
                }
            }
        }
        stored
    }
}

/// Returns an event with records of two dates. Every fifth record is invalid.
fn event(topic: &str, offsets: Range<i64>) -> String {
    let records: Vec<_> = offsets
        .map(|offset| {
            let value = if offset % 5 == 4 { "no json" } else { "{}" };
            json!({"topic": topic, "partition": 0, "offset": offset, "timestamp": 1_795_176_000_123_i64 + offset % 2 * 86_400_000,
                   "value": base64_simd::STANDARD.encode_to_string(value)})
        })
        .collect();
    json!({"eventSource": "SelfManagedKafka", "records": {"t-0": records}}).to_string()
}

/// The batches of a topic: one into an empty lake, the next one, one after a gap, and one with other boundaries across
/// that gap.
const DELIVERIES: [Range<i64>; 4] = [0..10, 10..20, 30..40, 5..35];

/// Injects a fault into each request of one delivery in turn, each time in a separate topic. Returns the number of
/// faults.
async fn fail_each_request(fault: Fault, which: usize) -> usize {
    let rig = Rig::new(fault).await;
    let mut requests = 0;
    for (delivery, offsets) in DELIVERIES.into_iter().enumerate() {
        let sent = rig.deliver("quiet", offsets, None).await;
        requests = if delivery == which { sent } else { requests };
    }
    for request in 0..requests {
        let topic = format!("fault-{request}");
        for (delivery, offsets) in DELIVERIES.into_iter().enumerate() {
            rig.deliver(&topic, offsets, (delivery == which).then_some(request)).await;
        }
        assert_eq!(rig.stored(&topic), once(), "{fault:?} at request {request} of delivery {which}");
    }
    assert_clean_audit(rig.folder.path(), &[]);
    requests
}

fn once() -> BTreeMap<i64, usize> {
    (0..40).map(|offset| (offset, 1)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_at_any_request_leaves_every_record_stored_once() {
    let faults = [
        Fault::Answer(500, "InternalError"),
        Fault::Answer(503, "SlowDown"),
        Fault::Answer(409, "ConditionalRequestConflict"),
        Fault::AnswerAfterWrite(500, "InternalError"),
        Fault::Reset,
        Fault::ResetAfterWrite,
        Fault::TruncatedAfterWrite,
        Fault::Slow(Duration::from_millis(20)),
    ];
    let cases =
        faults.into_iter().flat_map(|fault| (0..DELIVERIES.len()).map(move |which| fail_each_request(fault, which)));
    let faults: usize = join_all(cases).await.into_iter().sum();
    assert!(faults > 200, "{faults} faults were injected");
    println!("{faults} faults were injected");
}

#[tokio::test(flavor = "multi_thread")]
async fn stalled_request_leaves_every_record_stored_once() {
    let quiet = Rig::new(Fault::Reset).await;
    let mut cases = Vec::new();
    for (which, offsets) in DELIVERIES.into_iter().enumerate() {
        let requests = quiet.deliver("quiet", offsets, None).await;
        for at in 0..requests {
            cases.extend([(Fault::Slow(STALL), which, at), (Fault::SlowAfterWrite(STALL), which, at)]);
        }
    }
    // Run all cases at the same time, because each takes half a minute.
    join_all(cases.into_iter().map(|(fault, which, at)| async move {
        let rig = Rig::new(fault).await;
        for (delivery, offsets) in DELIVERIES.into_iter().enumerate() {
            rig.deliver("t", offsets, (delivery == which).then_some(at)).await;
        }
        // Wait until the stalled request has been executed.
        tokio::time::sleep(STALL.saturating_sub(Duration::from_secs(30)) + Duration::from_secs(1)).await;
        assert_eq!(rig.stored("t"), once(), "{fault:?} at request {at} of delivery {which}");
        assert_clean_audit(rig.folder.path(), &[]);
    }))
    .await;
}
