//! Connects a client to its brokers, and says what to change if that fails.
//!
//! librdkafka retries a connection forever and reports each failed attempt to a callback. [`ConnectionMonitor`] decides
//! which of these reports end the attempt; [`connect`] waits until the brokers have answered, or a report or the
//! deadline ends it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::metadata::Metadata;
use rdkafka::producer::{Producer, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode as Code;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::hints::Operation;
use crate::settings::Settings;
use crate::topic::Topic;

/// How long brokers may take to answer before [`connect`] fails.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a broker may take to create a topic by itself, on the first request that names it.
const TOPIC_CREATION_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one metadata request may take.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);
/// The pause between two metadata requests.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);
/// How often the user is notified that the client waits for its brokers.
const NOTICE_INTERVAL: Duration = Duration::from_secs(10);

/// Why a client cannot use its brokers or its topic.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// librdkafka cannot create a client with these settings.
    #[error("no Kafka client with these settings: {0}")]
    Settings(#[source] KafkaError),
    /// No broker answered in time.
    #[error("no Kafka broker at {servers} within {} s: {reason}; check --bootstrap-server{}", CONNECT_TIMEOUT.as_secs(), tls_hint(reason))]
    Unreachable {
        /// The bootstrap servers.
        servers: String,
        /// librdkafka's last report.
        reason: String,
    },
    /// The broker or the client rejected the connection.
    #[error("no connection to {servers}: {reason}; check {check}")]
    Rejected {
        /// The bootstrap servers.
        servers: String,
        /// librdkafka's report.
        reason: String,
        /// The settings to check.
        check: &'static str,
    },
    /// The topic does not exist.
    #[error("no topic `{topic}` at {servers}; `producer --create-topic PARTITIONS` creates it")]
    UnknownTopic {
        /// The topic.
        topic: Topic,
        /// The bootstrap servers.
        servers: String,
    },
    /// The topic cannot be used.
    #[error("topic `{topic}` at {servers}: {code}{}", Operation::Produce.hint(Some(*code)))]
    Topic {
        /// The topic.
        topic: Topic,
        /// The bootstrap servers.
        servers: String,
        /// The broker's error.
        #[source]
        code: Code,
    },
    /// librdkafka cannot go on.
    #[error("{servers}: {reason}")]
    Fatal {
        /// The bootstrap servers.
        servers: String,
        /// librdkafka's report.
        reason: String,
    },
}

impl ConnectionError {
    /// Returns the error of a topic that the broker answered with `code`.
    #[must_use]
    pub fn of_topic(topic: &Topic, settings: &Settings, code: Code) -> Self {
        let (topic, servers) = (topic.clone(), settings.servers().to_owned());
        match code {
            Code::UnknownTopic | Code::UnknownTopicOrPartition => Self::UnknownTopic { topic, servers },
            code => Self::Topic { topic, servers, code },
        }
    }
}

/// A broker that speaks TLS closes a plain-text connection without a reason, so anything else may be that.
fn tls_hint(reason: &str) -> &'static str {
    match reason.contains("refused") || reason.contains("resolve") {
        true => "",
        false => " and -X security.protocol",
    }
}

/// Follows librdkafka's reports about a client's connections.
///
/// Before the first connection, an authentication or TLS failure is final. Afterwards the same failure is a broken
/// connection like any other, which librdkafka restores.
#[derive(Debug)]
pub struct ConnectionMonitor {
    servers: String,
    connected: bool,
    failure: Option<ConnectionError>,
    last_reason: Option<String>,
    /// When the user was last notified that the client waits; `None` while a broker is connected.
    last_notice: Option<Instant>,
}

/// What a report means for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The client cannot go on.
    Failed(ConnectionError),
    /// The client waits for its brokers; the text is for the user.
    Waiting(String),
    /// Nothing that the user has to know.
    Ignored,
}

impl ConnectionMonitor {
    /// Creates the monitor of a client of the brokers at `servers`.
    #[must_use]
    pub fn new(servers: &str) -> Self {
        Self { servers: servers.to_owned(), connected: false, failure: None, last_reason: None, last_notice: None }
    }

    /// Takes note of a report by librdkafka: the error, and its description.
    pub fn report(&mut self, error: &KafkaError, reason: &str) -> Report {
        let reason = reason.to_owned();
        match error.rdkafka_error_code() {
            Some(Code::Authentication | Code::SaslAuthenticationFailed) => {
                self.rejected(reason, "-X sasl.mechanism, sasl.username and sasl.password")
            }
            // librdkafka reports it under one code or another, depending on which of its threads reads the socket
            // first, and uses the same words for an unknown authority and for a host that the certificate does not name.
            _ if !self.connected && reason.contains("certificate verify failed") => self.rejected(
                reason,
                "-X ssl.ca.location, and that the certificate has the host of --bootstrap-server among its names",
            ),
            Some(Code::SSL) if !self.connected => {
                self.rejected(reason, "-X security.protocol, ssl.ca.location and --bootstrap-server")
            }
            Some(Code::Fatal) => self.failed(ConnectionError::Fatal { servers: self.servers.clone(), reason }),
            Some(Code::AllBrokersDown) if self.connected => self.waiting(reason),
            // A TLS listener closes the connection of a plain-text client, about which librdkafka reports nothing else.
            Some(Code::AllBrokersDown) => {
                self.last_reason.get_or_insert_with(|| "the connection is closed without an answer".to_owned());
                Report::Ignored
            }
            _ => {
                self.last_reason = Some(reason);
                Report::Ignored
            }
        }
    }

    /// Takes note that the brokers have answered. From now on, the client waits for brokers that are gone.
    pub fn set_connected(&mut self) {
        self.connected = true;
        self.last_reason = None;
    }

    /// Takes note that a broker has confirmed something. Returns `true` if the user was notified that the client waits.
    pub fn end_wait(&mut self) -> bool {
        self.last_notice.take().is_some()
    }

    /// Returns librdkafka's last report, if it is about the present connection.
    #[must_use]
    pub fn last_reason(&self) -> Option<&str> {
        self.last_reason.as_deref()
    }

    fn rejected(&mut self, reason: String, check: &'static str) -> Report {
        self.failed(ConnectionError::Rejected { servers: self.servers.clone(), reason, check })
    }

    fn failed(&mut self, error: ConnectionError) -> Report {
        self.failure.get_or_insert_with(|| error.clone());
        Report::Failed(error)
    }

    fn waiting(&mut self, reason: String) -> Report {
        let now = Instant::now();
        if self.last_notice.is_some_and(|last| now - last <= NOTICE_INTERVAL) {
            return Report::Ignored;
        }
        self.last_notice = Some(now);
        let reason = self.last_reason.clone().unwrap_or(reason);
        Report::Waiting(format!("waiting for the broker at {}: {reason}", self.servers))
    }
}

/// A client context that passes librdkafka's reports to a [`ConnectionMonitor`].
pub trait Monitored {
    /// Gives access to the monitor.
    fn with_monitor<T>(&self, access: impl FnOnce(&mut ConnectionMonitor) -> T) -> T;
}

/// Creates a producer and waits until it has reached its brokers and, if one is named, its topic. Blocks.
///
/// Returns the producer, unconnected, if `shutdown` is cancelled first.
///
/// # Errors
/// [`ConnectionError`] names the setting to change.
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
        if let Some(failure) = producer.context().with_monitor(|monitor| monitor.failure.clone()) {
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
            let reported = producer.context().with_monitor(|monitor| monitor.last_reason.clone());
            let error = || last_error.map_or_else(|| "no answer".to_owned(), |error| error.to_string());
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

/// How long the broker may take until it no longer returns this error for the topic.
fn topic_timeout(code: Code) -> Duration {
    match code {
        Code::LeaderNotAvailable => CONNECT_TIMEOUT,
        Code::UnknownTopic | Code::UnknownTopicOrPartition => TOPIC_CREATION_TIMEOUT,
        _ => Duration::ZERO,
    }
}

/// Checks that a client with these settings reaches the brokers and, if one is named, the topic.
///
/// Returns early if `shutdown` is cancelled.
///
/// # Errors
/// [`ConnectionError`] names the setting to change.
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
    /// Everything that matters is also reported as an error.
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

    fn error(code: Code) -> KafkaError {
        KafkaError::Global(code)
    }

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

    #[test]
    fn a_tls_failure_is_final_only_before_the_first_connection() {
        let mut monitor = ConnectionMonitor::new("kafka:9093");
        let report = monitor.report(&error(Code::SSL), "handshake failed");
        assert!(matches!(report, Report::Failed(ConnectionError::Rejected { .. })), "{report:?}");
        let mut monitor = ConnectionMonitor::new("kafka:9093");
        monitor.set_connected();
        assert_eq!(monitor.report(&error(Code::SSL), "handshake failed"), Report::Ignored);
        assert_eq!(monitor.last_reason(), Some("handshake failed"));
    }

    #[test]
    fn a_lost_broker_is_reported_once_in_a_while() {
        let mut monitor = ConnectionMonitor::new("kafka:9092");
        monitor.set_connected();
        assert!(!monitor.end_wait());
        let report = monitor.report(&error(Code::AllBrokersDown), "1/1 brokers are down");
        assert_eq!(report, Report::Waiting("waiting for the broker at kafka:9092: 1/1 brokers are down".to_owned()));
        assert_eq!(monitor.report(&error(Code::AllBrokersDown), "1/1 brokers are down"), Report::Ignored);
        assert!(monitor.end_wait());
    }
}
