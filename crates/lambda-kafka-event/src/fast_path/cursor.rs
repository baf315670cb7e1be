//! What JSON is made of, where it is written as usual: in ASCII, without white space, without escapes.

use serde_json::value::RawValue;

use byte_scan::digits;
use byte_scan::simd::{BLOCK, ByteMask};

/// A place in a text. After a method has given nothing, it means nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    text: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Cursor { text, at: 0 }
    }

    /// Whether nothing but white space follows.
    pub(super) fn is_at_end(&self) -> bool {
        self.rest().iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
    }

    fn rest(&self) -> &'a [u8] {
        &self.text[self.at..]
    }

    /// What stands between two places; nothing where the second comes first.
    pub(super) fn between(&self, start: usize, end: usize) -> Option<&'a [u8]> {
        self.text.get(start..end)
    }

    /// Passes over these bytes, if they are next.
    #[inline]
    pub(super) fn next_is(&mut self, bytes: &[u8]) -> bool {
        let is = begins_with(self.rest(), bytes);
        self.at += if is { bytes.len() } else { 0 };
        is
    }

    /// Passes over these bytes, which have to be next.
    #[inline]
    pub(super) fn take(&mut self, bytes: &[u8]) -> Option<()> {
        self.next_is(bytes).then_some(())
    }

    /// After a member: whether it was the last one.
    pub(super) fn is_last(&mut self, end: &[u8; 1]) -> Option<bool> {
        if self.next_is(b",") {
            return Some(false);
        }
        self.take(end)?;
        Some(true)
    }

    /// What is left of a string, up to its quotation mark, which is not passed over.
    #[inline]
    pub(super) fn string(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest();
        let mut length = 0;
        for block in rest.as_chunks().0 {
            let special = ByteMask::special_or_not_ascii(block).first();
            if special < BLOCK {
                length += special;
                break;
            }
            length += BLOCK;
        }
        while let Some(b' '..=b'!' | b'#'..=b'[' | b']'..=0x7f) = rest.get(length) {
            length += 1;
        }
        self.at += length;
        (rest.get(length) == Some(&b'"')).then(|| &rest[..length])
    }

    /// A whole number of at most 18 digits.
    #[inline]
    pub(super) fn number(&mut self) -> Option<i64> {
        let is_negative = self.next_is(b"-");
        let digits = self.rest();
        let (number, length) = match digits.first_chunk().and_then(digits::parse_in_block) {
            Some(found) => found,
            None => digits::parse_long(digits)?,
        };
        self.at += length;
        let is_usual = if length == 1 { number > 0 || !is_negative } else { digits[0] != b'0' };
        is_usual.then_some(if is_negative { -number } else { number })
    }

    /// Any JSON but null, as it came.
    pub(super) fn json(&mut self) -> Option<&'a RawValue> {
        let rest = self.rest();
        let length = if rest.starts_with(b"[]") {
            2
        } else {
            let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<&RawValue>();
            values.next()?.ok()?;
            values.byte_offset()
        };
        self.at += length;
        serde_json::from_slice::<Option<&RawValue>>(&rest[..length]).ok()?
    }
}

/// As `starts_with`, without a call for a length that is not known beforehand: in blocks, of which the last overlaps the
/// one before.
#[inline]
fn begins_with(text: &[u8], start: &[u8]) -> bool {
    let Some(text) = text.get(..start.len()) else { return false };
    if let (Some(end), Some(other)) = (text.last_chunk::<16>(), start.last_chunk()) {
        let (blocks, _) = text.as_chunks::<16>();
        return end == other && blocks.iter().zip(start.as_chunks().0).all(|(block, other)| block == other);
    }
    if let (Some(end), Some(other)) = (text.last_chunk::<8>(), start.last_chunk()) {
        return end == other && text.first_chunk::<8>() == start.first_chunk();
    }
    text == start
}
