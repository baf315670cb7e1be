//! Tracks the delivery of each record, in the callbacks of the Kafka client.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kafka_client::connection::{ConnectionMonitor, Monitored, Report};
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::ProducerContext;
use rdkafka::types::RDKafkaErrorCode as Code;

use super::error::DeliveryError;
use crate::feed::row_id::RowId;
use crate::report::progress::Progress;
use crate::report::summary::{Delivered, PartitionDelivery};

/// Context of a Kafka producer. A polling thread calls the callbacks, and the feed's thread reads the results.
pub(super) struct DeliveryTracker {
    progress: Arc<Progress>,
    servers: String,
    inputs: Vec<String>,
    settled: AtomicU64,
    has_failed: AtomicBool,
    state: Mutex<State>,
}

struct State {
    monitor: ConnectionMonitor,
    delivered: Delivered,
    failure: Option<DeliveryError>,
}

impl DeliveryTracker {
    /// Creates the tracker for records that are read from `inputs` and sent to the brokers at `servers`.
    pub(super) fn new(progress: &Arc<Progress>, servers: &str, inputs: Vec<String>) -> Self {
        let monitor = ConnectionMonitor::new(servers);
        Self {
            progress: Arc::clone(progress),
            servers: servers.to_owned(),
            inputs,
            settled: AtomicU64::new(0),
            has_failed: AtomicBool::new(false),
            state: Mutex::new(State { monitor, delivered: BTreeMap::new(), failure: None }),
        }
    }

    /// Returns the number of records that were delivered or have failed.
    pub(super) fn settled(&self) -> u64 {
        self.settled.load(Ordering::Acquire)
    }

    /// Takes the delivery counts and offsets of each partition, leaving an empty map.
    pub(super) fn take_delivered(&self) -> Delivered {
        std::mem::take(&mut self.state().delivered)
    }

    /// Returns the first failure, if any.
    pub(super) fn failure(&self) -> Option<DeliveryError> {
        // Called for each record, so it takes the lock only if something has failed.
        if !self.has_failed.load(Ordering::Acquire) {
            return None;
        }
        self.state().failure.clone()
    }

    /// Returns the error for a record that the client rejected.
    pub(super) fn not_sent(&self, row: RowId, error: &KafkaError) -> DeliveryError {
        match error.rdkafka_error_code() {
            Some(Code::MessageSizeTooLarge) => {
                DeliveryError::TooLarge { row: row.name(&self.inputs), servers: self.servers.clone() }
            }
            _ => self.not_delivered(row, error, None),
        }
    }

    /// Returns the error for a record that was not delivered; `cause` is the last error that the client reported.
    fn not_delivered(&self, row: RowId, error: &KafkaError, cause: Option<&str>) -> DeliveryError {
        let code = error.rdkafka_error_code();
        let message = code.map_or_else(|| error.to_string(), |code| code.to_string());
        DeliveryError::NotDelivered {
            row: row.name(&self.inputs),
            servers: self.servers.clone(),
            reason: match cause {
                Some(cause) => format!("{message} ({cause})"),
                None => message,
            },
            code,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, state: &mut State, failure: DeliveryError) {
        state.failure.get_or_insert(failure);
        self.has_failed.store(true, Ordering::Release);
    }
}

impl Monitored for DeliveryTracker {
    fn with_monitor<T>(&self, access: impl FnOnce(&mut ConnectionMonitor) -> T) -> T {
        access(&mut self.state().monitor)
    }
}

impl ClientContext for DeliveryTracker {
    /// Discards log messages: everything that matters is also reported as an error or a failed delivery.
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, error: KafkaError, reason: &str) {
        let mut state = self.state();
        match state.monitor.report(&error, reason) {
            Report::Failed(error) => self.fail(&mut state, error.into()),
            Report::Waiting(notice) => self.progress.notice(notice),
            Report::Ignored => {}
        }
    }
}

impl ProducerContext for DeliveryTracker {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, row: usize) {
        let mut state = self.state();
        match result {
            Ok(record) => {
                self.progress.add_delivered();
                self.progress.add_bytes((record.key_len() + record.payload_len()) as u64);
                confirm(&mut state.delivered, record.partition(), record.offset());
                if state.monitor.end_wait() {
                    self.progress.notice("the broker is back".to_owned());
                }
            }
            Err((error, _)) => {
                let code = error.rdkafka_error_code();
                // These errors follow a failure of the whole client, which is reported with its reason.
                if !matches!(code, Some(Code::PurgeQueue | Code::PurgeInflight | Code::Fatal)) {
                    let timed_out = code == Some(Code::MessageTimedOut);
                    let cause = state.monitor.last_reason().filter(|_| timed_out);
                    let failure = self.not_delivered(RowId::from_opaque(row), error, cause);
                    self.fail(&mut state, failure);
                }
            }
        }
        drop(state);
        self.settled.fetch_add(1, Ordering::AcqRel);
    }
}

/// Counts a confirmed record. `offset` is -1 if a record was retried although its first attempt had arrived.
fn confirm(delivered: &mut Delivered, partition: i32, offset: i64) {
    let entry = delivered.entry(partition).or_insert(PartitionDelivery {
        records: 0,
        first_offset: offset,
        last_offset: offset,
    });
    entry.records += 1;
    if offset >= 0 {
        entry.first_offset = if entry.first_offset < 0 { offset } else { entry.first_offset.min(offset) };
        entry.last_offset = entry.last_offset.max(offset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confirmations_span_the_known_offsets() {
        let mut delivered = Delivered::new();
        for offset in [-1, 7, 5, -1, 6] {
            confirm(&mut delivered, 3, offset);
        }
        assert_eq!(delivered[&3], PartitionDelivery { records: 5, first_offset: 5, last_offset: 7 });
    }
}
