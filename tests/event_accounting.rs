//! Accounts for each record of arbitrary events: it is one line of one object, as it was sent.
//!
//! `PROPTEST_CASES=100000 cargo test --workspace --test pipeline -- event_accounting` runs more cases.

mod generator;
mod oracle;

use std::collections::BTreeMap;

use lake_format::keys::KeyLayout;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sink::Config;
use tickerlake_tests::plan::{Object, Plan};
use tickerlake_tests::{lake, sample_event};

use generator::Sent;
use oracle::Expected;

fn plan(event: &str, layout: &KeyLayout, columns: &str) -> Result<Plan, String> {
    let config = Config { layout: layout.clone(), columns: columns.parse().unwrap(), ..Config::new("b") };
    Plan::from_event(event, &config).map_err(|error| error.to_string())
}

/// Returns each object's folder, partition and first offset, which its key names, and its lines.
fn read_objects(plan: &Plan) -> Vec<(String, i32, i64, Vec<String>)> {
    let read = |object: &Object| {
        let (folder, name) = object.key.rsplit_once('/').unwrap();
        let name = name.strip_prefix("g3-").unwrap_or(name);
        // A partition has at least five digits; a damaged one can have more.
        let (partition, offset) = name.split_once('.').unwrap().0.split_once('-').unwrap();
        let text = lake::decoded(&object.key, &object.body).unwrap();
        let lines = text.lines().map(str::to_owned).collect();
        (format!("{folder}/"), partition.parse().unwrap(), offset.parse().unwrap(), lines)
    };
    plan.objects.iter().map(read).collect()
}

/// Returns the number in the first field with this name. `serde_json` would return the last one, and rejects some
/// lines.
fn first_number(line: &str, name: &str) -> i64 {
    let name = format!("\"{name}\":");
    let rest = &line[line.find(&name).unwrap() + name.len()..];
    rest[..rest.find([',', '}']).unwrap()].parse().unwrap()
}

fn check_quarantined(sent: &Sent, generation: u32, reasons: &[&str], line: &str) -> Result<(), TestCaseError> {
    let line: Value = serde_json::from_str(line).map_err(|error| TestCaseError::fail(format!("{error}: {line}")))?;
    let mut fields = line.as_object().unwrap().clone();
    let mut take = |name: &str| fields.remove(name);
    let reason = take("reason").unwrap();
    let is_expected = reasons.iter().any(|prefix| reason.as_str().unwrap().starts_with(prefix));
    prop_assert!(is_expected, "the reason does not begin with any of {:?}: {}", reasons, line);
    prop_assert_eq!(take("kafka_topic"), Some(json!(sent.topic)));
    prop_assert_eq!(take("kafka_partition"), Some(json!(sent.partition)));
    prop_assert_eq!(take("kafka_offset"), Some(json!(sent.offset)));
    prop_assert_eq!(take("kafka_timestamp"), Some(json!(oracle::millis(sent))));
    prop_assert_eq!(take("kafka_generation"), (generation > 0).then(|| json!(generation)));
    let decode = |field: Option<Value>| oracle::base64(field?.as_str()?);
    match oracle::payload(&sent.value) {
        Some(Ok(bytes)) => prop_assert_eq!(decode(take("value")), Some(bytes), "{}", line),
        Some(Err(text)) => {
            prop_assert_eq!((take("value"), take("value_raw")), (Some(Value::Null), Some(json!(text))), "{}", line);
        }
        None => prop_assert_eq!(take("value"), Some(Value::Null)),
    }
    match oracle::payload(&sent.key) {
        Some(Ok(bytes)) => prop_assert_eq!(decode(take("key")), Some(bytes), "{}", line),
        Some(Err(text)) => prop_assert_eq!(take("key"), Some(json!(text))),
        None => prop_assert_eq!(take("key"), Some(Value::Null)),
    }
    let headers = take("headers").unwrap();
    match sent.headers.as_deref() {
        None | Some("null") => prop_assert_eq!(headers, json!([])),
        Some(text) => {
            let as_sent = serde_json::from_str::<Value>(text).is_ok_and(|sent| sent == headers);
            prop_assert!(as_sent || headers == text, "{} for {}", headers, text);
        }
    }
    prop_assert!(fields.is_empty(), "{:?}", fields);
    Ok(())
}

fn check_table_line(columns: &str, line: &str) -> Result<(), TestCaseError> {
    let fields = oracle::fields(line).map_err(|reasons| TestCaseError::fail(format!("{reasons:?}: {line}")))?;
    let coordinates = fields.iter().position(|(name, _)| !oracle::is_coordinate(name)).unwrap_or(fields.len());
    prop_assert!(
        coordinates >= 3 && !fields[coordinates..].iter().any(|(name, _)| oracle::is_coordinate(name)),
        "{}",
        line
    );
    for (name, value) in &fields[coordinates..] {
        prop_assert!(oracle::fits(columns, name, value), "{}: {}", name, value);
    }
    Ok(())
}

fn check_accounts(sent: &[Sent], plan: &Plan, layout: &KeyLayout, columns: &str) -> Result<(), TestCaseError> {
    let position = |sent: &Sent| (sent.topic, sent.partition, sent.offset);
    let mut remaining: BTreeMap<_, &Sent> = sent.iter().map(|sent| (position(sent), sent)).collect();
    prop_assert_eq!(plan.records, sent.len() as u64);
    prop_assert_eq!(plan.skipped, (sent.len() - remaining.len()) as u64);
    let (mut quarantined, mut keys) = (0, Vec::new());
    for (object, (folder, partition, first, lines)) in plan.objects.iter().zip(read_objects(plan)) {
        let offsets: Vec<i64> = lines.iter().map(|line| first_number(line, "kafka_offset")).collect();
        prop_assert!(offsets.is_sorted_by(|a, b| a < b), "{:?}", offsets);
        prop_assert_eq!((offsets.first(), offsets.last()), (Some(&first), Some(&object.last_offset)));
        prop_assert_eq!(object.records, lines.len() as u64);
        let topic = folder.split('/').skip_while(|part| !["data", "quarantine"].contains(part)).nth(1).unwrap();
        for (line, offset) in lines.iter().zip(offsets) {
            let found = remaining.keys().find(|position| **position == (topic, partition, offset)).copied();
            let sent = found.and_then(|position| remaining.remove(&position));
            let Some(sent) = sent else {
                return Err(TestCaseError::fail(format!("not sent, or stored twice: {line}")));
            };
            match oracle::expected(sent, layout, columns) {
                Expected::Stored { folder: expected, line: text } => {
                    prop_assert_eq!((line, &folder, object.is_data), (&text, &expected, true));
                    check_table_line(columns, line)?;
                }
                Expected::Quarantined { folder: expected, reasons } => {
                    prop_assert_eq!((&folder, object.is_data), (&expected, false), "{:?}: {}", reasons, line);
                    check_quarantined(sent, layout.generation, &reasons, line)?;
                    quarantined += 1;
                }
            }
        }
        keys.push(&object.key);
    }
    prop_assert!(remaining.is_empty(), "in no object: {:?}", remaining);
    prop_assert_eq!(plan.quarantined, quarantined);
    let objects = keys.len();
    keys.sort_unstable();
    keys.dedup();
    prop_assert_eq!(keys.len(), objects, "two objects have the same key");
    Ok(())
}

/// Returns the partition and offset of each record of `text`, which need not be a valid event. Like the sink, includes
/// all lists with the same name, and accepts arrays in place of objects.
fn positions(text: &str) -> Result<Vec<(i64, i64)>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Envelope<'a>(IgnoredAny, #[serde(borrow)] &'a RawValue);
    #[derive(Deserialize)]
    struct Named<'a> {
        #[serde(borrow)]
        records: &'a RawValue,
    }
    #[derive(Deserialize)]
    struct Position {
        #[serde(rename = "topic")]
        _topic: IgnoredAny,
        partition: i64,
        offset: i64,
        #[serde(default, rename = "timestamp")]
        _timestamp: IgnoredAny,
        #[serde(default, rename = "key")]
        _key: IgnoredAny,
        #[serde(default, rename = "value")]
        _value: IgnoredAny,
        #[serde(default, rename = "headers")]
        _headers: IgnoredAny,
    }
    let lists = match serde_json::from_str::<Named<'_>>(text) {
        Ok(Named { records }) if text.trim_ascii_start().starts_with('{') => records,
        _ => serde_json::from_str::<Envelope<'_>>(text)?.1,
    };
    let mut positions = Vec::new();
    for (_, list) in oracle::fields(lists.get()).unwrap_or_default() {
        let records: Vec<Position> = serde_json::from_str(&list)?;
        positions.extend(records.iter().map(|record| (record.partition, record.offset)));
    }
    Ok(positions)
}

/// Checks that the sink rejects the text or stores each of its records.
fn check_rejected_or_counted(text: &[u8]) -> Result<(), TestCaseError> {
    let Ok(text) = std::str::from_utf8(text) else { return Ok(()) };
    let layout = Config::new("b").layout;
    let Ok(plan) = plan(text, &layout, "close:double,trade_date:date") else { return Ok(()) };
    let is_json = serde_json::from_str::<IgnoredAny>(text).is_ok();
    prop_assert!(is_json, "the sink accepted an event that is not JSON");
    let mut stored: Vec<(i64, i64)> = Vec::new();
    for (_, partition, _, lines) in read_objects(&plan) {
        stored.extend(lines.iter().map(|line| (i64::from(partition), first_number(line, "kafka_offset"))));
    }
    let Ok(mut sent) = positions(text) else {
        return Err(TestCaseError::fail("the sink accepted a text that is not an event"));
    };
    prop_assert_eq!((plan.records, plan.skipped), (sent.len() as u64, (sent.len() - stored.len()) as u64));
    sent.sort_unstable();
    sent.dedup();
    stored.sort_unstable();
    prop_assert_eq!(stored, sent);
    Ok(())
}

fn sample() -> impl Strategy<Value = String> {
    let names = ["1-two-partitions", "2-redelivery", "3-tombstone", "4-poison", "5-signed-headers"];
    prop::sample::select(names.map(|name| sample_event(&format!("{name}.json")).unwrap()).to_vec())
}

fn json() -> impl Strategy<Value = Value> {
    let words = ["records", "topic", "quotes", "value", "e30=", "SelfManagedKafka", "headers"];
    let word = prop_oneof![prop::sample::select(words.to_vec()).prop_map(str::to_owned), any::<String>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-1..3).prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 24, 4, move |inner| {
        let fields = prop::collection::btree_map(word.clone(), inner.clone(), 0..4);
        prop_oneof![vec(inner, 0..4).prop_map(Value::from), fields.prop_map(|fields| json!(fields))]
    })
}

/// Replaces the value at a path with a different one.
fn replace(value: &mut Value, path: &[Index], other: &Value) {
    let inner = match (value, path) {
        (Value::Object(fields), [at, ..]) if !fields.is_empty() => {
            let at = at.index(fields.len());
            fields.values_mut().nth(at)
        }
        (Value::Array(items), [at, ..]) if !items.is_empty() => {
            let at = at.index(items.len());
            items.get_mut(at)
        }
        (value, _) => return *value = other.clone(),
    };
    replace(inner.unwrap(), &path[1..], other);
}

#[test]
fn each_sample_record_is_counted() {
    for (name, records) in [("1-two-partitions", 8), ("2-redelivery", 8), ("3-tombstone", 2), ("4-poison", 5)] {
        let text = sample_event(&format!("{name}.json")).unwrap();
        assert_eq!(positions(&text).unwrap().len(), records, "{name}");
        check_rejected_or_counted(text.as_bytes()).unwrap();
    }
}

proptest! {
    #[test]
    fn arbitrary_text_is_rejected_or_counted(bytes in vec(any::<u8>(), 0..200), text: String, list in "[\\[\\]{}\":,0-9a-z]{0,60}") {
        check_rejected_or_counted(&bytes)?;
        check_rejected_or_counted(text.as_bytes())?;
        let event = format!("{{\"records\":{{\"t-0\":[{{\"topic\":\"t\",\"partition\":0,\"offset\":0,{list}");
        check_rejected_or_counted(event.as_bytes())?;
    }

    #[test]
    fn arbitrary_json_is_rejected_or_counted(value in json(), sample in sample(), path in vec(any::<Index>(), 0..6)) {
        check_rejected_or_counted(value.to_string().as_bytes())?;
        check_rejected_or_counted(json!({"records": {"t-0": [value.clone()]}}).to_string().as_bytes())?;
        let mut event = serde_json::from_str(&sample).unwrap();
        replace(&mut event, &path, &value);
        check_rejected_or_counted(event.to_string().as_bytes())?;
    }

    #[test]
    fn damaged_events_are_rejected_or_counted(
        sample in sample(),
        damage in vec((any::<Index>(), super::csv_accounting::damage()), 1..4),
    ) {
        check_rejected_or_counted(&super::csv_accounting::apply_damage(sample.into_bytes(), &damage))?;
    }

    #[test]
    fn arbitrary_records_are_accounted_for(
        (sent, shuffled) in generator::records(),
        (max_list, other_max_list) in (1..9_usize, 1..9_usize),
        (layout, columns) in generator::settings(),
    ) {
        let first = plan(&generator::event(&sent, max_list), &layout, columns).map_err(TestCaseError::fail)?;
        check_accounts(&sent, &first, &layout, columns)?;
        let second = plan(&generator::event(&shuffled, other_max_list), &layout, columns).map_err(TestCaseError::fail)?;
        let objects = |plan: Plan| -> Vec<_> { plan.objects.into_iter().map(|object| (object.key, object.body)).collect() };
        prop_assert_eq!(objects(first), objects(second), "the objects depend on the order of the records");
    }
}
