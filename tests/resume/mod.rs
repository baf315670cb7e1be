//! `producer --resume`: after any interruption the same command continues, and every row is in the topic exactly once.

mod late;
mod rejections;
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

const WAIT: Duration = Duration::from_secs(60);
const SYMBOLS: usize = 13;

/// A producer's command in its own folder; it feeds `rows.csv` unless the arguments name other files of the folder.
struct Feed {
    folder: TempDir,
    topic: String,
    servers: String,
    arguments: Vec<&'static str>,
    /// The value of `--resume-wait`, in seconds.
    wait: u64,
}

impl Feed {
    /// A feed of a file with `rows` rows; a row's close is its number, counted from 0.
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

    /// The command without `--resume`.
    fn command(&self, more: &[&str]) -> Command {
        let mut command = Command::new(program("producer").unwrap());
        command.args(&self.arguments).args(more).current_dir(self.folder.path());
        if !self.arguments.iter().any(|argument| argument.ends_with(".csv")) {
            command.arg("rows.csv");
        }
        command
    }

    /// The command with `--resume`.
    fn resume_command(&self, more: &[&str]) -> Command {
        let mut command = self.command(more);
        command.args(["--resume", "--resume-wait", &self.wait.to_string()]);
        command.args(["--format", "json", "-b", &self.servers, "-t", &self.topic]);
        command
    }

    /// Returns the feed's records in order, as a dry run prints them.
    fn expected(&self) -> Vec<String> {
        let output = self.command(&["--dry-run"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    fn records_in_topic(&self) -> i64 {
        kafka::held(&self.servers, &self.topic).unwrap()
    }

    /// Starts the command with `--resume` and waits until it has delivered a row.
    fn start(&self, more: &[&str]) -> Running {
        self.start_until(1, more)
    }

    /// Starts the command with `--resume` and waits until it has delivered `rows` rows.
    fn start_until(&self, rows: i64, more: &[&str]) -> Running {
        let before = self.records_in_topic();
        let mut running = Running::start(&mut self.resume_command(more)).unwrap();
        let until = Instant::now() + WAIT;
        while self.records_in_topic() < before + rows {
            if Instant::now() > until {
                panic!("too few rows were delivered: {:?}", running.line("no such line", Duration::ZERO));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        running
    }

    /// Starts the command and interrupts it mid-file, as Ctrl-C does, once rows of every symbol are delivered.
    fn interrupt_mid_file(&self, more: &[&str]) {
        let mut running = self.start_until(8 * SYMBOLS as i64, more);
        let code = running.interrupt(WAIT).unwrap();
        assert_eq!(
            code,
            Some(130),
            "the interrupt must hit mid-file: {:?}",
            running.line("no such line", Duration::ZERO)
        );
    }

    /// Runs the command with `--resume` to its end, asserts that it succeeds, and returns the summary.
    fn complete(&self, more: &[&str]) -> Value {
        let output = self.resume_command(more).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Returns the feed's records in the topic, which contains `foreign` records of other producers besides.
    fn records(&self, foreign: usize) -> Vec<Consumed> {
        let mut records = kafka::read(&self.servers, &self.topic, self.records_in_topic() as usize).unwrap();
        records.retain(|record| !record.key.is_empty());
        assert_eq!(self.records_in_topic() as usize - records.len(), foreign);
        records
    }

    /// Asserts that each record is in the topic once, and that a symbol's records are in one partition and in order.
    #[track_caller]
    fn assert_each_row_once(&self, foreign: usize) {
        let mut expected: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for record in self.expected() {
            let symbol = serde_json::from_str::<Value>(&record).unwrap()["symbol"].as_str().unwrap().to_owned();
            expected.entry(symbol).or_default().push(record);
        }
        let mut delivered: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut partitions: BTreeMap<String, i32> = BTreeMap::new();
        for record in self.records(foreign) {
            assert_eq!(*partitions.entry(record.key.clone()).or_insert(record.partition), record.partition);
            delivered.entry(record.key).or_default().push(record.value);
        }
        for (symbol, expected) in &expected {
            let delivered = delivered.get(symbol).map(Vec::as_slice).unwrap_or_default();
            let difference = expected.iter().zip(delivered).position(|(one, other)| one != other);
            assert_eq!(difference, None, "{symbol}: {:?}", difference.map(|at| (&expected[at], &delivered[at])));
            assert_eq!(delivered.len(), expected.len(), "{symbol}");
        }
        assert_eq!(delivered.len(), expected.len());
    }
}

/// A record that a killed run left in flight.
struct InFlight {
    partition: i32,
    symbol: String,
    record: String,
    headers: OwnedHeaders,
}

impl InFlight {
    /// The record `ahead` rows after the feed's last record in the topic.
    fn of(feed: &Feed, ahead: usize) -> Self {
        let delivered = feed.records(0);
        let header =
            |record: &Consumed, name: &str| record.headers.iter().find(|(key, _)| key == name).unwrap().1.clone();
        let row = |record: &Consumed| header(record, "tickerlake-row").parse::<usize>().unwrap();
        let last = delivered.iter().max_by_key(|one| row(one)).unwrap();
        let next = row(last) + ahead;
        let record = feed.expected().swap_remove(next - 1);
        let symbol = serde_json::from_str::<Value>(&record).unwrap()["symbol"].as_str().unwrap().to_owned();
        let headers = OwnedHeaders::new()
            .insert(Header { key: "tickerlake-feed", value: Some(&header(last, "tickerlake-feed")) })
            .insert(Header { key: "tickerlake-row", value: Some(&next.to_string()) });
        let partition = delivered.iter().find(|one| one.key == symbol).unwrap().partition;
        InFlight { partition, symbol, record, headers }
    }

    async fn deliver(self, broker: &TestBroker) {
        let producer: FutureProducer = broker.client().create().unwrap();
        let record = FutureRecord::to(&broker.topic).partition(self.partition).key(&self.symbol).payload(&self.record);
        producer.send(record.headers(self.headers), WAIT).await.unwrap();
    }
}

fn row(number: usize) -> String {
    format!("S{},2020-01-01,{number}", number % SYMBOLS)
}

fn table(rows: impl Iterator<Item = String>) -> String {
    let rows: Vec<String> = rows.collect();
    format!("Symbol,Date,Close\n{}\n", rows.join("\n"))
}

/// Returns the counts of a summary: rows read, already in the topic, delivered, rejected.
fn counts(summary: &Value) -> [u64; 4] {
    ["read", "already", "delivered", "rejected"].map(|name| summary[name].as_u64().unwrap())
}
