//! From an object's bytes to its text.

use std::io::{self, BufRead, BufReader};

pub(super) use lake_format::codec::Codec;

/// What the SQL engine reads of an object.
pub(super) trait Text: Sized {
    /// The codec of an object of this name, if it is one that the sink writes.
    fn of(name: &str) -> Option<Self>;

    /// The whole text. Bytes that end too early are an error, never less text.
    fn text(self, bytes: &[u8]) -> io::Result<String>;

    /// The first line of an object's bytes. Where they are not `whole`, only its beginning, they
    /// may end before the line does: `None`.
    fn first_line(self, bytes: &[u8], whole: bool) -> io::Result<Option<String>>;
}

impl Text for Codec {
    fn of(name: &str) -> Option<Self> {
        let is_of = |codec: &Codec| name.strip_suffix(codec.extension()).is_some_and(|stem| stem.ends_with('.'));
        [Codec::None, Codec::Gzip, Codec::Zstd].into_iter().find(is_of)
    }

    fn text(self, bytes: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        self.reader(bytes)?.read_to_string(&mut text)?;
        Ok(text)
    }

    fn first_line(self, bytes: &[u8], whole: bool) -> io::Result<Option<String>> {
        let mut line = String::new();
        BufReader::new(self.reader(bytes)?).read_line(&mut line)?;
        Ok((whole || line.ends_with('\n')).then_some(line))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{gzip, zstd};
    use super::*;

    #[test]
    fn the_name_says_the_codec() {
        assert_eq!(Codec::of("a.json"), Some(Codec::None));
        assert_eq!(Codec::of("a.json.gz"), Some(Codec::Gzip));
        assert_eq!(Codec::of("a.json.zst"), Some(Codec::Zstd));
        assert_eq!(Codec::of("a.csv"), None);
        assert_eq!(Codec::of("a.gz"), None);
    }

    #[test]
    fn members_and_frames_follow_each_other() {
        let gz = [gzip("a\n"), gzip("b\n")].concat();
        assert_eq!(Codec::Gzip.text(&gz).unwrap(), "a\nb\n");
        let zst = [zstd("a\n"), zstd("b\n")].concat();
        assert_eq!(Codec::Zstd.text(&zst).unwrap(), "a\nb\n");
    }

    #[test]
    fn a_cut_anywhere_is_an_error() {
        let text: String = (0..500).map(|n| format!("{{\"n\":{n}}}\n")).collect();
        for (codec, bytes) in [(Codec::Gzip, gzip(&text)), (Codec::Zstd, zstd(&text))] {
            assert_eq!(codec.text(&bytes).unwrap(), text);
            for end in 0..bytes.len() {
                assert!(codec.text(&bytes[..end]).is_err(), "{codec:?} cut at {end}");
            }
        }
    }

    #[test]
    fn rubbish_behind_the_last_member_is_an_error() {
        let gz = [gzip("a\n"), b"rubbish".to_vec()].concat();
        assert!(Codec::Gzip.text(&gz).is_err());
        let zst = [zstd("a\n"), b"rubbish".to_vec()].concat();
        assert!(Codec::Zstd.text(&zst).is_err());
    }

    #[test]
    fn a_first_line_needs_no_more_than_its_own_bytes() {
        let text = format!("first\n{}", "second ".repeat(50_000));
        let first = |bytes, whole| Codec::None.first_line(bytes, whole).unwrap();
        assert_eq!(first(&text.as_bytes()[..10], false).unwrap(), "first\n");
        assert_eq!(first(b"fir", false), None);
        assert_eq!(first(b"fir", true).unwrap(), "fir");
        let zst = zstd(&text);
        let line = Codec::Zstd.first_line(&zst[..zst.len() - 1], false);
        assert_eq!(line.unwrap().unwrap(), "first\n");
    }
}
