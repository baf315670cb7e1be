//! Fast path: reads an event in the exact form in which Lambda's event source writes it, record by record, in a single
//! pass.
//!
//! Lambda writes compact JSON: ASCII, no white space, no escapes, each field once. The fast path reads exactly that,
//! sixteen bytes at a time, and returns [`Unsupported`] for everything else: white space, an escape, a field of a
//! different type, malformed JSON. It never reports an error. The serde fallback reads the event again, and returns an
//! error if the event is invalid.
//!
//! ```text
//!                 event text
//!                     |
//!                     v
//!   +------------- Reader::advance ---------------+
//!   |                                             |
//!   |  like the record before it?                 |
//!   |    yes -> RecordTemplate: compare, then     |
//!   |           read only what differs            |
//!   |    no  -> read each field, make a new       |
//!   |           RecordTemplate                    |
//!   |                                             |
//!   +----+-----------------------+----------------+
//!        | Step::Record          | Unsupported
//!        v                       v
//!     the record       fallback reads the whole event
//! ```
//!
//! `cursor` reads JSON tokens, and `record_template` compares a record with the previous record. A property test checks
//! that the fast path and the fallback read the same records from the same text.

mod cursor;
mod record_template;
#[cfg(test)]
mod tests;

pub(crate) use cursor::Unsupported;

use cursor::{ByteRange, Cursor, Separator};
use record_template::{FieldRanges, RecordTemplate};

use crate::record::{Payload, Record, no_timestamp};

/// Reader of an event, one record at a time.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    cursor: Cursor<'a>,
    state: State,
    /// Value of the field `eventSource`, or `None` if the reader has not read the field yet.
    pub(crate) event_source: Option<&'a [u8]>,
    has_records: bool,
    /// The record read last.
    pub(crate) record: Record<'a>,
    template: Option<RecordTemplate<'a>>,
    /// `true` if the record read last matched the template. Its topic and partition are then the same as in the
    /// previous record.
    pub(crate) matched_template: bool,
}

/// Result of a step through the event.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// The reader has read a record.
    Record,
    /// The event has no more records.
    End,
}

/// The part of the event that the reader has read last.
#[derive(Clone, Copy, Debug)]
enum State {
    Nothing,
    EventField,
    RecordList,
    /// The opening bracket of a list or the comma after a record. A record follows.
    RecordSeparator,
    Record,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(event: &'a [u8]) -> Self {
        Reader {
            cursor: Cursor::new(event),
            state: State::Nothing,
            event_source: None,
            has_records: false,
            record: Record {
                topic: "".into(),
                partition: 0,
                offset: 0,
                timestamp: no_timestamp(),
                key: Payload::Absent,
                value: Payload::Absent,
                headers: None,
            },
            template: None,
            matched_template: false,
        }
    }

    /// Reads the next record. Must not be called again after [`Step::End`] or [`Unsupported`].
    pub(crate) fn advance(&mut self) -> Result<Step, Unsupported> {
        loop {
            match self.state {
                State::Nothing => {
                    self.cursor.expect(b"{")?;
                    self.read_event_field()?;
                }
                State::EventField => match self.cursor.expect_comma_or(b"}")? {
                    Separator::Comma => self.read_event_field()?,
                    Separator::End if self.has_records && self.cursor.is_at_end() => return Ok(Step::End),
                    Separator::End => return Err(Unsupported),
                },
                State::RecordList => match self.cursor.expect_comma_or(b"}")? {
                    Separator::Comma => self.begin_record_list()?,
                    Separator::End => self.state = State::EventField,
                },
                State::Record => {
                    self.state = match self.cursor.expect_comma_or(b"]")? {
                        Separator::Comma => State::RecordSeparator,
                        Separator::End => State::RecordList,
                    };
                }
                State::RecordSeparator => {
                    self.read_record()?;
                    self.state = State::Record;
                    return Ok(Step::Record);
                }
            }
        }
    }

    /// Reads a field of the event, or the part of the field `records` before the first record.
    fn read_event_field(&mut self) -> Result<(), Unsupported> {
        self.state = State::EventField;
        let cursor = &mut self.cursor;
        if cursor.eat(b"\"eventSource\":\"") {
            set_once(&mut self.event_source, cursor.expect_until_quote()?)?;
        } else if cursor.eat(b"\"records\":{") {
            if std::mem::replace(&mut self.has_records, true) {
                return Err(Unsupported);
            }
            return if cursor.eat(b"}") { Ok(()) } else { self.begin_record_list() };
        } else if cursor.eat(b"\"bootstrapServers\":\"") || cursor.eat(b"\"eventSourceArn\":\"") {
            cursor.expect_until_quote()?;
        } else {
            return Err(Unsupported);
        }
        cursor.expect(b"\"")
    }

    /// Reads a list's name and opening bracket, and also its closing bracket if the list is empty.
    fn begin_record_list(&mut self) -> Result<(), Unsupported> {
        self.cursor.expect(b"\"")?;
        self.cursor.expect_until_quote()?;
        self.cursor.expect(b"\":[")?;
        self.state = if self.cursor.eat(b"]") { State::RecordList } else { State::RecordSeparator };
        Ok(())
    }

    fn read_record(&mut self) -> Result<(), Unsupported> {
        let start = self.cursor;
        let template = self.template.as_mut();
        self.matched_template =
            template.is_some_and(|template| template.expect_record(&mut self.cursor, &mut self.record).is_ok());
        if self.matched_template {
            return Ok(());
        }
        self.cursor = start;
        self.read_record_fields()
    }

    /// Reads a record field by field, in any order, and creates a template from it.
    // Inlining would slow down `advance` for the records that match the template.
    #[inline(never)]
    fn read_record_fields(&mut self) -> Result<(), Unsupported> {
        let (mut topic, mut partition, mut offset, mut timestamp) = (None, None, None, None);
        let (mut timestamp_type, mut key, mut value, mut headers) = (None, None, None, None);
        let mut cursor = self.cursor;
        cursor.expect(b"{")?;
        loop {
            match expect_field(&mut cursor)? {
                Field::Topic => set_once(&mut topic, cursor.expect_string()?)?,
                Field::Partition => set_once(&mut partition, cursor.expect_number()?)?,
                Field::Offset => set_once(&mut offset, cursor.expect_number()?)?,
                Field::Timestamp => set_once(&mut timestamp, cursor.expect_number()?)?,
                Field::TimestampType => set_once(&mut timestamp_type, cursor.expect_string()?)?,
                Field::Key => set_once(&mut key, cursor.expect_string()?)?,
                Field::Value => set_once(&mut value, cursor.expect_string()?)?,
                Field::Headers => set_once(&mut headers, cursor.expect_json()?)?,
            }
            if let Separator::End = cursor.expect_comma_or(b"}")? {
                break;
            }
        }
        let record = ByteRange { start: self.cursor.position, end: cursor.position };
        self.cursor = cursor;
        let (Some((topic, _)), Some((partition, _)), Some((offset, offset_range))) = (topic, partition, offset) else {
            return Err(Unsupported);
        };
        if offset < 0 {
            return Err(Unsupported);
        }
        let payload = |string: Option<(&'a [u8], ByteRange)>| {
            string.map_or(Payload::Absent, |(content, _)| Payload::Base64(content.into()))
        };
        self.record = Record {
            topic: str::from_utf8(topic).map_err(|_| Unsupported)?.into(),
            partition: i32::try_from(partition).map_err(|_| Unsupported)?,
            offset,
            timestamp: timestamp.map_or(no_timestamp(), |(timestamp, _)| timestamp),
            key: payload(key),
            value: payload(value),
            headers,
        };
        let key = key.map(|(_, range)| range);
        self.template = timestamp.zip(value).and_then(|((_, timestamp), (_, value))| {
            RecordTemplate::new(cursor, &FieldRanges { record, offset: offset_range, timestamp, key, value })
        });
        Ok(())
    }
}

/// The fields of a record, in Lambda's order.
#[derive(Clone, Copy, Debug)]
enum Field {
    Topic,
    Partition,
    Offset,
    Timestamp,
    TimestampType,
    Key,
    Value,
    Headers,
}

/// Consumes a field's name and its colon. The first letter determines the names to compare with.
#[inline]
fn expect_field(cursor: &mut Cursor<'_>) -> Result<Field, Unsupported> {
    let (field, name): (_, &[u8]) = match cursor.peek_second() {
        Some(b't') => {
            if cursor.eat(b"\"topic\":") {
                return Ok(Field::Topic);
            }
            if cursor.eat(b"\"timestamp\":") {
                return Ok(Field::Timestamp);
            }
            (Field::TimestampType, b"\"timestampType\":")
        }
        Some(b'p') => (Field::Partition, b"\"partition\":"),
        Some(b'o') => (Field::Offset, b"\"offset\":"),
        Some(b'k') => (Field::Key, b"\"key\":"),
        Some(b'v') => (Field::Value, b"\"value\":"),
        Some(b'h') => (Field::Headers, b"\"headers\":"),
        _ => return Err(Unsupported),
    };
    cursor.expect(name)?;
    Ok(field)
}

/// Sets a field. Returns [`Unsupported`] if the field is already set: the fast path does not support repeated fields.
#[inline]
fn set_once<T>(field: &mut Option<T>, value: T) -> Result<(), Unsupported> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(Unsupported),
    }
}
