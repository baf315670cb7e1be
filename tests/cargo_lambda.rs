//! The function under `cargo lambda watch`: every sample event invoked, and the trigger in front of it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tickerlake_tests::programs::{Running, part, program};
use tickerlake_tests::{lake, workspace};

use crate::up::{WAIT, up};

/// The first invocation waits for the function to be built.
const BUILD: Duration = Duration::from_secs(1200);

fn cargo_lambda() -> Command {
    let mut command = Command::new(part("cargo-lambda").unwrap());
    command.arg("lambda").current_dir(workspace());
    command
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn watch(port: u16, env_file: &Path) -> Running {
    let mut command = cargo_lambda();
    command
        .args(["watch", "-p", "sink", "--ignore-changes", "--invoke-port", &port.to_string()])
        .arg("--env-file")
        .arg(env_file);
    let running = Running::start(&mut command).unwrap();
    let limit = Instant::now() + WAIT;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < limit, "cargo lambda watch does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    running
}

fn invoke(port: u16, event: &Path) -> Output {
    cargo_lambda()
        .args(["invoke", "sink", "--invoke-port", &port.to_string(), "--data-file"])
        .arg(event)
        .output()
        .unwrap()
}

fn sample_events() -> Vec<PathBuf> {
    let mut events: Vec<PathBuf> = std::fs::read_dir(workspace().join("events"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    events.sort();
    events
}

#[test]
#[ignore = "needs cargo-lambda: run tests/install-parts"]
fn every_sample_event_invokes_the_watched_function_and_a_trigger_feeds_it() {
    let folder = TempDir::new().unwrap();
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}/2015-03-31/functions/sink/invocations");
    let (_up, servers) = up(folder.path(), &["--function", &url]);
    let _watch = watch(port, &folder.path().join("lake/sink.env"));

    let limit = Instant::now() + BUILD;
    for event in sample_events() {
        let mut output = invoke(port, &event);
        // While the function is being built, an invocation may time out.
        while !output.status.success() && Instant::now() < limit {
            std::thread::sleep(Duration::from_secs(1));
            output = invoke(port, &event);
        }
        assert!(output.status.success(), "{}: {output:?}", event.display());
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "null", "{}", event.display());
    }
    let bucket = folder.path().join("lake/tickerlake");
    let objects = lake::objects(&bucket).unwrap();
    let count = |start: &str| {
        objects.iter().filter(|(key, _)| key.starts_with(start)).map(|(_, lines)| lines.len()).sum::<usize>()
    };
    assert_eq!(count("quarantine/sample/dt=2026-11-20/"), 6, "{objects:?}");
    assert_eq!(count("data/sample/dt=2026-11-20/"), 12, "{objects:?}");

    let not_kafka = folder.path().join("sqs.json");
    std::fs::write(&not_kafka, r#"{"Records":[]}"#).unwrap();
    let output = invoke(port, &not_kafka);
    assert!(!output.status.success(), "{output:?}");

    let csv = folder.path().join("a.csv");
    std::fs::write(&csv, "Index,Date,Close\nHSI,1986-12-31,2568.300049\n").unwrap();
    let produced = Command::new(program("producer").unwrap()).args(["-b", &servers]).arg(&csv).output().unwrap();
    assert!(produced.status.success(), "{produced:?}");
    let limit = Instant::now() + WAIT;
    while !lake::objects(&bucket).unwrap().keys().any(|key| key.starts_with("data/quotes/")) {
        assert!(Instant::now() < limit, "the trigger's batch did not reach the watched function");
        std::thread::sleep(Duration::from_millis(100));
    }
}
