//! Compares simulated rows with their bars. The expected sums are computed from text, without the code under test.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::Value;
use serde_json::value::RawValue;

use super::*;

type Row = BTreeMap<String, Box<RawValue>>;

fn made(simulation: Simulation, record: &str, micros: i64) -> Vec<String> {
    let bar = simulation.bar(record.as_bytes(), micros).expect("a bar");
    let mut rows = simulation.make(&bar);
    let (mut json, mut lines) = (Vec::new(), Vec::new());
    while let Some(at) = rows.next_micros() {
        assert_eq!(rows.write_next(&mut json), Some(at));
        lines.push(String::from_utf8(json.clone()).expect("UTF-8"));
    }
    assert_eq!(lines.len(), simulation.rows_of(&bar));
    lines
}

/// Returns a decimal as units of 10^-18.
fn exact(number: &str) -> i128 {
    let (integer, fraction) = number.split_once('.').unwrap_or((number, ""));
    format!("{integer}{fraction:0<18}").parse().expect("a number of at most 18 decimals")
}

fn field(row: &Row, name: &str) -> Option<i128> {
    row.get(name).map(|value| exact(value.get()))
}

const TICKS: Simulation = Simulation { rows: Simulate::Ticks(50), seed: 1 };
const MINUTES: Simulation = Simulation { rows: Simulate::Minutes, seed: 1 };
const DAY: &str = r#"{"symbol":"BRK \"B\"","trade_date":"2024-01-02","bar":"1d","open":187.15,"high":188.440,"low":183.89,"close":185.64,"adj_close":180.1,"volume":82488674,"note":"x","series":"EQ/N","seq":2}"#;

#[test]
fn a_tick_has_the_fields_of_a_trade() {
    let rows = made(TICKS, DAY, 0);
    assert_eq!(rows.len(), 50);
    let first: Value = serde_json::from_str(&rows[0]).expect("JSON");
    let names: Vec<&str> = first.as_object().expect("an object").keys().map(String::as_str).collect();
    let expected = ["bar", "close", "seq", "series", "simulated", "symbol", "trade_date", "traded_at", "volume"];
    assert_eq!(names.into_iter().collect::<std::collections::BTreeSet<_>>(), expected.into());
    assert_eq!((&first["symbol"], &first["series"]), (&"BRK \"B\"".into(), &"EQ/N".into()));
    assert_eq!((&first["bar"], &first["seq"], &first["simulated"]), (&"tick".into(), &2.into(), &true.into()));
    assert!(rows[0].contains(r#""close":187.150,"#), "{}", rows[0]);
}

#[test]
fn a_day_has_the_minutes_of_its_session() {
    let rows = made(MINUTES, DAY, 0);
    assert_eq!(rows.len(), 390);
    assert!(rows[0].contains(r#""bar":"1m","traded_at":"2024-01-02 09:30:00","open":187.150,"#), "{}", rows[0]);
    assert!(rows[389].contains(r#""traded_at":"2024-01-02 15:59:00","#), "{}", rows[389]);
}

#[test]
fn an_hour_keeps_its_zone_and_its_date() {
    let record = r#"{"symbol":"A","trade_date":"2024-01-02","bar":"1h","traded_at":"2024-01-02 23:30:00","zone":"UTC","open":1,"high":2,"low":1,"close":2}"#;
    let rows = made(MINUTES, record, 1_704_238_200_000_000);
    assert_eq!(rows.len(), 60);
    let last = r#"{"symbol":"A","trade_date":"2024-01-02","bar":"1m","traded_at":"2024-01-03 00:29:00","zone":"UTC","#;
    assert!(rows[59].starts_with(last), "{}", rows[59]);
    assert!(!rows[59].contains("volume"), "{}", rows[59]);
}

#[test]
fn bars_that_are_too_short_stay_as_they_are() {
    let of = |bar: &str| {
        format!(
            r#"{{"symbol":"A","trade_date":"2024-01-02","bar":"{bar}","traded_at":"2024-01-02 09:30:00","open":1,"high":1,"low":1,"close":1}}"#
        )
    };
    for bar in ["1m", "30s", "90s", "tick"] {
        assert_eq!(MINUTES.bar(of(bar).as_bytes(), 0).err(), Some(NotSimulated::Short), "{bar}");
    }
    assert!(TICKS.bar(of("1m").as_bytes(), 0).is_ok());
}

#[test]
fn a_small_volume_makes_few_ticks() {
    let of = |volume: &str| {
        let record = format!(
            r#"{{"symbol":"A","trade_date":"2024-01-02","bar":"1d","open":2,"high":3,"low":1,"close":2,"volume":{volume}}}"#
        );
        made(TICKS, &record, 0).len()
    };
    assert_eq!(["1", "7", "0.9", "49", "5000", "0", "0.0"].map(of), [4, 7, 9, 49, 50, 50, 50]);
}

#[test]
fn the_rows_depend_on_bar_and_seed_alone() {
    let other = DAY.replace("2024-01-02", "2024-01-03");
    let one = made(TICKS, DAY, 0);
    let _ = made(TICKS, &other, 0);
    assert_eq!(one, made(TICKS, DAY, 0));
    let seeded = made(Simulation { seed: 2, ..TICKS }, DAY, 0);
    let closes = |rows: &[String]| -> Vec<String> {
        rows.iter().map(|row| row.split("\"close\":").nth(1).expect("a close").to_owned()).collect()
    };
    assert_ne!(closes(&one), closes(&seeded));
    assert_ne!(closes(&one), closes(&made(TICKS, &other, 0)));
}

/// Returns the JSON of a bar with random prices and the seconds that it covers.
fn random_bar() -> impl Strategy<Value = (String, i64)> {
    let prices = (proptest::collection::vec(0_u64..10_000_000_000, 4), 0_u32..9, any::<bool>(), any::<bool>());
    let volume = prop_oneof![
        Just("null".to_owned()),
        Just("0.0".to_owned()),
        (0_u64..10_000_000_000).prop_map(|volume| volume.to_string()),
        (0_u64..10_000_000, 0_u64..1_000).prop_map(|(integer, fraction)| format!("{integer}.{fraction:03}")),
    ];
    let length = prop::sample::select(vec![("1d", 23_400), ("1h", 3_600), ("5m", 300), ("2m", 120)]);
    (prices, volume, length, -1_000_000_i64..2_000_000).prop_map(
        |((mut prices, decimals, falls, is_negative), volume, (bar, seconds), day)| {
            prices.sort_unstable();
            let sign = i128::from(!is_negative) * 2 - 1;
            let write = |units: u64| {
                let mut text = Vec::new();
                Decimal { units: i128::from(units) * sign, decimals }.write(&mut text);
                String::from_utf8(text).expect("ASCII")
            };
            let (mut low, mut high) = (write(prices[0]), write(prices[3]));
            if is_negative {
                std::mem::swap(&mut low, &mut high);
            }
            let (open, close) = if falls { (prices[2], prices[1]) } else { (prices[1], prices[2]) };
            let mut at = Vec::new();
            write_instant(day * 1_000_000, &mut at);
            let at = String::from_utf8(at).expect("ASCII");
            let record = format!(
                r#"{{"symbol":"A","trade_date":"{}","bar":"{bar}","traded_at":"{at}","open":{},"high":{high},"low":{low},"close":{},"volume":{volume}}}"#,
                &at[..10],
                write(open),
                write(close)
            );
            (record, seconds)
        },
    )
}

proptest! {
    #![proptest_config(Config::with_cases(1_000))]

    #[test]
    fn made_rows_add_up_to_their_bar(
        (record, seconds) in random_bar(), ticks in 4_u32..200, minutes in any::<bool>(), seed in any::<u64>()
    ) {
        let rows = if minutes { Simulate::Minutes } else { Simulate::Ticks(ticks) };
        let simulation = Simulation { rows, seed };
        let micros = 1_000_000_000_000;
        let lines = made(simulation, &record, micros);
        prop_assert_eq!(&lines, &made(simulation, &record, micros), "the same seed gives the same bytes");
        let bar: Row = serde_json::from_str(&record).expect("JSON");
        let rows: Vec<Row> = lines.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let price = |row: &Row, name| field(row, if minutes { name } else { "close" });
        let (first, last) = (&rows[0], &rows[rows.len() - 1]);
        prop_assert_eq!(price(first, "open"), field(&bar, "open"));
        prop_assert_eq!(rows.iter().map(|row| price(row, "high")).max(), Some(field(&bar, "high")));
        prop_assert_eq!(rows.iter().map(|row| price(row, "low")).min(), Some(field(&bar, "low")));
        prop_assert_eq!(price(last, "close"), field(&bar, "close"));
        let has_volume = bar["volume"].get() != "null";
        prop_assert!(rows.iter().all(|row| row.contains_key("volume") == has_volume));
        if has_volume {
            let sum: i128 = rows.iter().filter_map(|row| field(row, "volume")).sum();
            prop_assert_eq!(Some(sum), field(&bar, "volume"));
            prop_assert!(rows.iter().all(|row| field(row, "volume") >= Some(0)));
        }
        let times: Vec<&str> = rows.iter().map(|row| row["traded_at"].get()).collect();
        prop_assert_eq!(times.iter().collect::<HashSet<_>>().len(), times.len(), "two rows at one instant");
        let decimals = |row: &Row, name: &str| row[name].get().split_once('.').map_or(0, |(_, digits)| digits.len());
        for row in &rows {
            prop_assert_eq!(row["trade_date"].get(), bar["trade_date"].get());
            prop_assert_eq!(row["simulated"].get(), "true");
            prop_assert_eq!(decimals(row, "close"), decimals(&bar, "close"));
            if has_volume {
                prop_assert_eq!(decimals(row, "volume"), decimals(&bar, "volume"));
            }
            if minutes {
                let inside = |name| field(row, name) >= field(row, "low") && field(row, name) <= field(row, "high");
                prop_assert!(inside("open") && inside("close"));
            }
        }
        let bar = simulation.bar(record.as_bytes(), micros).expect("a bar");
        let mut made = simulation.make(&bar);
        let mut json = Vec::new();
        let mut before = bar.start() - 1;
        while let Some(at) = made.write_next(&mut json) {
            prop_assert!(at > before && at < bar.start() + seconds * 1_000_000);
            before = at;
        }
    }
}
