//! Record template: the text that a record has in common with the previous record.
//!
//! The topic, partition, headers and field names are usually the same, byte for byte. The timestamp and the key often
//! are, too, while the offset increases by one. Such a record is read by comparing it with the text that the template
//! predicts:
//!
//! ```text
//! {"topic":"t","partition":0,"offset":41,"timestamp":1764028800123,...,"key":"SFNJ","value":"eyJh","headers":[]}
//! <--------- before_offset ---------->  <----------->             <---------->    <--------->    < after_value >
//!                                     before_timestamp             before_key    before_value
//! predicted for the next record:
//! {"topic":"t","partition":0,"offset":42,"timestamp":1764028800123,...,"key":"SFNJ","value":"
//! ```
//!
//! If the predicted text is next, only the value is read. Otherwise, the text around offset, timestamp and key is
//! compared, and these three fields are read as well. If that text differs, the record is read field by field.

use byte_scan::digits;

use super::cursor::{ByteRange, Cursor, Unsupported};
use crate::record::{Payload, Record};

/// The text of the last record, split at its variable parts, and a prediction of the next record.
#[derive(Debug)]
pub(super) struct RecordTemplate<'a> {
    /// Text of the next record up to its value, assuming that the timestamp and the key stay the same and the offset
    /// increases by one.
    predicted: Vec<u8>,
    /// Index in `predicted` just past the digits of the offset. `None` if the next offset has one more digit, so
    /// `predicted` cannot be used.
    offset_end: Option<usize>,
    before_offset: &'a [u8],
    before_timestamp: &'a [u8],
    /// `None` if the record has no key.
    before_key: Option<&'a [u8]>,
    before_value: &'a [u8],
    after_value: &'a [u8],
}

/// Byte ranges of a record and its variable parts, without the quotation marks of key and value.
#[derive(Debug)]
pub(super) struct FieldRanges {
    pub(super) record: ByteRange,
    pub(super) offset: ByteRange,
    pub(super) timestamp: ByteRange,
    pub(super) key: Option<ByteRange>,
    pub(super) value: ByteRange,
}

impl<'a> RecordTemplate<'a> {
    /// Creates a template from a record in `text`. Returns `None` if the record's fields are not in Lambda's order.
    pub(super) fn new(text: Cursor<'a>, ranges: &FieldRanges) -> Option<Self> {
        let FieldRanges { record, offset, timestamp, key, value } = *ranges;
        let between = |one: ByteRange, other: ByteRange| text.slice(one.end, other.start);
        let before_key = match key {
            Some(key) => Some(between(timestamp, key)?),
            None => None,
        };
        let mut template = RecordTemplate {
            predicted: Vec::new(),
            offset_end: None,
            before_offset: text.slice(record.start, offset.start)?,
            before_timestamp: between(offset, timestamp)?,
            before_key,
            before_value: between(key.unwrap_or(timestamp), value)?,
            after_value: text.slice(value.end, record.end)?,
        };
        template.predict(text.slice(record.start, value.start)?, offset.end - record.start);
        Some(template)
    }

    /// Consumes the next record if it matches the template. `record` must contain the record before it, and is
    /// overwritten.
    #[inline]
    pub(super) fn expect_record(
        &mut self,
        cursor: &mut Cursor<'a>,
        record: &mut Record<'a>,
    ) -> Result<(), Unsupported> {
        match self.offset_end {
            Some(offset_end) if cursor.eat(&self.predicted) => {
                record.offset += 1;
                self.increment_offset(offset_end);
            }
            _ => self.expect_until_value(cursor, record)?,
        }
        record.value = Payload::Base64(cursor.expect_until_quote()?.into());
        cursor.expect(self.after_value)
    }

    /// Consumes a record that matches the template up to its value, with any offset, timestamp and key.
    fn expect_until_value(&mut self, cursor: &mut Cursor<'a>, record: &mut Record<'a>) -> Result<(), Unsupported> {
        let start = cursor.position;
        cursor.expect(self.before_offset)?;
        let (offset, offset_range) = cursor.expect_number()?;
        if offset < 0 {
            return Err(Unsupported);
        }
        record.offset = offset;
        cursor.expect(self.before_timestamp)?;
        record.timestamp = cursor.expect_number()?.0;
        if let Some(before_key) = self.before_key {
            cursor.expect(before_key)?;
            record.key = Payload::Base64(cursor.expect_until_quote()?.into());
        }
        cursor.expect(self.before_value)?;
        let until_value = cursor.slice(start, cursor.position).ok_or(Unsupported)?;
        self.predict(until_value, offset_range.end - start);
        Ok(())
    }

    /// Predicts the text of the next record from the last record's text up to its value, in which the digits of the
    /// offset end at index `offset_end`.
    fn predict(&mut self, until_value: &[u8], offset_end: usize) {
        self.predicted.clear();
        self.predicted.extend_from_slice(until_value);
        self.increment_offset(offset_end);
    }

    #[inline]
    fn increment_offset(&mut self, offset_end: usize) {
        self.offset_end = digits::increment(&mut self.predicted[..offset_end]).then_some(offset_end);
    }
}
