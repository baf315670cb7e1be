//! A batch: records by partition, in offset order, already encoded as JSON.
//!
//! A record is encoded into the event's JSON as it arrives. The payload limit therefore applies to exactly the bytes
//! that are sent, and no record is kept in memory twice. When part of a batch is retried, its bytes are copied from the
//! batch:
//!
//! ```text
//! PartitionBatch   json     {"topic":...},{"topic":...},{"topic":...}
//!                  entries               ^end 0        ^end 1        ^end 2
//! ```

use std::io::Write;
use std::ops::Range;
use std::time::Duration;

use lambda_kafka_event::writer::{EVENT_END, SourceRecord, event_start, write_record};

/// Maximum size in bytes of the payload of a synchronous Lambda invocation. Larger events are not sent.
pub const MAX_PAYLOAD: usize = 6 * 1024 * 1024;

/// Limits of a batch. The batch is closed as soon as it reaches one of them.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Maximum number of records.
    pub batch_size: usize,
    /// Maximum time since the first record.
    pub window: Duration,
    /// Maximum size of the event's JSON in bytes. A single record that exceeds it is sent in a batch without other
    /// records.
    pub payload: usize,
}

/// Limit that closed a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClosedBy {
    /// The batching window ended, or no fetched record was left.
    #[default]
    Window,
    /// The batch reached the maximum number of records.
    Records,
    /// The next record would have exceeded the maximum payload.
    Payload,
}

/// An encoded record.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Index just past the record in the JSON of its partition.
    end: usize,
    offset: i64,
    timestamp: i64,
}

/// The records of one partition in a batch, in offset order. Never empty.
#[derive(Clone, Debug)]
pub(crate) struct PartitionBatch {
    topic: String,
    partition: i32,
    /// JSON of the records: `{...},{...}`.
    json: Vec<u8>,
    entries: Vec<Entry>,
}

impl PartitionBatch {
    pub(crate) fn topic(&self) -> &str {
        &self.topic
    }

    pub(crate) fn partition(&self) -> i32 {
        self.partition
    }

    /// Returns the offset and the timestamp of each record. The timestamp is in milliseconds since 1970, or -1 if the
    /// record has none.
    pub(crate) fn records(&self) -> impl DoubleEndedIterator<Item = (i64, i64)> + ExactSizeIterator {
        self.entries.iter().map(|entry| (entry.offset, entry.timestamp))
    }

    /// Returns the offset after the last record. It is committed once the records are processed or discarded.
    pub(crate) fn next_offset(&self) -> i64 {
        self.entries.last().map_or(0, |entry| entry.offset + 1)
    }

    fn is(&self, topic: &str, partition: i32) -> bool {
        self.partition == partition && self.topic == topic
    }

    /// Returns the number of bytes that a partition adds to the event besides its records: `"topic-0":[`, `]` and a
    /// comma.
    fn overhead(topic: &str, partition: i32) -> usize {
        topic.len() + (partition.checked_ilog10().unwrap_or(0) as usize + 1) + "\"-\":[],".len()
    }

    fn size(&self) -> usize {
        Self::overhead(&self.topic, self.partition) + self.json.len()
    }

    fn new(topic: String, partition: i32) -> Self {
        PartitionBatch { topic, partition, json: Vec::new(), entries: Vec::new() }
    }

    fn push(&mut self, offset: i64, timestamp: i64, write: impl FnOnce(&mut Vec<u8>)) {
        if !self.entries.is_empty() {
            self.json.push(b',');
        }
        write(&mut self.json);
        self.entries.push(Entry { end: self.json.len(), offset, timestamp });
    }

    /// Keeps only the first `records` records.
    fn truncate(&mut self, records: usize) {
        self.entries.truncate(records);
        self.json.truncate(self.entries.last().map_or(0, |entry| entry.end));
    }

    fn record_json(&self, index: usize) -> &[u8] {
        // A comma separates two records.
        let start = if index == 0 { 0 } else { self.entries[index - 1].end + 1 };
        &self.json[start..self.entries[index].end]
    }

    /// Copies a range of records. Returns `None` if the range is empty.
    fn slice(&self, range: Range<usize>) -> Option<PartitionBatch> {
        self.select(|index| range.contains(&index))
    }

    fn select(&self, is_selected: impl Fn(usize) -> bool) -> Option<PartitionBatch> {
        let mut selected = PartitionBatch::new(self.topic.clone(), self.partition);
        for index in (0..self.entries.len()).filter(|&index| is_selected(index)) {
            let Entry { offset, timestamp, .. } = self.entries[index];
            selected.push(offset, timestamp, |json| json.extend_from_slice(self.record_json(index)));
        }
        (!selected.entries.is_empty()).then_some(selected)
    }
}

/// Records that the function receives in one event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batch {
    partitions: Vec<PartitionBatch>,
    /// Limit that closed the batch. Unspecified for parts of a batch.
    closed_by: ClosedBy,
}

impl Batch {
    /// Returns the records by partition.
    pub(crate) fn partitions(&self) -> &[PartitionBatch] {
        &self.partitions
    }

    /// Sets the limit that closed the batch.
    #[must_use]
    pub(crate) fn closed_by(self, closed_by: ClosedBy) -> Self {
        Batch { closed_by, ..self }
    }

    pub(crate) fn limit(&self) -> ClosedBy {
        self.closed_by
    }

    /// Returns the number of records.
    pub(crate) fn records(&self) -> usize {
        self.partitions.iter().map(|part| part.entries.len()).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.partitions.is_empty()
    }

    /// Returns the event's JSON as Lambda's event source mapping sends it.
    pub(crate) fn event(&self, bootstrap_servers: &str) -> Vec<u8> {
        let mut event = event_start(bootstrap_servers);
        event.reserve(self.size() + EVENT_END.len());
        for (index, part) in self.partitions.iter().enumerate() {
            if index > 0 {
                event.push(b',');
            }
            // Writing to a `Vec` never fails.
            let _ = write!(event, "\"{}-{}\":[", part.topic, part.partition);
            event.extend_from_slice(&part.json);
            event.push(b']');
        }
        event.extend_from_slice(EVENT_END);
        event
    }

    /// Returns the topic, the partition and the offset after the last record of each partition. These offsets are
    /// committed once the batch is processed or discarded.
    pub(crate) fn next_offsets(&self) -> impl Iterator<Item = (&str, i32, i64)> {
        self.partitions.iter().map(|part| (&*part.topic, part.partition, part.next_offset()))
    }

    /// Returns the latest timestamp of a record, in milliseconds since 1970, or `None` if the batch is empty.
    pub(crate) fn newest(&self) -> Option<i64> {
        self.partitions.iter().flat_map(PartitionBatch::records).map(|(_, timestamp)| timestamp).max()
    }

    /// Returns the number of bytes that the partitions occupy in the event.
    pub(crate) fn size(&self) -> usize {
        self.partitions.iter().map(PartitionBatch::size).sum()
    }

    /// Appends a record. Returns the number of bytes by which the event grows.
    pub(crate) fn push<'h>(
        &mut self,
        record: &SourceRecord<'_>,
        headers: impl Iterator<Item = (&'h str, Option<&'h [u8]>)>,
    ) -> usize {
        let (index, size) = match self.partitions.iter().position(|part| part.is(record.topic, record.partition)) {
            Some(index) => (index, self.partitions[index].size()),
            None => {
                self.partitions.push(PartitionBatch::new(record.topic.to_owned(), record.partition));
                (self.partitions.len() - 1, 0)
            }
        };
        let part = &mut self.partitions[index];
        part.push(record.offset, record.timestamp, |json| write_record(record, headers, json));
        part.size() - size
    }

    /// Moves a partition's last record into a new batch, and returns that batch.
    pub(crate) fn split_last(&mut self, topic: &str, partition: i32) -> Batch {
        let mut last = Batch::default();
        if let Some(part) = self.partitions.iter_mut().find(|part| part.is(topic, partition)) {
            let before = part.entries.len() - 1;
            last.partitions.extend(part.slice(before..before + 1));
            part.truncate(before);
        }
        self.partitions.retain(|part| !part.entries.is_empty());
        last
    }

    /// Splits the batch after `count` records. If a partition is split, its lower offsets are in the first part.
    pub(crate) fn split(&self, count: usize) -> (Batch, Batch) {
        let (mut first, mut second) = (Batch::default(), Batch::default());
        let mut left = count;
        for part in &self.partitions {
            let records = part.entries.len();
            let cut = left.min(records);
            first.partitions.extend(part.slice(0..cut));
            second.partitions.extend(part.slice(cut..records));
            left -= cut;
        }
        (first, second)
    }

    /// Splits each partition before the offset that `from` returns for it. A partition for which `from` returns `None`
    /// is entirely in the first part.
    pub(crate) fn split_at_offsets(&self, from: impl Fn(&PartitionBatch) -> Option<i64>) -> (Batch, Batch) {
        let (mut before, mut rest) = (Batch::default(), Batch::default());
        for part in &self.partitions {
            let records = part.entries.len();
            let cut = from(part).map_or(records, |offset| part.entries.partition_point(|entry| entry.offset < offset));
            before.partitions.extend(part.slice(0..cut));
            rest.partitions.extend(part.slice(cut..records));
        }
        (before, rest)
    }

    /// Splits the batch into the records whose timestamp matches and the remaining records.
    pub(crate) fn split_by_timestamp(&self, matches: impl Fn(i64) -> bool) -> (Batch, Batch) {
        let select = |wanted: bool| {
            let parts = self.partitions.iter();
            let selected =
                parts.filter_map(|part| part.select(|index| matches(part.entries[index].timestamp) == wanted));
            Batch { partitions: selected.collect(), closed_by: self.closed_by }
        };
        (select(true), select(false))
    }

    /// Removes a partition's records.
    pub(crate) fn drop_partition(&mut self, topic: &str, partition: i32) {
        self.partitions.retain(|part| !part.is(topic, partition));
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use lambda_kafka_event::writer::TimestampType;

    /// Returns a batch of the given records, each a tuple of partition, offset and timestamp.
    pub(crate) fn batch(records: &[(i32, i64, i64)]) -> Batch {
        let mut batch = Batch::default();
        for &(partition, offset, timestamp) in records {
            let record = SourceRecord {
                topic: "quotes",
                partition,
                offset,
                timestamp,
                timestamp_type: TimestampType::CreateTime,
                key: None,
                value: None,
            };
            batch.push(&record, std::iter::empty());
        }
        batch
    }

    /// Returns the partition and offset of each record, in the order of the batch.
    pub(crate) fn offsets(batch: &Batch) -> Vec<(i32, i64)> {
        let parts = batch.partitions().iter();
        parts.flat_map(|part| part.records().map(|(offset, _)| (part.partition(), offset))).collect()
    }

    fn in_event(batch: &Batch) -> Vec<(String, i64)> {
        let event: serde_json::Value = serde_json::from_slice(&batch.event("h:1")).unwrap();
        let mut records_in_event = Vec::new();
        for part in batch.partitions() {
            let name = format!("{}-{}", part.topic(), part.partition());
            let records = event["records"][&name].as_array().unwrap();
            records_in_event.extend(records.iter().map(|record| (name.clone(), record["offset"].as_i64().unwrap())));
        }
        records_in_event
    }

    /// Generates up to 60 records of 5 partitions whose offsets have gaps.
    fn any_batch() -> impl Strategy<Value = Batch> {
        prop::collection::vec((0..5_i32, 1..3_i64, -1..50_i64), 1..60).prop_map(|steps| {
            let mut next = [0_i64; 5];
            let records = steps.into_iter().map(|(partition, step, timestamp)| {
                next[partition as usize] += step;
                (partition, next[partition as usize], timestamp)
            });
            batch(&records.collect::<Vec<_>>())
        })
    }

    proptest! {
        #[test]
        fn splits_keep_every_record_in_order(
            batch in any_batch(),
            at in 0..70_usize,
            from in prop::collection::vec(prop::option::of(0..60_i64), 5),
            oldest in -1..50_i64,
        ) {
            let whole = in_event(&batch);
            let (first, second) = batch.split(at);
            prop_assert_eq!(first.records(), at.min(batch.records()));
            prop_assert_eq!([in_event(&first), in_event(&second)].concat(), whole.clone());

            let (before, rest) = batch.split_at_offsets(|part| from[part.partition() as usize]);
            let is_before = |&(partition, offset): &(i32, i64)| from[partition as usize].is_none_or(|from| offset < from);
            let (done, left): (Vec<_>, Vec<_>) = offsets(&batch).into_iter().partition(is_before);
            prop_assert_eq!((offsets(&before), offsets(&rest)), (done, left));

            let (old, young) = batch.split_by_timestamp(|timestamp| timestamp < oldest);
            prop_assert_eq!(old.records() + young.records(), whole.len());
            prop_assert!(old.newest().is_none_or(|newest| newest < oldest));
            let mut again = [in_event(&old), in_event(&young)].concat();
            let mut sorted = whole;
            again.sort();
            sorted.sort();
            prop_assert_eq!(again, sorted);
        }
    }
}
