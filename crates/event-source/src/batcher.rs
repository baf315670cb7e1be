//! Decides when a batch is closed. Uses neither Kafka, the clock nor the network.

use std::time::Instant;

use crate::batch::{Batch, ClosedBy, Limits};
use lambda_kafka_event::writer::{EVENT_END, SourceRecord, event_start};

/// Builder of batches from individual records.
#[derive(Debug)]
pub(crate) struct Batcher {
    limits: Limits,
    /// Size in bytes of an event without records.
    empty_size: usize,
    open: Option<OpenBatch>,
}

#[derive(Debug)]
struct OpenBatch {
    batch: Batch,
    records: usize,
    /// Size of the batch's event in bytes.
    size: usize,
    since: Instant,
}

impl OpenBatch {
    fn new(batch: Batch, empty_size: usize, since: Instant) -> Self {
        OpenBatch { records: batch.records(), size: empty_size + batch.size(), batch, since }
    }
}

impl Batcher {
    /// Creates a batcher. `bootstrap_servers` is part of every event and counts towards its size.
    pub(crate) fn new(limits: Limits, bootstrap_servers: &str) -> Self {
        let empty_size = event_start(bootstrap_servers).len() + EVENT_END.len();
        Batcher { limits, empty_size, open: None }
    }

    /// Adds a record. Returns the batch that the record closes, if any. A record that does not fit into the open batch
    /// closes that batch and starts the next one. A record that exceeds the payload limit by itself gets a batch
    /// without other records. `now` is called only for the first record of a batch.
    pub(crate) fn add<'h>(
        &mut self,
        record: &SourceRecord<'_>,
        headers: impl Iterator<Item = (&'h str, Option<&'h [u8]>)>,
        now: impl Fn() -> Instant,
    ) -> Option<Batch> {
        let empty_size = self.empty_size;
        let open = self.open.get_or_insert_with(|| OpenBatch::new(Batch::default(), empty_size, now()));
        open.size += open.batch.push(record, headers);
        open.records += 1;
        if open.size > self.limits.payload && open.records > 1 {
            let last = open.batch.split_last(record.topic, record.partition);
            // The new batch is not full: with a batch size of 1, there would have been no open batch to split.
            let full = self.open.replace(OpenBatch::new(last, empty_size, now()));
            return full.map(|open| open.batch.closed_by(ClosedBy::Payload));
        }
        if open.records < self.limits.batch_size {
            return None;
        }
        self.close().map(|batch| batch.closed_by(ClosedBy::Records))
    }

    /// Returns the time at which the open batch's window ends, or `None` if no batch is open.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.open.as_ref().map(|open| open.since + self.limits.window)
    }

    /// Returns the number of records in the open batch and the size of its event in bytes; zeros if none is open.
    pub(crate) fn filled(&self) -> (usize, usize) {
        self.open.as_ref().map_or((0, 0), |open| (open.records, open.size))
    }

    /// Closes the open batch if its window has ended, and returns it.
    pub(crate) fn close_if_due(&mut self, now: Instant) -> Option<Batch> {
        if self.due().is_some_and(|due| due <= now) { self.close() } else { None }
    }

    /// Closes the open batch, if any, and returns it.
    pub(crate) fn close(&mut self) -> Option<Batch> {
        self.open.take().map(|open| open.batch)
    }

    /// Removes a partition's records from the open batch.
    pub(crate) fn drop_partition(&mut self, topic: &str, partition: i32) {
        if let Some(open) = &mut self.open {
            open.batch.drop_partition(topic, partition);
            open.records = open.batch.records();
            // The size is not reduced, so the batch may be closed a little early.
            if open.records == 0 {
                self.open = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lambda_kafka_event::Event;
    use proptest::prelude::*;

    use super::*;
    use crate::batch::MAX_PAYLOAD;
    use lambda_kafka_event::writer::TimestampType;

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
    fn event_is_the_one_that_aws_documents() {
        let mut batcher = Batcher::new(limits(2, MAX_PAYLOAD), SERVERS);
        let headers = [("h", Some([104, 195, 171].as_slice())), ("n", None)];
        assert!(batcher.add(&record(0, 15, b"{}"), headers.into_iter(), Instant::now).is_none());
        let tombstone = SourceRecord { key: None, value: None, ..record(1, 7, b"") };
        let batch = batcher.add(&tombstone, [].into_iter(), Instant::now).unwrap();
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
    fn aws_lambda_events_parses_the_event() {
        let mut batcher = Batcher::new(limits(1, MAX_PAYLOAD), SERVERS);
        let headers = [("h", Some([104, 195, 171].as_slice()))];
        let batch = batcher.add(&record(4, 15, b"{\"a\":1}"), headers.into_iter(), Instant::now).unwrap();
        let event: aws_lambda_events::kafka::KafkaEvent = serde_json::from_str(&text(&batch)).unwrap();
        let record = &event.records["quotes-4"][0];
        assert_eq!((record.partition, record.offset), (4, 15));
        assert_eq!(record.value.as_deref(), Some("eyJhIjoxfQ=="));
        assert_eq!(record.headers[0]["h"], [104, -61, -85]);
        assert_eq!(event.bootstrap_servers.as_deref(), Some(SERVERS));
    }

    #[test]
    fn batch_closes_at_its_size_or_the_end_of_its_window() {
        let mut batcher = Batcher::new(limits(3, MAX_PAYLOAD), SERVERS);
        let opened = Instant::now();
        assert_eq!(batcher.due(), None);
        assert!(batcher.add(&record(0, 0, b"{}"), [].into_iter(), || opened).is_none());
        assert!(batcher.add(&record(0, 1, b"{}"), [].into_iter(), || opened + Duration::from_millis(400)).is_none());
        assert_eq!(batcher.due(), Some(opened + Duration::from_millis(500)), "counted from the first record");
        assert_eq!(batcher.add(&record(0, 2, b"{}"), [].into_iter(), || opened).unwrap().records(), 3);
        assert_eq!(batcher.due(), None);
        assert!(batcher.close().is_none());
    }

    #[test]
    fn record_over_the_limit_has_its_own_batch() {
        let mut batcher = Batcher::new(limits(100, 1000), SERVERS);
        let large = [b'x'; 2000];
        assert!(batcher.add(&record(0, 0, b"{}"), [].into_iter(), Instant::now).is_none());
        assert_eq!(batcher.add(&record(0, 1, &large), [].into_iter(), Instant::now).unwrap().records(), 1);
        assert_eq!(batcher.add(&record(0, 2, b"{}"), [].into_iter(), Instant::now).unwrap().records(), 1);
        assert_eq!(batcher.close().unwrap().next_offsets().collect::<Vec<_>>(), [("quotes", 0, 3)]);
    }

    #[test]
    fn dropping_a_partition_keeps_the_others() {
        let mut batcher = Batcher::new(limits(100, MAX_PAYLOAD), SERVERS);
        for (partition, offset) in [(0, 5), (1, 7), (0, 6)] {
            assert!(batcher.add(&record(partition, offset, b"{}"), [].into_iter(), Instant::now).is_none());
        }
        batcher.drop_partition("quotes", 0);
        assert!(batcher.add(&record(1, 8, b"{}"), [].into_iter(), Instant::now).is_none());
        assert_eq!(batcher.close().unwrap().next_offsets().collect::<Vec<_>>(), [("quotes", 1, 9)]);
        assert!(batcher.add(&record(0, 5, b"{}"), [].into_iter(), Instant::now).is_none());
        batcher.drop_partition("quotes", 0);
        assert_eq!(batcher.due(), None);
    }

    proptest! {
        #[test]
        fn records_stay_in_order_and_events_below_the_limit(
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
                batches.extend(batcher.add(&record(*partition, offset, value), [].into_iter(), Instant::now));
            }
            batches.extend(batcher.close());
            let mut seen = [0_i64; 12];
            for (index, batch) in batches.iter().enumerate() {
                let event = text(batch);
                prop_assert!(event.len() <= payload, "{} bytes", event.len());
                // A batch that is not full was closed because the next record did not fit. Two bytes are for the comma
                // before the record's partition, and for the comma that is counted after the last partition.
                if let Some(next) = batches.get(index + 1).filter(|_| batch.records() < batch_size) {
                    let added = text(&next.split(1).0).len() - text(&Batch::default()).len();
                    prop_assert!(event.len() + added + 2 > payload, "{} and {added} bytes", event.len());
                }
                prop_assert!(batch.records() <= batch_size);
                let parsed = Event::parse(&event).unwrap();
                prop_assert_eq!(parsed.records.len(), batch.records());
                for record in &parsed.records {
                    prop_assert_eq!(record.offset, seen[record.partition as usize]);
                    seen[record.partition as usize] += 1;
                }
            }
            prop_assert_eq!(seen, next);
        }
    }
}
