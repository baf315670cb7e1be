//! Scanner: validates JSON byte by byte, following the grammar.
//!
//! Methods whose names begin with `eat` or `expect` advance the position.

use std::ops::Range;

use super::{Field, IgnoreFields, JsonError, Kind, MAX_DEPTH, Visitor, plain};
use byte_scan::simd::{BLOCK, ByteMask};

/// A position in the input.
pub(super) struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    /// Byte index of the next byte to scan.
    pub(super) at: usize,
    /// Set to `true` when the scanned white space contains a line feed or a carriage return.
    pub(super) line_breaks: bool,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Scanner { text, bytes: text.as_bytes(), at: 0, line_breaks: false }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    #[inline]
    pub(super) fn eat_white_space(&mut self) {
        if self.peek().is_some_and(|byte| byte <= b' ') {
            self.eat_rare_white_space();
        }
    }

    fn eat_rare_white_space(&mut self) {
        while let Some(byte @ (b' ' | b'\t' | b'\n' | b'\r')) = self.peek() {
            self.line_breaks |= matches!(byte, b'\n' | b'\r');
            self.at += 1;
        }
    }

    fn reject<T>(&self, expected: &'static str) -> Result<T, JsonError> {
        Err(JsonError::NotJson { expected, at: self.at })
    }

    fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), JsonError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            self.reject(expected)
        }
    }

    pub(super) fn expect_end(&mut self) -> Result<(), JsonError> {
        self.eat_white_space();
        if self.at == self.bytes.len() { Ok(()) } else { self.reject("end of the value") }
    }

    /// Validates a value of any type that is nested in `depth` objects and arrays.
    pub(super) fn eat_value(&mut self, depth: usize) -> Result<Kind, JsonError> {
        match self.peek() {
            Some(b'{') => {
                self.eat_object(depth + 1, &mut IgnoreFields)?;
                Ok(Kind::Object)
            }
            Some(b'[') => self.eat_array(depth + 1),
            Some(b'"') => {
                self.eat_string()?;
                Ok(Kind::String)
            }
            Some(b'-' | b'0'..=b'9') => self.eat_number(),
            Some(b't') => self.expect_word("true", Kind::Boolean),
            Some(b'f') => self.expect_word("false", Kind::Boolean),
            Some(b'n') => self.expect_word("null", Kind::Null),
            _ => self.reject("a value"),
        }
    }

    /// Validates an object at nesting depth `depth`. Returns `true` if it has no fields.
    pub(super) fn eat_object<V: Visitor<'a>>(&mut self, depth: usize, visitor: &mut V) -> Result<bool, V::Error> {
        if depth > MAX_DEPTH {
            return Err(JsonError::TooDeep.into());
        }
        self.at += 1;
        self.eat_white_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(true);
        }
        loop {
            let name = self.eat_name()?;
            self.eat_white_space();
            let start = self.at;
            let kind = match plain::scan(self.bytes, start) {
                Some((end, kind)) => {
                    self.at = end;
                    kind
                }
                None => self.eat_value(depth)?,
            };
            let starts = (name.start, start);
            visitor.visit_field(Field { name: &self.text[name], value: &self.text[start..self.at], kind, starts })?;
            self.eat_white_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(false);
                }
                _ => return Ok(self.reject("',' or '}'")?),
            }
            self.eat_white_space();
        }
    }

    /// Validates a field's name and the colon after it. Returns the byte range of the name, without quotation marks.
    fn eat_name(&mut self) -> Result<Range<usize>, JsonError> {
        let start = self.at + 1;
        self.eat_string()?;
        let end = self.at - 1;
        self.eat_white_space();
        self.expect(b':', "':'")?;
        Ok(start..end)
    }

    fn eat_array(&mut self, depth: usize) -> Result<Kind, JsonError> {
        if depth > MAX_DEPTH {
            return Err(JsonError::TooDeep);
        }
        self.at += 1;
        self.eat_white_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Kind::Array);
        }
        loop {
            self.eat_value(depth)?;
            self.eat_white_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Kind::Array);
                }
                _ => return self.reject("',' or ']'"),
            }
            self.eat_white_space();
        }
    }

    fn expect_word(&mut self, word: &'static str, kind: Kind) -> Result<Kind, JsonError> {
        if self.bytes[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(kind)
        } else {
            self.reject("a value")
        }
    }

    fn eat_string(&mut self) -> Result<(), JsonError> {
        self.expect(b'"', "'\"'")?;
        loop {
            // Skips whole blocks until a byte ends the string or must be examined.
            while let Some(block) = self.bytes[self.at..].first_chunk() {
                let special = ByteMask::special(block).first();
                self.at += special;
                if special < BLOCK {
                    break;
                }
            }
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.eat_escape()?,
                Some(0..=0x1f) => return self.reject("an escape instead of a control character"),
                Some(_) => self.at += 1,
                None => return self.reject("'\"'"),
            }
        }
    }

    fn eat_escape(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            }
            Some(b'u') => match self.eat_utf16_unit()? {
                0xDC00..=0xDFFF => Err(JsonError::LoneSurrogate { at: start }),
                0xD800..=0xDBFF => {
                    if !self.bytes[self.at..].starts_with(b"\\u") {
                        return Err(JsonError::LoneSurrogate { at: start });
                    }
                    self.at += 1;
                    match self.eat_utf16_unit()? {
                        0xDC00..=0xDFFF => Ok(()),
                        _ => Err(JsonError::LoneSurrogate { at: start }),
                    }
                }
                _ => Ok(()),
            },
            _ => self.reject("an escape"),
        }
    }

    /// Skips the `u` at the position and validates the four hexadecimal digits after it. Returns their UTF-16 code
    /// unit.
    fn eat_utf16_unit(&mut self) -> Result<u32, JsonError> {
        self.at += 1;
        let mut unit = 0;
        for _ in 0..4 {
            let Some(digit) = self.peek().and_then(|byte| char::from(byte).to_digit(16)) else {
                return self.reject("a hexadecimal digit");
            };
            unit = unit * 16 + digit;
            self.at += 1;
        }
        Ok(unit)
    }

    fn eat_number(&mut self) -> Result<Kind, JsonError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.eat_digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.eat_digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.eat_digits()?;
        }
        Ok(Kind::Number)
    }

    fn eat_digits(&mut self) -> Result<(), JsonError> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return self.reject("a digit");
        }
        while let Some(block) = self.bytes[self.at..].first_chunk() {
            let digits = ByteMask::not_digits(block).first();
            self.at += digits;
            if digits < BLOCK {
                return Ok(());
            }
        }
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        Ok(())
    }
}
