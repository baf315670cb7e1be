//! The event as Lambda's event source and the trigger write it, read record by record in one pass.
//!
//! What is written in any other way, be it white space, an escape, a field of another type or a fault, is none of this
//! reader's: `serde_json` reads it all again, and says what is wrong. A test holds the two against each other.

mod cursor;
mod record_template;

use cursor::Cursor;
use record_template::{Frame, Place, Places};

use super::{Payload, Record, no_timestamp};

/// Reads one record after the other.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    cursor: Cursor<'a>,
    before: Before,
    /// What the event says of where it comes from, as far as it has been read.
    pub(super) source: Option<&'a [u8]>,
    has_records: bool,
    /// The last record.
    pub(super) record: Record<'a>,
    frame: Option<Frame<'a>>,
    /// The last record was written in the frame of the one before, so that it is of the same partition.
    pub(super) is_framed: bool,
}

/// What has been read last.
#[derive(Clone, Copy, Debug)]
enum Before {
    /// Nothing.
    Event,
    /// A field of the event.
    Field,
    /// A list of records.
    List,
    /// The comma before a record, or its list's bracket.
    Comma,
    /// A record.
    Record,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Reader {
            cursor: Cursor::new(text),
            before: Before::Event,
            source: None,
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
            frame: None,
            is_framed: false,
        }
    }

    /// Reads the next record, and tells whether there is one; nothing where something is not as usual.
    pub(super) fn advance(&mut self) -> Option<bool> {
        loop {
            match self.before {
                Before::Event => {
                    self.cursor.take(b"{")?;
                    self.field()?;
                }
                Before::Field => {
                    if self.cursor.is_last(b"}")? {
                        return (self.has_records && self.cursor.is_at_end()).then_some(false);
                    }
                    self.field()?;
                }
                Before::List => {
                    if self.cursor.is_last(b"}")? {
                        self.before = Before::Field;
                    } else {
                        self.list()?;
                    }
                }
                Before::Record => {
                    self.before = if self.cursor.is_last(b"]")? { Before::List } else { Before::Comma };
                }
                Before::Comma => {
                    self.record()?;
                    self.before = Before::Record;
                    return Some(true);
                }
            }
        }
    }

    /// A field of the event, or of its lists of records what comes before the first.
    fn field(&mut self) -> Option<()> {
        self.before = Before::Field;
        let cursor = &mut self.cursor;
        if cursor.next_is(b"\"eventSource\":\"") {
            set(&mut self.source, cursor.string()?)?;
        } else if cursor.next_is(b"\"records\":{") {
            if std::mem::replace(&mut self.has_records, true) {
                return None;
            }
            return if cursor.next_is(b"}") { Some(()) } else { self.list() };
        } else if cursor.next_is(b"\"bootstrapServers\":\"") || cursor.next_is(b"\"eventSourceArn\":\"") {
            cursor.string()?;
        } else {
            return None;
        }
        cursor.take(b"\"")
    }

    /// A list's name, and the list if it is empty.
    fn list(&mut self) -> Option<()> {
        self.cursor.take(b"\"")?;
        self.cursor.string()?;
        self.cursor.take(b"\":[")?;
        self.before = if self.cursor.next_is(b"]") { Before::List } else { Before::Comma };
        Some(())
    }

    fn record(&mut self) -> Option<()> {
        let start = self.cursor;
        let framed = self.frame.as_mut().and_then(|frame| frame.read(&mut self.cursor, &mut self.record));
        self.is_framed = framed.is_some();
        if self.is_framed {
            return framed;
        }
        self.cursor = start;
        self.in_full()
    }

    /// Reads a record field by field, and learns how it is written.
    fn in_full(&mut self) -> Option<()> {
        let (mut topic, mut partition, mut offset, mut timestamp) = (None, None, None, None);
        let (mut key, mut value, mut headers, mut has_type) = (None, None, None, None);
        let start = self.cursor.at;
        let mut fields = Fields { cursor: self.cursor, before: b"{" };
        // In the order in which they come, so that one round is enough; in another order it takes more.
        loop {
            let start = fields.cursor.at;
            if fields.next_is(b"\"topic\":\"") {
                set(&mut topic, fields.string()?)?;
            }
            if fields.next_is(b"\"partition\":") {
                set(&mut partition, fields.number()?)?;
            }
            if fields.next_is(b"\"offset\":") {
                set(&mut offset, fields.number()?)?;
            }
            if fields.next_is(b"\"timestamp\":") {
                set(&mut timestamp, fields.number()?)?;
            }
            if fields.next_is(b"\"timestampType\":\"") {
                set(&mut has_type, fields.string()?)?;
            }
            if fields.next_is(b"\"key\":\"") {
                set(&mut key, fields.string()?)?;
            }
            if fields.next_is(b"\"value\":\"") {
                set(&mut value, fields.string()?)?;
            }
            if fields.next_is(b"\"headers\":") {
                set(&mut headers, fields.cursor.json()?)?;
            }
            if fields.cursor.at == start {
                return None;
            }
            if fields.cursor.next_is(b"}") {
                break;
            }
        }
        self.cursor = fields.cursor;
        let payload =
            |found: Option<(&'a [u8], Place)>| found.map_or(Payload::Absent, |found| Payload::Base64(found.0.into()));
        let (offset, offset_at) = offset?;
        self.record = Record {
            topic: str::from_utf8(topic?.0).ok()?.into(),
            partition: i32::try_from(partition?.0).ok()?,
            offset: Some(offset).filter(|&offset| offset >= 0)?,
            timestamp: timestamp.map_or(no_timestamp(), |(timestamp, _)| timestamp),
            key: payload(key),
            value: payload(value),
            headers,
        };
        let record = (start, self.cursor.at);
        let key = key.map(|(_, key)| key);
        self.frame = timestamp.zip(value).and_then(|((_, timestamp), (_, value))| {
            Frame::of(self.cursor, &Places { record, offset: offset_at, timestamp, key, value })
        });
        Some(())
    }
}

/// A field that stands twice is not usual.
fn set<T>(field: &mut Option<T>, value: T) -> Option<()> {
    field.replace(value).is_none().then_some(())
}

/// A record's fields, and where they stand.
struct Fields<'a> {
    cursor: Cursor<'a>,
    /// What stands before the next field: the record's brace or a comma.
    before: &'static [u8],
}

impl<'a> Fields<'a> {
    /// Whether the next field has this name; its value follows.
    fn next_is(&mut self, name: &[u8]) -> bool {
        let mut cursor = self.cursor;
        let is = cursor.next_is(self.before) && cursor.next_is(name);
        if is {
            *self = Fields { cursor, before: b"," };
        }
        is
    }

    fn string(&mut self) -> Option<(&'a [u8], Place)> {
        let start = self.cursor.at;
        let text = self.cursor.string()?;
        let end = self.cursor.at;
        self.cursor.take(b"\"")?;
        Some((text, (start, end)))
    }

    fn number(&mut self) -> Option<(i64, Place)> {
        let start = self.cursor.at;
        let number = self.cursor.number()?;
        Some((number, (start, self.cursor.at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fallback;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    /// Records in the frame of the one before, with other offsets, timestamps, keys and values, and in frames of their own.
    const WHOLE: &str = concat!(
        r#"{"eventSource":"SelfManagedKafka","bootstrapServers":"h:9092,i:9092","records":{"t-0":["#,
        r#"{"topic":"t","partition":0,"offset":8,"timestamp":1545084650987,"timestampType":"CREATE_TIME","key":"c3ltYm9s","value":"eyJhIjoxfQ==","headers":[{"h":[104,-61]}]},"#,
        r#"{"topic":"t","partition":0,"offset":9,"timestamp":1545084650987,"timestampType":"CREATE_TIME","key":"c3ltYm9s","value":"eyJhIjoyMn0=","headers":[{"h":[104,-61]}]},"#,
        r#"{"topic":"t","partition":0,"offset":10,"timestamp":1545084650987,"timestampType":"CREATE_TIME","key":"c3ltYm9s","value":"","headers":[{"h":[104,-61]}]},"#,
        r#"{"topic":"t","partition":0,"offset":11,"timestamp":1545084650988,"timestampType":"CREATE_TIME","key":"c3ltYm9s","value":"eyJhIjoxfQ==","headers":[{"h":[104,-61]}]},"#,
        r#"{"topic":"t","partition":0,"offset":13,"timestamp":-1,"timestampType":"CREATE_TIME","key":"","value":"eyJhIjoxfQ==","headers":[{"h":[104,-61]}]},"#,
        r#"{"topic":"t","partition":0,"offset":15,"timestamp":-1,"value":"eyJhIjoxfQ==","headers":[]},"#,
        r#"{"topic":"t","partition":0,"offset":16,"timestamp":-1,"value":"eyJhIjozfQ==","headers":[]}],"#,
        r#""t-1":[],"t-2":[{"headers":[{"é":null}],"offset":0,"partition":2,"topic":"t"}]}}"#,
    );

    /// The source, if all is as usual, and all records that were read.
    fn read(text: &str) -> (Option<Option<&[u8]>>, Vec<Record<'_>>) {
        let mut reader = Reader::new(text.as_bytes());
        let mut records = Vec::new();
        loop {
            match reader.advance() {
                Some(true) => records.push(reader.record.clone()),
                Some(false) => return (Some(reader.source), records),
                None => return (None, records),
            }
        }
    }

    #[test]
    fn what_lambda_sends_is_usual() {
        let (source, records) = read(WHOLE);
        assert_eq!((source, records.len()), (Some(Some(&b"SelfManagedKafka"[..])), 8));
        assert_eq!(read("{\"records\":{}} \n").0, Some(None));
    }

    #[test]
    fn what_is_not_usual_is_left_to_the_other_reader() {
        for (from, to) in [
            ("\"c3ltYm9s\"", "null"),
            ("\"c3ltYm9s\"", r#""c3lt\/m9s""#),
            ("\"c3ltYm9s\"", "{}"),
            (":1545084650987", ":1.5e3"),
            (":15,", ":015,"),
            (":15,", ":-0,"),
            ("\"offset\":15", "\"offset\":15,\"offset\":15"),
            ("\"key\"", "\"keySchemaMetadata\""),
            ("}}", "}}}"),
            ("\"offset\":8", "\"offset\":-8"),
            ("h:9092", "h:\n9092"),
            ("eyJhIjoxfQ==", "eyJhIjoxfQ\t"),
            ("\":", "\": "),
            (",\"offset\":15", ""),
        ] {
            assert!(WHOLE.contains(from) && read(&WHOLE.replacen(from, to, 1)).0.is_none(), "{from} {to}");
        }
    }

    #[test]
    fn records_of_one_frame_are_read_in_it() {
        let mut reader = Reader::new(WHOLE.as_bytes());
        let framed: Vec<_> =
            std::iter::from_fn(|| reader.advance().unwrap().then_some((reader.record.offset, reader.is_framed)))
                .collect();
        let own = [8, 15, 0];
        assert_eq!(framed, [8, 9, 10, 11, 13, 15, 16, 0].map(|offset| (offset, !own.contains(&offset))));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn whatever_is_read_here_the_other_reader_reads_as_the_same(
            cuts in prop::collection::vec((any::<Index>(), 0..6_usize, select(vec![
                "", " ", "\"", "\\", "\\u0041", "0", "-", "1", ".", "e", "9999999999999999999", "null", "true", "[", "]", "{", "}",
                ",", ":", "\n", "\u{1}", "é", "\"key\":", "\"offset\":3,", "\"a\":1,", "[]", "{}", "\"topic\"",
            ])), 0..4),
        ) {
            let mut text = WHOLE.to_owned();
            for (place, length, put) in cuts {
                let mut start = place.index(text.len());
                while !text.is_char_boundary(start) {
                    start -= 1;
                }
                let mut end = (start + length).min(text.len());
                while !text.is_char_boundary(end) {
                    end += 1;
                }
                text.replace_range(start..end, put);
            }
            match (read(&text), fallback::read(&text)) {
                ((Some(source), records), others) => {
                    let (other_source, others) = others.expect("what is usual is right");
                    prop_assert_eq!(source, other_source.as_deref().map(str::as_bytes));
                    prop_assert_eq!(format!("{records:?}"), format!("{others:?}"));
                }
                ((None, records), Ok((_, others))) => {
                    prop_assert_eq!(format!("{records:?}"), format!("{:?}", &others[..records.len()]));
                }
                ((None, _), Err(_)) => {}
            }
        }
    }
}
