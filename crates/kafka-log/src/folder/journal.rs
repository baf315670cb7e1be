//! Journals: files of opaque entries.
//!
//! ```text
//! length u32 | CRC-32C u32 of length and entry | entry
//! ```
//!
//! Numbers are big-endian. The file is cut at the first entry that is incomplete or does not match its CRC.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::StorageError;
use crate::files::{Files, PooledFile, read_if_exists, sync_dir, write_new};

/// A journal is not rewritten before it has grown by this many bytes since it was rewritten or the last attempt failed.
const MIN_GROWTH: u64 = 1 << 20;
const FRAME_LEN: usize = 8;

/// The journals of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalKind {
    /// Offsets of consumer groups, `offsets.log`.
    Offsets,
    /// Transactions, `transactions.log`.
    Transactions,
}

impl JournalKind {
    pub(super) fn file_name(self) -> &'static str {
        match self {
            JournalKind::Offsets => "offsets.log",
            JournalKind::Transactions => "transactions.log",
        }
    }
}

/// A file of opaque entries that are appended one after the other and replaced all at once.
#[derive(Debug)]
pub struct Journal {
    disk: Option<Disk>,
    /// Entries were appended since the last `fsync`.
    dirty: bool,
}

#[derive(Debug)]
struct Disk {
    path: PathBuf,
    file: PooledFile,
    files: Arc<Files>,
    size: u64,
    /// Size from which on a rewrite is due.
    rewrite_at: u64,
}

/// New content of a journal, which describes the state of which the journal's first `from` bytes are the history.
#[derive(Debug)]
pub struct Rewrite {
    path: PathBuf,
    content: Vec<u8>,
    from: u64,
}

impl Rewrite {
    /// Writes the content to the disk beside the journal, which can be used meanwhile.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self) -> Result<(), StorageError> {
        write_new(&self.path, &self.content).map(drop)
    }

    /// Makes a finished rewrite survive a loss of power.
    ///
    /// # Errors
    /// If the operating system reports one.
    pub fn sync(&self) -> Result<(), StorageError> {
        self.path.parent().map_or(Ok(()), sync_dir)
    }
}

impl Journal {
    pub(super) fn in_memory() -> Journal {
        Journal { disk: None, dirty: false }
    }

    pub(super) fn open(path: PathBuf, files: &Arc<Files>) -> Result<(Journal, Vec<Vec<u8>>), StorageError> {
        let content = read_if_exists(&path)?.unwrap_or_default();
        let (entries, size) = parse(&content);
        let file = files.register(path.clone());
        let open = file.create()?;
        if size < content.len() {
            let bytes = content.len() - size;
            tracing::warn!(file = %path.display(), bytes, "torn end of a journal cut");
            open.set_len(size as u64).map_err(StorageError::io("truncate", &path))?;
        }
        let disk = Disk { path, file, files: Arc::clone(files), size: size as u64, rewrite_at: MIN_GROWTH };
        Ok((Journal { disk: Some(disk), dirty: false }, entries))
    }

    /// Appends an entry. It survives a kill of the process.
    ///
    /// # Errors
    /// If the file cannot be written. The journal is then unchanged.
    pub fn append(&mut self, entry: &[u8]) -> Result<(), StorageError> {
        let Some(disk) = &mut self.disk else { return Ok(()) };
        let mut frame = Vec::with_capacity(FRAME_LEN + entry.len());
        push_frame(&mut frame, entry);
        let file = disk.file.get()?;
        if let Err(source) = file.write_all_at(&frame, disk.size) {
            // If the partial entry cannot be removed, the next append overwrites it, or opening the journal cuts it.
            let _ = file.set_len(disk.size);
            return Err(StorageError::io("write", &disk.path)(source));
        }
        disk.size += frame.len() as u64;
        self.dirty = true;
        Ok(())
    }

    /// Returns `true` if the journal has grown so much that a rewrite with the current state is due.
    pub fn needs_rewrite(&self) -> bool {
        self.disk.as_ref().is_some_and(|disk| disk.size > disk.rewrite_at)
    }

    /// Begins to replace the entries by fewer ones that lead to the current state. The caller calls [`Rewrite::write`],
    /// for which the journal need not be locked, then [`finish_rewrite`](Self::finish_rewrite), then [`Rewrite::sync`].
    /// If any of them fails, the journal is complete without the rewrite, and the next one is due after further growth.
    /// Returns `None` for a journal in memory.
    pub fn begin_rewrite<E: AsRef<[u8]>>(&mut self, entries: impl IntoIterator<Item = E>) -> Option<Rewrite> {
        let disk = self.disk.as_mut()?;
        disk.rewrite_at = disk.size + MIN_GROWTH;
        let mut content = Vec::new();
        for entry in entries {
            push_frame(&mut content, entry.as_ref());
        }
        Some(Rewrite { path: disk.path.clone(), content, from: disk.size })
    }

    /// Puts the written content in the place of the entries, followed by those that were appended meanwhile.
    ///
    /// # Errors
    /// If a file cannot be read or written. The journal is then unchanged.
    pub fn finish_rewrite(&mut self, rewrite: &Rewrite) -> Result<(), StorageError> {
        let Some(disk) = &mut self.disk else { return Ok(()) };
        let new = rewrite.path.with_added_extension("new");
        let mut appended = vec![0; (disk.size - rewrite.from) as usize];
        disk.file.get()?.read_exact_at(&mut appended, rewrite.from).map_err(StorageError::io("read", &disk.path))?;
        let length = rewrite.content.len() as u64;
        let written = OpenOptions::new().write(true).open(&new).and_then(|file| file.write_all_at(&appended, length));
        written.map_err(StorageError::io("write", &new))?;
        std::fs::rename(&new, &disk.path).map_err(StorageError::io("replace", &disk.path))?;
        // The open file is the replaced one.
        disk.file = disk.files.register(disk.path.clone());
        disk.size = length + appended.len() as u64;
        disk.rewrite_at = 2 * disk.size + MIN_GROWTH;
        self.dirty = true;
        Ok(())
    }

    /// Writes everything to the disk (`fsync`).
    ///
    /// # Errors
    /// If the operating system reports one.
    pub fn flush(&mut self) -> Result<(), StorageError> {
        if let Some(disk) = self.disk.as_ref().filter(|_| self.dirty) {
            disk.file.get()?.sync_all().map_err(StorageError::io("sync", &disk.path))?;
            self.dirty = false;
        }
        Ok(())
    }
}

fn push_frame(buffer: &mut Vec<u8>, entry: &[u8]) {
    let length = (entry.len() as u32).to_be_bytes();
    buffer.extend(length);
    buffer.extend(checksum(length, entry).to_be_bytes());
    buffer.extend_from_slice(entry);
}

/// Splits a journal into its entries. Returns them and the number of bytes up to the first invalid entry.
fn parse(content: &[u8]) -> (Vec<Vec<u8>>, usize) {
    let mut entries = Vec::new();
    let mut rest = content;
    while let Some((entry, after)) = split_frame(rest) {
        entries.push(entry.to_vec());
        rest = after;
    }
    (entries, content.len() - rest.len())
}

fn split_frame(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = content.split_first_chunk()?;
    let (crc, rest) = rest.split_first_chunk()?;
    let (entry, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    (checksum(*length, entry) == u32::from_be_bytes(*crc)).then_some((entry, rest))
}

/// Covers the length too, so that zeros are not a sequence of empty entries.
fn checksum(length: [u8; 4], entry: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&length), entry)
}
