//! `producer --resume`: after any interruption, the same command continues, and every row is in the topic once.

mod late;
mod refusals;
mod stopped;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde_json::Value;
use tempfile::TempDir;
use tickerlake_tests::broker::TestBroker;
use tickerlake_tests::kafka::{self, Consumed};
use tickerlake_tests::programs::{Running, program};
use tickerlake_tests::time_of_row;

const WAIT: Duration = Duration::from_secs(60);
const SYMBOLS: usize = 13;

/// A command that feeds `rows.csv` of a temporary folder, unless the arguments name other files of the folder.
struct Feed {
    folder: TempDir,
    topic: String,
    servers: String,
    arguments: Vec<&'static str>,
    /// The value of `--resume-wait`, in seconds.
    wait: u64,
}

impl Feed {
    /// Creates a file of `rows` rows; the close of each row is its number, from 0.
    fn of(broker: &TestBroker, rows: usize, arguments: &[&'static str]) -> Self {
        Self::to(broker.servers(), &broker.topic, rows, arguments)
    }

    fn to(servers: &str, topic: &str, rows: usize, arguments: &[&'static str]) -> Self {
        let feed = Feed {
            folder: TempDir::new().unwrap(),
            topic: topic.to_owned(),
            servers: servers.to_owned(),
            arguments: arguments.to_vec(),
            wait: 1,
        };
        feed.write("rows.csv", &table((0..rows).map(row)));
        feed
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn bare(&self, more: &[&str]) -> Command {
        let mut command = Command::new(program("producer").unwrap());
        command.args(&self.arguments).args(more).current_dir(self.folder.path());
        if !self.arguments.iter().any(|argument| argument.ends_with(".csv")) {
            command.arg("rows.csv");
        }
        command
    }

    /// Returns the command with `--resume`.
    fn resumed(&self, more: &[&str]) -> Command {
        let mut command = self.bare(more);
        command.args(["--resume", "--resume-wait", &self.wait.to_string()]);
        command.args(["--format", "json", "-b", &self.servers, "-t", &self.topic]);
        command
    }

    /// Returns the feed's records, in order.
    fn expected(&self) -> Vec<String> {
        let output = self.bare(&["--dry-run"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    fn held(&self) -> i64 {
        kafka::record_count(&self.servers, &self.topic).unwrap()
    }

    /// Starts the command and waits until it has delivered a row.
    fn started(&self, more: &[&str]) -> Running {
        self.started_until(1, more)
    }

    /// Starts the command and waits until it has delivered this many rows.
    fn started_until(&self, rows: i64, more: &[&str]) -> Running {
        let before = self.held();
        let mut running = Running::start(&mut self.resumed(more)).unwrap();
        let until = Instant::now() + WAIT;
        while self.held() < before + rows {
            if Instant::now() > until {
                panic!("too few rows were delivered: {:?}", running.wait_for_line("no such line", Duration::ZERO));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        running
    }

    /// Starts the command, and interrupts it as Ctrl-C does, in the middle of the file and after rows of every symbol.
    fn interrupted(&self, more: &[&str]) {
        let mut running = self.started_until(8 * SYMBOLS as i64, more);
        let code = running.interrupt(WAIT).unwrap();
        assert_eq!(
            code,
            Some(130),
            "the feed must be in the middle of the file: {:?}",
            running.wait_for_line("no such line", Duration::ZERO)
        );
    }

    /// Runs the command to its end, which must succeed, and returns the summary.
    fn completed(&self, more: &[&str]) -> Value {
        let output = self.resumed(more).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Returns the records of this feed in the topic, which must also contain `of_others` other records.
    fn landed(&self, of_others: usize) -> Vec<Consumed> {
        let mut records = kafka::read(&self.servers, &self.topic, self.held() as usize).unwrap();
        records.retain(|record| !record.key.is_empty());
        assert_eq!(self.held() as usize - records.len(), of_others);
        records
    }

    /// Asserts that each record is in the topic once, and that a symbol's records are in one partition and in order.
    #[track_caller]
    fn holds_each_row_once(&self, of_others: usize) {
        let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for record in self.expected() {
            let symbol = serde_json::from_str::<Value>(&record).unwrap()["symbol"].as_str().unwrap().to_owned();
            expected.entry(symbol).or_default().push(record);
        }
        let mut landed: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut partitions: BTreeMap<String, i32> = BTreeMap::new();
        for record in self.landed(of_others) {
            assert_eq!(*partitions.entry(record.key.clone()).or_insert(record.partition), record.partition);
            landed.entry(record.key).or_default().push(record.value);
        }
        for (symbol, expected) in &expected {
            let landed = landed.get(symbol).map(Vec::as_slice).unwrap_or_default();
            let differ = expected.iter().zip(landed).position(|(one, other)| one != other);
            assert_eq!(differ, None, "{symbol}: {:?}", differ.map(|at| (&expected[at], &landed[at])));
            assert_eq!(landed.len(), expected.len(), "{symbol}");
        }
        assert_eq!(landed.len(), expected.len());
    }
}

/// A record that a killed run had in flight.
struct Pending {
    partition: i32,
    symbol: String,
    record: String,
    headers: OwnedHeaders,
}

impl Pending {
    /// Returns the record `ahead` rows after the last row of the feed in the topic.
    fn of(feed: &Feed, ahead: usize) -> Self {
        let landed = feed.landed(0);
        let header = |of: &Consumed, name: &str| of.headers.iter().find(|(key, _)| key == name).unwrap().1.clone();
        let row = |of: &Consumed| header(of, "tickerlake-row").parse::<usize>().unwrap();
        let last = landed.iter().max_by_key(|one| row(one)).unwrap();
        let next = row(last) + ahead;
        let record = feed.expected().swap_remove(next - 1);
        let symbol = serde_json::from_str::<Value>(&record).unwrap()["symbol"].as_str().unwrap().to_owned();
        let headers = OwnedHeaders::new()
            .insert(Header { key: "tickerlake-feed", value: Some(&header(last, "tickerlake-feed")) })
            .insert(Header { key: "tickerlake-row", value: Some(&next.to_string()) });
        let partition = landed.iter().find(|one| one.key == symbol).unwrap().partition;
        Pending { partition, symbol, record, headers }
    }

    async fn arrives(self, broker: &TestBroker) {
        let producer: FutureProducer = broker.client().create().unwrap();
        let record = FutureRecord::to(&broker.topic).partition(self.partition).key(&self.symbol).payload(&self.record);
        producer.send(record.headers(self.headers), WAIT).await.unwrap();
    }
}

fn row(number: usize) -> String {
    format!("S{},{},{number}", number % SYMBOLS, time_of_row(number))
}

fn table(rows: impl Iterator<Item = String>) -> String {
    let rows: Vec<String> = rows.collect();
    format!("Symbol,Date,Close\n{}\n", rows.join("\n"))
}

/// Returns the counts of a summary: rows read, already in the topic, delivered, rejected.
fn counts(summary: &Value) -> [u64; 4] {
    ["read", "already", "delivered", "rejected"].map(|name| summary[name].as_u64().unwrap())
}
