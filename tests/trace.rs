//! Where `tickerlake trace` says that records are, compared with the objects themselves.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use embedded::s3::Storage;
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

/// A lake that holds what the sink makes of some of the sample events.
async fn of_events(events: &[&str]) -> TempDir {
    let folder = TempDir::new().unwrap();
    let storage = Storage::open(folder.path(), FOLDER_BUCKET).unwrap();
    let sink = Sink::new(Config::new(FOLDER_BUCKET), storage.client());
    for event in events {
        sink.handle(&sample_event(event).unwrap()).await.unwrap();
    }
    folder
}

/// Generation, partition, offset: the places that hold it, as key and line with its value.
type Places = BTreeMap<(u32, i32, i64), Vec<(String, usize, Value)>>;

/// Every record of a topic that the objects hold.
fn held(folder: &Path, topic: &str) -> Places {
    let mut places = Places::new();
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
            places.entry(record).or_default().push((key.clone(), line, value));
        }
    }
    places
}

/// Traces every record that is held and compares; gives how often one was in more than one place.
async fn agrees(folder: &Path, topic: &str) -> (usize, usize) {
    let lake = args(folder).open_for_reading().await.unwrap();
    let held = held(folder, topic);
    let mut doubled = 0;
    for ((generation, partition, offset), places) in &held {
        let wanted = Wanted { partition: *partition, offset: *offset, generation: Some(*generation) };
        let Trace::Found(found) = find(&lake, topic, wanted).await.unwrap() else { panic!("{wanted:?}") };
        let told: Vec<_> = found
            .into_iter()
            .map(|place| {
                assert_eq!(place.generation, *generation);
                assert_eq!(place.status == Status::Quarantined, place.key.starts_with("quarantine/"));
                (place.key, place.line, serde_json::from_str(place.record.get()).unwrap())
            })
            .collect();
        assert_eq!(told, *places, "{wanted:?}");
        doubled += usize::from(places.len() > 1);
    }
    (held.len(), doubled)
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
    assert_eq!(agrees(folder.path(), "quotes").await, (2 * (rows.len() - 1), 0));

    // Both generations hold the offset; the command tells both unless one is named.
    let ((_, partition, offset), _) = held(folder.path(), "quotes").pop_last().unwrap();
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
async fn a_quarantined_record_is_found_with_its_reason_and_its_neighbours_too() {
    let folder = of_events(&["3-tombstone.json", "4-poison.json", "5-signed-headers.json"]).await;
    assert_eq!(agrees(folder.path(), "sample").await, (9, 0));
    let key = "quarantine/sample/dt=2026-11-20/00000-00000000000000000040.json.gz";
    let output = tickerlake(folder.path(), &["trace", "sample/0/43"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = text(&output.stdout);
    assert!(said.starts_with(&format!("quarantined in {key}, line 4: not an object but an array\n{{")), "{said}");
    let output = tickerlake(folder.path(), &["trace", "sample/0/43", "--format", "json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["status"], &told["reason"]), (&"quarantined".into(), &"not an object but an array".into()));
    assert_eq!(told["record"]["value"], "WyJBQVBMIiwxMTguNV0=");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_two_objects_hold_is_told_with_both() {
    let folder = of_events(&["1-two-partitions.json"]).await;
    let day = folder.path().join(FOLDER_BUCKET).join("data/sample/dt=2026-11-20");
    // As if a delivery that began at 6 had come as well.
    fs::copy(day.join("00001-00000000000000000007.json.gz"), day.join("00001-00000000000000000006.json.gz")).unwrap();
    assert_eq!(agrees(folder.path(), "sample").await, (8, 3));
    let output = tickerlake(folder.path(), &["trace", "sample/1/8"]);
    let said = text(&output.stdout);
    for first in ["6", "7"] {
        let key = format!("data/sample/dt=2026-11-20/00001-0000000000000000000{first}.json.gz");
        assert!(said.contains(&format!("stored in {key}, line 2\n")), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_not_stored_ends_with_1_and_names_what_lies_around_it() {
    let folder = of_events(&["1-two-partitions.json", "4-poison.json"]).await;
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
    assert!(answer("sample/0/45", 1).contains(
        "offset 44 in quarantine/sample/dt=2026-11-20/00000-00000000000000000044.json.gz\n  after it:  nothing"
    ));
    for record in ["sample/7/0", "nightly/0/0"] {
        assert!(answer(record, 1).contains("no object of this topic"), "{record}");
    }
    assert!(answer("sample/0", 2).contains("TOPIC/PARTITION/OFFSET"));

    let json = tickerlake(folder.path(), &["trace", "sample/1/10", "--format", "json"]);
    let told: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(told["status"], "not stored");
    assert_eq!((&told["around"][0]["before"]["offset"], &told["around"][0]["after"]), (&9.into(), &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_cannot_be_read_is_named() {
    let folder = of_events(&["1-two-partitions.json"]).await;
    let object = folder.path().join(FOLDER_BUCKET).join("data/sample/dt=2026-11-20/00001-00000000000000000007.json.gz");
    let whole = fs::read(&object).unwrap();
    fs::write(&object, &whole[..whole.len() - 3]).unwrap();
    let output = tickerlake(folder.path(), &["trace", "sample/1/8"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("00001-00000000000000000007.json.gz"), "{output:?}");
}
