//! Tests of which objects are read, and of the errors for objects that cannot be decoded.

use super::*;

#[tokio::test]
async fn codecs_mix_in_one_table() {
    let session = open(&mixed().await, "quotes").await;
    let sql = "SELECT kafka_offset, trade_date, close, open, dt FROM quotes ORDER BY 1";
    assert_eq!(
        csv(&session, sql).await,
        "kafka_offset,trade_date,close,open,dt\n\
         0,2026-01-02,1.5,,2026-02-01\n\
         1,2026-01-03,,,2026-02-01\n\
         2,2026-01-04,2.25,,2026-02-02\n\
         3,2026-01-05,3.0,,2026-02-02\n\
         4,2026-01-06,4.0,,2026-02-03\n"
    );
}

#[tokio::test]
async fn rows_are_counted_without_columns() {
    let session = open(&mixed().await, "quotes").await;
    assert_eq!(csv(&session, "SELECT count(*) AS n FROM quotes").await, "n\n5\n");
    let sql = "SELECT dt, count(*) AS n FROM quotes GROUP BY dt ORDER BY dt";
    assert_eq!(csv(&session, sql).await, "dt,n\n2026-02-01,2\n2026-02-02,2\n2026-02-03,1\n");
}

#[tokio::test]
async fn declared_columns_have_their_types() {
    let session = open(&mixed().await, "quotes").await;
    let sql = "SELECT column_name, data_type FROM information_schema.columns \
               WHERE table_name = 'quotes' ORDER BY ordinal_position";
    assert_eq!(
        csv(&session, sql).await,
        "column_name,data_type\nkafka_partition,Int32\nkafka_offset,Int64\nkafka_timestamp,Int64\n\
         kafka_generation,Int32\nsymbol,Utf8\ntrade_date,Date32\ntraded_at,Utf8\nopen,Float64\n\
         high,Float64\nlow,Float64\nclose,Float64\nadj_close,Float64\nvolume,Float64\n\
         close_usd,Float64\nbar,Utf8\nzone,Utf8\nseries,Utf8\nseq,Int64\nsimulated,Boolean\n\
         bid,Float64\nask,Float64\ndt,Utf8\n"
    );
    let sql = "SELECT count(*) AS n FROM quotes WHERE trade_date >= DATE '2026-01-04'";
    assert_eq!(csv(&session, sql).await, "n\n3\n");
}

#[tokio::test]
async fn excluded_partitions_are_not_read() {
    let store = Store::new();
    for (day, hour, symbol) in [(1, "00", "A"), (1, "07", "A"), (1, "07", "B%2FC"), (2, "07", "A")] {
        let key = format!("data/quotes/dt=2026-02-0{day}/hour={hour}/by_symbol={symbol}/0-0.json");
        store.put(&key, &line(0, "2026-01-02", "1")).await;
    }
    let session = open(&store, "quotes").await;
    for (condition, rows, reads) in [
        ("dt = '2026-02-02'", 1, 1),
        ("dt BETWEEN '2026-01-01' AND '2026-02-01'", 3, 3),
        ("dt LIKE '2026-%' AND hour = '07' AND by_symbol = 'B/C'", 1, 1),
        ("hour = '07' AND close > 0", 3, 3),
        ("hour = '07' OR close > 0", 4, 4),
        ("substr(dt, 1, 7) = '2027-01'", 0, 0),
        ("dt = (SELECT max(dt) FROM quotes)", 1, 8),
        ("dt = NULL", 0, 0),
    ] {
        let sql = format!("SELECT count(*) AS n FROM quotes WHERE {condition}");
        assert_eq!(csv(&session, &sql).await, format!("n\n{rows}\n"), "{condition}");
        assert_eq!(store.take_reads().len(), reads, "{condition}");
    }
    store.take_lists();
    csv(&session, "SELECT count(*) FROM quotes WHERE dt > '2026-02-01' AND hour = '00'").await;
    assert_eq!(store.take_lists(), ["data/quotes/dt=2026-02-02"]);
    assert!(store.take_reads().is_empty());
    let sql = "SELECT DISTINCT by_symbol, hour FROM quotes WHERE dt = '2026-02-01' ORDER BY 1, 2";
    assert_eq!(csv(&session, sql).await, "by_symbol,hour\nA,00\nA,07\nB/C,07\n");
}

#[tokio::test]
async fn limit_applies_after_filters() {
    let session = open(&mixed().await, "quotes").await;
    let sql = "SELECT kafka_offset FROM quotes WHERE close > 3 AND dt > '2026-02-01' LIMIT 1";
    assert_eq!(csv(&session, sql).await, "kafka_offset\n4\n");
    assert_eq!(csv(&session, "SELECT symbol FROM quotes LIMIT 1").await, "symbol\nIBM\n");
}

#[tokio::test]
async fn undeclared_columns_are_inferred() {
    let store = Store::new();
    let line = r#"{"symbol":7,"lot":1,"note":"a","odd":true,"legs":[{"x":1}],"dt":"hidden"}"#;
    let other = r#"{"symbol":true,"lot":2.5,"note":{"b":2},"odd":null,"legs":null,"late":1}"#;
    store.put("data/quotes/dt=2026-02-01/0-0.json", &format!("{line}\n\n{other}")).await;
    let session = open(&store, "quotes").await;
    let sql = "SELECT symbol, lot, note, odd, legs, dt, late FROM quotes ORDER BY lot";
    assert_eq!(
        csv(&session, sql).await,
        "symbol,lot,note,odd,legs,dt,late\n7,1.0,a,true,\"[{\"\"x\"\":1}]\",2026-02-01,\n\
         true,2.5,\"{\"\"b\"\":2}\",,,2026-02-01,1\n"
    );
}

#[tokio::test]
async fn truncated_object_is_named_by_every_query() {
    let store = mixed().await;
    let key = "data/quotes/dt=2026-02-04/00000-5.json.gz";
    let whole = gzip(&line(5, "2026-01-07", "5"));
    store.put_bytes(key, whole[..whole.len() - 4].to_vec()).await;
    let session = open(&store, "quotes").await;
    for columns in ["count(*)", "max(close)", "symbol", "dt"] {
        let text = error(&session, &format!("SELECT {columns} FROM quotes")).await;
        assert!(text.starts_with(&format!("failed to decode the object {key}: ")), "{text}");
    }
    let sql = "SELECT count(*) AS n FROM quotes WHERE dt <> '2026-02-04'";
    assert_eq!(csv(&session, sql).await, "n\n5\n");
}

#[tokio::test]
async fn decode_error_names_the_line() {
    for (text, wrong) in [
        (r#"{"close":"dear"}"#, "line 3: Json error: whilst decoding field 'close'"),
        (r#"{"trade_date":"2026-02-30"}"#, "line 3: Json error: whilst decoding field 'trade_date'"),
        (r#"{"close":1"#, "line 3: Json error: Truncated record"),
        (r#"{"close":1} {"close":2}"#, "line 3: expected exactly one JSON object per line"),
        (r#"[1]"#, "line 3: "),
    ] {
        let store = Store::new();
        let lines = format!("{{\"close\":1}}\n\n{text}\n{{\"close\":2}}\n");
        store.put("data/quotes/dt=2026-02-01/0-0.json", &lines).await;
        let session = open(&store, "quotes").await;
        let message = error(&session, "SELECT close, trade_date FROM quotes").await;
        let object = "failed to decode the object data/quotes/dt=2026-02-01/0-0.json: ";
        assert!(message.starts_with(&format!("{object}{wrong}")), "{message}");
    }
    let store = Store::new();
    store.put("data/quotes/dt=2026-02-01/0-0.parquet", "PAR1").await;
    let session = open(&store, "quotes").await;
    let message = error(&session, "SELECT count(*) FROM quotes").await;
    assert!(message.ends_with("the object's name does not end in .json, .json.gz or .json.zst"), "{message}");
}

#[tokio::test]
async fn folder_reads_like_a_bucket() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("lake/data/quotes/dt=2026-02-01/by_symbol=B%2FC %25");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("0-0.json.gz"), gzip(&line(0, "2026-01-02", "1"))).unwrap();
    std::fs::write(folder.join(".partial.json.gz"), "cut").unwrap();
    let store = object_store::local::LocalFileSystem::new_with_prefix(dir.path()).unwrap();
    let lake = Lake { store: std::sync::Arc::new(store), prefix: "lake/".into() };
    let session = session(&lake, "quotes", Options::default()).await.unwrap();
    let sql = "SELECT by_symbol, close FROM quotes";
    assert_eq!(csv(&session, sql).await, "by_symbol,close\nB/C %,1.0\n");
    assert_eq!(csv(&session, "SELECT count(*) AS n FROM quarantine").await, "n\n0\n");
}

#[tokio::test]
async fn object_of_many_batches_is_read_to_its_end() {
    let store = Store::new();
    let lines: Vec<_> = (0..20_000).map(|n| format!("{{\"kafka_offset\":{n},\"note\":\"{n}\"}}\n")).collect();
    store.put_bytes("data/quotes/dt=2026-02-01/0-0.json.gz", gzip(&lines.concat())).await;
    let session = open(&store, "quotes").await;
    let sql = "SELECT count(*) AS n, sum(kafka_offset) AS s, sum(CAST(note AS bigint)) AS t FROM quotes";
    assert_eq!(csv(&session, sql).await, "n,s,t\n20000,199990000,199990000\n");
    assert_eq!(csv(&session, "SELECT count(*) AS n FROM quotes").await, "n\n20000\n");

    let late = lines.concat().replace("{\"kafka_offset\":17000,", "{\"kafka_offset\":\"one\",");
    store.put("data/quotes/dt=2026-02-02/0-0.json", &late).await;
    let message = error(&session, "SELECT sum(kafka_offset) FROM quotes WHERE dt = '2026-02-02'").await;
    assert!(message.contains("/dt=2026-02-02/0-0.json: line 17001: "), "{message}");
}

#[tokio::test]
async fn names_of_columns_ignore_case() {
    let store = Store::new();
    let foreign = r#"{"Index":"HSI","Date":"1986-12-31","Adj Close":1.5,"CLOSE":2,"Note":{"Of":1}}"#;
    let lower = r#"{"index":"N225","close":3,"note":"x"}"#;
    store.put("data/quotes/dt=2026-02-01/0-0.json", &format!("{foreign}\n{lower}\n")).await;
    let session = open(&store, "quotes").await;
    let sql = "SELECT Index, \"Index\" AS \"Again\", date, \"Adj Close\", Close, q.\"Note\" FROM quotes AS q ORDER BY \"Again\"";
    assert_eq!(
        csv(&session, sql).await,
        "index,Again,date,adj close,close,note\n\
         HSI,HSI,1986-12-31,1.5,2.0,\"{\"\"Of\"\":1}\"\nN225,N225,,,3.0,x\n"
    );
    let sql = "WITH a AS (SELECT close AS \"C\" FROM quotes) SELECT sum(\"C\") AS c FROM a";
    assert_eq!(csv(&session, sql).await, "c\n5.0\n");
}

#[tokio::test]
async fn values_that_the_sink_does_not_validate_become_null() {
    let store = Store::new();
    let lines = [
        r#"{"symbol":"A","bid":1.5,"seq":2,"simulated":true,"bar":"1d"}"#,
        r#"{"symbol":"B","bid":"1.25","seq":"many","simulated":"yes","bar":["1d"]}"#,
        r#"{"symbol":"C","bid":{"of":1},"seq":2.5,"simulated":1,"bar":7}"#,
    ];
    store.put("data/quotes/dt=2026-02-01/0-0.json", &lines.join("\n")).await;
    let session = open(&store, "quotes").await;
    let rows = csv(&session, "SELECT bid, symbol, seq, bar, ask FROM quotes ORDER BY symbol").await;
    assert_eq!(rows, "bid,symbol,seq,bar,ask\n1.5,A,2,1d,\n1.25,B,,\"[\"\"1d\"\"]\",\n,C,,7,\n");
    assert_eq!(csv(&session, "SELECT count(simulated) AS n FROM quotes").await, "n\n3\n");
}

#[tokio::test]
async fn sorts_beyond_the_memory_limit_spill() {
    let store = Store::new();
    for object in 0..20 {
        let line = |n: u32| format!("{{\"note\":\"{:0150}\",\"close\":{n}}}\n", n * 7919 % 100_000);
        let lines: String = (object * 5_000..(object + 1) * 5_000).map(line).collect();
        store.put_bytes(&format!("data/quotes/dt=2026-02-01/0-{object}.json.gz"), gzip(&lines)).await;
    }
    let sql = "SELECT count(*) AS n, max(place) AS last FROM (SELECT row_number() OVER (ORDER BY note, close) AS place FROM quotes)";
    for (limit, spills) in [(DEFAULT_MEMORY_LIMIT, false), (1_000_000, true)] {
        let session =
            session(&store.lake(""), "quotes", Options { memory_limit: limit, ..Options::default() }).await.unwrap();
        assert_eq!(csv(&session, sql).await, "n,last\n100000,100000\n");
        let plan = csv(&session, &format!("EXPLAIN ANALYZE {sql}")).await;
        let counts = plan.split("spill_count=").skip(1).filter(|rest| !rest.starts_with('0')).count();
        assert_eq!(counts > 0, spills, "{limit}: {plan}");
    }
}

#[tokio::test]
async fn undeclared_integers_are_exact() {
    let store = Store::new();
    let lines = [
        r#"{"id":9007199254740993,"large":12345678901234567890,"mixed":1,"text":"7"}"#,
        r#"{"id":-9223372036854775808,"large":2,"mixed":0.5,"text":null}"#,
        r#"{"id":null,"large":null,"mixed":null,"text":"x"}"#,
    ];
    store.put("data/quotes/dt=2026-02-01/0-0.json", &lines.join("\n")).await;
    let session = open(&store, "quotes").await;
    assert_eq!(
        csv(&session, "SELECT id, large, mixed, text FROM quotes ORDER BY id").await,
        "id,large,mixed,text\n-9223372036854775808,2,0.5,\n9007199254740993,12345678901234567890,1.0,7\n,,,x\n"
    );
    assert_eq!(csv(&session, "SELECT max(id) + 1 AS n FROM quotes").await, "n\n9007199254740994\n");
}

#[tokio::test]
async fn fraction_in_a_column_of_integers_is_an_error() {
    let store = Store::new();
    store.put("data/quotes/dt=2026-02-01/0-0.json", "{\"id\":1}\n").await;
    let session = open(&store, "quotes").await;
    store.put("data/quotes/dt=2026-02-01/0-1.json", "{\"id\":2}\n{\"id\":2.5}\n").await;
    let message = error(&session, "SELECT sum(id) FROM quotes").await;
    assert!(message.contains("/0-1.json: line 2: column id has the value 2.5, but "), "{message}");
    let session = open(&store, "quotes").await;
    assert_eq!(csv(&session, "SELECT sum(id) AS s FROM quotes").await, "s\n5.5\n");
}

#[tokio::test]
async fn unknown_column_names_the_option() {
    let store = Store::new();
    for object in 0..3 {
        store.put(&format!("data/quotes/dt=2026-02-01/0-{object}.json"), &format!("{{\"f{object}\":1}}\n")).await;
    }
    let sampling = async |samples: usize| {
        let samples = samples.try_into().unwrap();
        session(&store.lake(""), "quotes", Options { samples, ..Options::default() }).await.unwrap()
    };
    let message = error(&sampling(2).await, "SELECT f1 FROM quotes").await;
    assert!(message.contains("No field named f1") && message.ends_with("raise --sample-objects"), "{message}");
    assert_eq!(csv(&sampling(3).await, "SELECT count(f1) AS n FROM quotes").await, "n\n1\n");
}
