//! An in-memory store that records which objects are read and which prefixes are listed.

// Only tests use this module, and a test fails by panicking.
#![allow(clippy::unwrap_used)]

use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex};

use futures::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::lake::Lake;

/// An in-memory store that records its requests.
#[derive(Clone, Debug, Default)]
pub struct Store {
    objects: Arc<InMemory>,
    read: Arc<Mutex<Vec<String>>>,
    listed: Arc<Mutex<Vec<String>>>,
}

impl Store {
    /// Creates an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores text as an object.
    pub async fn put(&self, key: &str, text: &str) {
        self.put_bytes(key, text.as_bytes().to_vec()).await;
    }

    /// Stores bytes as an object.
    pub async fn put_bytes(&self, key: &str, bytes: Vec<u8>) {
        let key = Path::parse(key).unwrap();
        self.objects.put(&key, bytes.into()).await.unwrap();
    }

    /// Returns a lake over this store.
    pub fn lake(&self, prefix: &str) -> Lake {
        Lake { store: Arc::new(self.clone()), prefix: prefix.into() }
    }

    /// Returns the prefixes listed recursively since the last call, sorted.
    pub fn take_lists(&self) -> Vec<String> {
        let mut listed = std::mem::take(&mut *self.listed.lock().unwrap());
        listed.sort();
        listed
    }

    /// Returns the keys read since the last call, sorted.
    pub fn take_reads(&self) -> Vec<String> {
        let mut read = std::mem::take(&mut *self.read.lock().unwrap());
        read.sort();
        read
    }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("counted")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Store {
    async fn put_opts(&self, key: &Path, data: PutPayload, how: PutOptions) -> Result<PutResult> {
        self.objects.put_opts(key, data, how).await
    }

    async fn put_multipart_opts(&self, key: &Path, how: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.objects.put_multipart_opts(key, how).await
    }

    async fn get_opts(&self, key: &Path, how: GetOptions) -> Result<GetResult> {
        self.read.lock().unwrap().push(key.to_string());
        self.objects.get_opts(key, how).await
    }

    fn delete_stream(&self, keys: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.objects.delete_stream(keys)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed.lock().unwrap().extend(prefix.map(Path::to_string));
        self.objects.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, how: CopyOptions) -> Result<()> {
        self.objects.copy_opts(from, to, how).await
    }
}

/// Compresses text with gzip.
pub fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Compresses text with zstd.
pub fn zstd(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 3).unwrap()
}
