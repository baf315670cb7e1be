//! The character that separates the columns of a file.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// One ASCII character that separates columns; a comma by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiter(u8);

/// Error returned when a string is not a usable delimiter.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DelimiterError {
    /// The string does not consist of exactly one ASCII character.
    #[error("`{0}` is not one ASCII character; use one such as ';' or '|', or `tab`")]
    NotOneCharacter(String),
    /// The character is a double quote or a line break, or occurs in symbols, dates and numbers.
    #[error("{0:?} cannot separate columns; use a character such as ';' or '|', or `tab`")]
    Unsuitable(char),
}

impl Delimiter {
    /// Default delimiter.
    pub const COMMA: Self = Self(b',');

    /// Delimiters that the producer tries on a file.
    pub(crate) const COMMON: [Self; 4] = [Self::COMMA, Self(b';'), Self(b'\t'), Self(b'|')];

    #[must_use]
    pub(crate) fn byte(self) -> u8 {
        self.0
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
            _ => return Err(DelimiterError::NotOneCharacter(text.to_owned())),
        };
        match byte {
            b'"' | b'\r' | b'\n' => Err(DelimiterError::Unsuitable(byte.into())),
            // Dates and numbers contain these.
            b'-' | b'+' | b'.' => Err(DelimiterError::Unsuitable(byte.into())),
            _ if byte.is_ascii_alphanumeric() => Err(DelimiterError::Unsuitable(byte.into())),
            byte => Ok(Self(byte)),
        }
    }
}

/// Formats the delimiter as a shell argument.
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
    fn a_delimiter_is_one_character_or_the_word_tab() {
        for (text, byte) in [(";", b';'), ("|", b'|'), (",", b','), (" ", b' '), ("\u{1}", 1)] {
            assert_eq!(text.parse(), Ok(Delimiter(byte)), "{text}");
        }
        for text in ["tab", "\\t", "\t"] {
            assert_eq!(text.parse(), Ok(Delimiter(b'\t')), "{text}");
        }
        for text in ["", ";;", "§", "\\n", "TAB"] {
            assert_eq!(text.parse::<Delimiter>(), Err(DelimiterError::NotOneCharacter(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn characters_of_cells_are_unsuitable() {
        for text in ["\"", "\n", "\r", "a", "Z", "0", "-", "+", "."] {
            assert!(matches!(text.parse::<Delimiter>(), Err(DelimiterError::Unsuitable(_))), "{text}");
        }
    }
}
