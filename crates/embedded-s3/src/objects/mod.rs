//! Objects as files: reads, conditional writes and deletions in the lake's folder.
//!
//! ```text
//! DIR/tickerlake/data/quotes/dt=.../00000-....json.gz   an object: a plain file at its key
//! DIR/.s3/tickerlake/attributes/3f/<MD5 of the key>     its ETag, metadata and headers, as JSON
//! DIR/.s3/tickerlake/unusual/<MD5 of the key>           an object whose key cannot be a path, such as `folder/`
//! DIR/.s3/temporary/                                    bytes that are still being received, parts of uploads
//! ```
//!
//! All functions block. Writes to the same key wait for each other. A write becomes visible by one rename, so a reader
//! sees the old object or the new one.
//!
//! - `paths`: the files of an object, given its key.
//! - `attributes`: an object's `ETag`, headers and metadata.
//! - `temporary`: files that are being received.
//! - `buckets`: creates, lists and deletes buckets.

mod attributes;
mod buckets;
mod paths;
mod temporary;

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use hex_simd::AsciiCase;
use s3s::crypto::{Checksum as _, Md5};

pub(crate) use attributes::Headers;
use attributes::{Attributes, Identity};
use paths::{Files, Paths};
pub(crate) use temporary::Temporary;

/// Number of locks. Requests for keys that share a lock wait for each other, which is harmless.
const LOCKS: usize = 64;

/// Maximum number of attempts to rename a file into a folder that other requests keep removing because it is empty.
/// After that, the write fails.
const MAX_RENAMES: u32 = 10;

/// The objects of all buckets. Each folder in the root is a bucket.
#[derive(Debug)]
pub(crate) struct Objects {
    paths: Paths,
    locks: [Mutex<()>; LOCKS],
    hash: RandomState,
}

/// An object that exists.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) file: File,
    pub(crate) size: u64,
    pub(crate) modified: SystemTime,
    pub(crate) e_tag: String,
    pub(crate) headers: Headers,
}

/// Condition of a write or a deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    /// No condition.
    None,
    /// No object has the key.
    Absent,
    /// An object has the key.
    Exists,
    /// An object has the key and this `ETag`.
    ETag(String),
}

/// Reason that an object was not written or deleted.
#[derive(Debug)]
pub(crate) enum WriteError {
    NoSuchBucket,
    /// The condition requires an object, but none has the key.
    NoSuchKey,
    PreconditionFailed,
    Io(io::Error),
}

impl From<io::Error> for WriteError {
    fn from(error: io::Error) -> Self {
        WriteError::Io(error)
    }
}

impl Objects {
    /// Opens a root folder and deletes the temporary files of a process that died.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        let root = root.canonicalize()?;
        temporary::create_folder(&paths::temporary_folder(&root))?;
        let locks = std::array::from_fn(|_| Mutex::default());
        Ok(Objects { paths: Paths::open(root)?, locks, hash: RandomState::new() })
    }

    /// Returns the unusual keys that begin with `prefix`, in order. Their objects are not at the path of the key.
    pub(crate) fn unusual_keys(&self, bucket: &str, prefix: &str) -> Vec<String> {
        self.paths.unusual_keys(bucket, prefix)
    }

    /// Opens an object. Returns `None` if no object has the key.
    pub(crate) fn read(&self, bucket: &str, key: &str) -> io::Result<Option<Found>> {
        let _lock = self.lock(bucket, key);
        self.find(bucket, key)
    }

    /// Creates an empty temporary file.
    pub(crate) fn temporary(&self) -> io::Result<Temporary> {
        Temporary::create(&paths::temporary_folder(self.paths.root()))
    }

    /// Turns a temporary file into the object with this key, if the condition is met.
    pub(crate) fn write(
        &self,
        bucket: &str,
        key: &str,
        condition: &Condition,
        bytes: Temporary,
        e_tag: String,
        headers: Headers,
    ) -> Result<SystemTime, WriteError> {
        let metadata = bytes.file.metadata()?;
        let modified = metadata.modified()?;
        let attributes = Attributes { key: key.to_owned(), e_tag, file: Identity::of(&metadata), headers };
        let _lock = self.lock(bucket, key);
        self.check(bucket, key, condition)?;
        if let Some(files) = self.paths.files_at_key(bucket, key) {
            match self.put_in_place(&bytes.path, &files, &attributes) {
                Err(error) if is_conflict(&error) => {}
                result => return Ok(result.map(|()| modified)?),
            }
        }
        // The key is the folder of another object or the reverse, or the key is not a path.
        self.put_in_place(&bytes.path, &self.paths.unusual_files(bucket, key), &attributes)?;
        self.paths.add_unusual(bucket, key);
        Ok(modified)
    }

    /// Deletes an object, if the condition is met. Succeeds if no object has the key.
    pub(crate) fn delete(&self, bucket: &str, key: &str, condition: &Condition) -> Result<(), WriteError> {
        let _lock = self.lock(bucket, key);
        self.check(bucket, key, condition)?;
        let Some(Files { bytes: path, attributes }) = self.paths.files(bucket, key) else { return Ok(()) };
        if !path.is_file() {
            return Ok(());
        }
        fs::remove_file(&path)?;
        let _ = fs::remove_file(attributes);
        self.paths.remove_unusual(bucket, key);
        // A folder exists as long as it contains objects. Removing one that is not empty fails.
        let bucket_folder = self.bucket_folder(bucket);
        for folder in path.ancestors().skip(1).take_while(|folder| folder.starts_with(&bucket_folder)) {
            if folder == bucket_folder || fs::remove_dir(folder).is_err() {
                break;
            }
        }
        Ok(())
    }

    fn find(&self, bucket: &str, key: &str) -> io::Result<Option<Found>> {
        let Some(files) = self.paths.files(bucket, key) else { return Ok(None) };
        let mut file = match File::open(&files.bytes) {
            Ok(file) => file,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let (size, modified, identity) = (metadata.len(), metadata.modified()?, Identity::of(&metadata));
        let stored = Attributes::read(&files.attributes).filter(|attributes| attributes.key == key);
        let attributes = match stored {
            Some(attributes) if attributes.file == identity => attributes,
            stored => {
                let e_tag = md5(&mut file)?;
                let headers = stored.filter(|stored| stored.e_tag == e_tag).map(|stored| stored.headers);
                let headers = headers.unwrap_or_default();
                let attributes = Attributes { key: key.to_owned(), e_tag, file: identity, headers };
                // The next reader then need not read the whole object. Writing may fail, for example on a full disk.
                let _ = self.write_attributes(&files.attributes, &attributes);
                attributes
            }
        };
        let Attributes { e_tag, headers, .. } = attributes;
        Ok(Some(Found { file, size, modified, e_tag, headers }))
    }

    fn check(&self, bucket: &str, key: &str, condition: &Condition) -> Result<(), WriteError> {
        if !self.has_bucket(bucket) {
            return Err(WriteError::NoSuchBucket);
        }
        if *condition == Condition::None {
            return Ok(());
        }
        match (self.find(bucket, key)?, condition) {
            (Some(_), Condition::Absent) => Err(WriteError::PreconditionFailed),
            (None, Condition::Exists | Condition::ETag(_)) => Err(WriteError::NoSuchKey),
            (Some(found), Condition::ETag(e_tag)) if found.e_tag != *e_tag => Err(WriteError::PreconditionFailed),
            _ => Ok(()),
        }
    }

    fn put_in_place(&self, from: &Path, files: &Files, attributes: &Attributes) -> io::Result<()> {
        let to = &files.bytes;
        let folder = to.parent().unwrap_or(self.paths.root());
        let mut attempt = 1;
        fs::create_dir_all(folder)?;
        if to.is_dir() {
            // Fails, and so does the rename, if the folder contains objects.
            let _ = fs::remove_dir(to);
        }
        self.write_attributes(&files.attributes, attributes)?;
        loop {
            match fs::rename(from, to) {
                Err(error) if error.kind() == ErrorKind::NotFound && attempt < MAX_RENAMES => {
                    attempt += 1;
                    fs::create_dir_all(folder)?;
                }
                result => return result,
            }
        }
    }

    fn write_attributes(&self, path: &Path, attributes: &Attributes) -> io::Result<()> {
        let temporary = self.temporary()?;
        fs::write(&temporary.path, serde_json::to_vec(attributes)?)?;
        match fs::rename(&temporary.path, path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                fs::create_dir_all(path.parent().unwrap_or(self.paths.root()))?;
                fs::rename(&temporary.path, path)
            }
            result => result,
        }
    }

    fn lock(&self, bucket: &str, key: &str) -> MutexGuard<'_, ()> {
        let index = self.hash.hash_one((bucket, key)) % LOCKS as u64;
        self.locks[usize::try_from(index).unwrap_or(0)].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns `true` if the error means that no file has the path.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Returns `true` if the error means that a file cannot be at the path of its key: a file is where a folder has to be,
/// or the reverse, or a file name is not permitted.
fn is_conflict(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::AlreadyExists
            | ErrorKind::DirectoryNotEmpty
            | ErrorKind::InvalidFilename
    )
}

/// Returns the MD5 of a file in hexadecimal digits, and rewinds the file to its start.
fn md5(file: &mut File) -> io::Result<String> {
    let mut hash = Md5::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            length => hash.update(&buffer[..length]),
        }
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(hex(&hash.finalize()))
}

/// Formats bytes as hexadecimal digits in lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    hex_simd::encode_to_string(bytes, AsciiCase::Lower)
}
