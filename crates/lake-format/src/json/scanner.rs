//! The checker itself: from byte to byte, by the grammar.

use std::ops::Range;

use super::{Field, IgnoreFields, JsonError, Kind, MAX_DEPTH, Visitor, plain};
use byte_scan::simd::{BLOCK, ByteMask};

/// A place in a text.
pub(super) struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    /// ByteMask from the start.
    pub(super) at: usize,
    /// White space has been passed that holds a line feed or a carriage return.
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
    pub(super) fn white_space(&mut self) {
        if self.peek().is_some_and(|byte| byte <= b' ') {
            self.pass_white_space();
        }
    }

    fn pass_white_space(&mut self) {
        while let Some(byte @ (b' ' | b'\t' | b'\n' | b'\r')) = self.peek() {
            self.line_breaks |= matches!(byte, b'\n' | b'\r');
            self.at += 1;
        }
    }

    fn refuse<T>(&self, expected: &'static str) -> Result<T, JsonError> {
        Err(JsonError::NotJson { expected, at: self.at })
    }

    fn take(&mut self, byte: u8, expected: &'static str) -> Result<(), JsonError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            self.refuse(expected)
        }
    }

    pub(super) fn end(&mut self) -> Result<(), JsonError> {
        self.white_space();
        if self.at == self.bytes.len() { Ok(()) } else { self.refuse("end of the value") }
    }

    /// One value of any kind; `depth` is how many objects and arrays are open around it.
    pub(super) fn value(&mut self, depth: usize) -> Result<Kind, JsonError> {
        match self.peek() {
            Some(b'{') => {
                self.fields(depth + 1, &mut IgnoreFields)?;
                Ok(Kind::Object)
            }
            Some(b'[') => self.array(depth + 1),
            Some(b'"') => {
                self.string()?;
                Ok(Kind::String)
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Kind::Boolean),
            Some(b'f') => self.word("false", Kind::Boolean),
            Some(b'n') => self.word("null", Kind::Null),
            _ => self.refuse("a value"),
        }
    }

    /// An object; tells whether it has no field.
    pub(super) fn fields<V: Visitor<'a>>(&mut self, depth: usize, visitor: &mut V) -> Result<bool, V::Error> {
        if depth > MAX_DEPTH {
            return Err(JsonError::TooDeep.into());
        }
        self.at += 1;
        self.white_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(true);
        }
        loop {
            let name = self.name()?;
            self.white_space();
            let start = self.at;
            let kind = match plain::value(self.bytes, start) {
                Some((end, kind)) => {
                    self.at = end;
                    kind
                }
                None => self.value(depth)?,
            };
            let places = (name.start, start);
            visitor.field(Field { name: &self.text[name], value: &self.text[start..self.at], kind, places })?;
            self.white_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(false);
                }
                _ => return Ok(self.refuse("',' or '}'")?),
            }
            self.white_space();
        }
    }

    /// Where a field's name is; the colon after it is passed over.
    fn name(&mut self) -> Result<Range<usize>, JsonError> {
        let start = self.at + 1;
        self.string()?;
        let end = self.at - 1;
        self.white_space();
        self.take(b':', "':'")?;
        Ok(start..end)
    }

    fn array(&mut self, depth: usize) -> Result<Kind, JsonError> {
        if depth > MAX_DEPTH {
            return Err(JsonError::TooDeep);
        }
        self.at += 1;
        self.white_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Kind::Array);
        }
        loop {
            self.value(depth)?;
            self.white_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Kind::Array);
                }
                _ => return self.refuse("',' or ']'"),
            }
            self.white_space();
        }
    }

    fn word(&mut self, word: &'static str, kind: Kind) -> Result<Kind, JsonError> {
        if self.bytes[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(kind)
        } else {
            self.refuse("a value")
        }
    }

    fn string(&mut self) -> Result<(), JsonError> {
        self.take(b'"', "'\"'")?;
        loop {
            // A block at once, as long as none of its bytes ends the string or is special in it.
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
                Some(b'\\') => self.escape()?,
                Some(0..=0x1f) => return self.refuse("an escape instead of a control character"),
                Some(_) => self.at += 1,
                None => return self.refuse("'\"'"),
            }
        }
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        self.at += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.at += 1;
                Ok(())
            }
            Some(b'u') => match self.unit()? {
                0xDC00..=0xDFFF => Err(JsonError::LoneSurrogate { at: start }),
                0xD800..=0xDBFF => {
                    if !self.bytes[self.at..].starts_with(b"\\u") {
                        return Err(JsonError::LoneSurrogate { at: start });
                    }
                    self.at += 1;
                    match self.unit()? {
                        0xDC00..=0xDFFF => Ok(()),
                        _ => Err(JsonError::LoneSurrogate { at: start }),
                    }
                }
                _ => Ok(()),
            },
            _ => self.refuse("an escape"),
        }
    }

    /// The four digits after the `u` that the scanner stands at.
    fn unit(&mut self) -> Result<u32, JsonError> {
        self.at += 1;
        let mut unit = 0;
        for _ in 0..4 {
            let Some(digit) = self.peek().and_then(|byte| char::from(byte).to_digit(16)) else {
                return self.refuse("a hexadecimal digit");
            };
            unit = unit * 16 + digit;
            self.at += 1;
        }
        Ok(unit)
    }

    fn number(&mut self) -> Result<Kind, JsonError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Kind::Number)
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return self.refuse("a digit");
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
