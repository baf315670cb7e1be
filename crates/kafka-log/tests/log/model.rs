//! Random operations on a log and on a model of it, which keeps all batches in a list and searches it from the front.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_log::{
    AbortedTransaction, BatchHeader, EndMarker, Isolation, LogConfig, ReadRequest, TransactionResult, batches,
};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::TestLog;
use crate::batches::{ALL_COMPRESSIONS, Batch};

#[derive(Debug, Clone)]
enum Operation {
    Append {
        producer: Option<u8>,
        transactional: bool,
        compression: usize,
        records: Vec<(i64, usize)>,
    },
    /// Sends one of a producer's batches again.
    Retry {
        batch: Index,
    },
    /// Skips a sequence.
    Skip {
        producer: u8,
    },
    /// Raises the producer's epoch and ends its transaction, as a fencing coordinator does.
    End {
        producer: u8,
        commit: bool,
        bump: bool,
    },
    Read {
        offset: Index,
        max_bytes: usize,
        at_least_one: bool,
        committed: bool,
    },
    Time(i64),
    Delete(Index),
    Reopen,
    /// Cuts the last segment somewhere.
    Crash(Index),
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation as O;
    let record = (0..50_i64, prop_oneof![0..20_usize, 0..1_500_usize]);
    let records = prop::collection::vec(record, 1..5);
    prop_oneof![
        8 => (prop::option::of(0..3_u8), any::<bool>(), 0..ALL_COMPRESSIONS.len(), records).prop_map(
            |(producer, transactional, compression, records)| {
                O::Append { producer, transactional, compression, records }
            }
        ),
        2 => any::<Index>().prop_map(|batch| O::Retry { batch }),
        1 => (0..3_u8).prop_map(|producer| O::Skip { producer }),
        3 => (0..3_u8, any::<bool>(), any::<bool>())
            .prop_map(|(producer, commit, bump)| O::End { producer, commit, bump }),
        6 => (any::<Index>(), 0..6_000_usize, any::<bool>(), any::<bool>()).prop_map(
            |(offset, max_bytes, at_least_one, committed)| O::Read { offset, max_bytes, at_least_one, committed }
        ),
        5 => (-1..55_i64).prop_map(O::Time),
        1 => any::<Index>().prop_map(O::Delete),
        1 => Just(O::Reopen),
        2 => any::<Index>().prop_map(O::Crash),
    ]
}

/// A stored batch.
#[derive(Debug, Clone)]
struct Stored {
    header: BatchHeader,
    bytes: Bytes,
    timestamps: Vec<i64>,
    marker: Option<EndMarker>,
}

#[derive(Debug, Default, Clone)]
struct ProducerModel {
    epoch: i16,
    /// Sequences and first offset of the batches of this epoch.
    batches: Vec<(i32, i32, i64)>,
    open: Option<i64>,
}

#[derive(Debug, Default)]
struct Model {
    stored: Vec<Stored>,
    start: i64,
}

impl Model {
    fn end(&self) -> i64 {
        self.stored.last().map_or(self.start, |last| last.header.next_offset()).max(self.start)
    }

    /// Producers and aborted transactions (with the offset of the marker), from the first batch on.
    fn replay(&self) -> (BTreeMap<i64, ProducerModel>, Vec<(AbortedTransaction, i64)>) {
        let mut producers: BTreeMap<i64, ProducerModel> = BTreeMap::new();
        let mut aborted = Vec::new();
        for Stored { header, marker, .. } in &self.stored {
            if !header.has_producer_id() {
                continue;
            }
            let producer = producers.entry(header.producer_id).or_default();
            if producer.epoch != header.producer_epoch {
                producer.epoch = header.producer_epoch;
                producer.batches.clear();
            }
            let Some(marker) = marker else {
                producer.batches.push((header.base_sequence, header.last_sequence(), header.base_offset));
                if header.is_transactional() {
                    producer.open.get_or_insert(header.base_offset);
                }
                continue;
            };
            let first_offset = producer.open.take();
            if let (Some(first_offset), TransactionResult::Abort) = (first_offset, marker.result) {
                let transaction = AbortedTransaction { producer_id: header.producer_id, first_offset };
                aborted.push((transaction, header.base_offset));
            }
        }
        (producers, aborted)
    }

    fn producer(&self, producer_id: i64) -> Option<ProducerModel> {
        self.replay().0.remove(&producer_id)
    }

    fn last_stable_offset(&self) -> i64 {
        let open = self.replay().0.into_values().filter_map(|producer| producer.open).min();
        open.map_or(self.end(), |offset| offset.max(self.start))
    }

    /// Timestamp and offset of the records.
    fn records(&self) -> impl Iterator<Item = (i64, i64)> {
        let records = self.stored.iter().flat_map(|stored| {
            let offset = |n: usize| stored.header.base_offset + n as i64;
            stored.timestamps.iter().enumerate().map(move |(n, timestamp)| (*timestamp, offset(n)))
        });
        records.filter(|(_, offset)| *offset >= self.start)
    }
}

/// Applies operations to a log and the model.
struct Run {
    log: TestLog,
    model: Model,
    /// The batches that were sent with a producer id.
    sent: Vec<Bytes>,
}

impl Run {
    fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Append { producer, transactional, compression, records } => {
                let records: Vec<_> = records.iter().map(|(time, size)| (*time, vec![b'x'; *size])).collect();
                let mut batch = Batch::new(records).compressed(ALL_COMPRESSIONS[*compression]);
                if let Some(id) = producer {
                    let state = self.model.producer((*id).into()).unwrap_or_default();
                    let sequence = state.batches.last().map_or(0, |(_, last, _)| last + 1);
                    batch = batch.sent_by((*id).into(), state.epoch, sequence);
                    if *transactional || state.open.is_some() {
                        batch = batch.transactional();
                    }
                }
                self.append(&batch.encode());
            }
            Operation::Retry { batch } => {
                if !self.sent.is_empty() {
                    let batch = batch.get(&self.sent).clone();
                    self.append(&batch);
                }
            }
            Operation::Skip { producer } => {
                let state = self.model.producer((*producer).into()).unwrap_or_default();
                let sequence = state.batches.last().map_or(0, |(_, last, _)| last + 2);
                let batch = Batch::of(&["skip"]).sent_by((*producer).into(), state.epoch, sequence);
                self.append(&batch.encode());
            }
            Operation::End { producer, commit, bump } => self.end(*producer, *commit, *bump),
            Operation::Read { offset, max_bytes, at_least_one, committed } => {
                let count = (self.model.end() - self.model.start) as usize + 1;
                let request = ReadRequest {
                    offset: self.model.start + offset.index(count) as i64,
                    max_bytes: *max_bytes,
                    at_least_one_batch: *at_least_one,
                    isolation: if *committed { Isolation::ReadCommitted } else { Isolation::ReadUncommitted },
                };
                self.read(request);
            }
            Operation::Time(timestamp) => {
                let found = self.log.offset_for_time(*timestamp).unwrap();
                let expected = self.model.records().find(|(time, _)| time >= timestamp);
                assert_eq!(found.map(|found| (found.timestamp, found.offset)), expected);
            }
            Operation::Delete(offset) => {
                let count = (self.model.end() - self.model.start) as usize + 1;
                let offset = self.model.start + offset.index(count) as i64;
                assert_eq!(self.log.delete_records_before(offset).unwrap(), offset);
                self.model.start = offset;
            }
            Operation::Reopen => self.log.reopen(),
            Operation::Crash(position) => self.crash(position),
        }
    }

    fn append(&mut self, bytes: &Bytes) {
        let header = BatchHeader::parse(bytes).unwrap();
        let state = self.model.producer(header.producer_id).filter(|_| header.has_producer_id());
        let expected = state.map_or(Ok(None), |state| expect_append(&state, &header));
        let appended = self.log.append(bytes, 1_000).map_err(|error| error.code());
        match expected {
            Err(code) => assert_eq!(appended, Err(code)),
            Ok(Some(base_offset)) => {
                let appended = appended.unwrap();
                assert_eq!((appended.base_offset, appended.duplicate), (base_offset, true));
            }
            Ok(None) => {
                let appended = appended.unwrap();
                assert_eq!((appended.base_offset, appended.duplicate), (self.model.end(), false));
                self.store(bytes, None);
                if header.has_producer_id() {
                    self.sent.push(bytes.clone());
                }
            }
        }
    }

    fn end(&mut self, producer: u8, commit: bool, bump: bool) {
        let epoch = self.model.producer(producer.into()).unwrap_or_default().epoch;
        let marker = EndMarker {
            producer_id: producer.into(),
            producer_epoch: epoch + i16::from(bump),
            coordinator_epoch: 0,
            result: if commit { TransactionResult::Commit } else { TransactionResult::Abort },
        };
        let offset = self.log.append_end_marker(marker, 1_500).unwrap().base_offset;
        assert_eq!(offset, self.model.end());
        let bytes = self.log.read(crate::from(offset)).unwrap().records;
        self.store(&bytes, Some(marker));
    }

    fn store(&mut self, bytes: &[u8], marker: Option<EndMarker>) {
        let base_offset = self.model.end();
        let mut bytes = bytes.to_vec();
        bytes[..8].copy_from_slice(&base_offset.to_be_bytes());
        bytes[12..16].fill(0);
        let header = BatchHeader::verify(&bytes).unwrap();
        let log_bytes = self.log.read(crate::from(base_offset)).unwrap().records;
        assert_eq!(log_bytes, bytes);
        let timestamps = match marker {
            Some(_) => vec![header.max_timestamp],
            None => crate::batches::timestamps(bytes.clone().into()),
        };
        self.model.stored.push(Stored { header, bytes: bytes.into(), timestamps, marker });
    }

    fn read(&self, request: ReadRequest) {
        let model = &self.model;
        let end = match request.isolation {
            Isolation::ReadUncommitted => model.end(),
            Isolation::ReadCommitted => model.last_stable_offset(),
        };
        let read = self.log.read(request).unwrap();
        let available = self.log.available_bytes(request).unwrap();
        assert!(read.records.len() <= available);
        assert!(available > 0 || request.offset >= end || request.max_bytes == 0);
        let after = model.stored.iter().filter(|stored| stored.header.last_offset() >= request.offset);
        let mut expected = after.take_while(|stored| stored.header.base_offset < end).peekable();
        if request.offset >= end {
            assert!(read.records.is_empty());
            return;
        }
        let mut left = request.max_bytes;
        let mut next_offset = request.offset;
        for (n, batch) in batches(read.records.clone()).enumerate() {
            let (header, bytes) = batch.unwrap();
            assert_eq!(bytes, expected.next().unwrap().bytes);
            let may_exceed = n == 0 && request.at_least_one_batch;
            assert!(bytes.len() <= left || may_exceed);
            left = left.saturating_sub(bytes.len());
            next_offset = header.next_offset();
        }
        // A read ends early only at the end of a segment.
        if let Some(next) = expected.peek() {
            let fits = next.bytes.len() <= left || (read.records.is_empty() && request.at_least_one_batch);
            let name = format!("{:020}", next.header.base_offset);
            let is_segment = self.log.segments().iter().any(|path| path.file_stem().unwrap() == name.as_str());
            assert!(!fits || self.log.dir.is_none() || (is_segment && !read.records.is_empty()));
        }
        let overlapping = |(transaction, last): &(AbortedTransaction, i64)| {
            (*last >= request.offset && transaction.first_offset < next_offset).then_some(*transaction)
        };
        let aborted: Vec<_> = match request.isolation {
            Isolation::ReadUncommitted => Vec::new(),
            Isolation::ReadCommitted => model.replay().1.iter().filter_map(overlapping).collect(),
        };
        assert_eq!(read.aborted, aborted);
    }

    fn crash(&mut self, position: &Index) {
        let Some(last) = self.log.segments().pop() else { return };
        let length = std::fs::metadata(&last).unwrap().len() as usize;
        let cut = position.index(length + 1);
        self.log.reopen_after(|_| {
            let file = std::fs::OpenOptions::new().write(true).open(&last).unwrap();
            file.set_len(cut as u64).unwrap();
        });
        let base_offset: i64 = last.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        let mut position = 0;
        self.model.stored.retain(|stored| {
            if stored.header.base_offset < base_offset {
                return true;
            }
            position += stored.bytes.len();
            position <= cut
        });
        // A log that ends below the log start offset is of no use and starts again there.
        if self.model.stored.last().map_or(base_offset, |last| last.header.next_offset()) < self.model.start {
            self.model.stored.clear();
        }
    }

    fn check(&self) {
        let (log, model) = (&self.log, &self.model);
        assert_eq!(log.log_start_offset(), model.start);
        assert_eq!(log.high_watermark(), model.end());
        assert_eq!(log.last_stable_offset(), model.last_stable_offset());
        let largest = model.records().map(|(timestamp, _)| timestamp).max();
        let expected = largest.and_then(|largest| model.records().find(|(timestamp, _)| *timestamp == largest));
        let max = log.max_timestamp().unwrap();
        assert_eq!(max.map(|max| (max.timestamp, max.offset)), expected);
        let producers: Vec<_> = model.replay().0.into_iter().collect();
        let snapshots = log.producers();
        assert_eq!(snapshots.len(), producers.len());
        for ((id, producer), snapshot) in producers.iter().zip(snapshots) {
            assert_eq!((snapshot.producer_id, snapshot.producer_epoch), (*id, producer.epoch));
            assert_eq!(snapshot.last_sequence, producer.batches.last().map_or(-1, |(_, last, _)| *last));
            assert_eq!(snapshot.open_transaction_start, producer.open);
        }
    }
}

/// The first offset if the batch is a duplicate, or the code if it is rejected.
fn expect_append(state: &ProducerModel, header: &BatchHeader) -> Result<Option<i64>, i16> {
    let sequences = (header.base_sequence, header.last_sequence());
    let same_epoch = state.epoch == header.producer_epoch;
    let remembered = &state.batches[state.batches.len().saturating_sub(5)..];
    let duplicate = remembered.iter().find(|(first, last, _)| (*first, *last) == sequences);
    if let Some((_, _, offset)) = duplicate.filter(|_| same_epoch) {
        return Ok(Some(*offset));
    }
    if header.producer_epoch < state.epoch {
        return Err(47);
    }
    let next = state.batches.last().map_or(0, |(_, last, _)| last + 1);
    if header.base_sequence != if same_epoch { next } else { 0 } {
        return Err(45);
    }
    if state.open.is_some() && !header.is_transactional() {
        return Err(48);
    }
    Ok(None)
}

fn run(log: TestLog, operations: &[Operation]) {
    let mut run = Run { log, model: Model::default(), sent: Vec::new() };
    for operation in operations {
        run.apply(operation);
        run.check();
    }
    run.log.reopen();
    run.check();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn log_behaves_as_its_model(
        operations in prop::collection::vec(operation(), 1..60),
        segment_bytes in prop::sample::select(vec![500, 4_000, 40_000, 1_000_000]),
    ) {
        let config = LogConfig { segment_bytes, ..LogConfig::default() };
        for log in TestLog::on_both(&config) {
            run(log, &operations);
        }
    }
}
