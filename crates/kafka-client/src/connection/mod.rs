//! Connects a client to its brokers, and names the setting to change if that fails.
//!
//! librdkafka retries a connection forever and reports each failed attempt to a callback. [`ConnectionMonitor`] decides
//! which of these reports are final. [`connect`] waits until the brokers have responded, a report is final, or the
//! deadline has passed.

mod error;
mod monitor;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::metadata::Metadata;
use rdkafka::producer::{Producer, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode as Code;
use tokio_util::sync::CancellationToken;

use crate::settings::Settings;
use crate::topic::Topic;

pub use self::error::ConnectionError;
pub use self::monitor::{ConnectionMonitor, Monitored, Report};

/// Maximum time for the brokers to respond. After it, [`connect`] fails.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum time for a broker to create a topic automatically, after the first request that names the topic. After it,
/// [`connect`] reports that the topic does not exist.
const TOPIC_CREATION_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum time for the brokers to respond to one metadata request. After it, [`connect`] sends the request again.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);
/// Pause between two metadata requests.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Creates a producer and waits until it has reached its brokers and, if given, the topic. Blocks the thread.
///
/// If `shutdown` is cancelled first, returns the producer even if it is not connected.
///
/// # Errors
/// [`ConnectionError`], which names the setting to change, if the settings are invalid, the brokers do not respond or
/// reject the connection, or the topic cannot be used.
pub fn connect<C: ProducerContext + Monitored + 'static>(
    settings: &Settings,
    topic: Option<&Topic>,
    context: C,
    shutdown: &CancellationToken,
) -> Result<ThreadedProducer<C>, ConnectionError> {
    let producer: ThreadedProducer<C> =
        settings.producer_config().create_with_context(context).map_err(ConnectionError::Settings)?;
    let started = Instant::now();
    let mut last_error = None;
    while !shutdown.is_cancelled() {
        let metadata = producer.client().fetch_metadata(topic.map(Topic::as_str), METADATA_TIMEOUT);
        if let Some(failure) = producer.context().with_monitor(|monitor| monitor.failure().cloned()) {
            return Err(failure);
        }
        match (metadata, topic) {
            (Ok(_), None) => break,
            (Ok(metadata), Some(topic)) => match topic_error(&metadata, topic) {
                None => break,
                Some(code) if started.elapsed() >= topic_timeout(code) => {
                    return Err(ConnectionError::of_topic(topic, settings, code));
                }
                Some(_) => {}
            },
            (Err(error), _) => last_error = Some(error),
        }
        if started.elapsed() >= CONNECT_TIMEOUT {
            let reported = producer.context().with_monitor(|monitor| monitor.last_reason().map(str::to_owned));
            let error = || last_error.map_or_else(|| "no response".to_owned(), |error| error.to_string());
            let (servers, reason) = (settings.servers().to_owned(), reported.unwrap_or_else(error));
            return Err(ConnectionError::Unreachable { servers, reason });
        }
        std::thread::sleep(RETRY_INTERVAL);
    }
    producer.context().with_monitor(ConnectionMonitor::set_connected);
    Ok(producer)
}

fn topic_error(metadata: &Metadata, topic: &Topic) -> Option<Code> {
    match metadata.topics().iter().find(|one| one.name() == topic.as_str()) {
        Some(answer) => answer.error().map(Code::from),
        None => Some(Code::UnknownTopicOrPartition),
    }
}

/// Returns the maximum time to retry while the broker returns this error for the topic.
fn topic_timeout(code: Code) -> Duration {
    match code {
        Code::LeaderNotAvailable => CONNECT_TIMEOUT,
        Code::UnknownTopic | Code::UnknownTopicOrPartition => TOPIC_CREATION_TIMEOUT,
        _ => Duration::ZERO,
    }
}

/// Checks that a client with these settings can reach the brokers and, if given, the topic.
///
/// Returns `Ok` early if `shutdown` is cancelled.
///
/// # Errors
/// As for [`connect`].
///
/// # Panics
/// If the check itself panics.
pub async fn check_connection(
    settings: &Settings,
    topic: Option<&Topic>,
    shutdown: &CancellationToken,
) -> Result<(), ConnectionError> {
    let (settings, topic, shutdown) = (settings.clone(), topic.cloned(), shutdown.clone());
    let connecting = tokio::task::spawn_blocking(move || {
        connect(&settings, topic.as_ref(), Probe::new(settings.servers()), &shutdown).map(drop)
    });
    connecting.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// Context of a producer that sends nothing.
struct Probe(Mutex<ConnectionMonitor>);

impl Probe {
    fn new(servers: &str) -> Self {
        Self(Mutex::new(ConnectionMonitor::new(servers)))
    }

    fn monitor(&self) -> MutexGuard<'_, ConnectionMonitor> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Monitored for Probe {
    fn with_monitor<T>(&self, access: impl FnOnce(&mut ConnectionMonitor) -> T) -> T {
        access(&mut self.monitor())
    }
}

impl ClientContext for Probe {
    /// Drops log messages, because everything important is also reported as an error.
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        self.monitor().report(&error, reason);
    }
}

impl ProducerContext for Probe {
    type DeliveryOpaque = ();

    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreachable_broker_is_an_error_within_seconds() {
        let pairs = [("bootstrap.servers", "127.0.0.1:1")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let settings = Settings::from_pairs(pairs).expect("settings");
        let topic = "quotes".parse().expect("a topic");
        let started = Instant::now();
        let result = connect(&settings, Some(&topic), Probe::new("127.0.0.1:1"), &CancellationToken::new());
        let message = result.map(|_| ()).expect_err("nothing listens on port 1").to_string();
        assert!(message.contains("127.0.0.1:1") && message.contains("--bootstrap-server"), "{message}");
        assert!(started.elapsed() < CONNECT_TIMEOUT + Duration::from_secs(5));
    }
}
