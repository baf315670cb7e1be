//! Rows of a CSV stream, each with its line number and its very bytes.
//!
//! The parsing is csv-core's. What is added here is what a report of bad rows needs and the csv
//! crate's reader does not give: exact line numbers (a line ends with LF or CRLF), the row as it was
//! written, empty lines, whether the last line was ended, and a bound on a row's length.

use std::io::{self, BufRead};

use csv_core::ReadRecordResult;
use memchr::{memchr, memchr_iter};

use crate::csv::delimiter::Delimiter;

/// The longest row that is read, in bytes; Kafka takes about as much in one record by default.
pub const LONGEST_ROW: usize = 1 << 20;

/// One row, reused from row to row.
#[derive(Debug, Default)]
pub struct Row {
    line: u64,
    raw: Vec<u8>,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Row {
    /// The line on which the row begins, from 1.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The row as written, without its line end.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        let raw = self.raw.strip_suffix(b"\n").unwrap_or(&self.raw);
        raw.strip_suffix(b"\r").unwrap_or(raw)
    }

    /// How many cells the row has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether the row has no cells.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All cells' bytes, one after the other, unquoted.
    #[must_use]
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// Where each cell ends in [`Row::text`].
    #[must_use]
    pub fn ends(&self) -> &[usize] {
        &self.ends
    }

    /// The cells' bytes, unquoted.
    pub fn cells(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| self.text.get(start..end).unwrap_or_default())
    }

    fn clear(&mut self, line: u64) {
        self.line = line;
        self.raw.clear();
        self.text.clear();
        self.ends.clear();
    }
}

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// A row with at least one cell that is not blank.
    Row,
    /// An empty line, or a row of blank cells only.
    Blank,
    /// A row beyond [`LONGEST_ROW`]; of its bytes only the first are kept.
    TooLong,
    /// A line that opens a quoted cell which nothing closes; the next line is read afresh.
    OpenQuote,
    /// The end of the stream.
    End,
}

/// Splits a stream into rows.
pub struct RowReader<R> {
    source: R,
    /// Bytes that are to be read once more, before the source's.
    again: Vec<u8>,
    again_from: usize,
    delimiter: Delimiter,
    parser: csv_core::Reader,
    /// The line of the next byte.
    line: u64,
    /// The last row ended with a carriage return: a line feed that follows belongs to it.
    after_return: bool,
    at_start: bool,
    unended: Option<u64>,
}

impl<R: BufRead> RowReader<R> {
    /// A reader from the start of `source`, whose byte-order mark is passed over.
    pub fn new(source: R, delimiter: Delimiter) -> Self {
        Self {
            source,
            again: Vec::new(),
            again_from: 0,
            delimiter,
            parser: parser(delimiter),
            line: 1,
            after_return: false,
            at_start: true,
            unended: None,
        }
    }

    /// The number of the last line, if the stream ended in the middle of it.
    #[must_use]
    pub fn unended_line(&self) -> Option<u64> {
        self.unended
    }

    /// Reads the next row into `row`.
    ///
    /// # Errors
    /// Those of the source.
    pub fn read(&mut self, row: &mut Row) -> io::Result<Read> {
        if let Some(blank) = self.start_row(row)? {
            return Ok(blank);
        }
        let mut kept = true;
        loop {
            let text_used = row.text.len();
            let ends_used = row.ends.len();
            // The parser writes into initialised slices; the slack behind them is cut off again.
            row.text.resize(text_used + 512, 0);
            row.ends.resize(ends_used + 32, 0);
            let input = if self.again_from < self.again.len() {
                &self.again[self.again_from..]
            } else {
                self.source.fill_buf()?
            };
            let at_end = input.is_empty();
            let (result, taken, written, ended) =
                self.parser.read_record(input, &mut row.text[text_used..], &mut row.ends[ends_used..]);
            row.text.truncate(text_used + written);
            row.ends.truncate(ends_used + ended);
            if kept {
                row.raw.extend_from_slice(&input[..taken]);
            }
            let return_last = input[..taken].ends_with(b"\r");
            let new_lines = memchr_iter(b'\n', &input[..taken]).count() as u64;
            self.consume(taken);
            self.line += new_lines;
            if at_end {
                self.unended = (!row.raw.is_empty()).then_some(self.line);
                if kept && opens_a_quote(&row.raw, self.delimiter) {
                    return Ok(self.reread_after_first_line(row));
                }
            }
            match result {
                ReadRecordResult::Record => {
                    self.after_return = return_last;
                    let blank = row.text.iter().all(u8::is_ascii_whitespace);
                    return Ok(match (kept, blank) {
                        (false, _) => Read::TooLong,
                        (true, true) => Read::Blank,
                        (true, false) => Read::Row,
                    });
                }
                ReadRecordResult::End => return Ok(Read::End),
                _ if row.raw.len() > LONGEST_ROW => {
                    if kept && opens_a_quote(&row.raw, self.delimiter) {
                        return Ok(self.reread_after_first_line(row));
                    }
                    // The rest is passed over; what the parser makes of it is thrown away.
                    kept = false;
                    row.text.clear();
                    row.ends.clear();
                    row.raw.truncate(LONGEST_ROW);
                }
                _ if !kept => {
                    row.text.clear();
                    row.ends.clear();
                }
                _ => {}
            }
        }
    }

    /// Passes over what may stand before a row; an empty line is all there is to read.
    fn start_row(&mut self, row: &mut Row) -> io::Result<Option<Read>> {
        if self.at_start {
            self.at_start = false;
            if self.source.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
                self.source.consume(3);
            }
        }
        if std::mem::take(&mut self.after_return) && self.peek()? == Some(b'\n') {
            self.consume(1);
            self.line += 1;
        }
        row.clear(self.line);
        match self.peek()? {
            None => Ok(Some(Read::End)),
            Some(b'\n') => {
                self.consume(1);
                self.line += 1;
                Ok(Some(Read::Blank))
            }
            Some(b'\r') => {
                self.consume(1);
                self.after_return = true;
                Ok(Some(Read::Blank))
            }
            Some(_) => Ok(None),
        }
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        if let Some(&byte) = self.again.get(self.again_from) {
            return Ok(Some(byte));
        }
        Ok(self.source.fill_buf()?.first().copied())
    }

    fn consume(&mut self, bytes: usize) {
        if self.again_from < self.again.len() {
            self.again_from += bytes;
            if self.again_from >= self.again.len() {
                self.again.clear();
                self.again_from = 0;
            }
        } else {
            self.source.consume(bytes);
        }
    }

    /// A quote that is never closed would swallow all that follows, so only its line is given up.
    fn reread_after_first_line(&mut self, row: &mut Row) -> Read {
        let cut = memchr(b'\n', &row.raw).map_or(row.raw.len(), |at| at + 1);
        let mut rest = row.raw.split_off(cut);
        rest.extend_from_slice(&self.again[self.again_from..]);
        self.again = rest;
        self.again_from = 0;
        self.parser = parser(self.delimiter);
        self.line = row.line + 1;
        if !self.again.is_empty() {
            self.unended = None;
        }
        row.text.clear();
        row.ends.clear();
        Read::OpenQuote
    }
}

/// A parser at the start of a row. A fresh one would pass over a byte-order mark, which is text anywhere but at the
/// very start, where [`RowReader`] has seen to it; an empty line makes the parser forget that it is fresh.
fn parser(delimiter: Delimiter) -> csv_core::Reader {
    let mut parser = csv_core::ReaderBuilder::new().delimiter(delimiter.byte()).build();
    let _ = parser.read_record(b"\n", &mut [0; 8], &mut [0; 8]);
    parser
}

/// Whether the row ends inside a quoted cell: there, a delimiter would end nothing.
fn opens_a_quote(raw: &[u8], delimiter: Delimiter) -> bool {
    if memchr(b'"', raw).is_none() {
        return false;
    }
    let mut parser = parser(delimiter);
    let (mut text, mut ends) = ([0; 4096], [0; 256]);
    let mut rest = raw;
    while !rest.is_empty() {
        let (_, taken, _, _) = parser.read_record(rest, &mut text, &mut ends);
        rest = &rest[taken..];
    }
    let (_, _, _, ended) = parser.read_record(&[delimiter.byte()], &mut text, &mut ends);
    ended == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::BufReader;

    type Seen = (Read, u64, Vec<String>);

    fn all(bytes: &[u8], buffer: usize) -> (Vec<Seen>, Option<u64>) {
        all_by(Delimiter::COMMA, bytes, buffer)
    }

    fn all_by(delimiter: Delimiter, bytes: &[u8], buffer: usize) -> (Vec<Seen>, Option<u64>) {
        let mut reader = RowReader::new(BufReader::with_capacity(buffer, bytes), delimiter);
        let mut row = Row::default();
        let mut seen = Vec::new();
        loop {
            let read = reader.read(&mut row).expect("memory does not fail");
            if read == Read::End {
                return (seen, reader.unended_line());
            }
            let cells = row.cells().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
            seen.push((read, row.line(), cells));
        }
    }

    fn rows(text: &str) -> Vec<Seen> {
        all(text.as_bytes(), 4096).0
    }

    fn row(line: u64, cells: &[&str]) -> Seen {
        (Read::Row, line, cells.iter().map(|&cell| cell.to_owned()).collect())
    }

    #[test]
    fn lines_are_numbered_whatever_their_ends() {
        for end in ["\n", "\r\n"] {
            let text = ["a,b", "", "c,d", "\"e", "f\",g", "h"].join(end);
            let (seen, unended) = all(text.as_bytes(), 3);
            let inner = format!("e{end}f");
            let blank = (Read::Blank, 2, vec![]);
            assert_eq!(seen, [row(1, &["a", "b"]), blank, row(3, &["c", "d"]), row(4, &[&inner, "g"]), row(6, &["h"])]);
            assert_eq!(unended, Some(6));
        }
    }

    #[test]
    fn rows_of_blank_cells_are_blank() {
        let kinds: Vec<Read> = rows("a\n,,\n  , \t\n\n\"\"\nb\n").into_iter().map(|seen| seen.0).collect();
        assert_eq!(kinds, [Read::Row, Read::Blank, Read::Blank, Read::Blank, Read::Blank, Read::Row]);
    }

    #[test]
    fn a_byte_order_mark_is_passed_over_once() {
        assert_eq!(rows("\u{feff}a,b\nc\n"), [row(1, &["a", "b"]), row(2, &["c"])]);
    }

    #[test]
    fn a_byte_order_mark_elsewhere_is_text() {
        let mark = |text: &str| row(1, &["\u{feff}a", text]);
        assert_eq!(rows("\u{feff}\u{feff}a,b\n"), [mark("b")]);
        let kinds: Vec<(Read, u64)> = rows("a\n\u{feff}\",\"\n,").into_iter().map(|seen| (seen.0, seen.1)).collect();
        assert_eq!(kinds, [(Read::Row, 1), (Read::OpenQuote, 2), (Read::Blank, 3)]);
    }

    #[test]
    fn the_row_is_kept_as_written() {
        let mut reader = RowReader::new(&b"\"a,\"\"b\",c\r\nd"[..], Delimiter::COMMA);
        let mut row = Row::default();
        assert_eq!(reader.read(&mut row).expect("a row"), Read::Row);
        assert_eq!(row.raw(), b"\"a,\"\"b\",c");
        assert_eq!(row.cells().collect::<Vec<_>>(), [&b"a,\"b"[..], b"c"]);
    }

    #[test]
    fn an_ended_last_line_is_not_reported() {
        assert_eq!(all(b"a\nb\n", 4096).1, None);
        assert_eq!(all(b"a\nb\r\n", 4096).1, None);
        assert_eq!(all(b"a\nb", 4096).1, Some(2));
    }

    #[test]
    fn an_open_quote_costs_its_own_line_only() {
        let (seen, unended) = all(b"a\n\"b,1\nc\nd,\"e\nf\"\n\"g", 4);
        let kinds: Vec<(Read, u64)> = seen.iter().map(|seen| (seen.0, seen.1)).collect();
        // The quote of line 2 meets that of line 4, so these are one row, odd as it looks.
        assert_eq!(kinds[..2], [(Read::Row, 1), (Read::Row, 2)]);
        assert_eq!(unended, Some(6));
        let seen = rows("a\n\"b,1\nc\nd\n");
        let kinds: Vec<(Read, u64)> = seen.iter().map(|seen| (seen.0, seen.1)).collect();
        assert_eq!(kinds, [(Read::Row, 1), (Read::OpenQuote, 2), (Read::Row, 3), (Read::Row, 4)]);
    }

    #[test]
    fn a_row_is_bounded_and_the_next_one_is_read() {
        let long = "x".repeat(3 * LONGEST_ROW);
        let seen = rows(&format!("a\n{long},y\nb\n"));
        assert_eq!(
            seen.iter().map(|seen| (seen.0, seen.1)).collect::<Vec<_>>(),
            [(Read::Row, 1), (Read::TooLong, 2), (Read::Row, 3)]
        );
        let open = format!("a\n\"{}\nb\n", "y\n".repeat(LONGEST_ROW));
        let seen = rows(&open);
        assert_eq!((seen[1].0, seen[1].1), (Read::OpenQuote, 2));
        // Line 1, the open quote, the other lines of `y`, an empty one and `b`.
        assert_eq!(seen.len(), 1 + 1 + (LONGEST_ROW - 1) + 1 + 1);
    }

    fn delimiters() -> impl Strategy<Value = Delimiter> {
        prop::sample::select(vec![",", ";", "tab", "|"]).prop_map(|text| text.parse().expect("a delimiter"))
    }

    #[test]
    fn an_open_quote_is_known_by_the_delimiter_in_use() {
        let kinds = |delimiter: &str, text: &str| -> Vec<(Read, u64)> {
            let delimiter = delimiter.parse().expect("a delimiter");
            all_by(delimiter, text.as_bytes(), 4).0.into_iter().map(|seen| (seen.0, seen.1)).collect()
        };
        // The quote begins the second cell by semicolons; by commas it stands inside the first.
        let text = "a;\"1\nb;2\n";
        assert_eq!(kinds(";", text), [(Read::OpenQuote, 1), (Read::Row, 2)]);
        assert_eq!(kinds(",", text), [(Read::Row, 1), (Read::Row, 2)]);
        assert_eq!(kinds(";", "a;\"1\""), [(Read::Row, 1)], "closed by its end");
        assert_eq!(kinds("tab", "\t\t\na\tb\n"), [(Read::Blank, 1), (Read::Row, 2)]);
    }

    proptest! {
        #[test]
        fn cells_are_those_of_the_csv_crate(
            text in "([ab,;\t|\" ]|\r\n|\n){0,60}",
            buffer in 1usize..20,
            delimiter in delimiters(),
        ) {
            let (seen, _) = all_by(delimiter, text.as_bytes(), buffer);
            prop_assume!(!seen.iter().any(|seen| seen.0 == Read::OpenQuote));
            let ours: Vec<Vec<String>> =
                seen.into_iter().map(|seen| seen.2).filter(|cells| !cells.is_empty()).collect();
            let theirs: Vec<Vec<String>> = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .delimiter(delimiter.byte())
                .from_reader(text.as_bytes())
                .into_records()
                .map(|record| record.expect("UTF-8").iter().map(str::to_owned).collect())
                .collect();
            prop_assert_eq!(ours, theirs);
        }

        #[test]
        fn no_line_is_lost(
            lines in proptest::collection::vec("[ab,;\t|\"]{0,8}", 0..20),
            delimiter in delimiters(),
        ) {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let mut reader = RowReader::new(text.as_bytes(), delimiter);
            let (mut row, mut next) = (Row::default(), 1);
            while reader.read(&mut row).expect("memory") != Read::End {
                prop_assert_eq!(row.line(), next);
                next += 1 + memchr_iter(b'\n', row.raw()).count() as u64;
            }
            prop_assert_eq!(next, lines.len() as u64 + 1);
        }
    }
}
