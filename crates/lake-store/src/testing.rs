//! An in-memory store that records which objects are read and which prefixes are listed, and that can reject writes, to
//! simulate a process that is killed.

// Only tests use this module, and a test fails by panicking.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use crate::lake::Lake;

/// An in-memory store that records its requests.
#[derive(Clone, Debug, Default)]
pub struct Store {
    objects: Arc<InMemory>,
    read: Arc<Mutex<Vec<String>>>,
    listed: Arc<Mutex<Vec<String>>>,
    writes: Arc<Mutex<Writes>>,
}

/// Number of writes (puts, copies and deletions), and when to reject them.
#[derive(Debug, Default)]
struct Writes {
    made: usize,
    stop: Option<Stop>,
}

/// The point from which a store rejects writes.
#[derive(Clone, Copy, Debug)]
pub struct Stop {
    /// Number of writes that succeed first.
    pub after: usize,
    /// `true` if the first write that fails is executed all the same, as if only its response were lost.
    pub executes_next: bool,
}

/// Outcome of a write.
enum Fate {
    Succeeds,
    ExecutedWithoutResponse,
    Fails,
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

    /// Makes later writes fail as `stop` describes. `None` makes them succeed again.
    pub fn stop_writes(&self, stop: Option<Stop>) {
        *self.writes.lock().unwrap() = Writes { made: 0, stop };
    }

    /// Returns the number of writes since the last call to [`Store::stop_writes`], including those that failed.
    pub fn writes(&self) -> usize {
        self.writes.lock().unwrap().made
    }

    /// Returns all objects.
    pub async fn contents(&self) -> BTreeMap<String, Bytes> {
        let metas: Vec<ObjectMeta> = self.objects.list(None).try_collect().await.unwrap();
        let mut contents = BTreeMap::new();
        for meta in metas {
            let bytes = self.objects.get(&meta.location).await.unwrap().bytes().await.unwrap();
            contents.insert(meta.location.to_string(), bytes);
        }
        contents
    }

    /// Waits for a while, so that concurrent writes overtake each other, and decides the outcome of a write.
    async fn fate(&self, key: &Path) -> Fate {
        for _ in 0..key.as_ref().bytes().map(usize::from).sum::<usize>() % 5 {
            tokio::task::yield_now().await;
        }
        let mut writes = self.writes.lock().unwrap();
        writes.made += 1;
        match writes.stop {
            Some(stop) if writes.made == stop.after + 1 && stop.executes_next => Fate::ExecutedWithoutResponse,
            Some(stop) if writes.made > stop.after => Fate::Fails,
            _ => Fate::Succeeds,
        }
    }

    /// Executes a write as its fate allows.
    async fn write<T>(&self, key: &Path, request: impl Future<Output = Result<T>>) -> Result<T> {
        match self.fate(key).await {
            Fate::Succeeds => request.await,
            Fate::ExecutedWithoutResponse => {
                request.await?;
                Err(stopped())
            }
            Fate::Fails => Err(stopped()),
        }
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

fn stopped() -> Error {
    Error::Generic { store: "testing", source: "stopped".into() }
}

impl fmt::Display for Store {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("counted")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Store {
    async fn put_opts(&self, key: &Path, data: PutPayload, how: PutOptions) -> Result<PutResult> {
        self.write(key, self.objects.put_opts(key, data, how)).await
    }

    async fn put_multipart_opts(&self, key: &Path, how: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.objects.put_multipart_opts(key, how).await
    }

    async fn get_opts(&self, key: &Path, how: GetOptions) -> Result<GetResult> {
        self.read.lock().unwrap().push(key.to_string());
        self.objects.get_opts(key, how).await
    }

    fn delete_stream(&self, keys: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        keys.then(move |key| {
            let store = store.clone();
            async move {
                let key = key?;
                let deleted = async {
                    let mut one = store.objects.delete_stream(stream::iter([Ok(key.clone())]).boxed());
                    one.try_next().await
                };
                store.write(&key, deleted).await?;
                Ok(key)
            }
        })
        .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.listed.lock().unwrap().extend(prefix.map(Path::to_string));
        self.objects.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, how: CopyOptions) -> Result<()> {
        self.write(to, self.objects.copy_opts(from, to, how)).await
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
