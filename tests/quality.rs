//! Faults that were seeded into a file are all found, by the report of a run and by the queries
//! themselves; a clean file has none.

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

/// The lines of the report at the end of a run.
fn report(folder: &Path, arguments: &[&str]) -> Vec<String> {
    let output = tickerlake(folder, &[&["run"], arguments].concat());
    let said = String::from_utf8(output.stdout).unwrap();
    let (_, report) = said.split_once("\nData quality (queries/quality/)\n").unwrap();
    // The audit follows.
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

/// The lines that come in place of a row.
type Fault<'a> = &'a dyn Fn(&[&str]) -> Vec<String>;

/// The sample's rows with some replaced, each by any number of others.
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

/// Some cells of a row replaced. Ticker, Date, Open, High, Low, Close, Volume, Adj Close.
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
fn a_clean_file_has_no_findings() {
    let folder = TempDir::new().unwrap();
    let clean: Vec<String> = QUESTIONS.iter().map(|question| format!("{}: none", question.replace('_', " "))).collect();
    assert_eq!(report(folder.path(), &[]), clean);
    for question in QUESTIONS {
        assert_eq!(findings(folder.path(), question), [json!(null); 0], "{question}");
    }
}

#[test]
fn every_seeded_fault_is_found_and_nothing_else() {
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
    let own = |symbol: &str, date: &str| (symbol.to_owned(), date.to_owned());
    assert_eq!(dates("low_above_high", "trade_date"), [own("AAPL", "2012-05-01")]);
    assert_eq!(dates("outside_low_high", "trade_date"), [own("GOOG", "2012-06-06"), own("FB", "2012-06-05")]);
    assert_eq!(dates("outside_low_high", "column_name"), [own("GOOG", "open"), own("FB", "close")]);
    assert_eq!(dates("duplicates", "trade_date"), [own("IBM", "2012-07-02")]);
    assert_eq!(dates("gaps", "first_missing"), [own("MSFT", "2012-08-01")]);
    assert_eq!(dates("nulls", "first_hole"), [own("AAPL", "2012-11-01")]);
    let mut jumps = dates("jumps", "trade_date");
    jumps.sort();
    assert_eq!(jumps, [own("IBM", "2012-10-02"), own("IBM", "2012-10-03")]);
}

#[test]
fn a_lone_symbols_weeks_of_silence_are_a_gap_and_its_holidays_are_none() {
    let folder = TempDir::new().unwrap();
    let lone = |keep: &dyn Fn(&str) -> bool| -> String {
        let text = sample();
        text.lines()
            .filter(|line| line.starts_with("Ticker") || line.starts_with("IBM") && keep(line))
            .fold(String::new(), |text, line| text + line + "\n")
    };
    fs::write(folder.path().join("june.csv"), lone(&|line| !line.contains(",2012-06-"))).unwrap();
    fs::write(folder.path().join("whole.csv"), lone(&|_| true)).unwrap();
    let gaps = |file| report(folder.path(), &["--dir", file, &format!("{file}.csv")])[1].clone();
    assert_eq!(gaps("june"), "gaps: 1 finding: symbol IBM, session_before 2012-05-31, session_after 2012-07-02");
    assert_eq!(gaps("whole"), "gaps: none");
}

#[test]
fn more_findings_than_are_shown_are_counted() {
    let folder = TempDir::new().unwrap();
    report(folder.path(), &[]);
    let twice = report(folder.path(), &[]);
    let rows = sample().lines().count() - 1;
    assert_eq!(rows, 1_200);
    assert!(twice[0].starts_with("duplicates: 1,200 findings, first: symbol AAPL, trade_date 2013-03-01"), "{twice:?}");
    assert!(twice[1..].iter().all(|line| line.ends_with(": none")), "{twice:?}");
    let shown = findings(folder.path(), "duplicates");
    assert_eq!((shown.len(), &shown[19]["findings"]), (20, &json!(rows)));
}
