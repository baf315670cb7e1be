//! Objects as files: reads, conditional writes and deletions in the lake's folder.
//!
//! ```text
//! DIR/tickerlake/data/quotes/dt=.../00000-....json.gz   an object: a plain file at its key
//! DIR/.s3/tickerlake/attributes/3f/<MD5 of the key>     its ETag, metadata and headers, as JSON
//! DIR/.s3/tickerlake/unusual/<MD5 of the key>           an object whose key cannot be a path, such as `folder/`
//! DIR/.s3/temporary/                                    bytes that are still being received, parts of uploads
//! ```
//!
//! All functions block. Writes of one key exclude each other. A write becomes visible by one rename, so a reader sees
//! the old object or the new one. The attributes are a separate file, so each records which file it describes (size,
//! modification time and inode). If they describe another file, because a process died between two renames or because a
//! program copied the files, they count only if the bytes have their `ETag`, which is the MD5 of the bytes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File, Metadata};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use s3s::crypto::{Checksum as _, Md5};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Folder below the root for everything that is not an object. Its name is not a valid bucket name.
const INTERNAL: &str = ".s3";
const ATTRIBUTES: &str = "attributes";
const UNUSUAL: &str = "unusual";
const TEMPORARY: &str = "temporary";

/// Maximum length in bytes of a file name on the common file systems.
const MAX_FILE_NAME: usize = 255;

/// Number of locks. Requests for keys that share a lock wait for each other, which is harmless.
const LOCKS: usize = 64;

/// Number of attempts to rename a file into a folder that another request is removing because it is empty.
const MAX_RENAMES: u32 = 10;

/// The objects of all buckets. Each folder in the root is a bucket.
#[derive(Debug)]
pub(super) struct Objects {
    root: PathBuf,
    locks: [Mutex<()>; LOCKS],
    hash: RandomState,
    /// The keys of each bucket whose objects are in its folder [`UNUSUAL`].
    unusual: Mutex<BTreeMap<String, BTreeSet<String>>>,
}

/// Headers and metadata that the client sent with an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Headers {
    #[serde(skip_serializing_if = "HashMap::is_empty")]
    pub(super) metadata: HashMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_disposition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) content_language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cache_control: Option<String>,
    /// In the form of an HTTP date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) expires: Option<String>,
}

/// The stored attributes of an object.
#[derive(Debug, Serialize, Deserialize)]
struct Attributes {
    key: String,
    e_tag: String,
    file: Identity,
    headers: Headers,
}

/// Identifies a version of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    size: u64,
    /// Nanoseconds since 1970.
    modified: u64,
    inode: u64,
}

impl Identity {
    fn of(metadata: &Metadata) -> Self {
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified = modified.and_then(|age| u64::try_from(age.as_nanos()).ok()).unwrap_or(0);
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Identity { size: metadata.len(), modified, inode }
    }
}

/// An object that exists.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) file: File,
    pub(super) size: u64,
    pub(super) modified: SystemTime,
    pub(super) e_tag: String,
    pub(super) headers: Headers,
}

/// Condition of a write or a deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
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
pub(super) enum WriteError {
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

/// A file in the folder for temporary files. Dropping it deletes the file.
#[derive(Debug)]
pub(super) struct Temporary {
    pub(super) path: PathBuf,
    pub(super) file: File,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Fails if the file has been renamed.
        let _ = fs::remove_file(&self.path);
    }
}

impl Objects {
    /// Opens a root folder and deletes the temporary files of a process that died.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let root = root.canonicalize()?;
        let internal = root.join(INTERNAL);
        match fs::remove_dir_all(internal.join(TEMPORARY)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(internal.join(TEMPORARY))?,
        }
        let mut unusual = BTreeMap::new();
        for bucket in fs::read_dir(&internal)? {
            let folder = bucket?;
            let entries = match fs::read_dir(folder.path().join(UNUSUAL)) {
                Ok(entries) => entries,
                Err(error) if is_absent(&error) => continue,
                Err(error) => return Err(error),
            };
            let keys: &mut BTreeSet<String> =
                unusual.entry(folder.file_name().to_string_lossy().into_owned()).or_default();
            for entry in entries {
                let path = entry?.path();
                if path.extension().is_some_and(|extension| extension == "json")
                    && path.with_extension("").is_file()
                    && let Some(attributes) = read_attributes(&path)
                {
                    keys.insert(attributes.key);
                }
            }
        }
        let locks = std::array::from_fn(|_| Mutex::default());
        Ok(Objects { root, locks, hash: RandomState::new(), unusual: Mutex::new(unusual) })
    }

    pub(super) fn bucket_folder(&self, bucket: &str) -> PathBuf {
        self.root.join(bucket)
    }

    pub(super) fn has_bucket(&self, bucket: &str) -> bool {
        self.bucket_folder(bucket).is_dir()
    }

    /// Returns the names and the times of creation of the buckets, sorted by name.
    pub(super) fn buckets(&self) -> io::Result<Vec<(String, SystemTime)>> {
        let mut buckets = Vec::new();
        for entry in fs::read_dir(&self.root)? {
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

    /// Creates a bucket. Returns `false` if it exists.
    pub(super) fn create_bucket(&self, bucket: &str) -> io::Result<bool> {
        match fs::create_dir(self.bucket_folder(bucket)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deletes a bucket without objects, and what it contains besides objects.
    pub(super) fn delete_bucket(&self, bucket: &str) -> io::Result<()> {
        fs::remove_dir_all(self.bucket_folder(bucket))?;
        match fs::remove_dir_all(self.internal(bucket)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Returns the keys that are not paths of files, of those that begin with `prefix`, in order.
    pub(super) fn unusual_keys(&self, bucket: &str, prefix: &str) -> Vec<String> {
        let unusual = self.unusual();
        let from = (Bound::Included(prefix), Bound::Unbounded);
        let keys = unusual.get(bucket).map(|keys| keys.range::<str, _>(from)).into_iter().flatten();
        keys.take_while(|key| key.starts_with(prefix)).cloned().collect()
    }

    /// Opens an object. Returns `None` if no object has the key.
    pub(super) fn read(&self, bucket: &str, key: &str) -> io::Result<Option<Found>> {
        let _lock = self.lock(bucket, key);
        self.find(bucket, key)
    }

    /// Creates an empty temporary file.
    pub(super) fn temporary(&self) -> io::Result<Temporary> {
        let path = self.root.join(INTERNAL).join(TEMPORARY).join(Uuid::new_v4().simple().to_string());
        let file = File::options().read(true).write(true).create_new(true).open(&path)?;
        Ok(Temporary { path, file })
    }

    /// Makes a temporary file the object with this key, if the condition is met.
    pub(super) fn write(
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
        if is_path(key) && !self.is_unusual(bucket, key) {
            let path = self.bucket_folder(bucket).join(key);
            match self.put_in_place(&bytes.path, &path, &self.attributes_file(bucket, key), &attributes) {
                Err(error) if is_conflict(&error) => {}
                result => return Ok(result.map(|()| modified)?),
            }
        }
        // One object's key is the folder of another one, or the key is not a path.
        let path = self.unusual_file(bucket, key);
        self.put_in_place(&bytes.path, &path, &path.with_extension("json"), &attributes)?;
        self.unusual().entry(bucket.to_owned()).or_default().insert(key.to_owned());
        Ok(modified)
    }

    /// Deletes an object, if the condition is met. Succeeds if no object has the key.
    pub(super) fn delete(&self, bucket: &str, key: &str, condition: &Condition) -> Result<(), WriteError> {
        let _lock = self.lock(bucket, key);
        self.check(bucket, key, condition)?;
        let (path, attributes) = self.files(bucket, key);
        let Some(path) = path else { return Ok(()) };
        if !path.is_file() {
            return Ok(());
        }
        fs::remove_file(&path)?;
        let _ = fs::remove_file(attributes);
        if let Some(keys) = self.unusual().get_mut(bucket) {
            keys.remove(key);
        }
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
        let (Some(path), attributes_file) = self.files(bucket, key) else { return Ok(None) };
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let (size, modified, identity) = (metadata.len(), metadata.modified()?, Identity::of(&metadata));
        let stored = read_attributes(&attributes_file).filter(|attributes| attributes.key == key);
        let attributes = match stored {
            Some(attributes) if attributes.file == identity => attributes,
            stored => {
                let e_tag = md5(&mut file)?;
                let headers = stored.filter(|stored| stored.e_tag == e_tag).map(|stored| stored.headers);
                let headers = headers.unwrap_or_default();
                let attributes = Attributes { key: key.to_owned(), e_tag, file: identity, headers };
                // Saves the next reader from reading the whole object. It may fail, for example on a full disk.
                let _ = self.write_attributes(&attributes_file, &attributes);
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

    fn put_in_place(&self, from: &Path, to: &Path, file: &Path, attributes: &Attributes) -> io::Result<()> {
        let folder = to.parent().unwrap_or(&self.root);
        let mut attempt = 1;
        fs::create_dir_all(folder)?;
        if to.is_dir() {
            // Fails, and so does the rename, if the folder contains objects.
            let _ = fs::remove_dir(to);
        }
        self.write_attributes(file, attributes)?;
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
                fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
                fs::rename(&temporary.path, path)
            }
            result => result,
        }
    }

    /// Returns the files with an object's bytes and its attributes. The first is `None` if no object can have the key.
    fn files(&self, bucket: &str, key: &str) -> (Option<PathBuf>, PathBuf) {
        if self.is_unusual(bucket, key) {
            let path = self.unusual_file(bucket, key);
            let attributes = path.with_extension("json");
            return (Some(path), attributes);
        }
        (is_path(key).then(|| self.bucket_folder(bucket).join(key)), self.attributes_file(bucket, key))
    }

    fn internal(&self, bucket: &str) -> PathBuf {
        self.root.join(INTERNAL).join(bucket)
    }

    fn attributes_file(&self, bucket: &str, key: &str) -> PathBuf {
        let name = hex(&Md5::checksum(key.as_bytes()));
        self.internal(bucket).join(ATTRIBUTES).join(&name[..2]).join(name)
    }

    fn unusual_file(&self, bucket: &str, key: &str) -> PathBuf {
        self.internal(bucket).join(UNUSUAL).join(hex(&Md5::checksum(key.as_bytes())))
    }

    fn is_unusual(&self, bucket: &str, key: &str) -> bool {
        self.unusual().get(bucket).is_some_and(|keys| keys.contains(key))
    }

    fn unusual(&self) -> MutexGuard<'_, BTreeMap<String, BTreeSet<String>>> {
        self.unusual.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self, bucket: &str, key: &str) -> MutexGuard<'_, ()> {
        let index = self.hash.hash_one((bucket, key)) % LOCKS as u64;
        self.locks[usize::try_from(index).unwrap_or(0)].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns `true` if a key can be the path of a file below the bucket's folder.
fn is_path(key: &str) -> bool {
    let is_name = |part: &str| !matches!(part, "" | "." | "..") && part.len() <= MAX_FILE_NAME;
    key.split('/').all(is_name) && !key.contains('\0')
}

/// Returns `true` if no file has the path.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Returns `true` if a folder would have to be created where a file is, or the reverse.
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

fn read_attributes(path: &Path) -> Option<Attributes> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// Returns the MD5 of a file in hexadecimal digits, and goes back to its start.
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
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}
