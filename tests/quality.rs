//! The report of a run and the quality queries find every fault that is seeded into a file, and none in a clean file.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;
use tickerlake_tests::programs::program;
use tickerlake_tests::workspace;

const QUESTIONS: [&str; 7] =
    ["duplicates", "gaps", "jumps", "low_above_high", "nulls", "outside_low_high", "quarantined"];

fn tickerlake(folder: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(program("tickerlake").unwrap())
        .args(arguments)
        .current_dir(folder)
        .env_remove("KAFKA_BOOTSTRAP_SERVERS")
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    output
}

/// Returns the lines of the data-quality report at the end of a run.
fn report(folder: &Path, arguments: &[&str]) -> Vec<String> {
    let output = tickerlake(folder, &[&["run"], arguments].concat());
    let stdout = String::from_utf8(output.stdout).unwrap();
    let (_, report) = stdout.split_once("\nData quality (queries/quality/)\n").unwrap();
    // The audit follows the report.
    report.lines().take_while(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn findings(folder: &Path, question: &str) -> Vec<Value> {
    let file = workspace().join(format!("queries/quality/{question}.sql"));
    let output = tickerlake(folder, &["query", "--format", "json", file.to_str().unwrap()]);
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn sample() -> String {
    fs::read_to_string(workspace().join("data/us-stocks-sample.csv")).unwrap()
}

/// A fault: takes a row's cells and returns the lines that replace the row.
type Fault<'a> = &'a dyn Fn(&[&str]) -> Vec<String>;

/// Returns the sample with a fault in place of each row that starts with one of the given strings.
fn seeded(faults: &[(&str, Fault)]) -> String {
    let mut text = String::new();
    let mut seeds = 0;
    for line in sample().lines() {
        let seed = faults.iter().find(|(start, _)| line.starts_with(start));
        let lines = match seed {
            Some((_, fault)) => {
                seeds += 1;
                fault(&line.split(',').collect::<Vec<_>>())
            }
            None => vec![line.to_owned()],
        };
        for line in lines {
            text += &line;
            text.push('\n');
        }
    }
    assert_eq!(seeds, faults.len(), "each seed replaces one row");
    text
}

/// Returns a row with some cells replaced; the columns are Ticker, Date, Open, High, Low, Close, Volume, Adj Close.
fn with(cells: &[&str], changes: &[(usize, String)]) -> String {
    let mut cells: Vec<String> = cells.iter().map(|cell| (*cell).to_owned()).collect();
    for (column, cell) in changes {
        cells[*column].clone_from(cell);
    }
    cells.join(",")
}

fn tenfold(cell: &str) -> String {
    (cell.parse::<f64>().unwrap() * 10.0).to_string()
}

#[test]
fn clean_file_has_no_findings() {
    let folder = TempDir::new().unwrap();
    let clean: Vec<String> = QUESTIONS.iter().map(|question| format!("{}: none", question.replace('_', " "))).collect();
    assert_eq!(report(folder.path(), &[]), clean);
    for question in QUESTIONS {
        assert_eq!(findings(folder.path(), question), [json!(null); 0], "{question}");
    }
}

#[test]
fn exactly_the_seeded_faults_are_found() {
    let folder = TempDir::new().unwrap();
    let csv = seeded(&[
        ("AAPL,2012-05-01", &|c| vec![with(c, &[(3, c[4].to_owned()), (4, c[3].to_owned())])]),
        ("FB,2012-06-05", &|c| vec![with(c, &[(5, tenfold(c[5]))])]),
        ("GOOG,2012-06-06", &|c| vec![with(c, &[(2, tenfold(c[2]))])]),
        ("IBM,2012-07-02", &|c| vec![c.join(","), c.join(",")]),
        ("MSFT,2012-08-01", &|_| vec![]),
        ("MSFT,2012-08-02", &|_| vec![]),
        ("IBM,2012-10-02", &|c| vec![with(c, &[2, 3, 4, 5, 7].map(|n| (n, tenfold(c[n]))))]),
        ("AAPL,2012-11-01", &|c| vec![with(c, &[(6, String::new())])]),
    ]);
    fs::write(folder.path().join("seeded.csv"), csv).unwrap();
    let report = report(folder.path(), &["seeded.csv"]);
    for (line, start) in report.iter().zip([
        "duplicates: 1 finding: symbol IBM, trade_date 2012-07-02, stored 2, sent 2, closes 1",
        "gaps: 1 finding: symbol MSFT, session_before 2012-07-31, first_missing 2012-08-01, sessions_missing 2, \
         session_after 2012-08-03",
        "jumps: 2 findings, first: symbol IBM, trade_date 2012-10-0",
        "low above high: 1 finding: symbol AAPL, trade_date 2012-05-01, low ",
        "nulls: 1 finding: symbol AAPL, column_name volume, holes 1, records 251, first_hole 2012-11-01",
        "outside low high: 2 findings, first: symbol GOOG, trade_date 2012-06-06, column_name open, price ",
        "quarantined: none",
    ]) {
        assert!(line.starts_with(start), "{line}\nis not\n{start}");
    }
    assert_eq!(report.len(), QUESTIONS.len());

    let dates = |question: &str, column: &str| -> Vec<(String, String)> {
        let text = |cell: &Value| cell.as_str().unwrap().to_owned();
        findings(folder.path(), question).iter().map(|row| (text(&row["symbol"]), text(&row[column]))).collect()
    };
    let pair = |symbol: &str, date: &str| (symbol.to_owned(), date.to_owned());
    assert_eq!(dates("low_above_high", "trade_date"), [pair("AAPL", "2012-05-01")]);
    assert_eq!(dates("outside_low_high", "trade_date"), [pair("GOOG", "2012-06-06"), pair("FB", "2012-06-05")]);
    assert_eq!(dates("outside_low_high", "column_name"), [pair("GOOG", "open"), pair("FB", "close")]);
    assert_eq!(dates("duplicates", "trade_date"), [pair("IBM", "2012-07-02")]);
    assert_eq!(dates("gaps", "first_missing"), [pair("MSFT", "2012-08-01")]);
    assert_eq!(dates("nulls", "first_hole"), [pair("AAPL", "2012-11-01")]);
    let mut jumps = dates("jumps", "trade_date");
    jumps.sort();
    assert_eq!(jumps, [pair("IBM", "2012-10-02"), pair("IBM", "2012-10-03")]);
}

#[test]
fn single_symbol_has_gaps_for_weeks_but_not_for_holidays() {
    let folder = TempDir::new().unwrap();
    let single_symbol = |keep: &dyn Fn(&str) -> bool| -> String {
        let text = sample();
        text.lines()
            .filter(|line| line.starts_with("Ticker") || line.starts_with("IBM") && keep(line))
            .fold(String::new(), |text, line| text + line + "\n")
    };
    fs::write(folder.path().join("june.csv"), single_symbol(&|line| !line.contains(",2012-06-"))).unwrap();
    fs::write(folder.path().join("whole.csv"), single_symbol(&|_| true)).unwrap();
    let gaps = |file| report(folder.path(), &["--dir", file, &format!("{file}.csv")])[1].clone();
    assert_eq!(gaps("june"), "gaps: 1 finding: symbol IBM, session_before 2012-05-31, session_after 2012-07-02");
    assert_eq!(gaps("whole"), "gaps: none");
}

#[test]
fn findings_beyond_the_first_20_are_counted() {
    let folder = TempDir::new().unwrap();
    report(folder.path(), &[]);
    let repeated = report(folder.path(), &[]);
    let rows = sample().lines().count() - 1;
    assert_eq!(rows, 1_200);
    assert!(
        repeated[0].starts_with("duplicates: 1,200 findings, first: symbol AAPL, trade_date 2013-03-01"),
        "{repeated:?}"
    );
    assert!(repeated[1..].iter().all(|line| line.ends_with(": none")), "{repeated:?}");
    let shown = findings(folder.path(), "duplicates");
    assert_eq!((shown.len(), &shown[19]["findings"]), (20, &json!(rows)));
}
