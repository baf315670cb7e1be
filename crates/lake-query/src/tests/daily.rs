//! The view `daily`: days from bars of any length and from ticks.

use super::*;

/// Stores records with consecutive offsets, given as the fields of a quote on 2026-01-02.
async fn day_of(records: &[&str]) -> SessionContext {
    let line = |(offset, fields): (usize, &&str)| {
        format!(
            "{{\"kafka_partition\":0,\"kafka_offset\":{offset},\"kafka_timestamp\":{offset},\"symbol\":\"A\",\
             \"trade_date\":\"2026-01-02\",{fields}}}\n"
        )
    };
    let store = Store::new();
    let text: String = records.iter().enumerate().map(line).collect();
    store.put("data/quotes/dt=2026-02-01/00000-0.json", &text).await;
    open(&store, "quotes").await
}

/// Returns the days as `bar,bars,open,high,low,close,volume`, without the header.
async fn days(records: &[&str]) -> String {
    let session = day_of(records).await;
    let rows =
        csv(&session, "SELECT bar, bars, open, high, low, close, volume FROM daily ORDER BY symbol, series").await;
    rows.split_once('\n').unwrap().1.to_owned()
}

const EARLY: &str =
    r#""bar":"1m","traded_at":"2026-01-02 09:30:00","open":10,"high":30,"low":10,"close":20,"volume":1000"#;
const LATE: &str = r#""bar":"1m","traded_at":"2026-01-02 09:31:00","open":20,"high":21,"low":5,"close":15,"volume":10"#;

#[tokio::test]
async fn bars_of_a_day_are_added_up_in_the_order_of_time() {
    assert_eq!(days(&[EARLY, LATE]).await, "1m,2,10.0,30.0,5.0,15.0,1010.0\n");
    assert_eq!(days(&[LATE, EARLY]).await, "1m,2,10.0,30.0,5.0,15.0,1010.0\n");
}

#[tokio::test]
async fn day_row_wins_over_its_bars() {
    let whole = r#""bar":"1d","open":11,"high":31,"low":4,"close":14,"volume":1"#;
    assert_eq!(days(&[EARLY, whole, LATE]).await, "1d,1,11.0,31.0,4.0,14.0,1.0\n");
    // Without a bar and a time of day it is a row of a day, too.
    let old = whole.replace("\"bar\":\"1d\",", "");
    assert_eq!(days(&[EARLY, &old]).await, "1d,1,11.0,31.0,4.0,14.0,1.0\n");
}

#[tokio::test]
async fn finest_bars_win_over_longer_ones() {
    let hour = EARLY.replace("1m", "1h").replace("\"high\":30", "\"high\":99");
    let week = r#""bar":"1w","open":1,"high":1,"low":1,"close":1,"volume":1"#;
    assert_eq!(days(&[&hour, week, EARLY, LATE]).await, "1m,2,10.0,30.0,5.0,15.0,1010.0\n");
    assert_eq!(days(&[week]).await, "1w,1,1.0,1.0,1.0,1.0,1.0\n");
}

#[tokio::test]
async fn last_row_of_a_day_counts_alone() {
    let row = |seq: u8, close: u8| format!("\"bar\":\"1d\",\"seq\":{seq},\"close\":{close},\"volume\":7");
    assert_eq!(days(&[&row(2, 2), &row(1, 1)]).await, "1d,1,2.0,2.0,2.0,2.0,7.0\n");
}

#[tokio::test]
async fn trades_count_with_their_close_and_quotes_with_no_price() {
    let tick =
        |second: u8, fields: &str| format!("\"bar\":\"tick\",\"traded_at\":\"2026-01-02 09:30:0{second}\",{fields}");
    let quote = tick(0, r#""bid":1,"ask":2"#);
    let trades =
        [tick(1, r#""close":8,"volume":1"#), tick(1, r#""close":6,"volume":2,"seq":2"#), tick(2, r#""close":7"#)];
    assert_eq!(days(&[&quote, &trades[2], &trades[1], &trades[0]]).await, "tick,4,8.0,8.0,6.0,7.0,3.0\n");
    assert_eq!(days(&[&quote]).await, "tick,1,,,,,\n");
}

#[tokio::test]
async fn simulated_rows_count_only_without_others() {
    let simulated = format!("{},\"simulated\":true", EARLY.replace("1m", "tick"));
    assert_eq!(days(&[&simulated, LATE]).await, "1m,1,20.0,21.0,5.0,15.0,10.0\n");
    assert_eq!(days(&[&simulated]).await, "tick,1,10.0,30.0,10.0,20.0,1000.0\n");
}

#[tokio::test]
async fn every_series_has_its_own_day() {
    let bond = r#""bar":"1d","series":"N2","close":32"#;
    assert_eq!(
        days(&[r#""bar":"1d","series":"EQ","close":3540"#, bond]).await,
        "1d,1,3540.0,3540.0,3540.0,3540.0,\n1d,1,32.0,32.0,32.0,32.0,\n"
    );
}

#[tokio::test]
async fn instants_of_earlier_versions_are_parsed() {
    let at = |text: &str| format!("\"traded_at\":\"{text}\",\"close\":1");
    let texts = [
        "2026-01-02 09:30:00-05:00",
        "2026-01-02T23:30:00.1234567-05:00",
        "2026-01-02T00:10:05Z",
        "2026-01-02 00:10+0530",
        "2026-01-02T09:30:00",
        "2026-01-02 09:30",
        "2026-01-02 25:30:00",
        "around noon",
    ];
    let records = texts.map(at);
    let session = day_of(&records.each_ref().map(String::as_str)).await;
    let sql = "SELECT bar, zone, instant FROM quotes_timed ORDER BY kafka_offset";
    assert_eq!(
        csv(&session, sql).await,
        "bar,zone,instant\n\
         tick,UTC,2026-01-02 14:30:00.000000\n\
         tick,UTC,2026-01-03 04:30:00.123456\n\
         tick,UTC,2026-01-02 00:10:05.000000\n\
         tick,UTC,2026-01-01 18:40:00.000000\n\
         tick,,2026-01-02 09:30:00.000000\n\
         tick,,2026-01-02 09:30:00.000000\n\
         tick,,2026-01-02 2026-01-02 25:30:00\n\
         tick,,2026-01-02 around noon\n"
    );
    assert_eq!(csv(&session, "SELECT count(*) AS n FROM quotes_latest").await, "n\n7\n");
}

#[tokio::test]
async fn own_columns_are_in_the_latest_quotes() {
    let session = day_of(&[r#""bar":"1d","close":1,"lot size":3,"place":"x","bid":2,"ask":"n/a""#]).await;
    let sql = "SELECT \"lot size\", bid, instant FROM quotes_latest";
    assert_eq!(csv(&session, sql).await, "lot size,bid,instant\n3,2.0,2026-01-02 00:00:00.000000\n");
    assert!(error(&session, "SELECT place FROM quotes_latest").await.contains("place"));
}
