//! The records of a batch: framing and timestamps. Keys and values are skipped.
//!
//! ```text
//! length varint | attributes i8 | timestamp delta varlong | offset delta varint
//! | key length varint, key | value length varint, value
//! | header count varint, each: key length varint, key, value length varint, value
//! ```
//!
//! Records are read as a stream, so a batch that decompresses to gigabytes needs no memory for them.

mod decompress;
mod varint;

use std::io::{self, BufRead, Read as _};
use std::ops::ControlFlow;

use crate::batch::{BatchHeader, HEADER_LEN, TimestampType};

pub(crate) use varint::{read_varint, read_varlong, write_varint};

/// Maximum number of bytes of a batch's decompressed records. If the records do not end within them, the batch is
/// malformed. A compressed batch of a few kilobytes can contain far more, and reading it would take too long.
const MAX_DECOMPRESSED: u64 = 1 << 30;

/// The fields of a record that a log needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordInfo {
    pub(crate) offset_delta: i32,
    pub(crate) timestamp: i64,
    pub(crate) has_key: bool,
}

/// Calls `visit` with each record of `batch`, which must be exactly one batch with this header. Stops early if `visit`
/// breaks; otherwise verifies that the batch has as many records as its header says and that no bytes follow.
///
/// # Errors
/// If the records cannot be decompressed or are malformed ([`io::ErrorKind::InvalidData`]).
pub(crate) fn for_each_record(
    header: &BatchHeader,
    batch: &[u8],
    visit: impl FnMut(RecordInfo) -> ControlFlow<()>,
) -> io::Result<()> {
    decompress::with_reader(header, &batch[HEADER_LEN..], Scan { header, visit })
}

/// A computation over the decompressed records, generic over the decompressor.
trait WithReader {
    fn run(self, reader: impl BufRead) -> io::Result<()>;
}

struct Scan<'a, V> {
    header: &'a BatchHeader,
    visit: V,
}

impl<V: FnMut(RecordInfo) -> ControlFlow<()>> WithReader for Scan<'_, V> {
    fn run(mut self, reader: impl BufRead) -> io::Result<()> {
        let mut reader = reader.take(MAX_DECOMPRESSED);
        for _ in 0..self.header.record_count {
            if (self.visit)(read_record(&mut reader, self.header)?).is_break() {
                return Ok(());
            }
        }
        if !reader.fill_buf()?.is_empty() {
            return Err(invalid("bytes follow the last record"));
        }
        Ok(())
    }
}

fn read_record(reader: &mut impl BufRead, header: &BatchHeader) -> io::Result<RecordInfo> {
    let length = read_varint(reader)?;
    let length = u64::try_from(length).map_err(|_| invalid("the length of a record is negative"))?;
    let mut record = reader.take(length);
    let mut attributes = [0];
    record.read_exact(&mut attributes)?;
    let timestamp_delta = read_varlong(&mut record)?;
    let offset_delta = read_varint(&mut record)?;
    let has_key = skip_bytes(&mut record)?;
    skip_bytes(&mut record)?;
    let headers = read_varint(&mut record)?;
    if headers < 0 {
        return Err(invalid("the number of headers is negative"));
    }
    for _ in 0..headers {
        if !skip_bytes(&mut record)? {
            return Err(invalid("the key of a header is null"));
        }
        skip_bytes(&mut record)?;
    }
    if record.limit() != 0 {
        return Err(invalid("a record is shorter than its length"));
    }
    let timestamp = match header.timestamp_type() {
        TimestampType::CreateTime => header.base_timestamp.wrapping_add(timestamp_delta),
        TimestampType::LogAppendTime => header.max_timestamp,
    };
    Ok(RecordInfo { offset_delta, timestamp, has_key })
}

/// Skips a length and as many bytes. Returns `false` if the length is -1, which means null.
fn skip_bytes(reader: &mut impl BufRead) -> io::Result<bool> {
    let mut left = match read_varint(reader)? {
        -1 => return Ok(false),
        length => usize::try_from(length).map_err(|_| invalid("a length is negative"))?,
    };
    while left > 0 {
        let available = reader.fill_buf()?.len().min(left);
        if available == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        reader.consume(available);
        left -= available;
    }
    Ok(true)
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}
