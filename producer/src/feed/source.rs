//! One input, opened: its rows as records, rejects and blanks.

use std::io::{self, BufRead};
use std::sync::Arc;

use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::csv::header::{Header, HeaderError};
use crate::csv::row_reader::{Read, Row, RowReader};
use crate::encode::record_encoder::{Encoder, Quote, Reject};
use crate::feed::Feed;
use crate::feed::input::Input;
use crate::report::progress::Progress;

/// Why an input cannot be read.
#[derive(Debug, Error)]
pub enum SourceError {
    /// Reading failed.
    #[error("cannot be read: {0}")]
    Io(io::Error),
    /// The header line cannot be used.
    #[error(transparent)]
    Header(#[from] HeaderError),
}

/// Not as a source, which would be said twice.
impl From<io::Error> for SourceError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// What a row is.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    Quote { quote: Quote<'a>, line: u64 },
    Rejected { line: u64, reason: Reject, raw: &'a [u8] },
    Blank,
    End,
}

/// An input whose header has been read.
pub(crate) struct Source {
    rows: RowReader<Box<dyn BufRead + Send>>,
    row: Row,
    encoder: Encoder,
    header: Header,
}

impl Source {
    pub(crate) fn open(
        input: &Input,
        feed: &Feed,
        progress: &Arc<Progress>,
        shutdown: &CancellationToken,
    ) -> Result<Self, SourceError> {
        let mut rows = RowReader::new(input.open(progress, shutdown)?, feed.reading().delimiter);
        let mut row = Row::default();
        let header = loop {
            match rows.read(&mut row)? {
                Read::Row => break Header::parse(row.cells(), feed.reading())?,
                Read::Blank => {}
                Read::End => return Err(HeaderError::Empty.into()),
                Read::TooLong => {
                    return Err(HeaderError::Malformed(Reject::TooLong.to_string()).into());
                }
                Read::OpenQuote => {
                    return Err(HeaderError::Malformed(Reject::OpenQuote.to_string()).into());
                }
            }
        };
        let encoder = Encoder::new(&header, feed.reading());
        Ok(Self { rows, row, encoder, header })
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// The next row; a quote's JSON is written into `json`.
    pub(crate) fn next(&mut self, json: &mut Vec<u8>) -> io::Result<Step<'_>> {
        let read = self.rows.read(&mut self.row)?;
        let (line, raw) = (self.row.line(), self.row.raw());
        let reason = match read {
            Read::Row => match self.encoder.encode(&self.row, json) {
                Ok(quote) => return Ok(Step::Quote { quote, line }),
                Err(reason) => reason,
            },
            Read::Blank => return Ok(Step::Blank),
            Read::End => return Ok(Step::End),
            Read::TooLong => Reject::TooLong,
            Read::OpenQuote => Reject::OpenQuote,
        };
        Ok(Step::Rejected { line, reason, raw })
    }

    /// The last line's number, if the input ended in the middle of it.
    pub(crate) fn unended_line(&self) -> Option<u64> {
        self.rows.unended_line()
    }
}
