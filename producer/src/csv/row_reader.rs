//! Splits a CSV stream into rows, each with its line number and its original bytes.
//!
//! A row without quotes is split at its delimiters; csv-core parses all other rows. A report of rejected rows also
//! needs the following, which the csv crate's reader does not provide: exact line numbers (a line ends with LF or
//! CRLF), the row as it was written, empty lines, whether the last line has a line ending, and a limit on a row's
//! length.

use std::io::{self, BufRead};

use csv_core::ReadRecordResult;
use memchr::{memchr, memchr_iter, memchr2};

use super::delimiter::Delimiter;
use super::row::Row;

/// Maximum length of a row in bytes; a longer row is rejected. Kafka's default limit for one record is about as large.
pub const MAX_ROW_BYTES: usize = 1 << 20;

/// Result of reading a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// A row with at least one cell that is not blank.
    Row,
    /// An empty line, or a row of blank cells only.
    Blank,
    /// A row longer than [`MAX_ROW_BYTES`]; only its first bytes are kept.
    TooLong,
    /// A line with a quoted cell that is never closed. Reading continues on the next line.
    OpenQuote,
    /// The end of the stream.
    End,
}

/// Reader that splits a stream into rows.
pub struct RowReader<R> {
    source: R,
    /// Bytes to parse before the next bytes of the source.
    pushed_back: Vec<u8>,
    pushed_back_from: usize,
    delimiter: Delimiter,
    parser: csv_core::Reader,
    /// Line number of the next byte.
    line: u64,
    /// `true` if the last row ended with a carriage return; a line feed that follows belongs to the same line ending.
    after_return: bool,
    at_start: bool,
    unended_line: Option<u64>,
    /// Set after an error in the middle of a row: `true` if the row is not too long so far.
    interrupted: Option<bool>,
}

impl<R: BufRead> RowReader<R> {
    /// Creates a reader at the start of `source`. A byte-order mark is skipped.
    pub fn new(source: R, delimiter: Delimiter) -> Self {
        Self {
            source,
            pushed_back: Vec::new(),
            pushed_back_from: 0,
            delimiter,
            parser: parser(delimiter),
            line: 1,
            after_return: false,
            at_start: true,
            unended_line: None,
            interrupted: None,
        }
    }

    /// Returns the number of the last line if that line has no line ending.
    #[must_use]
    pub(crate) fn unended_line(&self) -> Option<u64> {
        self.unended_line
    }

    /// Returns `true` if an error has interrupted the reading of a row.
    pub(crate) fn is_inside_row(&self) -> bool {
        self.interrupted.is_some()
    }

    /// Reads the next row into `row`, replacing its content.
    ///
    /// # Errors
    /// Any error of the source. If it is temporary, a call with the same `row` continues.
    pub fn read(&mut self, row: &mut Row) -> io::Result<RowKind> {
        let mut kept = match self.interrupted.take() {
            Some(kept) => kept,
            None => match self.start_row(row)? {
                Some(blank) => return Ok(blank),
                None => match self.read_plain(row)? {
                    Some(kind) => return Ok(kind),
                    None => true,
                },
            },
        };
        loop {
            let text_used = row.text.len();
            let ends_used = row.ends.len();
            // The parser writes into initialised slices; the unused part is truncated below.
            row.text.resize(text_used + 512, 0);
            row.ends.resize(ends_used + 32, 0);
            let input = if self.pushed_back_from < self.pushed_back.len() {
                &self.pushed_back[self.pushed_back_from..]
            } else {
                match self.source.fill_buf() {
                    Ok(input) => input,
                    Err(error) => {
                        row.text.truncate(text_used);
                        row.ends.truncate(ends_used);
                        self.interrupted = Some(kept);
                        return Err(error);
                    }
                }
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
                self.unended_line = (!row.raw.is_empty()).then_some(self.line);
                if kept && has_open_quote(&row.raw, self.delimiter) {
                    return Ok(self.reread_after_first_line(row));
                }
            }
            match result {
                ReadRecordResult::Record => {
                    self.after_return = return_last;
                    let blank = row.text.iter().all(u8::is_ascii_whitespace);
                    return Ok(match (kept, blank) {
                        (false, _) => RowKind::TooLong,
                        (true, true) => RowKind::Blank,
                        (true, false) => RowKind::Row,
                    });
                }
                ReadRecordResult::End => return Ok(RowKind::End),
                _ if row.raw.len() > MAX_ROW_BYTES => {
                    if kept && has_open_quote(&row.raw, self.delimiter) {
                        return Ok(self.reread_after_first_line(row));
                    }
                    // Skip the rest of the row, and drop the cells that the parser returns for it.
                    kept = false;
                    row.text.clear();
                    row.ends.clear();
                    row.raw.truncate(MAX_ROW_BYTES);
                }
                _ if !kept => {
                    row.text.clear();
                    row.ends.clear();
                }
                _ => {}
            }
        }
    }

    /// Skips a byte-order mark at the start of the stream, and the line feed of a CRLF whose carriage return ended the
    /// last row. Returns `None` if a row follows, otherwise [`RowKind::Blank`] or [`RowKind::End`].
    fn start_row(&mut self, row: &mut Row) -> io::Result<Option<RowKind>> {
        if self.at_start {
            if self.source.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
                self.source.consume(3);
            }
            self.at_start = false;
        }
        if self.after_return {
            let next = self.peek()?;
            self.after_return = false;
            if next == Some(b'\n') {
                self.consume(1);
                self.line += 1;
            }
        }
        row.clear(self.line);
        match self.peek()? {
            None => Ok(Some(RowKind::End)),
            Some(b'\n') => {
                self.consume(1);
                self.line += 1;
                Ok(Some(RowKind::Blank))
            }
            Some(b'\r') => {
                self.consume(1);
                self.after_return = true;
                Ok(Some(RowKind::Blank))
            }
            Some(_) => Ok(None),
        }
    }

    /// Reads a row that has no quotes and lies on one line within the source's buffer. Such a row needs no parser. For
    /// any other row, returns `None` and reads nothing.
    fn read_plain(&mut self, row: &mut Row) -> io::Result<Option<RowKind>> {
        if self.pushed_back_from < self.pushed_back.len() {
            return Ok(None);
        }
        let input = self.source.fill_buf()?;
        let Some(end) = memchr2(b'\n', b'"', input).filter(|&end| input[end] == b'\n' && end < MAX_ROW_BYTES) else {
            return Ok(None);
        };
        let line = &input[..end];
        let cells = line.strip_suffix(b"\r").unwrap_or(line);
        if memchr(b'\r', cells).is_some() {
            return Ok(None);
        }
        row.is_plain = true;
        row.raw.extend_from_slice(&input[..=end]);
        row.ends.extend(memchr_iter(self.delimiter.byte(), cells));
        row.ends.push(cells.len());
        let is_blank = cells.iter().all(|byte| byte.is_ascii_whitespace() || *byte == self.delimiter.byte());
        self.source.consume(end + 1);
        self.line += 1;
        Ok(Some(if is_blank { RowKind::Blank } else { RowKind::Row }))
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        if let Some(&byte) = self.pushed_back.get(self.pushed_back_from) {
            return Ok(Some(byte));
        }
        Ok(self.source.fill_buf()?.first().copied())
    }

    fn consume(&mut self, bytes: usize) {
        if self.pushed_back_from < self.pushed_back.len() {
            self.pushed_back_from += bytes;
            if self.pushed_back_from >= self.pushed_back.len() {
                self.pushed_back.clear();
                self.pushed_back_from = 0;
            }
        } else {
            self.source.consume(bytes);
        }
    }

    /// Pushes back everything after the row's first line, so that only this line is rejected. Otherwise, a quote that
    /// is never closed would swallow the rest of the stream.
    fn reread_after_first_line(&mut self, row: &mut Row) -> RowKind {
        let cut = memchr(b'\n', &row.raw).map_or(row.raw.len(), |at| at + 1);
        let mut rest = row.raw.split_off(cut);
        rest.extend_from_slice(&self.pushed_back[self.pushed_back_from..]);
        self.pushed_back = rest;
        self.pushed_back_from = 0;
        self.parser = parser(self.delimiter);
        self.line = row.line + 1;
        if !self.pushed_back.is_empty() {
            self.unended_line = None;
        }
        row.text.clear();
        row.ends.clear();
        RowKind::OpenQuote
    }
}

/// Creates a parser that is at the start of a row.
///
/// A new csv-core parser skips a byte-order mark. [`RowReader`] has already skipped the mark at the start of the
/// stream, and anywhere else the mark is text. The parser therefore reads an empty line first; it skips no mark after
/// that.
fn parser(delimiter: Delimiter) -> csv_core::Reader {
    let mut parser = csv_core::ReaderBuilder::new().delimiter(delimiter.byte()).build();
    let _ = parser.read_record(b"\n", &mut [0; 8], &mut [0; 8]);
    parser
}

/// Returns `true` if the row ends inside a quoted cell, that is, if a delimiter after the row would not end the cell.
fn has_open_quote(raw: &[u8], delimiter: Delimiter) -> bool {
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

    type Seen = (RowKind, u64, Vec<String>);

    fn all(bytes: &[u8], buffer: usize) -> (Vec<Seen>, Option<u64>) {
        all_by(Delimiter::COMMA, bytes, buffer)
    }

    fn all_by(delimiter: Delimiter, bytes: &[u8], buffer: usize) -> (Vec<Seen>, Option<u64>) {
        let mut reader = RowReader::new(BufReader::with_capacity(buffer, bytes), delimiter);
        let mut row = Row::default();
        let mut seen = Vec::new();
        loop {
            let read = reader.read(&mut row).expect("memory does not fail");
            if read == RowKind::End {
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
        (RowKind::Row, line, cells.iter().map(|&cell| cell.to_owned()).collect())
    }

    #[test]
    fn lines_are_numbered_with_any_line_end() {
        for end in ["\n", "\r\n"] {
            let text = ["a,b", "", "c,d", "\"e", "f\",g", "h"].join(end);
            let (seen, unended) = all(text.as_bytes(), 3);
            let inner = format!("e{end}f");
            let blank = (RowKind::Blank, 2, vec![]);
            assert_eq!(seen, [row(1, &["a", "b"]), blank, row(3, &["c", "d"]), row(4, &[&inner, "g"]), row(6, &["h"])]);
            assert_eq!(unended, Some(6));
        }
    }

    #[test]
    fn rows_of_blank_cells_are_blank() {
        let kinds: Vec<RowKind> = rows("a\n,,\n  , \t\n\n\"\"\nb\n").into_iter().map(|seen| seen.0).collect();
        assert_eq!(kinds, [RowKind::Row, RowKind::Blank, RowKind::Blank, RowKind::Blank, RowKind::Blank, RowKind::Row]);
    }

    #[test]
    fn a_byte_order_mark_is_skipped_once() {
        assert_eq!(rows("\u{feff}a,b\nc\n"), [row(1, &["a", "b"]), row(2, &["c"])]);
    }

    #[test]
    fn a_byte_order_mark_elsewhere_is_text() {
        let mark = |text: &str| row(1, &["\u{feff}a", text]);
        assert_eq!(rows("\u{feff}\u{feff}a,b\n"), [mark("b")]);
        let kinds: Vec<(RowKind, u64)> = rows("a\n\u{feff}\",\"\n,").into_iter().map(|seen| (seen.0, seen.1)).collect();
        assert_eq!(kinds, [(RowKind::Row, 1), (RowKind::OpenQuote, 2), (RowKind::Blank, 3)]);
    }

    #[test]
    fn the_raw_row_is_kept_as_written() {
        let mut reader = RowReader::new(&b"\"a,\"\"b\",c\r\nd"[..], Delimiter::COMMA);
        let mut row = Row::default();
        assert_eq!(reader.read(&mut row).expect("a row"), RowKind::Row);
        assert_eq!(row.raw(), b"\"a,\"\"b\",c");
        assert_eq!(row.cells().collect::<Vec<_>>(), [&b"a,\"b"[..], b"c"]);
    }

    #[test]
    fn only_a_last_line_without_its_end_is_reported() {
        assert_eq!(all(b"a\nb\n", 4096).1, None);
        assert_eq!(all(b"a\nb\r\n", 4096).1, None);
        assert_eq!(all(b"a\nb", 4096).1, Some(2));
    }

    #[test]
    fn an_open_quote_rejects_only_its_own_line() {
        let (seen, unended) = all(b"a\n\"b,1\nc\nd,\"e\nf\"\n\"g", 4);
        let kinds: Vec<(RowKind, u64)> = seen.iter().map(|seen| (seen.0, seen.1)).collect();
        // The quote that opens on line 2 closes on line 4, so these lines are one row.
        assert_eq!(kinds[..2], [(RowKind::Row, 1), (RowKind::Row, 2)]);
        assert_eq!(unended, Some(6));
        let seen = rows("a\n\"b,1\nc\nd\n");
        let kinds: Vec<(RowKind, u64)> = seen.iter().map(|seen| (seen.0, seen.1)).collect();
        assert_eq!(kinds, [(RowKind::Row, 1), (RowKind::OpenQuote, 2), (RowKind::Row, 3), (RowKind::Row, 4)]);
    }

    #[test]
    fn the_row_after_one_that_is_too_long_is_read() {
        let long = "x".repeat(3 * MAX_ROW_BYTES);
        let seen = rows(&format!("a\n{long},y\nb\n"));
        assert_eq!(
            seen.iter().map(|seen| (seen.0, seen.1)).collect::<Vec<_>>(),
            [(RowKind::Row, 1), (RowKind::TooLong, 2), (RowKind::Row, 3)]
        );
        let open = format!("a\n\"{}\nb\n", "y\n".repeat(MAX_ROW_BYTES));
        let seen = rows(&open);
        assert_eq!((seen[1].0, seen[1].1), (RowKind::OpenQuote, 2));
        // Line 1, the open quote, the other lines of `y`, an empty one and `b`.
        assert_eq!(seen.len(), 1 + 1 + (MAX_ROW_BYTES - 1) + 1 + 1);
    }

    /// A source that has no bytes ready on every other call.
    struct Hesitant<'a>(&'a [u8], usize, bool);

    impl io::Read for Hesitant<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            self.2 = !self.2;
            if self.2 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let length = self.1.min(into.len());
            self.0.read(&mut into[..length])
        }
    }

    fn delimiters() -> impl Strategy<Value = Delimiter> {
        prop::sample::select(vec![",", ";", "tab", "|"]).prop_map(|text| text.parse().expect("a delimiter"))
    }

    #[test]
    fn an_open_quote_depends_on_the_delimiter() {
        let kinds = |delimiter: &str, text: &str| -> Vec<(RowKind, u64)> {
            let delimiter = delimiter.parse().expect("a delimiter");
            all_by(delimiter, text.as_bytes(), 4).0.into_iter().map(|seen| (seen.0, seen.1)).collect()
        };
        // With semicolons, the quote begins the second cell; with commas, it is inside the first.
        let text = "a;\"1\nb;2\n";
        assert_eq!(kinds(";", text), [(RowKind::OpenQuote, 1), (RowKind::Row, 2)]);
        assert_eq!(kinds(",", text), [(RowKind::Row, 1), (RowKind::Row, 2)]);
        assert_eq!(kinds(";", "a;\"1\""), [(RowKind::Row, 1)], "closed by its end");
        assert_eq!(kinds("tab", "\t\t\na\tb\n"), [(RowKind::Blank, 1), (RowKind::Row, 2)]);
    }

    proptest! {
        #[test]
        fn cells_equal_those_of_the_csv_crate(
            text in "([ab,;\t|\" ]|\r\n|\n){0,60}",
            buffer in 1usize..20,
            delimiter in delimiters(),
        ) {
            let (seen, _) = all_by(delimiter, text.as_bytes(), buffer);
            prop_assume!(!seen.iter().any(|seen| seen.0 == RowKind::OpenQuote));
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
        fn a_source_may_have_nothing_for_now(text in "([ab,;\"\u{feff}]|\r\n|\n){0,60}", bytes in 1usize..9) {
            let source = Hesitant(text.as_bytes(), bytes, false);
            let mut reader = RowReader::new(BufReader::with_capacity(64, source), Delimiter::COMMA);
            let (mut row, mut seen) = (Row::default(), Vec::new());
            loop {
                match reader.read(&mut row) {
                    Err(error) => prop_assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
                    Ok(RowKind::End) => break,
                    Ok(kind) => {
                        let cells = row.cells().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
                        seen.push((kind, row.line(), cells));
                    }
                }
            }
            // A byte-order mark that arrives in pieces is text.
            prop_assume!(!text.starts_with('\u{feff}'));
            prop_assert_eq!((seen, reader.unended_line()), all(text.as_bytes(), 64));
        }

        #[test]
        fn no_line_is_lost(
            lines in proptest::collection::vec("[ab,;\t|\"]{0,8}", 0..20),
            delimiter in delimiters(),
        ) {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let mut reader = RowReader::new(text.as_bytes(), delimiter);
            let (mut row, mut next) = (Row::default(), 1);
            while reader.read(&mut row).expect("memory") != RowKind::End {
                prop_assert_eq!(row.line(), next);
                next += 1 + memchr_iter(b'\n', row.raw()).count() as u64;
            }
            prop_assert_eq!(next, lines.len() as u64 + 1);
        }
    }
}
