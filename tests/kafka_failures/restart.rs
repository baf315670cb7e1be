//! A broker that is killed during a feed and restarted.

use std::collections::BTreeMap;

use tickerlake_tests::programs::Running;
use tickerlake_tests::time_of_row;

use super::*;

const ROWS: usize = 20_000;
const SYMBOLS: usize = 7;
const WAIT: Duration = Duration::from_secs(60);

#[test]
#[ignore = "needs Apache Kafka: run tests/install-parts"]
fn killed_broker_gets_every_row_once_after_its_restart() {
    let mut kafka = ApacheKafka::start().unwrap();
    kafka.create_topic("quotes", 3, &[]).unwrap();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("rows.csv");
    let rows: String = (0..ROWS).map(|row| format!("S{},{},{row}\n", row % SYMBOLS, time_of_row(row))).collect();
    std::fs::write(&file, format!("Symbol,Date,Close\n{rows}")).unwrap();

    let mut command = Command::new(program("producer").unwrap());
    command.args(login(&kafka, &kafka.sasl_ssl, &["--rate", "2500", "--format", "json"])).arg(&file);
    let mut producer = Running::start(&mut command).unwrap();
    let until = Instant::now() + WAIT;
    while kafka::record_count(&kafka.plaintext, "quotes").unwrap() < 2_000 {
        assert!(Instant::now() < until, "too few rows were delivered");
        std::thread::sleep(Duration::from_millis(50));
    }
    kafka.kill().unwrap();
    let killed = Instant::now();
    let waiting = producer.wait_for_line("waiting for the broker at", WAIT).unwrap();
    assert_contains(&waiting, &[&kafka.sasl_ssl]);
    // Long enough that rows become due while the broker is down.
    std::thread::sleep(Duration::from_secs(4).saturating_sub(killed.elapsed()));
    kafka.restart().unwrap();
    producer.wait_for_line("the broker is back", WAIT).unwrap();
    let summary: serde_json::Value =
        serde_json::from_str(&producer.wait_for_line("\"delivered\"", WAIT).unwrap()).unwrap();
    assert_eq!(producer.wait_for_exit(WAIT).unwrap(), Some(0), "{summary}");
    assert_eq!(summary["delivered"], ROWS);

    assert_eq!(kafka::record_count(&kafka.plaintext, "quotes").unwrap(), ROWS as i64);
    let mut closes: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for record in kafka::read(&kafka.plaintext, "quotes", ROWS).unwrap() {
        let value: serde_json::Value = serde_json::from_str(&record.value).unwrap();
        assert_eq!(value["symbol"], record.key);
        closes.entry(record.key).or_default().push(value["close"].as_u64().unwrap());
    }
    assert_eq!(closes.len(), SYMBOLS);
    for (symbol, closes) in closes {
        let first: usize = symbol[1..].parse().unwrap();
        let sent: Vec<u64> = (first..ROWS).step_by(SYMBOLS).map(|row| row as u64).collect();
        assert_eq!(closes, sent, "{symbol}");
    }
}
