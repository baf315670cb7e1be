//! Records on their way to the function: by partition, in order, written as JSON already.
//!
//! A record is written into the event's JSON as it arrives, so that the payload limit is kept on the very
//! bytes that are sent, and nothing of a record is held twice. What is to be tried again is cut out of a
//! batch as it stands.

use std::io::Write;
use std::ops::Range;
use std::time::Duration;

use super::event::{SourceRecord, TAIL, head, write_record};

/// Lambda's limit for the payload of a synchronous invocation, in bytes.
pub const MAX_PAYLOAD: usize = 6 * 1024 * 1024;

/// What closes a batch; the first to be reached does.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Records.
    pub batch_size: usize,
    /// Since the first record.
    pub window: Duration,
    /// Bytes of the event's JSON.
    pub payload: usize,
}

/// What is known of a record once it is written.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Where its JSON ends in that of its part.
    end: usize,
    offset: i64,
    timestamp: i64,
}

/// The records of one partition within a batch, in the order of their offsets; at least one.
#[derive(Clone, Debug)]
pub struct Part {
    topic: String,
    partition: i32,
    /// `{...},{...}`
    json: Vec<u8>,
    entries: Vec<Entry>,
}

impl Part {
    /// The topic's name.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The partition's number.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// The offset and the timestamp (milliseconds since 1970) of each record.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = (i64, i64)> + ExactSizeIterator {
        self.entries.iter().map(|entry| (entry.offset, entry.timestamp))
    }

    /// The offset after the last record: what is committed once the part is done.
    pub fn next_offset(&self) -> i64 {
        self.entries.last().map_or(0, |entry| entry.offset + 1)
    }

    fn is(&self, topic: &str, partition: i32) -> bool {
        self.partition == partition && self.topic == topic
    }

    /// What this part adds to the event beyond its records: `"topic-0":[` `]` and a comma.
    fn overhead(topic: &str, partition: i32) -> usize {
        topic.len() + (partition.checked_ilog10().unwrap_or(0) as usize + 1) + "\"-\":[],".len()
    }

    fn size(&self) -> usize {
        Self::overhead(&self.topic, self.partition) + self.json.len()
    }

    /// No records yet.
    fn new(topic: String, partition: i32) -> Self {
        Part { topic, partition, json: Vec::new(), entries: Vec::new() }
    }

    fn push(&mut self, offset: i64, timestamp: i64, write: impl FnOnce(&mut Vec<u8>)) {
        if !self.entries.is_empty() {
            self.json.push(b',');
        }
        write(&mut self.json);
        self.entries.push(Entry { end: self.json.len(), offset, timestamp });
    }

    /// Leaves only so many records.
    fn truncate(&mut self, records: usize) {
        self.entries.truncate(records);
        self.json.truncate(self.entries.last().map_or(0, |entry| entry.end));
    }

    fn json_of(&self, index: usize) -> &[u8] {
        // A comma stands between two records.
        let start = if index == 0 { 0 } else { self.entries[index - 1].end + 1 };
        &self.json[start..self.entries[index].end]
    }

    /// The records of that range; none if it is empty.
    fn slice(&self, range: Range<usize>) -> Option<Part> {
        self.pick(|index| range.contains(&index))
    }

    fn pick(&self, wanted: impl Fn(usize) -> bool) -> Option<Part> {
        let mut part = Part::new(self.topic.clone(), self.partition);
        for index in (0..self.entries.len()).filter(|&index| wanted(index)) {
            let Entry { offset, timestamp, .. } = self.entries[index];
            part.push(offset, timestamp, |json| json.extend_from_slice(self.json_of(index)));
        }
        (!part.entries.is_empty()).then_some(part)
    }
}

/// Records that are handed to the function in one event.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    parts: Vec<Part>,
}

impl Batch {
    /// Its partitions.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Records in it.
    pub fn records(&self) -> usize {
        self.parts.iter().map(|part| part.entries.len()).sum()
    }

    /// Whether nothing is left in it.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The event, as Lambda's event source sends it.
    pub fn event(&self, bootstrap_servers: &str) -> Vec<u8> {
        let mut event = head(bootstrap_servers);
        event.reserve(self.size() + TAIL.len());
        for (index, part) in self.parts.iter().enumerate() {
            if index > 0 {
                event.push(b',');
            }
            // Writing into memory does not fail.
            let _ = write!(event, "\"{}-{}\":[", part.topic, part.partition);
            event.extend_from_slice(&part.json);
            event.push(b']');
        }
        event.extend_from_slice(TAIL);
        event
    }

    /// The offset after the last record, by topic and partition: what is committed once the batch is done.
    pub fn next_offsets(&self) -> impl Iterator<Item = (&str, i32, i64)> {
        self.parts.iter().map(|part| (&*part.topic, part.partition, part.next_offset()))
    }

    /// The latest of its records' timestamps, in milliseconds since 1970.
    pub fn newest(&self) -> Option<i64> {
        self.parts.iter().flat_map(Part::records).map(|(_, timestamp)| timestamp).max()
    }

    /// Bytes of its partitions within the event.
    pub(super) fn size(&self) -> usize {
        self.parts.iter().map(Part::size).sum()
    }

    /// Appends a record; tells the bytes that it adds to the event.
    pub(super) fn push<'h>(
        &mut self,
        record: &SourceRecord<'_>,
        headers: impl Iterator<Item = (&'h str, Option<&'h [u8]>)>,
    ) -> usize {
        let (at, size) = match self.parts.iter().position(|part| part.is(record.topic, record.partition)) {
            Some(at) => (at, self.parts[at].size()),
            None => {
                self.parts.push(Part::new(record.topic.to_owned(), record.partition));
                (self.parts.len() - 1, 0)
            }
        };
        let part = &mut self.parts[at];
        part.push(record.offset, record.timestamp, |json| write_record(record, headers, json));
        part.size() - size
    }

    /// Takes a partition's last record out, into a batch of its own.
    pub(super) fn split_last(&mut self, topic: &str, partition: i32) -> Batch {
        let mut last = Batch::default();
        if let Some(part) = self.parts.iter_mut().find(|part| part.is(topic, partition)) {
            let before = part.entries.len() - 1;
            last.parts.extend(part.slice(before..before + 1));
            part.truncate(before);
        }
        self.parts.retain(|part| !part.entries.is_empty());
        last
    }

    /// Cuts it after so many records. Of a partition that is cut, the first half has the smaller offsets.
    pub fn split(&self, at: usize) -> (Batch, Batch) {
        let (mut first, mut second) = (Batch::default(), Batch::default());
        let mut left = at;
        for part in &self.parts {
            let count = part.entries.len();
            let cut = left.min(count);
            first.parts.extend(part.slice(0..cut));
            second.parts.extend(part.slice(cut..count));
            left -= cut;
        }
        (first, second)
    }

    /// Parts it in two: each partition up to the offset that `from` gives for it, and from there on; a
    /// partition without one is in the first as a whole.
    pub fn part_from(&self, from: impl Fn(&Part) -> Option<i64>) -> (Batch, Batch) {
        let (mut before, mut rest) = (Batch::default(), Batch::default());
        for part in &self.parts {
            let count = part.entries.len();
            let cut = from(part).map_or(count, |offset| part.entries.partition_point(|entry| entry.offset < offset));
            before.parts.extend(part.slice(0..cut));
            rest.parts.extend(part.slice(cut..count));
        }
        (before, rest)
    }

    /// Parts it in two: the records whose timestamp is `matching`, and the others.
    pub fn part_by_timestamp(&self, matching: impl Fn(i64) -> bool) -> (Batch, Batch) {
        let pick = |wanted: bool| {
            let parts = self.parts.iter();
            let picked = parts.filter_map(|part| part.pick(|index| matching(part.entries[index].timestamp) == wanted));
            Batch { parts: picked.collect() }
        };
        (pick(true), pick(false))
    }

    /// Takes a partition's records out.
    pub fn drop_partition(&mut self, topic: &str, partition: i32) {
        self.parts.retain(|part| !part.is(topic, partition));
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::event::TimestampType;
    use super::*;
    use proptest::prelude::*;

    /// A batch of such partitions, offsets and timestamps.
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

    /// The partition and offset of each record, as they stand in the batch.
    pub(crate) fn offsets(batch: &Batch) -> Vec<(i32, i64)> {
        let parts = batch.parts().iter();
        parts.flat_map(|part| part.records().map(|(offset, _)| (part.partition(), offset))).collect()
    }

    fn in_event(batch: &Batch) -> Vec<(String, i64)> {
        let event: serde_json::Value = serde_json::from_slice(&batch.event("h:1")).unwrap();
        let mut told = Vec::new();
        for part in batch.parts() {
            let name = format!("{}-{}", part.topic(), part.partition());
            let records = event["records"][&name].as_array().unwrap();
            told.extend(records.iter().map(|record| (name.clone(), record["offset"].as_i64().unwrap())));
        }
        told
    }

    /// Up to 60 records of 5 partitions whose offsets have holes.
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
        fn a_cut_loses_nothing_keeps_each_partitions_order_and_the_events_hold_the_same(
            batch in any_batch(),
            at in 0..70_usize,
            from in prop::collection::vec(prop::option::of(0..60_i64), 5),
            oldest in -1..50_i64,
        ) {
            let whole = in_event(&batch);
            let (first, second) = batch.split(at);
            prop_assert_eq!(first.records(), at.min(batch.records()));
            prop_assert_eq!([in_event(&first), in_event(&second)].concat(), whole.clone());

            let (before, rest) = batch.part_from(|part| from[part.partition() as usize]);
            let is_before = |&(partition, offset): &(i32, i64)| from[partition as usize].is_none_or(|from| offset < from);
            let (done, left): (Vec<_>, Vec<_>) = offsets(&batch).into_iter().partition(is_before);
            prop_assert_eq!((offsets(&before), offsets(&rest)), (done, left));

            let (old, young) = batch.part_by_timestamp(|timestamp| timestamp < oldest);
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
