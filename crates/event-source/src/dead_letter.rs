//! The record that an on-failure destination gets of a batch that was given up, as AWS documents it for S3:
//! about the invocation, about the batch, and the whole event as a string.
//! <https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure.html>

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use super::batch::Batch;
use super::retry::Condition;

/// The invocation after which a batch is given up.
#[derive(Clone, Debug)]
pub struct Invocation<'a> {
    /// An id of its own.
    pub id: String,
    /// The function's name.
    pub function: &'a str,
    /// Why the batch is given up.
    pub condition: Condition,
    /// How often the function ran with it.
    pub count: u32,
    /// The bootstrap servers.
    pub servers: &'a str,
    /// When it is given up.
    pub at: SystemTime,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
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
    records_info: BTreeMap<String, PartInfo>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PartInfo {
    first_record_offset: String,
    last_record_offset: String,
    first_record_timestamp: String,
    last_record_timestamp: String,
}

/// The record, as JSON. There is no `eventSourceArn`: a self-managed Kafka has none.
pub fn record(batch: &Batch, invocation: &Invocation<'_>) -> String {
    let event = batch.event(invocation.servers);
    let payload = String::from_utf8_lossy(&event);
    let ran = invocation.condition == Condition::RetryAttemptsExhausted;
    let record = Record {
        request_context: RequestContext {
            request_id: &invocation.id,
            // An ARN in form, since what reads these records may take it apart.
            function_arn: format!("arn:aws:lambda:local:000000000000:function:{}", invocation.function),
            condition: match invocation.condition {
                Condition::RetryAttemptsExhausted => "RetryAttemptsExhausted",
                Condition::RecordAgeExceeded => "RecordAgeExceeded",
            },
            approximate_invoke_count: invocation.count,
        },
        response_context: ran.then_some(ResponseContext {
            status_code: 200,
            executed_version: "$LATEST",
            function_error: "Unhandled",
        }),
        version: "1.0",
        timestamp: moment(invocation.at.into()),
        kafka_batch_info: BatchInfo {
            batch_size: batch.records(),
            bootstrap_servers: invocation.servers,
            payload_size: payload.len(),
            records_info: batch.parts().iter().map(info).collect(),
        },
        payload: &payload,
    };
    // Strings and numbers always have a JSON form.
    serde_json::to_string(&record).unwrap_or_default()
}

fn info(part: &super::batch::Part) -> (String, PartInfo) {
    let (first, last) = (part.records().next().unwrap_or_default(), part.records().next_back().unwrap_or_default());
    let of_record = |timestamp: i64| {
        let moment_of = OffsetDateTime::from_unix_timestamp_nanos(i128::from(timestamp) * 1_000_000);
        moment_of.map_or_else(|_| timestamp.to_string(), moment)
    };
    let info = PartInfo {
        first_record_offset: first.0.to_string(),
        last_record_offset: last.0.to_string(),
        first_record_timestamp: of_record(first.1),
        last_record_timestamp: of_record(last.1),
    };
    (format!("{}-{}", part.topic(), part.partition()), info)
}

/// `2026-11-21T08:15:30.123Z`
fn moment(at: OffsetDateTime) -> String {
    let millis = at.replace_millisecond(at.millisecond()).unwrap_or(at);
    millis.format(&Rfc3339).unwrap_or_default()
}

/// Where it is kept: `aws/lambda/<mapping>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<id>`, as AWS names such objects.
/// The mapping is named by its consumer group, having no id of its own here.
pub fn key(group: &str, invocation: &Invocation<'_>) -> String {
    let at = OffsetDateTime::from(invocation.at);
    let day = at.format(format_description!("[year]/[month]/[day]")).unwrap_or_default();
    let second = at.format(format_description!("[year]-[month]-[day]T[hour].[minute].[second]")).unwrap_or_default();
    format!("aws/lambda/{group}/{day}/{second}-{}", invocation.id)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::{Value, json};

    use super::super::batch::tests::batch;
    use super::*;

    fn invocation(condition: Condition) -> Invocation<'static> {
        Invocation {
            id: "6b5d".to_owned(),
            function: "sink",
            condition,
            count: 4,
            servers: "h:9092",
            at: UNIX_EPOCH + Duration::from_millis(1_764_028_800_120),
        }
    }

    #[test]
    fn the_record_has_the_documented_shape_and_its_payload_is_the_whole_event() {
        let batch = batch(&[(0, 15, 1_764_028_700_000), (1, 7, 1_764_028_700_001), (0, 17, 1_764_028_700_002)]);
        let invocation = invocation(Condition::RetryAttemptsExhausted);
        let mut record: Value = serde_json::from_str(&record(&batch, &invocation)).unwrap();
        let payload = record.as_object_mut().unwrap().remove("payload").unwrap();
        assert_eq!(payload.as_str().unwrap().as_bytes(), batch.event("h:9092"));
        assert_eq!(
            record,
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
    fn a_record_that_was_too_old_has_no_response_and_its_key_tells_the_second() {
        let invocation = invocation(Condition::RecordAgeExceeded);
        let record: Value = serde_json::from_str(&record(&batch(&[(0, 1, 0)]), &invocation)).unwrap();
        assert_eq!(record["requestContext"]["condition"], "RecordAgeExceeded");
        assert!(record.get("responseContext").is_none());
        assert_eq!(key("g", &invocation), "aws/lambda/g/2025/11/25/2025-11-25T00.00.00-6b5d");
    }
}
