//! From CSV through Kafka to objects: each row arrives under its symbol, with every digit.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::time::Duration;

use embedded_broker::{Broker, Options};
use embedded_s3::Storage;
use event_source::progress::Progress;
use event_source::{EventSource, Limits, MAX_PAYLOAD, Settings};
use rdkafka::ClientConfig;
use serde_json::{Value, json};
use sink::{Config, Sink};
use tempfile::TempDir;
use tickerlake::trigger::sink_function::SinkFunction;
use tickerlake_tests::programs::program;
use tickerlake_tests::{kafka, lake, time_of_row};

const CSV: &str = "\
Index,Date,Open,High,Low,Close,Adj Close,Volume,CloseUSD,Full Name
HSI,1986-12-31,2568.300049,2568.300049,2568.300049,2568.300049,2568.300049,0.0,333.87900637,\"Hang Seng, Hong Kong\"
HSI,1987-01-02,2540.100098,.5,+3,2913.,007,,330.21301274,
N225,1987-01-02,1E3,1,1,1,1,1,1,\"a \"\"b\"\"\"
";

fn produce(servers: &str, arguments: &[&str], file: &Path) -> Output {
    Command::new(program("producer").unwrap()).args(["-b", servers]).args(arguments).arg(file).output().unwrap()
}

fn write(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn settings(servers: &str, batch_size: usize) -> Settings {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", servers);
    let window = Duration::from_millis(100);
    let limits = Limits { batch_size, window, payload: MAX_PAYLOAD };
    Settings {
        timeout: Duration::from_secs(30),
        ..Settings::new(client, vec!["quotes".to_owned()], "tickerlake", limits)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_digit_of_a_row_reaches_the_object() {
    let folder = TempDir::new().unwrap();
    let broker = Broker::start(Options { port: 0, ..Options::default() }).await.unwrap();
    let servers = broker.bootstrap_servers();
    let csv = write(&folder, "index.csv", CSV);
    let output = produce(&servers, &["--create-topic", "2"], &csv);
    assert!(output.status.success(), "{output:?}");

    let records = kafka::read(&servers, "quotes", 3).unwrap();
    let mut hsi = records.iter().filter(|record| record.key == "HSI");
    let first = hsi.next().unwrap();
    assert_eq!(
        first.value,
        concat!(
            r#"{"symbol":"HSI","trade_date":"1986-12-31","bar":"1d","open":2568.300049,"high":2568.300049,"low":2568.300049,"#,
            r#""close":2568.300049,"adj_close":2568.300049,"volume":0.0,"close_usd":333.87900637,"#,
            r#""full_name":"Hang Seng, Hong Kong"}"#
        )
    );
    assert_eq!(
        hsi.next().unwrap().value,
        concat!(
            r#"{"symbol":"HSI","trade_date":"1987-01-02","bar":"1d","open":2540.100098,"high":0.5,"low":3,"#,
            r#""close":2913,"adj_close":7,"volume":null,"close_usd":330.21301274,"full_name":null}"#
        )
    );
    assert_eq!(records.iter().filter(|record| record.key == "N225").count(), 1);

    let bucket = folder.path().join("s3/lake");
    let client = Storage::open(&folder.path().join("s3"), "lake").unwrap().client();
    let function = Arc::new(SinkFunction::new(Sink::new(Config::new("lake"), client)));
    let progress = Arc::new(Progress::default());
    let event_source = EventSource::start(settings(&servers, 100), function, Arc::clone(&progress)).unwrap();
    for record in &records {
        tokio::time::timeout(Duration::from_secs(20), progress.stored("quotes", record.partition, record.offset))
            .await
            .unwrap();
    }
    event_source.finish().await.unwrap();

    let mut lines: Vec<Value> = lake::objects(&bucket).unwrap().into_values().flatten().collect();
    assert_eq!(lines.len(), 3);
    for line in &mut lines {
        let offset = line["kafka_offset"].as_i64().unwrap();
        let partition = line["kafka_partition"].as_i64().unwrap();
        let sent =
            records.iter().find(|record| (i64::from(record.partition), record.offset) == (partition, offset)).unwrap();
        for coordinate in ["kafka_partition", "kafka_offset", "kafka_timestamp"] {
            line.as_object_mut().unwrap().remove(coordinate).unwrap();
        }
        assert_eq!(*line, serde_json::from_str::<Value>(&sent.value).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn small_batches_store_each_row_once_in_order() {
    let folder = TempDir::new().unwrap();
    let mut text = "Symbol,Date,Close\n".to_owned();
    for row in 0..2_000 {
        text += &format!("S{},{},{row}\n", row % 7, time_of_row(row));
    }
    let broker = Broker::start(Options { port: 0, ..Options::default() }).await.unwrap();
    let servers = broker.bootstrap_servers();
    let output = produce(&servers, &["--create-topic", "3", "--format", "json"], &write(&folder, "s.csv", &text));
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&summary["read"], &summary["delivered"], &summary["rejected"]),
        (&json!(2_000), &json!(2_000), &json!(0))
    );

    let client = Storage::open(&folder.path().join("s3"), "lake").unwrap().client();
    let function = Arc::new(SinkFunction::new(Sink::new(Config::new("lake"), client)));
    let progress = Arc::new(Progress::default());
    let event_source = EventSource::start(settings(&servers, 37), function, Arc::clone(&progress)).unwrap();
    for (partition, delivery) in summary["partitions"].as_object().unwrap() {
        let last = delivery["last_offset"].as_i64().unwrap();
        tokio::time::timeout(Duration::from_secs(30), progress.stored("quotes", partition.parse().unwrap(), last))
            .await
            .unwrap();
    }
    event_source.finish().await.unwrap();

    let mut closes: Vec<Vec<i64>> = vec![Vec::new(); 7];
    for line in lake::objects(&folder.path().join("s3/lake")).unwrap().into_values().flatten() {
        let symbol: usize = line["symbol"].as_str().unwrap()[1..].parse().unwrap();
        closes[symbol].push(line["close"].as_i64().unwrap());
    }
    for (symbol, closes) in closes.iter().enumerate() {
        let sent: Vec<i64> = (0..2_000).filter(|row| row % 7 == symbol as i64).collect();
        assert_eq!(*closes, sent, "S{symbol}: keys do not sort in the order of partition and offset");
    }
    assert!(progress.counts().batches >= 2_000 / 37);
}
