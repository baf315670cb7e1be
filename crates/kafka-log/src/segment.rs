//! A segment: consecutive batches in one file or in memory, and their index.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::batch::{BatchError, BatchHeader, HEADER_LEN};
use crate::error::StorageError;
use crate::files::PooledFile;
use crate::index::Index;

/// Bytes that are read at once to look for a batch from an index entry on.
const LOOKUP_WINDOW: usize = 8 << 10;
/// Bytes that are read at once to rebuild an index.
const SCAN_WINDOW: usize = 256 << 10;

#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) base_offset: i64,
    pub(crate) next_offset: i64,
    pub(crate) size: u64,
    pub(crate) index: Index,
    pub(crate) data: SegmentData,
}

/// The bytes of a segment.
#[derive(Debug)]
pub(crate) enum SegmentData {
    /// Appended buffers and the position of each.
    Memory(Vec<(u64, Bytes)>),
    File(PooledFile),
}

/// The open file of a segment.
#[derive(Debug)]
pub(crate) struct SegmentFile {
    file: Arc<File>,
    path: PathBuf,
}

impl SegmentFile {
    pub(crate) fn sync(&self) -> Result<(), StorageError> {
        self.file.sync_all().map_err(StorageError::io("sync", &self.path))
    }
}

impl Segment {
    pub(crate) fn new(base_offset: i64, data: SegmentData) -> Segment {
        Segment { base_offset, next_offset: base_offset, size: 0, index: Index::new(), data }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// Appends a batch whose offsets are set, and writes the segment to the disk if `sync` is set. After an error the
    /// segment is unchanged.
    pub(crate) fn append(&mut self, header: &BatchHeader, batch: Bytes, sync: bool) -> Result<(), StorageError> {
        match &mut self.data {
            SegmentData::Memory(buffers) => buffers.push((self.size, batch)),
            SegmentData::File(pooled) => {
                let file = pooled.get()?;
                let written = file.write_all_at(&batch, self.size).and_then(|()| match sync {
                    true => file.sync_all(),
                    false => Ok(()),
                });
                if let Err(source) = written {
                    // If the batch cannot be removed, the next append overwrites it, or recovery cuts it.
                    let _ = file.set_len(self.size);
                    return Err(StorageError::io("write", pooled.path())(source));
                }
            }
        }
        self.add(header);
        Ok(())
    }

    /// Adds a batch that is stored at the end.
    pub(crate) fn add(&mut self, header: &BatchHeader) {
        self.index.add(header, self.size);
        self.size += header.size as u64;
        self.next_offset = header.next_offset();
    }

    /// Reads `length` bytes, which must lie within the segment.
    pub(crate) fn read(&self, position: u64, length: usize) -> Result<Bytes, StorageError> {
        match &self.data {
            SegmentData::Memory(buffers) => Ok(read_buffers(buffers, position, length)),
            SegmentData::File(pooled) => {
                let mut buffer = BytesMut::zeroed(length);
                let read = pooled.get()?.read_exact_at(&mut buffer, position);
                read.map_err(StorageError::io("read", pooled.path()))?;
                Ok(buffer.freeze())
            }
        }
    }

    /// Returns the position and header of the batch that contains `offset`.
    pub(crate) fn find(&self, offset: i64) -> Result<Option<(u64, BatchHeader)>, StorageError> {
        let mut headers = self.headers_from(self.index.position_of(offset));
        while let Some((position, header)) = headers.next(self)? {
            if header.last_offset() >= offset {
                return Ok(Some((position, header)));
            }
        }
        Ok(None)
    }

    /// Returns the headers from the batch at `position` on.
    pub(crate) fn headers_from(&self, position: u64) -> Headers {
        Headers { end: self.size, position, window: Bytes::new(), window_len: LOOKUP_WINDOW, start: 0 }
    }

    /// Writes the segment to the disk.
    pub(crate) fn sync(&self) -> Result<(), StorageError> {
        match &self.data {
            SegmentData::Memory(_) => Ok(()),
            SegmentData::File(pooled) => pooled.get()?.sync_all().map_err(StorageError::io("sync", pooled.path())),
        }
    }

    /// Returns the open file, or `None` for a segment in memory or if it cannot be opened.
    pub(crate) fn file(&self) -> Option<SegmentFile> {
        match &self.data {
            SegmentData::Memory(_) => None,
            SegmentData::File(pooled) => {
                let file = pooled.get().ok()?;
                Some(SegmentFile { file, path: pooled.path().to_owned() })
            }
        }
    }

    pub(crate) fn corrupt(&self, position: u64, source: BatchError) -> StorageError {
        let path = match &self.data {
            SegmentData::Memory(_) => "memory".into(),
            SegmentData::File(pooled) => pooled.path().to_owned(),
        };
        StorageError::Corrupt { path, position, source }
    }
}

fn read_buffers(buffers: &[(u64, Bytes)], position: u64, length: usize) -> Bytes {
    let first = buffers.partition_point(|(start, _)| *start <= position).saturating_sub(1);
    let mut skip = (position - buffers.get(first).map_or(0, |(start, _)| *start)) as usize;
    if let Some((_, buffer)) = buffers.get(first).filter(|(_, buffer)| skip + length <= buffer.len()) {
        return buffer.slice(skip..skip + length);
    }
    let mut joined = BytesMut::with_capacity(length);
    for (_, buffer) in &buffers[first..] {
        let end = buffer.len().min(skip + length - joined.len());
        joined.extend_from_slice(&buffer[skip..end]);
        skip = 0;
        if joined.len() == length {
            break;
        }
    }
    joined.freeze()
}

/// Iterates over batch headers, reading a window of the segment at a time.
pub(crate) struct Headers {
    end: u64,
    position: u64,
    window: Bytes,
    window_len: usize,
    /// Position of the window.
    start: u64,
}

impl Headers {
    /// Returns the headers of a segment that is being recovered and has `end` bytes.
    pub(crate) fn scan(end: u64) -> Headers {
        Headers { end, position: 0, window: Bytes::new(), window_len: SCAN_WINDOW, start: 0 }
    }

    /// Returns position and header of the next batch of `segment`, or `None` at the end.
    ///
    /// # Errors
    /// If the file cannot be read or the bytes are not a batch.
    pub(crate) fn next(&mut self, segment: &Segment) -> Result<Option<(u64, BatchHeader)>, StorageError> {
        let position = self.position;
        if position >= self.end {
            return Ok(None);
        }
        let left = self.end - position;
        let needed = left.min(HEADER_LEN as u64);
        if position + needed > self.start + self.window.len() as u64 {
            self.window = segment.read(position, left.min(self.window_len as u64) as usize)?;
            self.start = position;
        }
        let header = BatchHeader::parse(&self.window[(position - self.start) as usize..]).and_then(|header| {
            if header.size as u64 > left {
                return Err(BatchError::Truncated { needed: header.size, available: left as usize });
            }
            Ok(header)
        });
        let header = header.map_err(|source| segment.corrupt(position, source))?;
        self.position += header.size as u64;
        Ok(Some((position, header)))
    }
}
