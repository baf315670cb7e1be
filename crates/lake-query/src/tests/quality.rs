//! Tests of findings that CSV files cannot produce, and of data that is almost a finding.

use super::*;

async fn ask(store: &Store, question: &str) -> String {
    let session = open(store, "quotes").await;
    let query = quality().iter().find(|query| query.name == format!("quality/{question}")).unwrap();
    csv(&session, query.sql).await
}

/// Stores quotes with consecutive offsets. Each is given as symbol and date, both as JSON, and close.
async fn quotes(rows: &[(&str, String, f64)]) -> Store {
    let line = |(offset, (symbol, date, close)): (usize, &(&str, String, f64))| {
        format!(
            "{{\"kafka_partition\":0,\"kafka_offset\":{offset},\"kafka_timestamp\":1,\
             \"symbol\":{symbol},\"trade_date\":{date},\"close\":{close}}}\n"
        )
    };
    let store = Store::new();
    let text: String = rows.iter().enumerate().map(line).collect();
    store.put("data/quotes/dt=2026-02-01/00000-0.json", &text).await;
    store
}

/// Returns one quote for each of `days` days, in months of 28 days, except for the days that are `closed`.
fn year(symbol: &'static str, days: usize, closed: impl Fn(usize) -> bool) -> Vec<(&'static str, String, f64)> {
    let date = |day: usize| format!("\"2025-{:02}-{:02}\"", day / 28 + 1, day % 28 + 1);
    let open = (0..days).filter(|day| !closed(*day));
    open.map(|day| (symbol, date(day), 100.0 + 3.0 * (day % 5) as f64)).collect()
}

#[tokio::test]
async fn quarantined_records_are_counted_once_by_kind() {
    let store = Store::new();
    let line = |offset: u64, reason: &str| {
        format!(
            "{{\"kafka_topic\":\"q\",\"kafka_partition\":1,\"kafka_offset\":{offset},\"kafka_timestamp\":{offset},\
             \"reason\":\"{reason}\",\"key\":null,\"value\":null,\"headers\":[]}}\n"
        )
    };
    let first = [line(1, "not JSON: byte 3"), line(2, "not JSON: byte 9"), line(3, "not UTF-8: byte 1")].concat();
    store.put("quarantine/q/dt=2026-02-01/00001-1.json", &first).await;
    store.put("quarantine/q/dt=2026-02-01/00001-2.json", &line(2, "not JSON: byte 9")).await;
    assert_eq!(
        ask(&store, "quarantined").await,
        "kafka_topic,kind,records,newest_reason,kafka_generation,kafka_partition,kafka_offset,findings\n\
         q,not JSON,2,not JSON: byte 9,0,1,2,3\n\
         q,not UTF-8,1,not UTF-8: byte 1,0,1,3,3\n"
    );
}

#[tokio::test]
async fn nulls_in_symbol_and_date_are_counted_as_holes() {
    let day = || "\"2026-01-02\"".to_owned();
    let store = quotes(&[("\"A\"", day(), 1.0), ("null", day(), 1.0), ("\"B\"", "null".to_owned(), 1.0)]).await;
    assert_eq!(
        ask(&store, "nulls").await,
        "symbol,series,column_name,holes,records,first_hole,bar,findings\n\
         B,,trade_date,1,1,,,2\n,,symbol,1,1,2026-01-02,,2\n"
    );
}

#[tokio::test]
async fn duplicates_separate_redelivered_from_resent_rows() {
    let store =
        quotes(&[("\"A\"", "\"2026-01-02\"".to_owned(), 1.0), ("\"B\"", "\"2026-01-02\"".to_owned(), 1.0)]).await;
    let again = "{\"kafka_partition\":0,\"kafka_offset\":1,\"kafka_timestamp\":1,\"symbol\":\"B\",\
                 \"trade_date\":\"2026-01-02\",\"close\":1}\n";
    store.put("data/quotes/dt=2026-02-01/00000-1.json", again).await;
    let sent_again = again.replace("\"kafka_offset\":1", "\"kafka_offset\":2").replace("\"B\"", "\"A\"");
    store.put("data/quotes/dt=2026-02-01/00000-2.json", &sent_again.replace("\"close\":1", "\"close\":2")).await;
    assert_eq!(
        ask(&store, "duplicates").await,
        "symbol,series,trade_date,stored,sent,closes,bar,traded_at,findings\n\
         A,,2026-01-02,2,2,2,1d,,2\nB,,2026-01-02,2,1,1,1d,,2\n"
    );
}

#[tokio::test]
async fn other_holidays_and_a_later_start_are_not_gaps() {
    let west = |day: usize| day % 7 > 4 || day.is_multiple_of(50);
    let east = |day: usize| day % 7 > 4 || day.is_multiple_of(29) || (140..150).contains(&day);
    let rows = [
        year("\"W1\"", 300, west),
        year("\"W2\"", 300, |day| west(day) || day < 90),
        year("\"W3\"", 200, west),
        year("\"E1\"", 300, east),
    ]
    .concat();
    let header = "symbol,series,session_before,first_missing,sessions_missing,session_after,findings\n";
    assert_eq!(ask(&quotes(&rows).await, "gaps").await, header);

    // Two weeks without quotes of W2 are one gap, whatever the number of missing sessions.
    let silent =
        |symbol: &str, date: &str| symbol == "\"W2\"" && ("\"2025-06-01"..="\"2025-06-14").contains(&&date[..11]);
    let holed: Vec<_> = rows.into_iter().filter(|(symbol, date, _)| !silent(symbol, date)).collect();
    assert_eq!(ask(&quotes(&holed).await, "gaps").await, format!("{header}W2,,2025-05-26,2025-06-01,9,2025-06-15,1\n"));
}

#[tokio::test]
async fn misplaced_decimal_point_is_a_jump_and_a_crash_is_not() {
    let mut rows = year("\"A\"", 60, |_| false);
    let calm = year("\"B\"", 60, |_| false).into_iter().enumerate();
    let calm = calm.map(|(day, (symbol, date, _))| (symbol, date, if day < 30 { 100.0 } else { 60.0 }));
    for row in &mut rows[30..] {
        row.2 *= 0.48;
    }
    let header = "symbol,series,trade_date,price_before,price,sigmas,findings\n";
    assert_eq!(ask(&quotes(&rows).await, "jumps").await, header, "prices do fall by half");
    rows.extend(calm);
    assert_eq!(ask(&quotes(&rows).await, "jumps").await, header, "a sigma of 0 makes any change infinitely large");
    rows[40].2 *= 0.1;
    let jumps = ask(&quotes(&rows).await, "jumps").await;
    let dates: Vec<_> = jumps.lines().skip(1).filter_map(|row| row.split(',').nth(2)).collect();
    assert_eq!(dates, ["2025-02-13", "2025-02-14"], "down and up again: {jumps}");
}
