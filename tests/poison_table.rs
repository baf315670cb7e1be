//! Every kind of poison, alone and among good records: it stands in the quarantine, and they stand where they would.

use lake_format::keys::KeyLayout;
use serde_json::{Value, json};
use sink::Config;
use tickerlake_tests::lake;
use tickerlake_tests::planned::{self, Planned};

const MOMENT: i64 = 1_795_176_000_123; // 2026-11-20

fn base64(bytes: impl AsRef<[u8]>) -> Value {
    json!(base64_simd::STANDARD.encode_to_string(bytes))
}

fn nested(open: &str, inner: &str, close: &str, depth: usize) -> String {
    format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
}

/// What makes a record poison, and how its reason begins.
fn table() -> Vec<(Value, &'static str)> {
    let value = |bytes: &[u8]| json!({"value": base64(bytes)});
    let long = format!("{{\"sector\":\"{}\"}}", "/".repeat(86));
    let mut table = vec![
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
    table.extend(texts.map(|(text, reason)| (value(text.as_bytes()), reason)));
    table
}

const COLUMNS: &str = "close:double,trade_date:date,volume:bigint,n:int,flag:boolean,symbol:string";

fn planned(records: &[Value]) -> Planned {
    let columns = COLUMNS.parse().unwrap();
    let layout = KeyLayout { partition_field: Some("sector".to_owned()), ..Config::new("b").layout };
    let event = json!({"eventSource": "SelfManagedKafka", "records": {"t-0": records}}).to_string();
    planned::planned(&event, &Config { layout, columns, ..Config::new("b") }).unwrap()
}

fn record(offset: usize, fields: &Value) -> Value {
    let mut record = json!({"topic": "t", "partition": 0, "offset": offset, "timestamp": MOMENT, "key": "SFNJ"});
    record.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    record
}

fn lines(plan: &Planned, is_data: bool) -> Vec<String> {
    let objects = plan.objects.iter().filter(|object| object.is_data == is_data);
    let texts = objects.map(|object| lake::decoded(&object.key, &object.body).unwrap());
    texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

fn is_told(line: &str, record: &Value, reason: &str) {
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
fn each_kind_alone_is_an_object_of_the_quarantine_and_nothing_else() {
    for (fields, reason) in table() {
        let record = record(41, &fields);
        let plan = planned(std::slice::from_ref(&record));
        assert_eq!((plan.records, plan.quarantined, plan.objects.len()), (1, 1, 1), "{record}");
        let date = if reason.starts_with("no usable timestamp") { "1970-01-01" } else { "2026-11-20" };
        assert_eq!(plan.objects[0].key, format!("quarantine/t/dt={date}/00000-{:020}.json.gz", 41));
        is_told(&lines(&plan, false)[0], &record, reason);
    }
}

#[test]
fn each_kind_between_good_records_leaves_their_object_as_it_would_be() {
    let good = |offset: usize| record(offset, &json!({"value": base64(format!("{{\"close\":{offset}.50}}"))}));
    let alone = planned(&[good(40), good(42)]);
    for (fields, reason) in table() {
        let poison = record(41, &fields);
        let plan = planned(&[good(40), poison.clone(), good(42)]);
        assert_eq!((plan.records, plan.quarantined, plan.objects.len()), (3, 1, 2), "{poison}");
        let data = plan.objects.iter().find(|object| object.is_data).unwrap();
        assert_eq!((&data.key, &data.body), (&alone.objects[0].key, &alone.objects[0].body), "{poison}");
        is_told(&lines(&plan, false)[0], &poison, reason);
    }
}

#[test]
fn all_kinds_in_one_batch_are_told_in_the_order_of_their_offsets() {
    let table = table();
    let records: Vec<Value> = table.iter().enumerate().map(|(offset, (fields, _))| record(offset, fields)).collect();
    let plan = planned(&records);
    assert_eq!((plan.quarantined, lines(&plan, true).len()), (table.len() as u64, 0));
    let offset = |line: &String| serde_json::from_str::<Value>(line).unwrap()["kafka_offset"].as_u64().unwrap();
    let mut told = lines(&plan, false);
    told.sort_by_key(offset);
    assert_eq!(told.len(), table.len());
    for ((line, record), (_, reason)) in told.iter().zip(&records).zip(&table) {
        is_told(line, record, reason);
    }
}
