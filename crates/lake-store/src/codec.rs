//! Decodes objects with the codec that their names indicate.

use std::io::{self, Read as _};

use lake_format::codec::Codec;

/// Decodes a whole object. A truncated object is an error; part of its text is never returned.
///
/// # Errors
/// If the bytes are truncated, cannot be decompressed with this codec, or are not UTF-8.
pub fn text(codec: Codec, bytes: &[u8]) -> io::Result<String> {
    let mut text = String::new();
    codec.reader(bytes)?.read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{gzip, zstd};

    #[test]
    fn concatenated_members_and_frames_are_all_decoded() {
        let gz = [gzip("a\n"), gzip("b\n")].concat();
        assert_eq!(text(Codec::Gzip, &gz).unwrap(), "a\nb\n");
        let zst = [zstd("a\n"), zstd("b\n")].concat();
        assert_eq!(text(Codec::Zstd, &zst).unwrap(), "a\nb\n");
    }

    #[test]
    fn truncated_object_is_an_error() {
        let lines: String = (0..500).map(|n| format!("{{\"n\":{n}}}\n")).collect();
        for (codec, bytes) in [(Codec::Gzip, gzip(&lines)), (Codec::Zstd, zstd(&lines))] {
            assert_eq!(text(codec, &bytes).unwrap(), lines);
            for end in 0..bytes.len() {
                assert!(text(codec, &bytes[..end]).is_err(), "{codec:?} cut at {end}");
            }
        }
    }

    #[test]
    fn garbage_after_the_last_member_is_an_error() {
        let gz = [gzip("a\n"), b"garbage".to_vec()].concat();
        assert!(text(Codec::Gzip, &gz).is_err());
        let zst = [zstd("a\n"), b"garbage".to_vec()].concat();
        assert!(text(Codec::Zstd, &zst).is_err());
    }
}
