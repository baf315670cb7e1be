//! What separates the columns of a file.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// One ASCII character that separates columns; a comma unless told otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiter(u8);

/// Why something cannot separate columns.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DelimiterError {
    /// Nothing, several characters, or one that is no ASCII.
    #[error("`{0}` is not one ASCII character; give one such as ';' or '|', or `tab`")]
    NotOne(String),
    /// A character that stands in cells, or around them.
    #[error("{0:?} cannot separate columns; give one such as ';' or '|', or `tab`")]
    Unfit(char),
}

impl Delimiter {
    /// The comma.
    pub const COMMA: Self = Self(b',');

    /// The delimiters in use, as a guess may take them.
    const USUAL: [Self; 4] = [Self::COMMA, Self(b';'), Self(b'\t'), Self(b'|')];

    /// The delimiter's byte.
    #[must_use]
    pub fn byte(self) -> u8 {
        self.0
    }

    /// The usual delimiter, other than this one, that `line` holds most of.
    #[must_use]
    pub fn instead(self, line: &str) -> Option<Self> {
        let count = |delimiter: &Self| line.bytes().filter(|&byte| byte == delimiter.0).count();
        Self::USUAL.into_iter().filter(|other| *other != self && count(other) > 0).max_by_key(count)
    }
}

impl Default for Delimiter {
    fn default() -> Self {
        Self::COMMA
    }
}

impl FromStr for Delimiter {
    type Err = DelimiterError;

    fn from_str(text: &str) -> Result<Self, DelimiterError> {
        let byte = match text.as_bytes() {
            b"tab" | b"\\t" => b'\t',
            [byte] if byte.is_ascii() => *byte,
            _ => return Err(DelimiterError::NotOne(text.to_owned())),
        };
        match byte {
            b'"' | b'\r' | b'\n' => Err(DelimiterError::Unfit(byte.into())),
            // Dates and prices are made of these.
            b'-' | b'+' | b'.' => Err(DelimiterError::Unfit(byte.into())),
            _ if byte.is_ascii_alphanumeric() => Err(DelimiterError::Unfit(byte.into())),
            byte => Ok(Self(byte)),
        }
    }
}

/// As a shell takes it.
impl fmt::Display for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            b'\t' => f.write_str("tab"),
            b'\'' => f.write_str("\"'\""),
            byte if byte.is_ascii_graphic() || byte == b' ' => write!(f, "'{}'", char::from(byte)),
            byte => write!(f, "$'\\x{byte:02x}'"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delimiter_is_one_character_or_the_word_for_a_tab() {
        for (text, byte) in [(";", b';'), ("|", b'|'), (",", b','), (" ", b' '), ("\u{1}", 1)] {
            assert_eq!(text.parse(), Ok(Delimiter(byte)), "{text}");
        }
        for text in ["tab", "\\t", "\t"] {
            assert_eq!(text.parse(), Ok(Delimiter(b'\t')), "{text}");
        }
        for text in ["", ";;", "§", "\\n", "TAB"] {
            assert_eq!(text.parse::<Delimiter>(), Err(DelimiterError::NotOne(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn what_cells_are_made_of_separates_none() {
        for text in ["\"", "\n", "\r", "a", "Z", "0", "-", "+", "."] {
            assert!(matches!(text.parse::<Delimiter>(), Err(DelimiterError::Unfit(_))), "{text}");
        }
    }

    #[test]
    fn the_guess_is_what_the_line_holds_most_of() {
        let guess = |line| Delimiter::COMMA.instead(line).map(|other| other.to_string());
        assert_eq!(guess("Symbol;Date;High|Low").as_deref(), Some("';'"));
        assert_eq!(guess("Symbol\tDate").as_deref(), Some("tab"));
        assert_eq!(guess("Symbol|Date").as_deref(), Some("'|'"));
        assert_eq!(guess("Symbol"), None);
        assert_eq!(guess("Symbol,Date"), None);
        assert_eq!(Delimiter(b';').instead("Symbol,Date"), Some(Delimiter::COMMA));
    }
}
