//! Statements that only read.

use super::*;

#[tokio::test]
async fn cells_are_text_or_null() {
    let session = open(&mixed().await, "quotes").await;
    let answer =
        read(&session, "SELECT kafka_offset, close, dt FROM quotes ORDER BY kafka_offset LIMIT 2", Limits::rows(10))
            .await;
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
        let answer = read(&session, sql, Limits::rows(10)).await.unwrap();
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
        let answer = read(&session, "SELECT * FROM quotes", Limits::rows(limit)).await.unwrap();
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
        let error = read(&session, &sql, Limits::rows(10)).await.map(|_| ()).unwrap_err();
        assert!(!file.exists(), "{sql}");
        assert!(matches!(error, SqlError::ReadOnly(_) | SqlError::Query(_)), "{sql}: {error}");
    }
    assert_eq!(csv(&session, "SELECT count(*) AS n FROM quotes").await, "n\n5\n");
    assert!(read(&session, "SELECT symbol FROM daily", Limits::rows(10)).await.is_ok(), "the view still exists");
}

#[tokio::test]
async fn files_outside_the_lake_are_no_tables() {
    let session = open(&mixed().await, "quotes").await;
    for sql in
        ["SELECT * FROM '/etc/passwd'", "SELECT * FROM \"/etc/hosts.csv\"", "SELECT * FROM read_csv('/etc/passwd')"]
    {
        assert!(read(&session, sql, Limits::rows(10)).await.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn exactly_one_statement_is_expected() {
    let session = open(&mixed().await, "quotes").await;
    for sql in ["", "-- nothing", "SELECT 1; SELECT 2"] {
        let error = read(&session, sql, Limits::rows(10)).await.map(|_| ()).unwrap_err();
        assert!(matches!(error, SqlError::OneStatement), "{sql}: {error}");
    }
    for sql in ["SELECT 1;", "SHOW TABLES", "EXPLAIN SELECT 1", "DESCRIBE quotes"] {
        read(&session, sql, Limits::rows(10)).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }
}

/// The depths of these statements are at the limits, and beyond them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chains_do_not_overflow_a_stack() {
    let session = open(&mixed().await, "quotes").await;
    let chain = |item: &str, separator: &str, count: usize| vec![item; count].join(separator);
    let most = limits::MAX_OPERATORS - 10;
    for sql in [
        format!("SELECT {}", chain("1", "+", most)),
        format!("SELECT sum({}) FROM quotes", chain("close", "+", most)),
        format!("SELECT count(*) FROM quotes WHERE {}", chain("close", " OR ", most / 2)),
        format!("SELECT 1 WHERE {}", chain("1=1", " AND ", most / 2)),
        format!("SELECT '1'{}", "::bigint".repeat(most / 2)),
        chain("SELECT 1", " UNION ALL ", most / 3),
        format!("SELECT count(*) FROM {}", chain("quotes", ", ", limits::MAX_TABLES)),
    ] {
        // Either answer is right, as long as the process lives.
        let answer =
            tokio::time::timeout(std::time::Duration::from_secs(20), read(&session, &sql, Limits::rows(10))).await;
        if let Ok(Err(error)) = answer {
            assert!(!matches!(error, SqlError::Planning), "{}: {error}", &sql[..60]);
        }
    }
    let deep = chain("1", "+", 60_000);
    for sql in [
        format!("SELECT {deep}"),
        format!("SELECT {deep}; SELECT 1"),
        format!("SELECT {deep} FROM ("),
        chain("SELECT 1", " UNION ALL ", 10_000),
        format!("SELECT 1 {}", "IS NULL ".repeat(10_000)),
        format!("SELECT * FROM {}", chain("quotes", ",", 9_000)),
        format!("EXPLAIN SELECT * FROM {}", chain("quotes", ",", 9_000)),
    ] {
        let error = read(&session, &sql, Limits::rows(10)).await.map(|_| ()).unwrap_err();
        assert!(matches!(error, SqlError::TooComplex { .. }), "{}: {error}", &sql[..60]);
    }
}

#[tokio::test]
async fn rows_are_limited_in_bytes() {
    let session = open(&mixed().await, "quotes").await;
    let sql = "SELECT repeat('x', 100000) AS text FROM quotes";
    let limits = |bytes| Limits { rows: 10, bytes };
    assert_eq!(read(&session, sql, limits(2_000_000)).await.unwrap().cells().unwrap().len(), 5);
    let error = read(&session, sql, limits(200_000)).await.map(|_| ()).unwrap_err();
    assert!(error.to_string().starts_with("the rows are larger than 200.0 kB"), "{error}");
    for format in [FileFormat::Csv, FileFormat::Json] {
        assert!(download(&session, sql, format, limits(2_000_000)).await.unwrap().len() > 500_000);
        let error = download(&session, sql, format, limits(200_000)).await.unwrap_err();
        assert!(matches!(error, SqlError::TooLarge { limit: 200_000 }), "{error}");
        let error = download(&session, sql, format, Limits { rows: 4, bytes: 2_000_000 }).await.unwrap_err();
        assert!(matches!(error, SqlError::TooManyRows { limit: 4 }), "{error}");
    }
}

#[tokio::test]
async fn download_is_what_render_returns() {
    let session = open(&mixed().await, "quotes").await;
    for sql in ["SELECT symbol, close FROM quotes ORDER BY kafka_offset", "SELECT symbol FROM quotes WHERE close = 99"]
    {
        let rows = execute(&session, sql).await.unwrap();
        for (format, file) in [(Format::Csv, FileFormat::Csv), (Format::Json, FileFormat::Json)] {
            let text = download(&session, sql, file, Limits::rows(10)).await.unwrap();
            assert_eq!(text, render(&rows, format).unwrap(), "{sql} {file:?}");
        }
    }
}

#[tokio::test]
async fn sessions_share_their_memory() {
    let store = mixed().await;
    let memory = Memory::new(100_000_000);
    let open = async || session_within(&store.lake(""), "quotes", DEFAULT_SAMPLES, &memory).await.unwrap();
    let (one, other) = (open().await, open().await);
    let pool = |session: &SessionContext| std::sync::Arc::clone(&session.runtime_env().memory_pool);
    let held = datafusion::execution::memory_pool::MemoryConsumer::new("join").register(&pool(&one));
    held.try_grow(90_000_000).unwrap();
    let more = datafusion::execution::memory_pool::MemoryConsumer::new("join").register(&pool(&other));
    assert!(more.try_grow(20_000_000).is_err());
    drop(held);
    more.try_grow(20_000_000).unwrap();
}
