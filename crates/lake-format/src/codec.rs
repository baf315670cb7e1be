//! How an object is compressed.

use std::io::{self, Read};
use std::str::FromStr;

use flate2::read::MultiGzDecoder;
use libdeflater::{CompressionLvl, Compressor};

/// A compression that Athena reads by the end of the object's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// `.json.gz`
    Gzip,
    /// `.json.zst`
    Zstd,
    /// `.json`, not compressed.
    None,
}

/// Of libdeflate's, which takes half the time of zlib's for the same bytes. Level 4 leaves a tenth more of them, level 6
/// takes a third more time; the crate `bench` measures it (`codecs`).
pub const GZIP_LEVEL: i32 = 5;
/// Rows of prices have few repeats that are far apart, which is what levels 2 to 5 look for: they take more time and
/// leave more bytes.
pub const ZSTD_LEVEL: i32 = 1;

impl Codec {
    /// What an object's name ends in.
    pub fn extension(self) -> &'static str {
        match self {
            Codec::Gzip => "json.gz",
            Codec::Zstd => "json.zst",
            Codec::None => "json",
        }
    }

    /// As `SINK_COMPRESSION` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Codec::Gzip => "gzip",
            Codec::Zstd => "zstd",
            Codec::None => "none",
        }
    }

    /// An object of these lines.
    ///
    /// # Errors
    /// Only when the codec cannot get memory.
    pub fn encode(self, lines: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Codec::Gzip => gzip(lines),
            Codec::Zstd => zstd::bulk::compress(lines, ZSTD_LEVEL),
            Codec::None => Ok(lines.to_vec()),
        }
    }

    /// The bytes of a whole object.
    ///
    /// # Errors
    /// When they are not of this codec, or cut short.
    pub fn decode(self, object: &[u8]) -> io::Result<Vec<u8>> {
        let mut lines = Vec::new();
        self.reader(object)?.read_to_end(&mut lines)?;
        Ok(lines)
    }

    /// Reads an object bit by bit, so that one that is not the sink's cannot fill the memory.
    ///
    /// # Errors
    /// Only when the codec cannot get memory.
    pub fn reader(self, object: &[u8]) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Codec::Gzip => Box::new(MultiGzDecoder::new(object)),
            Codec::Zstd => Box::new(zstd::Decoder::with_buffer(object)?),
            Codec::None => Box::new(object),
        })
    }
}

impl FromStr for Codec {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Codec::Gzip, Codec::Zstd, Codec::None].into_iter().find(|codec| codec.name() == text).ok_or(())
    }
}

/// What an object's name ends in decides; none where no codec is known by it.
pub fn by_name(name: &str) -> Option<Codec> {
    [Codec::Gzip, Codec::Zstd, Codec::None]
        .into_iter()
        .find(|codec| name.split_once('.').is_some_and(|(_, extension)| extension == codec.extension()))
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
    fn every_codec_gives_back_what_was_written_and_the_same_bytes_each_time() {
        let lines: String = (0..10_000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
        for codec in [Codec::Gzip, Codec::Zstd, Codec::None] {
            let object = codec.encode(lines.as_bytes()).unwrap();
            assert_eq!(codec.decode(&object).unwrap(), lines.as_bytes());
            assert_eq!(object, codec.encode(lines.as_bytes()).unwrap(), "an object is a pure function of its records");
            assert_eq!(codec.decode(&codec.encode(b"").unwrap()).unwrap(), b"");
            assert_eq!(codec.name().parse(), Ok(codec));
            assert_eq!(by_name(&format!("00001-00000000000000000002.{}", codec.extension())), Some(codec));
            let cut = &object[..object.len() - 5];
            assert!(
                codec == Codec::None || codec.decode(cut).is_err(),
                "{codec:?}: an object that is cut short is none"
            );
        }
    }
}
