//! Where the segments of a partition are stored.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::StorageError;
use crate::files::{Files, read_if_exists, replace, sync_dir};
use crate::producers::Producers;
use crate::segment::{Segment, SegmentData};

const LOG_START_FILE: &str = "log-start-offset";
const EXTENSION: &str = "log";
const PRODUCERS_EXTENSION: &str = "producers";

/// Where the segments of a partition are stored.
#[derive(Debug)]
pub(crate) enum Store {
    Memory,
    Dir { path: PathBuf, files: Arc<Files> },
}

impl Store {
    /// Creates an empty segment. After an error it does not exist.
    pub(crate) fn create_segment(&self, base_offset: i64) -> Result<Segment, StorageError> {
        let data = match self {
            Store::Memory => SegmentData::Memory(Vec::new()),
            Store::Dir { path, files } => {
                let file = files.register(segment_path(path, base_offset));
                if let Err(source) = file.create()?.set_len(0) {
                    let _ = std::fs::remove_file(file.path());
                    return Err(StorageError::io("truncate", file.path())(source));
                }
                SegmentData::File(file)
            }
        };
        Ok(Segment::new(base_offset, data))
    }

    /// Writes the names of the segments to the disk.
    pub(crate) fn sync(&self) -> Result<(), StorageError> {
        match self {
            Store::Memory => Ok(()),
            Store::Dir { path, .. } => sync_dir(path),
        }
    }

    /// Deletes a segment, unless it is deleted already.
    pub(crate) fn remove_segment(&self, segment: &Segment) -> Result<(), StorageError> {
        match &segment.data {
            SegmentData::Memory(_) => Ok(()),
            SegmentData::File(file) => {
                remove_if_exists(file.path())?;
                // Without its segment the file means nothing.
                let _ = std::fs::remove_file(file.path().with_extension(PRODUCERS_EXTENSION));
                Ok(())
            }
        }
    }

    /// Stores the state of the producers at the base offset of a segment.
    pub(crate) fn save_producers(&self, base_offset: i64, producers: &Producers) -> Result<(), StorageError> {
        let Store::Dir { path, .. } = self else { return Ok(()) };
        let path = producers_path(path, base_offset);
        if producers.is_empty() {
            return remove_if_exists(&path);
        }
        std::fs::write(&path, producers.encode()).map_err(StorageError::io("write", &path))
    }

    /// Stores the log start offset durably.
    pub(crate) fn save_log_start_offset(&self, offset: i64) -> Result<(), StorageError> {
        match self {
            Store::Memory => Ok(()),
            Store::Dir { path, .. } => replace(&path.join(LOG_START_FILE), format!("{offset}\n").as_bytes()),
        }
    }
}

/// Returns the stored state of the producers at the base offset of a segment. Without it, or if a loss of power has
/// damaged it, the producers are those of the segment's batches.
pub(crate) fn load_producers(dir: &Path, base_offset: i64) -> Result<Producers, StorageError> {
    let path = producers_path(dir, base_offset);
    let Some(content) = read_if_exists(&path)? else { return Ok(Producers::default()) };
    Ok(Producers::decode(&content).unwrap_or_else(|error| {
        tracing::warn!(file = %path.display(), %error, "state of producers ignored");
        Producers::default()
    }))
}

fn producers_path(dir: &Path, base_offset: i64) -> PathBuf {
    dir.join(format!("{base_offset:020}.{PRODUCERS_EXTENSION}"))
}

fn remove_if_exists(path: &Path) -> Result<(), StorageError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StorageError::io("delete", path)(error)),
        _ => Ok(()),
    }
}

/// Returns the stored log start offset, or 0.
pub(crate) fn load_log_start_offset(dir: &Path) -> Result<i64, StorageError> {
    let path = dir.join(LOG_START_FILE);
    let Some(content) = read_if_exists(&path)? else { return Ok(0) };
    let number = str::from_utf8(&content).ok().and_then(|text| text.trim_end().parse().ok());
    let invalid = || std::io::Error::new(std::io::ErrorKind::InvalidData, "the content is not a number");
    number.ok_or_else(|| StorageError::io("read", &path)(invalid()))
}

/// Returns the base offsets of the segments in `dir`, in ascending order. Other files are ignored.
pub(crate) fn list_segments(dir: &Path) -> Result<Vec<i64>, StorageError> {
    let error = || StorageError::io("list", dir);
    let mut offsets = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(error())? {
        let name = entry.map_err(error())?.file_name();
        let offset = name.to_str().and_then(|name| name.strip_suffix(".log")).filter(|digits| digits.len() == 20);
        offsets.extend(offset.and_then(|digits| digits.parse::<i64>().ok()));
    }
    offsets.sort_unstable();
    Ok(offsets)
}

pub(crate) fn segment_path(dir: &Path, base_offset: i64) -> PathBuf {
    dir.join(format!("{base_offset:020}.{EXTENSION}"))
}
