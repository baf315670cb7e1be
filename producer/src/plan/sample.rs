//! Sampled rows of an input: its beginning, and for a plain file also rows of its middle and its end.

use crate::csv::delimiter::Delimiter;
use crate::csv::row::Row;
use crate::csv::row_reader::{RowKind, RowReader};

/// Consecutive rows at the beginning of a window that are looked at, and rows that are spread over the rest of it.
pub(crate) const MAX_ROWS: usize = 500;

/// Bytes of an input, as UTF-8 text or nearly so.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// The beginning of the input.
    pub head: Vec<u8>,
    /// Whether `head` is the whole input.
    pub is_complete: bool,
    /// Whole lines from further on.
    pub others: Vec<Vec<u8>>,
    /// The encoding from which the text was decoded; `None` for UTF-8.
    pub encoding: Option<&'static encoding_rs::Encoding>,
    /// Name of the encoding if it is a guess.
    pub guessed_encoding: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SampledRow {
    /// Where it is; `None` for rows that do not follow the row before.
    pub(crate) place: Option<Place>,
    pub(crate) cells: Vec<String>,
}

/// The place of a row at the beginning of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Number of rows before it, blank and unreadable ones included.
    pub(crate) index: u64,
    /// Number of its first line.
    pub(crate) line: u64,
    /// Number of its last line, which is another one if a cell has a line end.
    pub(crate) last_line: u64,
}

impl SampledRow {
    /// Returns a cell without blanks around it, empty if the row is too short.
    pub(crate) fn cell(&self, column: usize) -> &str {
        self.cells.get(column).map_or("", |cell| cell.trim())
    }
}

impl Sample {
    /// Splits the beginning of the head into rows.
    pub(crate) fn first_rows(&self, delimiter: Delimiter) -> Vec<SampledRow> {
        rows(self.whole_lines(), delimiter, true, false)
    }

    /// Splits the head into rows.
    pub(crate) fn head_rows(&self, delimiter: Delimiter) -> Vec<SampledRow> {
        rows(self.whole_lines(), delimiter, true, true)
    }

    /// Returns the head without a last row that may be cut off.
    fn whole_lines(&self) -> &[u8] {
        let end = match self.is_complete {
            true => self.head.len(),
            false => memchr::memrchr(b'\n', &self.head).map_or(self.head.len(), |at| at + 1),
        };
        &self.head[..end]
    }

    /// Splits the other windows into rows.
    pub(crate) fn other_rows(&self, delimiter: Delimiter) -> impl Iterator<Item = SampledRow> {
        self.others.iter().flat_map(move |window| rows(window, delimiter, false, true))
    }
}

/// Splits a window into rows: the first ones, and with `has_rest` some of the others.
fn rows(text: &[u8], delimiter: Delimiter, has_lines: bool, has_rest: bool) -> Vec<SampledRow> {
    let mut reader = RowReader::new(text, delimiter);
    let mut row = Row::default();
    let (mut rows, mut rest) = (Vec::new(), Vec::new());
    for index in 0.. {
        let place = |row: &Row| Place { index, line: row.line(), last_line: row.last_line() };
        // Memory cannot fail to be read.
        match reader.read(&mut row).unwrap_or(RowKind::End) {
            RowKind::End => break,
            _ if !has_rest && rows.len() == MAX_ROWS => break,
            RowKind::Row if rows.len() < MAX_ROWS => rows.push(SampledRow {
                place: has_lines.then(|| place(&row)),
                cells: row.cells().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect(),
            }),
            RowKind::Row => rest.push(row.cells().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect()),
            RowKind::Blank | RowKind::TooLong | RowKind::OpenQuote => {}
        }
    }
    let step = rest.len().div_ceil(MAX_ROWS).max(1);
    let last = rest.len().saturating_sub(1);
    let spread = rest.into_iter().enumerate().filter(|(index, _)| index % step == 0 || *index == last);
    rows.extend(spread.map(|(_, cells)| SampledRow { place: None, cells }));
    rows
}
