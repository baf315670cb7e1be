//! Compresses and decompresses objects, and detects the codec of an object from its key.

use std::io::{self, Read};
use std::str::FromStr;

use flate2::read::MultiGzDecoder;
use libdeflater::{CompressionLvl, Compressor};

/// A compression format that Athena recognises by the extension of an object's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// `.json.gz`
    Gzip,
    /// `.json.zst`
    Zstd,
    /// `.json`, uncompressed.
    None,
}

/// Compression level of libdeflate, which takes half as long as zlib for the same size. Level 4 makes objects a tenth
/// larger, and level 6 takes a third longer. The program `codecs` of the crate `bench` measures both.
pub const GZIP_LEVEL: i32 = 5;
/// Compression level of zstd. Levels 2 to 5 search for more distant matches, which rows of prices rarely have. These
/// levels take longer and make objects larger.
pub const ZSTD_LEVEL: i32 = 1;

/// Error returned when a string is not the name of a [`Codec`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected gzip, zstd or none")]
pub struct UnknownCodec;

impl Codec {
    const ALL: [Codec; 3] = [Codec::Gzip, Codec::Zstd, Codec::None];

    /// Detects the codec of an object from its key, or from the file name alone. Returns `None` if the key does not end
    /// in an extension that the sink writes.
    pub fn from_key(key: &str) -> Option<Self> {
        let name = key.rsplit('/').next().unwrap_or(key);
        let has_extension =
            |codec: &Codec| name.strip_suffix(codec.extension()).is_some_and(|stem| stem.ends_with('.'));
        Codec::ALL.into_iter().find(has_extension)
    }

    /// Returns the extension of object keys, without the leading dot.
    pub fn extension(self) -> &'static str {
        match self {
            Codec::Gzip => "json.gz",
            Codec::Zstd => "json.zst",
            Codec::None => "json",
        }
    }

    /// Returns the value of `SINK_COMPRESSION` for this codec.
    pub fn name(self) -> &'static str {
        match self {
            Codec::Gzip => "gzip",
            Codec::Zstd => "zstd",
            Codec::None => "none",
        }
    }

    /// Compresses lines into an object. The same lines always give the same bytes.
    ///
    /// # Errors
    /// If the codec fails to allocate memory.
    pub fn encode(self, lines: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Codec::Gzip => gzip(lines),
            Codec::Zstd => zstd::bulk::compress(lines, ZSTD_LEVEL),
            Codec::None => Ok(lines.to_vec()),
        }
    }

    /// Decompresses a whole object.
    ///
    /// # Errors
    /// If the object is not compressed with this codec, is damaged or is truncated.
    pub fn decode(self, object: &[u8]) -> io::Result<Vec<u8>> {
        let mut lines = Vec::new();
        self.reader(object)?.read_to_end(&mut lines)?;
        Ok(lines)
    }

    /// Returns a reader that decompresses an object as a stream. The caller can thus limit the size of an object that
    /// the sink did not write.
    ///
    /// # Errors
    /// If the codec fails to allocate memory.
    pub fn reader(self, object: &[u8]) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Codec::Gzip => Box::new(MultiGzDecoder::new(object)),
            Codec::Zstd => Box::new(zstd::Decoder::with_buffer(object)?),
            Codec::None => Box::new(object),
        })
    }
}

impl FromStr for Codec {
    type Err = UnknownCodec;

    fn from_str(name: &str) -> Result<Self, UnknownCodec> {
        Codec::ALL.into_iter().find(|codec| codec.name() == name).ok_or(UnknownCodec)
    }
}

fn gzip(lines: &[u8]) -> io::Result<Vec<u8>> {
    let level = CompressionLvl::new(GZIP_LEVEL).map_err(|error| io::Error::other(format!("{error:?}")))?;
    let mut compressor = Compressor::new(level);
    let mut object = vec![0; compressor.gzip_compress_bound(lines.len())];
    let length = compressor.gzip_compress(lines, &mut object).map_err(io::Error::other)?;
    object.truncate(length);
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codecs_round_trip_with_reproducible_bytes() {
        let lines: String = (0..10_000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
        for codec in Codec::ALL {
            let object = codec.encode(lines.as_bytes()).unwrap();
            assert_eq!(codec.decode(&object).unwrap(), lines.as_bytes());
            assert_eq!(object, codec.encode(lines.as_bytes()).unwrap(), "the same lines give the same object");
            assert_eq!(codec.decode(&codec.encode(b"").unwrap()).unwrap(), b"");
            assert_eq!(codec.name().parse(), Ok(codec));
            assert_eq!(Codec::from_key(&format!("00001-00000000000000000002.{}", codec.extension())), Some(codec));
            let cut = &object[..object.len() - 5];
            assert!(codec == Codec::None || codec.decode(cut).is_err(), "{codec:?} decodes a truncated object");
        }
    }

    #[test]
    fn key_decides_the_codec() {
        for (key, codec) in [
            ("data/quotes/dt=2026-11-21/00003-00000000000000000041.json.gz", Some(Codec::Gzip)),
            ("data/quotes/dt=2026-11-21/g2-00003-00000000000000000041.json.zst", Some(Codec::Zstd)),
            ("lake.v1/data/quotes.json/dt=2026-11-21/00003-00000000000000000041.json", Some(Codec::None)),
            ("a.json", Some(Codec::None)),
            ("a.json.gz", Some(Codec::Gzip)),
            ("a.b.json.zst", Some(Codec::Zstd)),
            ("a.csv", None),
            ("a.gz", None),
            ("ajson", None),
            ("a.JSON", None),
            ("a.json.gz/", None),
            ("data/quotes.json/a", None),
            ("", None),
        ] {
            assert_eq!(Codec::from_key(key), codec, "{key}");
        }
    }

    #[test]
    fn unknown_codec_lists_the_codecs() {
        assert_eq!("lz4".parse::<Codec>().unwrap_err().to_string(), "expected gzip, zstd or none");
    }
}
