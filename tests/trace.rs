//! `tickerlake trace` finds records; its results are compared with the objects themselves.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use embedded_s3::Storage;
use lake_audit::trace::{Status, Trace, Wanted, find};
use serde_json::Value;
use sink::{Config, Sink};
use tempfile::TempDir;
use tickerlake::lake::{FOLDER_BUCKET, LakeArgs};
use tickerlake_tests::programs::program;
use tickerlake_tests::{lake, sample_event, workspace};

fn tickerlake(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(program("tickerlake").unwrap())
        .args(arguments)
        .args(["--dir", folder.to_str().unwrap()])
        .env_remove("KAFKA_BOOTSTRAP_SERVERS")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn args(folder: &Path) -> LakeArgs {
    LakeArgs { dir: folder.to_path_buf(), bucket: None, prefix: None }
}

/// Creates a lake in which the sink has stored these sample events.
async fn lake_of_events(events: &[&str]) -> TempDir {
    let folder = TempDir::new().unwrap();
    let storage = Storage::open(folder.path(), FOLDER_BUCKET).unwrap();
    let sink = Sink::new(Config::new(FOLDER_BUCKET), storage.client());
    for event in events {
        sink.handle(&sample_event(event).unwrap()).await.unwrap();
    }
    folder
}

/// Maps generation, partition and offset to the record's locations: key, line number and value.
type Locations = BTreeMap<(u32, i32, i64), Vec<(String, usize, Value)>>;

/// Returns the locations of every stored record of a topic.
fn stored_records(folder: &Path, topic: &str) -> Locations {
    let mut locations = Locations::new();
    for (key, lines) in lake::objects(&folder.join(FOLDER_BUCKET)).unwrap() {
        if key.split('/').nth(1) != Some(topic) {
            continue;
        }
        for (line, value) in (1..).zip(lines) {
            let number = |field: &str| value[field].as_i64().unwrap_or(0);
            let record = (
                u32::try_from(number("kafka_generation")).unwrap(),
                i32::try_from(number("kafka_partition")).unwrap(),
                number("kafka_offset"),
            );
            locations.entry(record).or_default().push((key.clone(), line, value));
        }
    }
    locations
}

/// Asserts that tracing each stored record returns its locations. Returns the number of records, and the number of
/// records with several locations.
async fn assert_trace_agrees(folder: &Path, topic: &str) -> (usize, usize) {
    let lake = args(folder).open_for_reading().await.unwrap();
    let stored = stored_records(folder, topic);
    let mut duplicated = 0;
    for ((generation, partition, offset), locations) in &stored {
        let wanted = Wanted { partition: *partition, offset: *offset, generation: Some(*generation) };
        let Trace::Found(found) = find(&lake, topic, wanted).await.unwrap() else { panic!("{wanted:?}") };
        let traced: Vec<_> = found
            .into_iter()
            .map(|location| {
                assert_eq!(location.generation, *generation);
                assert_eq!(location.status == Status::Quarantined, location.key.starts_with("quarantine/"));
                (location.key, location.line, serde_json::from_str(location.record.get()).unwrap())
            })
            .collect();
        assert_eq!(traced, *locations, "{wanted:?}");
        duplicated += usize::from(locations.len() > 1);
    }
    (stored.len(), duplicated)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_record_is_found_in_its_object_and_line() {
    let folder = TempDir::new().unwrap();
    let sample = fs::read_to_string(workspace().join("data/us-stocks-sample.csv")).unwrap();
    let rows: Vec<&str> = sample.lines().enumerate().filter(|(n, _)| n % 10 == 0).map(|(_, row)| row).collect();
    let csv = folder.path().join("some.csv");
    fs::write(&csv, rows.join("\n") + "\n").unwrap();
    for _ in 0..2 {
        let output = tickerlake(folder.path(), &["run", "--batch-size", "7", csv.to_str().unwrap()]);
        assert!(output.status.success(), "{output:?}");
    }
    let objects = lake::objects(&folder.path().join(FOLDER_BUCKET)).unwrap();
    assert!(objects.len() > 20, "small batches make many objects: {}", objects.len());
    assert_eq!(assert_trace_agrees(folder.path(), "quotes").await, (2 * (rows.len() - 1), 0));

    // Both generations contain the offset; the command prints both unless one is chosen.
    let ((_, partition, offset), _) = stored_records(folder.path(), "quotes").pop_last().unwrap();
    let record = format!("quotes/{partition}/{offset}");
    let lines = |arguments: &[&str]| {
        let output = tickerlake(folder.path(), &[&["trace", &record, "--format", "json"], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let lines = text(&output.stdout);
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    let generations = |lines: Vec<Value>| lines.iter().map(|line| line["generation"].as_u64()).collect::<Vec<_>>();
    assert_eq!(generations(lines(&[])), [Some(0), Some(1)]);
    assert_eq!(generations(lines(&["--generation", "1"])), [Some(1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn quarantined_record_is_found_with_its_reason() {
    let folder = lake_of_events(&["3-tombstone.json", "4-poison.json", "5-signed-headers.json"]).await;
    assert_eq!(assert_trace_agrees(folder.path(), "sample").await, (9, 0));
    let key = "quarantine/sample/dt=2026-11-20/00000-00000000000000000040.json.gz";
    let output = tickerlake(folder.path(), &["trace", "sample/0/43"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let stdout = text(&output.stdout);
    assert!(stdout.starts_with(&format!("quarantined in {key}, line 4: not an object but an array\n{{")), "{stdout}");
    let output = tickerlake(folder.path(), &["trace", "sample/0/43", "--format", "json"]);
    let trace: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&trace["status"], &trace["reason"]), (&"quarantined".into(), &"not an object but an array".into()));
    assert_eq!(trace["record"]["value"], "WyJBQVBMIiwxMTguNV0=");
}

#[tokio::test(flavor = "multi_thread")]
async fn record_in_two_objects_is_printed_with_both() {
    let folder = lake_of_events(&["1-two-partitions.json"]).await;
    let day = folder.path().join(FOLDER_BUCKET).join("data/sample/dt=2026-11-20");
    // A second delivery that starts at offset 6 would write this object.
    fs::copy(day.join("00001-00000000000000000007.json.gz"), day.join("00001-00000000000000000006.json.gz")).unwrap();
    assert_eq!(assert_trace_agrees(folder.path(), "sample").await, (8, 3));
    let output = tickerlake(folder.path(), &["trace", "sample/1/8"]);
    let stdout = text(&output.stdout);
    for first in ["6", "7"] {
        let key = format!("data/sample/dt=2026-11-20/00001-0000000000000000000{first}.json.gz");
        assert!(stdout.contains(&format!("stored in {key}, line 2\n")), "{stdout}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unstored_record_is_reported_with_its_neighbours() {
    let folder = lake_of_events(&["1-two-partitions.json", "4-poison.json"]).await;
    let answer = |record: &str, code: i32| {
        let output = tickerlake(folder.path(), &["trace", record]);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        format!("{}{}", text(&output.stdout), text(&output.stderr))
    };
    assert_eq!(
        answer("sample/0/25", 1),
        "not stored: sample/0/25\ngeneration 0\n  \
         before it: offset 19 in data/sample/dt=2026-11-20/00000-00000000000000000015.json.gz\n  \
         after it:  offset 40 in quarantine/sample/dt=2026-11-20/00000-00000000000000000040.json.gz\n"
    );
    assert!(
        answer("sample/0/45", 1).contains(
            "offset 44 in data/sample/dt=2026-11-20/00000-00000000000000000044.json.gz\n  after it:  nothing"
        )
    );
    for record in ["sample/7/0", "nightly/0/0"] {
        assert!(answer(record, 1).contains("no object of this topic"), "{record}");
    }
    assert!(answer("sample/0", 2).contains("TOPIC/PARTITION/OFFSET"));

    let json = tickerlake(folder.path(), &["trace", "sample/1/10", "--format", "json"]);
    let trace: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(trace["status"], "not stored");
    assert_eq!((&trace["around"][0]["before"]["offset"], &trace["around"][0]["after"]), (&9.into(), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_object_is_named() {
    let folder = lake_of_events(&["1-two-partitions.json"]).await;
    let object = folder.path().join(FOLDER_BUCKET).join("data/sample/dt=2026-11-20/00001-00000000000000000007.json.gz");
    let whole = fs::read(&object).unwrap();
    fs::write(&object, &whole[..whole.len() - 3]).unwrap();
    let output = tickerlake(folder.path(), &["trace", "sample/1/8"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("00001-00000000000000000007.json.gz"), "{output:?}");
}
