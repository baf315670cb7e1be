//! Evaluates librdkafka's reports about a client's connections.

use std::time::{Duration, Instant};

use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::error::ConnectionError;

/// Minimum time between two notices to the user that the client is waiting for its brokers.
const NOTICE_INTERVAL: Duration = Duration::from_secs(10);

/// Monitor of a client's connections, which evaluates librdkafka's reports.
///
/// Before the first connection, an authentication or TLS failure is final. Afterwards the same failure is a broken
/// connection like any other, which librdkafka restores.
#[derive(Debug)]
pub struct ConnectionMonitor {
    servers: String,
    connected: bool,
    failure: Option<ConnectionError>,
    last_reason: Option<String>,
    /// Time of the last notice that the client is waiting; `None` if the user was not notified of the current wait.
    last_notice: Option<Instant>,
}

/// Consequence of a report for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    /// The client cannot continue.
    Failed(ConnectionError),
    /// The client is waiting for its brokers; contains the message for the user.
    Waiting(String),
    /// The user does not need to know about the report.
    Ignored,
}

impl ConnectionMonitor {
    /// Creates the monitor for a client of the brokers at `servers`.
    #[must_use]
    pub fn new(servers: &str) -> Self {
        Self { servers: servers.to_owned(), connected: false, failure: None, last_reason: None, last_notice: None }
    }

    /// Evaluates a report from librdkafka: an error and its description.
    pub fn report(&mut self, error: &KafkaError, reason: &str) -> Report {
        let reason = reason.to_owned();
        match error.rdkafka_error_code() {
            Some(Code::Authentication | Code::SaslAuthenticationFailed) => {
                self.rejected(reason, "-X sasl.mechanism, sasl.username and sasl.password")
            }
            // The error code depends on which of librdkafka's threads reads the socket first. The reason is the same
            // for an unknown certificate authority and for a host that the certificate does not name.
            _ if !self.connected && reason.contains("certificate verify failed") => self
                .rejected(reason, "-X ssl.ca.location, and that the certificate names the host of --bootstrap-server"),
            Some(Code::SSL) if !self.connected => {
                self.rejected(reason, "-X security.protocol, ssl.ca.location and --bootstrap-server")
            }
            Some(Code::Fatal) => self.failed(ConnectionError::Fatal { servers: self.servers.clone(), reason }),
            Some(Code::AllBrokersDown) if self.connected => self.waiting(reason),
            // A TLS listener closes the connection of a plain-text client, and librdkafka reports nothing else about
            // it.
            Some(Code::AllBrokersDown) => {
                self.last_reason.get_or_insert_with(|| "the connection was closed without a response".to_owned());
                Report::Ignored
            }
            _ => {
                self.last_reason = Some(reason);
                Report::Ignored
            }
        }
    }

    /// Records that the brokers have responded. From now on, the client waits for brokers that are down.
    pub(crate) fn set_connected(&mut self) {
        self.connected = true;
        self.last_reason = None;
    }

    /// Ends the wait for the brokers after a broker has confirmed a record. Returns `true` if the user was notified of
    /// the wait.
    pub fn end_wait(&mut self) -> bool {
        self.last_notice.take().is_some()
    }

    /// Returns the first failure after which the client cannot continue, if any.
    pub(super) fn failure(&self) -> Option<&ConnectionError> {
        self.failure.as_ref()
    }

    /// Returns librdkafka's last report about the current connection, if any.
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
    /// Calls `access` with the monitor.
    fn with_monitor<T>(&self, access: impl FnOnce(&mut ConnectionMonitor) -> T) -> T;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: Code) -> KafkaError {
        KafkaError::Global(code)
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
