//! `tickerlake run` and `tickerlake query` as a user runs them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tickerlake_tests::programs::{Running, program};
use tickerlake_tests::{lake, workspace};

/// The reading plan of the built-in sample, as `run` announces it.
const SAMPLE_PLAN: &str = "the built-in sample: symbol in Ticker, date in Date (ymd), 1d bars; open (Open), high (High), \
                           low (Low), close (Close), adj_close (Adj Close), volume (Volume)\n";

fn tickerlake(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(program("tickerlake").unwrap())
        .args(arguments)
        .current_dir(folder)
        .env_remove("KAFKA_BOOTSTRAP_SERVERS")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Returns a query's rows as the fields of CSV lines, without the header.
fn rows(folder: &Path, sql: &str) -> Vec<Vec<String>> {
    let output = tickerlake(folder, &["query", "--format", "csv", sql]);
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout).lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

#[test]
fn each_run_without_files_appends_the_sample() {
    let folder = TempDir::new().unwrap();
    let sample = std::fs::read_to_string(workspace().join("data/us-stocks-sample.csv")).unwrap();
    let count = sample.lines().count() - 1;
    for run in 1..=2 {
        let output = tickerlake(folder.path(), &["run"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let stdout = text(&output.stdout);
        for query in std::fs::read_dir(workspace().join("queries")).unwrap() {
            let path = query.unwrap().path();
            if path.is_file() {
                assert!(
                    stdout.contains(&format!("(queries/{})", path.file_name().unwrap().to_string_lossy())),
                    "{path:?}"
                );
            }
        }
        assert_eq!(rows(folder.path(), "SELECT count(*) FROM quotes"), [[(run * count).to_string()]]);
        assert_eq!(rows(folder.path(), "SELECT count(*) FROM quotes_latest"), [[count.to_string()]]);
    }
    let objects = lake::objects(&folder.path().join("lake/tickerlake")).unwrap();
    let generations: Vec<bool> = objects.keys().map(|key| key.contains("/g1-")).collect();
    assert!(generations.contains(&true) && generations.contains(&false), "{objects:?}");
}

#[test]
fn sql_sums_equal_the_csv_sums() {
    let folder = TempDir::new().unwrap();
    let path = workspace().join("data/us-stocks-sample.csv");
    let output = tickerlake(folder.path(), &["run", path.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");

    let sample = std::fs::read_to_string(&path).unwrap();
    let mut lines = sample.lines();
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let column = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let (symbol, date, close, volume) = (column("Ticker"), column("Date"), column("Close"), column("Volume"));
    let mut sums: BTreeMap<(String, String), (u64, f64, f64)> = BTreeMap::new();
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let sum = sums.entry((cells[symbol].to_owned(), cells[date][..4].to_owned())).or_default();
        *sum = (sum.0 + 1, sum.1 + cells[close].parse::<f64>().unwrap(), sum.2 + cells[volume].parse::<f64>().unwrap());
    }

    let sql = "SELECT symbol, extract(year FROM trade_date), count(*), sum(close), sum(volume) FROM quotes GROUP BY 1, 2 ORDER BY 1, 2";
    let rows = rows(folder.path(), sql);
    assert_eq!(rows.len(), sums.len());
    for (row, ((symbol, year), (count, close, volume))) in rows.iter().zip(&sums) {
        assert_eq!((&row[0], &row[1], &row[2]), (symbol, year, &count.to_string()));
        for (actual, sum) in [(&row[3], close), (&row[4], volume)] {
            let actual: f64 = actual.parse().unwrap();
            assert!((actual - sum).abs() <= 1e-9 * sum.abs(), "{row:?}: {sum}");
        }
    }
}

#[test]
fn rejected_rows_go_to_a_file_and_set_exit_code_3() {
    let folder = TempDir::new().unwrap();
    let csv = folder.path().join("some.csv");
    std::fs::write(&csv, "Symbol,Date,Close\nA,2020-01-02,1.5\nB,soon,2\nC,2020-01-02,NaN\nD,2020-01-02,1e999\n")
        .unwrap();
    let output = tickerlake(folder.path(), &["run", "some.csv"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert_eq!(rows(folder.path(), "SELECT symbol FROM quotes ORDER BY symbol"), [["A"], ["C"]]);
    let rejects = std::fs::read_to_string(folder.path().join("some.csv.rejects.csv")).unwrap();
    assert!(rejects.contains("soon") && rejects.contains("1e999"), "{rejects}");
}

#[test]
fn run_with_a_failed_feed_stores_nothing() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("dates.csv"), "Symbol,Date,Close\nA,01/02/2020,1.5\n").unwrap();
    let output = tickerlake(folder.path(), &["run", "dates.csv"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("; try: tickerlake run dates.csv --date-format mdy"), "{output:?}");
    assert_eq!(rows(folder.path(), "SELECT count(*) FROM quotes"), [["0"]]);
}

#[test]
fn ctrl_c_ends_the_queries_of_a_run() {
    let folder = TempDir::new().unwrap();
    let mut command = Command::new(program("tickerlake").unwrap());
    command.args(["run", "--repeat", "20"]).current_dir(folder.path()).env_remove("KAFKA_BOOTSTRAP_SERVERS");
    let mut run = Running::start(&mut command).unwrap();
    run.wait_for_line("24,000 records in", Duration::from_secs(60)).unwrap();
    assert_eq!(run.interrupt(Duration::from_secs(20)).unwrap(), Some(130));
    run.wait_for_line("all delivered records are stored, but not all queries were run", Duration::ZERO).unwrap();
    assert_eq!(rows(folder.path(), "SELECT count(*) FROM quotes"), [["24000"]]);
}

#[test]
fn closed_standard_output_is_not_a_failure() {
    let folder = TempDir::new().unwrap();
    let mut child = Command::new(program("tickerlake").unwrap())
        .arg("run")
        .current_dir(folder.path())
        .env_remove("KAFKA_BOOTSTRAP_SERVERS")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), SAMPLE_PLAN.to_owned()));
    assert_ne!(rows(folder.path(), "SELECT count(*) FROM quotes"), [["0"]]);
}

#[test]
fn repeated_rows_do_not_change_the_verified_answers() {
    let folder = TempDir::new().unwrap();
    // The expected answers were verified against exact arithmetic over the CSV and against Trino.
    let expected = std::fs::read_to_string(workspace().join("tests/expected/answers.txt")).unwrap();
    for run in 1..=3 {
        let output = tickerlake(folder.path(), &["run", "--order", ["file", "date", "sample"][run - 1]]);
        let stdout = text(&output.stdout);
        let (_, answers) = stdout.split_once("\n\n").unwrap();
        let (answers, _quality) = answers.split_once("\nData quality").unwrap();
        assert_eq!(answers, expected, "run {run}");
    }
}

#[test]
fn numbers_too_large_to_sum_do_not_fail_a_query() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("huge.csv"), "Symbol,Date,Close,Volume\nA,2020-01-02,1e300,1e300\n").unwrap();
    let output = tickerlake(folder.path(), &["run", "huge.csv"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(rows(folder.path(), "SELECT close FROM quotes"), [["1e300"]]);
}

#[test]
fn usage_errors_exit_with_2_and_other_errors_with_1() {
    let folder = TempDir::new().unwrap();
    for (arguments, code, hint) in [
        (&["run", "--partitions", "0"][..], 2, "--partitions"),
        (&["run", "absent.csv"], 2, "absent.csv"),
        (&["run", "--speed", "2", "--order", "sample"], 2, "--speed"),
        (&["query", "SELECT 1"], 1, "tickerlake run"),
        (&["trigger", "-b", "localhost:1"], 2, "SINK_BUCKET"),
    ] {
        let output = tickerlake(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {output:?}");
        assert!(text(&output.stderr).contains(hint), "{arguments:?} {output:?}");
    }
}

#[test]
fn query_prints_json_and_csv() {
    let folder = TempDir::new().unwrap();
    assert!(tickerlake(folder.path(), &["run"]).status.success());
    let sql = "SELECT symbol, count(*) AS records FROM quotes WHERE symbol = 'FB' GROUP BY symbol";
    let json = tickerlake(folder.path(), &["query", "--format", "json", sql]);
    let row: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(row["symbol"], "FB");
    let csv = tickerlake(folder.path(), &["query", "--format", "csv", sql]);
    assert_eq!(text(&csv.stdout), format!("symbol,records\nFB,{}\n", row["records"]));
    let failed = tickerlake(folder.path(), &["query", "SELECT clsoe FROM quotes"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(text(&failed.stderr).contains("clsoe"), "{failed:?}");
}

#[test]
fn json_run_prints_one_typed_object_per_line() {
    let folder = TempDir::new().unwrap();
    let output = tickerlake(folder.path(), &["run", "--format", "json"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), SAMPLE_PLAN.to_owned()));
    let lines: Vec<serde_json::Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_type = |kind: &str| lines.iter().filter(|line| line["type"] == kind).collect::<Vec<_>>();
    assert_eq!(of_type("started")[0]["topic"], "quotes");
    assert_eq!((&of_type("fed")[0]["delivered"], &of_type("stored")[0]["records"]), (&1_200.into(), &1_200.into()));
    let status = of_type("status");
    let status = status.last().unwrap();
    assert_eq!((&status["fed"]["delivered"], &status["stored"]["records"]), (&1_200.into(), &1_200.into()));
    assert!(status["newest_record_age_seconds"].as_f64().unwrap() < 600.0, "{status}");
    let coverage = of_type("answer").into_iter().find(|answer| answer["query"] == "06_coverage").unwrap();
    let sessions: u64 = coverage["rows"].as_array().unwrap().iter().map(|row| row["sessions"].as_u64().unwrap()).sum();
    assert_eq!(sessions, 1_200);
    let quality = of_type("quality");
    assert!(quality.len() >= 7 && quality.iter().all(|question| question["findings"] == 0), "{quality:?}");
}
