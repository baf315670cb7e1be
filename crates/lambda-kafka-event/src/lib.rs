//! The event of a Kafka event source, borrowed from its own text.
//!
//! `aws_lambda_events::kafka::KafkaEvent` (1.2.1) will not do: its timestamps lose a millisecond in
//! every second record, and one record with absent headers, a null header, the timestamp -1 or a decoded
//! value fails the whole event. Here a value stays a slice of the event until it is decoded.

mod fallback;
mod fast_path;
mod records;

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{self, Deserializer};
use serde_json::value::RawValue;

pub use records::Records;

/// The event is none of Kafka's: the same event would fail again.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Not even text.
    #[error("not the event of a Kafka event source: {0}")]
    NotUtf8(std::str::Utf8Error),
    /// The text does not have the event's shape.
    #[error("not the event of a Kafka event source: {0}")]
    Shape(#[from] serde_json::Error),
    /// The event says that it comes from somewhere else.
    #[error("the event comes from {0:?}; the sink takes those of a Kafka event source")]
    Source(String),
    /// A place that no record of Kafka's has.
    #[error("a record of topic {topic} is said to be at partition {partition}, offset {offset}")]
    Place {
        /// The topic.
        topic: String,
        /// The partition.
        partition: i32,
        /// The offset.
        offset: i64,
    },
    /// A name that Kafka would not give to a topic, so that it could not be part of an object key.
    #[error("{0:?} is not the name of a Kafka topic")]
    Topic(String),
}

/// A batch of records.
#[derive(Debug)]
pub struct Event<'a> {
    /// Of one or several topics and partitions, in no particular order.
    pub records: Vec<Record<'a>>,
}

/// One Kafka record.
#[derive(Clone, Debug, Deserialize)]
pub struct Record<'a> {
    /// The topic's name.
    #[serde(borrow)]
    pub topic: Cow<'a, str>,
    /// The partition's number.
    pub partition: i32,
    /// The record's place in its partition.
    pub offset: i64,
    /// Milliseconds since 1970; -1 where the record has none.
    #[serde(default = "no_timestamp", deserialize_with = "timestamp")]
    pub timestamp: i64,
    /// The record's key.
    #[serde(borrow, default)]
    pub key: Payload<'a>,
    /// The record's value.
    #[serde(borrow, default)]
    pub value: Payload<'a>,
    /// An array of one-field objects, name to signed bytes, as it came.
    #[serde(borrow, default)]
    pub headers: Option<&'a RawValue>,
}

/// A key or a value.
#[derive(Clone, Debug, Default)]
pub enum Payload<'a> {
    /// Missing or null.
    #[default]
    Absent,
    /// The bytes in base64. It is text, if it should be no base64.
    Base64(Cow<'a, [u8]>),
    /// Other JSON: a schema registry has decoded the bytes.
    Json(&'a RawValue),
}

impl<'a> Event<'a> {
    /// Reads an event at once, as tools do; the function reads its [`Records`] one by one.
    ///
    /// # Errors
    /// [`EventError`] when the text is not a Kafka event; a fault of a single record is not seen here,
    /// as long as the record has topic, partition and offset, and no timestamp but a whole number.
    pub fn parse(text: &'a str) -> Result<Self, EventError> {
        let mut rest = Records::of(text.as_bytes());
        let mut records = Vec::new();
        while let Some(record) = rest.advance()? {
            records.push(record.clone());
        }
        Ok(Event { records })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Payload<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(raw) = <Option<&'a RawValue>>::deserialize(deserializer)? else {
            return Ok(Payload::Absent);
        };
        match raw.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            None => Ok(Payload::Json(raw)),
            // Some JSON writers escape base64's slash.
            // Half of a surrogate pair makes no text: what came is kept, for the quarantine.
            Some(content) if content.contains('\\') => {
                let text = serde_json::from_str::<String>(raw.get());
                Ok(text.map_or(Payload::Json(raw), |text| Payload::Base64(Cow::Owned(text.into_bytes()))))
            }
            Some(content) => Ok(Payload::Base64(Cow::Borrowed(content.as_bytes()))),
        }
    }
}

fn no_timestamp() -> i64 {
    -1
}

fn timestamp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    match <Option<serde_json::Number>>::deserialize(deserializer)? {
        None => Ok(no_timestamp()),
        Some(number) => number.as_i64().ok_or_else(|| de::Error::custom("timestamp is not a whole number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<'p>(payload: &'p Payload<'_>) -> Option<&'p str> {
        match payload {
            Payload::Absent => None,
            Payload::Base64(text) => Some(str::from_utf8(text).unwrap()),
            Payload::Json(json) => Some(json.get()),
        }
    }

    fn event(record: &str) -> String {
        format!(r#"{{"eventSource":"SelfManagedKafka","bootstrapServers":"h:9092","records":{{"t-0":[{record}]}}}}"#)
    }

    const FULL: &str = r#"{"topic":"t","partition":0,"offset":15,"timestamp":1545084650987,"timestampType":"CREATE_TIME","key":"c3ltYm9s","value":"eyJhIjoxfQ==","headers":[{"h":[104,-61,-85]}]}"#;

    #[test]
    fn a_record_as_aws_documents_it_is_read_to_the_millisecond() {
        let text = event(FULL);
        let record = &Event::parse(&text).unwrap().records[0];
        assert_eq!((&*record.topic, record.partition, record.offset), ("t", 0, 15));
        assert_eq!(record.timestamp, 1_545_084_650_987);
        assert_eq!((self::text(&record.key), self::text(&record.value)), (Some("c3ltYm9s"), Some("eyJhIjoxfQ==")));
        assert_eq!(record.headers.unwrap().get(), r#"[{"h":[104,-61,-85]}]"#);
    }

    #[test]
    fn it_agrees_with_aws_lambda_events_but_for_the_lost_millisecond() {
        use aws_lambda_events::kafka::KafkaEvent;
        let text = event(FULL);
        let theirs: KafkaEvent = serde_json::from_str(&text).unwrap();
        let theirs = &theirs.records["t-0"][0];
        let ours = &Event::parse(&text).unwrap().records[0];
        assert_eq!(theirs.topic.as_deref(), Some(&*ours.topic));
        assert_eq!((theirs.partition, theirs.offset), (i64::from(ours.partition), ours.offset));
        assert_eq!((theirs.key.as_deref(), theirs.value.as_deref()), (self::text(&ours.key), self::text(&ours.value)));
        let headers = serde_json::to_value(&theirs.headers).unwrap();
        assert_eq!(headers, serde_json::from_str::<serde_json::Value>(ours.headers.unwrap().get()).unwrap());
        assert_eq!(theirs.timestamp.0.timestamp_millis(), ours.timestamp - 1, "should they be mended, use their types");
    }

    #[test]
    fn what_may_be_absent_may_be_absent() {
        for rest in [
            "",
            r#","timestamp":-1"#,
            r#","timestamp":null,"key":null,"value":null,"headers":null"#,
            r#","headers":[{"h":null},{"h":[200,-1]}],"value":"""#,
        ] {
            let text = event(&format!(r#"{{"topic":"t","partition":0,"offset":15{rest}}}"#));
            let event = Event::parse(&text).unwrap_or_else(|error| panic!("{rest}: {error}"));
            assert_eq!(event.records[0].timestamp, -1);
        }
    }

    #[test]
    fn a_value_that_a_schema_registry_decoded_is_json() {
        let text = event(
            r#"{"topic":"t","partition":0,"offset":1,"value":{"a":1},"valueSchemaMetadata":{"dataFormat":"JSON","schemaId":"1"}}"#,
        );
        assert!(
            matches!(Event::parse(&text).unwrap().records[0].value, Payload::Json(json) if json.get() == r#"{"a":1}"#)
        );
    }

    #[test]
    fn an_escaped_slash_is_a_slash() {
        let text = event(r#"{"topic":"t","partition":0,"offset":1,"value":"\/\/8="}"#);
        assert_eq!(self::text(&Event::parse(&text).unwrap().records[0].value), Some("//8="));
    }

    #[test]
    fn a_string_that_is_no_text_is_a_fault_of_its_record_alone() {
        let text = event(r#"{"topic":"t","partition":0,"offset":1,"value":"\ud800"}"#);
        assert!(
            matches!(Event::parse(&text).unwrap().records[0].value, Payload::Json(raw) if raw.get() == r#""\ud800""#)
        );
    }

    #[test]
    fn records_of_all_lists_are_read() {
        let text = r#"{"records":{"a-0":[{"topic":"a","partition":0,"offset":1}],"b-1":[],"b-2":[{"topic":"b","partition":2,"offset":3},{"topic":"b","partition":2,"offset":4}]}}"#;
        let event = Event::parse(text).unwrap();
        let seen: Vec<_> =
            event.records.iter().map(|record| (&*record.topic, record.partition, record.offset)).collect();
        assert_eq!(seen, [("a", 0, 1), ("b", 2, 3), ("b", 2, 4)]);
        assert!(Event::parse(r#"{"records":{}}"#).unwrap().records.is_empty());
    }

    #[test]
    fn what_is_not_a_kafka_event_says_so() {
        assert!(matches!(Event::parse("{}"), Err(EventError::Shape(_))));
        assert!(matches!(Event::parse("[]"), Err(EventError::Shape(_))));
        assert!(matches!(Event::parse(r#"{"Records":[]}"#), Err(EventError::Shape(_))));
        assert!(matches!(Event::parse(r#"{"eventSource":"aws:sqs","records":{}}"#), Err(EventError::Source(_))));
        for (partition, offset) in [(-1, 1), (0, -1), (0, i64::MAX)] {
            let text = event(&format!(r#"{{"topic":"t","partition":{partition},"offset":{offset}}}"#));
            assert!(matches!(Event::parse(&text), Err(EventError::Place { .. })), "{partition} {offset}");
        }
        for topic in ["", "..", "../x", "a b"] {
            let text = event(&format!(r#"{{"topic":"{topic}","partition":0,"offset":1}}"#));
            assert!(matches!(Event::parse(&text), Err(EventError::Topic(_))), "{topic}");
        }
    }
}
