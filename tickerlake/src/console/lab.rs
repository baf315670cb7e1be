//! The lab of `run --lab` and `up --lab`: kills the function, delivers batches again, fails S3, damages an object.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::{BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use bytes::Bytes;
use console::{Lab, LabAction};
use event_source::clock::millis_since_1970;
use event_source::function::{Function, InvokeError, Report, Response};
use futures::future::BoxFuture;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::Value;
use terminal::numbers::counted;
use tokio::sync::{Mutex as AsyncMutex, Notify};

/// Time for which S3 fails.
const S3_OUTAGE: Duration = Duration::from_secs(5);

/// Maximum time for the broker to confirm the invalid records.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

const ACTIONS: &[LabAction] = &[
    LabAction {
        name: "kill",
        title: "Kill the function",
        effect: "The next invocation ends in the middle of its writes, before it can report success.",
        aws: "Lambda ends a function that runs out of time or memory; the event source mapping invokes it again with the same batch.",
    },
    LabAction {
        name: "again",
        title: "Deliver the last batch again",
        effect: "The function receives the records of the last invocation a second time.",
        aws: "An event source mapping delivers at least once, so a batch arrives again after a lost response or a rebalance.",
    },
    LabAction {
        name: "cut",
        title: "Deliver it cut differently",
        effect: "The function receives the last records again in two batches that overlap.",
        aws: "After a retry the mapping may form batches with other bounds, or split them with BisectBatchOnFunctionError.",
    },
    LabAction {
        name: "invalid",
        title: "Send invalid records",
        effect: "Five records that are no JSON objects, or no text, are sent to the topic.",
        aws: "The function stores an invalid record in the quarantine with its reason; the batch succeeds, and no partition blocks.",
    },
    LabAction {
        name: "s3",
        title: "Fail S3 for 5 s",
        effect: "Every request of the function to S3 fails for five seconds.",
        aws: "If S3 is throttled or unreachable the invocation fails, and the mapping retries it with growing pauses.",
    },
    LabAction {
        name: "damage",
        title: "Cut an object",
        effect: "The newest object loses its second half; press again to restore it.",
        aws: "S3 does not truncate objects, but a person with access can replace one; the audit names it, and bucket versioning restores it.",
    },
];

/// Invalid records: not JSON, not an object, not UTF-8, cut off, and a name that collides with a coordinate.
const INVALID: [&[u8]; 5] = [
    b"not JSON",
    b"[1,2,3]",
    b"{\"symbol\":\"Z\xfcrich\"}",
    b"{\"symbol\":\"AAPL\",\"close\":",
    b"{\"kafka_offset\":1}",
];

/// Fails the requests of an S3 client while the lab wants it, and notifies of the first response after a write began.
#[derive(Debug, Default)]
pub(crate) struct S3Faults {
    /// Requests fail until this time, in milliseconds since 1970.
    until: AtomicI64,
    failed: AtomicU64,
    /// `true` from the start of a write to the next response. The response does not name its request.
    is_writing: AtomicBool,
    written: Notify,
}

/// The interceptor of a client.
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
    /// Returns a client whose requests fail when the lab wants them to.
    pub(crate) fn client(self: &Arc<Self>, client: &Client) -> Client {
        let config = client.config().to_builder().interceptor(Interceptor(Arc::clone(self)));
        Client::from_conf(config.build())
    }
}

/// A function that the lab can kill and invoke. Only one invocation runs at a time, as the event source guarantees.
pub(crate) struct LabFunction {
    inner: Arc<dyn Function>,
    s3: Arc<S3Faults>,
    kill_next: AtomicBool,
    last: Mutex<Option<Bytes>>,
    turn: AsyncMutex<()>,
}

impl LabFunction {
    pub(crate) fn new(inner: Arc<dyn Function>, s3: Arc<S3Faults>) -> Self {
        let (kill_next, last, turn) = (AtomicBool::new(false), Mutex::default(), AsyncMutex::default());
        LabFunction { inner, s3, kill_next, last, turn }
    }

    async fn deliver(&self, event: Bytes) -> Result<Report, String> {
        let _turn = self.turn.lock().await;
        let response = self.inner.run(event).await.map_err(|error| error.to_string())?;
        Ok(response.report.unwrap_or_default())
    }

    fn last(&self) -> Result<Bytes, String> {
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
        let is_killed = self.kill_next.swap(false, Ordering::Relaxed);
        let killed = async {
            match is_killed {
                true => self.s3.written.notified().await,
                false => std::future::pending().await,
            }
        };
        let response = tokio::select! {
            biased;
            () = killed => return Err(InvokeError::Function("killed by the lab in the middle of its writes".into())),
            response = self.inner.run(event.clone()) => response?,
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(event);
        Ok(response)
    }
}

/// The lab of a pipeline whose parts are all embedded.
pub(crate) struct LocalLab {
    pub(crate) function: Arc<LabFunction>,
    pub(crate) client: ClientConfig,
    pub(crate) topic: String,
    /// Folder of the topic's objects.
    pub(crate) objects: PathBuf,
    /// The object that is damaged, and its whole content.
    pub(crate) damaged: Mutex<Option<(PathBuf, Vec<u8>)>>,
}

impl Lab for LocalLab {
    fn actions(&self) -> &'static [LabAction] {
        ACTIONS
    }

    fn act(&self, name: String) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async move {
            match name.as_str() {
                "kill" => {
                    self.function.kill_next.store(true, Ordering::Relaxed);
                    Ok("the next invocation will be killed".to_owned())
                }
                "again" => self.again(vec![self.function.last()?]).await,
                "cut" => self.again(cut(&self.function.last()?)?).await,
                "invalid" => self.send_invalid().await,
                "s3" => {
                    let until = millis_since_1970() + i64::try_from(S3_OUTAGE.as_millis()).unwrap_or(0);
                    self.function.s3.until.store(until, Ordering::Relaxed);
                    Ok(format!("S3 fails for {} s", S3_OUTAGE.as_secs()))
                }
                "damage" => self.damage(),
                other => Err(format!("the lab has no action {other}")),
            }
        })
    }
}

impl LocalLab {
    async fn again(&self, events: Vec<Bytes>) -> Result<String, String> {
        let mut sum = Report::default();
        let batches = counted(events.len() as u64, "batch", "batches");
        for event in events {
            sum += self.function.deliver(event).await?;
        }
        let records = counted(sum.records, "record", "records");
        Ok(format!(
            "{records} delivered again in {batches}: {} already stored, {} objects written",
            sum.skipped, sum.objects
        ))
    }

    async fn send_invalid(&self) -> Result<String, String> {
        let (client, topic) = (self.client.clone(), self.topic.clone());
        let sent = tokio::task::spawn_blocking(move || {
            let producer: BaseProducer = client.create()?;
            for value in INVALID {
                producer.send(BaseRecord::to(&topic).key("lab").payload(value)).map_err(|(error, _)| error)?;
            }
            producer.flush(FLUSH_TIMEOUT)
        });
        match sent.await {
            Ok(Ok(())) => Ok(format!("{} invalid records sent", INVALID.len())),
            Ok(Err(error)) => Err(format!("failed to send the invalid records: {error}")),
            Err(error) => Err(format!("failed to send the invalid records: {error}")),
        }
    }

    /// Cuts the newest object in half, or restores the one that is cut.
    fn damage(&self) -> Result<String, String> {
        let mut damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        let failed = |path: &Path, error: std::io::Error| format!("failed to write {}: {error}", path.display());
        if let Some((path, content)) = damaged.take() {
            std::fs::write(&path, content).map_err(|error| failed(&path, error))?;
            return Ok(format!("{} is whole again", path.display()));
        }
        let path = newest(&self.objects).ok_or("no object is stored yet")?;
        let content = std::fs::read(&path).map_err(|error| failed(&path, error))?;
        std::fs::write(&path, &content[..content.len() / 2]).map_err(|error| failed(&path, error))?;
        let text = format!("{} lost its second half; run the audit", path.display());
        *damaged = Some((path, content));
        Ok(text)
    }
}

/// Returns the file below a folder that was changed last.
fn newest(folder: &Path) -> Option<PathBuf> {
    let mut found: Option<(std::time::SystemTime, PathBuf)> = None;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).ok()?.flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_dir() {
                folders.push(entry.path());
            } else if let Ok(modified) = meta.modified()
                && entry.file_name().to_string_lossy().contains(".json")
                && found.as_ref().is_none_or(|(newest, _)| modified > *newest)
            {
                found = Some((modified, entry.path()));
            }
        }
    }
    found.map(|(_, path)| path)
}

/// Cuts an event into two that overlap: the first two thirds of each partition, and the last two thirds.
fn cut(event: &[u8]) -> Result<Vec<Bytes>, String> {
    let whole: Value =
        serde_json::from_slice(event).map_err(|error| format!("failed to read the last event: {error}"))?;
    let part = |select: fn(usize) -> std::ops::Range<usize>| {
        let mut event = whole.clone();
        for list in event["records"].as_object_mut().into_iter().flat_map(|lists| lists.values_mut()) {
            if let Value::Array(records) = list {
                let range = select(records.len());
                *records = records[range].to_vec();
            }
        }
        Bytes::from(event.to_string())
    };
    Ok(vec![part(|records| 0..records - records / 3), part(|records| records / 3..records)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_batches_overlap_and_cover_everything() {
        let event = br#"{"eventSource":"SelfManagedKafka","records":{"q-0":[{"offset":0},{"offset":1},{"offset":2}],"q-1":[{"offset":7}]}}"#;
        let offsets: Vec<Vec<i64>> = cut(event)
            .unwrap()
            .iter()
            .map(|event| {
                let event: Value = serde_json::from_slice(event).unwrap();
                let lists = event["records"].as_object().unwrap().values();
                lists
                    .flat_map(|list| list.as_array().unwrap())
                    .map(|record| record["offset"].as_i64().unwrap())
                    .collect()
            })
            .collect();
        assert_eq!(offsets, [vec![0, 1, 7], vec![1, 2, 7]]);
    }
}
