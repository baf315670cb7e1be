//! `producer --simulate` and `producer --follow`, through the binary.

use std::collections::{BTreeMap, HashSet};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use tempfile::TempDir;
use tickerlake_tests::programs::{Running, program};
use tickerlake_tests::workspace;

use crate::up::WAIT;

type Record = BTreeMap<String, Box<RawValue>>;

fn dry_run(file: &Path, arguments: &[&str]) -> Output {
    let rejects = TempDir::new().unwrap();
    let mut command = Command::new(program("producer").unwrap());
    command.arg(file).arg("--dry-run").arg("--rejects").arg(rejects.path()).args(arguments);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    output
}

fn records(output: &Output) -> Vec<Record> {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn sample() -> std::path::PathBuf {
    workspace().join("data/us-stocks-sample.csv")
}

/// Returns a field's number in units of 10^-12, without a float.
fn exact(record: &Record, name: &str) -> i128 {
    let number = record[name].get();
    let (integer, fraction) = number.split_once('.').unwrap_or((number, ""));
    format!("{integer}{fraction:0<12}").parse().unwrap()
}

/// Returns open, high, low, close and volume of simulated rows, which must be in chronological order. `names` are the
/// fields that contain the four prices.
fn bar_of(rows: &[&Record], names: [&str; 4]) -> [i128; 5] {
    let [open, high, low, close] = names;
    [
        exact(rows[0], open),
        rows.iter().map(|row| exact(row, high)).max().unwrap(),
        rows.iter().map(|row| exact(row, low)).min().unwrap(),
        exact(rows[rows.len() - 1], close),
        rows.iter().map(|row| exact(row, "volume")).sum(),
    ]
}

/// Checks that the simulated rows of each bar add up to the bar.
fn assert_rows_add_up(file: &Path, rows: &str, names: [&str; 4]) {
    let bars = records(&dry_run(file, &[]));
    let made = records(&dry_run(file, &["--simulate", rows, "--order", "date"]));
    let key = |record: &Record| (record["symbol"].get().to_owned(), record["trade_date"].get().to_owned());
    let mut by_bar: BTreeMap<_, Vec<&Record>> = BTreeMap::new();
    let mut instants = HashSet::new();
    for row in &made {
        assert_eq!(row["simulated"].get(), "true");
        assert!(instants.insert((row["symbol"].get(), row["traded_at"].get())), "two rows at one instant: {row:?}");
        by_bar.entry(key(row)).or_default().push(row);
    }
    assert_eq!(by_bar.len(), bars.len());
    for bar in &bars {
        let expected = ["open", "high", "low", "close", "volume"].map(|name| exact(bar, name));
        assert_eq!(bar_of(&by_bar[&key(bar)], names), expected, "{bar:?}");
    }
}

#[test]
fn made_ticks_add_up_to_their_bars() {
    assert_rows_add_up(&sample(), "ticks", ["close"; 4]);
}

#[test]
fn made_minutes_add_up_to_their_bars() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("bars.csv");
    let text = std::fs::read_to_string(sample()).unwrap();
    std::fs::write(&file, text.lines().take(101).map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    assert_rows_add_up(&file, "1m", ["open", "high", "low", "close"]);
}

#[test]
fn a_seed_prints_the_same_bytes() {
    let seeded = |seed: &str| dry_run(&sample(), &["--simulate", "ticks:10", "--seed", seed]).stdout;
    let one = dry_run(&sample(), &["--simulate", "ticks:10"]).stdout;
    assert_eq!(one, seeded("1"), "1 is the default");
    assert_ne!(one, seeded("2"));
    let sorted = |bytes: &[u8]| {
        let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end).collect();
        lines.sort_unstable();
        lines.concat()
    };
    let by_date = dry_run(&sample(), &["--simulate", "ticks:10", "--order", "date"]).stdout;
    assert_eq!(sorted(&one), sorted(&by_date), "the order changes no row");
}

#[test]
fn arguments_that_do_not_go_together_are_named() {
    let error = |arguments: &[&str]| {
        let output = Command::new(program("producer").unwrap()).arg(sample()).arg("--dry-run").args(arguments).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    for (arguments, named) in [
        (&["--simulate", "ticks:3"][..], "`ticks:N` with N from 4 to 10000"),
        (&["--simulate", "1m", "--order", "sample"], "--simulate: does not work with --order sample"),
        (&["--follow", "--order", "date"], "--follow: --order date needs the end of the file"),
        (&["--follow", "--repeat", "2"], "--follow: --repeat needs the end of the file"),
        (&["--follow", "-"], "--follow: several files cannot be followed"),
    ] {
        let message = error(arguments);
        assert!(message.contains(named), "{arguments:?}: {message}");
    }
}

fn append(path: &Path, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn follow(path: &Path) -> Running {
    let mut command = Command::new(program("producer").unwrap());
    Running::start(command.args(["--follow", "--dry-run", "--bar", "1m"]).arg(path)).unwrap()
}

#[test]
fn rows_that_are_appended_are_sent_at_once() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("LIVE.csv");
    append(&path, "Date,Close\n");
    let mut producer = follow(&path);
    append(&path, "2024-01-02 09:30,1\n");
    producer.wait_for_line(r#""traded_at":"2024-01-02 09:30:00","close":1}"#, WAIT).unwrap();
    let mut latencies = Vec::new();
    for minute in 31..51 {
        append(&path, &format!("2024-01-02 09:{minute},{minute}"));
        std::thread::sleep(Duration::from_millis(70));
        let begun = Instant::now();
        append(&path, "0\n");
        // A row that was sent before its line ended would have another close.
        producer.wait_for_line(&format!(r#""close":{minute}0}}"#), WAIT).unwrap();
        latencies.push(begun.elapsed());
    }
    latencies.sort_unstable();
    // Only the median is checked, since other tests use the processors at the same time.
    assert!(latencies[latencies.len() / 2] < Duration::from_millis(200), "{latencies:?}");
    assert_eq!(producer.interrupt(WAIT).unwrap(), Some(0));
    producer.wait_for_line("21 rows read, 21 printed, 0 rejected", WAIT).unwrap();
}

#[test]
fn a_file_that_is_replaced_is_sent_from_its_start() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("LIVE.csv");
    append(&path, "Date,Close\n2024-01-02 09:30,1\n");
    let mut producer = follow(&path);
    producer.wait_for_line(r#""close":1}"#, WAIT).unwrap();
    std::fs::rename(&path, folder.path().join("LIVE.csv.1")).unwrap();
    append(&path, "Close,Date\n2,2024-01-03 09:30\nbad\n");
    producer.wait_for_line("LIVE.csv was replaced by another file: reading it from its start", WAIT).unwrap();
    producer.wait_for_line(r#"{"symbol":"LIVE","close":2,"trade_date":"2024-01-03""#, WAIT).unwrap();
    std::fs::write(&path, "Date,Close\n2024-01-04 09:30,3\n").unwrap();
    producer.wait_for_line(r#""traded_at":"2024-01-04 09:30:00","close":3}"#, WAIT).unwrap();
    assert_eq!(producer.interrupt(WAIT).unwrap(), Some(3));
    producer.wait_for_line("4 rows read, 3 printed, 1 rejected", WAIT).unwrap();
}
