//! What an on-failure destination keeps of a batch, read back: AWS's shape for S3, which holds the whole event as a
//! string. Without files or network.
//!
//! Other destinations (SQS, SNS, a Kafka topic) are told only where the batch was; such a document cannot be fed
//! to a function again.

use std::borrow::Cow;
use std::collections::BTreeMap;

use lambda_kafka_event;
use serde::Deserialize;

use lambda_kafka_event::{Event, EventError};

/// A batch that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The event, byte for byte as the function was given it.
    pub event: String,
    /// Its first record.
    pub first: Coordinates,
    /// How many records it has.
    pub records: usize,
}

/// Which record; ordered by topic, partition and offset.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Coordinates {
    /// The topic.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The offset in it.
    pub offset: i64,
}

impl std::fmt::Display for Coordinates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.topic, self.partition, self.offset)
    }
}

/// Why a file's records cannot be fed again.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It was not written by an on-failure destination, or not whole.
    #[error("no document of an on-failure destination: {0}")]
    Json(#[from] serde_json::Error),
    /// It is JSON of another kind.
    #[error("no document of an on-failure destination: it has neither payload nor KafkaBatchInfo")]
    Other,
    /// The records have to be fetched from the topic, if it still has them.
    #[error("it has no payload, only where the records are ({0}): an S3 destination or a folder keeps the payload too")]
    NoPayload(String),
    /// The payload is of another event source, or damaged.
    #[error("its payload: {0}")]
    Event(#[from] EventError),
    /// There is nothing to feed.
    #[error("its payload has no records")]
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
    records_info: BTreeMap<Cow<'a, str>, PartInfo<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PartInfo<'a> {
    #[serde(borrow)]
    first_record_offset: Cow<'a, str>,
    #[serde(borrow)]
    last_record_offset: Cow<'a, str>,
}

/// Reads a document.
///
/// # Errors
/// [`DocumentError`] when there is nothing in it that could be fed to a function.
pub fn parse(bytes: &[u8]) -> Result<Document, DocumentError> {
    let Shape { payload, batch } = serde_json::from_slice(bytes)?;
    let event = match (payload, batch) {
        (Some(payload), _) => payload.into_owned(),
        (None, Some(batch)) => return Err(DocumentError::NoPayload(told(&batch))),
        (None, None) => return Err(DocumentError::Other),
    };
    let parsed = Event::parse(&event)?;
    let place = |record: &lambda_kafka_event::Record<'_>| (record.partition, record.offset);
    let first = parsed.records.iter().min_by(|a, b| a.topic.cmp(&b.topic).then(place(a).cmp(&place(b))));
    let first = first.ok_or(DocumentError::Empty)?;
    let first = Coordinates { topic: first.topic.to_string(), partition: first.partition, offset: first.offset };
    let records = parsed.records.len();
    drop(parsed);
    Ok(Document { event, first, records })
}

/// `quotes-0 15 to 17, quotes-1 7 to 7`
fn told(batch: &BatchInfo<'_>) -> String {
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
    use crate::dead_letter::{Invocation, record};
    use crate::event::{SourceRecord, TimestampType};
    use crate::retry::Condition;

    fn place(partition: i32, offset: i64) -> Coordinates {
        Coordinates { topic: "quotes".to_owned(), partition, offset }
    }

    #[test]
    fn what_our_own_destination_writes_is_read_back_byte_for_byte() {
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
        let batch = batcher.take().unwrap();
        let invocation = Invocation {
            id: "6b5d".to_owned(),
            function: "sink",
            condition: Condition::RetryAttemptsExhausted,
            count: 1,
            servers: "h\"1:9092",
            at: UNIX_EPOCH,
        };
        let document = parse(record(&batch, &invocation).as_bytes()).unwrap();
        assert_eq!(document.event.as_bytes(), batch.event("h\"1:9092"));
        assert_eq!((document.first, document.records), (place(1, 7), 2));
    }

    /// As AWS's documentation shows it for an S3 destination, with a payload put in.
    #[test]
    fn what_aws_documents_is_read_and_the_first_record_is_the_least_of_topic_partition_and_offset() {
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
        assert_eq!(read, Document { event: event.to_owned(), first: place(2, 8), records: 3 });
    }

    #[test]
    fn places_are_ordered_by_topic_then_by_number() {
        let mut places = vec![place(10, 1), place(2, 30), place(2, 4)];
        places.push(Coordinates { topic: "indices".to_owned(), partition: 99, offset: 99 });
        places.sort();
        let told: Vec<String> = places.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["indices/99/99", "quotes/2/4", "quotes/2/30", "quotes/10/1"]);
    }

    #[test]
    fn a_document_for_sqs_or_sns_says_where_its_records_are() {
        let document = r#"{"requestContext":{},"KafkaBatchInfo":{"recordsInfo":{"quotes-0":{"firstRecordOffset":"15","lastRecordOffset":"17","firstRecordTimestamp":"2019-11-14T00:38:04.835Z"}}}}"#;
        let error = parse(document.as_bytes()).unwrap_err();
        assert!(matches!(&error, DocumentError::NoPayload(places) if places == "quotes-0 15 to 17"), "{error}");
    }

    #[test]
    fn other_files_are_told_apart() {
        let told = |bytes: &[u8]| parse(bytes).unwrap_err();
        assert!(matches!(told(b"symbol,date\n"), DocumentError::Json(_)));
        assert!(matches!(told(b"{\"payload\":\"\xff\"}"), DocumentError::Json(_)));
        assert!(matches!(told(br#"{"payload":{"#), DocumentError::Json(_)));
        assert!(matches!(told(br#"{"payload":{"records":{}}}"#), DocumentError::Json(_)));
        assert!(matches!(told(br#"{"symbol":"HSI"}"#), DocumentError::Other));
        assert!(matches!(told(br#"{"payload":"{\"Records\":[]}"}"#), DocumentError::Event(_)));
        assert!(matches!(told(br#"{"payload":"{\"records\":{}}"}"#), DocumentError::Empty));
    }
}
