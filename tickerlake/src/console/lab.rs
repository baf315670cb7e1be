//! The lab of `run --lab` and `up --lab`: kills the function, delivers batches again, fails S3, damages an object.

pub(crate) mod damage;
pub(crate) mod function;

use std::collections::BTreeMap;
use std::ops::Range as Indices;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use console::{Invoked, Lab, LabAction, LabFigures, Live, Range};
use event_source::function::Report;
use futures::future::BoxFuture;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde::Deserialize;
use serde_json::Value;
use terminal::numbers::counted;

use damage::Damage;
use function::{Delivery, LabFunction};

/// Duration of the S3 outage that the lab causes.
const S3_OUTAGE: Duration = Duration::from_secs(5);

/// Maximum time for the broker to confirm the invalid records.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

const ACTIONS: &[LabAction] = &[
    LabAction {
        name: "kill",
        title: "Kill the function",
        effect: "The next invocation that writes ends in the middle of its writes, before it can report success.",
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
        title: "Deliver the last batch as two overlapping batches",
        effect: "The function receives the last records again in two batches that overlap.",
        aws: "After a retry the mapping may form batches with other bounds, or split them with BisectBatchOnFunctionError.",
    },
    LabAction {
        name: "invalid",
        title: "Send invalid records",
        effect: "Five records that the function cannot store as rows, such as text that is not JSON, are sent to the topic.",
        aws: "The function stores an invalid record in the quarantine with its reason; the batch succeeds, and no partition blocks.",
    },
    LabAction {
        name: "s3",
        title: "Fail S3 for 5 s",
        effect: "Every request from the function to S3 fails for five seconds.",
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

/// The lab of a pipeline whose parts are all embedded.
pub(crate) struct LocalLab {
    pub(crate) function: Arc<LabFunction>,
    pub(crate) client: ClientConfig,
    pub(crate) topic: String,
    pub(crate) damage: Damage,
    /// Shows the lab's deliveries among the invocations.
    pub(crate) live: Option<Arc<Live>>,
    /// Sum of the lab's deliveries.
    pub(crate) delivered: Mutex<Report>,
}

impl Lab for LocalLab {
    fn actions(&self) -> &'static [LabAction] {
        ACTIONS
    }

    fn figures(&self) -> LabFigures {
        let delivered = *self.delivered.lock().unwrap_or_else(PoisonError::into_inner);
        LabFigures {
            killed: self.function.killed(),
            will_kill: self.function.will_kill(),
            delivered_again: delivered.records,
            already_stored: delivered.skipped,
            failed_requests: self.function.s3.failed(),
            is_damaged: self.damage.is_cut(),
        }
    }

    fn act(&self, name: String) -> BoxFuture<'_, Result<String, String>> {
        Box::pin(async move {
            match name.as_str() {
                "kill" => {
                    self.function.kill_next();
                    Ok("the next invocation that writes will be killed".to_owned())
                }
                "again" => self.again(vec![self.function.last()?]).await,
                "cut" => self.again(cut(&self.function.last()?)?).await,
                "invalid" => self.send_invalid().await,
                "s3" => {
                    self.function.s3.fail_for(S3_OUTAGE);
                    Ok(format!("S3 fails for {} s", S3_OUTAGE.as_secs()))
                }
                "damage" => self.damage.toggle().map_err(|error| format!("{:#}", anyhow::Error::from(error))),
                other => Err(format!("the lab has no action {other}")),
            }
        })
    }
}

impl LocalLab {
    /// Restores the object that the lab has cut, if any. A failure is only logged: the next command that opens the lake
    /// restores it.
    pub(crate) fn restore(&self) {
        if let Err(error) = self.damage.restore() {
            let error = anyhow::Error::from(error);
            tracing::warn!(error = format!("{error:#}"), "failed to restore the object that the lab has cut");
        }
    }

    async fn again(&self, events: Vec<Bytes>) -> Result<String, String> {
        let mut sum = Report::default();
        let batches = counted(events.len() as u64, "batch", "batches");
        for event in events {
            let Delivery { duration, result } = self.function.deliver(event.clone()).await;
            self.note(event, duration, &result);
            let report = result?;
            sum += report;
            *self.delivered.lock().unwrap_or_else(PoisonError::into_inner) += report;
        }
        let records = counted(sum.records, "record", "records");
        let objects = counted(sum.objects, "object", "objects");
        Ok(format!("{records} delivered again in {batches}: {} already stored, {objects} written", sum.skipped))
    }

    /// Shows a delivery among the function's invocations.
    fn note(&self, event: Bytes, duration: Duration, result: &Result<Report, String>) {
        let Some(live) = &self.live else { return };
        let report = result.as_ref().ok();
        live.invoked(Invoked {
            partitions: ranges(&event),
            event,
            duration,
            failures_before: 0,
            is_part: false,
            closed_by: "lab",
            objects: report.map(|report| report.objects),
            bytes: report.map(|report| report.bytes),
            quarantined: report.map_or(0, |report| report.quarantined),
            skipped: report.map_or(0, |report| report.skipped),
            error: result.as_ref().err().cloned(),
            discarded: 0,
        });
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
}

/// Returns the offsets of an event by partition.
fn ranges(event: &[u8]) -> Vec<Range> {
    #[derive(Deserialize)]
    struct Event {
        records: BTreeMap<String, Vec<Record>>,
    }
    #[derive(Deserialize)]
    struct Record {
        topic: String,
        partition: i32,
        offset: i64,
    }
    // The event source wrote the event, so it has these fields.
    let lists = serde_json::from_slice::<Event>(event).map(|event| event.records).unwrap_or_default();
    let range = |records: Vec<Record>| {
        let (first, last) = (records.first()?, records.last()?);
        Some(Range {
            topic: first.topic.clone(),
            partition: first.partition,
            first: first.offset,
            last: last.offset,
            records: records.len(),
        })
    };
    lists.into_values().filter_map(range).collect()
}

/// Splits an event into two that overlap: the first two thirds of each partition, and the last two thirds.
fn cut(event: &[u8]) -> Result<Vec<Bytes>, String> {
    let whole: Value =
        serde_json::from_slice(event).map_err(|error| format!("failed to read the last event: {error}"))?;
    let part = |select: fn(usize) -> Indices<usize>| {
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

    #[test]
    fn deliveries_are_shown_with_their_offsets() {
        let event =
            br#"{"records":{"q-0":[{"topic":"q","partition":0,"offset":4},{"topic":"q","partition":0,"offset":9}]}}"#;
        let expected = Range { topic: "q".to_owned(), partition: 0, first: 4, last: 9, records: 2 };
        assert_eq!(ranges(event), [expected]);
    }
}
