//! Opens a log and rebuilds everything that is kept in memory from the batch headers.
//!
//! Only the last segment with batches can have a torn end, because a segment is written to the disk before the next one
//! is created. Its batches are verified by their CRC, and the file is cut at the first batch that is not valid. Other
//! segments are not verified; a header in them that is not valid is an error, because cutting there would lose
//! confirmed records. Empty segments after it are proof that it was written to the disk up to their base offset.
//!
//! An empty segment within the offsets of another one is left of an attempt to begin a segment, and is removed.

use std::cmp::Ordering;
use std::path::Path;
use std::sync::Arc;

use super::Log;
use crate::batch::{BatchError, BatchHeader};
use crate::config::LogConfig;
use crate::control::EndMarker;
use crate::error::StorageError;
use crate::files::Files;
use crate::segment::{Headers, Segment, SegmentData};
use crate::store::{Store, list_segments, load_log_start_offset, load_producers, segment_path};

impl Log {
    /// Opens or creates the log in the directory `path`.
    pub(crate) fn open(path: &Path, files: &Arc<Files>, config: LogConfig) -> Result<Log, StorageError> {
        std::fs::create_dir_all(path).map_err(StorageError::io("create", path))?;
        let mut log = Log::empty(config, Store::Dir { path: path.into(), files: Arc::clone(files) });
        log.log_start_offset = load_log_start_offset(path)?;
        let mut found = Vec::new();
        for base_offset in list_segments(path)? {
            let file = files.register(segment_path(path, base_offset));
            let size = file.get()?.metadata().map_err(StorageError::io("read", file.path()))?.len();
            found.push((Segment::new(base_offset, SegmentData::File(file)), size));
        }
        if let Some((first, _)) = found.first() {
            log.producers = load_producers(path, first.base_offset)?;
        }
        let last = found.iter().rposition(|(_, size)| *size > 0).unwrap_or(0);
        let synced_to = found.last().map_or(0, |(segment, _)| segment.base_offset);
        for (n, (segment, size)) in found.into_iter().enumerate() {
            if size == 0 && log.segments.back().is_some_and(|previous| segment.base_offset < previous.next_offset) {
                let base_offset = segment.base_offset;
                match log.store.remove_segment(&segment) {
                    Ok(()) => tracing::warn!(directory = %path.display(), base_offset, "unused segment removed"),
                    Err(error) => tracing::warn!(base_offset, %error, "unused segment ignored"),
                }
                continue;
            }
            log.validate_base_offset(&segment)?;
            let segment = match n.cmp(&last) {
                Ordering::Less => log.recover_full(segment, size)?,
                Ordering::Equal => log.recover_last(segment, size, synced_to)?,
                Ordering::Greater => segment,
            };
            log.segments.push_back(segment);
        }
        log.log_start_offset = log.log_start_offset.max(log.segments.front().map_or(0, |first| first.base_offset));
        log.complete()?;
        Ok(log)
    }

    /// Makes the log start offset and the segments agree.
    fn complete(&mut self) -> Result<(), StorageError> {
        let log_end_offset = self.segments.back().map_or(0, |last| last.next_offset);
        if log_end_offset < self.log_start_offset {
            // The end of the log was lost in a power failure, after records up to it had been deleted.
            for segment in std::mem::take(&mut self.segments) {
                self.store.remove_segment(&segment)?;
            }
            (self.producers, self.aborted) = Default::default();
        }
        if self.segments.is_empty() {
            // The log may have had a segment with this base offset.
            self.store.save_producers(self.log_start_offset, &self.producers)?;
            self.segments.push_back(self.store.create_segment(self.log_start_offset)?);
        }
        self.remove_unused_segments()
    }

    /// Rebuilds the index of a segment that is not the last one.
    fn recover_full(&mut self, mut segment: Segment, size: u64) -> Result<Segment, StorageError> {
        let mut headers = Headers::scan(size);
        while let Some((position, header)) = headers.next(&segment)? {
            validate_offset(&segment, &header).map_err(|source| segment.corrupt(position, source))?;
            self.recover_batch(&mut segment, position, &header)?;
        }
        Ok(segment)
    }

    /// Rebuilds the index of the last segment and cuts a torn end. The batches below `synced_to` are on the disk.
    fn recover_last(&mut self, mut segment: Segment, size: u64, synced_to: i64) -> Result<Segment, StorageError> {
        let mut headers = Headers::scan(size);
        let damage = loop {
            match next_verified(&segment, &mut headers) {
                Ok(Some((position, header))) => self.recover_batch(&mut segment, position, &header)?,
                Ok(None) => return Ok(segment),
                Err(StorageError::Corrupt { source, .. }) if segment.next_offset >= synced_to => break source,
                Err(error) => return Err(error),
            }
        };
        if let SegmentData::File(file) = &segment.data {
            tracing::warn!(
                file = %file.path().display(),
                bytes = size - segment.size,
                next_offset = segment.next_offset,
                reason = %damage,
                "torn end of a log cut"
            );
            let cut = file.get()?.set_len(segment.size);
            cut.map_err(StorageError::io("truncate", file.path()))?;
        }
        Ok(segment)
    }

    fn recover_batch(
        &mut self,
        segment: &mut Segment,
        position: u64,
        header: &BatchHeader,
    ) -> Result<(), StorageError> {
        segment.add(header);
        if header.is_control() {
            let batch = segment.read(position, header.size)?;
            let offset = header.base_offset;
            let marker = EndMarker::decode(header, &batch);
            let marker = marker.map_err(|source| StorageError::Records { offset, source })?;
            self.add_marker(&marker, header, None);
        } else {
            self.producers.add(header, None);
        }
        Ok(())
    }

    /// Verifies that the segment begins where the one before it ends.
    fn validate_base_offset(&self, segment: &Segment) -> Result<(), StorageError> {
        let actual = segment.base_offset;
        match self.segments.back().map(|previous| previous.next_offset) {
            Some(expected) if expected != actual => {
                Err(segment.corrupt(0, BatchError::UnexpectedOffset { expected, actual }))
            }
            _ => Ok(()),
        }
    }
}

fn validate_offset(segment: &Segment, header: &BatchHeader) -> Result<(), BatchError> {
    let (expected, actual) = (segment.next_offset, header.base_offset);
    if actual == expected { Ok(()) } else { Err(BatchError::UnexpectedOffset { expected, actual }) }
}

fn next_verified(segment: &Segment, headers: &mut Headers) -> Result<Option<(u64, BatchHeader)>, StorageError> {
    let Some((position, header)) = headers.next(segment)? else { return Ok(None) };
    let corrupt = |source| segment.corrupt(position, source);
    validate_offset(segment, &header).map_err(corrupt)?;
    BatchHeader::verify(&segment.read(position, header.size)?).map_err(corrupt)?;
    Ok(Some((position, header)))
}
