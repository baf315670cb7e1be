//! Readers that decompress records.
//!
//! Snappy comes in two formats: librdkafka sends raw Snappy, and Java and most other clients send the block format of
//! snappy-java. The block format begins with a magic and two version numbers; each block follows its length.

use std::io::{self, BufRead, BufReader, Read};

use super::{WithReader, invalid};
use crate::batch::{BatchHeader, Compression};

const SNAPPY_JAVA_MAGIC: &[u8] = b"\x82SNAPPY\0";
const SNAPPY_JAVA_HEADER_LEN: usize = 16;

pub(super) fn with_reader(header: &BatchHeader, records: &[u8], run: impl WithReader) -> io::Result<()> {
    match header.compression() {
        Ok(Compression::None) => run.run(records),
        Ok(Compression::Gzip) => run.run(BufReader::new(flate2::bufread::MultiGzDecoder::new(records))),
        Ok(Compression::Snappy) => run.run(Snappy::new(records)),
        Ok(Compression::Lz4) => run.run(BufReader::new(lz4_flex::frame::FrameDecoder::new(records))),
        Ok(Compression::Zstd) => run.run(BufReader::new(zstd::stream::read::Decoder::with_buffer(records)?)),
        Err(_) => Err(invalid("the compression type is unknown")),
    }
}

/// A reader that decompresses one Snappy block at a time.
struct Snappy<'a> {
    compressed: &'a [u8],
    blocks: bool,
    block: Vec<u8>,
    position: usize,
}

impl<'a> Snappy<'a> {
    fn new(compressed: &'a [u8]) -> Snappy<'a> {
        let blocks = compressed.starts_with(SNAPPY_JAVA_MAGIC) && compressed.len() >= SNAPPY_JAVA_HEADER_LEN;
        let compressed = if blocks { &compressed[SNAPPY_JAVA_HEADER_LEN..] } else { compressed };
        Snappy { compressed, blocks, block: Vec::new(), position: 0 }
    }

    fn next_block(&mut self) -> io::Result<()> {
        let block = if self.blocks {
            let (length, rest) = self.compressed.split_first_chunk().ok_or(io::ErrorKind::UnexpectedEof)?;
            let length = u32::from_be_bytes(*length) as usize;
            let (block, rest) = rest.split_at_checked(length).ok_or(io::ErrorKind::UnexpectedEof)?;
            self.compressed = rest;
            block
        } else {
            std::mem::take(&mut self.compressed)
        };
        // Three bytes expand to 64 at most. The check prevents a large allocation for a small block that claims it.
        if snap::raw::decompress_len(block)? > block.len().saturating_mul(22) {
            return Err(invalid("a Snappy block claims an impossible length"));
        }
        self.block = snap::raw::Decoder::new().decompress_vec(block)?;
        self.position = 0;
        Ok(())
    }
}

impl Read for Snappy<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let copied = self.fill_buf()?.read(buffer)?;
        self.consume(copied);
        Ok(copied)
    }
}

impl BufRead for Snappy<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.position == self.block.len() && !self.compressed.is_empty() {
            self.next_block()?;
        }
        Ok(&self.block[self.position..])
    }

    fn consume(&mut self, amount: usize) {
        self.position += amount;
    }
}
