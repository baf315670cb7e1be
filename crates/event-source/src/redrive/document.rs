//! Parses dead letters: the documents of an on-failure destination in S3 or a folder, which contain the whole event as
//! a string.
//!
//! Documents of other destinations (SQS, SNS, a Kafka topic) contain only the offsets of the batch, so they cannot be
//! redriven.

use std::borrow::Cow;
use std::collections::BTreeMap;

use lambda_kafka_event::{Event, EventError, Record};
use serde::Deserialize;

/// A parsed dead letter: a discarded batch and its event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document {
    /// The event, byte for byte as the function received it.
    pub(crate) event: String,
    /// The first record, by topic, partition and offset.
    pub(crate) first: FirstRecord,
    /// Number of records.
    pub(crate) records: usize,
}

/// The first record of a batch, which determines the batch's position in the order of a redrive.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FirstRecord {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

/// Error returned when a file is not a dead letter with an event.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The file is not valid JSON, or a field has the wrong type.
    #[error("not a document from an on-failure destination: {0}")]
    Json(#[from] serde_json::Error),
    /// The JSON has neither `payload` nor `KafkaBatchInfo`.
    #[error("not a document from an on-failure destination: it has neither payload nor KafkaBatchInfo")]
    Other,
    /// The document has only offsets. The records must be read from the topic, if the topic still contains them.
    #[error(
        "the document has no payload, only the offsets ({0}); to deliver the records again, reset the consumer group to these offsets"
    )]
    NoPayload(String),
    /// The payload is not a valid Kafka event.
    #[error("invalid payload: {0}")]
    Event(#[from] EventError),
    /// The payload has no records.
    #[error("the payload has no records")]
    Empty,
}

#[derive(Deserialize)]
struct Shape<'a> {
    #[serde(borrow, default)]
    payload: Option<Cow<'a, str>>,
    #[serde(borrow, default, rename = "KafkaBatchInfo")]
    batch: Option<BatchInfo<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchInfo<'a> {
    #[serde(borrow, default)]
    records_info: BTreeMap<Cow<'a, str>, PartitionInfo<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PartitionInfo<'a> {
    #[serde(borrow)]
    first_record_offset: Cow<'a, str>,
    #[serde(borrow)]
    last_record_offset: Cow<'a, str>,
}

/// Parses a dead letter.
///
/// # Errors
/// [`DocumentError`] if the file is not a dead letter with an event.
pub(crate) fn parse(bytes: &[u8]) -> Result<Document, DocumentError> {
    let Shape { payload, batch } = serde_json::from_slice(bytes)?;
    let event = match (payload, batch) {
        (Some(payload), _) => payload.into_owned(),
        (None, Some(batch)) => return Err(DocumentError::NoPayload(offsets(&batch))),
        (None, None) => return Err(DocumentError::Other),
    };
    let parsed = Event::parse(&event)?;
    let position = |record: &Record<'_>| (record.partition, record.offset);
    let first = parsed.records.iter().min_by(|a, b| a.topic.cmp(&b.topic).then(position(a).cmp(&position(b))));
    let first = first.ok_or(DocumentError::Empty)?;
    let first = FirstRecord { topic: first.topic.to_string(), partition: first.partition, offset: first.offset };
    let records = parsed.records.len();
    drop(parsed);
    Ok(Document { event, first, records })
}

/// Formats a batch's offsets as `quotes-0 15 to 17, quotes-1 7 to 7`.
fn offsets(batch: &BatchInfo<'_>) -> String {
    let parts = batch.records_info.iter();
    let parts: Vec<String> = parts
        .map(|(name, part)| format!("{name} {} to {}", part.first_record_offset, part.last_record_offset))
        .collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant, UNIX_EPOCH};

    use serde_json::json;

    use super::*;
    use crate::batch::{Limits, MAX_PAYLOAD};
    use crate::batcher::Batcher;
    use crate::dead_letter::{LastInvocation, document};
    use crate::retry::Condition;
    use lambda_kafka_event::writer::{SourceRecord, TimestampType};

    fn id(partition: i32, offset: i64) -> FirstRecord {
        FirstRecord { topic: "quotes".to_owned(), partition, offset }
    }

    #[test]
    fn dead_letter_is_parsed_byte_for_byte() {
        let limits = Limits { batch_size: 10, window: Duration::ZERO, payload: MAX_PAYLOAD };
        let mut batcher = Batcher::new(limits, "h\"1:9092");
        for (offset, value) in [(7, "{\"name\":\"Börse \\u00e4\"}"), (9, "\u{1}\n")] {
            let record = SourceRecord {
                topic: "quotes",
                partition: 1,
                offset,
                timestamp: 1_764_028_800_123,
                timestamp_type: TimestampType::CreateTime,
                key: Some(b"A"),
                value: Some(value.as_bytes()),
            };
            let header = [("h\"\u{7f}", Some(&b"\xc3"[..]))];
            assert!(batcher.add(&record, header.into_iter(), Instant::now).is_none());
        }
        let batch = batcher.close().unwrap();
        let invocation = LastInvocation {
            id: "6b5d".to_owned(),
            function: "sink",
            condition: Condition::RetryAttemptsExhausted,
            count: 1,
            servers: "h\"1:9092",
            at: UNIX_EPOCH,
        };
        let document = parse(document(&batch, &invocation).as_bytes()).unwrap();
        assert_eq!(document.event.as_bytes(), batch.event("h\"1:9092"));
        assert_eq!((document.first, document.records), (id(1, 7), 2));
    }

    /// Parses the document from AWS's documentation of S3 destinations, with a payload added.
    #[test]
    fn document_of_aws_is_parsed_with_its_first_record() {
        let event = r#"{"eventSource":"SelfManagedKafka","records":{"quotes-10":[{"topic":"quotes","partition":10,"offset":1}],"quotes-2":[{"topic":"quotes","partition":2,"offset":8},{"topic":"quotes","partition":2,"offset":9}]}}"#;
        let document = json!({
            "requestContext": {
                "requestId": "316aa6d0-8154-xmpl-9af7-85d5f4a6bc81",
                "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:myfunction:$LATEST",
                "condition": "RetryAttemptsExhausted", "approximateInvokeCount": 1,
            },
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
            "version": "1.0",
            "timestamp": "2019-11-14T00:38:06.021Z",
            "KafkaBatchInfo": {
                "batchSize": 500, "eventSourceArn": "arn:aws:kafka:us-east-1:123456789012:cluster/vpc-2priv-2pub/x",
                "bootstrapServers": "...", "payloadSize": 2_039_086,
                "recordsInfo": {},
            },
            "payload": event,
        });
        let read = parse(document.to_string().as_bytes()).unwrap();
        assert_eq!(read, Document { event: event.to_owned(), first: id(2, 8), records: 3 });
    }

    #[test]
    fn first_records_are_ordered_by_topic_then_number() {
        let mut ids = vec![id(10, 1), id(2, 30), id(2, 4)];
        ids.push(FirstRecord { topic: "indices".to_owned(), partition: 99, offset: 99 });
        ids.sort();
        let sorted: Vec<_> = ids.iter().map(|id| (id.topic.as_str(), id.partition, id.offset)).collect();
        assert_eq!(sorted, [("indices", 99, 99), ("quotes", 2, 4), ("quotes", 2, 30), ("quotes", 10, 1)]);
    }

    #[test]
    fn document_without_payload_names_the_offsets() {
        let document = r#"{"requestContext":{},"KafkaBatchInfo":{"recordsInfo":{"quotes-0":{"firstRecordOffset":"15","lastRecordOffset":"17","firstRecordTimestamp":"2019-11-14T00:38:04.835Z"}}}}"#;
        let error = parse(document.as_bytes()).unwrap_err();
        assert!(matches!(&error, DocumentError::NoPayload(offsets) if offsets == "quotes-0 15 to 17"), "{error}");
    }

    #[test]
    fn other_files_have_distinct_errors() {
        let error = |bytes: &[u8]| parse(bytes).unwrap_err();
        assert!(matches!(error(b"symbol,date\n"), DocumentError::Json(_)));
        assert!(matches!(error(b"{\"payload\":\"\xff\"}"), DocumentError::Json(_)));
        assert!(matches!(error(br#"{"payload":{"#), DocumentError::Json(_)));
        assert!(matches!(error(br#"{"payload":{"records":{}}}"#), DocumentError::Json(_)));
        assert!(matches!(error(br#"{"symbol":"HSI"}"#), DocumentError::Other));
        assert!(matches!(error(br#"{"payload":"{\"Records\":[]}"}"#), DocumentError::Event(_)));
        assert!(matches!(error(br#"{"payload":"{\"records\":{}}"}"#), DocumentError::Empty));
    }
}
