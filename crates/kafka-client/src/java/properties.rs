//! Reads properties files as Java's [`Properties.load`] does.
//!
//! The crate `java-properties` (2.0.0) reads several files differently: it rejects an emoji that is written as two
//! `\uXXXX` escapes, and a comment with a Windows path such as `C:\users`; drops the last property if its line ends in
//! a backslash; and skips characters in continuation lines that are not blanks in Java. A password could be read
//! wrongly, so this module follows Java's own algorithm instead:
//!
//! ```text
//! key \     natural line 1        logical line:  key = \u0062 c        key:   key
//!   = \u0062 c                                   ^^^ ^ ^^^^^^^^        value: b c
//!           natural line 2, leading blanks dropped
//! ```
//!
//! [`Properties.load`]:
//! https://docs.oracle.com/en/java/javase/17/docs/api/java.base/java/util/Properties.html#load(java.io.Reader)

use std::iter::Peekable;
use std::str::Chars;

use thiserror::Error;

use super::Pairs;

/// An invalid `\uXXXX` escape. Messages omit the line, which may contain a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EscapeError {
    /// `\u` is not followed by four hexadecimal digits.
    #[error("line {line}: malformed \\uXXXX escape; write a backslash as \\\\")]
    Malformed {
        /// The line's number, from 1.
        line: usize,
    },
    /// The escape is half of a surrogate pair, without the other half.
    #[error("line {line}: a \\uXXXX escape is half of a surrogate pair, and the other half is missing; add it")]
    UnpairedSurrogate {
        /// The line's number, from 1.
        line: usize,
    },
}

/// Decodes a properties file: as UTF-8 if it is valid UTF-8, otherwise as ISO 8859-1, which Java's client expects.
pub(crate) fn decode(bytes: Vec<u8>) -> String {
    let text =
        String::from_utf8(bytes).unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect());
    match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    }
}

/// Parses a properties file. If a key occurs more than once, its last value is used.
///
/// # Errors
/// [`EscapeError`], which names the line, if an escape is invalid.
pub(crate) fn parse(text: &str) -> Result<Pairs, EscapeError> {
    let mut pairs = Pairs::new();
    let mut lines = LogicalLines { chars: text.chars().peekable(), line: 1 };
    while let Some((line, text)) = lines.next() {
        let (key, value) = split(&text);
        let (key, value) = (unescape(key, line)?, unescape(value, line)?);
        pairs.retain(|(other, _)| *other != key);
        pairs.push((key, value));
    }
    Ok(pairs)
}

fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t' | '\x0c')
}

fn is_line_end(letter: char) -> bool {
    matches!(letter, '\n' | '\r')
}

/// Iterator over logical lines. Joins natural lines that a backslash continues, and skips blank lines and comments.
struct LogicalLines<'a> {
    chars: Peekable<Chars<'a>>,
    /// Number of the natural line of the next character, from 1.
    line: usize,
}

impl LogicalLines<'_> {
    /// Returns the next logical line, and the number of the natural line on which it begins.
    fn next(&mut self) -> Option<(usize, String)> {
        let (mut text, mut first_line) = (String::new(), self.line);
        let (mut skip_blanks, mut is_continuation, mut after_backslash) = (true, false, false);
        while let Some(letter) = self.chars.next() {
            if skip_blanks {
                if is_blank(letter) {
                    continue;
                }
                if is_line_end(letter) && !is_continuation {
                    self.end_line(letter);
                    continue;
                }
                (skip_blanks, is_continuation) = (false, false);
            }
            if text.is_empty() {
                first_line = self.line;
            }
            match letter {
                // A comment may also follow a line that consists of a backslash, as in Java.
                '#' | '!' if text.is_empty() => {
                    while self.chars.next_if(|&letter| !is_line_end(letter)).is_some() {}
                    skip_blanks = true;
                }
                letter if !is_line_end(letter) => {
                    text.push(letter);
                    after_backslash = letter == '\\' && !after_backslash;
                }
                letter if text.is_empty() => {
                    self.end_line(letter);
                    skip_blanks = true;
                }
                letter if after_backslash => {
                    text.pop();
                    if self.chars.peek().is_none() {
                        return Some((first_line, text));
                    }
                    self.end_line(letter);
                    (skip_blanks, is_continuation, after_backslash) = (true, true, false);
                }
                letter => {
                    self.end_line(letter);
                    return Some((first_line, text));
                }
            }
        }
        if text.is_empty() {
            return None;
        }
        if after_backslash {
            text.pop();
        }
        Some((first_line, text))
    }

    /// Consumes the rest of a line end (LF, CR or CRLF) that begins with `first`, and counts the line.
    fn end_line(&mut self, first: char) {
        if first == '\r' {
            self.chars.next_if_eq(&'\n');
        }
        self.line += 1;
    }
}

/// Splits a logical line at the first `=`, `:` or blank that is not escaped, and drops the blanks around it.
fn split(line: &str) -> (&str, &str) {
    let mut after_backslash = false;
    let is_end = |letter: char| {
        let ends = !after_backslash && (matches!(letter, '=' | ':') || is_blank(letter));
        after_backslash = letter == '\\' && !after_backslash;
        ends
    };
    let (key, rest) = line.split_at(line.find(is_end).unwrap_or(line.len()));
    let rest = rest.trim_start_matches(is_blank);
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, value.trim_start_matches(is_blank))
}

/// Replaces escapes. Works on UTF-16, as Java does, since two `\uXXXX` escapes can be one character.
fn unescape(text: &str, line: usize) -> Result<String, EscapeError> {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let plain = match (letter, if letter == '\\' { letters.next() } else { None }) {
            ('\\', Some('n')) => '\n',
            ('\\', Some('t')) => '\t',
            ('\\', Some('r')) => '\r',
            ('\\', Some('f')) => '\x0c',
            ('\\', Some('u')) => {
                units.push(code_unit(&mut letters).ok_or(EscapeError::Malformed { line })?);
                continue;
            }
            ('\\', Some(other)) => other,
            (other, _) => other,
        };
        units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16(&units).map_err(|_| EscapeError::UnpairedSurrogate { line })
}

/// Consumes four hexadecimal digits.
fn code_unit(letters: &mut Chars<'_>) -> Option<u16> {
    (0..4).try_fold(0, |unit, _| {
        let digit = letters.next()?.to_digit(16)?;
        Some(unit << 4 | digit as u16)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    /// A line of `testdata/properties.jsonl`: a properties file, and the pairs that Java reads from it or its error.
    #[derive(Deserialize)]
    struct Line {
        text: String,
        java: Java,
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Java {
        Pairs(BTreeMap<String, String>),
        Error(String),
    }

    #[test]
    fn every_line_is_read_as_java_reads_it() {
        let mut lines = 0;
        for line in include_str!("testdata/properties.jsonl").lines() {
            let Line { text, java } = serde_json::from_str(line).expect("a line of the table");
            let parsed = parse(&text).map(BTreeMap::from_iter);
            match java {
                Java::Pairs(pairs) => assert_eq!(parsed, Ok(pairs), "{text:?}"),
                Java::Error(error) if error == "unpaired surrogate" => {
                    assert_eq!(parsed, Err(EscapeError::UnpairedSurrogate { line: 1 }), "{text:?}");
                }
                Java::Error(_) => assert_eq!(parsed, Err(EscapeError::Malformed { line: 1 }), "{text:?}"),
            }
            lines += 1;
        }
        assert!(lines > 100, "{lines}");
    }

    #[test]
    fn the_syntax_of_properties_is_read() {
        let text = "# comment\n! another\n\n a = b=c\r\nd: e\nlong=one,\\\n    two\nempty=\nslash=a\\\\b\\=c\nword\n";
        let pairs = [("a", "b=c"), ("d", "e"), ("long", "one,two"), ("empty", ""), ("slash", "a\\b=c"), ("word", "")];
        assert_eq!(parse(text), Ok(pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec()));
    }

    #[test]
    fn an_error_names_the_line() {
        assert_eq!(parse("a=1\nb=\\u12"), Err(EscapeError::Malformed { line: 2 }));
        assert_eq!(parse("# comment\\\r\n\n\ra=1\\\n 2\nb=\\u12"), Err(EscapeError::Malformed { line: 6 }));
    }

    #[test]
    fn latin_1_is_read_if_the_file_is_not_utf_8() {
        assert_eq!(decode(b"password=\xfc\x80".to_vec()), "password=\u{fc}\u{80}");
        assert_eq!(decode("password=ü".into()), "password=ü");
        assert_eq!(decode("\u{feff}password=ü".into()), "password=ü");
    }

    proptest! {
        #[test]
        fn no_text_causes_a_panic(text in "(\\PC|[ \t\r\n\\\\=:#!u0d]){0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn any_value_survives_escaping(value in any::<String>()) {
            let escaped: String = value.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            prop_assert_eq!(parse(&format!("key={escaped}")), Ok(vec![("key".to_owned(), value)]));
        }
    }
}
