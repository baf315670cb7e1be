//! Shows the pipeline of this process in the console.

use std::fmt;
use std::sync::Arc;

use console::{BatchFill, Feed, Invoked, Lane, Live, Pipeline, Range, Sample, Stored};
use event_source::observer::{Invocation, Observer};
use event_source::progress::Progress;
use event_source::{ClosedBy, Failure, Limits};

/// The counters of the feed and of the event source.
pub(crate) struct LocalPipeline {
    pub(crate) feed: Option<Arc<producer::report::progress::Progress>>,
    pub(crate) event_source: Arc<Progress>,
    pub(crate) limits: Limits,
    /// Topic of the console.
    pub(crate) topic: String,
}

impl Pipeline for LocalPipeline {
    fn sample(&self) -> Sample {
        let counts = self.event_source.counts();
        let collected = self.event_source.collected(&self.topic).unwrap_or_default();
        let lag = self.event_source.lag();
        let lanes = self.event_source.offsets().into_iter().map(|(key, offsets)| Lane {
            lag: lag.get(&key).copied(),
            topic: key.0,
            partition: key.1,
            low: offsets.low,
            high: offsets.high,
            committed: offsets.committed,
        });
        // Before the first batch, it is known that the function has stored nothing.
        let is_reported = counts.has_report || counts.batches == 0;
        let reported = |count| is_reported.then_some(count);
        Sample {
            feed: self.feed.as_ref().map(|feed| {
                let snapshot = feed.snapshot();
                Feed {
                    read: snapshot.read,
                    delivered: snapshot.delivered,
                    rejected: snapshot.rejected,
                    reasons: feed.rejected_by_reason(),
                    blank: snapshot.blank,
                    bytes: snapshot.bytes,
                    fraction: snapshot.fraction(),
                }
            }),
            lanes: lanes.collect(),
            batch: BatchFill {
                records: collected.records,
                bytes: collected.bytes,
                waiting: collected.waiting_records,
                max_records: self.limits.batch_size as u64,
                max_bytes: self.limits.payload as u64,
                window_ms: u64::try_from(self.limits.window.as_millis()).unwrap_or(u64::MAX),
            },
            stored: Stored {
                records: counts.records,
                batches: counts.batches,
                objects: reported(counts.report.objects),
                bytes: reported(counts.report.bytes),
                quarantined: reported(counts.report.quarantined),
                skipped: reported(counts.report.skipped),
                repeated: reported(counts.repeated),
                failed_invocations: counts.failures,
                retried: counts.retried,
                discarded: counts.given_up,
                removed: counts.removed,
            },
            newest: counts.newest,
            failing: self.event_source.failing(),
        }
    }

    fn stored_of(&self, topic: &str) -> u64 {
        self.event_source.records_of(topic)
    }
}

/// Passes invocations on to the console.
pub(crate) struct Recorder(pub(crate) Arc<Live>);

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}

impl Observer for Recorder {
    fn invoked(&self, invocation: &Invocation<'_>) {
        let report = invocation.report.filter(|_| invocation.failure.is_none());
        let ranges = invocation.partitions.iter().map(|range| Range {
            topic: range.topic.clone(),
            partition: range.partition,
            first: range.first,
            last: range.last,
            records: range.records,
        });
        if let Some(Failure::Items(_)) = invocation.failure {
            // The records of the other partitions are stored, and no later invocation has them.
            self.0.missed(invocation.partitions.iter().map(|range| range.records as u64).sum());
        }
        self.0.invoked(Invoked {
            event: invocation.event.clone(),
            partitions: ranges.collect(),
            duration: invocation.duration,
            failures_before: invocation.failures_before,
            is_part: invocation.is_part,
            closed_by: match invocation.closed_by {
                ClosedBy::Window => "window",
                ClosedBy::Records => "records",
                ClosedBy::Payload => "bytes",
            },
            objects: report.map(|report| report.objects),
            bytes: report.map(|report| report.bytes),
            quarantined: report.map_or(0, |report| report.quarantined),
            skipped: report.map_or(0, |report| report.skipped),
            error: invocation.failure.map(ToString::to_string),
            discarded: invocation.discarded,
        });
    }
}
