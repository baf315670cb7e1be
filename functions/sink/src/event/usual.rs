//! The event as Lambda's event source and the trigger write it, read in one pass.
//!
//! What is written in any other way, be it white space, an escape, a field of another type or a fault, is none of this
//! reader's: `serde_json` reads it all again, and says what is wrong. A test holds the two against each other.

use memchr::memchr;
use serde_json::value::RawValue;

use super::{Payload, Record, no_timestamp};

/// What the event says of where it comes from, and its records; nothing if it is not as usual.
pub(super) fn read(text: &str) -> Option<(Option<&str>, Vec<Record<'_>>)> {
    // Where there is neither, every string ends at the next quotation mark. Without a branch for each byte, so that the
    // compiler takes many at once.
    let is_plain = |block: &[u8]| block.iter().fold(true, |plain, &byte| plain & (byte >= b' ') & (byte != b'\\'));
    if !text.as_bytes().chunks(4096).all(is_plain) {
        return None;
    }
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, before: b'{' };
    let (mut source, mut records) = (None, None);
    reader.take(b"{")?;
    loop {
        if reader.next_is(b"\"eventSource\":\"") {
            set(&mut source, reader.rest_of_string()?)?;
        } else if reader.next_is(b"\"records\":{") {
            set(&mut records, reader.lists()?)?;
        } else if reader.next_is(b"\"bootstrapServers\":\"") || reader.next_is(b"\"eventSourceArn\":\"") {
            reader.rest_of_string()?;
        } else {
            return None;
        }
        if reader.is_last(b"}")? {
            break;
        }
    }
    (reader.at == text.len()).then_some((source, records?))
}

/// A field that stands twice is not usual.
fn set<T>(field: &mut Option<T>, value: T) -> Option<()> {
    field.replace(value).is_none().then_some(())
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    /// What stands before a record's next field: its brace or a comma.
    before: u8,
}

impl<'a> Reader<'a> {
    /// The lists of the map `records`, in one.
    fn lists(&mut self) -> Option<Vec<Record<'a>>> {
        let mut records = Vec::new();
        if self.next_is(b"}") {
            return Some(records);
        }
        loop {
            self.take(b"\"")?;
            self.rest_of_string()?;
            self.take(b":[")?;
            self.list(&mut records)?;
            if self.is_last(b"}")? {
                return Some(records);
            }
        }
    }

    fn list(&mut self, records: &mut Vec<Record<'a>>) -> Option<()> {
        if self.next_is(b"]") {
            return Some(());
        }
        loop {
            let start = self.at;
            let record = self.record()?;
            if records.is_empty() {
                // The others will be about as long.
                records.reserve((self.text.len() - start) / (self.at - start) + 1);
            }
            records.push(record);
            if self.is_last(b"]")? {
                return Some(());
            }
        }
    }

    fn record(&mut self) -> Option<Record<'a>> {
        let (mut topic, mut partition, mut offset, mut timestamp) = (None, None, None, None);
        let (mut key, mut value, mut headers, mut has_type) = (None, None, None, None);
        self.before = b'{';
        // In the order in which they come, so that one round is enough; in another order it takes more.
        loop {
            let start = self.at;
            if self.field(b"\"topic\":\"") {
                set(&mut topic, self.rest_of_string()?)?;
            }
            if self.field(b"\"partition\":") {
                set(&mut partition, i32::try_from(self.number()?).ok()?)?;
            }
            if self.field(b"\"offset\":") {
                set(&mut offset, self.number()?)?;
            }
            if self.field(b"\"timestamp\":") {
                set(&mut timestamp, self.number()?)?;
            }
            if self.field(b"\"timestampType\":\"") {
                set(&mut has_type, self.rest_of_string()?)?;
            }
            if self.field(b"\"key\":\"") {
                set(&mut key, self.rest_of_string()?)?;
            }
            if self.field(b"\"value\":\"") {
                set(&mut value, self.rest_of_string()?)?;
            }
            if self.field(b"\"headers\":") {
                set(&mut headers, self.json()?)?;
            }
            if self.at == start {
                return None;
            }
            if self.next_is(b"}") {
                break;
            }
        }
        let payload = |text: Option<&'a str>| text.map_or(Payload::Absent, |text| Payload::Base64(text.into()));
        Some(Record {
            topic: topic?.into(),
            partition: partition?,
            offset: offset?,
            timestamp: timestamp.unwrap_or(no_timestamp()),
            key: payload(key),
            value: payload(value),
            headers,
        })
    }

    /// What is left of a string, its end passed over.
    fn rest_of_string(&mut self) -> Option<&'a str> {
        let rest = &self.text[self.at..];
        let length = memchr(b'"', rest.as_bytes())?;
        self.at += length + 1;
        Some(&rest[..length])
    }

    /// A whole number of at most 18 digits.
    fn number(&mut self) -> Option<i64> {
        let is_negative = self.next_is(b"-");
        let start = self.at;
        let mut number = 0;
        while let Some(&digit @ b'0'..=b'9') = self.bytes.get(self.at) {
            if self.at - start == 18 {
                return None;
            }
            number = number * 10 + i64::from(digit - b'0');
            self.at += 1;
        }
        let is_usual = match self.at - start {
            0 => false,
            1 => number > 0 || !is_negative,
            _ => self.bytes[start] != b'0',
        };
        is_usual.then_some(if is_negative { -number } else { number })
    }

    /// Any JSON but null, as it came.
    fn json(&mut self) -> Option<&'a RawValue> {
        let rest = &self.text[self.at..];
        let length = if rest.starts_with("[]") {
            2
        } else {
            let mut values = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
            values.next()?.ok()?;
            values.byte_offset()
        };
        self.at += length;
        serde_json::from_str::<Option<&RawValue>>(&rest[..length]).ok()?
    }

    /// After a member: whether it was the last one.
    fn is_last(&mut self, end: &[u8; 1]) -> Option<bool> {
        if self.next_is(b",") {
            return Some(false);
        }
        self.take(end)?;
        Some(true)
    }

    /// Whether a record's next field has this name; its value follows.
    fn field<const N: usize>(&mut self, name: &[u8; N]) -> bool {
        let is = match &self.bytes[self.at..] {
            [before, rest @ ..] => *before == self.before && rest.starts_with(name),
            [] => false,
        };
        if is {
            self.at += 1 + N;
            self.before = b',';
        }
        is
    }

    fn next_is<const N: usize>(&mut self, literal: &[u8; N]) -> bool {
        let is = self.bytes[self.at..].starts_with(literal);
        self.at += if is { N } else { 0 };
        is
    }

    fn take<const N: usize>(&mut self, literal: &[u8; N]) -> Option<()> {
        self.next_is(literal).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::general;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    const WHOLE: &str = r#"{"eventSource":"SelfManagedKafka","bootstrapServers":"h:9092,i:9092","records":{"t-0":[{"topic":"t","partition":0,"offset":15,"timestamp":1545084650987,"timestampType":"CREATE_TIME","key":"c3ltYm9s","value":"eyJhIjoxfQ==","headers":[{"h":[104,-61]}]},{"topic":"t","partition":0,"offset":16,"timestamp":-1,"value":"eyJhIjoxfQ==","headers":[]}],"t-1":[],"t-2":[{"headers":[{"é":null}],"offset":0,"partition":2,"topic":"t"}]}}"#;

    #[test]
    fn what_lambda_sends_is_usual() {
        let (source, records) = read(WHOLE).unwrap();
        assert_eq!((source, records.len()), (Some("SelfManagedKafka"), 3));
        assert!(read(r#"{"records":{}}"#).is_some());
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
            ("h:9092", "h:\n9092"),
            ("\":", "\": "),
            (",\"offset\":15", ""),
        ] {
            assert!(WHOLE.contains(from) && read(&WHOLE.replacen(from, to, 1)).is_none(), "{from} {to}");
        }
    }

    proptest! {
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
            if let Some((source, records)) = read(&text) {
                let (other_source, others) = general::read(&text).expect("what is usual is right");
                prop_assert_eq!(source, other_source.as_deref());
                prop_assert_eq!(format!("{records:?}"), format!("{others:?}"));
            }
        }
    }
}
