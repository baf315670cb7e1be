//! One row of a CSV file: its cells, its line number and its original bytes.

/// One row. Its memory is reused for the next row.
#[derive(Debug, Default)]
pub struct Row {
    pub(super) line: u64,
    pub(super) raw: Vec<u8>,
    pub(super) text: Vec<u8>,
    pub(super) ends: Vec<usize>,
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

    /// Returns the bytes of all cells, one after the other, unquoted.
    #[must_use]
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// Returns the end of each cell, as an index into [`Row::text`].
    #[must_use]
    pub(crate) fn ends(&self) -> &[usize] {
        &self.ends
    }

    /// Returns the bytes of each cell, unquoted.
    pub fn cells(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| self.text.get(start..end).unwrap_or_default())
    }

    /// Returns the bytes of a cell, unquoted; empty if the row has none there.
    #[must_use]
    pub(crate) fn cell(&self, column: usize) -> &[u8] {
        let start = column.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied());
        let range = start.zip(self.ends.get(column));
        range.and_then(|(start, &end)| self.text.get(start..end)).unwrap_or_default()
    }

    /// Clears the row, in order to read one that begins on line `line`.
    pub(super) fn clear(&mut self, line: u64) {
        self.line = line;
        self.raw.clear();
        self.text.clear();
        self.ends.clear();
    }
}
