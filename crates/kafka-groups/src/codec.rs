//! Encoding of events for the broker's journals.
//!
//! ```text
//!   format: u8 = 1 | kind: u8 | fields
//! ```
//!
//! Numbers are big-endian. Texts (UTF-8) and bytes are preceded by their length in bytes (u32).

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::topic_partition::TopicPartition;

/// The format that this version writes, and the only one that it reads.
const FORMAT: u8 = 1;

/// A journal entry that this version cannot read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("the entry ends early")]
    Truncated,
    #[error("unexpected data after the end of the entry (length in bytes: {0})")]
    TrailingBytes(usize),
    #[error("unknown format {0}; the journal was written by a newer version")]
    UnknownFormat(u8),
    #[error("unknown kind of entry {0}")]
    UnknownKind(u8),
    #[error("unknown transaction state {0}")]
    UnknownState(u8),
    #[error("a text is not valid UTF-8")]
    InvalidText,
}

pub(crate) struct Encoder<'a>(&'a mut Vec<u8>);

impl<'a> Encoder<'a> {
    pub(crate) fn new(bytes: &'a mut Vec<u8>, kind: u8) -> Self {
        bytes.extend([FORMAT, kind]);
        Encoder(bytes)
    }

    pub(crate) fn u8(&mut self, number: u8) -> &mut Self {
        self.0.push(number);
        self
    }

    pub(crate) fn i16(&mut self, number: i16) -> &mut Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(crate) fn i32(&mut self, number: i32) -> &mut Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(crate) fn i64(&mut self, number: i64) -> &mut Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(crate) fn u64(&mut self, number: u64) -> &mut Self {
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(crate) fn bool(&mut self, value: bool) -> &mut Self {
        self.u8(u8::from(value))
    }

    /// Writes a length. A request is at most 100 MiB, so no length reaches the limit of 4 GiB.
    pub(crate) fn length(&mut self, length: usize) -> &mut Self {
        self.0.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        self
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.length(text.len());
        self.0.extend(text.as_bytes());
        self
    }

    pub(crate) fn optional_text(&mut self, text: Option<&str>) -> &mut Self {
        self.bool(text.is_some());
        match text {
            Some(text) => self.text(text),
            None => self,
        }
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.length(bytes.len());
        self.0.extend(bytes);
        self
    }

    pub(crate) fn partition(&mut self, partition: &TopicPartition) -> &mut Self {
        self.text(&partition.topic).i32(partition.partition)
    }

    pub(crate) fn partitions(&mut self, partitions: &BTreeSet<TopicPartition>) -> &mut Self {
        self.length(partitions.len());
        for partition in partitions {
            self.partition(partition);
        }
        self
    }
}

pub(crate) struct Decoder<'a>(&'a [u8]);

impl<'a> Decoder<'a> {
    /// Reads the format and returns the kind.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<(Self, u8), DecodeError> {
        let mut decoder = Decoder(bytes);
        match decoder.u8()? {
            FORMAT => {
                let kind = decoder.u8()?;
                Ok((decoder, kind))
            }
            format => Err(DecodeError::UnknownFormat(format)),
        }
    }

    /// Verifies that the whole entry has been read.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, DecodeError> {
        if self.0.is_empty() { Ok(value) } else { Err(DecodeError::TrailingBytes(self.0.len())) }
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (chunk, rest) = self.0.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(*chunk)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        self.chunk::<1>().map(|[byte]| byte)
    }

    pub(crate) fn i16(&mut self) -> Result<i16, DecodeError> {
        self.chunk().map(i16::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, DecodeError> {
        self.chunk().map(i32::from_be_bytes)
    }

    pub(crate) fn i64(&mut self) -> Result<i64, DecodeError> {
        self.chunk().map(i64::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, DecodeError> {
        self.chunk().map(u64::from_be_bytes)
    }

    pub(crate) fn bool(&mut self) -> Result<bool, DecodeError> {
        self.u8().map(|byte| byte != 0)
    }

    pub(crate) fn length(&mut self) -> Result<u32, DecodeError> {
        self.chunk().map(u32::from_be_bytes)
    }

    fn sized(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = usize::try_from(self.length()?).map_err(|_| DecodeError::Truncated)?;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(DecodeError::Truncated)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(crate) fn text(&mut self) -> Result<String, DecodeError> {
        std::str::from_utf8(self.sized()?).map(str::to_owned).map_err(|_| DecodeError::InvalidText)
    }

    pub(crate) fn optional_text(&mut self) -> Result<Option<String>, DecodeError> {
        if self.bool()? { self.text().map(Some) } else { Ok(None) }
    }

    pub(crate) fn bytes(&mut self) -> Result<Bytes, DecodeError> {
        self.sized().map(Bytes::copy_from_slice)
    }

    pub(crate) fn partition(&mut self) -> Result<TopicPartition, DecodeError> {
        Ok(TopicPartition { topic: self.text()?, partition: self.i32()? })
    }

    pub(crate) fn partitions(&mut self) -> Result<BTreeSet<TopicPartition>, DecodeError> {
        (0..self.length()?).map(|_| self.partition()).collect()
    }
}
