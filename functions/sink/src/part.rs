//! From a batch to lines, without I/O: the records of each partition are checked, spliced and told which group
//! they belong to.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use base64_simd::STANDARD;

use crate::chain;
use crate::columns::Columns;
use crate::config::Config;
use crate::event::{Payload, Record};
use crate::json::{self, Field, Object, Visit};
use crate::layout::{Group, Hour, Layout};
use crate::line;
use crate::names::{Meaning, Names};
use crate::poison::{self, Poison};
use crate::shape::{PADDING, Shape};

/// The records of an event that are of one partition, in the event's order.
#[derive(Debug)]
pub struct Delivery<'e> {
    /// The topic's name.
    pub topic: &'e str,
    /// The partition's number.
    pub partition: i32,
    /// Never none.
    pub records: Vec<&'e Record<'e>>,
}

/// Parts an event's records by topic and partition, in their order.
pub fn by_partition<'e>(records: &'e [Record<'e>]) -> Vec<Delivery<'e>> {
    let mut all: Vec<&Record<'_>> = records.iter().collect();
    all.sort_by(|a, b| (&*a.topic, a.partition).cmp(&(&*b.topic, b.partition)));
    all.chunk_by(|a, b| a.topic == b.topic && a.partition == b.partition)
        .map(|records| Delivery {
            topic: &records[0].topic,
            partition: records[0].partition,
            records: records.to_vec(),
        })
        .collect()
}

/// The records of one partition as the lines that objects are made of.
#[derive(Debug)]
pub struct Part {
    /// The topic's name.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The directories of the groups that the records belong to.
    pub groups: Vec<String>,
    /// Which of the groups hold data, not poison.
    pub is_data: Vec<bool>,
    /// Offset, group and place in `lines`, in the order of the event.
    records: Vec<(i64, usize, Range<usize>)>,
    lines: Vec<u8>,
    places: HashMap<Group<'static>, usize>,
    /// The group of the record before, which mostly is the next one's too.
    last: Option<(Group<'static>, usize)>,
}

impl Part {
    /// No records yet.
    pub fn new(delivery: &Delivery<'_>) -> Self {
        Part {
            topic: delivery.topic.to_owned(),
            partition: delivery.partition,
            groups: Vec::new(),
            is_data: Vec::new(),
            records: Vec::with_capacity(delivery.records.len()),
            lines: Vec::with_capacity(delivery.records.iter().map(|record| line::likely_length(record)).sum()),
            places: HashMap::new(),
            last: None,
        }
    }

    /// How many records the event holds of it.
    pub fn len(&self) -> u64 {
        self.records.len() as u64
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The place of a group, a new one if there has been no record of it.
    fn place(&mut self, topic: &str, group: Group<'static>, layout: &Layout) -> usize {
        let place = *self.places.entry(group.clone()).or_insert_with(|| {
            self.groups.push(layout.directory(topic, &group));
            self.is_data.push(matches!(group, Group::Data { .. }));
            self.groups.len() - 1
        });
        self.last = Some((group, place));
        place
    }

    /// The records as a chain takes them.
    pub fn records(&self) -> Vec<chain::Record<'_>> {
        let line = |place: &Range<usize>| &self.lines[place.clone()];
        self.records
            .iter()
            .map(|(offset, group, place)| chain::Record { offset: *offset, group: *group, line: line(place) })
            .collect()
    }

    /// Lines of [`Part::records`] in one: where they follow each other, as they mostly do, without a copy.
    pub fn together<'p>(&'p self, lines: &[&'p [u8]]) -> Cow<'p, [u8]> {
        let follow = lines.windows(2).all(|pair| pair[0].as_ptr_range().end == pair[1].as_ptr());
        let length: usize = lines.iter().map(|line| line.len()).sum();
        let start = lines.first().and_then(|line| line.as_ptr().addr().checked_sub(self.lines.as_ptr().addr()));
        match start.and_then(|start| self.lines.get(start..start + length)) {
            Some(whole) if follow => Cow::Borrowed(whole),
            _ => Cow::Owned(lines.concat()),
        }
    }
}

/// Turns records into lines.
#[derive(Debug)]
pub struct Renderer<'c> {
    layout: &'c Layout,
    names: Names<'c>,
    shape: Shape,
}

impl<'c> Renderer<'c> {
    /// A renderer of these settings.
    pub fn new(config: &'c Config) -> Self {
        Renderer { layout: &config.layout, names: Names::new(config), shape: Shape::default() }
    }

    #[cfg(test)]
    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Adds a record to its part.
    pub fn add(&mut self, record: &Record<'_>, part: &mut Part) {
        let start = part.lines.len();
        let group = match self.data(record, &mut part.lines) {
            Ok(group) => group,
            Err(reason) => {
                part.lines.truncate(start);
                poison::quarantine_line(record, self.layout.generation, &reason, &mut part.lines);
                self.layout.quarantine(Hour::of(record.timestamp).unwrap_or(Hour::UNKNOWN))
            }
        };
        let place = match &part.last {
            Some((last, place)) if *last == group => *place,
            _ => part.place(&record.topic, group, self.layout),
        };
        part.records.push((record.offset, place, start..part.lines.len()));
    }

    /// Appends a good record's line and tells its group; what was appended of poison is to be taken back.
    fn data(&mut self, record: &Record<'_>, lines: &mut Vec<u8>) -> Result<Group<'static>, Poison> {
        let hour = Hour::of(record.timestamp).ok_or(Poison::NoTimestamp(record.timestamp))?;
        line::begin(record, self.layout.generation, lines);
        let start = lines.len();
        match &record.value {
            Payload::Absent => return Err(Poison::Tombstone),
            Payload::Json(json) => lines.extend_from_slice(json.get().as_bytes()),
            // Decoded to where it stays.
            Payload::Base64(encoded) => drop(STANDARD.decode_append(&**encoded, lines).map_err(|_| Poison::NotBase64)?),
        }
        let length = lines.len() - start;
        lines.extend_from_slice(&PADDING);
        let mut fields = Fields { layout: self.layout, columns: self.names.columns, partition: None };
        let fits = self.shape.fits(&lines[start..], |meaning, field| fields.look(meaning, field).is_ok());
        lines.truncate(start + length);
        let object = if fits { Object::bare(length) } else { self.in_full(&lines[start..], &mut fields)? };
        let group = self.layout.data(hour, fields.partition);
        line::end(start, &object, lines);
        Ok(group)
    }

    /// Checks a value byte by byte, and learns its shape.
    fn in_full(&mut self, value: &[u8], fields: &mut Fields<'c>) -> Result<Object, Poison> {
        fields.partition = None;
        let text = std::str::from_utf8(value).map_err(|error| Poison::NotUtf8 { at: error.valid_up_to() })?;
        self.shape.begin();
        let (names, shape) = (&mut self.names, &mut self.shape);
        let object = json::check(text, &mut Learning { text, fields, names, shape, end: 0 });
        // The shape is that of a record with nothing around it, on one line.
        if !matches!(&object, Ok(object) if *object == Object::bare(value.len())) {
            self.shape.begin();
        }
        object
    }
}

/// What a record's fields are looked at for.
struct Fields<'c> {
    layout: &'c Layout,
    columns: &'c Columns,
    /// What names the record's partition.
    partition: Option<Cow<'static, str>>,
}

impl Fields<'_> {
    fn look(&mut self, meaning: &Meaning, field: &Field<'_>) -> Result<(), Poison> {
        if meaning.is_coordinate {
            return Err(Poison::CoordinateName(field.name().into_owned()));
        }
        if let Some(place) = meaning.column {
            self.columns.check(place, field)?;
        }
        if meaning.names_partition {
            self.partition = self.layout.partition_value(field)?.map(|text| Cow::Owned(text.into_owned()));
        }
        Ok(())
    }
}

/// Looks at all fields of a record that is checked in full, and learns its shape.
struct Learning<'r, 'c> {
    text: &'r str,
    fields: &'r mut Fields<'c>,
    names: &'r mut Names<'c>,
    shape: &'r mut Shape,
    /// Where the value before has ended.
    end: usize,
}

impl<'a> Visit<'a> for Learning<'_, '_> {
    type Refusal = Poison;

    fn field(&mut self, field: Field<'a>) -> Result<(), Poison> {
        let meaning = self.names.meaning(&field);
        self.fields.look(&meaning, &field)?;
        self.shape.push(self.text, self.end, &field, meaning);
        self.end = field.places.1 + field.value.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Codec;
    use crate::event::Event;
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

    /// The records of one partition that belong to one group.
    struct Rendered {
        partition: i32,
        directory: String,
        is_data: bool,
        lines: Vec<Value>,
    }

    impl Rendered {
        fn offsets(&self) -> Vec<i64> {
            self.lines.iter().map(|line| line["kafka_offset"].as_i64().unwrap()).collect()
        }
    }

    fn rendered_text(event: &str, layout: &Layout, columns: &str) -> Vec<Rendered> {
        let config = Config { layout: layout.clone(), columns: columns.parse().unwrap(), ..Config::new("b") };
        let event = Event::parse(event).unwrap();
        let mut renderer = Renderer::new(&config);
        let mut all = Vec::new();
        for delivery in by_partition(&event.records) {
            let mut part = Part::new(&delivery);
            delivery.records.iter().for_each(|record| renderer.add(record, &mut part));
            assert_eq!(part.len(), delivery.records.len() as u64);
            for (group, directory) in part.groups.iter().enumerate() {
                let lines = part.records().into_iter().filter(|record| record.group == group).map(|record| {
                    assert_eq!(line::offset(record.line), Some(record.offset));
                    assert_eq!(record.line.iter().filter(|&&byte| byte == b'\n').count(), 1);
                    serde_json::from_slice(record.line).unwrap()
                });
                all.push(Rendered {
                    partition: part.partition,
                    directory: directory.clone(),
                    is_data: part.is_data[group],
                    lines: lines.collect(),
                });
            }
        }
        all
    }

    fn rendered(records: &[Value], layout: &Layout, columns: &str) -> Vec<Rendered> {
        let event = json!({"eventSource": "SelfManagedKafka", "records": {"quotes-0": records}}).to_string();
        rendered_text(&event, layout, columns)
    }

    /// The only quarantine line of a batch of one record.
    fn quarantined(record: &Value, layout: &Layout, columns: &str) -> Value {
        let mut groups = rendered(std::slice::from_ref(record), layout, columns);
        assert!(groups.len() == 1 && !groups[0].is_data, "{record}");
        assert!(groups[0].directory.starts_with("quarantine/quotes/dt="), "{}", groups[0].directory);
        groups[0].lines.remove(0)
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
            assert_eq!(rendered_text(&text, &layout(), "")[0].lines[0]["headers"], headers);
        }
    }

    #[test]
    fn a_record_without_a_timestamp_is_quarantined_on_the_first_of_january_1970() {
        let mut record = record(0, 1, "{}");
        record["timestamp"] = json!(-1);
        assert_eq!(rendered(&[record], &layout(), "")[0].directory, "quarantine/quotes/dt=1970-01-01/");
    }

    #[test]
    fn poison_among_good_records_leaves_them_alone() {
        let records = [record(0, 1, "{\"a\":1}"), record(0, 2, "poison"), record(0, 3, "{\"a\":3}")];
        let groups = rendered(&records, &layout(), "");
        let offsets: Vec<_> = groups.iter().map(|group| (group.is_data, group.offsets())).collect();
        assert_eq!(offsets, [(true, vec![1, 3]), (false, vec![2])]);
    }

    #[test]
    fn a_value_that_a_schema_registry_decoded_is_stored_like_any_other() {
        let mut record = record(0, 1, "{}");
        record["value"] = json!({"a": 1});
        assert_eq!(
            rendered(&[record], &layout(), "")[0].lines[0],
            json!({"kafka_partition": 0, "kafka_offset": 1, "kafka_timestamp": MOMENT, "a": 1})
        );
    }

    #[test]
    fn days_hours_and_fields_part_groups() {
        let mut late = record(0, 2, "{\"sector\":\"oil\"}");
        late["timestamp"] = json!(MOMENT + 3_600_000);
        let records = [record(0, 1, "{\"sector\":\"oil\"}"), late, record(0, 3, "{\"sector\":null}")];
        let groups = |layout: &Layout| -> Vec<(String, Vec<i64>)> {
            rendered(&records, layout, "").iter().map(|group| (group.directory.clone(), group.offsets())).collect()
        };
        assert_eq!(groups(&layout()), [("data/quotes/dt=2025-11-25/".to_owned(), vec![1, 2, 3])]);
        let fine = Layout { partition_by: PartitionBy::Hour, partition_field: Some("sector".into()), ..layout() };
        assert_eq!(
            groups(&fine),
            [
                ("data/quotes/dt=2025-11-25/hour=00/by_sector=oil/".to_owned(), vec![1]),
                ("data/quotes/dt=2025-11-25/hour=01/by_sector=oil/".to_owned(), vec![2]),
                ("data/quotes/dt=2025-11-25/hour=00/by_sector=__HIVE_DEFAULT_PARTITION__/".to_owned(), vec![3]),
            ]
        );
    }

    proptest! {
        #[test]
        fn every_record_is_in_one_group_of_its_partition_and_its_kind(
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
            let groups = rendered(&event, &layout(), "");
            let mut seen: Vec<(i32, i64, bool, String)> = groups.iter().flat_map(|group| {
                group.offsets().into_iter().map(|offset| (group.partition, offset, group.is_data, group.directory.clone()))
            }).collect();
            seen.sort_unstable();
            let mut expected: Vec<_> = records.iter().map(|&((partition, offset), (kind, day))| {
                let folder = if kind == 0 { "quarantine" } else { "data" };
                (partition, offset, kind != 0, format!("{folder}/quotes/dt=2025-11-{}/", 25 + day))
            }).collect();
            expected.sort_unstable();
            prop_assert_eq!(seen, expected);
        }
    }
}
