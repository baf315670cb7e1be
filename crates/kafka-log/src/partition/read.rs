//! Reads records for consumers.

use bytes::Bytes;

use super::{Isolation, Log, ReadRecords, ReadRequest};
use crate::batch::BatchHeader;
use crate::error::{ReadError, StorageError};
use crate::segment::Segment;

impl Log {
    /// Reads whole batches from one segment, the first of which contains the requested offset.
    ///
    /// # Errors
    /// If the offset is below the log start offset or above the high watermark, or the file cannot be read.
    pub fn read(&self, request: ReadRequest) -> Result<ReadRecords, ReadError> {
        let end = self.readable_end(request)?;
        let offset = request.offset;
        if offset >= end {
            return Ok(ReadRecords::default());
        }
        let segment = self.segment_of(offset);
        let Some((position, first)) = segment.find(offset)? else { return Ok(ReadRecords::default()) };
        let (records, next_offset) = read_batches(segment, position, first, end, request)?;
        let aborted = match request.isolation {
            Isolation::ReadUncommitted => Vec::new(),
            Isolation::ReadCommitted => self.aborted.overlapping(offset, next_offset),
        };
        Ok(ReadRecords { records, aborted })
    }

    /// Returns an upper bound of the bytes that [`read`](Self::read) returns, without reading anything. At the end of
    /// the log it is 0.
    ///
    /// # Errors
    /// If the offset is below the log start offset or above the high watermark.
    pub fn available_bytes(&self, request: ReadRequest) -> Result<usize, ReadError> {
        if request.offset >= self.readable_end(request)? {
            return Ok(0);
        }
        let segment = self.segment_of(request.offset);
        let available = usize::try_from(segment.size - segment.index.position_of(request.offset));
        let first_batch = if request.at_least_one_batch { self.config.max_message_bytes } else { 0 };
        Ok(available.unwrap_or(usize::MAX).min(request.max_bytes.max(first_batch)))
    }

    /// Returns the offset at which a read ends.
    fn readable_end(&self, request: ReadRequest) -> Result<i64, ReadError> {
        let (log_start_offset, log_end_offset) = (self.log_start_offset, self.high_watermark());
        let offset = request.offset;
        if !(log_start_offset..=log_end_offset).contains(&offset) {
            return Err(ReadError::OffsetOutOfRange { offset, log_start_offset, log_end_offset });
        }
        Ok(match request.isolation {
            Isolation::ReadUncommitted => log_end_offset,
            Isolation::ReadCommitted => self.last_stable_offset(),
        })
    }

    /// Returns the segment with this offset, which must not be below the log start offset.
    pub(super) fn segment_of(&self, offset: i64) -> &Segment {
        let after = self.segments.partition_point(|segment| segment.base_offset <= offset);
        &self.segments[after.saturating_sub(1)]
    }
}

/// Reads the batches from `position` on that are below the offset `end` and fit into the request's limit. Returns them
/// and the offset after them.
fn read_batches(
    segment: &Segment,
    position: u64,
    first: BatchHeader,
    end: i64,
    request: ReadRequest,
) -> Result<(Bytes, i64), StorageError> {
    let available = usize::try_from(segment.size - position).unwrap_or(usize::MAX);
    let min = if request.at_least_one_batch { first.size } else { 0 };
    let limit = request.max_bytes.max(min).min(available);
    if first.size > limit {
        return Ok((Bytes::new(), request.offset));
    }
    let bytes = segment.read(position, limit)?;
    let mut length = 0;
    let mut next_offset = request.offset;
    while let Ok(header) = BatchHeader::parse(&bytes[length..]) {
        if header.base_offset >= end || header.size > bytes.len() - length {
            break;
        }
        length += header.size;
        next_offset = header.next_offset();
    }
    Ok((bytes.slice(..length), next_offset))
}
