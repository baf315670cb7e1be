//! `SINK_METADATA` from the producer's record to SQL, on the embedded broker and on Apache Kafka.

use std::path::Path;
use std::process::{Command, Output};

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::{Value, json};
use tempfile::TempDir;
use tickerlake_tests::broker::TestBroker;
use tickerlake_tests::lake;
use tickerlake_tests::programs::program;

tickerlake_tests::on_both_brokers! {
    key_and_headers_are_stored_and_queried, 1;
}

fn tickerlake(folder: &Path, arguments: &[&str], metadata: Option<&str>) -> Output {
    let mut command = Command::new(program("tickerlake").unwrap());
    command.args(arguments).current_dir(folder).env_remove("KAFKA_BOOTSTRAP_SERVERS").env_remove("SINK_METADATA");
    command.envs(metadata.map(|metadata| ("SINK_METADATA", metadata))).output().unwrap()
}

/// Runs the pipeline over the broker with one row for the symbol.
fn run(broker: &TestBroker, folder: &Path, symbol: &str, metadata: Option<&str>) {
    std::fs::write(folder.join("a.csv"), format!("Symbol,Date,Close\n{symbol},2020-01-02,1.5\n")).unwrap();
    let options = ["--topic", &broker.topic, "--consumer-group-id", &broker.group];
    let output = tickerlake(folder, &[&["run", "-b", broker.servers()][..], &options, &["a.csv"]].concat(), metadata);
    // The audit at the end found nothing.
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

async fn key_and_headers_are_stored_and_queried(broker: TestBroker) {
    let folder = TempDir::new().unwrap();
    let producer: FutureProducer = broker.client().create().unwrap();
    let value = r#"{ "b":1.50, "a":"x" }"#;
    let headers = OwnedHeaders::new()
        .insert(Header { key: "h", value: Some(&b"h\xc3\xab"[..]) })
        .insert(Header { key: "\"n\"", value: None::<&[u8]> });
    let record = |value| FutureRecord::<[u8], str>::to(&broker.topic).partition(0).payload(value);
    let wait = std::time::Duration::from_secs(30);
    producer.send(record(value).key(&[0xff, 0x00]).headers(headers), wait).await.unwrap();
    producer.send(record(value).key(b"HSI"), wait).await.unwrap();
    producer.send(record(value), wait).await.unwrap();
    producer.send(record(r#"{"Kafka_Key":1}"#).key(b"k"), wait).await.unwrap();
    run(&broker, folder.path(), "A", Some("key,headers"));
    // The ledger keeps the setting.
    run(&broker, folder.path(), "B", None);

    let bucket = folder.path().join("lake/tickerlake");
    let mut lines = Vec::new();
    for (key, _) in lake::objects(&bucket).unwrap().iter().filter(|(key, _)| key.starts_with("data/")) {
        let text = lake::decoded(key, &std::fs::read(bucket.join(key)).unwrap()).unwrap();
        lines.extend(text.lines().map(str::to_owned));
    }
    let added = |line: &str| {
        let fields: Value = serde_json::from_str(line).unwrap();
        json!([fields["kafka_offset"], fields["kafka_key"], fields["kafka_headers"]])
    };
    let mut stored: Vec<Value> = lines.iter().map(|line| added(line)).collect();
    stored.sort_by_key(|fields| fields[0].as_i64());
    let expected = [
        json!([0, "/wA=", r#"[{"h":[104,-61,-85]},{"\"n\"":null}]"#]),
        json!([1, "SFNJ", "[]"]),
        json!([2, null, "[]"]),
        json!([4, "QQ==", "[]"]),
        json!([5, "Qg==", "[]"]),
    ];
    assert_eq!(stored, expected);
    let unchanged = lines.iter().filter(|line| line.ends_with(r#"", "b":1.50, "a":"x" }"#)).count();
    assert_eq!(unchanged, 3, "{lines:?}");

    let sql = format!("SELECT kafka_offset, kafka_key, kafka_headers FROM {} ORDER BY kafka_offset", broker.topic);
    let arguments = ["query", "--topic", &broker.topic, "--format", "json", &sql];
    let output = tickerlake(folder.path(), &arguments, None);
    assert!(output.status.success(), "{output:?}");
    let rows: Vec<Value> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let fields = |row: &Value| json!([row["kafka_offset"], row["kafka_key"], row["kafka_headers"]]);
    assert_eq!(rows.iter().map(fields).collect::<Vec<_>>(), expected);

    let sql = "SELECT kafka_offset, reason FROM quarantine";
    let output = tickerlake(folder.path(), &["query", "--topic", &broker.topic, "--format", "csv", sql], None);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\n3,") && text.contains("is named like a field that SINK_METADATA adds"), "{text}");
}
