//! Keys as text in a listing: encoded as in URLs, and as continuation tokens.

use std::fmt::Write as _;

use s3s::{S3Error, S3ErrorCode, S3Result};

use super::objects::hex;

/// Encodes a key as in a URL: everything but letters, digits and `-._~/`.
pub(super) fn encoded(key: &str) -> String {
    let mut text = String::with_capacity(key.len());
    for &byte in key.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

/// Encodes a key as a continuation token, which XML and URLs can contain.
pub(super) fn token(key: &str) -> String {
    hex(key.as_bytes())
}

pub(super) fn parse_token(token: &str) -> S3Result<String> {
    let digits = token.as_bytes().chunks(2).map(|pair| {
        let text = std::str::from_utf8(pair).ok().filter(|text| text.len() == 2)?;
        u8::from_str_radix(text, 16).ok()
    });
    let key = digits.collect::<Option<Vec<u8>>>().and_then(|bytes| String::from_utf8(bytes).ok());
    key.ok_or_else(|| {
        S3Error::with_message(S3ErrorCode::InvalidArgument, "The continuation token provided is incorrect")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_encoded_as_in_urls() {
        assert_eq!(encoded("pl/a b+ü%.json"), "pl/a%20b%2B%C3%BC%25.json");
    }

    #[test]
    fn tokens_are_keys() {
        assert_eq!(parse_token(&token("ä/b")).unwrap(), "ä/b");
        for wrong in ["1", "zz", "ff", "é"] {
            assert!(parse_token(wrong).is_err(), "{wrong}");
        }
    }
}
