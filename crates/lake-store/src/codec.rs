//! From an object's bytes to its text.

use std::io::{self, BufRead, BufReader, Read as _};

use lake_format::codec::Codec;

/// The whole text. Bytes that end too early are an error, never less text.
///
/// # Errors
/// When the bytes are not of this codec, or not UTF-8.
pub fn text(codec: Codec, bytes: &[u8]) -> io::Result<String> {
    let mut text = String::new();
    codec.reader(bytes)?.read_to_string(&mut text)?;
    Ok(text)
}

/// The first line of an object's bytes. Where they are not `whole`, only its beginning, they
/// may end before the line does: `None`.
///
/// # Errors
/// As [`text()`].
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
    fn members_and_frames_follow_each_other() {
        let gz = [gzip("a\n"), gzip("b\n")].concat();
        assert_eq!(text(Codec::Gzip, &gz).unwrap(), "a\nb\n");
        let zst = [zstd("a\n"), zstd("b\n")].concat();
        assert_eq!(text(Codec::Zstd, &zst).unwrap(), "a\nb\n");
    }

    #[test]
    fn a_cut_anywhere_is_an_error() {
        let lines: String = (0..500).map(|n| format!("{{\"n\":{n}}}\n")).collect();
        for (codec, bytes) in [(Codec::Gzip, gzip(&lines)), (Codec::Zstd, zstd(&lines))] {
            assert_eq!(text(codec, &bytes).unwrap(), lines);
            for end in 0..bytes.len() {
                assert!(text(codec, &bytes[..end]).is_err(), "{codec:?} cut at {end}");
            }
        }
    }

    #[test]
    fn rubbish_behind_the_last_member_is_an_error() {
        let gz = [gzip("a\n"), b"rubbish".to_vec()].concat();
        assert!(text(Codec::Gzip, &gz).is_err());
        let zst = [zstd("a\n"), b"rubbish".to_vec()].concat();
        assert!(text(Codec::Zstd, &zst).is_err());
    }

    #[test]
    fn a_first_line_needs_no_more_than_its_own_bytes() {
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
