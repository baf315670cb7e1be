//! Tests of a session's tables and their rows.

use datafusion::arrow::array::RecordBatch;

use super::*;

#[tokio::test]
async fn empty_lake_has_empty_tables() {
    let session = open(&Store::new(), "nightly").await;
    for table in ["quotes", "nightly", "quarantine", "quotes_timed", "quotes_latest", "daily"] {
        let sql = format!("SELECT count(*) AS n FROM {table}");
        assert_eq!(csv(&session, &sql).await, "n\n0\n", "{table}");
    }
    for query in queries().iter().chain(quality()) {
        let rows = execute(&session, query.sql).await.unwrap();
        assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 0, "{}", query.name);
        assert!(!render(&rows, Format::Text).unwrap().is_empty(), "{}", query.name);
    }
}

#[tokio::test]
async fn every_topic_is_a_table_and_the_selected_one_quotes() {
    let store = Store::new();
    for (topic, rows) in [("index-EU.v1", 1), ("other", 2), ("quotes", 3)] {
        for n in 0..rows {
            let key = format!("data/{topic}/dt=2026-02-01/0-{n}.json");
            store.put(&key, &line(n, "2026-01-02", "1")).await;
        }
    }
    let counts = "SELECT (SELECT count(*) FROM quotes) AS q, (SELECT count(*) FROM other) AS o, \
                  (SELECT count(*) FROM \"index-EU.v1\") AS i";
    assert_eq!(csv(&open(&store, "quotes").await, counts).await, "q,o,i\n3,2,1\n");
    assert_eq!(csv(&open(&store, "index-EU.v1").await, counts).await, "q,o,i\n1,2,1\n");
}

#[tokio::test]
async fn open_session_sees_new_objects() {
    let store = mixed().await;
    let session = open(&store, "quotes").await;
    let late = line(5, "2026-01-07", "5");
    store.put("data/quotes/dt=2026-02-04/00000-5.json", &late).await;
    assert_eq!(csv(&session, "SELECT count(*) AS n FROM quotes").await, "n\n6\n");
    assert_eq!(csv(&session, "SELECT count(*) AS n FROM quotes_latest").await, "n\n6\n");
}

#[tokio::test]
async fn quarantine_is_one_table() {
    let store = Store::new();
    let head = |topic| format!("{{\"kafka_topic\":\"{topic}\",\"kafka_partition\":1,\"kafka_offset\":4,");
    let a =
        head("a") + r#""kafka_timestamp":9,"reason":"not JSON","key":null,"value":"eA==","headers":[{"h":"AA=="}]}"#;
    let b =
        head("b") + r#""kafka_timestamp":-1,"kafka_generation":2,"reason":"tombstone","value_raw":"!","headers":[]}"#;
    store.put_bytes("quarantine/a/dt=2026-02-01/1-4.json.gz", gzip(&a)).await;
    store.put("quarantine/b/dt=1970-01-01/g2-1-4.json", &b).await;
    let session = open(&store, "quotes").await;
    assert_eq!(
        csv(&session, "SELECT * FROM quarantine ORDER BY kafka_topic").await,
        "kafka_topic,kafka_partition,kafka_offset,kafka_timestamp,kafka_generation,reason,key,value,\
         value_raw,headers,dt\n\
         a,1,4,9,,not JSON,,eA==,,\"[{\"\"h\"\":\"\"AA==\"\"}]\",2026-02-01\n\
         b,1,4,-1,2,tombstone,,,!,[],1970-01-01\n"
    );
    store.take_reads();
    csv(&session, "SELECT reason FROM quarantine WHERE dt = '1970-01-01'").await;
    assert_eq!(store.take_reads(), ["quarantine/b/dt=1970-01-01/g2-1-4.json"]);
}

#[tokio::test]
async fn latest_view_keeps_the_newest_record_of_a_day() {
    let store = Store::new();
    let record = |at: (u64, &str, u64, u64), close| {
        let (timestamp, generation, partition, offset) = at;
        format!(
            "{{\"kafka_partition\":{partition},\"kafka_offset\":{offset},\"kafka_timestamp\":{timestamp},\
             {generation}\"symbol\":\"IBM\",\"trade_date\":\"2026-01-02\",\"close\":{close}}}\n"
        )
    };
    let generation = "\"kafka_generation\":1,";
    let mut newest_last = vec![
        record((8, generation, 9, 9), 1),
        record((9, "", 1, 9), 2),
        record((9, "", 2, 7), 3),
        record((9, "", 2, 8), 4),
        record((9, generation, 0, 0), 5),
    ];
    while let Some(newest) = newest_last.last() {
        let close = newest.rsplit([':', '}']).nth(1).unwrap();
        let mut lines = newest_last.clone();
        lines.reverse();
        store.put("data/quotes/dt=2026-02-01/0-0.json", &lines.concat()).await;
        let session = open(&store, "quotes").await;
        let sql = "SELECT CAST(close AS bigint) AS close FROM quotes_latest";
        assert_eq!(csv(&session, sql).await, format!("close\n{close}\n"));
        newest_last.pop();
    }
}

#[tokio::test]
async fn statements_return_their_rows_in_order() {
    let session = open(&mixed().await, "quotes").await;
    let sql = "-- a comment; with a semicolon\n\
               CREATE VIEW dear AS SELECT * FROM quotes WHERE close > 2;\n\
               SELECT count(*) AS dear FROM dear; /* none */ SELECT 'a;b' AS text;";
    assert_eq!(csv(&session, sql).await, "dear\n3\n\ntext\na;b\n");
    assert_eq!(csv(&session, "-- nothing").await, "");
    let message = error(&session, "SELECT nothing FROM quotes").await;
    assert!(message.contains("nothing"), "{message}");
    assert!(execute(&session, "SELEC 1").await.is_err());
}

#[tokio::test]
async fn nulls_are_last_in_both_orders() {
    let session = open(&mixed().await, "quotes").await;
    for order in ["ASC", "DESC"] {
        let sql = format!("SELECT kafka_offset FROM quotes ORDER BY close {order}");
        let rows = csv(&session, &sql).await;
        assert!(rows.ends_with("\n1\n"), "{order}: {rows}");
    }
}
