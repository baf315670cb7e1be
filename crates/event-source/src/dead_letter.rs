//! The dead letter of a batch: the document that an on-failure destination receives.
//!
//! The document has the format that AWS documents for S3 destinations. It describes the invocation and the batch, and
//! contains the whole event as a string. See <https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure.html>.

use std::collections::BTreeMap;
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::tz::Offset;
use serde::Serialize;

use crate::batch::{Batch, PartitionBatch};
use crate::retry::Condition;

/// The invocation after which a batch is discarded.
#[derive(Clone, Debug)]
pub(crate) struct LastInvocation<'a> {
    /// Unique ID of the document.
    pub(crate) id: String,
    pub(crate) function: &'a str,
    pub(crate) condition: Condition,
    /// Number of failed invocations with the batch since the batch was split off.
    pub(crate) count: u32,
    pub(crate) servers: &'a str,
    /// Time at which the batch is discarded.
    pub(crate) at: SystemTime,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    request_context: RequestContext<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_context: Option<ResponseContext>,
    version: &'static str,
    timestamp: String,
    #[serde(rename = "KafkaBatchInfo")]
    kafka_batch_info: BatchInfo<'a>,
    payload: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    request_id: &'a str,
    function_arn: String,
    condition: &'static str,
    approximate_invoke_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext {
    status_code: u16,
    executed_version: &'static str,
    function_error: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchInfo<'a> {
    batch_size: usize,
    bootstrap_servers: &'a str,
    payload_size: usize,
    records_info: BTreeMap<String, PartitionInfo>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PartitionInfo {
    first_record_offset: String,
    last_record_offset: String,
    first_record_timestamp: String,
    last_record_timestamp: String,
}

/// Returns the document as JSON. It has no `eventSourceArn`, because a self-managed Kafka cluster has no ARN.
pub(crate) fn document(batch: &Batch, invocation: &LastInvocation<'_>) -> String {
    let event = batch.event(invocation.servers);
    let payload = String::from_utf8_lossy(&event);
    let has_run = invocation.condition == Condition::RetryAttemptsExhausted;
    let document = Document {
        request_context: RequestContext {
            request_id: &invocation.id,
            // An ARN, because programs that read these documents may parse it.
            function_arn: format!("arn:aws:lambda:local:000000000000:function:{}", invocation.function),
            condition: match invocation.condition {
                Condition::RetryAttemptsExhausted => "RetryAttemptsExhausted",
                Condition::RecordAgeExceeded => "RecordAgeExceeded",
            },
            approximate_invoke_count: invocation.count,
        },
        response_context: has_run.then_some(ResponseContext {
            status_code: 200,
            executed_version: "$LATEST",
            function_error: "Unhandled",
        }),
        version: "1.0",
        timestamp: to_millis(invocation.at).to_string(),
        kafka_batch_info: BatchInfo {
            batch_size: batch.records(),
            bootstrap_servers: invocation.servers,
            payload_size: payload.len(),
            records_info: batch.partitions().iter().map(partition_info).collect(),
        },
        payload: &payload,
    };
    // Serializing strings and numbers as JSON never fails.
    serde_json::to_string(&document).unwrap_or_default()
}

fn partition_info(part: &PartitionBatch) -> (String, PartitionInfo) {
    let (first, last) = (part.records().next().unwrap_or_default(), part.records().next_back().unwrap_or_default());
    // A timestamp that is out of range for a date is written as its number.
    let format = |millis: i64| {
        Timestamp::from_millisecond(millis).map_or_else(|_| millis.to_string(), |timestamp| timestamp.to_string())
    };
    let info = PartitionInfo {
        first_record_offset: first.0.to_string(),
        last_record_offset: last.0.to_string(),
        first_record_timestamp: format(first.1),
        last_record_timestamp: format(last.1),
    };
    (format!("{}-{}", part.topic(), part.partition()), info)
}

/// Truncates a time to milliseconds, the precision of the document. Returns the start of 1970 if the time is out of
/// range.
fn to_millis(time: SystemTime) -> Timestamp {
    let millis = Timestamp::try_from(time).map_or(0, Timestamp::as_millisecond);
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Returns the document's key, in the format that AWS uses: `aws/lambda/<mapping>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<id>`.
/// The consumer group replaces the mapping's ID.
pub(crate) fn key(group: &str, invocation: &LastInvocation<'_>) -> String {
    let at = Offset::UTC.to_datetime(to_millis(invocation.at));
    format!("aws/lambda/{group}/{}-{}", at.strftime("%Y/%m/%d/%Y-%m-%dT%H.%M.%S"), invocation.id)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::{Value, json};

    use super::*;
    use crate::batch::tests::batch;

    fn invocation(condition: Condition) -> LastInvocation<'static> {
        LastInvocation {
            id: "6b5d".to_owned(),
            function: "sink",
            condition,
            count: 4,
            servers: "h:9092",
            at: UNIX_EPOCH + Duration::from_millis(1_764_028_800_120),
        }
    }

    #[test]
    fn document_has_the_format_that_aws_documents() {
        let batch = batch(&[(0, 15, 1_764_028_700_000), (1, 7, 1_764_028_700_001), (0, 17, 1_764_028_700_002)]);
        let invocation = invocation(Condition::RetryAttemptsExhausted);
        let mut document: Value = serde_json::from_str(&document(&batch, &invocation)).unwrap();
        let payload = document.as_object_mut().unwrap().remove("payload").unwrap();
        assert_eq!(payload.as_str().unwrap().as_bytes(), batch.event("h:9092"));
        assert_eq!(
            document,
            json!({
                "requestContext": {
                    "requestId": "6b5d", "functionArn": "arn:aws:lambda:local:000000000000:function:sink",
                    "condition": "RetryAttemptsExhausted", "approximateInvokeCount": 4,
                },
                "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
                "version": "1.0",
                "timestamp": "2025-11-25T00:00:00.12Z",
                "KafkaBatchInfo": {
                    "batchSize": 3, "bootstrapServers": "h:9092", "payloadSize": batch.event("h:9092").len(),
                    "recordsInfo": {
                        "quotes-0": {
                            "firstRecordOffset": "15", "firstRecordTimestamp": "2025-11-24T23:58:20Z",
                            "lastRecordOffset": "17", "lastRecordTimestamp": "2025-11-24T23:58:20.002Z",
                        },
                        "quotes-1": {
                            "firstRecordOffset": "7", "firstRecordTimestamp": "2025-11-24T23:58:20.001Z",
                            "lastRecordOffset": "7", "lastRecordTimestamp": "2025-11-24T23:58:20.001Z",
                        },
                    },
                },
            })
        );
    }

    #[test]
    fn expired_batch_has_no_response_context() {
        let invocation = invocation(Condition::RecordAgeExceeded);
        let document: Value = serde_json::from_str(&document(&batch(&[(0, 1, 0)]), &invocation)).unwrap();
        assert_eq!(document["requestContext"]["condition"], "RecordAgeExceeded");
        assert!(document.get("responseContext").is_none());
        assert_eq!(key("g", &invocation), "aws/lambda/g/2025/11/25/2025-11-25T00.00.00-6b5d");
    }
}
