//! Objects of the sample events, written through the real AWS SDK to an in-process S3.

use std::collections::BTreeMap;
use std::path::PathBuf;

use embedded_s3::Storage;
use serde_json::{Value, json};
use sink::{BatchError, Config, Sink};
use tempfile::TempDir;
use tickerlake_tests::{lake, sample_event};

struct Bucket {
    folder: TempDir,
    sink: Sink,
}

impl Bucket {
    fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let storage = Storage::open(folder.path(), "lake").unwrap();
        let sink = Sink::new(Config::new("lake"), storage.client());
        Bucket { folder, sink }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("lake")
    }

    fn objects(&self) -> BTreeMap<String, Vec<Value>> {
        lake::objects(&self.path()).unwrap()
    }
}

const DATA: &str = "data/sample/dt=2026-11-20/";
const QUARANTINE: &str = "quarantine/sample/dt=2026-11-20/";

fn offsets(lines: &[Value]) -> Vec<i64> {
    lines.iter().map(|line| line["kafka_offset"].as_i64().unwrap()).collect()
}

/// Returns the keys of all objects, each with its offsets.
fn stored(bucket: &Bucket) -> BTreeMap<String, Vec<i64>> {
    bucket.objects().into_iter().map(|(key, lines)| (key, offsets(&lines))).collect()
}

fn expected(objects: &[(&str, i32, i64, &[i64])]) -> BTreeMap<String, Vec<i64>> {
    objects
        .iter()
        .map(|(folder, partition, first, offsets)| {
            (format!("{folder}{partition:05}-{first:020}.json.gz"), offsets.to_vec())
        })
        .collect()
}

#[tokio::test]
async fn each_partition_becomes_one_ordered_object() {
    let bucket = Bucket::new();
    let report = bucket.sink.handle(&sample_event("1-two-partitions.json").unwrap()).await.unwrap().report;
    assert_eq!((report.records, report.objects, report.quarantined), (8, 2, 0));
    assert_eq!(stored(&bucket), expected(&[(DATA, 0, 15, &[15, 16, 17, 18, 19]), (DATA, 1, 7, &[7, 8, 9])]));
    let line = &bucket.objects()[&format!("{DATA}00000-00000000000000000015.json.gz")][0];
    assert_eq!(line["kafka_timestamp"], 1_795_176_015_123_i64);
    assert_eq!((&line["symbol"], &line["trade_date"]), (&json!("AAPL"), &json!("2013-02-01")));
}

#[tokio::test]
async fn redelivery_writes_only_unstored_records() {
    let bucket = Bucket::new();
    bucket.sink.handle(&sample_event("1-two-partitions.json").unwrap()).await.unwrap();
    let report = bucket.sink.handle(&sample_event("2-redelivery.json").unwrap()).await.unwrap().report;
    assert_eq!((report.records, report.objects, report.skipped), (8, 1, 7));
    assert_eq!(
        stored(&bucket),
        expected(&[(DATA, 0, 15, &[15, 16, 17, 18, 19]), (DATA, 0, 20, &[20]), (DATA, 1, 7, &[7, 8, 9])])
    );
}

#[tokio::test]
async fn tombstone_does_not_affect_its_neighbour() {
    let bucket = Bucket::new();
    let report = bucket.sink.handle(&sample_event("3-tombstone.json").unwrap()).await.unwrap().report;
    assert_eq!((report.records, report.objects, report.quarantined), (2, 2, 1));
    assert_eq!(stored(&bucket), expected(&[(DATA, 0, 31, &[31]), (QUARANTINE, 0, 30, &[30])]));
    let line = &bucket.objects()[&format!("{QUARANTINE}00000-00000000000000000030.json.gz")][0];
    assert_eq!(
        line,
        &json!({"kafka_topic": "sample", "kafka_partition": 0, "kafka_offset": 30, "kafka_timestamp": 1_795_176_030_123_i64,
                "reason": "tombstone: the record has no value", "key": "RkI=", "value": null, "headers": []})
    );
}

#[tokio::test]
async fn each_invalid_record_is_quarantined_with_its_reason() {
    let bucket = Bucket::new();
    let report = bucket.sink.handle(&sample_event("4-poison.json").unwrap()).await.unwrap().report;
    assert_eq!((report.records, report.objects, report.quarantined), (5, 2, 4));
    assert_eq!(stored(&bucket), expected(&[(DATA, 0, 44, &[44]), (QUARANTINE, 0, 40, &[40, 41, 42, 43])]));
    let lines = &bucket.objects()[&format!("{QUARANTINE}00000-00000000000000000040.json.gz")];
    let reasons: Vec<_> = lines.iter().map(|line| line["reason"].as_str().unwrap()).collect();
    assert_eq!(
        reasons,
        [
            "not base64",
            "not JSON: a value expected at byte 25",
            "not UTF-8: invalid byte at 13",
            "not an object but an array"
        ]
    );
    assert_eq!(lines[0]["value_raw"], "not base64!");
    assert_eq!(lines[3]["value"], "WyJBQVBMIiwxMTguNV0=");
}

#[tokio::test]
async fn quarantine_keeps_signed_header_bytes() {
    let bucket = Bucket::new();
    bucket.sink.handle(&sample_event("5-signed-headers.json").unwrap()).await.unwrap();
    assert_eq!(stored(&bucket), expected(&[(DATA, 0, 51, &[51]), (QUARANTINE, 0, 50, &[50])]));
    let lines = &bucket.objects()[&format!("{QUARANTINE}00000-00000000000000000050.json.gz")];
    assert_eq!(lines[0]["headers"], json!([{"origin": [104, -61, -85]}, {"trace": [-128, 0, 127]}]));
}

#[tokio::test]
async fn missing_bucket_is_named_with_its_remedy() {
    let bucket = Bucket::new();
    std::fs::remove_dir(bucket.path()).unwrap();
    let error = bucket.sink.handle(&sample_event("3-tombstone.json").unwrap()).await.unwrap_err();
    assert!(matches!(error, BatchError::Partitions(_)), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("topic sample, partition 0, offsets 30 to 31: failed to read s3://lake/ledger/"), "{text}");
    assert!(text.contains("create the bucket or correct SINK_BUCKET"), "{text}");
}

#[tokio::test]
async fn object_metadata_has_record_count_and_last_offset() {
    let folder = TempDir::new().unwrap();
    let client = Storage::open(folder.path(), "lake").unwrap().client();
    let sink = Sink::new(Config::new("lake"), client.clone());
    sink.handle(&sample_event("1-two-partitions.json").unwrap()).await.unwrap();
    let key = format!("{DATA}00000-00000000000000000015.json.gz");
    let head = client.head_object().bucket("lake").key(key).send().await.unwrap();
    let metadata = head.metadata().unwrap();
    assert_eq!((metadata["records"].as_str(), metadata["last-offset"].as_str()), ("5", "19"));
}
