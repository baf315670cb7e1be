//! Runs the function that `sam build` builds from the template as Lambda does, with each sample event.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use embedded_s3::{ACCESS_KEY, REGION, SECRET_KEY, Storage};
use serde_json::{Value, json};
use sink::Config;
use tempfile::TempDir;
use tickerlake_tests::programs::{Running, hide_package, part, target};
use tickerlake_tests::runtime_api::{Answer, RuntimeApi};
use tickerlake_tests::{lake, workspace};

use crate::cargo_lambda::sample_events;

/// Minor version of glibc 2 on Amazon Linux 2023, which the runtime `provided.al2023` uses.
const LAMBDA_GLIBC_MINOR: u32 = 34;

/// An object: its kind, partition and first offset, and each record's offset with the reason of its quarantine.
type Object = (&'static str, i64, i64, &'static [(i64, &'static str)]);

/// The objects after each event has been delivered once, sorted by key.
const OBJECTS: [Object; 9] = [
    ("data", 0, 15, &[(15, ""), (16, ""), (17, ""), (18, ""), (19, "")]),
    ("data", 0, 20, &[(20, "")]),
    ("data", 0, 31, &[(31, "")]),
    ("data", 0, 44, &[(44, "")]),
    ("data", 0, 51, &[(51, "")]),
    ("data", 1, 7, &[(7, ""), (8, ""), (9, "")]),
    ("quarantine", 0, 30, &[(30, "tombstone: the record has no value")]),
    (
        "quarantine",
        0,
        40,
        &[
            (40, "not base64"),
            (41, "not JSON: a value expected at byte 25"),
            (42, "not UTF-8: invalid byte at 13"),
            (43, "not an object but an array"),
        ],
    ),
    ("quarantine", 0, 50, &[(50, "not JSON: a value expected at byte 25")]),
];

/// Returns the records of all events as Lambda sends them, by partition and offset.
fn records() -> BTreeMap<(i64, i64), Value> {
    let mut records = BTreeMap::new();
    for path in sample_events() {
        let event: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for record in event["records"].as_object().unwrap().values().flat_map(|records| records.as_array().unwrap()) {
            let position = (record["partition"].as_i64().unwrap(), record["offset"].as_i64().unwrap());
            records.insert(position, record.clone());
        }
    }
    records
}

/// Returns a valid record's line: its coordinates, then the fields of its value as they were sent.
fn data_line(record: &Value) -> String {
    let value = base64_simd::STANDARD.decode_to_vec(record["value"].as_str().unwrap()).unwrap();
    let value = String::from_utf8(value).unwrap();
    let (partition, offset, timestamp) = (&record["partition"], &record["offset"], &record["timestamp"]);
    let fields = value.strip_prefix('{').unwrap();
    format!(r#"{{"kafka_partition":{partition},"kafka_offset":{offset},"kafka_timestamp":{timestamp},{fields}"#)
}

/// Returns an invalid record's line in the quarantine: everything that Lambda sent, and the reason.
fn quarantine_line(record: &Value, reason: &str) -> Value {
    let mut line = json!({
        "kafka_topic": record["topic"], "kafka_partition": record["partition"], "kafka_offset": record["offset"],
        "kafka_timestamp": record["timestamp"], "reason": reason,
        "key": record["key"], "value": record["value"], "headers": record["headers"],
    });
    if reason == "not base64" {
        line["value_raw"] = line["value"].take();
    }
    line
}

/// Runs `sam build` for the architecture of this machine, and returns the path of the function's `bootstrap`.
fn sam_build(folder: &Path) -> PathBuf {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    // SAM asks PyPI for a newer version if its last check is more than a week old. The timestamp must be a float.
    std::fs::write(folder.join("metadata.json"), r#"{"lastVersionCheck":4102444800.0}"#).unwrap();
    // The folder of cargo-lambda also has a Python with zig.
    let cargo_lambda = part("cargo-lambda").unwrap().canonicalize().unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(cargo_lambda.parent().unwrap().to_path_buf()).chain(std::env::split_paths(&path));
    let mut sam = Command::new(part("sam").unwrap());
    hide_package(&mut sam);
    let output = sam
        .args(["build", "--parameter-overrides", &format!("Architecture={architecture}"), "--build-dir"])
        .arg(folder.join("build"))
        .env("PATH", std::env::join_paths(path).unwrap())
        .env("CARGO_TARGET_DIR", target().unwrap())
        .env("__SAM_CLI_APP_DIR", folder)
        .env("SAM_CLI_TELEMETRY", "0")
        .current_dir(workspace())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let template = std::fs::read_to_string(folder.join("build/template.yaml")).unwrap();
    assert!(template.contains("CodeUri: Sink\n"), "the built template does not name the built function");
    folder.join("build/Sink/bootstrap")
}

/// Returns the newest minor version of glibc 2 whose symbols a program requires.
fn newest_glibc(program: &[u8]) -> Option<u32> {
    const NAME: &[u8] = b"GLIBC_2.";
    let versions = program.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME).map(|(at, _)| {
        let digits = program[at + NAME.len()..].iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold(0, |version, digit| version * 10 + u32::from(digit - b'0'))
    });
    versions.max()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the SAM CLI and cargo-lambda: run tests/install-parts"]
async fn sam_bootstrap_stores_every_sample_event() {
    let folder = TempDir::new().unwrap();
    let bootstrap = sam_build(folder.path());
    let glibc = newest_glibc(&std::fs::read(&bootstrap).unwrap()).expect("the program is linked against glibc");
    assert!(glibc <= LAMBDA_GLIBC_MINOR, "the program requires glibc 2.{glibc}");

    let endpoint = Storage::open(folder.path(), "lake").unwrap().serve(0).await.unwrap();
    let api = RuntimeApi::start().await.unwrap();
    let mut command = Command::new(&bootstrap);
    command
        .env_clear()
        .envs(api.environment())
        .envs(Config::new("lake").to_variables())
        .env("AWS_ENDPOINT_URL_S3", endpoint.url())
        .envs([("AWS_REGION", REGION), ("AWS_ACCESS_KEY_ID", ACCESS_KEY), ("AWS_SECRET_ACCESS_KEY", SECRET_KEY)]);
    let _function = Running::start(&mut command).unwrap();
    for event in sample_events() {
        let answer = api.invoke(std::fs::read_to_string(&event).unwrap()).await.unwrap();
        assert_eq!(answer, Answer::Response("null".to_owned()), "{}", event.display());
    }

    let bucket = folder.path().join("lake");
    let records = records();
    let expected =
        OBJECTS.iter().flat_map(|(_, partition, _, offsets)| offsets.iter().map(|(offset, _)| (*partition, *offset)));
    assert_eq!(expected.collect::<BTreeSet<_>>(), records.keys().copied().collect(), "records of the events");
    let key = |kind, partition, first| format!("{kind}/sample/dt=2026-11-20/{partition:05}-{first:020}.json.gz");
    let keys: Vec<_> = OBJECTS.iter().map(|&(kind, partition, first, _)| key(kind, partition, first)).collect();
    assert_eq!(lake::objects(&bucket).unwrap().into_keys().collect::<Vec<_>>(), keys);
    for (key, (kind, partition, _, offsets)) in keys.iter().zip(OBJECTS) {
        let text = lake::decoded(key, &std::fs::read(bucket.join(key)).unwrap()).unwrap();
        assert_eq!(text.lines().count(), offsets.len(), "{key}");
        for (line, (offset, reason)) in text.lines().zip(offsets) {
            let record = &records[&(partition, *offset)];
            if kind == "data" {
                assert_eq!(line, data_line(record));
            } else {
                assert_eq!(serde_json::from_str::<Value>(line).unwrap(), quarantine_line(record, reason));
            }
        }
    }
}
