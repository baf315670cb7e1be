//! A process that is killed while it appends.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use kafka_log::{Folder, Log, LogConfig};

use crate::batches::Batch;
use crate::read_all;

const DIR_VARIABLE: &str = "KAFKA_LOG_TEST_DIR";

fn open(dir: &Path) -> (Folder, Log) {
    let mut folder = Folder::open(dir).unwrap();
    if folder.topic("t").is_none() {
        folder.create_topic("t", 1, Default::default()).unwrap();
    }
    let config = LogConfig { segment_bytes: 20_000, ..LogConfig::default() };
    let log = folder.open_log(folder.topic("t").unwrap(), 0, config).unwrap();
    (folder, log)
}

fn batch(offset: i64) -> bytes::Bytes {
    let value = format!("{offset} {}", "x".repeat(offset as usize % 700));
    Batch::of(&[&value]).sent_by(1, 0, offset as i32).encode()
}

#[test]
#[ignore = "the child process of killed_process_loses_nothing_confirmed"]
fn append_until_killed() {
    let Some(dir) = std::env::var_os(DIR_VARIABLE) else { return };
    let (_folder, mut log) = open(dir.as_ref());
    loop {
        let appended = log.append(&batch(log.high_watermark()), 0).unwrap();
        println!("confirmed {}", appended.base_offset);
    }
}

#[test]
fn killed_process_loses_nothing_confirmed() {
    let dir = tempfile::tempdir().unwrap();
    let mut confirmed = -1;
    for round in 1..=5 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::append_until_killed", "--ignored", "--nocapture"])
            .env(DIR_VARIABLE, dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let Ok(line) = line else { break };
            let Some(offset) = line.strip_prefix("confirmed ") else { continue };
            // A line may be cut by the kill; the last whole one counts.
            confirmed = offset.parse().unwrap_or(confirmed).max(confirmed);
            if confirmed > round * 400 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let (_folder, mut log) = open(dir.path());
        let records = read_all(&log);
        assert!(records.len() as i64 > confirmed, "{} records, {confirmed} confirmed", records.len());
        for (n, (offset, value)) in records.iter().enumerate() {
            assert_eq!(n as i64, *offset);
            assert!(value.starts_with(format!("{n} ").as_bytes()));
        }
        let last = records.len() as i64 - 1;
        assert!(log.append(&batch(last), 0).unwrap().duplicate, "the producer retries its last batch");
    }
}
