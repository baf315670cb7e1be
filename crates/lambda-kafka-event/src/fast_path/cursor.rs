//! A cursor over compact JSON: ASCII, no white space, no escapes.
//!
//! `eat` consumes the given bytes and returns `true`, or returns `false` if different bytes are next. A method whose
//! name begins with `expect` returns [`Unsupported`] in that case, and leaves the cursor at an unspecified position.

use serde_json::value::RawValue;

use byte_scan::digits;
use byte_scan::simd::{BLOCK, ByteMask};

/// Error returned when the fast path does not support the text. The serde fallback must read it instead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unsupported;

/// A position in the text of an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    text: &'a [u8],
    pub(super) position: usize,
}

/// Range of bytes in the event.
#[derive(Clone, Copy, Debug)]
pub(super) struct ByteRange {
    pub(super) start: usize,
    /// Position after the last byte.
    pub(super) end: usize,
}

/// The character after an element of a list or an object.
#[derive(Clone, Copy, Debug)]
pub(super) enum Separator {
    /// A comma: another element follows.
    Comma,
    /// The closing bracket or brace.
    End,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Cursor { text, position: 0 }
    }

    /// Returns `true` if nothing but white space follows.
    pub(super) fn is_at_end(&self) -> bool {
        self.rest().iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
    }

    fn rest(&self) -> &'a [u8] {
        &self.text[self.position..]
    }

    /// Returns the text from `start` up to `end`, or `None` if `end` is less than `start`.
    pub(super) fn slice(&self, start: usize, end: usize) -> Option<&'a [u8]> {
        self.text.get(start..end)
    }

    /// Returns the byte after the next one, without consuming it.
    #[inline]
    pub(super) fn peek_second(&self) -> Option<u8> {
        self.text.get(self.position + 1).copied()
    }

    /// Consumes `bytes` and returns `true` if they are next. Otherwise returns `false`.
    #[inline]
    pub(super) fn eat(&mut self, bytes: &[u8]) -> bool {
        let is_next = starts_with(self.rest(), bytes);
        self.position += if is_next { bytes.len() } else { 0 };
        is_next
    }

    /// Consumes `bytes`, which must be next.
    #[inline]
    pub(super) fn expect(&mut self, bytes: &[u8]) -> Result<(), Unsupported> {
        if self.eat(bytes) { Ok(()) } else { Err(Unsupported) }
    }

    /// Consumes a comma, or the bracket or brace that ends a list or an object.
    pub(super) fn expect_comma_or(&mut self, end: &[u8; 1]) -> Result<Separator, Unsupported> {
        if self.eat(b",") {
            return Ok(Separator::Comma);
        }
        self.expect(end)?;
        Ok(Separator::End)
    }

    /// Consumes the rest of a string up to its closing quotation mark, but not the mark itself. Returns the consumed
    /// bytes.
    #[inline]
    pub(super) fn expect_until_quote(&mut self) -> Result<&'a [u8], Unsupported> {
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
        self.position += length;
        if rest.get(length) == Some(&b'"') { Ok(&rest[..length]) } else { Err(Unsupported) }
    }

    /// Consumes a string. Returns its content and the byte range of the content.
    #[inline]
    pub(super) fn expect_string(&mut self) -> Result<(&'a [u8], ByteRange), Unsupported> {
        self.expect(b"\"")?;
        let start = self.position;
        let content = self.expect_until_quote()?;
        let end = self.position;
        self.expect(b"\"")?;
        Ok((content, ByteRange { start, end }))
    }

    /// Consumes a whole number of at most 18 digits. Returns the number and its byte range.
    #[inline]
    pub(super) fn expect_number(&mut self) -> Result<(i64, ByteRange), Unsupported> {
        let start = self.position;
        let is_negative = self.eat(b"-");
        let digits = self.rest();
        let (number, length) = match digits.first_chunk().and_then(digits::parse_in_block) {
            Some(found) => found,
            None => digits::parse_long(digits).ok_or(Unsupported)?,
        };
        self.position += length;
        // JSON allows no leading zero, and serde_json reads `-0` as a float.
        let is_supported = if length == 1 { number > 0 || !is_negative } else { digits[0] != b'0' };
        if !is_supported {
            return Err(Unsupported);
        }
        Ok((if is_negative { -number } else { number }, ByteRange { start, end: self.position }))
    }

    /// Consumes any JSON value except `null`, and returns its text.
    pub(super) fn expect_json(&mut self) -> Result<&'a RawValue, Unsupported> {
        let rest = self.rest();
        let length = if rest.starts_with(b"[]") {
            2
        } else {
            let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<&RawValue>();
            let Some(Ok(_)) = values.next() else { return Err(Unsupported) };
            values.byte_offset()
        };
        self.position += length;
        serde_json::from_slice::<Option<&RawValue>>(&rest[..length]).ok().flatten().ok_or(Unsupported)
    }
}

/// Works like `text.starts_with(start)`, but avoids the call to `memcmp`, which the compiler generates if the length is
/// unknown at compile time. Compares whole blocks; the last block overlaps the previous block.
#[inline]
fn starts_with(text: &[u8], start: &[u8]) -> bool {
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
