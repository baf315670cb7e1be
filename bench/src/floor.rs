//! The work that no sink can avoid: decoding the values and compressing the lines.

use std::io::{self, Write};

use base64_simd::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use lambda_kafka_event::{Event, Payload};

/// A compressor with its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// gzip by `zlib-rs`.
    Gzip(u32),
    /// gzip by `libdeflate`.
    Deflate(i32),
    /// zstd by the reference library.
    Zstd(i32),
}

impl Level {
    /// Compresses all lines at once.
    ///
    /// # Errors
    /// If the compressor fails, or does not support the level.
    pub fn compress(self, lines: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Level::Gzip(level) => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
                encoder.write_all(lines)?;
                encoder.finish()
            }
            Level::Deflate(level) => {
                let level = libdeflater::CompressionLvl::new(level).map_err(|_| io::ErrorKind::InvalidInput)?;
                let mut compressor = libdeflater::Compressor::new(level);
                let mut object = vec![0; compressor.gzip_compress_bound(lines.len())];
                let length = compressor.gzip_compress(lines, &mut object).map_err(io::Error::other)?;
                object.truncate(length);
                Ok(object)
            }
            Level::Zstd(level) => zstd::bulk::compress(lines, level),
        }
    }

    /// Returns the names of the codec and the library, and the level.
    pub fn names(self) -> (&'static str, i64) {
        match self {
            Level::Gzip(level) => ("gzip, zlib-rs", level.into()),
            Level::Deflate(level) => ("gzip, libdeflate", level.into()),
            Level::Zstd(level) => ("zstd", level.into()),
        }
    }
}

/// Returns the values of an event, still in base64.
///
/// # Errors
/// If the text is not an event.
pub fn values(event: &str) -> anyhow::Result<Vec<String>> {
    let event = Event::parse(event)?;
    let values = event.records.iter().filter_map(|record| match &record.value {
        Payload::Base64(text) => Some(String::from_utf8_lossy(text).into_owned()),
        Payload::Absent | Payload::Json(_) => None,
    });
    Ok(values.collect())
}

/// Decodes each value into the same buffer, and returns the number of decoded bytes.
///
/// # Errors
/// If a value is not base64.
pub fn decode(values: &[String], decoded: &mut Vec<u8>) -> anyhow::Result<usize> {
    let mut bytes = 0;
    for value in values {
        decoded.clear();
        STANDARD.decode_append(value, decoded)?;
        bytes += decoded.len();
    }
    Ok(bytes)
}
