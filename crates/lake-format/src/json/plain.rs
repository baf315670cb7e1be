//! Values that are told at a glance: strings of ASCII without escapes, numbers without an exponent.
//!
//! Most values are. Any other, and one that is wrong or too near the text's end to read a block of it at once, is left
//! to the scanner. Where it stands is kept in registers here, not in the scanner's fields, which is what makes it quick.

use super::Kind;
use byte_scan::simd::{BLOCK, Block, ByteMask};

/// Where the value that begins at `at` ends, and what it is; nothing if the scanner has to look.
#[inline]
pub fn value(bytes: &[u8], at: usize) -> Option<(usize, Kind)> {
    let (end, kind) = match in_block(block(bytes, at)?) {
        Some((length, kind)) => (at + length, kind),
        None => long(bytes, at)?,
    };
    (!matches!(bytes.get(end), Some(b'.' | b'e' | b'E'))).then_some((end, kind))
}

/// How long the value is that a block begins with, and what it is, if it ends before the block does. A number may have an
/// exponent, or whatever else follows.
#[inline]
pub fn in_block(block: &Block) -> Option<(usize, Kind)> {
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

/// The same of any length, and of numbers below nought: where the value that begins at `at` ends. Rare, and out of the
/// way of those that are not.
#[inline(never)]
pub fn long(bytes: &[u8], at: usize) -> Option<(usize, Kind)> {
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
    let point = digits(bytes, start)?;
    if point == start || (bytes[start] == b'0' && point > start + 1) {
        return None;
    }
    end = if bytes[point] == b'.' { digits(bytes, point + 1)? } else { point };
    (end != point + 1).then_some((end, Kind::Number))
}

/// The end of the digits that begin at `at`, if any do.
#[inline]
fn digits(bytes: &[u8], mut at: usize) -> Option<usize> {
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
    fn values_of_quotes_are_plain_and_what_needs_a_second_look_is_not() {
        let value = |text: &str| value(format!("{text},\"volume\":1234567}}").as_bytes(), 0);
        for (text, kind) in [
            ("\"HSI\"", Kind::String),
            ("\"an index of some size\"", Kind::String),
            ("0", Kind::Number),
            ("-0.5", Kind::Number),
            ("123456789.0123456789", Kind::Number),
        ] {
            assert_eq!(value(text), Some((text.len(), kind)), "{text}");
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
            assert_eq!(value(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_plain_the_scanner_takes_for_the_same(text in "[-\"\\\\.eE+0-9a, }é\n]{0,24}") {
            let mut scanner = Scanner::new(&text);
            if let Some((end, kind)) = value(text.as_bytes(), 0) {
                prop_assert_eq!(scanner.value(1), Ok(kind));
                prop_assert_eq!(scanner.at, end);
            }
        }
    }
}
