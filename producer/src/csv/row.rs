//! One row of a CSV file: its cells, its line number and its original bytes.

use std::ops::Range;

/// One row. Its memory is reused for the next row.
#[derive(Debug, Default)]
pub struct Row {
    pub(super) line: u64,
    pub(super) raw: Vec<u8>,
    pub(super) text: Vec<u8>,
    pub(super) ends: Vec<usize>,
    /// Whether the row was split without the parser, because it has no quotes. The cells are then slices of `raw`,
    /// separated by delimiters, and `text` is empty.
    pub(super) is_plain: bool,
}

impl Row {
    /// Returns the number of the line on which the row begins, counted from 1.
    #[must_use]
    pub(crate) fn line(&self) -> u64 {
        self.line
    }

    /// Returns the number of the line on which the row ends.
    #[must_use]
    pub(crate) fn last_line(&self) -> u64 {
        self.line + memchr::memchr_iter(b'\n', self.raw()).count() as u64
    }

    /// Returns the row as written, without its line ending.
    #[must_use]
    pub(crate) fn raw(&self) -> &[u8] {
        let raw = self.raw.strip_suffix(b"\n").unwrap_or(&self.raw);
        raw.strip_suffix(b"\r").unwrap_or(raw)
    }

    /// Returns the number of cells.
    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Returns the bytes that contain all cells, unquoted and in order.
    #[must_use]
    pub(crate) fn text(&self) -> &[u8] {
        if self.is_plain { self.raw() } else { &self.text }
    }

    /// Returns the range of a cell in [`Row::text`], or `None` if the row has no such cell.
    #[must_use]
    pub(crate) fn range(&self, column: usize) -> Option<Range<usize>> {
        let start = match column.checked_sub(1) {
            None => 0,
            Some(before) => *self.ends.get(before)? + usize::from(self.is_plain),
        };
        Some(start..*self.ends.get(column)?)
    }

    /// Returns the bytes of each cell, unquoted.
    pub fn cells(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|column| self.cell(column))
    }

    /// Returns the bytes of a cell, unquoted; empty if the row has no such cell.
    #[must_use]
    pub(crate) fn cell(&self, column: usize) -> &[u8] {
        self.range(column).and_then(|range| self.text().get(range)).unwrap_or_default()
    }

    /// Clears the row, so that a row that begins on line `line` can be read into it.
    pub(super) fn clear(&mut self, line: u64) {
        self.line = line;
        self.raw.clear();
        self.text.clear();
        self.ends.clear();
        self.is_plain = false;
    }
}
