//! Turns an event into lines, without I/O: validates each record, writes it as a line with its coordinates, and chooses
//! its object prefix.

mod metadata;
mod partition_batch;
mod quarantine_line;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use base64_simd::STANDARD;

pub use partition_batch::PartitionBatch;
pub(crate) use quarantine_line::is_same_record;

use crate::config::Config;
use crate::validate::Validator;
use lake_format::InvalidRecord;
use lake_format::keys::{Hour, KeyLayout, ObjectPrefix};
use lake_format::metadata::Metadata;
use lake_format::record_line::{self, Coordinates};
use lambda_kafka_event::{EventError, Payload, Record, Records};

/// The records of an event, as lines ready to be written to objects.
#[derive(Debug)]
pub struct Batch<'c> {
    layout: &'c KeyLayout,
    validator: Validator<'c>,
    /// The lines of all partitions, in the order of the event.
    lines: Vec<u8>,
    partitions: Vec<PartitionBatch>,
    /// Index of the partition of the record added last.
    last_partition: usize,
}

impl<'c> Batch<'c> {
    /// Creates an empty batch with enough capacity for the lines of an event of `event_len` bytes.
    pub(crate) fn new(config: &'c Config, event_len: usize) -> Self {
        Batch {
            layout: &config.layout,
            validator: Validator::new(config),
            // Enough for all lines: base64 makes a value a third longer, and an event has more text around each value
            // than a line has.
            lines: Vec::with_capacity(event_len / 4 * 3),
            partitions: Vec::new(),
            last_partition: 0,
        }
    }

    /// Creates a batch of all records of an event.
    ///
    /// # Errors
    /// [`EventError`] if `event` is not a Kafka event.
    pub fn from_event(config: &'c Config, event: &[u8]) -> Result<Self, EventError> {
        let mut batch = Batch::new(config, event.len());
        batch.add_records(&mut Records::new(event), usize::MAX)?;
        Ok(batch)
    }

    /// Adds up to `limit` of the event's next records. Returns `false` once the event has no more records.
    ///
    /// # Errors
    /// [`EventError`] if the text is not a Kafka event. The caller must then store none of the batch's records.
    pub(crate) fn add_records(&mut self, records: &mut Records<'_>, limit: usize) -> Result<bool, EventError> {
        for _ in 0..limit {
            match records.advance()? {
                Some(record) => self.add(record),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Returns the partition batches, in the order in which the partitions first appear in the event.
    pub fn partitions(&self) -> &[PartitionBatch] {
        &self.partitions
    }

    /// Returns a partition's records for the commit protocol, in the order of the event.
    pub fn records(&self, partition: &PartitionBatch) -> Vec<commit_protocol::Record<'_>> {
        partition.records(&self.lines)
    }

    /// Concatenates lines from [`Batch::records`]. Borrows the lines without copying if they are adjacent, which is the
    /// usual case.
    pub fn concat<'b>(&'b self, lines: &[&'b [u8]]) -> Cow<'b, [u8]> {
        let are_adjacent = lines.windows(2).all(|pair| pair[0].as_ptr_range().end == pair[1].as_ptr());
        let length: usize = lines.iter().map(|line| line.len()).sum();
        let start = lines.first().and_then(|line| line.as_ptr().addr().checked_sub(self.lines.as_ptr().addr()));
        match start.and_then(|start| self.lines.get(start..start + length)) {
            Some(whole) if are_adjacent => Cow::Borrowed(whole),
            _ => Cow::Owned(lines.concat()),
        }
    }

    #[inline]
    pub(crate) fn add(&mut self, record: &Record<'_>) {
        let matches = |batch: &PartitionBatch| batch.partition == record.partition && batch.topic == record.topic;
        if !self.partitions.get(self.last_partition).is_some_and(matches) {
            self.last_partition = self.partitions.iter().position(matches).unwrap_or(self.partitions.len());
        }
        if self.last_partition == self.partitions.len() {
            self.partitions.push(PartitionBatch::new(&record.topic, record.partition));
        }
        let start = self.lines.len();
        let partition_batch = &mut self.partitions[self.last_partition];
        let coordinates =
            Coordinates { partition: record.partition, offset: record.offset, timestamp: record.timestamp };
        partition_batch.head.append(&coordinates, self.layout.generation, &mut self.lines);
        if self.layout.metadata != Metadata::NONE {
            metadata::append(record, self.layout.metadata, &mut self.lines);
        }
        let prefix = match append_line(record, self.layout, &mut self.validator, &mut self.lines) {
            Ok(prefix) => prefix,
            Err(reason) => {
                self.lines.truncate(start);
                quarantine_line::append(record, &coordinates, self.layout.generation, &reason, &mut self.lines);
                self.layout.quarantine(Hour::from_timestamp(record.timestamp).unwrap_or(Hour::UNKNOWN))
            }
        };
        partition_batch.push(record.offset, prefix, start..self.lines.len(), self.layout);
    }
}

/// Appends a record's value to its line and returns the record's object prefix, or the reason to quarantine the record.
/// May have appended bytes even if the record is invalid.
fn append_line(
    record: &Record<'_>,
    layout: &KeyLayout,
    validator: &mut Validator<'_>,
    lines: &mut Vec<u8>,
) -> Result<ObjectPrefix<'static>, InvalidRecord> {
    let hour = Hour::from_timestamp(record.timestamp).ok_or(InvalidRecord::NoTimestamp(record.timestamp))?;
    let start = lines.len();
    match &record.value {
        Payload::Absent => return Err(InvalidRecord::Tombstone),
        Payload::Json(json) => lines.extend_from_slice(json.get().as_bytes()),
        // Decodes directly into the line.
        Payload::Base64(encoded) => {
            STANDARD.decode_append(&**encoded, lines).map_err(|_| InvalidRecord::NotBase64)?;
        }
    }
    let validated = validator.validate(lines, start)?;
    record_line::finish(start, &validated.object, lines);
    Ok(layout.data(hour, validated.partition_value))
}
