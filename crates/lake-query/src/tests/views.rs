//! Tests of sessions with views over another program's topic.

use super::*;
use crate::view::{NamedView, View, athena, save};

/// Creates a lake with a topic that another program fills.
async fn demo() -> Store {
    let store = Store::new();
    let record = |offset: u64, fields: &str| {
        format!(
            "{{\"kafka_partition\":0,\"kafka_offset\":{offset},\"kafka_timestamp\":17640288001{offset:02},{fields}}}\n"
        )
    };
    let lines = [
        record(
            0,
            r#""Index":"HSI","Date":"1986-12-31","Open":1.25,"Adj Close":1.5,"Last":"2.50","Code":700,"Note":"a""#,
        ),
        record(
            1,
            r#""Index":"HSI","Date":"1987-01-02 00:00:00+08:00","Open":2,"Adj Close":2.5,"Last":"n/a","Code":1.5"#,
        ),
        record(2, r#""Index":"N225","Date":"31/12/1986","Open":null,"Code":null"#),
    ];
    store.put("data/demo_test/dt=2026-02-01/00000-0.json", &lines.concat()).await;
    store
}

fn view() -> View {
    let map = "symbol=Index,trade_date=Date,adj_close=Adj Close,close=Last,series=Code".parse().unwrap();
    View { from: "demo_test".to_owned(), map }
}

const ROWS: &str = "SELECT kafka_offset, symbol, trade_date, open, adj_close, close, volume, series, note, dt FROM quotes \
                    ORDER BY kafka_offset";
const EXPECTED: &str = "kafka_offset,symbol,trade_date,open,adj_close,close,volume,series,note,dt\n\
                        0,HSI,1986-12-31,1.25,1.5,2.5,,700,a,2026-02-01\n\
                        1,HSI,1987-01-02,2.0,2.5,,,1.5,,2026-02-01\n\
                        2,N225,,,,,,,,2026-02-01\n";

#[tokio::test]
async fn view_makes_quotes_of_a_topic() {
    let store = demo().await;
    save(&store.lake(""), "quotes", &view()).await.unwrap();
    for topic in ["quotes", "demo_test"] {
        let session = open(&store, topic).await;
        assert_eq!(csv(&session, ROWS).await, EXPECTED, "{topic}");
        let latest = "SELECT symbol, trade_date, adj_close, note FROM quotes_latest ORDER BY trade_date";
        assert_eq!(
            csv(&session, latest).await,
            "symbol,trade_date,adj_close,note\nHSI,1986-12-31,1.5,a\nHSI,1987-01-02,2.5,\n"
        );
        let daily = "SELECT symbol, trade_date, open, close FROM daily ORDER BY trade_date";
        assert_eq!(
            csv(&session, daily).await,
            "symbol,trade_date,open,close\nHSI,1986-12-31,1.25,2.5\nHSI,1987-01-02,2.0,\n"
        );
        // The topic's own table is as before.
        let own = "SELECT \"Index\", \"Code\", symbol FROM demo_test WHERE kafka_offset = 0";
        assert_eq!(csv(&session, own).await, "index,code,symbol\nHSI,700.0,\n");
    }
}

#[tokio::test]
async fn text_among_numbers_is_null_in_a_view() {
    let store = Store::new();
    store.put("data/t/dt=2026-02-01/00000-0.json", "{\"Price\":1.5}\n{\"Price\":\"-\"}\n{\"Price\":2e0}\n").await;
    let view = View { from: "t".to_owned(), map: "close=Price".parse().unwrap() };
    save(&store.lake(""), "quotes", &view).await.unwrap();
    let session = open(&store, "quotes").await;
    let sql = "SELECT sum(close) AS total, count(close) AS numbers, count(*) AS records FROM quotes";
    assert_eq!(csv(&session, sql).await, "total,numbers,records\n3.5,2,3\n");
    assert_eq!(csv(&session, "SELECT price FROM t").await, "price\n1.5\n-\n2e0\n");
}

#[tokio::test]
async fn view_is_a_topic_of_its_name() {
    let store = demo().await;
    store.put("data/quotes/dt=2026-02-01/00000-9.json", &line(9, "2026-01-02", "1")).await;
    save(&store.lake(""), "mapped", &view()).await.unwrap();
    let count = "SELECT (SELECT count(*) FROM quotes) AS q, (SELECT count(symbol) FROM mapped) AS m, \
                 (SELECT count(*) FROM demo_test) AS d";
    assert_eq!(csv(&open(&store, "quotes").await, count).await, "q,m,d\n1,3,3\n");
    let session = open(&store, "mapped").await;
    assert_eq!(csv(&session, count).await, "q,m,d\n3,3,3\n");
    assert_eq!(csv(&session, ROWS).await, EXPECTED);
}

#[tokio::test]
async fn athenas_statement_has_the_rows_of_the_view() {
    let store = demo().await;
    let named = NamedView { name: "quotes".to_owned(), view: view() };
    let sql = athena(&store.lake(""), &named).await.unwrap();
    assert!(sql.starts_with("CREATE OR REPLACE VIEW \"quotes\" AS\nSELECT\n"), "{sql}");
    assert!(sql.ends_with("\nFROM \"demo_test\"\n"), "{sql}");
    let session = open(&store, "demo_test").await;
    session.deregister_table("quotes").unwrap();
    execute(&session, &sql).await.unwrap();
    assert_eq!(csv(&session, ROWS).await, EXPECTED, "{sql}");
    for (column, expected) in
        [("kafka_generation", "Int32"), ("trade_date", "Date32"), ("seq", "Int64"), ("bid", "Float64")]
    {
        let kind = format!("SELECT arrow_typeof({column}) AS t FROM quotes LIMIT 1");
        assert_eq!(csv(&session, &kind).await, format!("t\n{expected}\n"), "{column}");
    }
}

#[tokio::test]
async fn condition_on_the_day_is_passed_to_the_topic() {
    let store = demo().await;
    store.put("data/demo_test/dt=2026-02-02/00000-3.json", "{\"Index\":\"X\"}\n").await;
    save(&store.lake(""), "quotes", &view()).await.unwrap();
    let session = open(&store, "quotes").await;
    assert_eq!(csv(&session, "SELECT symbol FROM quotes WHERE dt = '2026-02-02'").await, "symbol\nX\n");
    assert_eq!(store.take_reads(), ["data/demo_test/dt=2026-02-02/00000-3.json"]);
}

#[tokio::test]
async fn view_of_a_removed_topic_is_empty() {
    let store = Store::new();
    for name in ["quotes", "other"] {
        save(&store.lake(""), name, &view()).await.unwrap();
    }
    let session = open(&store, "quotes").await;
    for table in ["quotes", "other", "demo_test", "daily"] {
        assert_eq!(csv(&session, &format!("SELECT count(*) AS n FROM {table}")).await, "n\n0\n", "{table}");
    }
}

#[tokio::test]
async fn topic_of_the_views_name_is_an_error() {
    let store = demo().await;
    save(&store.lake(""), "quotes", &view()).await.unwrap();
    store.put("data/quotes/dt=2026-02-01/00000-9.json", &line(9, "2026-01-02", "1")).await;
    let error = session(&store.lake(""), "quotes", Options::default()).await.err().unwrap().to_string();
    assert!(error.contains("tickerlake view quotes --remove"), "{error}");
    // Selecting the topic of the view is still possible.
    assert_eq!(csv(&open(&store, "demo_test").await, ROWS).await, EXPECTED);
}
