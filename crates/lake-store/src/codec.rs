//! Decodes objects with the codec that their names indicate.

use std::io::{self, BufRead, BufReader, Read as _};

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

/// Decodes an object's first line from the first bytes of the object. `whole` means that `bytes` is the entire object,
/// whose last line may lack a line feed. Returns `None` if the first line of an uncompressed object is incomplete.
///
/// # Errors
/// If the bytes cannot be decompressed with this codec or are not UTF-8, or if the bytes of a compressed object end
/// within the first line.
pub fn first_line(codec: Codec, bytes: &[u8], whole: bool) -> io::Result<Option<String>> {
    let mut line = String::new();
    BufReader::new(codec.reader(bytes)?).read_line(&mut line)?;
    Ok((whole || line.ends_with('\n')).then_some(line))
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

    #[test]
    fn first_line_needs_only_its_own_bytes() {
        let text = format!("first\n{}", "second ".repeat(50_000));
        let first = |bytes, whole| first_line(Codec::None, bytes, whole).unwrap();
        assert_eq!(first(&text.as_bytes()[..10], false).unwrap(), "first\n");
        assert_eq!(first(b"fir", false), None);
        assert_eq!(first(b"fir", true).unwrap(), "fir");
        let zst = zstd(&text);
        let line = first_line(Codec::Zstd, &zst[..zst.len() - 1], false);
        assert_eq!(line.unwrap().unwrap(), "first\n");
    }
}
