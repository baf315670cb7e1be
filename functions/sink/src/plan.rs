//! From a batch to objects, without I/O: check, splice, part by partition and group, compress.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io;
use std::mem;

use base64_simd::STANDARD;
use serde_json::value::RawValue;

use crate::codec::Encoder;
use crate::columns::Columns;
use crate::event::{Event, Payload, Record};
use crate::json;
use crate::layout::{Group, Hour, Layout};
use crate::line;
use crate::poison::{self, Poison};

/// An object to be put.
#[derive(Debug)]
pub struct Object {
    /// Its key in the bucket.
    pub key: String,
    /// Its bytes, compressed.
    pub body: Vec<u8>,
    /// How many records it holds, a line each.
    pub records: u64,
    /// The greatest offset in it.
    pub last_offset: i64,
    /// It holds data, not poison.
    pub is_data: bool,
}

/// What a batch becomes.
#[derive(Debug, Default)]
pub struct Plan {
    /// The objects, in the order of topic, partition and first offset.
    pub objects: Vec<Object>,
    /// Records in the event.
    pub records: u64,
    /// Of these, sent to the quarantine.
    pub quarantined: u64,
    /// Of these, left out because the event holds the same offset twice.
    pub skipped: u64,
}

/// Why a batch cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// One offset, two records: offsets are being used again within one batch.
    #[error("the event holds two different records of topic {topic}, partition {partition}, offset {offset}")]
    TwoRecords {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset.
        offset: i64,
    },
    /// The codec failed.
    #[error("compressing an object failed")]
    Codec(#[from] io::Error),
}

/// Turns a batch into objects. The same records give the same objects, in whatever order they came.
///
/// # Errors
/// [`PlanError`]; poison is no error.
pub fn plan(event: &Event<'_>, layout: &Layout, columns: &Columns) -> Result<Plan, PlanError> {
    let mut records: Vec<&Record<'_>> = event.records.iter().collect();
    records.sort_by(|a, b| (&*a.topic, a.partition, a.offset).cmp(&(&*b.topic, b.partition, b.offset)));

    let mut plan = Plan { records: records.len() as u64, ..Plan::default() };
    let mut buffers = Buffers::default();
    for of_partition in records.chunk_by(|a, b| a.topic == b.topic && a.partition == b.partition) {
        let mut drafts: Vec<Draft> = Vec::new();
        let mut by_group: HashMap<Group<'_>, usize> = HashMap::new();
        let mut previous: Option<&Record<'_>> = None;
        for &record in of_partition {
            if let Some(previous) = previous
                && previous.offset == record.offset
            {
                if !is_same(previous, record) {
                    return Err(two_records(record));
                }
                plan.skipped += 1;
                continue;
            }
            previous = Some(record);
            let group = buffers.render(record, layout, columns);
            plan.quarantined += u64::from(matches!(group, Group::Quarantine { .. }));
            let index = match by_group.get(&group) {
                Some(&index) => index,
                None => {
                    drafts.push(Draft::new(record, &group, layout)?);
                    by_group.insert(group, drafts.len() - 1);
                    drafts.len() - 1
                }
            };
            drafts[index].add(record, &buffers.line)?;
        }
        for draft in drafts {
            plan.objects.push(draft.finish()?);
        }
    }
    Ok(plan)
}

fn two_records(record: &Record<'_>) -> PlanError {
    PlanError::TwoRecords { topic: record.topic.to_string(), partition: record.partition, offset: record.offset }
}

fn is_same(a: &Record<'_>, b: &Record<'_>) -> bool {
    a.timestamp == b.timestamp
        && is_same_payload(&a.value, &b.value)
        && is_same_payload(&a.key, &b.key)
        && a.headers.map(RawValue::get) == b.headers.map(RawValue::get)
}

/// `1` is not `"1"`.
fn is_same_payload(a: &Payload<'_>, b: &Payload<'_>) -> bool {
    mem::discriminant(a) == mem::discriminant(b) && a.text() == b.text()
}

/// An object in the making.
struct Draft {
    key: String,
    encoder: Encoder,
    records: u64,
    last_offset: i64,
    is_data: bool,
}

impl Draft {
    fn new(first: &Record<'_>, group: &Group<'_>, layout: &Layout) -> io::Result<Self> {
        Ok(Draft {
            key: layout.key(&first.topic, first.partition, group, first.offset),
            encoder: layout.codec.encoder()?,
            records: 0,
            last_offset: first.offset,
            is_data: matches!(group, Group::Data { .. }),
        })
    }

    fn add(&mut self, record: &Record<'_>, line: &[u8]) -> io::Result<()> {
        self.records += 1;
        self.last_offset = record.offset;
        self.encoder.write(line)
    }

    fn finish(self) -> io::Result<Object> {
        let Draft { key, encoder, records, last_offset, is_data } = self;
        Ok(Object { key, body: encoder.finish()?, records, last_offset, is_data })
    }
}

/// Memory that each record uses again.
#[derive(Default)]
struct Buffers {
    value: Vec<u8>,
    line: Vec<u8>,
}

impl Buffers {
    /// Leaves the record's line in `line` and tells the group it belongs to.
    fn render(&mut self, record: &Record<'_>, layout: &Layout, columns: &Columns) -> Group<'static> {
        self.line.clear();
        match self.data(record, layout, columns) {
            Ok(group) => group,
            Err(reason) => {
                self.line.clear();
                poison::quarantine_line(record, layout.generation, &reason, &mut self.line);
                layout.quarantine(Hour::of(record.timestamp).unwrap_or(Hour::UNKNOWN))
            }
        }
    }

    fn data(&mut self, record: &Record<'_>, layout: &Layout, columns: &Columns) -> Result<Group<'static>, Poison> {
        let hour = Hour::of(record.timestamp).ok_or(Poison::NoTimestamp(record.timestamp))?;
        let text = match &record.value {
            Payload::Absent => return Err(Poison::Tombstone),
            Payload::Json(json) => json.get(),
            Payload::Base64(encoded) => {
                decode(encoded, &mut self.value)?;
                std::str::from_utf8(&self.value).map_err(|error| Poison::NotUtf8 { at: error.valid_up_to() })?
            }
        };
        let mut value = None;
        let object = json::check(text, |field| {
            let name = field.name();
            if line::is_coordinate(&name) {
                return Err(Poison::CoordinateName(name.into_owned()));
            }
            columns.check(&name, &field)?;
            if is_partition_field(layout, &name) {
                value = layout.partition_value(&field)?.map(|text| Cow::Owned(text.into_owned()));
            }
            Ok(())
        })?;
        line::data_line(record, layout.generation, &object, &mut self.line);
        Ok(layout.data(hour, value))
    }
}

fn is_partition_field(layout: &Layout, name: &str) -> bool {
    layout.partition_field.as_deref().is_some_and(|field| line::is_same_name(field, name))
}

fn decode(encoded: &str, value: &mut Vec<u8>) -> Result<(), Poison> {
    value.clear();
    STANDARD.decode_append(encoded, value).map_err(|_| Poison::NotBase64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Codec;
    use crate::config::Config;
    use crate::layout::PartitionBy;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    const MOMENT: i64 = 1_764_028_800_123; // 2025-11-25

    fn layout() -> Layout {
        Layout { codec: Codec::None, ..Config::new("b").layout }
    }

    fn encoded(value: &str) -> String {
        STANDARD.encode_to_string(value)
    }

    fn record(partition: i32, offset: i64, value: &str) -> Value {
        json!({"topic": "quotes", "partition": partition, "offset": offset, "timestamp": MOMENT, "key": "SFNJ",
               "value": encoded(value), "headers": []})
    }

    fn planned(records: &[Value], layout: &Layout, columns: &str) -> Result<Plan, PlanError> {
        let event = json!({"eventSource": "SelfManagedKafka", "records": {"quotes-0": records}}).to_string();
        plan(&Event::parse(&event).unwrap(), layout, &columns.parse().unwrap())
    }

    fn lines(object: &Object) -> Vec<Value> {
        String::from_utf8(object.body.clone())
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The only quarantine line of a batch of one record.
    fn quarantined(record: &Value, layout: &Layout, columns: &str) -> Value {
        let plan = planned(std::slice::from_ref(record), layout, columns).unwrap();
        assert_eq!((plan.quarantined, plan.objects.len()), (1, 1), "{record}");
        assert!(plan.objects[0].key.starts_with("quarantine/quotes/dt="), "{}", plan.objects[0].key);
        lines(&plan.objects[0]).remove(0)
    }

    #[test]
    fn every_kind_of_poison_goes_to_the_quarantine_with_coordinates_reason_and_bytes() {
        let with = |name: &str, field: Value| {
            let mut record = record(3, 42, "{}");
            record[name] = field;
            record
        };
        let field = Layout { partition_field: Some("sector".into()), ..layout() };
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
            let line = quarantined(record, &field, "close:double");
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
    fn base64_that_cannot_be_decoded_is_kept_as_it_came() {
        let mut record = record(0, 1, "{}");
        record["value"] = json!("no base64 \"at all\"");
        record["headers"] = json!([{"h": [104, -61]}]);
        let line = quarantined(&record, &layout(), "");
        assert_eq!((&line["reason"], &line["value"]), (&json!("not base64"), &Value::Null));
        assert_eq!(line["value_raw"], record["value"]);
        assert_eq!(line["headers"], record["headers"]);
    }

    #[test]
    fn headers_that_no_reader_would_take_are_kept_as_text() {
        for headers in [r#"[{"\ud800":[1]}]"#, r#"{"h":[1]}"#] {
            let text = format!(
                r#"{{"records":{{"t-0":[{{"topic":"t","partition":0,"offset":1,"timestamp":{MOMENT},"headers":{headers}}}]}}}}"#
            );
            let plan = plan(&Event::parse(&text).unwrap(), &layout(), &Columns::default()).unwrap();
            assert_eq!(lines(&plan.objects[0])[0]["headers"], headers);
        }
    }

    #[test]
    fn a_record_without_a_timestamp_is_quarantined_on_the_first_of_january_1970() {
        let mut record = record(0, 1, "{}");
        record["timestamp"] = json!(-1);
        let plan = planned(&[record], &layout(), "").unwrap();
        assert_eq!(plan.objects[0].key, "quarantine/quotes/dt=1970-01-01/00000-00000000000000000001.json");
    }

    #[test]
    fn poison_among_good_records_leaves_them_alone() {
        let records = [record(0, 1, "{\"a\":1}"), record(0, 2, "poison"), record(0, 3, "{\"a\":3}")];
        let plan = planned(&records, &layout(), "").unwrap();
        assert_eq!((plan.records, plan.quarantined, plan.objects.len()), (3, 1, 2));
        let data = plan.objects.iter().find(|object| object.is_data).unwrap();
        assert_eq!((data.records, data.last_offset), (2, 3));
        let offsets: Vec<_> = lines(data).iter().map(|line| line["kafka_offset"].clone()).collect();
        assert_eq!(offsets, [1, 3]);
    }

    #[test]
    fn a_value_that_a_schema_registry_decoded_is_stored_like_any_other() {
        let mut record = record(0, 1, "{}");
        record["value"] = json!({"a": 1});
        let plan = planned(&[record], &layout(), "").unwrap();
        assert_eq!(
            lines(&plan.objects[0])[0],
            json!({"kafka_partition": 0, "kafka_offset": 1, "kafka_timestamp": MOMENT, "a": 1})
        );
    }

    #[test]
    fn the_same_offset_twice_is_one_record_or_an_error() {
        let plan = planned(&[record(0, 1, "{}"), record(0, 1, "{}")], &layout(), "").unwrap();
        assert_eq!((plan.records, plan.skipped, plan.objects[0].records), (2, 1, 1));
        let error = planned(&[record(0, 1, "{}"), record(0, 1, "{\"a\":1}")], &layout(), "").unwrap_err();
        assert!(matches!(error, PlanError::TwoRecords { partition: 0, offset: 1, .. }), "{error}");
        let with = |value: Value| json!({"topic": "quotes", "partition": 0, "offset": 1, "value": value});
        assert!(planned(&[with(json!(1)), with(json!("1"))], &layout(), "").is_err(), "a number and a string");
    }

    #[test]
    fn days_hours_and_fields_part_objects() {
        let mut late = record(0, 2, "{\"sector\":\"oil\"}");
        late["timestamp"] = json!(MOMENT + 3_600_000);
        let records = [record(0, 1, "{\"sector\":\"oil\"}"), late, record(0, 3, "{\"sector\":null}")];
        let keys = |layout: &Layout| -> Vec<String> {
            planned(&records, layout, "").unwrap().objects.into_iter().map(|object| object.key).collect()
        };
        assert_eq!(keys(&layout()), ["data/quotes/dt=2025-11-25/00000-00000000000000000001.json"]);
        let fine = Layout { partition_by: PartitionBy::Hour, partition_field: Some("sector".into()), ..layout() };
        assert_eq!(
            keys(&fine),
            [
                "data/quotes/dt=2025-11-25/hour=00/by_sector=oil/00000-00000000000000000001.json",
                "data/quotes/dt=2025-11-25/hour=01/by_sector=oil/00000-00000000000000000002.json",
                "data/quotes/dt=2025-11-25/hour=00/by_sector=__HIVE_DEFAULT_PARTITION__/00000-00000000000000000003.json",
            ]
        );
    }

    proptest! {
        #[test]
        fn every_offset_is_in_one_object_whatever_the_order_of_the_event(
            mut records in prop::collection::btree_map((0..4_i32, 0..200_i64), (0..6_u8, 0..3_i64), 0..80)
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
            let forward = planned(&event, &layout(), "").unwrap();
            let mut seen = Vec::new();
            for object in &forward.objects {
                let lines = lines(object);
                prop_assert_eq!(lines.len() as u64, object.records);
                let offsets: Vec<i64> = lines.iter().map(|line| line["kafka_offset"].as_i64().unwrap()).collect();
                prop_assert!(offsets.is_sorted());
                prop_assert!(object.key.contains(&format!("{:020}", offsets[0])), "{}", object.key);
                prop_assert_eq!(offsets.last(), Some(&object.last_offset));
                seen.extend(lines.iter().map(|line| (line["kafka_partition"].as_i64().unwrap() as i32, line["kafka_offset"].as_i64().unwrap())));
            }
            seen.sort_unstable();
            records.sort_unstable();
            prop_assert_eq!(seen, records.iter().map(|(place, _)| *place).collect::<Vec<_>>());

            let backward: Vec<Value> = event.into_iter().rev().collect();
            let backward = planned(&backward, &layout(), "").unwrap();
            let bytes = |plan: &Plan| plan.objects.iter().map(|object| (object.key.clone(), object.body.clone())).collect::<Vec<_>>();
            prop_assert_eq!(bytes(&forward), bytes(&backward));
        }
    }
}
