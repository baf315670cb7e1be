//! Multipart uploads that have begun. They end with the process; their parts are temporary files.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use uuid::Uuid;

use crate::objects::{Headers, Temporary};

/// A part of an upload.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) bytes: Arc<Temporary>,
    pub(super) size: u64,
    pub(super) md5: [u8; 16],
    pub(super) received: SystemTime,
}

/// An upload that is neither complete nor aborted.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) headers: Headers,
    pub(super) begun: SystemTime,
    pub(super) parts: BTreeMap<i32, Part>,
}

/// All uploads, by ID.
#[derive(Debug, Default)]
pub(super) struct Uploads(Mutex<BTreeMap<String, Upload>>);

impl Uploads {
    /// Begins an upload and returns its ID.
    pub(super) fn begin(&self, bucket: String, key: String, headers: Headers) -> String {
        let id = Uuid::new_v4().simple().to_string();
        let upload = Upload { bucket, key, headers, begun: SystemTime::now(), parts: BTreeMap::new() };
        self.all().insert(id.clone(), upload);
        id
    }

    /// Returns an upload, or `None` if it does not exist or is for another key.
    pub(super) fn get(&self, bucket: &str, key: &str, id: &str) -> Option<Upload> {
        self.all().get(id).filter(|upload| upload.bucket == bucket && upload.key == key).cloned()
    }

    /// Adds a part, or replaces the part with this number. Returns `false` if the upload does not exist.
    pub(super) fn add(&self, id: &str, number: i32, part: Part) -> bool {
        self.all().get_mut(id).map(|upload| upload.parts.insert(number, part)).is_some()
    }

    /// Removes an upload.
    pub(super) fn end(&self, id: &str) {
        self.all().remove(id);
    }

    /// Returns the uploads of a bucket, with their IDs, sorted by key, then by start time.
    pub(super) fn of_bucket(&self, bucket: &str) -> Vec<(String, Upload)> {
        let all = self.all();
        let mut uploads: Vec<_> = all.iter().filter(|(_, upload)| upload.bucket == bucket).collect();
        uploads.sort_by(|(_, a), (_, b)| (&a.key, a.begun).cmp(&(&b.key, b.begun)));
        uploads.into_iter().map(|(id, upload)| (id.clone(), upload.clone())).collect()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Upload>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
