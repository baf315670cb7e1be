//! Keys as text in a listing: encoded as in URLs, and as continuation tokens.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::{S3Error, S3ErrorCode, S3Result};

use crate::objects::hex;

/// Bytes to encode in a key: all but letters, digits and `-._~/`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Encodes a key as in a URL.
pub(super) fn encoded(key: &str) -> String {
    utf8_percent_encode(key, ENCODED).to_string()
}

/// Encodes a key as a continuation token, which XML and URLs can contain.
pub(super) fn token(key: &str) -> String {
    hex(key.as_bytes())
}

/// Decodes a continuation token.
pub(super) fn parse_token(token: &str) -> S3Result<String> {
    let key = hex_simd::decode_to_vec(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
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
