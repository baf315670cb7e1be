//! Tests that turn an event into lines and object prefixes.

use super::*;
use crate::testing;
use lake_format::codec::Codec;
use lake_format::keys::PartitionBy;
use lambda_kafka_event::Event;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

const MOMENT: i64 = 1_764_028_800_123; // 2025-11-25

fn layout() -> KeyLayout {
    KeyLayout { codec: Codec::None, ..Config::new("b").layout }
}

fn encoded(value: &str) -> String {
    STANDARD.encode_to_string(value)
}

fn record(partition: i32, offset: i64, value: &str) -> Value {
    json!({"topic": "quotes", "partition": partition, "offset": offset, "timestamp": MOMENT, "key": "SFNJ",
           "value": encoded(value), "headers": []})
}

/// The lines of one partition under one object prefix.
struct Rendered {
    partition: i32,
    prefix: String,
    is_data: bool,
    lines: Vec<Value>,
}

impl Rendered {
    fn offsets(&self) -> Vec<i64> {
        self.lines.iter().map(|line| line["kafka_offset"].as_i64().unwrap()).collect()
    }
}

fn render_event(event: &str, layout: &KeyLayout, columns: &str) -> Vec<Rendered> {
    let config = Config { layout: layout.clone(), columns: columns.parse().unwrap(), ..Config::new("b") };
    let batch = Batch::from_event(&config, event.as_bytes()).unwrap();
    let records = Event::parse(event).unwrap().records;
    let mut rendered = Vec::new();
    for partition_batch in batch.partitions() {
        let PartitionBatch { topic, partition, prefixes, is_data, .. } = partition_batch;
        let in_partition = records.iter().filter(|record| record.topic == *topic && record.partition == *partition);
        assert_eq!(partition_batch.len(), in_partition.count() as u64);
        for (index, prefix) in prefixes.iter().enumerate() {
            let records = batch.records(partition_batch).into_iter().filter(|record| record.group == index);
            let lines = records.map(|record| {
                assert_eq!(record_line::offset(record.line), Some(record.offset));
                assert_eq!(record.line.iter().filter(|&&byte| byte == b'\n').count(), 1);
                serde_json::from_slice(record.line).unwrap()
            });
            rendered.push(Rendered {
                partition: *partition,
                prefix: prefix.clone(),
                is_data: is_data[index],
                lines: lines.collect(),
            });
        }
    }
    rendered
}

fn render(records: &[Value], layout: &KeyLayout, columns: &str) -> Vec<Rendered> {
    let event = json!({"eventSource": "SelfManagedKafka", "records": {"quotes-0": records}}).to_string();
    render_event(&event, layout, columns)
}

/// Returns the quarantine line of a batch that contains only `record`.
fn quarantine_line_of(record: &Value, layout: &KeyLayout, columns: &str) -> Value {
    let mut rendered = render(std::slice::from_ref(record), layout, columns);
    assert!(rendered.len() == 1 && !rendered[0].is_data, "{record}");
    assert!(rendered[0].prefix.starts_with("quarantine/quotes/dt="), "{}", rendered[0].prefix);
    rendered[0].lines.remove(0)
}

#[test]
fn quarantine_line_has_coordinates_reason_key_and_value() {
    let with = |name: &str, field: Value| {
        let mut record = record(3, 42, "{}");
        record[name] = field;
        record
    };
    let field = KeyLayout { partition_field: Some("sector".into()), ..layout() };
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let cases = [
        (record(3, 42, "{\"a\":}"), "not JSON: a value expected at byte 5"),
        (record(3, 42, "[1]"), "not an object but an array"),
        (record(3, 42, &format!("{{\"a\":{deep}}}")), "nested deeper than 128"),
        (record(3, 42, "{\"a\":\"\\ud800\"}"), "lone surrogate"),
        (record(3, 42, "{\"Kafka_Offset\":1}"), "is named like a coordinate"),
        (record(3, 42, "{\"kafka\\u005foffset\":1}"), "is named like a coordinate"),
        (record(3, 42, "{\"close\":\"abc\"}"), "column close: \"abc\" is not a number"),
        (record(3, 42, "{\"sector\":{}}"), "partition field"),
        (with("value", Value::Null), "tombstone"),
        (with("value", json!("/w==")), "not UTF-8: invalid byte at 0"),
        (with("timestamp", json!(i64::MAX)), "no usable timestamp"),
    ];
    for (record, reason) in &cases {
        let line = quarantine_line_of(record, &field, "close:double");
        assert!(line["reason"].as_str().unwrap().contains(reason), "{line}");
        assert_eq!(
            (&line["kafka_topic"], &line["kafka_partition"], &line["kafka_offset"]),
            (&json!("quotes"), &json!(3), &json!(42))
        );
        assert_eq!(line["kafka_timestamp"], record["timestamp"]);
        assert_eq!((&line["key"], &line["value"]), (&record["key"], &record["value"]));
        assert_eq!(line["headers"], json!([]));
    }
}

#[test]
fn invalid_base64_is_kept_as_value_raw() {
    let mut record = record(0, 1, "{}");
    record["value"] = json!("no base64 \"at all\"");
    record["headers"] = json!([{"h": [104, -61]}]);
    let line = quarantine_line_of(&record, &layout(), "");
    assert_eq!((&line["reason"], &line["value"]), (&json!("not base64"), &Value::Null));
    assert_eq!(line["value_raw"], record["value"]);
    assert_eq!(line["headers"], record["headers"]);
}

#[test]
fn invalid_headers_are_kept_as_text() {
    for headers in [r#"[{"\ud800":[1]}]"#, r#"{"h":[1]}"#] {
        let text = format!(
            r#"{{"records":{{"t-0":[{{"topic":"t","partition":0,"offset":1,"timestamp":{MOMENT},"headers":{headers}}}]}}}}"#
        );
        assert_eq!(render_event(&text, &layout(), "")[0].lines[0]["headers"], headers);
    }
}

#[test]
fn record_without_timestamp_is_quarantined_under_1970_01_01() {
    let mut record = record(0, 1, "{}");
    record["timestamp"] = json!(-1);
    assert_eq!(render(&[record], &layout(), "")[0].prefix, "quarantine/quotes/dt=1970-01-01/");
}

#[test]
fn invalid_record_does_not_affect_valid_ones() {
    let records = [record(0, 1, "{\"a\":1}"), record(0, 2, "invalid"), record(0, 3, "{\"a\":3}")];
    let rendered = render(&records, &layout(), "");
    let offsets: Vec<_> = rendered.iter().map(|rendered| (rendered.is_data, rendered.offsets())).collect();
    assert_eq!(offsets, [(true, vec![1, 3]), (false, vec![2])]);
}

#[test]
fn value_decoded_by_a_schema_registry_is_stored() {
    let mut record = record(0, 1, "{}");
    record["value"] = json!({"a": 1});
    assert_eq!(
        render(&[record], &layout(), "")[0].lines[0],
        json!({"kafka_partition": 0, "kafka_offset": 1, "kafka_timestamp": MOMENT, "a": 1})
    );
}

#[test]
fn object_prefix_depends_on_day_hour_and_field() {
    let mut late = record(0, 2, "{\"sector\":\"oil\"}");
    late["timestamp"] = json!(MOMENT + 3_600_000);
    let records = [record(0, 1, "{\"sector\":\"oil\"}"), late, record(0, 3, "{\"sector\":null}")];
    let prefixes = |layout: &KeyLayout| -> Vec<(String, Vec<i64>)> {
        let rendered = render(&records, layout, "");
        rendered.iter().map(|rendered| (rendered.prefix.clone(), rendered.offsets())).collect()
    };
    assert_eq!(prefixes(&layout()), [("data/quotes/dt=2025-11-25/".to_owned(), vec![1, 2, 3])]);
    let fine = KeyLayout { partition_by: PartitionBy::Hour, partition_field: Some("sector".into()), ..layout() };
    assert_eq!(
        prefixes(&fine),
        [
            ("data/quotes/dt=2025-11-25/hour=00/by_sector=oil/".to_owned(), vec![1]),
            ("data/quotes/dt=2025-11-25/hour=01/by_sector=oil/".to_owned(), vec![2]),
            ("data/quotes/dt=2025-11-25/hour=00/by_sector=__HIVE_DEFAULT_PARTITION__/".to_owned(), vec![3]),
        ]
    );
}

/// Formats a record as Lambda does.
fn written(topic: &str, partition: i32, offset: i64, timestamp: i64, key: &str, value: &str) -> String {
    let (key, value) = (encoded(key), encoded(value));
    format!(
        r#"{{"topic":"{topic}","partition":{partition},"offset":{offset},"timestamp":{timestamp},"timestampType":"CREATE_TIME","key":"{key}","value":"{value}","headers":[]}}"#
    )
}

/// Returns the topic, partition, object prefix and line of each record.
fn lines(config: &Config, lists: &[String], limit: usize) -> Vec<(String, i32, String, String)> {
    let lists: Vec<String> = lists.iter().map(|list| format!(r#""any":[{list}]"#)).collect();
    let event = format!(r#"{{"eventSource":"SelfManagedKafka","records":{{{}}}}}"#, lists.join(","));
    let mut batch = Batch::new(config, event.len());
    let mut records = Records::new(event.as_bytes());
    while batch.add_records(&mut records, limit).unwrap() {}
    let lines_of = |partition_batch: &PartitionBatch| -> Vec<_> {
        let PartitionBatch { topic, partition, .. } = partition_batch;
        let lines = prefixes_and_lines(&batch, partition_batch).into_iter();
        lines.map(|(prefix, line)| (topic.clone(), *partition, prefix, line)).collect()
    };
    batch.partitions().iter().flat_map(lines_of).collect()
}

/// Returns the object prefix and line of each value, with all values in one batch.
fn lines_of_values(values: &[Vec<u8>]) -> Vec<(String, String)> {
    let columns = "symbol:string,trade_date:date,open:double,volume:bigint".parse().unwrap();
    let mut config = Config { columns, ..Config::new("b") };
    config.layout.partition_field = Some("symbol".to_owned());
    let mut batch = Batch::new(&config, 0);
    for (offset, value) in (0..).zip(values) {
        let value = Payload::Base64(STANDARD.encode_to_string(value).into_bytes().into());
        batch.add(&Record { value, ..testing::record(0, offset) });
    }
    prefixes_and_lines(&batch, &batch.partitions()[0])
}

fn prefixes_and_lines(batch: &Batch<'_>, partition_batch: &PartitionBatch) -> Vec<(String, String)> {
    let records = batch.records(partition_batch).into_iter();
    let line = |line: &[u8]| String::from_utf8(line.to_vec()).unwrap();
    records.map(|record| (partition_batch.prefixes[record.group].clone(), line(record.line))).collect()
}

const COMPACT: &[u8] =
    br#"{"symbol":"HSI","trade_date":"2020-01-31","open":118.56,"volume":9616100,"name_of_the_exchange":"HK"}"#;
const SPACED: &[u8] = br#"{"symbol": "HSI", "trade_date": "2020-01-31", "open": 118.5, "volume": 96161001234567890}"#;

proptest! {
    #[test]
    fn line_is_the_same_in_a_batch_and_alone(
        lists in prop::collection::vec(
            (0..2_usize, 0..2_i32, 5..12_i64, prop::collection::vec((1..4_i64, 0..3_i64, 0..2_usize, 0..7_usize), 0..12)),
            1..4,
        ),
        limit in 1..5_usize,
    ) {
        let values = [
            r#"{"symbol":"HSI","close":2568.300049}"#, r#"{"symbol":"N225","close":1.5}"#, r#"{"symbol":"a","close":7}"#,
            r#"{"symbol": "HSI", "close": -1e3}"#, "{}", "invalid", r#"{"symbol":"abcdefghijklmn"#,
        ];
        let records: Vec<Vec<String>> = lists.into_iter().map(|(topic, partition, mut offset, steps)| {
            let mut timestamp = MOMENT;
            steps.into_iter().map(|(on, later, key, value)| {
                // Mostly the next offset and the same timestamp.
                offset += if on == 3 { 9 } else { 1 };
                timestamp += if later == 2 { 40_000_000 } else { 0 };
                written(["a", "b"][topic], partition, offset, timestamp, ["", "HSI"][key], values[value])
            }).collect()
        }).collect();
        let config = Config { columns: "close:double".parse().unwrap(), ..Config::new("b") };
        let lists: Vec<String> = records.iter().map(|list| list.join(",")).collect();
        let mut together = lines(&config, &lists, limit);
        let mut alone: Vec<_> = records.concat().into_iter().flat_map(|record| lines(&config, &[record], 1)).collect();
        together.sort();
        alone.sort();
        prop_assert_eq!(together, alone);
    }

    #[test]
    fn each_record_has_one_prefix_of_its_partition_kind_and_day(
        records in prop::collection::btree_map((0..4_i32, 0..200_i64), (0..6_u8, 0..3_i64), 0..80)
            .prop_map(|map| map.into_iter().collect::<Vec<_>>())
            .prop_shuffle(),
    ) {
        let event: Vec<Value> = records.iter().map(|((partition, offset), (kind, day))| {
            let mut record = record(*partition, *offset, &match kind {
                0 => "not json".to_owned(),
                1 => "{}".to_owned(),
                _ => format!("{{\"n\":{offset}}}"),
            });
            record["timestamp"] = json!(MOMENT + day * 86_400_000);
            record
        }).collect();
        let rendered = render(&event, &layout(), "");
        let mut seen: Vec<(i32, i64, bool, String)> = rendered.iter().flat_map(|rendered| {
            let Rendered { partition, prefix, is_data, .. } = rendered;
            rendered.offsets().into_iter().map(|offset| (*partition, offset, *is_data, prefix.clone()))
        }).collect();
        seen.sort_unstable();
        let mut expected: Vec<_> = records.iter().map(|&((partition, offset), (kind, day))| {
            let folder = if kind == 0 { "quarantine" } else { "data" };
            (partition, offset, kind != 0, format!("{folder}/quotes/dt=2025-11-{}/", 25 + day))
        }).collect();
        expected.sort_unstable();
        prop_assert_eq!(seen, expected);
    }

    #[test]
    fn line_does_not_depend_on_the_values_before_it(
        values in prop::collection::vec((select(vec![COMPACT, SPACED, b"{\"a\":1}"]), prop::option::of((any::<Index>(), 0..3_usize, select(vec![
            &b""[..], b" ", b"\n", b"\"", b"\\", b"\\n", b"{", b"}", b"[]", b",", b":", b"0", b"-", b".", b"e5", b"null", b"\xff", "ö".as_bytes(),
            b"kafka_offset", b"12345678901234567890", b"\x00", b"cut off",
        ])))), 1..12),
    ) {
        let values: Vec<Vec<u8>> = values.into_iter().map(|(value, edit)| {
            let mut value = value.to_vec();
            if let Some((index, length, replacement)) = edit {
                let start = index.index(value.len());
                if replacement == b"cut off" {
                    value.truncate(start);
                    return value;
                }
                value.splice(start..(start + length).min(value.len()), replacement.iter().copied());
            }
            value
        }).collect();
        let together = lines_of_values(&values);
        let alone: Vec<_> = (0..values.len()).map(|index| {
            // Puts invalid values before the value, so that its offset stays the same.
            let mut with_fillers = vec![b"?".to_vec(); index];
            with_fillers.push(values[index].clone());
            lines_of_values(&with_fillers).remove(index)
        }).collect();
        prop_assert_eq!(together, alone);
    }
}
