//! Deletes old records: on request, by age and by size.

use super::{FullSegment, Log};
use crate::error::{DeleteRecordsError, StorageError};

impl Log {
    /// Makes `offset` the log start offset, durably, and deletes the segments below it. An offset below the log start
    /// offset changes nothing. Returns the log start offset.
    ///
    /// # Errors
    /// If the offset is negative or above the high watermark, or the files cannot be changed.
    pub fn delete_records_before(&mut self, offset: i64) -> Result<i64, DeleteRecordsError> {
        let high_watermark = self.high_watermark();
        if !(0..=high_watermark).contains(&offset) {
            return Err(DeleteRecordsError::OffsetOutOfRange { offset, high_watermark });
        }
        if offset > self.log_start_offset {
            self.store.save_log_start_offset(offset)?;
            self.log_start_offset = offset;
            if offset == high_watermark && !self.active().is_empty() {
                self.roll()?;
            }
            self.remove_unused_segments()?;
        }
        Ok(self.log_start_offset)
    }

    /// Deletes the segments that `retention.ms` and `retention.bytes` allow to delete, and forgets producers that were
    /// idle for a day. A segment is as old as its latest record; a segment whose records have no timestamps is not
    /// deleted by age. Returns the number of deleted segments.
    ///
    /// # Errors
    /// If a file cannot be deleted.
    pub fn enforce_retention(&mut self, now_ms: i64) -> Result<usize, StorageError> {
        self.producers.expire(now_ms);
        let mut deleted = 0;
        while self.first_segment_is_due(now_ms) {
            if self.segments.len() == 1 {
                self.roll()?;
            }
            let log_start_offset = self.log_start_offset.max(self.segments[1].base_offset);
            self.remove_first_segment()?;
            self.log_start_offset = log_start_offset;
            deleted += 1;
        }
        self.aborted.remove_before(self.log_start_offset);
        Ok(deleted)
    }

    /// Returns the last segment if [`enforce_retention`](Self::enforce_retention) will write it to the disk. If the
    /// caller does so beforehand, while the log is not locked, the deletion is quick.
    pub fn expired_segment(&self, now_ms: i64) -> Option<FullSegment> {
        let is_last = self.segments.len() == 1 && self.first_segment_is_due(now_ms);
        if is_last { self.active().file().map(FullSegment) } else { None }
    }

    fn first_segment_is_due(&self, now_ms: i64) -> bool {
        let first = &self.segments[0];
        if first.is_empty() {
            return false;
        }
        let newest = first.index.max_timestamp();
        let too_old = |retention| newest >= 0 && now_ms.saturating_sub(newest) > retention;
        let too_large = |retention| self.size_bytes() - first.size >= retention;
        self.config.retention_ms.is_some_and(too_old) || self.config.retention_bytes.is_some_and(too_large)
    }

    /// Deletes the segments whose records are all below the log start offset, except the last segment.
    pub(super) fn remove_unused_segments(&mut self) -> Result<(), StorageError> {
        while self.segments.get(1).is_some_and(|second| second.base_offset <= self.log_start_offset) {
            self.remove_first_segment()?;
        }
        self.aborted.remove_before(self.log_start_offset);
        Ok(())
    }

    fn remove_first_segment(&mut self) -> Result<(), StorageError> {
        if let Some(segment) = self.segments.front() {
            // If this fails, the segment stays known. Otherwise the next one could be deleted before it.
            self.store.remove_segment(segment)?;
            self.segments.pop_front();
        }
        Ok(())
    }
}
