//! Values that are told at a glance: strings of ASCII without escapes, numbers without an exponent.
//!
//! Most values are. Any other, and one that is wrong or too near the text's end to read eight bytes of it at once, is left
//! to the scanner. Where it stands is kept in registers here, not in the scanner's fields, which is what makes it quick.

use super::{Kind, block};

/// Where the value that begins at `at` ends, and what it is; nothing if the scanner has to look.
#[inline]
pub(crate) fn value(bytes: &[u8], at: usize) -> Option<(usize, Kind)> {
    match bytes.get(at)? {
        b'"' => string(bytes, at + 1).map(|end| (end, Kind::String)),
        b'-' => number(bytes, at + 1).map(|end| (end, Kind::Number)),
        _ => number(bytes, at).map(|end| (end, Kind::Number)),
    }
}

/// The end of a string whose content begins at `at`.
#[inline]
fn string(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let plain = block::plain_ascii(eight(bytes, at)?);
        at += plain;
        if plain < 8 {
            return (bytes[at] == b'"').then_some(at + 1);
        }
    }
}

/// The end of a number whose first digit is at `at`.
#[inline]
fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let mut end = digits(bytes, at)?;
    if bytes[at] == b'0' && end > at + 1 {
        return None;
    }
    if bytes[end] == b'.' {
        end = digits(bytes, end + 1)?;
    }
    (!matches!(bytes[end], b'.' | b'e' | b'E')).then_some(end)
}

/// The end of the digits that begin at `start`, of which there has to be one.
#[inline]
fn digits(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        let digits = block::leading_digits(eight(bytes, at)?);
        at += digits;
        if digits < 8 {
            return (at > start).then_some(at);
        }
    }
}

#[inline]
fn eight(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|&block| u64::from_le_bytes(block))
}

#[cfg(test)]
mod tests {
    use super::super::scanner::Scanner;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_of_quotes_are_plain_and_what_needs_a_second_look_is_not() {
        let value = |text: &str| value(format!("{text},\"volume\":1}}").as_bytes(), 0);
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
