//! The event that AWS Lambda's Kafka event source sends: its types, reader and writer.
//!
//! `aws_lambda_events::kafka::KafkaEvent` (1.2.1) is not suitable: its timestamps lose a millisecond in every second
//! record, and a single record with absent headers, a null header, the timestamp -1 or a decoded value makes the whole
//! event fail to parse. Here, a value remains a slice of the event's text until the caller decodes it.
//!
//! - `record`: one record, and the serde rules for its fields.
//! - `records`: iterates over an event's records, and validates the event source and each topic, partition and offset.
//! - `fast_path`: reads what Lambda writes, one record at a time, in a single pass.
//! - `fallback`: reads any JSON with serde, from the first record that the fast path does not support.
//! - [`writer`]: writes the event as Lambda does, for the local event source.

mod fallback;
mod fast_path;
mod record;
mod records;
pub mod writer;

pub use record::{Payload, Record};
pub use records::{EventError, Records};

/// A batch of records.
#[derive(Debug)]
pub struct Event<'a> {
    /// Records of one or several topics and partitions, in the order of the event.
    pub records: Vec<Record<'a>>,
}

impl<'a> Event<'a> {
    /// Reads all records of an event. Use [`Records`] to read one record at a time.
    ///
    /// # Errors
    /// [`EventError`] if the text is not a Kafka event, or if the topic, partition, offset or timestamp of a record is
    /// invalid. A timestamp may be missing. Keys, values and headers are not validated: the caller finds errors in them
    /// when it decodes them.
    pub fn parse(text: &'a str) -> Result<Self, EventError> {
        let mut reader = Records::new(text.as_bytes());
        let mut records = Vec::new();
        while let Some(record) = reader.advance()? {
            records.push(record.clone());
        }
        Ok(Event { records })
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
    fn documented_record_is_read_to_the_millisecond() {
        let text = event(FULL);
        let record = &Event::parse(&text).unwrap().records[0];
        assert_eq!((&*record.topic, record.partition, record.offset), ("t", 0, 15));
        assert_eq!(record.timestamp, 1_545_084_650_987);
        assert_eq!((self::text(&record.key), self::text(&record.value)), (Some("c3ltYm9s"), Some("eyJhIjoxfQ==")));
        assert_eq!(record.headers.unwrap().get(), r#"[{"h":[104,-61,-85]}]"#);
    }

    #[test]
    fn agrees_with_aws_lambda_events_except_for_one_millisecond() {
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
        assert_eq!(
            theirs.timestamp.0.timestamp_millis(),
            ours.timestamp - 1,
            "aws_lambda_events no longer loses a millisecond: consider using its types"
        );
    }

    #[test]
    fn optional_fields_may_be_absent_or_null() {
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
    fn value_decoded_by_a_schema_registry_is_json() {
        let text = event(
            r#"{"topic":"t","partition":0,"offset":1,"value":{"a":1},"valueSchemaMetadata":{"dataFormat":"JSON","schemaId":"1"}}"#,
        );
        assert!(
            matches!(Event::parse(&text).unwrap().records[0].value, Payload::Json(json) if json.get() == r#"{"a":1}"#)
        );
    }

    #[test]
    fn escaped_slash_in_base64_is_unescaped() {
        let text = event(r#"{"topic":"t","partition":0,"offset":1,"value":"\/\/8="}"#);
        assert_eq!(self::text(&Event::parse(&text).unwrap().records[0].value), Some("//8="));
    }

    #[test]
    fn lone_surrogate_in_a_value_does_not_fail_the_event() {
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
    fn other_events_are_rejected_with_the_reason() {
        assert!(matches!(Event::parse("{}"), Err(EventError::Json(_))));
        assert!(matches!(Event::parse("[]"), Err(EventError::Json(_))));
        assert!(matches!(Event::parse(r#"{"Records":[]}"#), Err(EventError::Json(_))));
        assert!(matches!(Event::parse(r#"{"eventSource":"aws:sqs","records":{}}"#), Err(EventError::EventSource(_))));
        for (partition, offset) in [(-1, 1), (0, -1), (0, i64::MAX)] {
            let text = event(&format!(r#"{{"topic":"t","partition":{partition},"offset":{offset}}}"#));
            assert!(matches!(Event::parse(&text), Err(EventError::Position { .. })), "{partition} {offset}");
        }
        for topic in ["", "..", "../x", "a b"] {
            let text = event(&format!(r#"{{"topic":"{topic}","partition":0,"offset":1}}"#));
            assert!(matches!(Event::parse(&text), Err(EventError::Topic(_))), "{topic}");
        }
    }
}
