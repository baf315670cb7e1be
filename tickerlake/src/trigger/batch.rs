//! When a batch closes, and the event that is made of it: without Kafka, clock or network.
//!
//! A record is written into the event's JSON as it arrives, so that the payload limit is kept on the very
//! bytes that are sent, and nothing of a record is held twice. `aws_lambda_events` has types for this event,
//! but they write a field that AWS does not send (`eventSourceArn`) and hold a String for each value.

use std::io::Write;
use std::time::{Duration, Instant};

use base64_simd::STANDARD;

/// Lambda's limit for the payload of a synchronous invocation, in bytes.
pub const MAX_PAYLOAD: usize = 6 * 1024 * 1024;

/// A record as the broker gives it.
#[derive(Clone, Copy, Debug)]
pub struct SourceRecord<'a> {
    /// The topic's name.
    pub topic: &'a str,
    /// The partition's number.
    pub partition: i32,
    /// The record's place in its partition.
    pub offset: i64,
    /// Milliseconds since 1970; -1 where the record has none.
    pub timestamp: i64,
    /// Who set the timestamp.
    pub timestamp_type: TimestampType,
    /// The record's key.
    pub key: Option<&'a [u8]>,
    /// The record's value.
    pub value: Option<&'a [u8]>,
}

/// Who set a record's timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// Its producer.
    CreateTime,
    /// The broker.
    LogAppendTime,
    /// Nobody.
    None,
}

impl TimestampType {
    fn name(self) -> &'static str {
        match self {
            TimestampType::CreateTime => "CREATE_TIME",
            TimestampType::LogAppendTime => "LOG_APPEND_TIME",
            TimestampType::None => "NO_TIMESTAMP_TYPE",
        }
    }
}

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

/// The records of one partition within a batch.
#[derive(Debug)]
struct Part {
    topic: String,
    partition: i32,
    /// `{...},{...}`
    json: Vec<u8>,
    next_offset: i64,
}

impl Part {
    /// What this part adds to the event beyond its records: `"topic-0":[` `]` and a comma.
    fn overhead(topic: &str, partition: i32) -> usize {
        topic.len() + (partition.checked_ilog10().unwrap_or(0) as usize + 1) + "\"-\":[],".len()
    }
}

/// A closed batch.
#[derive(Debug)]
pub struct Batch {
    parts: Vec<Part>,
    /// Records in it; at least one.
    pub records: usize,
    size: usize,
}

impl Batch {
    /// The event, as Lambda's event source sends it.
    pub fn event(&self, bootstrap_servers: &str) -> Vec<u8> {
        let mut event = Vec::with_capacity(self.size);
        event.extend_from_slice(&head(bootstrap_servers));
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
        self.parts.iter().map(|part| (&*part.topic, part.partition, part.next_offset))
    }
}

const TAIL: &[u8] = b"}}";

fn head(bootstrap_servers: &str) -> Vec<u8> {
    let servers = serde_json::Value::from(bootstrap_servers);
    format!(r#"{{"eventSource":"SelfManagedKafka","bootstrapServers":{servers},"records":{{"#).into_bytes()
}

/// Collects records into batches.
#[derive(Debug)]
pub struct Batcher {
    limits: Limits,
    /// Bytes of an event without records.
    empty_size: usize,
    open: Option<(Batch, Instant)>,
    record: Vec<u8>,
}

impl Batcher {
    /// A batcher for events that name these servers.
    pub fn new(limits: Limits, bootstrap_servers: &str) -> Self {
        let empty_size = head(bootstrap_servers).len() + TAIL.len();
        Batcher { limits, empty_size, open: None, record: Vec::new() }
    }

    /// Adds a record; gives the batch that this closes, if it does. A record that does not fit into the
    /// open batch closes it and begins the next; one that fits into none stands alone in its batch.
    pub fn add<'h>(
        &mut self,
        record: &SourceRecord<'_>,
        headers: impl Iterator<Item = (&'h str, Option<&'h [u8]>)>,
        now: Instant,
    ) -> Option<Batch> {
        self.record.clear();
        write_record(record, headers, &mut self.record);
        let mut closed = None;
        if let Some((batch, _)) = &self.open
            && batch.size + self.added_size(batch, record) > self.limits.payload
        {
            closed = self.take();
        }
        let (mut batch, opened) =
            self.open.take().unwrap_or_else(|| (Batch { parts: Vec::new(), records: 0, size: self.empty_size }, now));
        batch.size += self.added_size(&batch, record);
        batch.records += 1;
        match batch.parts.iter_mut().find(|part| part.partition == record.partition && part.topic == record.topic) {
            Some(part) => {
                part.json.push(b',');
                part.json.extend_from_slice(&self.record);
                part.next_offset = record.offset + 1;
            }
            None => batch.parts.push(Part {
                topic: record.topic.to_owned(),
                partition: record.partition,
                json: self.record.clone(),
                next_offset: record.offset + 1,
            }),
        }
        let full = batch.records >= self.limits.batch_size;
        self.open = Some((batch, opened));
        // A batch of one has closed when it was full, so never are two closed at once.
        if full && closed.is_none() { self.take() } else { closed }
    }

    /// Bytes that the record in `self.record` adds to the event of `batch`.
    fn added_size(&self, batch: &Batch, record: &SourceRecord<'_>) -> usize {
        let known = batch.parts.iter().any(|part| part.partition == record.partition && part.topic == record.topic);
        let around = if known { 1 } else { Part::overhead(record.topic, record.partition) };
        self.record.len() + around
    }

    /// When the open batch's window ends.
    pub fn due(&self) -> Option<Instant> {
        self.open.as_ref().map(|(_, opened)| *opened + self.limits.window)
    }

    /// Closes the open batch.
    pub fn take(&mut self) -> Option<Batch> {
        self.open.take().map(|(batch, _)| batch)
    }
}

/// Appends `{"topic":...,"headers":[...]}` as Lambda writes it: no field for an absent key or value, and
/// header bytes signed, as Java has them.
fn write_record<'h>(
    record: &SourceRecord<'_>,
    headers: impl Iterator<Item = (&'h str, Option<&'h [u8]>)>,
    out: &mut Vec<u8>,
) {
    let SourceRecord { topic, partition, offset, timestamp, timestamp_type, key, value } = record;
    let kind = timestamp_type.name();
    // Writing into memory does not fail. Kafka's topic names need no escape.
    let _ = write!(
        out,
        r#"{{"topic":"{topic}","partition":{partition},"offset":{offset},"timestamp":{timestamp},"timestampType":"{kind}""#
    );
    for (name, bytes) in [("key", key), ("value", value)] {
        if let Some(bytes) = bytes {
            let _ = write!(out, ",\"{name}\":\"");
            STANDARD.encode_append(bytes, out);
            out.push(b'"');
        }
    }
    out.extend_from_slice(b",\"headers\":[");
    for (index, (name, bytes)) in headers.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.push(b'{');
        let _ = serde_json::to_writer(&mut *out, name);
        out.push(b':');
        match bytes {
            None => out.extend_from_slice(b"null"),
            Some(bytes) => {
                let signed: Vec<i8> = bytes.iter().map(|byte| byte.cast_signed()).collect();
                let _ = serde_json::to_writer(&mut *out, &signed);
            }
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sink::event::Event;

    const SERVERS: &str = "127.0.0.1:9092";

    fn record<'a>(partition: i32, offset: i64, value: &'a [u8]) -> SourceRecord<'a> {
        SourceRecord {
            topic: "quotes",
            partition,
            offset,
            timestamp: 1_764_028_800_123,
            timestamp_type: TimestampType::CreateTime,
            key: Some(b"HSI"),
            value: Some(value),
        }
    }

    fn limits(batch_size: usize, payload: usize) -> Limits {
        Limits { batch_size, window: Duration::from_millis(500), payload }
    }

    fn text(batch: &Batch) -> String {
        String::from_utf8(batch.event(SERVERS)).unwrap()
    }

    #[test]
    fn the_event_is_the_one_that_aws_documents() {
        let mut batcher = Batcher::new(limits(2, MAX_PAYLOAD), SERVERS);
        let headers = [("h", Some([104, 195, 171].as_slice())), ("n", None)];
        assert!(batcher.add(&record(0, 15, b"{}"), headers.into_iter(), Instant::now()).is_none());
        let tombstone = SourceRecord { key: None, value: None, ..record(1, 7, b"") };
        let batch = batcher.add(&tombstone, [].into_iter(), Instant::now()).unwrap();
        assert_eq!(
            text(&batch),
            concat!(
                r#"{"eventSource":"SelfManagedKafka","bootstrapServers":"127.0.0.1:9092","records":{"#,
                r#""quotes-0":[{"topic":"quotes","partition":0,"offset":15,"timestamp":1764028800123,"timestampType":"CREATE_TIME","#,
                r#""key":"SFNJ","value":"e30=","headers":[{"h":[104,-61,-85]},{"n":null}]}],"#,
                r#""quotes-1":[{"topic":"quotes","partition":1,"offset":7,"timestamp":1764028800123,"timestampType":"CREATE_TIME","headers":[]}]}}"#
            )
        );
        assert_eq!(batch.next_offsets().collect::<Vec<_>>(), [("quotes", 0, 16), ("quotes", 1, 8)]);
    }

    #[test]
    fn aws_lambda_events_reads_the_event() {
        let mut batcher = Batcher::new(limits(1, MAX_PAYLOAD), SERVERS);
        let headers = [("h", Some([104, 195, 171].as_slice()))];
        let batch = batcher.add(&record(4, 15, b"{\"a\":1}"), headers.into_iter(), Instant::now()).unwrap();
        let event: aws_lambda_events::kafka::KafkaEvent = serde_json::from_str(&text(&batch)).unwrap();
        let record = &event.records["quotes-4"][0];
        assert_eq!((record.partition, record.offset), (4, 15));
        assert_eq!(record.value.as_deref(), Some("eyJhIjoxfQ=="));
        assert_eq!(record.headers[0]["h"], [104, -61, -85]);
        assert_eq!(event.bootstrap_servers.as_deref(), Some(SERVERS));
    }

    #[test]
    fn a_batch_closes_at_its_size_and_is_due_at_the_end_of_its_window() {
        let mut batcher = Batcher::new(limits(3, MAX_PAYLOAD), SERVERS);
        let opened = Instant::now();
        assert_eq!(batcher.due(), None);
        assert!(batcher.add(&record(0, 0, b"{}"), [].into_iter(), opened).is_none());
        assert!(batcher.add(&record(0, 1, b"{}"), [].into_iter(), opened + Duration::from_millis(400)).is_none());
        assert_eq!(batcher.due(), Some(opened + Duration::from_millis(500)), "counted from the first record");
        assert_eq!(batcher.add(&record(0, 2, b"{}"), [].into_iter(), opened).unwrap().records, 3);
        assert_eq!(batcher.due(), None);
        assert!(batcher.take().is_none());
    }

    #[test]
    fn a_record_larger_than_the_limit_stands_alone() {
        let mut batcher = Batcher::new(limits(100, 1000), SERVERS);
        let large = [b'x'; 2000];
        assert!(batcher.add(&record(0, 0, b"{}"), [].into_iter(), Instant::now()).is_none());
        assert_eq!(batcher.add(&record(0, 1, &large), [].into_iter(), Instant::now()).unwrap().records, 1);
        assert_eq!(batcher.add(&record(0, 2, b"{}"), [].into_iter(), Instant::now()).unwrap().records, 1);
        assert_eq!(batcher.take().unwrap().next_offsets().collect::<Vec<_>>(), [("quotes", 0, 3)]);
    }

    proptest! {
        #[test]
        fn every_record_is_in_one_batch_in_order_and_no_event_is_over_the_limit(
            records in prop::collection::vec((0..12_i32, prop::collection::vec(any::<u8>(), 0..120)), 1..200),
            batch_size in 1..40_usize,
            payload in 900..4_000_usize,
        ) {
            let mut batcher = Batcher::new(limits(batch_size, payload), SERVERS);
            let mut batches = Vec::new();
            let mut next = [0_i64; 12];
            for (partition, value) in &records {
                let offset = next[*partition as usize];
                next[*partition as usize] += 1;
                batches.extend(batcher.add(&record(*partition, offset, value), [].into_iter(), Instant::now()));
            }
            batches.extend(batcher.take());
            let mut seen = [0_i64; 12];
            for batch in &batches {
                let event = text(batch);
                prop_assert!(event.len() <= payload, "{} bytes", event.len());
                prop_assert!(batch.records <= batch_size);
                let parsed = Event::parse(&event).unwrap();
                prop_assert_eq!(parsed.records.len(), batch.records);
                for record in &parsed.records {
                    prop_assert_eq!(record.offset, seen[record.partition as usize]);
                    seen[record.partition as usize] += 1;
                }
            }
            prop_assert_eq!(seen, next);
        }
    }
}
