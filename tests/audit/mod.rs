//! `tickerlake audit` finds each fault of a lake and names the object, the ledger or the offsets.

mod broker;
mod faults;
mod ledgers;
mod repair;
mod run;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use commit_protocol::Ledger;
use embedded_s3::Storage;
use flate2::Compression;
use flate2::write::GzEncoder;
use lake_format::codec::Codec;
use lake_format::ledger;
use serde_json::{Value, json};
use sink::{Config, Sink};
use tempfile::TempDir;
use tickerlake::lake::FOLDER_BUCKET;
use tickerlake_tests::lake;
use tickerlake_tests::programs::program;

/// 2026-11-20 in milliseconds since 1970.
const TIMESTAMP: i64 = 1_795_132_800_000;
const DAY_MS: i64 = 86_400_000;
/// The exit code of an audit with findings.
const FINDINGS: i32 = 4;

/// A lake that the sink has written, batch by batch.
struct TestLake {
    folder: TempDir,
    config: Config,
    topic: String,
}

impl TestLake {
    fn new(config: Config) -> Self {
        TestLake { folder: TempDir::new().unwrap(), config, topic: "quotes".to_owned() }
    }

    /// Creates a lake with three objects of partition 0 with offsets 0 to 299, one object of partition 1, and both
    /// ledgers.
    async fn sample() -> Self {
        Self::sample_with(Config::new(FOLDER_BUCKET)).await
    }

    async fn sample_with(config: Config) -> Self {
        let lake = Self::new(config);
        for offsets in [0..100, 100..200, 200..300] {
            lake.store_batch(0, offsets).await;
        }
        lake.store_batch(1, 0..50).await;
        lake
    }

    fn storage(&self) -> Storage {
        Storage::open(self.folder.path(), FOLDER_BUCKET).unwrap()
    }

    /// Stores records with these offsets as one batch.
    async fn store_batch(&self, partition: i32, offsets: Range<i64>) {
        self.store_records(partition, offsets.map(|offset| (offset, TIMESTAMP, format!("{{\"n\":{offset}}}")))).await;
    }

    /// Stores one batch of records: offset, timestamp, value.
    async fn store_records(&self, partition: i32, records: impl IntoIterator<Item = (i64, i64, String)>) {
        let records: Vec<Value> = records
            .into_iter()
            .map(|(offset, timestamp, value)| {
                let value = base64_simd::STANDARD.encode_to_string(value);
                json!({"topic": self.topic, "partition": partition, "offset": offset, "timestamp": timestamp,
                       "value": value, "headers": []})
            })
            .collect();
        let event =
            json!({"eventSource": "SelfManagedKafka", "records": {format!("{}-{partition}", self.topic): records}});
        Sink::new(self.config.clone(), self.storage().client()).handle(&event.to_string()).await.unwrap();
    }

    /// Returns a ledger without gaps whose next offset is `next`.
    fn ledger_at(&self, next: i64) -> Ledger {
        Ledger::starting_at(next, self.config.layout.ledger_layout())
    }

    fn write_ledger(&self, partition: i32, ledger: &Ledger) {
        self.write(&self.config.layout.ledger_key(&self.topic, partition), &ledger::to_json(ledger));
    }

    fn read_ledger(&self, partition: i32) -> Ledger {
        let key = self.config.layout.ledger_key(&self.topic, partition);
        ledger::from_json(&fs::read(self.path(&key)).unwrap()).unwrap()
    }

    fn remove_ledger(&self, partition: i32) {
        fs::remove_file(self.path(&self.config.layout.ledger_key(&self.topic, partition))).unwrap();
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.path().join(FOLDER_BUCKET).join(key)
    }

    fn write(&self, key: &str, bytes: &[u8]) {
        let path = self.path(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Replaces an object's lines with edited ones.
    fn edit_lines(&self, key: &str, edit: impl FnOnce(Vec<String>) -> Vec<String>) {
        let text = lake::decoded(key, &fs::read(self.path(key)).unwrap()).unwrap();
        let lines = edit(text.lines().map(str::to_owned).collect());
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all((lines.join("\n") + "\n").as_bytes()).unwrap();
        self.write(key, &encoder.finish().unwrap());
    }

    fn remove(&self, key: &str) {
        fs::remove_file(self.path(key)).unwrap();
    }

    fn copy(&self, from: &str, to: &str) {
        self.write(to, &fs::read(self.path(from)).unwrap());
    }

    fn audit(&self, arguments: &[&str]) -> Audit {
        Audit::run(self.folder.path(), arguments)
    }

    fn repair(&self) -> Audit {
        Audit::after("repair", self.folder.path(), &[])
    }
}

/// Returns the key of an object of [`TIMESTAMP`]'s day.
fn key(partition: i32, first: i64) -> String {
    key_on(20, partition, first)
}

fn key_on(day: u32, partition: i32, first: i64) -> String {
    format!("data/quotes/dt=2026-11-{day}/{partition:05}-{first:020}.json.gz")
}

/// The result of an audit: exit code, output as text, error output, output as JSON.
#[derive(Debug)]
struct Audit {
    code: Option<i32>,
    text: String,
    errors: String,
    lines: Vec<Value>,
}

impl Audit {
    fn run(folder: &Path, arguments: &[&str]) -> Self {
        Self::after("audit", folder, arguments)
    }

    /// Runs a command, and then an audit for the findings as JSON.
    fn after(command: &str, folder: &Path, arguments: &[&str]) -> Self {
        let run = |command: &str, format: &str, arguments: &[&str]| -> Output {
            Command::new(program("tickerlake").unwrap())
                .args([command, "--format", format, "--dir", folder.to_str().unwrap()])
                .args(arguments)
                .env_remove("KAFKA_BOOTSTRAP_SERVERS")
                .output()
                .unwrap()
        };
        let output = run(command, "text", arguments);
        // The text run has already repaired the lake, so the JSON run only audits.
        let without_repair: Vec<&str> = arguments.iter().copied().filter(|argument| *argument != "--repair").collect();
        let json = String::from_utf8(run("audit", "json", &without_repair).stdout).unwrap();
        Audit {
            code: output.status.code(),
            text: String::from_utf8(output.stdout).unwrap(),
            errors: String::from_utf8(output.stderr).unwrap(),
            lines: json.lines().map(|line| serde_json::from_str(line).unwrap()).collect(),
        }
    }

    fn lines_of_type(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.lines.iter().filter(move |line| line["type"] == kind)
    }

    /// Returns the findings of a kind: first and last offset, and keys.
    fn findings(&self, kind: &str) -> Vec<(Option<i64>, Option<i64>, Vec<String>)> {
        self.lines_of_type("finding")
            .filter(|finding| finding["kind"] == kind)
            .map(|finding| {
                let keys = finding["keys"].as_array().into_iter().flatten();
                let keys = keys.map(|key| key.as_str().unwrap().to_owned()).collect();
                (finding["first"].as_i64(), finding["last"].as_i64(), keys)
            })
            .collect()
    }

    /// Returns the number of findings of each kind.
    fn counts_by_kind(&self) -> BTreeMap<&str, u64> {
        self.lines_of_type("found")
            .map(|found| (found["kind"].as_str().unwrap(), found["count"].as_u64().unwrap()))
            .collect()
    }

    fn partition_row(&self, partition: i32) -> &Value {
        self.lines_of_type("partition").find(|row| row["partition"] == partition).unwrap_or_else(|| panic!("{self:?}"))
    }

    /// Asserts this exit code, exactly these kinds of findings, and a line of the output for each of these strings.
    fn assert_report(&self, code: i32, kinds: &[&str], texts: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.counts_by_kind().into_keys().collect::<Vec<_>>(), kinds, "{self:?}");
        for text in texts {
            assert!(self.text.lines().any(|line| line.contains(text)), "{text}: {}", self.text);
        }
    }
}

/// Returns a finding as [`Audit::findings`] returns it.
fn finding(first: i64, last: i64, keys: &[&str]) -> (Option<i64>, Option<i64>, Vec<String>) {
    (Some(first), Some(last), keys.iter().map(|&key| key.to_owned()).collect())
}

fn zstd() -> Config {
    let mut config = Config::new(FOLDER_BUCKET);
    config.layout.codec = Codec::Zstd;
    config
}
