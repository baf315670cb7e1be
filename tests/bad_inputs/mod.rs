//! Runs every case of the table of bad inputs with `producer` and with `tickerlake run`.

mod cases;
mod page;
mod table;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use serde_json::Value;
use table::{Case, FILE, Input};
use tempfile::TempDir;
use tickerlake_tests::lake;
use tickerlake_tests::programs::program;

/// Maximum time for a program to exit.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Creates a folder with the files of a case.
fn prepare(case: &Case) -> TempDir {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(FILE);
    match &case.input {
        Input::File(bytes) => std::fs::write(path, bytes).unwrap(),
        Input::Folder => std::fs::create_dir(path).unwrap(),
        Input::Absent | Input::Piped(_) => {}
    }
    if let Some(name) = case.obstacle {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    folder
}

fn call(name: &str, first: &str, case: &Case, folder: &Path) -> Output {
    let piped = if let Input::Piped(bytes) = &case.input { Some(bytes) } else { None };
    let mut child = Command::new(program(name).unwrap())
        .args([first, if piped.is_some() { "-" } else { FILE }])
        .args(case.arguments)
        .current_dir(folder)
        .env_remove("KAFKA_BOOTSTRAP_SERVERS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Dropping standard input closes it.
    child.stdin.take().unwrap().write_all(piped.map_or(&[], Vec::as_slice)).unwrap();
    let id = child.id().to_string();
    let (sender, output) = channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    output.recv_timeout(TIMEOUT).map_or_else(
        |_| {
            let _ = Command::new("kill").args(["-KILL", &id]).status();
            panic!("{}: {name} did not exit", case.title)
        },
        |output| output.unwrap(),
    )
}

/// Returns the lines of an output, without the usage that follows an error in the arguments. The line with the counts
/// is cut before its first semicolon, because the rest depends on the time.
fn lines_of(bytes: &[u8]) -> Vec<String> {
    let counts = |line: &str| match line.split_once(';') {
        Some((counts, _)) if is_counts(counts) => counts.to_owned(),
        _ => line.to_owned(),
    };
    String::from_utf8_lossy(bytes).lines().take_while(|line| !line.is_empty()).map(counts).collect()
}

/// Returns `true` for the line with the counts.
fn is_counts(line: &str) -> bool {
    line.contains(" row read, ") || line.contains(" rows read, ")
}

fn check_rejects(case: &Case, folder: &Path) {
    let name = if matches!(case.input, Input::Piped(_)) { "stdin" } else { FILE };
    let path = folder.join(format!("{name}.rejects.csv"));
    if case.rejects.is_empty() {
        assert!(!path.is_file(), "{}: a rejects file exists", case.title);
        return;
    }
    let text = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("line,reason,row"), "{}", case.title);
    let lines: Vec<&str> = lines.collect();
    assert_eq!(lines.len(), case.rejects.len(), "{}", case.title);
    for (line, &expected) in lines.iter().zip(case.rejects) {
        match line.len() {
            0..1_000 => assert_eq!(*line, expected, "{}", case.title),
            _ => assert!(line.starts_with(expected), "{}: {}...", case.title, &line[..200]),
        }
    }
}

#[test]
fn producer_output_matches_the_table() {
    for case in cases::all() {
        let folder = prepare(&case);
        let output = call("producer", "--dry-run", &case, folder.path());
        assert_eq!(lines_of(&output.stderr), case.stderr, "{}", case.title);
        assert_eq!(lines_of(&output.stdout), case.records, "{}", case.title);
        assert_eq!(output.status.code(), Some(case.exit), "{}", case.title);
        check_rejects(&case, folder.path());
    }
}

#[test]
fn run_output_and_lake_match_the_table() {
    let cases = cases::all();
    let (even, odd): (Vec<_>, Vec<_>) = cases.iter().enumerate().partition(|(at, _)| at % 2 == 0);
    // Each case starts a broker, which takes time; two cases at once use a small machine well.
    std::thread::scope(|scope| {
        for half in [even, odd] {
            scope.spawn(move || half.iter().for_each(|(_, case)| check_run(case)));
        }
    });
}

fn check_run(case: &Case) {
    let folder = prepare(case);
    let output = call("tickerlake", "run", case, folder.path());
    assert_eq!(output.status.code(), Some(case.exit), "{}: {output:?}", case.title);
    let (errors, stages) = (lines_of(&output.stderr), lines_of(&output.stdout));
    let counts: Vec<&str> =
        stages.iter().filter_map(|line| line.strip_prefix("producer")).map(str::trim_start).collect();
    let (mut expected_errors, mut expected_counts) = (Vec::new(), Vec::new());
    for line in case.stderr {
        if is_counts(line) || line.starts_with("rejected rows") {
            expected_counts.push(line.replace("printed", "delivered"));
        } else {
            let command = line.replace("producer --dry-run", "tickerlake run");
            expected_errors.push(command.replacen("error: ", "tickerlake: ", 1));
        }
    }
    assert_eq!(errors, expected_errors, "{}", case.title);
    assert_eq!(counts, expected_counts, "{}", case.title);
    check_rejects(case, folder.path());

    let lake = folder.path().join("lake/tickerlake");
    let objects = if lake.is_dir() { lake::objects(&lake).unwrap() } else { Default::default() };
    let mut stored: Vec<String> = objects
        .into_iter()
        .filter(|(key, _)| key.starts_with("data/"))
        .flat_map(|(_, lines)| lines)
        .map(bare)
        .collect();
    let mut printed: Vec<String> =
        case.records.iter().map(|record| bare(serde_json::from_str(record).unwrap())).collect();
    stored.sort();
    printed.sort();
    assert_eq!(stored, printed, "{}", case.title);
}

/// Removes a record's coordinates.
fn bare(mut record: Value) -> String {
    for coordinate in lake_format::record_line::COORDINATES {
        record.as_object_mut().unwrap().remove(coordinate);
    }
    record.to_string()
}
