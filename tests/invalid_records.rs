//! Each kind of invalid record, alone and among valid records: the sink quarantines it, and stores the valid records
//! unchanged.

use lake_format::field_names::FieldNames;
use lake_format::keys::KeyLayout;
use serde_json::{Value, json};
use sink::Config;
use tickerlake_tests::lake;
use tickerlake_tests::plan::Plan;

const TIMESTAMP: i64 = 1_795_176_000_123; // 2026-11-20

fn base64(bytes: impl AsRef<[u8]>) -> Value {
    json!(base64_simd::STANDARD.encode_to_string(bytes))
}

fn nested(open: &str, inner: &str, close: &str, depth: usize) -> String {
    format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
}

/// Returns the fields that make a record invalid, each with the beginning of the reason.
fn cases() -> Vec<(Value, &'static str)> {
    let value = |bytes: &[u8]| json!({"value": base64(bytes)});
    let long = format!("{{\"sector\":\"{}\"}}", "/".repeat(86));
    let mut cases = vec![
        (json!({}), "tombstone: the record has no value"),
        (json!({"value": null}), "tombstone"),
        (json!({"value": "not base64!"}), "not base64"),
        (json!({"value": "e30"}), "not base64"),
        (json!({"value": "e31="}), "not base64"),
        (value(b"{\"a\":\"\xff\"}"), "not UTF-8: invalid byte at 6"),
        (value(b"{\"a\":\"\xed\xa0\x80\"}"), "not UTF-8"),
        (json!({"value": {"close": "x"}}), "column close"),
        (json!({"value": 7}), "not an object but a number"),
        (json!({"value": base64("{}"), "timestamp": -1}), "no usable timestamp: -1"),
        (json!({"value": base64("{}"), "timestamp": null}), "no usable timestamp: -1"),
        (json!({"value": base64("{}"), "timestamp": 253_402_300_800_000_i64}), "no usable timestamp"),
        (json!({"value": "not base64!", "timestamp": -1}), "no usable timestamp: -1"),
        (value(nested("{\"a\":", "{}", "}", 128).as_bytes()), "nested deeper than 128"),
        (value(format!("{{\"a\":{}}}", nested("[", "", "]", 128)).as_bytes()), "nested deeper than 128"),
        (value(long.as_bytes()), "partition field \"sector\": its value is too long"),
    ];
    let texts = [
        ("", "not JSON: a value expected at byte 0"),
        ("{\"a\":}", "not JSON: a value expected at byte 5"),
        ("{\"a\":1}{\"a\":2}", "not JSON: end of the value expected at byte 7"),
        ("{\"a\":1,}", "not JSON"),
        ("{\"a\":NaN}", "not JSON"),
        ("{\"a\":\"\n\"}", "not JSON: an escape instead of a control character"),
        ("\u{feff}{}", "not JSON"),
        ("[{}]", "not an object but an array"),
        ("\"{}\"", "not an object but a string"),
        ("null", "not an object but null"),
        ("true", "not an object but a boolean"),
        ("{\"a\":\"\\ud800\"}", "lone surrogate at byte 6"),
        ("{\"a\":[\"\\udc00\"]}", "lone surrogate"),
        ("{\"a\":\"\\ud800\\ud800\"}", "lone surrogate"),
        ("{\"\\ud83d\":1}", "lone surrogate"),
        ("{\"kafka_partition\":3}", "field \"kafka_partition\" is named like a coordinate"),
        ("{\"a\":1,\"Kafka_Offset\":null}", "field \"Kafka_Offset\""),
        ("{\"kafka\\u005ftimestamp\":1}", "field \"kafka_timestamp\""),
        ("{\"KAFKA_GENERATION\":1}", "field \"KAFKA_GENERATION\""),
        ("{\"\u{212a}afka_offset\":1}", "field \"\u{212a}afka_offset\""),
        ("{\"Close\":1,\"close\":2}", "field \"close\" is named like field \"Close\", ignoring case"),
        ("{\"a\":1,\"b\":2,\"\\u0041\":3}", "field \"A\" is named like field \"a\""),
        ("{\"\u{212a}\":1,\"k\":2}", "field \"k\" is named like field"),
        ("{\"Close\":\"1.5\"}", "column close: \"1.5\" is not a number"),
        ("{\"close\":1e999}", "column close"),
        ("{\"close\":1,\"close\":\"x\"}", "column close"),
        ("{\"trade_date\":\"2013-02-29\"}", "column trade_date"),
        ("{\"volume\":1.0}", "column volume"),
        ("{\"n\":2147483648}", "column n"),
        ("{\"flag\":\"true\"}", "column flag"),
        ("{\"symbol\":[]}", "column symbol: an array is not a scalar"),
        ("{\"sector\":{}}", "partition field \"sector\": neither an object nor an array"),
        ("{\"sector\":[1]}", "partition field"),
    ];
    cases.extend(texts.map(|(text, reason)| (value(text.as_bytes()), reason)));
    cases
}

const COLUMNS: &str = "close:double,trade_date:date,volume:bigint,n:int,flag:boolean,symbol:string";

fn plan(records: &[Value]) -> Plan {
    let columns = COLUMNS.parse().unwrap();
    let layout = KeyLayout {
        partition_field: Some("sector".to_owned()),
        field_names: FieldNames::IgnoreCase,
        ..Config::new("b").layout
    };
    let event = json!({"eventSource": "SelfManagedKafka", "records": {"t-0": records}}).to_string();
    Plan::from_event(&event, &Config { layout, columns, ..Config::new("b") }).unwrap()
}

fn record(offset: usize, fields: &Value) -> Value {
    let mut record = json!({"topic": "t", "partition": 0, "offset": offset, "timestamp": TIMESTAMP, "key": "SFNJ"});
    record.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    record
}

fn lines(plan: &Plan, is_data: bool) -> Vec<String> {
    let objects = plan.objects.iter().filter(|object| object.is_data == is_data);
    let texts = objects.map(|object| lake::decoded(&object.key, &object.body).unwrap());
    texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn assert_quarantined(line: &str, record: &Value, reason: &str) {
    let line: Value = serde_json::from_str(line).unwrap();
    assert!(line["reason"].as_str().unwrap().starts_with(reason), "{reason}: {line}");
    assert_eq!((&line["kafka_offset"], &line["key"]), (&record["offset"], &record["key"]), "{line}");
    match &record["value"] {
        Value::String(text) if base64_simd::STANDARD.decode_to_vec(text).is_err() => {
            assert_eq!((&line["value"], &line["value_raw"]), (&Value::Null, &record["value"]), "{line}");
        }
        value @ (Value::Null | Value::String(_)) => assert_eq!((&line["value"], line.get("value_raw")), (value, None)),
        decoded => assert_eq!(line["value"], base64(decoded.to_string()), "{line}"),
    }
}

#[test]
fn invalid_record_alone_becomes_one_quarantine_object() {
    for (fields, reason) in cases() {
        let record = record(41, &fields);
        let plan = plan(std::slice::from_ref(&record));
        assert_eq!((plan.records, plan.quarantined, plan.objects.len()), (1, 1, 1), "{record}");
        let date = if reason.starts_with("no usable timestamp") { "1970-01-01" } else { "2026-11-20" };
        assert_eq!(plan.objects[0].key, format!("quarantine/t/dt={date}/00000-{:020}.json.gz", 41));
        assert_quarantined(&lines(&plan, false)[0], &record, reason);
    }
}

#[test]
fn invalid_record_does_not_change_the_data_object() {
    let valid = |offset: usize| record(offset, &json!({"value": base64(format!("{{\"close\":{offset}.50}}"))}));
    let without = plan(&[valid(40), valid(42)]);
    for (fields, reason) in cases() {
        let invalid = record(41, &fields);
        let plan = plan(&[valid(40), invalid.clone(), valid(42)]);
        assert_eq!((plan.records, plan.quarantined, plan.objects.len()), (3, 1, 2), "{invalid}");
        let data = plan.objects.iter().find(|object| object.is_data).unwrap();
        assert_eq!((&data.key, &data.body), (&without.objects[0].key, &without.objects[0].body), "{invalid}");
        assert_quarantined(&lines(&plan, false)[0], &invalid, reason);
    }
}

#[test]
fn one_batch_quarantines_every_kind_of_invalid_record() {
    let cases = cases();
    let records: Vec<Value> = cases.iter().enumerate().map(|(offset, (fields, _))| record(offset, fields)).collect();
    let plan = plan(&records);
    assert_eq!((plan.quarantined, lines(&plan, true).len()), (cases.len() as u64, 0));
    let offset = |line: &String| serde_json::from_str::<Value>(line).unwrap()["kafka_offset"].as_u64().unwrap();
    let mut lines = lines(&plan, false);
    lines.sort_by_key(offset);
    assert_eq!(lines.len(), cases.len());
    for ((line, record), (_, reason)) in lines.iter().zip(&records).zip(&cases) {
        assert_quarantined(line, record, reason);
    }
}
