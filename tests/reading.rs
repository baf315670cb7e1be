//! Checks that common file formats are read without options, and that `tickerlake inspect` shows how. Symbols and
//! prices are made up.

use std::io::{Cursor, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tempfile::TempDir;
use tickerlake_tests::lake;
use tickerlake_tests::programs::program;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A day's file of the National Stock Exchange of India: two series of a symbol, and a comma at the end of each row.
const NSE: &str = "\
SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP,TOTALTRADES,ISIN,
ACMEIND,EQ,3530.1,3555,3501.05,3539.7,3540,3525.2,352104,1246001234.55,06-JAN-2021,24102,INE000X01016,
ACMEIND,N2,32.04,32.04,32.01,32.04,32.04,32.05,512,16404.48,06-JAN-2021,11,INE000X07013,
BOLTWORKS,EQ,141,142.75,139.3,141.05,141.1,-,10248,1445480.4,06-JAN-2021,301,INE000Y01014,
";

const DAILY: &str = "Date,Open,High,Low,Close,Volume\n2024-01-02,187.15,188.44,183.89,185.64,82488674\n";
const DAILY_RECORD: &str = r#"{"symbol":"ACME","trade_date":"2024-01-02","bar":"1d","open":187.15,"high":188.44,"low":183.89,"close":185.64,"volume":82488674}"#;
const DAILY_PLAN: &str =
    "symbol ACME, date in Date (ymd), 1d bars; open (Open), high (High), low (Low), close (Close), volume (Volume)";

fn command(name: &str, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program(name).unwrap());
    command.args(arguments).current_dir(folder).env_remove("KAFKA_BOOTSTRAP_SERVERS");
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    command("tickerlake", folder, arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Returns the stored records without their coordinates, sorted by their text.
fn stored(folder: &Path) -> Vec<Value> {
    let objects = lake::objects(&folder.join("lake/tickerlake")).unwrap();
    let mut records: Vec<Value> =
        objects.into_iter().filter(|(key, _)| key.starts_with("data/")).flat_map(|(_, lines)| lines).collect();
    for record in &mut records {
        for coordinate in lake_format::record_line::COORDINATES {
            record.as_object_mut().unwrap().remove(coordinate);
        }
    }
    records.sort_by_key(Value::to_string);
    records
}

/// Runs `tickerlake run` on a file without options, and returns the line that announces its plan.
fn plan_of_run(folder: &Path, name: &str) -> String {
    let output = run(folder, &["run", name]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let announced = text(&output.stderr);
    let lines: Vec<&str> = announced.lines().collect();
    let [plan] = lines.as_slice() else { panic!("more than a plan: {announced}") };
    (*plan).to_owned()
}

#[test]
fn cells_of_rows_without_the_trailing_delimiter_count_as_well() {
    let folder = TempDir::new().unwrap();
    let row = |day| format!("ACME,2024-01-{day:02},{day},{}\n", if day % 3 == 0 { "late" } else { "7," });
    let csv: String = std::iter::once("Symbol,Date,Close,Note\n".to_owned()).chain((1..13).map(row)).collect();
    std::fs::write(folder.path().join("quotes.csv"), csv).unwrap();
    let output = command("producer", folder.path(), &["quotes.csv", "--dry-run"]).output().unwrap();
    let records = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(
        (records.matches(r#""note":"late""#).count(), records.matches(r#""note":"7""#).count()),
        (4, 8),
        "{records}"
    );
}

#[test]
fn run_keeps_both_series_of_an_nse_symbol() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("cm06JAN2021bhav.csv"), NSE).unwrap();
    assert_eq!(
        plan_of_run(folder.path(), "cm06JAN2021bhav.csv"),
        "cm06JAN2021bhav.csv: symbol in SYMBOL, series in SERIES, date in TIMESTAMP (d-mon-y), 1d bars; open (OPEN), \
         high (HIGH), low (LOW), close (CLOSE), volume (TOTTRDQTY)"
    );
    let record =
        |symbol: &str, series: &str, prices: [f64; 5], previous: Value, volume: u64, rest: (f64, u64, &str)| {
            let [open, high, low, close, last] = prices;
            json!({
                "symbol": symbol, "series": series, "trade_date": "2021-01-06", "bar": "1d", "open": open, "high": high,
                "low": low, "close": close, "last": last, "prevclose": previous, "volume": volume, "tottrdval": rest.0,
                "totaltrades": rest.1, "isin": rest.2,
            })
        };
    let expected = [
        record(
            "ACMEIND",
            "EQ",
            [3530.1, 3555.0, 3501.05, 3539.7, 3540.0],
            json!(3525.2),
            352_104,
            (1_246_001_234.55, 24_102, "INE000X01016"),
        ),
        record(
            "ACMEIND",
            "N2",
            [32.04, 32.04, 32.01, 32.04, 32.04],
            json!(32.05),
            512,
            (16_404.48, 11, "INE000X07013"),
        ),
        record(
            "BOLTWORKS",
            "EQ",
            [141.0, 142.75, 139.3, 141.05, 141.1],
            Value::Null,
            10_248,
            (1_445_480.4, 301, "INE000Y01014"),
        ),
    ];
    // Stored whole numbers have no decimal point, so numbers are compared by value.
    let numbers = |mut record: Value| {
        for value in record.as_object_mut().unwrap().values_mut() {
            if let Some(number) = value.as_f64() {
                *value = json!(number);
            }
        }
        record
    };
    let mut found: Vec<Value> = stored(folder.path()).into_iter().map(numbers).collect();
    found.sort_by_key(|record| format!("{}{}", record["symbol"], record["series"]));
    assert_eq!(found, expected.map(numbers));
}

#[test]
fn run_reads_the_file_in_a_zip_archive() {
    let folder = TempDir::new().unwrap();
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("table.csv", SimpleFileOptions::default()).unwrap();
    archive.write_all(DAILY.as_bytes()).unwrap();
    std::fs::write(folder.path().join("ACME.csv.zip"), archive.finish().unwrap().into_inner()).unwrap();
    assert_eq!(plan_of_run(folder.path(), "ACME.csv.zip"), format!("ACME.csv.zip: {DAILY_PLAN}"));
    assert_eq!(stored(folder.path()), [serde_json::from_str::<Value>(DAILY_RECORD).unwrap()]);
}

#[test]
fn run_reads_utf_16_in_both_byte_orders() {
    let table = format!("\u{feff}{}", DAILY.replace("Close", "Close/Last").replace(",185.64,", ",$185.64,"));
    for (to_bytes, order) in [(u16::to_le_bytes as fn(u16) -> [u8; 2], "little"), (u16::to_be_bytes, "big")] {
        let folder = TempDir::new().unwrap();
        let bytes: Vec<u8> = table.encode_utf16().flat_map(to_bytes).collect();
        std::fs::write(folder.path().join("ACME.csv"), bytes).unwrap();
        let plan = DAILY_PLAN.replace("(Close)", "(Close/Last)");
        assert_eq!(plan_of_run(folder.path(), "ACME.csv"), format!("ACME.csv: {plan}"), "{order} endian");
        assert_eq!(stored(folder.path()), [serde_json::from_str::<Value>(DAILY_RECORD).unwrap()], "{order} endian");
    }
}

#[test]
fn standard_input_is_read_with_the_same_plan_as_a_file() {
    let folder = TempDir::new().unwrap();
    let mut child = command("producer", folder.path(), &["--dry-run", "-", "--symbol", "ACME"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(DAILY.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(text(&output.stdout), format!("{DAILY_RECORD}\n"));
    assert_eq!(text(&output.stderr).lines().next(), Some(format!("standard input: {DAILY_PLAN}").as_str()));
}

#[test]
fn rows_before_damage_far_into_a_gzip_file_are_sent() {
    const ROWS: usize = 40_000;
    let folder = TempDir::new().unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    writeln!(gzip, "Symbol,Date,Close").unwrap();
    for row in 0..ROWS {
        writeln!(gzip, "S{row},2024-01-02,{row}.5").unwrap();
    }
    let whole = gzip.finish().unwrap();
    std::fs::write(folder.path().join("rows.csv.gz"), &whole[..whole.len() - 1_000]).unwrap();
    let output = command("producer", folder.path(), &["--dry-run", "rows.csv.gz"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let printed = text(&output.stdout);
    let rows = printed.lines().count();
    assert!((1..ROWS).contains(&rows), "{rows} rows");
    for (row, line) in printed.lines().enumerate() {
        assert_eq!(line, format!(r#"{{"symbol":"S{row}","trade_date":"2024-01-02","bar":"1d","close":{row}.5}}"#));
    }
    assert_eq!(
        text(&output.stderr).lines().collect::<Vec<_>>(),
        [
            "rows.csv.gz: symbol in Symbol, date in Date (ymd), 1d bars; close (Close)",
            "error: rows.csv.gz: failed to read: the gzip stream is truncated"
        ]
    );
}

#[test]
fn inspect_prints_plan_choices_columns_and_records() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("ACME.csv"), DAILY).unwrap();
    let output = run(folder.path(), &["inspect", "ACME.csv"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let shown = text(&output.stdout);
    let expected = format!(
        "ACME.csv
  {DAILY_PLAN}

choices
  delimiter  ','                         it splits the rows into equal numbers of cells
  header     line 1                      its cells are titles
  date       `Date` as ymd (2024-12-31)  it matches more of the sampled dates, such as 2024-01-02, than any other format
  symbol     ACME                        no column has symbols, but the file's name is a symbol
  bar        1d                          the interval between the rows' dates

columns
    1  Date    trade_date  date
    2  Open    open        number
    3  High    high        number
    4  Low     low         number
    5  Close   close       number
    6  Volume  volume      number

first records
  {DAILY_RECORD}
"
    );
    assert_eq!(shown, expected);
    assert!(!folder.path().join("lake").exists(), "inspect must not write");
}

#[test]
fn inspect_prints_one_json_object_for_each_file() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("ACME.csv"), DAILY).unwrap();
    std::fs::write(
        folder.path().join("ticks.csv"),
        "Symbol,Time,Bid,Ask\nA,2024-01-02 09:30:00.25,1.5,1.6\nA,soon,1.5,1.6\nA,2024-01-02 09:30:01,1.5,1.7\n",
    )
    .unwrap();
    let output = run(folder.path(), &["inspect", "ACME.csv", "ticks.csv", "--records", "2", "--format", "json"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let lines: Vec<Value> = text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["plan"], DAILY_PLAN);
    assert_eq!(lines[0]["records"], json!([serde_json::from_str::<Value>(DAILY_RECORD).unwrap()]));
    assert_eq!(lines[0]["columns"][4], json!({"title": "Close", "field": "close", "kind": "number"}));
    assert_eq!(
        (&lines[0]["warnings"], &lines[0]["rejected"], &lines[0]["rows_before_data"]),
        (&json!([]), &json!([]), &json!(1))
    );
    assert_eq!(lines[1]["input"], "ticks.csv");
    assert_eq!(lines[1]["rejected"], json!(["line 3: date does not match 2024-12-31: soon"]));
    assert_eq!(
        lines[1]["records"],
        json!([
            {"symbol": "A", "trade_date": "2024-01-02", "bar": "tick", "traded_at": "2024-01-02 09:30:00.25", "bid": 1.5, "ask": 1.6},
            {"symbol": "A", "trade_date": "2024-01-02", "bar": "tick", "traded_at": "2024-01-02 09:30:01", "bid": 1.5, "ask": 1.7},
        ])
    );
}

#[test]
fn inspect_prints_the_questions_of_a_file() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("prices.csv"), "Date,Close\n01/02/2024,1.5\n").unwrap();
    let output = run(folder.path(), &["inspect", "prices.csv"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), String::new()));
    assert_eq!(
        text(&output.stderr),
        "tickerlake: prices.csv: `Date`: 01/02/2024 can be 2024-01-02 (mdy) or 2024-02-01 (dmy): add --date-format mdy or \
         --date-format dmy; no column has symbols: add --symbol SYMBOL, --symbol-from file-name (which is prices) or \
         --symbol-column NAME; try: tickerlake inspect prices.csv --date-format mdy --symbol SYMBOL\n"
    );
    let absent = run(folder.path(), &["inspect", "absent.csv"]);
    assert_eq!(absent.status.code(), Some(2), "{absent:?}");
    assert!(text(&absent.stderr).contains("absent.csv: No such file"), "{absent:?}");
}
