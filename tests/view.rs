//! `tickerlake view` over a topic that another program fills.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use tempfile::TempDir;
use tickerlake_tests::lake;
use tickerlake_tests::programs::program;

use super::up::{WAIT, up};

const RECORDS: [&str; 4] = [
    r#"{"Index":"HSI","Date":"1986-12-31","Open":2568.300049,"Adj Close":2560.5,"Note":"a"}"#,
    r#"{"Index":"HSI","Date":"1987-01-02 00:00:00+08:00","Open":2540.100098,"Adj Close":"2541.5"}"#,
    r#"{"Index":"N225","Date":"1987-01-05","Open":18820.5,"Adj Close":18800}"#,
    r#"{"Index":"N225","Date":"06/01/1987","Open":18821.5,"Adj Close":null}"#,
];

/// Stores [`RECORDS`] in the topic `demo_test`.
async fn demo() -> TempDir {
    let folder = TempDir::new().unwrap();
    let (mut up, servers) = up(folder.path(), &["--topic", "demo_test", "--partitions", "1"]);
    let producer: FutureProducer = ClientConfig::new().set("bootstrap.servers", &servers).create().unwrap();
    for value in RECORDS {
        producer.send(FutureRecord::<(), _>::to("demo_test").payload(value), Duration::ZERO).await.unwrap();
    }
    assert_eq!(up.interrupt(WAIT).unwrap(), Some(0));
    folder
}

fn tickerlake(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(program("tickerlake").unwrap()).args(arguments).current_dir(folder).output().unwrap()
}

fn stdout(folder: &Path, arguments: &[&str]) -> String {
    let output = tickerlake(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn error(folder: &Path, arguments: &[&str], code: i32) -> String {
    let output = tickerlake(folder, arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn csv(folder: &Path, sql: &str) -> String {
    stdout(folder, &["query", "--format", "csv", sql])
}

const DAILY: &str = "SELECT symbol, trade_date, open FROM daily ORDER BY trade_date";

#[tokio::test(flavor = "multi_thread")]
async fn proposed_view_makes_quotes_of_a_topic() {
    let folder = demo().await;
    let folder = folder.path();
    let stored = lake::objects(&folder.join("lake/tickerlake/data")).unwrap();
    assert_eq!(csv(folder, DAILY), "symbol,trade_date,open\n");
    let asked = tickerlake(folder, &["query", "--topic", "demo_test", DAILY]);
    let notice = String::from_utf8(asked.stderr).unwrap();
    let proposed = "tickerlake view quotes --from demo_test --map 'symbol=Index,trade_date=Date,adj_close=Adj Close'";
    assert!(notice.contains(proposed), "{notice}");

    let map = "symbol=Index,trade_date=Date,adj_close=Adj Close";
    let saved = tickerlake(folder, &["view", "quotes", "--from", "demo_test", "--map", map]);
    assert!(saved.status.success(), "{saved:?}");
    let warning = String::from_utf8(saved.stderr).unwrap();
    assert!(
        warning.contains("of 4 records") && warning.contains("1 value") && warning.contains("06/01/1987"),
        "{warning}"
    );
    let expected =
        "symbol,trade_date,open\nHSI,1986-12-31,2568.300049\nHSI,1987-01-02,2540.100098\nN225,1987-01-05,18820.5\n";
    assert_eq!(csv(folder, DAILY), expected);
    let kept = "SELECT adj_close, note, volume FROM quotes ORDER BY kafka_offset LIMIT 2";
    assert_eq!(csv(folder, kept), "adj_close,note,volume\n2560.5,a,\n2541.5,,\n");
    let asked = tickerlake(folder, &["query", "--topic", "demo_test", "--format", "csv", DAILY]);
    assert_eq!(String::from_utf8(asked.stdout).unwrap(), expected);
    assert!(!String::from_utf8(asked.stderr).unwrap().contains("without symbol"));
    let coverage = stdout(folder, &["query", "--format", "csv", "queries/06_coverage.sql"]);
    assert!(coverage.contains("HSI") && coverage.contains("N225"), "{coverage}");

    assert_eq!(stdout(folder, &["view"]), format!("quotes --from demo_test --map '{}'\n", map.to_lowercase()));
    let json: serde_json::Value = serde_json::from_str(&stdout(folder, &["view", "--format", "json"])).unwrap();
    assert_eq!((&json["type"], &json["map"]["adj_close"]), (&"view".into(), &"adj close".into()));
    let sql = stdout(folder, &["view", "quotes", "--sql"]);
    let athena = sql.replace("VIEW \"quotes\"", "VIEW athena");
    let same = format!(
        "{athena}; SELECT symbol, trade_date, open FROM athena WHERE trade_date IS NOT NULL ORDER BY trade_date"
    );
    assert_eq!(csv(folder, &same), expected, "{sql}");

    assert_eq!(lake::objects(&folder.join("lake/tickerlake/data")).unwrap(), stored, "the records are as they were");
    stdout(folder, &["audit"]);
    let refused = error(folder, &["run"], 1);
    assert!(refused.contains("tickerlake view quotes --remove"), "{refused}");
    assert!(stdout(folder, &["view", "quotes", "--remove"]).contains("views/quotes.json"));
    assert!(!folder.join("lake/tickerlake/views/quotes.json").exists());
    assert_eq!(csv(folder, DAILY), "symbol,trade_date,open\n");
    let missing = error(folder, &["view", "quotes", "--remove"], 1);
    assert!(missing.contains("no view quotes"), "{missing}");
    stdout(folder, &["run"]);
    let taken = error(folder, &["view", "quotes", "--from", "demo_test"], 1);
    assert!(taken.contains("topic quotes with records") && taken.contains("quotes_mapped"), "{taken}");
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_view_is_not_saved() {
    let folder = demo().await;
    let folder = folder.path();
    let view = |map, code| error(folder, &["view", "quotes", "--from", "demo_test", "--map", map], code);
    for (text, parts) in [
        (view("symbol=Ticker", 1), ["no column `ticker`", "`adj close` (string)"]),
        (view("price=Open", 2), ["no column price", "adj_close"]),
        (view("symbol", 2), ["`symbol`", "QUOTE_COLUMN=COLUMN"]),
        (view("trade_date=Open", 1), ["`open`", "cannot contain dates"]),
        (error(folder, &["view", "quotes", "--from", "other"], 1), ["no topic other", "demo_test"]),
        (error(folder, &["view", "daily", "--from", "demo_test"], 1), ["`daily`", "lower-case"]),
        (error(folder, &["view", "nothing"], 1), ["no view nothing", "no views"]),
        (error(folder, &["view", "--from", "demo_test"], 2), ["NAME", "Usage"]),
    ] {
        assert!(parts.iter().all(|part| text.contains(part)), "{parts:?}: {text}");
    }
    assert!(stdout(folder, &["view"]).starts_with("no views"));
}
