//! Buckets: the folders in the root folder.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::Objects;

impl Objects {
    pub(crate) fn bucket_folder(&self, bucket: &str) -> PathBuf {
        self.paths.bucket(bucket)
    }

    pub(crate) fn has_bucket(&self, bucket: &str) -> bool {
        self.bucket_folder(bucket).is_dir()
    }

    /// Returns the names and creation times of the buckets, sorted by name.
    pub(crate) fn buckets(&self) -> io::Result<Vec<(String, SystemTime)>> {
        let mut buckets = Vec::new();
        for entry in fs::read_dir(self.paths.root())? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let metadata = entry.metadata()?;
            if metadata.is_dir() && s3s::path::check_bucket_name(&name) {
                // Not every file system knows when a file was created.
                buckets.push((name, metadata.created().or_else(|_| metadata.modified())?));
            }
        }
        buckets.sort();
        Ok(buckets)
    }

    /// Creates a bucket. Returns `false` if it already exists.
    pub(crate) fn create_bucket(&self, bucket: &str) -> io::Result<bool> {
        match fs::create_dir(self.bucket_folder(bucket)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deletes a bucket. Returns `false` if it contains files.
    pub(crate) fn delete_bucket(&self, bucket: &str) -> io::Result<bool> {
        if !self.paths.unusual_keys(bucket, "").is_empty() {
            return Ok(false);
        }
        match remove_folders(&self.bucket_folder(bucket)) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => return Ok(false),
            result => result?,
        }
        match fs::remove_dir_all(self.paths.internal(bucket)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(true),
        }
    }
}

/// Removes a folder that contains nothing but folders. Unlike `remove_dir_all`, fails if another request creates an
/// object meanwhile.
fn remove_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_folders(&entry.path())?;
        }
    }
    fs::remove_dir(folder)
}
