//! A pool of the open files of a folder. On most systems, a process may have 1,024 open files by default, and a broker
//! has at least one segment for each partition. So the pool opens a file when it is used, and closes the least recently
//! used file when too many are open.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{FolderError, StorageError};

/// Name of the file in a [`Folder`](crate::Folder) that a process locks as long as it uses the folder.
pub const LOCK_FILE: &str = "lock";

/// Maximum number of files to keep open. At the limit, the least recently used file is removed from the pool; threads
/// that are using it keep it open until they are done.
const MAX_OPEN_FILES: usize = 256;

/// The files of a folder. Keeps the folder locked until it is dropped.
#[derive(Debug)]
pub(crate) struct Files {
    lock: File,
    next_id: AtomicU64,
    open: Mutex<OpenFiles>,
}

#[derive(Debug, Default)]
struct OpenFiles {
    by_id: HashMap<u64, (Arc<File>, u64)>,
    uses: u64,
}

impl Files {
    /// Locks the folder `path`, which must exist, with the file [`LOCK_FILE`] in it.
    pub(crate) fn lock(path: &Path) -> Result<Arc<Files>, FolderError> {
        let lock_path = path.join(LOCK_FILE);
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path);
        let lock = lock.map_err(StorageError::io("open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Arc::new(Files { lock, next_id: AtomicU64::new(0), open: Mutex::default() })),
            Err(std::fs::TryLockError::WouldBlock) => Err(FolderError::InUse { path: path.into() }),
            Err(std::fs::TryLockError::Error(source)) => Err(StorageError::io("lock", &lock_path)(source).into()),
        }
    }

    /// Registers the file `path`. It is opened on first use.
    pub(crate) fn register(self: &Arc<Self>, path: PathBuf) -> PooledFile {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        PooledFile { id, path, files: Arc::clone(self) }
    }

    fn open(&self) -> MutexGuard<'_, OpenFiles> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Files {
    /// Unlocks the folder explicitly. Closing the lock file is not enough while a child process that is being started
    /// has a copy of the file descriptor.
    fn drop(&mut self) {
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, "folder not unlocked");
        }
    }
}

impl OpenFiles {
    /// Closes the least recently used file. Returns `false` if no file is open.
    fn close_oldest(&mut self) -> bool {
        let oldest = self.by_id.iter().min_by_key(|(_, (_, last_use))| *last_use).map(|(&id, _)| id);
        oldest.and_then(|id| self.by_id.remove(&id)).is_some()
    }
}

/// Returns `true` if the process or the system has too many open files (`EMFILE`, `ENFILE`).
fn is_out_of_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24))
}

/// A file that is opened when it is used.
#[derive(Debug)]
pub(crate) struct PooledFile {
    id: u64,
    path: PathBuf,
    files: Arc<Files>,
}

impl PooledFile {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the file, open for reading and writing.
    pub(crate) fn get(&self) -> Result<Arc<File>, StorageError> {
        self.get_with(false)
    }

    /// Returns the file as [`get`](Self::get) does, but creates it if it does not exist.
    pub(crate) fn create(&self) -> Result<Arc<File>, StorageError> {
        self.get_with(true)
    }

    fn get_with(&self, create: bool) -> Result<Arc<File>, StorageError> {
        let mut open = self.files.open();
        open.uses += 1;
        let uses = open.uses;
        if let Some((file, last_use)) = open.by_id.get_mut(&self.id) {
            *last_use = uses;
            return Ok(Arc::clone(file));
        }
        if open.by_id.len() >= MAX_OPEN_FILES {
            open.close_oldest();
        }
        let file = loop {
            let mut options = OpenOptions::new();
            match options.read(true).write(true).create(create).truncate(false).open(&self.path) {
                Ok(file) => break Arc::new(file),
                // Connections may have used up the file descriptors.
                Err(error) if is_out_of_descriptors(&error) && open.close_oldest() => {}
                Err(error) => return Err(StorageError::io("open", &self.path)(error)),
            }
        };
        open.by_id.insert(self.id, (Arc::clone(&file), uses));
        Ok(file)
    }
}

impl Drop for PooledFile {
    fn drop(&mut self) {
        self.files.open().by_id.remove(&self.id);
    }
}

/// Replaces a small file atomically: a crash leaves the old or the new content.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Result<(), StorageError> {
    let new = write_new(path, content)?;
    std::fs::rename(&new, path).map_err(StorageError::io("replace", path))?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Writes the new content of the file `path` to another file beside it, and returns the path of that file.
pub(crate) fn write_new(path: &Path, content: &[u8]) -> Result<PathBuf, StorageError> {
    let new = path.with_added_extension("new");
    match write_synced(&new, content) {
        Ok(()) => Ok(new),
        Err(source) => {
            // On a full disk this frees space.
            let _ = std::fs::remove_file(&new);
            Err(StorageError::io("write", new)(source))
        }
    }
}

fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Writes the entries of a directory to the disk.
pub(crate) fn sync_dir(path: &Path) -> Result<(), StorageError> {
    #[cfg(test)]
    tests::fail_sync_dir().map_err(StorageError::io("sync", path))?;
    File::open(path).and_then(|dir| dir.sync_all()).map_err(StorageError::io("sync", path))
}

/// Reads a file, or returns `None` if it does not exist.
pub(crate) fn read_if_exists(path: &Path) -> Result<Option<Vec<u8>>, StorageError> {
    match std::fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StorageError::io("read", path)(error)),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;
    use std::process::Command;

    use super::*;

    thread_local! {
        static SYNCS_UNTIL_FAILURE: Cell<Option<u32>> = const { Cell::new(None) };
    }

    /// Makes one call of [`sync_dir`] in this thread fail, after `successes` successful calls.
    pub(crate) fn fail_sync_dir_after(successes: u32) {
        SYNCS_UNTIL_FAILURE.set(Some(successes));
    }

    pub(super) fn fail_sync_dir() -> io::Result<()> {
        match SYNCS_UNTIL_FAILURE.get() {
            Some(0) => {
                SYNCS_UNTIL_FAILURE.set(None);
                Err(io::Error::other("injected"))
            }
            left => {
                SYNCS_UNTIL_FAILURE.set(left.map(|left| left - 1));
                Ok(())
            }
        }
    }

    #[test]
    #[ignore = "lowers the limit of its process: file_is_closed_if_no_descriptor_is_free starts it"]
    fn open_without_free_descriptors() {
        rlimit::setrlimit(rlimit::Resource::NOFILE, 64, 64).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let files = Files::lock(dir.path()).unwrap();
        let pooled: Vec<_> = (0..10).map(|n| files.register(dir.path().join(n.to_string()))).collect();
        pooled.iter().for_each(|file| drop(file.create().unwrap()));
        let others: Vec<_> = (0..64).map_while(|_| File::open("/dev/null").ok()).collect();
        assert!(others.len() < 64);
        let last = files.register(dir.path().join("last"));
        last.create().unwrap();
        pooled[0].get().unwrap();
        drop(others);
    }

    #[test]
    fn file_is_closed_if_no_descriptor_is_free() {
        let test = ["--exact", "files::tests::open_without_free_descriptors", "--ignored"];
        let status = Command::new(std::env::current_exe().unwrap()).args(test).status();
        assert!(status.unwrap().success());
    }

    #[test]
    fn least_recently_used_file_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::lock(dir.path()).unwrap();
        let pooled: Vec<_> = (0..MAX_OPEN_FILES + 2).map(|n| files.register(dir.path().join(n.to_string()))).collect();
        for file in &pooled[..MAX_OPEN_FILES] {
            file.create().unwrap();
        }
        pooled[0].get().unwrap();
        pooled[MAX_OPEN_FILES].create().unwrap();
        pooled[MAX_OPEN_FILES + 1].create().unwrap();
        let is_open = |file: &PooledFile| files.open().by_id.contains_key(&file.id);
        assert_eq!(files.open().by_id.len(), MAX_OPEN_FILES);
        assert!(is_open(&pooled[0]));
        assert!(!is_open(&pooled[1]) && !is_open(&pooled[2]) && is_open(&pooled[3]));
        pooled[1].get().unwrap();
        drop(pooled);
        assert_eq!(files.open().by_id.len(), 0);
    }

    #[test]
    fn replaced_file_has_the_new_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file.json");
        assert_eq!(read_if_exists(&path).unwrap(), None);
        for content in [b"first", b"other"] {
            replace(&path, content).unwrap();
            assert_eq!(read_if_exists(&path).unwrap().unwrap(), content);
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
