//! The log of one partition.

mod read;
mod recovery;
mod retention;
#[cfg(test)]
mod tests;
mod times;

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::aborted::{AbortedIndex, AbortedTransaction};
use crate::batch::{BatchHeader, TimestampType, set_base_offset};
use crate::config::LogConfig;
use crate::control::EndMarker;
use crate::error::{AppendError, StorageError};
use crate::producers::{ProducerSnapshot, Producers};
use crate::segment::{Segment, SegmentData, SegmentFile};
use crate::store::Store;
use crate::validate::ValidBatch;

/// The result of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Offset of the first record. For a duplicate, the offset at which the batch was stored before.
    pub base_offset: i64,
    /// Offset of the last record.
    pub last_offset: i64,
    /// Timestamp of the records if the topic uses `LogAppendTime`. For a duplicate, the largest timestamp of the stored
    /// batch, as in Apache Kafka.
    pub log_append_time: Option<i64>,
    pub log_start_offset: i64,
    /// The batch had been stored before and was not stored again.
    pub duplicate: bool,
}

/// Which records a read returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// Up to the high watermark.
    #[default]
    ReadUncommitted,
    /// Up to the last stable offset, with the aborted transactions among the records.
    ReadCommitted,
}

/// Parameters of [`Log::read`].
#[derive(Debug, Clone, Copy)]
pub struct ReadRequest {
    /// Offset of the first record. The batch that contains it is returned whole.
    pub offset: i64,
    /// Bytes to return at most.
    pub max_bytes: usize,
    /// Returns the first batch even if it is larger than `max_bytes`, so that a consumer makes progress.
    pub at_least_one_batch: bool,
    pub isolation: Isolation,
}

/// The result of a read.
#[derive(Debug, Clone, Default)]
pub struct ReadRecords {
    /// Whole batches; empty at the end of the log.
    pub records: Bytes,
    /// Aborted transactions that overlap the records; empty for [`Isolation::ReadUncommitted`].
    pub aborted: Vec<AbortedTransaction>,
}

/// A record's timestamp in milliseconds since the epoch, and its offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimestampOffset {
    pub timestamp: i64,
    pub offset: i64,
}

/// A segment to write to the disk before another one begins.
#[derive(Debug)]
pub struct FullSegment(SegmentFile);

impl FullSegment {
    /// Writes the segment to the disk (`fsync`).
    ///
    /// # Errors
    /// If the operating system reports one.
    pub fn sync(&self) -> Result<(), StorageError> {
        self.0.sync()
    }
}

/// The log of one partition.
#[derive(Debug)]
pub struct Log {
    config: LogConfig,
    store: Store,
    /// Sorted by offset. Batches are appended to the last one.
    segments: VecDeque<Segment>,
    log_start_offset: i64,
    producers: Producers,
    aborted: AbortedIndex,
    /// Records that were appended since the last `fsync`, and the time of the first of them.
    unflushed: u64,
    unflushed_since_ms: Option<i64>,
}

impl Log {
    /// Creates an empty log in memory.
    pub fn in_memory(config: LogConfig) -> Log {
        let segment = Segment::new(0, SegmentData::Memory(Vec::new()));
        Log { segments: VecDeque::from([segment]), ..Log::empty(config, Store::Memory) }
    }

    /// Creates a log that needs a segment.
    fn empty(config: LogConfig, store: Store) -> Log {
        let (producers, aborted) = Default::default();
        let (unflushed, unflushed_since_ms) = (0, None);
        let segments = VecDeque::new();
        Log { config, store, segments, log_start_offset: 0, producers, aborted, unflushed, unflushed_since_ms }
    }

    /// Validates a batch and appends it: [`ValidBatch::new`] and [`append_valid`](Self::append_valid).
    ///
    /// # Errors
    /// If the batch is not valid or the file cannot be written. The log is then unchanged.
    pub fn append(&mut self, records: &[u8], now_ms: i64) -> Result<Appended, AppendError> {
        let batch = ValidBatch::new(records, &self.config, now_ms)?;
        self.append_valid(batch, now_ms)
    }

    /// Sets the offsets of a batch and stores it. A duplicate of an idempotent producer's batch is not stored again.
    ///
    /// # Errors
    /// If the batch does not follow the producer's earlier ones or the file cannot be written. The log is then
    /// unchanged.
    pub fn append_valid(&mut self, batch: ValidBatch, now_ms: i64) -> Result<Appended, AppendError> {
        let ValidBatch { header, bytes } = batch;
        if let Some(stored) = self.producers.validate(&header)? {
            let time = Some(stored.timestamp);
            return Ok(self.appended(stored.base_offset, stored.last_offset, time, true));
        }
        let header = self.store_batch(header, bytes, now_ms)?;
        self.producers.add(&header, Some(now_ms));
        let time = (header.timestamp_type() == TimestampType::LogAppendTime).then_some(header.max_timestamp);
        Ok(self.appended(header.base_offset, header.last_offset(), time, false))
    }

    /// Returns the segment that [`append_valid`](Self::append_valid) will write to the disk, because it is full, before
    /// it stores the batch. If the caller does so beforehand, while the log is not locked, the append is quick.
    pub fn full_segment(&self, batch: &ValidBatch) -> Option<FullSegment> {
        if self.is_full(&batch.header) { self.active().file().map(FullSegment) } else { None }
    }

    /// Prepares the append of a transactional batch. Call it before the transaction coordinator is asked whether the
    /// transaction has the partition, without another change to the log until the append. `starts_at_zero` is `true` if
    /// the producer's sequences begin at 0 with each transaction.
    ///
    /// # Errors
    /// If the log has a higher epoch of the producer.
    pub fn begin_verification(
        &mut self,
        header: &BatchHeader,
        starts_at_zero: bool,
        now_ms: i64,
    ) -> Result<(), AppendError> {
        self.producers.begin_verification(header, starts_at_zero, now_ms)
    }

    /// Appends the marker that ends a producer's transaction.
    ///
    /// # Errors
    /// If the marker's epochs are lower than the producer's, or the file cannot be written. The log is then unchanged.
    pub fn append_end_marker(&mut self, marker: EndMarker, now_ms: i64) -> Result<Appended, AppendError> {
        self.producers.validate_marker(&marker)?;
        let batch = BytesMut::from(&marker.encode(now_ms)[..]);
        let header = BatchHeader::parse(&batch).map_err(AppendError::Corrupt)?;
        let header = self.store_batch(header, batch, now_ms)?;
        self.add_marker(&marker, &header, Some(now_ms));
        Ok(self.appended(header.base_offset, header.last_offset(), None, false))
    }

    fn appended(&self, base_offset: i64, last_offset: i64, log_append_time: Option<i64>, duplicate: bool) -> Appended {
        Appended { base_offset, last_offset, log_append_time, log_start_offset: self.log_start_offset, duplicate }
    }

    /// Sets the batch's offsets and stores it. Returns its header.
    fn store_batch(
        &mut self,
        header: BatchHeader,
        mut batch: BytesMut,
        now_ms: i64,
    ) -> Result<BatchHeader, StorageError> {
        if self.is_full(&header) {
            self.roll()?;
        }
        let header = BatchHeader { base_offset: self.high_watermark(), ..header };
        set_base_offset(&mut batch, header.base_offset);
        let unflushed = self.unflushed + u64::try_from(header.record_count).unwrap_or(0);
        let sync = self.config.flush_messages.is_some_and(|limit| unflushed >= limit);
        self.active_mut().append(&header, batch.freeze(), sync)?;
        self.unflushed = if sync { 0 } else { unflushed };
        self.unflushed_since_ms = if sync { None } else { self.unflushed_since_ms.or(Some(now_ms)) };
        Ok(header)
    }

    /// Returns `true` if the batch must not be stored in the last segment, by its size or by its age.
    fn is_full(&self, header: &BatchHeader) -> bool {
        let active = self.active();
        let age = active.index.first_timestamp().map(|first| header.max_timestamp.saturating_sub(first));
        let is_old = self.config.segment_ms.zip(age).is_some_and(|(limit, age)| age > limit);
        !active.is_empty() && (is_old || active.size + header.size as u64 > self.config.segment_bytes)
    }

    /// Applies a stored marker to producers and aborted transactions.
    fn add_marker(&mut self, marker: &EndMarker, header: &BatchHeader, now_ms: Option<i64>) {
        if let Some(aborted) = self.producers.add_marker(marker, header.max_timestamp, now_ms) {
            let last_stable_offset = self.producers.first_open_offset().unwrap_or(header.next_offset());
            self.aborted.add(aborted, header.base_offset, last_stable_offset);
        }
    }

    /// Starts a new segment. The full one is written to the disk before the new one exists, so only the last segment
    /// can have a torn end.
    fn roll(&mut self) -> Result<(), StorageError> {
        self.active().sync()?;
        (self.unflushed, self.unflushed_since_ms) = (0, None);
        let base_offset = self.high_watermark();
        self.store.save_producers(base_offset, &self.producers)?;
        let segment = self.store.create_segment(base_offset)?;
        if let Err(error) = self.store.sync() {
            // The full segment may grow beyond this base offset. If the file cannot be removed, recovery ignores it.
            let _ = self.store.remove_segment(&segment);
            return Err(error);
        }
        self.segments.push_back(segment);
        Ok(())
    }

    fn active(&self) -> &Segment {
        &self.segments[self.segments.len() - 1]
    }

    fn active_mut(&mut self) -> &mut Segment {
        let last = self.segments.len() - 1;
        &mut self.segments[last]
    }

    /// Returns the offset of the first record.
    pub fn log_start_offset(&self) -> i64 {
        self.log_start_offset
    }

    /// Returns the offset that the next record gets. The only replica has every record, so this is the log end offset
    /// too.
    pub fn high_watermark(&self) -> i64 {
        self.active().next_offset
    }

    /// Returns the first offset of the oldest open transaction, or the high watermark if no transaction is open.
    pub fn last_stable_offset(&self) -> i64 {
        match self.producers.first_open_offset() {
            Some(offset) => offset.max(self.log_start_offset),
            None => self.high_watermark(),
        }
    }

    /// Returns the number of bytes of all segments.
    pub fn size_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.size).sum()
    }

    /// Returns the idempotent producers that the log knows, for `DescribeProducers`.
    pub fn producers(&self) -> Vec<ProducerSnapshot> {
        self.producers.snapshots()
    }

    /// Returns `true` if the producer has an open transaction in this partition.
    pub fn has_open_transaction(&self, producer_id: i64) -> bool {
        self.producers.has_open_transaction(producer_id)
    }

    pub fn config(&self) -> &LogConfig {
        &self.config
    }

    /// Replaces the settings. Stored batches do not change.
    pub fn set_config(&mut self, config: LogConfig) {
        self.config = config;
    }

    /// Writes everything to the disk (`fsync`).
    ///
    /// # Errors
    /// If the operating system reports one.
    pub fn flush(&mut self) -> Result<(), StorageError> {
        if self.unflushed_since_ms.is_some() {
            self.active().sync()?;
            (self.unflushed, self.unflushed_since_ms) = (0, None);
        }
        Ok(())
    }

    /// Returns `true` if records have not been written to the disk for as long as `flush.ms` allows.
    pub fn is_flush_due(&self, now_ms: i64) -> bool {
        let due = self.unflushed_since_ms.zip(self.config.flush_ms);
        due.is_some_and(|(since, limit)| now_ms.saturating_sub(since) >= limit)
    }
}
