//! A function that the lab can kill and invoke, and an S3 client whose requests the lab can make fail.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::{BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use bytes::Bytes;
use event_source::clock::millis_since_1970;
use event_source::function::{Function, InvokeError, Report, Response};
use tokio::sync::{Mutex as AsyncMutex, Notify};

/// Faults of an S3 client: makes its requests fail during an outage, and signals the first successful response after a
/// write began.
#[derive(Debug, Default)]
pub(crate) struct S3Faults {
    /// Requests fail until this time, in milliseconds since 1970.
    until: AtomicI64,
    failed: AtomicU64,
    /// `true` from the start of a write to the next successful response, which may belong to another request.
    is_writing: AtomicBool,
    written: Notify,
}

#[derive(Clone, Debug)]
struct Interceptor(Arc<S3Faults>);

impl Intercept for Interceptor {
    fn name(&self) -> &'static str {
        "lab"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if millis_since_1970() < self.0.until.load(Ordering::Relaxed) {
            self.0.failed.fetch_add(1, Ordering::Relaxed);
            return Err("S3 fails in the lab".into());
        }
        if context.request().method() == "PUT" {
            self.0.is_writing.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let is_success = context.response().is_some_and(|response| response.status().is_success());
        if is_success && self.0.is_writing.swap(false, Ordering::Relaxed) {
            self.0.written.notify_waiters();
        }
        Ok(())
    }
}

impl S3Faults {
    /// Makes requests fail for `duration` from now on.
    pub(super) fn fail_for(&self, duration: Duration) {
        let until = millis_since_1970() + i64::try_from(duration.as_millis()).unwrap_or(0);
        self.until.store(until, Ordering::Relaxed);
    }

    /// Returns the number of requests that failed.
    pub(super) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Returns a client whose requests fail during an outage.
    pub(crate) fn client(self: &Arc<Self>, client: &Client) -> Client {
        let config = client.config().to_builder().interceptor(Interceptor(Arc::clone(self)));
        Client::from_conf(config.build())
    }
}

/// A function that the lab can kill and invoke. Only one invocation runs at a time, as the event source guarantees.
pub(crate) struct LabFunction {
    inner: Arc<dyn Function>,
    pub(super) s3: Arc<S3Faults>,
    /// `true` if the next invocation that writes is to be killed. An invocation without a successful write does not
    /// reset it.
    will_kill: AtomicBool,
    killed: AtomicU64,
    last: Mutex<Option<Bytes>>,
    turn: AsyncMutex<()>,
}

/// A delivery by the lab, and its outcome.
pub(super) struct Delivery {
    pub(super) duration: Duration,
    pub(super) result: Result<Report, String>,
}

impl LabFunction {
    pub(crate) fn new(inner: Arc<dyn Function>, s3: Arc<S3Faults>) -> Self {
        LabFunction {
            inner,
            s3,
            will_kill: AtomicBool::new(false),
            killed: AtomicU64::new(0),
            last: Mutex::default(),
            turn: AsyncMutex::default(),
        }
    }

    /// Kills the next invocation that writes.
    pub(super) fn kill_next(&self) {
        self.will_kill.store(true, Ordering::Relaxed);
    }

    pub(super) fn will_kill(&self) -> bool {
        self.will_kill.load(Ordering::Relaxed)
    }

    /// Returns the number of invocations that were killed.
    pub(super) fn killed(&self) -> u64 {
        self.killed.load(Ordering::Relaxed)
    }

    /// Invokes the function with an event from the lab rather than from the event source.
    pub(super) async fn deliver(&self, event: Bytes) -> Delivery {
        let _turn = self.turn.lock().await;
        let began = Instant::now();
        let response = self.inner.run(event).await;
        let result = response.map(|response| response.report.unwrap_or_default()).map_err(|error| error.to_string());
        Delivery { duration: began.elapsed(), result }
    }

    /// Returns the event of the last invocation that succeeded, or a message if none has succeeded yet.
    pub(super) fn last(&self) -> Result<Bytes, String> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        last.ok_or_else(|| "no batch has been stored yet".to_owned())
    }
}

impl fmt::Display for LabFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, in the lab", self.inner)
    }
}

#[async_trait]
impl Function for LabFunction {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn run(&self, event: Bytes) -> Result<Response, InvokeError> {
        let _turn = self.turn.lock().await;
        let killed = async {
            loop {
                self.s3.written.notified().await;
                if self.will_kill.swap(false, Ordering::Relaxed) {
                    return;
                }
            }
        };
        let response = tokio::select! {
            biased;
            () = killed => {
                self.killed.fetch_add(1, Ordering::Relaxed);
                return Err(InvokeError::Function("killed by the lab in the middle of its writes".into()));
            }
            response = self.inner.run(event.clone()) => response?,
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(event);
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::primitives::ByteStream;
    use embedded_s3::Storage;

    use super::*;

    /// A function that writes an object if `writes` is set, and then ends.
    struct Writer {
        client: Client,
        writes: AtomicBool,
    }

    impl fmt::Display for Writer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("writer")
        }
    }

    async fn put(client: &Client, key: &str) -> bool {
        let body = ByteStream::from_static(b"x");
        client.put_object().bucket("tickerlake").key(key).body(body).send().await.is_ok()
    }

    #[async_trait]
    impl Function for Writer {
        fn name(&self) -> &str {
            "writer"
        }

        async fn run(&self, _: Bytes) -> Result<Response, InvokeError> {
            if self.writes.load(Ordering::Relaxed) {
                if !put(&self.client, "first").await {
                    return Err(InvokeError::Function("no S3".into()));
                }
                // Gives the lab its turn, as any other await does.
                tokio::time::sleep(Duration::from_millis(50)).await;
                put(&self.client, "second").await;
            }
            Ok(Response::default())
        }
    }

    fn lab(folder: &tempfile::TempDir) -> (Storage, Arc<Writer>, LabFunction) {
        let storage = Storage::open(folder.path(), "tickerlake").unwrap();
        let faults = Arc::new(S3Faults::default());
        let writer = Arc::new(Writer { client: faults.client(&storage.client()), writes: AtomicBool::new(true) });
        (storage, Arc::clone(&writer), LabFunction::new(writer, faults))
    }

    #[tokio::test]
    async fn invocation_is_killed_between_its_writes() {
        let folder = tempfile::tempdir().unwrap();
        let (_storage, _, function) = lab(&folder);
        function.kill_next();
        let error = function.run(Bytes::new()).await.unwrap_err().to_string();
        assert!(error.contains("killed by the lab"), "{error}");
        assert!(folder.path().join("tickerlake/first").exists() && !folder.path().join("tickerlake/second").exists());
        assert_eq!((function.killed(), function.will_kill()), (1, false));
        assert!(function.last().is_err(), "a killed batch has not been stored");
        function.run(Bytes::from_static(b"e")).await.unwrap();
        assert!(folder.path().join("tickerlake/second").exists());
        assert_eq!(function.last().unwrap(), "e");
    }

    #[tokio::test]
    async fn kill_waits_for_an_invocation_that_writes() {
        let folder = tempfile::tempdir().unwrap();
        let (_storage, writer, function) = lab(&folder);
        function.kill_next();
        writer.writes.store(false, Ordering::Relaxed);
        function.run(Bytes::new()).await.unwrap();
        assert!(function.will_kill(), "nothing was written");
        writer.writes.store(true, Ordering::Relaxed);
        function.s3.fail_for(Duration::from_millis(600));
        assert!(function.run(Bytes::new()).await.is_err());
        assert!(function.will_kill() && function.s3.failed() > 0, "the write failed");
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert!(function.run(Bytes::new()).await.is_err());
        assert_eq!(function.killed(), 1);
    }

    #[tokio::test]
    async fn requests_fail_only_for_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let (_storage, writer, function) = lab(&folder);
        assert!(put(&writer.client, "a").await);
        function.s3.fail_for(Duration::from_millis(500));
        assert!(!put(&writer.client, "b").await && function.s3.failed() > 0);
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert!(put(&writer.client, "b").await);
    }
}
