//! Recognises plain values: ASCII strings without escapes and numbers without an exponent.
//!
//! Most values are plain. The scanner validates all others, and values that are too close to the end of the input to
//! read a whole block. These functions are fast because they keep the position in a register instead of the scanner's
//! fields.

use super::Kind;
use byte_scan::simd::{BLOCK, Block, ByteMask};

/// Scans the plain value at byte index `at`. Returns the index of the value's end and its type, or `None` if the value
/// is not plain or too close to the end of the input.
#[inline]
pub(crate) fn scan(bytes: &[u8], at: usize) -> Option<(usize, Kind)> {
    let (end, kind) = match scan_block(block(bytes, at)?) {
        Some((length, kind)) => (at + length, kind),
        None => scan_long(bytes, at)?,
    };
    (!matches!(bytes.get(end), Some(b'.' | b'e' | b'E'))).then_some((end, kind))
}

/// Scans the plain value at the start of a block. Returns the value's length in bytes and its type, or `None` if the
/// value is not plain, is negative or does not end within the block. Does not check what follows a number, such as an
/// exponent.
#[inline]
pub fn scan_block(block: &Block) -> Option<(usize, Kind)> {
    if block[0] == b'"' {
        let end = ByteMask::special_or_not_ascii(block).second();
        return (end < BLOCK && block[end] == b'"').then_some((end + 1, Kind::String));
    }
    let others = ByteMask::not_digits(block);
    let point = others.first();
    if point == 0 || point == BLOCK || (point > 1 && block[0] == b'0') {
        return None;
    }
    if block[point] != b'.' {
        return Some((point, Kind::Number));
    }
    let end = others.second();
    (end < BLOCK && end != point + 1).then_some((end, Kind::Number))
}

/// Scans a plain value of any length, or a negative number, at byte index `at`. Returns the index of the value's end
/// and its type, or `None` if the value is not plain or too close to the end of `bytes`. Does not check what follows a
/// number.
///
/// Not inlined, so that long values and negative numbers, which are rare, do not slow down the scan of other values.
///
/// # Panics
/// If `at` is not less than the length of `bytes`.
#[inline(never)]
pub fn scan_long(bytes: &[u8], at: usize) -> Option<(usize, Kind)> {
    let mut end = at + 1;
    if bytes[at] == b'"' {
        loop {
            let special = ByteMask::special_or_not_ascii(block(bytes, end)?).first();
            end += special;
            if special < BLOCK {
                return (bytes[end] == b'"').then_some((end + 1, Kind::String));
            }
        }
    }
    let start = if bytes[at] == b'-' { at + 1 } else { at };
    let point = end_of_digits(bytes, start)?;
    if point == start || (bytes[start] == b'0' && point > start + 1) {
        return None;
    }
    end = if bytes[point] == b'.' { end_of_digits(bytes, point + 1)? } else { point };
    (end != point + 1).then_some((end, Kind::Number))
}

/// Returns the index of the first byte at or after `at` that is not a digit, or `None` if the search needs a block that
/// extends past the end of `bytes`.
#[inline]
fn end_of_digits(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let digits = ByteMask::not_digits(block(bytes, at)?).first();
        at += digits;
        if digits < BLOCK {
            return Some(at);
        }
    }
}

#[inline]
fn block(bytes: &[u8], at: usize) -> Option<&Block> {
    bytes.get(at..)?.first_chunk()
}

#[cfg(test)]
mod tests {
    use super::super::scanner::Scanner;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escapes_exponents_and_other_types_are_not_plain() {
        let scan = |text: &str| scan(format!("{text},\"volume\":1234567}}").as_bytes(), 0);
        for (text, kind) in [
            ("\"HSI\"", Kind::String),
            ("\"an index of some size\"", Kind::String),
            ("0", Kind::Number),
            ("-0.5", Kind::Number),
            ("123456789.0123456789", Kind::Number),
        ] {
            assert_eq!(scan(text), Some((text.len(), kind)), "{text}");
        }
        for text in [
            "\"größe\"",
            "\"\\n\"",
            "\"\t\"",
            "1e3",
            "1.5E3",
            "01",
            "-",
            ".5",
            "1.",
            "1.2.3",
            "null",
            "{}",
            "[]",
            "",
            "+1",
        ] {
            assert_eq!(scan(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn scanner_agrees_on_every_plain_value(text in "[-\"\\\\.eE+0-9a, }é\n]{0,24}") {
            let mut scanner = Scanner::new(&text);
            if let Some((end, kind)) = scan(text.as_bytes(), 0) {
                prop_assert_eq!(scanner.eat_value(1), Ok(kind));
                prop_assert_eq!(scanner.at, end);
            }
        }
    }
}
