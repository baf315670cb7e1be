//! `tickerlake drop` undoes a run, and `--restore` brings it back.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use embedded_s3::{ACCESS_KEY, REGION, SECRET_KEY, Storage};
use serde_json::Value;
use tempfile::TempDir;
use tickerlake::lake::FOLDER_BUCKET;
use tickerlake_tests::programs::program;

const FIRST: &str = "Symbol,Date,Close\nA,2020-01-02,1.5\nB,2020-01-02,2.5\n";
const MISTAKE: &str = "Symbol,Date,Close\nA,2020-01-03,150\nB,2020-01-03,250\nC,2020-01-03,350\n";

/// The rows after the first run, and after the second.
const BEFORE: &str = "A,2020-01-02,1.5\nB,2020-01-02,2.5\n";
const AFTER: &str = "A,2020-01-02,1.5\nB,2020-01-02,2.5\nA,2020-01-03,150.0\nB,2020-01-03,250.0\nC,2020-01-03,350.0\n";

/// A folder with a lake that two runs have written: generation 0, then generation 1.
struct TwoRuns(TempDir);

impl TwoRuns {
    fn new() -> Self {
        let runs = TwoRuns(TempDir::new().unwrap());
        runs.feed(FIRST);
        runs.feed(MISTAKE);
        assert_eq!(runs.rows(), AFTER);
        runs
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(program("tickerlake").unwrap());
        command.args(arguments).current_dir(self.folder());
        command.env_remove("KAFKA_BOOTSTRAP_SERVERS").env_remove("SINK_PREFIX").output().unwrap()
    }

    /// Runs a command that must end with exit code 0, and returns its output.
    fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that must end with this exit code, and returns its errors.
    fn fail(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.command(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Runs the pipeline with a CSV file, and returns the generation that it stored.
    fn feed(&self, csv: &str) -> u64 {
        fs::write(self.folder().join("rows.csv"), csv).unwrap();
        let output = self.succeed(&["run", "rows.csv", "--format", "json"]);
        let mut events = output.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.find(|event| event["type"] == "started").unwrap()["generation"].as_u64().unwrap()
    }

    fn rows(&self) -> String {
        let sql = "SELECT symbol, trade_date, close FROM quotes ORDER BY trade_date, symbol";
        let output = self.succeed(&["query", "--format", "csv", sql]);
        output.split_once('\n').map(|(_, rows)| rows.to_owned()).unwrap_or_default()
    }

    fn bucket(&self) -> PathBuf {
        self.folder().join("lake").join(FOLDER_BUCKET)
    }

    /// Returns the bytes of each object and ledger, and of each file in the trash.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let (mut files, mut folders) = (BTreeMap::new(), vec![self.bucket()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.insert(path.strip_prefix(self.bucket()).unwrap().to_owned(), fs::read(path).unwrap());
                }
            }
        }
        files
    }
}

#[test]
fn run_is_taken_back_and_brought_back() {
    let lake = TwoRuns::new();
    let before = lake.files();
    let dropped = lake.succeed(&["drop", "quotes", "--generation", "1"]);
    assert!(dropped.contains("dropped    generation 1 of quotes: ") && dropped.contains(", 3 records\n"), "{dropped}");
    assert!(dropped.contains("undo       tickerlake drop quotes --generation 1 --restore\n"), "{dropped}");
    assert_eq!(lake.rows(), BEFORE);
    assert!(lake.succeed(&["audit"]).contains("audit: 2 stored"));
    assert!(lake.succeed(&["repair"]).contains("audit: 2 stored"));
    assert_eq!(lake.feed("Symbol,Date,Close\nD,2020-01-06,4\n"), 2, "the next run gets a new number");
    assert!(lake.succeed(&["audit"]).contains("audit: 3 stored"));

    let restored = lake.succeed(&["drop", "quotes", "--generation", "1", "--restore"]);
    assert!(restored.contains("restored   generation 1 of quotes: "), "{restored}");
    assert_eq!(lake.rows(), format!("{AFTER}D,2020-01-06,4.0\n"));
    assert!(lake.succeed(&["audit"]).contains("audit: 6 stored"));
    let after = lake.files();
    assert!(before.iter().all(|(path, bytes)| after.get(path) == Some(bytes)), "{after:?}");
    assert!(!lake.bucket().join("trash").exists());
}

#[test]
fn trash_is_a_lake_that_can_be_queried() {
    let lake = TwoRuns::new();
    lake.succeed(&["drop", "quotes", "--generation", "1"]);
    let prefix = ["--prefix", "trash/quotes/g1"];
    let rows = lake.succeed(&[&["query", "--format", "csv", "SELECT count(*) FROM quotes"][..], &prefix].concat());
    assert_eq!(rows.lines().nth(1), Some("3"));
    assert!(lake.succeed(&[&["audit"][..], &prefix].concat()).contains("audit: 3 stored"));
}

#[test]
fn every_generation_of_a_topic_can_be_dropped() {
    let lake = TwoRuns::new();
    lake.succeed(&["drop", "quotes", "--generation", "1"]);
    lake.succeed(&["drop", "quotes", "--generation", "0", "--writers-stopped"]);
    assert!(lake.succeed(&["audit"]).contains("nothing is stored"));
    assert_eq!(lake.feed(FIRST), 2);
    assert_eq!(lake.rows(), BEFORE);
}

#[test]
fn dry_run_moves_nothing() {
    let lake = TwoRuns::new();
    let before = lake.files();
    let dry_run = lake.succeed(&["drop", "quotes", "--generation", "1", "--dry-run", "--format", "json"]);
    let event: Value = serde_json::from_str(&dry_run).unwrap();
    assert_eq!((&event["type"], &event["dry_run"], &event["records"]), (&"dropped".into(), &true.into(), &3.into()));
    assert_eq!(lake.files(), before);
    let dropped = lake.succeed(&["drop", "quotes", "--generation", "1", "--format", "json"]);
    let moved: Value = serde_json::from_str(&dropped).unwrap();
    for figure in ["objects", "ledgers", "bytes", "records", "trash", "undo"] {
        assert_eq!(event[figure], moved[figure], "{figure}");
    }
}

#[test]
fn unknown_generation_lists_those_of_the_topic() {
    let lake = TwoRuns::new();
    let before = lake.files();
    let errors = lake.fail(1, &["drop", "quotes", "--generation", "7"]);
    assert!(errors.contains("the topic has the generations 0 and 1"), "{errors}");
    let errors = lake.fail(1, &["drop", "quotes", "--generation", "1", "--restore"]);
    assert!(errors.contains("the trash has no generation 1"), "{errors}");
    assert_eq!(lake.files(), before);
}

#[test]
fn generation_zero_needs_a_confirmation() {
    let lake = TwoRuns::new();
    let before = lake.files();
    let errors = lake.fail(2, &["drop", "quotes", "--generation", "0"]);
    assert!(errors.contains("--writers-stopped"), "{errors}");
    assert_eq!(lake.files(), before);
}

#[test]
fn folder_in_use_is_not_changed() {
    let lake = TwoRuns::new();
    let before = lake.files();
    let lock = fs::File::create(lake.folder().join("lake/.lock")).unwrap();
    lock.lock().unwrap();
    let errors = lake.fail(1, &["drop", "quotes", "--generation", "1"]);
    assert!(errors.contains("in use"), "{errors}");
    assert_eq!(lake.files(), before);
}

#[test]
fn audit_reports_a_drop_that_was_interrupted() {
    let lake = TwoRuns::new();
    let before = lake.files();
    lake.succeed(&["drop", "quotes", "--generation", "1"]);
    // The state after a kill: the journal says that the drop has begun, and one object is still in the lake.
    let journal = lake.bucket().join("trash/quotes/g1/journal.json");
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, text.replace("dropped", "dropping")).unwrap();
    let (object, bytes) = before.iter().find(|(path, _)| path.to_string_lossy().contains("/g1-")).unwrap();
    for ledger in before.keys().filter(|path| path.starts_with("ledger") && path.to_string_lossy().contains("/g1-")) {
        fs::rename(lake.bucket().join("trash/quotes/g1").join(ledger), lake.bucket().join(ledger)).unwrap();
    }
    fs::create_dir_all(lake.bucket().join(object).parent().unwrap()).unwrap();
    fs::write(lake.bucket().join(object), bytes).unwrap();

    let output = lake.command(&["audit"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(4), "{text}");
    assert!(text.contains("unfinished drop: quotes, generation 1: a drop has begun and is not complete"), "{text}");
    assert!(text.contains("audit: 2 stored") && text.contains("nothing missing"), "{text}");
    let completed = lake.succeed(&["drop", "quotes", "--generation", "1"]);
    assert!(completed.contains("; continues a move that was interrupted"), "{completed}");
    assert!(lake.succeed(&["audit"]).contains("audit: 2 stored"));
    lake.succeed(&["drop", "quotes", "--generation", "1", "--restore"]);
    assert_eq!(lake.files(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn generation_in_a_bucket_is_moved_over_s3() {
    let lake = TwoRuns::new();
    let before = lake.files();
    let endpoint = Storage::open(&lake.folder().join("lake"), FOLDER_BUCKET).unwrap().serve(0).await.unwrap();
    let drop = |arguments: &[&str]| {
        let mut command = Command::new(program("tickerlake").unwrap());
        command.args(["drop", "quotes", "--generation", "1", "--bucket", FOLDER_BUCKET]).args(arguments);
        command.env("AWS_ENDPOINT_URL_S3", endpoint.url()).env("AWS_REGION", REGION);
        command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        command.current_dir(lake.folder()).output().unwrap()
    };
    let refused = drop(&[]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let dropped = drop(&["--writers-stopped"]);
    assert_eq!(dropped.status.code(), Some(0), "{dropped:?}");
    let text = String::from_utf8(dropped.stdout).unwrap();
    assert!(text.contains("quotes_history") && text.contains("s3://tickerlake/trash/quotes/g1\n"), "{text}");
    assert_eq!(lake.rows(), BEFORE);
    let restored = drop(&["--writers-stopped", "--restore"]);
    assert_eq!(restored.status.code(), Some(0), "{restored:?}");
    assert_eq!(lake.files(), before);
}
