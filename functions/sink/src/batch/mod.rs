//! From an event to lines, without I/O: each record is checked, spliced and told which group of its partition it
//! belongs to.

pub mod partition_batch;
pub(crate) mod quarantine_line;

use std::borrow::Cow;

use base64_simd::STANDARD;

use crate::batch::partition_batch::PartitionBatch;
use crate::config::Config;
use crate::validate::Checker;
use commit_protocol as chain;
use lake_format::InvalidRecord;
use lake_format::keys::{Hour, KeyLayout, ObjectPrefix};
use lake_format::record_line::{self, Coordinates};
use lambda_kafka_event::{EventError, Payload, Record, Records};

/// The records of an event, as the lines that objects are made of.
#[derive(Debug)]
pub struct Batch<'c> {
    layout: &'c KeyLayout,
    checker: Checker<'c>,
    /// Of all partitions, in the order of the event.
    lines: Vec<u8>,
    parts: Vec<PartitionBatch>,
    /// The place of the last record's part.
    last: usize,
}

impl<'c> Batch<'c> {
    /// No records yet, but memory for those of an event of so many bytes.
    pub fn new(config: &'c Config, event: usize) -> Self {
        Batch {
            layout: &config.layout,
            checker: Checker::new(config),
            // What base64 adds to the values, and what stands around them, is more than what becomes of it.
            lines: Vec::with_capacity(event / 4 * 3),
            parts: Vec::new(),
            last: 0,
        }
    }

    /// All records of an event.
    ///
    /// # Errors
    /// [`EventError`] when the text is not a Kafka event.
    pub fn of(config: &'c Config, event: &[u8]) -> Result<Self, EventError> {
        let mut batch = Batch::new(config, event.len());
        batch.take(&mut Records::new(event), usize::MAX)?;
        Ok(batch)
    }

    /// Adds so many of an event's next records, or what there is; tells whether there may be more.
    ///
    /// # Errors
    /// [`EventError`] when the text is not a Kafka event: nothing of the batch is to be stored.
    pub fn take(&mut self, records: &mut Records<'_>, at_most: usize) -> Result<bool, EventError> {
        for _ in 0..at_most {
            match records.advance()? {
                Some(record) => self.add(record),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// The parts of each partition, in the order in which the event begins with them.
    pub fn parts(&self) -> &[PartitionBatch] {
        &self.parts
    }

    /// The records of a part as a chain takes them, in the order of the event.
    pub fn records(&self, part: &PartitionBatch) -> Vec<chain::Record<'_>> {
        part.records(&self.lines)
    }

    /// Lines of [`Batch::records`] in one: where they follow each other, as they mostly do, without a copy.
    pub fn together<'b>(&'b self, lines: &[&'b [u8]]) -> Cow<'b, [u8]> {
        let follow = lines.windows(2).all(|pair| pair[0].as_ptr_range().end == pair[1].as_ptr());
        let length: usize = lines.iter().map(|line| line.len()).sum();
        let start = lines.first().and_then(|line| line.as_ptr().addr().checked_sub(self.lines.as_ptr().addr()));
        match start.and_then(|start| self.lines.get(start..start + length)) {
            Some(whole) if follow => Cow::Borrowed(whole),
            _ => Cow::Owned(lines.concat()),
        }
    }

    /// Adds a record.
    #[inline]
    pub(crate) fn add(&mut self, record: &Record<'_>) {
        let is_its = |part: &PartitionBatch| part.partition == record.partition && part.topic == record.topic;
        if !self.parts.get(self.last).is_some_and(is_its) {
            self.last = self.parts.iter().position(is_its).unwrap_or(self.parts.len());
        }
        if self.last == self.parts.len() {
            self.parts.push(PartitionBatch::new(&record.topic, record.partition));
        }
        let start = self.lines.len();
        let part = &mut self.parts[self.last];
        part.head.append(&coordinates(record), self.layout.generation, &mut self.lines);
        let group = match data(record, self.layout, &mut self.checker, &mut self.lines) {
            Ok(group) => group,
            Err(reason) => {
                self.lines.truncate(start);
                quarantine_line::quarantine_line(record, self.layout.generation, &reason, &mut self.lines);
                self.layout.quarantine(Hour::from_timestamp(record.timestamp).unwrap_or(Hour::UNKNOWN))
            }
        };
        part.push(record.offset, group, start..self.lines.len(), self.layout);
    }
}

/// The coordinates of an event's record.
#[inline]
fn coordinates(record: &Record<'_>) -> Coordinates {
    Coordinates { partition: record.partition, offset: record.offset, timestamp: record.timestamp }
}

/// Appends the rest of a good record's line and tells its group; of poison there may be something, too.
fn data(
    record: &Record<'_>,
    layout: &KeyLayout,
    checker: &mut Checker<'_>,
    lines: &mut Vec<u8>,
) -> Result<ObjectPrefix<'static>, InvalidRecord> {
    let hour = Hour::from_timestamp(record.timestamp).ok_or(InvalidRecord::NoTimestamp(record.timestamp))?;
    let start = lines.len();
    match &record.value {
        Payload::Absent => return Err(InvalidRecord::Tombstone),
        Payload::Json(json) => lines.extend_from_slice(json.get().as_bytes()),
        // Decoded to where it stays.
        Payload::Base64(encoded) => {
            STANDARD.decode_append(&**encoded, lines).map_err(|_| InvalidRecord::NotBase64)?;
        }
    }
    let checked = checker.check(lines, start)?;
    record_line::finish(start, &checked.object, lines);
    Ok(layout.data(hour, checked.partition))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lake_format::codec::Codec;
    use lake_format::keys::PartitionBy;
    use lambda_kafka_event::Event;
    use proptest::prelude::*;
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

    fn rendered_text(event: &str, layout: &KeyLayout, columns: &str) -> Vec<Rendered> {
        let config = Config { layout: layout.clone(), columns: columns.parse().unwrap(), ..Config::new("b") };
        let batch = Batch::of(&config, event.as_bytes()).unwrap();
        let records = Event::parse(event).unwrap().records;
        let mut all = Vec::new();
        for part in batch.parts() {
            let is_its = |record: &&Record<'_>| record.topic == part.topic && record.partition == part.partition;
            assert_eq!(part.len(), records.iter().filter(is_its).count() as u64);
            for (group, directory) in part.prefixes.iter().enumerate() {
                let lines = batch.records(part).into_iter().filter(|record| record.group == group).map(|record| {
                    assert_eq!(record_line::offset(record.line), Some(record.offset));
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

    fn rendered(records: &[Value], layout: &KeyLayout, columns: &str) -> Vec<Rendered> {
        let event = json!({"eventSource": "SelfManagedKafka", "records": {"quotes-0": records}}).to_string();
        rendered_text(&event, layout, columns)
    }

    /// The only quarantine line of a batch of one record.
    fn quarantined(record: &Value, layout: &KeyLayout, columns: &str) -> Value {
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
        let groups = |layout: &KeyLayout| -> Vec<(String, Vec<i64>)> {
            rendered(&records, layout, "").iter().map(|group| (group.directory.clone(), group.offsets())).collect()
        };
        assert_eq!(groups(&layout()), [("data/quotes/dt=2025-11-25/".to_owned(), vec![1, 2, 3])]);
        let fine = KeyLayout { partition_by: PartitionBy::Hour, partition_field: Some("sector".into()), ..layout() };
        assert_eq!(
            groups(&fine),
            [
                ("data/quotes/dt=2025-11-25/hour=00/by_sector=oil/".to_owned(), vec![1]),
                ("data/quotes/dt=2025-11-25/hour=01/by_sector=oil/".to_owned(), vec![2]),
                ("data/quotes/dt=2025-11-25/hour=00/by_sector=__HIVE_DEFAULT_PARTITION__/".to_owned(), vec![3]),
            ]
        );
    }

    /// A record as Lambda writes it.
    fn written(topic: &str, partition: i32, offset: i64, timestamp: i64, key: &str, value: &str) -> String {
        let (key, value) = (encoded(key), encoded(value));
        format!(
            r#"{{"topic":"{topic}","partition":{partition},"offset":{offset},"timestamp":{timestamp},"timestampType":"CREATE_TIME","key":"{key}","value":"{value}","headers":[]}}"#
        )
    }

    /// Topic, partition, directory and line of each record.
    fn lines(config: &Config, lists: &[String], at_most: usize) -> Vec<(String, i32, String, String)> {
        let lists: Vec<String> = lists.iter().map(|list| format!(r#""any":[{list}]"#)).collect();
        let event = format!(r#"{{"eventSource":"SelfManagedKafka","records":{{{}}}}}"#, lists.join(","));
        let mut batch = Batch::new(config, event.len());
        let mut records = Records::new(event.as_bytes());
        while batch.take(&mut records, at_most).unwrap() {}
        let lines_of = |part: &PartitionBatch| -> Vec<_> {
            let records = batch.records(part).into_iter();
            let line = |line: &[u8]| String::from_utf8(line.to_vec()).unwrap();
            let told = |record: chain::Record<'_>| (part.prefixes[record.group].clone(), line(record.line));
            records.map(told).map(|(group, line)| (part.topic.clone(), part.partition, group, line)).collect()
        };
        batch.parts().iter().flat_map(lines_of).collect()
    }

    proptest! {
        #[test]
        fn a_record_becomes_the_same_line_in_a_batch_and_alone(
            lists in prop::collection::vec(
                (0..2_usize, 0..2_i32, 5..12_i64, prop::collection::vec((1..4_i64, 0..3_i64, 0..2_usize, 0..7_usize), 0..12)),
                1..4,
            ),
            at_most in 1..5_usize,
        ) {
            let values = [
                r#"{"symbol":"HSI","close":2568.300049}"#, r#"{"symbol":"N225","close":1.5}"#, r#"{"symbol":"a","close":7}"#,
                r#"{"symbol": "HSI", "close": -1e3}"#, "{}", "poison", r#"{"symbol":"abcdefghijklmn"#,
            ];
            let records: Vec<Vec<String>> = lists.into_iter().map(|(topic, partition, mut offset, steps)| {
                let mut timestamp = MOMENT;
                steps.into_iter().map(|(on, later, key, value)| {
                    // Mostly the next offset, and the same millisecond.
                    offset += if on == 3 { 9 } else { 1 };
                    timestamp += if later == 2 { 40_000_000 } else { 0 };
                    written(["a", "b"][topic], partition, offset, timestamp, ["", "HSI"][key], values[value])
                }).collect()
            }).collect();
            let config = Config { columns: "close:double".parse().unwrap(), ..Config::new("b") };
            let lists: Vec<String> = records.iter().map(|list| list.join(",")).collect();
            let mut together = lines(&config, &lists, at_most);
            let mut alone: Vec<_> = records.concat().into_iter().flat_map(|record| lines(&config, &[record], 1)).collect();
            together.sort();
            alone.sort();
            prop_assert_eq!(together, alone);
        }

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
