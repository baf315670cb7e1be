//! How an object is compressed.

use std::io::{self, Read, Write};
use std::str::FromStr;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

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

/// zlib-rs at level 1 takes half the time of level 3 and a third more bytes; at 6, four times the time.
const GZIP_LEVEL: u32 = 2;
/// Hardly slower than level 1, and three quarters of its size.
const ZSTD_LEVEL: i32 = 3;

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

    /// Begins an object.
    ///
    /// # Errors
    /// Only when the codec cannot get memory.
    pub fn encoder(self) -> io::Result<Encoder> {
        Ok(Encoder(match self {
            Codec::Gzip => Inner::Gzip(GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL))),
            Codec::Zstd => Inner::Zstd(zstd::Encoder::new(Vec::new(), ZSTD_LEVEL)?),
            Codec::None => Inner::None(Vec::new()),
        }))
    }

    /// An object of these lines.
    ///
    /// # Errors
    /// Only when the codec cannot get memory.
    pub fn encode<'l>(self, lines: impl Iterator<Item = &'l [u8]>) -> io::Result<Vec<u8>> {
        let mut encoder = self.encoder()?;
        for line in lines {
            encoder.write(line)?;
        }
        encoder.finish()
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

/// An object in the making.
pub struct Encoder(Inner);

enum Inner {
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::Encoder<'static, Vec<u8>>),
    None(Vec<u8>),
}

impl Encoder {
    /// Adds bytes.
    ///
    /// # Errors
    /// Only when the codec cannot get memory.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.0 {
            Inner::Gzip(encoder) => encoder.write_all(bytes),
            Inner::Zstd(encoder) => encoder.write_all(bytes),
            Inner::None(out) => out.write_all(bytes),
        }
    }

    /// Ends the object and gives its bytes.
    ///
    /// # Errors
    /// Only when the codec cannot get memory.
    pub fn finish(self) -> io::Result<Vec<u8>> {
        match self.0 {
            Inner::Gzip(encoder) => encoder.finish(),
            Inner::Zstd(encoder) => encoder.finish(),
            Inner::None(out) => Ok(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_codec_gives_back_what_was_written_and_the_same_bytes_each_time() {
        let lines: Vec<String> = (0..10_000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
        for codec in [Codec::Gzip, Codec::Zstd, Codec::None] {
            let encode = || {
                let mut encoder = codec.encoder().unwrap();
                lines.iter().for_each(|line| encoder.write(line.as_bytes()).unwrap());
                encoder.finish().unwrap()
            };
            let object = encode();
            assert_eq!(codec.decode(&object).unwrap(), lines.concat().as_bytes());
            assert_eq!(object, encode(), "an object is a pure function of its records");
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
