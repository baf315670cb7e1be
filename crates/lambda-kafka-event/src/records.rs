//! Iterates over an event's records: with the fast path first, and with the serde fallback from the first record that
//! the fast path does not support.

use std::vec;

use crate::fallback;
use crate::fast_path::{self, Step, Unsupported};
use crate::record::Record;

/// Error returned when an event is not a valid Kafka event. Retrying does not help.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// The event is not valid UTF-8.
    #[error("not an event of a Kafka event source: {0}")]
    NotUtf8(#[source] std::str::Utf8Error),
    /// The event is not valid JSON, or the JSON is not a Kafka event.
    #[error("not an event of a Kafka event source: {0}")]
    Json(#[from] serde_json::Error),
    /// The field `eventSource` names a different service.
    #[error("not an event of a Kafka event source: eventSource is {0:?}, not \"SelfManagedKafka\" or \"aws:kafka\"")]
    EventSource(String),
    /// The partition or the offset of a record is outside Kafka's range.
    #[error("topic {topic:?} cannot have a record at partition {partition}, offset {offset}")]
    Position {
        topic: String,
        /// Invalid if negative.
        partition: i32,
        /// Invalid if negative or `i64::MAX`.
        offset: i64,
    },
    /// Kafka does not allow this topic name, so it must not become part of an object key.
    #[error("{0:?} is not a valid name for a Kafka topic")]
    Topic(String),
}

/// Lending iterator over the records of an event: a record is valid until the next call to [`Records::advance`].
#[derive(Debug)]
pub struct Records<'a> {
    event: &'a [u8],
    parser: Parser<'a>,
    /// Number of records returned so far. The fallback, which reads the event from the beginning, skips them.
    returned: usize,
}

#[derive(Debug)]
enum Parser<'a> {
    /// Reads one record at a time.
    Fast(fast_path::Reader<'a>),
    /// Has already read all records.
    Fallback { current: Option<Record<'a>>, rest: vec::IntoIter<Record<'a>> },
}

impl<'a> Records<'a> {
    /// Creates an iterator over the records of `event`, the JSON text of an event.
    pub fn new(event: &'a [u8]) -> Self {
        Records { event, parser: Parser::Fast(fast_path::Reader::new(event)), returned: 0 }
    }

    /// Returns the next record, or `None` after the last one. Must not be called again after an error or `None`.
    ///
    /// # Errors
    /// [`EventError`] as for [`Event::parse`](crate::Event::parse). The records returned before the error must not be
    /// stored either.
    pub fn advance(&mut self) -> Result<Option<&Record<'a>>, EventError> {
        let step = match &mut self.parser {
            Parser::Fast(reader) => reader.advance(),
            Parser::Fallback { current, rest } => {
                *current = rest.next();
                Ok(if current.is_some() { Step::Record } else { Step::End })
            }
        };
        match step {
            Ok(Step::Record) => {}
            Ok(Step::End) => {
                if let Parser::Fast(reader) = &self.parser {
                    validate_raw_source(reader.event_source)?;
                }
                return Ok(None);
            }
            Err(Unsupported) => self.switch_to_fallback()?,
        }
        self.returned += 1;
        match &self.parser {
            Parser::Fast(reader) => {
                // A record that matches the template has the topic and partition of the record before it.
                if !reader.matched_template {
                    validate_raw_source(reader.event_source)?;
                    validate_position(&reader.record)?;
                }
                Ok(Some(&reader.record))
            }
            Parser::Fallback { current: None, .. } => Ok(None),
            Parser::Fallback { current: Some(record), .. } => {
                validate_position(record)?;
                Ok(Some(record))
            }
        }
    }

    /// Reads the whole event with serde and moves to the record that the fast path did not support.
    fn switch_to_fallback(&mut self) -> Result<(), EventError> {
        let text = str::from_utf8(self.event).map_err(EventError::NotUtf8)?;
        let (source, records) = fallback::read(text)?;
        source.as_deref().map_or(Ok(()), validate_source)?;
        let mut rest = records.into_iter();
        let current = rest.nth(self.returned);
        self.parser = Parser::Fallback { current, rest };
        Ok(())
    }
}

/// Checks that Kafka allows the record's topic, partition and offset.
fn validate_position(record: &Record<'_>) -> Result<(), EventError> {
    let Record { ref topic, partition, offset, .. } = *record;
    if !is_topic(topic) {
        return Err(EventError::Topic(topic.to_string()));
    }
    // The next offset must be valid, too.
    if partition < 0 || !(0..i64::MAX).contains(&offset) {
        return Err(EventError::Position { topic: topic.to_string(), partition, offset });
    }
    Ok(())
}

/// Checks the event source if the fast path has already read it. The field may also follow the records.
fn validate_raw_source(source: Option<&[u8]>) -> Result<(), EventError> {
    source.map_or(Ok(()), |source| validate_source(&String::from_utf8_lossy(source)))
}

fn validate_source(source: &str) -> Result<(), EventError> {
    match source {
        "SelfManagedKafka" | "aws:kafka" => Ok(()),
        _ => Err(EventError::EventSource(source.to_owned())),
    }
}

/// Returns `true` for the names that Kafka's `Topic.validate` accepts.
fn is_topic(name: &str) -> bool {
    (1..=249).contains(&name.len())
        && name != "."
        && name != ".."
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Event;

    #[test]
    fn fallback_continues_at_the_first_unsupported_record() {
        let supported =
            |offset| format!(r#"{{"topic":"t","partition":0,"offset":{offset},"timestamp":1,"value":"e30="}}"#);
        for unsupported in [
            r#"{"topic":"t","partition":0,"offset":3,"timestamp":1,"value":null}"#,
            r#"{"topic": "t", "partition": 0, "offset": 3}"#,
            r#"{"topic":"t","partition":0,"offset":3,"timestamp":1,"value":"e30\u003d"}"#,
        ] {
            let list = [supported(1), supported(2), unsupported.to_owned(), supported(4), supported(5)].join(",");
            let text = format!(r#"{{"eventSource":"aws:kafka","records":{{"t-0":[{list}]}}}}"#);
            let offsets: Vec<_> = Event::parse(&text).unwrap().records.iter().map(|record| record.offset).collect();
            assert_eq!(offsets, [1, 2, 3, 4, 5], "{unsupported}");
            let text = text.replace("aws:kafka", "aws:sqs");
            assert!(matches!(Event::parse(&text), Err(EventError::EventSource(_))), "{unsupported}");
        }
    }

    #[test]
    fn event_source_is_validated_before_and_after_the_records() {
        let record = r#"{"topic":"t","partition":0,"offset":1,"timestamp":1,"value":"e30="}"#;
        let first = format!(r#"{{"eventSource":"aws:sqs","records":{{"t-0":[{record}]}}}}"#);
        assert!(matches!(Records::new(first.as_bytes()).advance(), Err(EventError::EventSource(_))));
        let last = format!(r#"{{"records":{{"t-0":[{record}]}},"eventSource":"aws:sqs"}}"#);
        assert!(matches!(Event::parse(&last), Err(EventError::EventSource(_))));
    }

    #[test]
    fn invalid_utf8_is_rejected() {
        let mut bytes = br#"{"records":{"t-0":[{"topic":"t","partition":0,"offset":1,"value":"?"}]}}"#.to_vec();
        let mut records = Records::new(&bytes);
        assert!(records.advance().unwrap().is_some() && records.advance().unwrap().is_none());
        let index = bytes.iter().position(|&byte| byte == b'?').unwrap();
        bytes[index] = 0xff;
        assert!(matches!(Records::new(&bytes).advance(), Err(EventError::NotUtf8(_))));
    }
}
