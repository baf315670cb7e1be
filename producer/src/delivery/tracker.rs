//! What the Kafka client's own thread reports: confirmations, failures, brokers that are gone.

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
use serde::Serialize;

use crate::delivery::sender::DeliveryError;
use crate::report::progress::Progress;

/// What one partition has confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PartitionDelivery {
    /// How many records.
    pub records: u64,
    /// The smallest offset.
    pub first_offset: i64,
    /// The largest offset.
    pub last_offset: i64,
}

/// Which row a record came from: input and line in one word, as Kafka's client carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowId(usize);

const LINE_BITS: u32 = usize::BITS * 5 / 8;

impl RowId {
    pub(crate) fn new(input: usize, line: u64) -> Self {
        let line = usize::try_from(line).unwrap_or(usize::MAX) & ((1 << LINE_BITS) - 1);
        Self(input << LINE_BITS | line)
    }

    /// The word that travels with the record.
    pub(crate) fn opaque(self) -> usize {
        self.0
    }

    /// Which input.
    pub(crate) fn input(self) -> usize {
        self.0 >> LINE_BITS
    }

    fn name(self, inputs: &[String]) -> String {
        let (input, line) = (self.input(), self.0 & ((1 << LINE_BITS) - 1));
        format!("{} line {line}", inputs.get(input).map_or("input", String::as_str))
    }
}

/// The client's context: its callbacks run in a thread of the client, its questions are the feed's.
pub(crate) struct Reports {
    progress: Arc<Progress>,
    servers: String,
    inputs: Vec<String>,
    settled: AtomicU64,
    failed: AtomicBool,
    state: Mutex<State>,
}

struct State {
    monitor: ConnectionMonitor,
    partitions: BTreeMap<i32, PartitionDelivery>,
    failure: Option<DeliveryError>,
}

impl Reports {
    /// Reports on records that come from `inputs` and go to the brokers at `servers`.
    pub(crate) fn new(progress: &Arc<Progress>, servers: &str, inputs: Vec<String>) -> Self {
        Self {
            progress: Arc::clone(progress),
            servers: servers.to_owned(),
            inputs,
            settled: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            state: Mutex::new(State {
                monitor: ConnectionMonitor::new(servers),
                partitions: BTreeMap::new(),
                failure: None,
            }),
        }
    }

    /// How many records have met their fate, good or bad.
    pub(crate) fn settled(&self) -> u64 {
        self.settled.load(Ordering::Acquire)
    }

    /// What has been confirmed.
    pub(crate) fn take_partitions(&self) -> BTreeMap<i32, PartitionDelivery> {
        std::mem::take(&mut self.state().partitions)
    }

    /// The first thing that went wrong for good, if anything did.
    pub(crate) fn failure(&self) -> Option<DeliveryError> {
        // Asked for each record, so the lock is for the worst case only.
        if !self.failed.load(Ordering::Acquire) {
            return None;
        }
        self.state().failure.clone()
    }

    /// The error of a record that the client does not take.
    pub(crate) fn not_sent(&self, row: RowId, error: &KafkaError) -> DeliveryError {
        match error.rdkafka_error_code() {
            Some(Code::MessageSizeTooLarge) => {
                DeliveryError::TooLarge { row: row.name(&self.inputs), servers: self.servers.clone() }
            }
            _ => self.not_delivered(row, error, None),
        }
    }

    /// The error of a record that `error` kept from being delivered.
    fn not_delivered(&self, row: RowId, error: &KafkaError, why: Option<&str>) -> DeliveryError {
        let code = error.rdkafka_error_code();
        let said = code.map_or_else(|| error.to_string(), |code| code.to_string());
        DeliveryError::NotDelivered {
            row: row.name(&self.inputs),
            servers: self.servers.clone(),
            reason: why.map_or_else(|| said.clone(), |why| format!("{said} ({why})")),
            code,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, state: &mut State, failure: DeliveryError) {
        state.failure.get_or_insert(failure);
        self.failed.store(true, Ordering::Release);
    }
}

impl Monitored for Reports {
    fn with_monitor<T>(&self, access: impl FnOnce(&mut ConnectionMonitor) -> T) -> T {
        access(&mut self.state().monitor)
    }
}

impl ClientContext for Reports {
    /// What matters comes as an error or as a failed delivery.
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

impl ProducerContext for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, row: usize) {
        let mut state = self.state();
        match result {
            Ok(record) => {
                self.progress.add_delivered();
                self.progress.add_bytes((record.key_len() + record.payload_len()) as u64);
                confirm(&mut state.partitions, record.partition(), record.offset());
                if state.monitor.end_wait() {
                    self.progress.notice("the broker is back".to_owned());
                }
            }
            Err((error, _)) => {
                let code = error.rdkafka_error_code();
                // These follow a failure of the whole client, which has the reason.
                if !matches!(code, Some(Code::PurgeQueue | Code::PurgeInflight | Code::Fatal)) {
                    let timed_out = code == Some(Code::MessageTimedOut);
                    let why = state.monitor.last_reason().filter(|_| timed_out);
                    let failure = self.not_delivered(RowId(row), error, why);
                    self.fail(&mut state, failure);
                }
            }
        }
        drop(state);
        self.settled.fetch_add(1, Ordering::AcqRel);
    }
}

/// A retried record whose first copy had arrived is confirmed without an offset.
fn confirm(partitions: &mut BTreeMap<i32, PartitionDelivery>, partition: i32, offset: i64) {
    let entry = partitions.entry(partition).or_insert(PartitionDelivery {
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
    fn a_row_is_named_after_its_journey() {
        let inputs = ["a.csv".to_owned(), "b.csv".to_owned()];
        assert_eq!(RowId::new(1, 5_694).name(&inputs), "b.csv line 5694");
        assert_eq!(RowId::new(0, 10_000_000_000).name(&inputs), "a.csv line 10000000000");
    }

    #[test]
    fn confirmations_span_the_offsets_that_are_known() {
        let mut partitions = BTreeMap::new();
        for offset in [-1, 7, 5, -1, 6] {
            confirm(&mut partitions, 3, offset);
        }
        assert_eq!(partitions[&3], PartitionDelivery { records: 5, first_offset: 5, last_offset: 7 });
    }
}
