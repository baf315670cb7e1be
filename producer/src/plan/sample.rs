//! Sampled rows of an input: its beginning and, for an uncompressed UTF-8 file, also rows from its middle and its end.

use crate::csv::delimiter::Delimiter;
use crate::csv::row::Row;
use crate::csv::row_reader::{RowKind, RowReader};

/// Maximum number of consecutive rows taken from the beginning of a sampled window. Up to about the
/// same number is taken from the rest of the window, evenly spaced.
pub(crate) const MAX_ROWS: usize = 500;

/// Sampled bytes of an input, decoded to UTF-8. They may contain invalid sequences.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// The beginning of the input.
    pub head: Vec<u8>,
    /// Whether `head` is the whole input.
    pub is_complete: bool,
    /// Complete lines from later parts of the input.
    pub others: Vec<Vec<u8>>,
    /// The encoding from which the text was decoded; `None` for UTF-8.
    pub encoding: Option<&'static encoding_rs::Encoding>,
    /// Name of the encoding if it is a guess.
    pub guessed_encoding: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SampledRow {
    /// The row's place; `None` if the row does not directly follow the previous sampled row, or is not in the head.
    pub(crate) place: Option<Place>,
    pub(crate) cells: Vec<String>,
}

/// The place of a row at the beginning of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Number of rows before this row, including blank and unreadable rows.
    pub(crate) index: u64,
    /// Number of the row's first line.
    pub(crate) line: u64,
    /// Number of the row's last line, which differs from the first if a cell contains a line break.
    pub(crate) last_line: u64,
}

impl SampledRow {
    /// Returns a cell without surrounding blanks, or an empty string if the row is too short.
    pub(crate) fn cell(&self, column: usize) -> &str {
        self.cells.get(column).map_or("", |cell| cell.trim())
    }
}

impl Sample {
    /// Returns the sample of an input that is read completely.
    #[cfg(test)]
    pub(crate) fn whole(text: impl AsRef<[u8]>) -> Self {
        Sample { head: text.as_ref().to_vec(), is_complete: true, ..Sample::default() }
    }

    /// Returns the first [`MAX_ROWS`] rows of the head.
    pub(crate) fn first_rows(&self, delimiter: Delimiter) -> Vec<SampledRow> {
        rows(self.whole_lines(), delimiter, true, false)
    }

    /// Returns sampled rows of the whole head.
    pub(crate) fn head_rows(&self, delimiter: Delimiter) -> Vec<SampledRow> {
        rows(self.whole_lines(), delimiter, true, true)
    }

    /// Returns the head without its last line if that line may be cut off.
    fn whole_lines(&self) -> &[u8] {
        let end = match self.is_complete {
            true => self.head.len(),
            false => memchr::memrchr(b'\n', &self.head).map_or(self.head.len(), |at| at + 1),
        };
        &self.head[..end]
    }

    /// Returns sampled rows of the other windows.
    pub(crate) fn other_rows(&self, delimiter: Delimiter) -> impl Iterator<Item = SampledRow> {
        self.others.iter().flat_map(move |window| rows(window, delimiter, false, true))
    }
}

/// Returns the first [`MAX_ROWS`] rows of a window and, with `has_rest`, about as many spread evenly over the rest.
/// With `has_lines`, the first rows include their place.
fn rows(text: &[u8], delimiter: Delimiter, has_lines: bool, has_rest: bool) -> Vec<SampledRow> {
    let mut reader = RowReader::new(text, delimiter);
    let mut row = Row::default();
    let (mut rows, mut rest) = (Vec::new(), Vec::new());
    for index in 0.. {
        let place = |row: &Row| Place { index, line: row.line(), last_line: row.last_line() };
        // Reading from memory does not fail.
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
