//! What a record has in common with the one before: all that is written around its offset and its value.
//!
//! Topic, partition, headers and the fields' names are mostly the same to the byte, and often so are timestamp and key,
//! with an offset that is one more. Such a record is read by holding it against what is expected.

use super::cursor::Cursor;
use crate::{Payload, Record};
use byte_scan::digits;

/// How the last record was written, and how the next one should be.
#[derive(Debug)]
pub(super) struct Frame<'a> {
    /// All of the next record that stands before its value, if it has the last one's timestamp and key.
    expected: Vec<u8>,
    /// Where the offset ends in it; none if no next offset has as many digits.
    offset_end: Option<usize>,
    before_offset: &'a [u8],
    before_timestamp: &'a [u8],
    /// None if there is no key.
    before_key: Option<&'a [u8]>,
    before_value: &'a [u8],
    after_value: &'a [u8],
}

/// Where something stands: its first byte, and the one after its last.
pub(super) type Place = (usize, usize);

/// Where the parts of a record stand, a key's and a value's quotation marks left out.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) record: Place,
    pub(super) offset: Place,
    pub(super) timestamp: Place,
    pub(super) key: Option<Place>,
    pub(super) value: Place,
}

impl<'a> Frame<'a> {
    /// The frame of a record that has been read field by field; none where its parts come in another order.
    pub(super) fn of(text: Cursor<'a>, places: &Places) -> Option<Self> {
        let Places { record, offset, timestamp, key, value } = *places;
        let between = |one: Place, other: Place| text.between(one.1, other.0);
        let mut frame = Frame {
            expected: Vec::new(),
            offset_end: None,
            before_offset: text.between(record.0, offset.0)?,
            before_timestamp: between(offset, timestamp)?,
            before_key: key.map(|key| between(timestamp, key).ok_or(())).transpose().ok()?,
            before_value: between(key.unwrap_or(timestamp), value)?,
            after_value: text.between(value.1, record.1)?,
        };
        frame.expect(text.between(record.0, value.0)?, offset.1 - record.0);
        Some(frame)
    }

    /// Reads the next record, if it is written in this frame, where `record` is the one before.
    #[inline]
    pub(super) fn read(&mut self, cursor: &mut Cursor<'a>, record: &mut Record<'a>) -> Option<()> {
        match self.offset_end {
            Some(end) if cursor.next_is(&self.expected) => {
                record.offset += 1;
                self.count_up(end);
            }
            _ => self.read_others(cursor, record)?,
        }
        record.value = Payload::Base64(cursor.string()?.into());
        cursor.take(self.after_value)
    }

    /// Another offset than the next, another timestamp or key than the last record's.
    fn read_others(&mut self, cursor: &mut Cursor<'a>, record: &mut Record<'a>) -> Option<()> {
        let start = cursor.at;
        cursor.take(self.before_offset)?;
        record.offset = cursor.number().filter(|&offset| offset >= 0)?;
        let offset_end = cursor.at - start;
        cursor.take(self.before_timestamp)?;
        record.timestamp = cursor.number()?;
        if let Some(before) = self.before_key {
            cursor.take(before)?;
            record.key = Payload::Base64(cursor.string()?.into());
        }
        cursor.take(self.before_value)?;
        self.expect(cursor.between(start, cursor.at)?, offset_end);
        Some(())
    }

    fn expect(&mut self, as_before: &[u8], offset_end: usize) {
        self.expected.clear();
        self.expected.extend_from_slice(as_before);
        self.count_up(offset_end);
    }

    #[inline]
    fn count_up(&mut self, offset_end: usize) {
        self.offset_end = digits::increment(&mut self.expected[..offset_end]).then_some(offset_end);
    }
}
