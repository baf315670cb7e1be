//! Statements that only read.

use super::*;

#[tokio::test]
async fn cells_are_text_or_null() {
    let session = open(&mixed().await, "quotes").await;
    let answer = read(&session, "SELECT kafka_offset, close, dt FROM quotes ORDER BY kafka_offset LIMIT 2", 10).await;
    let answer = answer.unwrap();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        answer.cells().unwrap(),
        [[text("0"), text("1.5"), text("2026-02-01")], [text("1"), None, text("2026-02-01")]]
    );
    let columns = answer.columns();
    assert_eq!(columns[1], AnswerColumn { name: "close".to_owned(), r#type: "Float64".to_owned(), is_numeric: true });
    assert!(!columns[2].is_numeric && !answer.is_cut);
}

#[tokio::test]
async fn objects_that_a_statement_reads_are_counted() {
    let session = open(&mixed().await, "quotes").await;
    let reads = async |sql| {
        let answer = read(&session, sql, 10).await.unwrap();
        (answer.objects, answer.bytes > 0)
    };
    assert_eq!(reads("SELECT count(*) FROM quotes").await, (3, true));
    assert_eq!(reads("SELECT count(*) FROM quotes WHERE dt = '2026-02-02'").await, (1, true));
    assert_eq!(reads("SELECT 1").await, (0, false));
}

#[tokio::test]
async fn rows_end_at_the_limit() {
    let session = open(&mixed().await, "quotes").await;
    for (limit, rows, is_cut) in [(0, 0, true), (2, 2, true), (4, 4, true), (5, 5, false), (9, 5, false)] {
        let answer = read(&session, "SELECT * FROM quotes", limit).await.unwrap();
        assert_eq!((answer.cells().unwrap().len(), answer.is_cut), (rows, is_cut), "{limit}");
    }
}

#[tokio::test]
async fn statements_that_do_more_than_read_are_rejected() {
    let session = open(&mixed().await, "quotes").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.csv");
    let path = file.display();
    for sql in [
        format!("COPY quotes TO '{path}'"),
        format!("COPY (SELECT 1) TO '{path}' STORED AS CSV"),
        format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{path}'"),
        "CREATE VIEW v AS SELECT 1".to_owned(),
        "CREATE TABLE t AS SELECT 1".to_owned(),
        "DROP VIEW daily".to_owned(),
        "INSERT INTO quotes (symbol) VALUES ('x')".to_owned(),
        "DELETE FROM quotes".to_owned(),
        "SET datafusion.execution.batch_size = 1".to_owned(),
        format!("EXPLAIN ANALYZE COPY quotes TO '{path}'"),
    ] {
        let error = read(&session, &sql, 10).await.map(|_| ()).unwrap_err();
        assert!(!file.exists(), "{sql}");
        assert!(matches!(error, SqlError::ReadOnly(_) | SqlError::Query(_)), "{sql}: {error}");
    }
    assert_eq!(csv(&session, "SELECT count(*) AS n FROM quotes").await, "n\n5\n");
    assert!(read(&session, "SELECT symbol FROM daily", 10).await.is_ok(), "the view still exists");
}

#[tokio::test]
async fn files_outside_the_lake_are_no_tables() {
    let session = open(&mixed().await, "quotes").await;
    for sql in
        ["SELECT * FROM '/etc/passwd'", "SELECT * FROM \"/etc/hosts.csv\"", "SELECT * FROM read_csv('/etc/passwd')"]
    {
        assert!(read(&session, sql, 10).await.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn exactly_one_statement_is_expected() {
    let session = open(&mixed().await, "quotes").await;
    for sql in ["", "-- nothing", "SELECT 1; SELECT 2"] {
        let error = read(&session, sql, 10).await.map(|_| ()).unwrap_err();
        assert!(matches!(error, SqlError::OneStatement), "{sql}: {error}");
    }
    for sql in ["SELECT 1;", "SHOW TABLES", "EXPLAIN SELECT 1", "DESCRIBE quotes"] {
        read(&session, sql, 10).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}
