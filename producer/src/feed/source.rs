//! Reads an opened input as records, rejected rows and blank lines.

use std::io::{self, BufRead};
use std::sync::Arc;

use thiserror::Error;
use tokio_util::sync::CancellationToken;

use super::input::Input;
use crate::csv::header::{Header, HeaderError};
use crate::csv::options::CsvOptions;
use crate::csv::row::Row;
use crate::csv::row_reader::{RowKind, RowReader};
use crate::encode::record_encoder::{Quote, RecordEncoder};
use crate::encode::reject::Reject;
use crate::report::progress::Progress;

/// Number of rows at the start of an input, at least one of which must have a readable date. Otherwise, reading stops
/// with an error.
const DATE_CHECK_ROWS: u64 = 100;

/// Error while reading an input.
#[derive(Debug, Error)]
#[error("{input}: {reason}")]
pub struct InputError {
    /// Name of the input for messages.
    pub input: String,
    /// Boxed to keep a `Result` small.
    #[source]
    pub reason: Box<SourceError>,
}

impl InputError {
    /// Returns `true` if reading failed, and `false` if the input's content is invalid.
    pub(crate) fn is_io(&self) -> bool {
        matches!(*self.reason, SourceError::Io(_))
    }
}

/// Reason that an input cannot be read.
#[derive(Debug, Error)]
pub enum SourceError {
    /// Reading failed.
    #[error("failed to read: {0}")]
    Io(#[from] io::Error),
    /// The header line cannot be used.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The dates have a different format than the one in use.
    #[error("none of the first {DATE_CHECK_ROWS} rows has a readable date; line {line}: {reason}")]
    UnreadableDates {
        /// The last line that was read.
        line: u64,
        /// Reason that the line was rejected.
        reason: Reject,
    },
}

/// Result of reading a row of an input.
#[derive(Debug)]
pub(crate) enum SourceRow<'a> {
    Quote { quote: Quote<'a>, line: u64 },
    Rejected { line: u64, reason: Reject, raw: &'a [u8] },
    Blank,
    End,
}

/// An input whose header has been read.
pub(crate) struct Source {
    name: String,
    rows: RowReader<Box<dyn BufRead + Send>>,
    row: Row,
    encoder: RecordEncoder,
    header: Header,
    date_check: DateCheck,
}

impl Source {
    /// Opens an input and reads its header.
    pub(crate) fn open(
        input: &Input,
        options: &CsvOptions,
        progress: &Arc<Progress>,
        shutdown: &CancellationToken,
    ) -> Result<Self, InputError> {
        Self::open_unnamed(input, options, progress, shutdown)
            .map_err(|reason| InputError { input: input.name(), reason: Box::new(reason) })
    }

    fn open_unnamed(
        input: &Input,
        options: &CsvOptions,
        progress: &Arc<Progress>,
        shutdown: &CancellationToken,
    ) -> Result<Self, SourceError> {
        let mut rows = RowReader::new(input.open(progress, shutdown)?, options.delimiter);
        let mut row = Row::default();
        let header = loop {
            match rows.read(&mut row)? {
                RowKind::Row => break Header::parse(row.cells(), options)?,
                RowKind::Blank => {}
                RowKind::End => return Err(HeaderError::Empty.into()),
                RowKind::TooLong => return Err(HeaderError::TooLong.into()),
                RowKind::OpenQuote => return Err(HeaderError::OpenQuote.into()),
            }
        };
        let encoder = RecordEncoder::new(&header, options);
        Ok(Self { name: input.name(), rows, row, encoder, header, date_check: DateCheck::default() })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn header(&self) -> &Header {
        &self.header
    }

    /// Reads the next row. The JSON of a quote is written to `json`.
    ///
    /// # Errors
    /// [`InputError`] if reading fails, or if none of the first [`DATE_CHECK_ROWS`] rows has a readable date.
    pub(crate) fn next(&mut self, json: &mut Vec<u8>) -> Result<SourceRow<'_>, InputError> {
        if let Some((line, reason)) = self.date_check.failure.take() {
            return Err(self.error(SourceError::UnreadableDates { line, reason }));
        }
        let kind = self.rows.read(&mut self.row).map_err(|error| self.error(error.into()))?;
        let (line, raw) = (self.row.line(), self.row.raw());
        let reason = match kind {
            RowKind::Row => match self.encoder.encode(&self.row, json) {
                Ok(quote) => {
                    self.date_check.quote();
                    return Ok(SourceRow::Quote { quote, line });
                }
                Err(reason) => reason,
            },
            RowKind::Blank => return Ok(SourceRow::Blank),
            RowKind::End => return Ok(SourceRow::End),
            RowKind::TooLong => Reject::TooLong,
            RowKind::OpenQuote => Reject::OpenQuote,
        };
        self.date_check.rejected(line, &reason);
        Ok(SourceRow::Rejected { line, reason, raw })
    }

    /// Returns the number of the last line if that line has no line ending.
    pub(crate) fn unended_line(&self) -> Option<u64> {
        self.rows.unended_line()
    }

    fn error(&self, reason: SourceError) -> InputError {
        InputError { input: self.name.clone(), reason: Box::new(reason) }
    }
}

/// Detects an input whose dates have a different format than the one in use.
#[derive(Debug, Default)]
struct DateCheck {
    rows: u64,
    unreadable: u64,
    /// Line and reason of the last checked row, if all dates were unreadable. The next call returns the error, so that
    /// this row is first reported as rejected.
    failure: Option<(u64, Reject)>,
}

impl DateCheck {
    fn quote(&mut self) {
        self.rows += 1;
    }

    fn rejected(&mut self, line: u64, reason: &Reject) {
        self.rows += 1;
        self.unreadable += u64::from(matches!(reason, Reject::Date { .. }));
        if self.rows == DATE_CHECK_ROWS && self.unreadable == self.rows {
            self.failure = Some((line, reason.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csv::row_reader::MAX_ROW_BYTES;

    #[test]
    fn a_line_that_is_not_a_header_is_an_error() {
        let message = |bytes: Vec<u8>| {
            let input = Input::Bytes { name: "x.csv", bytes: bytes.leak() };
            let opened = Source::open(&input, &CsvOptions::default(), &Arc::default(), &CancellationToken::new());
            opened.map(|_| ()).expect_err("rejected").to_string()
        };
        let too_long = message(vec![b'x'; MAX_ROW_BYTES + 1]);
        assert!(too_long.starts_with("x.csv: the first line is longer than 1048576 bytes"), "{too_long}");
        let open_quote = message(b"Symbol,\"Date\n".to_vec());
        assert!(
            open_quote.starts_with("x.csv: the first line has a quoted title that is never closed"),
            "{open_quote}"
        );
    }
}
