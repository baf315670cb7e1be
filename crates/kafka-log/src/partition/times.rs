//! Finds records by their timestamps.

use std::ops::ControlFlow;

use super::{Log, TimestampOffset};
use crate::batch::BatchHeader;
use crate::error::StorageError;
use crate::records::{RecordInfo, for_each_record};
use crate::segment::Segment;

impl Log {
    /// Returns the first record with this or a later timestamp, and decompresses only its batch.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn offset_for_time(&self, timestamp: i64) -> Result<Option<TimestampOffset>, StorageError> {
        for segment in self.segments.iter().filter(|segment| segment.index.max_timestamp() >= timestamp) {
            let mut headers = segment.headers_from(segment.index.position_of_time(timestamp));
            while let Some((position, header)) = headers.next(segment)? {
                if header.max_timestamp < timestamp || header.last_offset() < self.log_start_offset {
                    continue;
                }
                let found = self.find_record(segment, position, &header, |record| record.timestamp >= timestamp)?;
                if found.is_some() {
                    return Ok(found);
                }
            }
        }
        Ok(None)
    }

    /// Returns the first record with the largest timestamp, or `None` for a log without timestamps.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn max_timestamp(&self) -> Result<Option<TimestampOffset>, StorageError> {
        let mut found: Option<TimestampOffset> = None;
        for segment in &self.segments {
            let max = if segment.base_offset < self.log_start_offset {
                self.max_timestamp_of_rest(segment)?
            } else if segment.index.max_timestamp() > found.map_or(-1, |found| found.timestamp) {
                let mut headers = segment.headers_from(segment.index.max_timestamp_position());
                let Some((position, header)) = headers.next(segment)? else { continue };
                self.find_record(segment, position, &header, |record| record.timestamp == header.max_timestamp)?
            } else {
                None
            };
            if max.is_some_and(|max| max.timestamp > found.map_or(-1, |found| found.timestamp)) {
                found = max;
            }
        }
        Ok(found)
    }

    /// Returns the same for the segment whose first records are deleted. Its index includes the deleted ones.
    fn max_timestamp_of_rest(&self, segment: &Segment) -> Result<Option<TimestampOffset>, StorageError> {
        let mut found: Option<TimestampOffset> = None;
        let mut headers = segment.headers_from(segment.index.position_of(self.log_start_offset));
        while let Some((position, header)) = headers.next(segment)? {
            let largest = found.map_or(-1, |found| found.timestamp);
            if header.last_offset() < self.log_start_offset || header.max_timestamp <= largest {
                continue;
            }
            let mut max = largest;
            self.for_each_kept(segment, position, &header, |record| {
                if record.timestamp > max {
                    max = record.timestamp;
                    found = Some(record);
                }
                ControlFlow::Continue(())
            })?;
        }
        Ok(found)
    }

    fn find_record(
        &self,
        segment: &Segment,
        position: u64,
        header: &BatchHeader,
        matches: impl Fn(&TimestampOffset) -> bool,
    ) -> Result<Option<TimestampOffset>, StorageError> {
        let mut found = None;
        self.for_each_kept(segment, position, header, |record| {
            found = Some(record).filter(&matches);
            if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(found)
    }

    /// Calls `visit` with the records of a batch from the log start offset on.
    fn for_each_kept(
        &self,
        segment: &Segment,
        position: u64,
        header: &BatchHeader,
        mut visit: impl FnMut(TimestampOffset) -> ControlFlow<()>,
    ) -> Result<(), StorageError> {
        let batch = segment.read(position, header.size)?;
        let visit = |RecordInfo { offset_delta, timestamp, .. }| {
            let offset = header.base_offset + i64::from(offset_delta);
            if offset < self.log_start_offset {
                return ControlFlow::Continue(());
            }
            visit(TimestampOffset { timestamp, offset })
        };
        let offset = header.base_offset;
        for_each_record(header, &batch, visit).map_err(|source| StorageError::Records { offset, source })
    }
}
