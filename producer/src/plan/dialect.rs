//! The dialect of a CSV file: its delimiter, the lines before its header, and its header.

use jiff::civil::Date;

use super::date_format::DateFormat;
use super::date_guess::is_plausible;
use super::number_format::{DecimalSign, NumberFormat};
use super::sample::{Sample, SampledRow};
use super::titles::{self, Role};
use crate::csv::delimiter::Delimiter;

/// Maximum number of rows, from the beginning of the file, to search for the header. If none of them is a header, the
/// table begins with the first row.
const MAX_PREAMBLE_ROWS: usize = 30;

/// Delimiter, header and width of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) delimiter: Delimiter,
    pub(crate) header: Header,
    /// Number of the last line before the first row of data; zero if the file begins with data.
    pub(crate) last_header_line: u64,
    /// Number of rows before the first row of data, including blank and unreadable rows.
    pub(crate) rows_before_data: u64,
    /// Number of cells of a row, not counting an empty last cell without a title.
    pub(crate) width: usize,
    /// Whether rows have an empty last cell without a title.
    pub(crate) has_trailing_cell: bool,
    /// Rows before the table that were skipped without an option.
    pub(crate) preamble: Vec<SampledRow>,
}

/// The header of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// The first row is data.
    None,
    /// One row of titles.
    Titles(Vec<String>),
    /// The header rows that `DataFrame.to_csv` writes for several symbols or fields: the title and the symbol of each
    /// column.
    TitlesAndSymbols { titles: Vec<String>, symbols: Vec<String> },
}

/// Options that override parts of the dialect.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Given {
    pub(crate) delimiter: Option<Delimiter>,
    pub(crate) skip_lines: Option<u64>,
    pub(crate) has_header: Option<bool>,
}

impl Dialect {
    /// Finds the dialect. Returns `None` if the sample has no row.
    pub(crate) fn find(sample: &Sample, given: Given) -> Option<Self> {
        let candidates = match given.delimiter {
            Some(delimiter) => vec![delimiter],
            None => Delimiter::COMMON.to_vec(),
        };
        let shaped = candidates.into_iter().filter_map(|delimiter| {
            let mut rows = sample.first_rows(delimiter);
            if let Some(lines) = given.skip_lines {
                rows.retain(|row| row.place.is_some_and(|place| place.line > lines));
            }
            let shape = Shape::of(&rows)?;
            Some((delimiter, rows, shape))
        });
        // `max_by_key` returns the last of several equal maxima. The candidates are reversed, so that the comma wins a
        // tie.
        let (delimiter, rows, shape) =
            shaped.collect::<Vec<_>>().into_iter().rev().max_by_key(|(_, _, shape)| shape.score())?;
        let start = match given.skip_lines {
            Some(_) => 0,
            None => shape.preamble,
        };
        let (preamble, rows) = rows.split_at(start.min(rows.len().saturating_sub(1)));
        let preamble = preamble.to_vec();
        let (header, header_rows) = header(rows, given.has_header);
        // If the file begins with data, nothing is skipped without an option, not even an unreadable row.
        let is_skipped = start > 0 || given.skip_lines.is_some();
        let place = rows.get(header_rows.saturating_sub(1)).and_then(|row| row.place);
        let (last_header_line, rows_before_data) = match (place, header_rows) {
            (Some(first), 0) if is_skipped => (first.line - 1, first.index),
            (Some(last), 1..) => (last.last_line, last.index + 1),
            _ => (0, 0),
        };
        let titles = match &header {
            Header::None => shape.width,
            Header::Titles(titles) | Header::TitlesAndSymbols { titles, .. } => titles.len(),
        };
        let data: Vec<&SampledRow> = rows[header_rows.min(rows.len())..].iter().collect();
        let (width, has_trailing_cell) = trailing(&header, titles, &data);
        Some(Dialect { delimiter, header, last_header_line, rows_before_data, width, has_trailing_cell, preamble })
    }
}

/// Shape of the rows when they are split at one delimiter.
struct Shape {
    /// Most frequent number of cells.
    width: usize,
    /// Number of rows per thousand that have this number of cells.
    regular: usize,
    /// Number of rows before the table. The table begins with the first row that has `width` cells, or one cell fewer
    /// if the last cells of the data are empty. 0 if no such row exists.
    preamble: usize,
    /// Whether the table's first row was found.
    is_headed: bool,
    /// Percentage of cells that are empty, numbers or dates.
    values: usize,
}

impl Shape {
    fn of(rows: &[SampledRow]) -> Option<Self> {
        rows.first()?;
        let mut counts = std::collections::BTreeMap::new();
        for row in rows {
            *counts.entry(row.cells.len()).or_insert(0_usize) += 1;
        }
        // Any other width wins over one cell, because the preamble of a short file may have more rows than its table.
        let weight = |(width, count): &(&usize, &usize)| (**width > 1, **count, **width);
        let (&width, &count) = counts.iter().max_by_key(weight)?;
        // A header may lack the empty cell at the end of each row.
        let ends_empty = rows.iter().filter(|row| row.cells.len() == width).all(|row| row.cell(width - 1).is_empty());
        let is_start = |row: &SampledRow| {
            let is_whole = row.cells.len() == width;
            (is_whole && !is_padded(row) || (row.cells.len() > 1 && row.cells.len() + 1 == width && ends_empty))
                && !is_comment(row)
        };
        let preamble = rows.iter().take(MAX_PREAMBLE_ROWS).position(is_start).unwrap_or(0);
        let is_headed = rows.get(preamble).is_some_and(is_start);
        let cells = rows.iter().skip(preamble).take(50).flat_map(|row| &row.cells);
        let plain = |cell: &&String| cell.trim().is_empty() || is_number(cell.trim()) || is_date(cell.trim());
        let (all, values) = cells.fold((0, 0), |(all, values), cell| (all + 1, values + usize::from(plain(&cell))));
        Some(Shape {
            width,
            regular: count * 1000 / rows.len(),
            preamble,
            is_headed,
            values: values * 100 / all.max(1),
        })
    }

    fn score(&self) -> (bool, bool, bool, usize, usize, usize) {
        (self.width > 1, self.regular >= 500, self.is_headed, self.regular / 200, self.values / 10, self.width)
    }
}

/// Returns `true` for a row of one cell that begins with `#`. A row of several cells can be a header whose first title
/// begins with `#`.
fn is_comment(row: &SampledRow) -> bool {
    row.cell(0).starts_with('#') && row.cells.len() == 1
}

/// Returns `true` for a row with text in its first cell only, which is how a spreadsheet exports a line before the
/// table.
fn is_padded(row: &SampledRow) -> bool {
    row.cells.len() > 2 && (1..row.cells.len()).all(|column| row.cell(column).is_empty()) && !is_date(row.cell(0))
}

/// Returns `true` for a row with a date and at least two numbers.
pub(super) fn is_row_of_prices(row: &SampledRow) -> bool {
    let cells = || (0..row.cells.len()).map(|column| row.cell(column)).filter(|cell| !cell.is_empty());
    cells().any(is_date) && cells().filter(|cell| is_number(cell)).count() >= 2
}

/// Returns the header and its number of rows.
fn header(rows: &[SampledRow], has_header: Option<bool>) -> (Header, usize) {
    let Some(first) = rows.first() else { return (Header::None, 0) };
    if has_header == Some(false) {
        return (Header::None, 0);
    }
    let titles = |row: &SampledRow| row.cells.iter().map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    if let [one, two, rest @ ..] = rows
        && let Some((titles, symbols, rows)) = of_frame(one, two, rest.first())
    {
        return (Header::TitlesAndSymbols { titles, symbols }, rows);
    }
    if has_header != Some(true) && is_data(first) {
        return (Header::None, 0);
    }
    (Header::Titles(titles(first)), 1)
}

/// Returns `true` for a number in any format.
fn is_number(cell: &str) -> bool {
    let formats = [DecimalSign::Point, DecimalSign::Comma].map(|decimal| NumberFormat { decimal, has_groups: true });
    formats.iter().any(|format| format.rewrite(cell, false).is_ok())
}

/// Returns `true` for a date in any format.
fn is_date(cell: &str) -> bool {
    DateFormat::ALL.iter().any(|format| format.read(cell).is_some_and(|at| is_plausible(at.date, Date::MAX)))
}

/// Returns `true` if a row contains data rather than titles: a date, or at least two numbers.
fn is_data(row: &SampledRow) -> bool {
    let cells = || (0..row.cells.len()).map(|column| row.cell(column)).filter(|cell| !cell.is_empty());
    let numbers = cells().filter(|cell| is_number(cell)).count();
    cells().any(is_date) || numbers >= 2
}

/// Recognises the header of a data frame with two levels of columns: a row of titles and a row of symbols, in either
/// order, and perhaps a row with the name of the index. Returns the titles, the symbols and the number of header rows,
/// or `None` for any other header.
fn of_frame(
    one: &SampledRow,
    two: &SampledRow,
    three: Option<&SampledRow>,
) -> Option<(Vec<String>, Vec<String>, usize)> {
    let width = one.cells.len();
    if width < 2 || two.cells.len() != width {
        return None;
    }
    let is_titles = |row: &SampledRow| (1..width).all(|column| titles::price_role(row.cell(column)).is_some());
    let is_symbols = |row: &SampledRow| {
        (1..width).all(|column| {
            let cell = row.cell(column);
            !cell.is_empty() && !is_number(cell)
        }) && !is_date(row.cell(0))
    };
    let is_repeated = |row: &SampledRow| width > 2 && (2..width).all(|column| row.cell(column) == row.cell(1));
    let levels = (titles::key(one.cell(0)), titles::key(two.cell(0)));
    let (titles_row, symbols_row) = match (is_titles(one), is_titles(two)) {
        (true, false) if is_symbols(two) => (one, two),
        (false, true) if is_symbols(one) => (two, one),
        // Symbols may be words for prices, such as LOW. A single symbol is repeated, and titles are not; otherwise the
        // names of the levels decide.
        (true, true) if is_repeated(two) && !is_repeated(one) => (one, two),
        (true, true) if is_repeated(one) && !is_repeated(two) => (two, one),
        (true, true) if levels.0 == "price" || levels.1 == "ticker" => (one, two),
        (true, true) if levels.0 == "ticker" || levels.1 == "price" => (two, one),
        _ => return None,
    };
    // The name of the index is in a separate row, or in the column of the levels' names.
    let index_row = three.filter(|row| {
        titles::rank(row.cell(0), Role::Date).is_some()
            && (1..row.cells.len()).all(|column| row.cell(column).is_empty())
    });
    let index = match index_row {
        Some(row) => row.cell(0).to_owned(),
        None => [one, two]
            .iter()
            .map(|row| row.cell(0))
            .find(|name| titles::rank(name, Role::Date).is_some())
            .unwrap_or("Date")
            .to_owned(),
    };
    let rest = |row: &SampledRow| (1..width).map(|column| row.cell(column).to_owned()).collect::<Vec<_>>();
    let named = |first: String, row: &SampledRow| std::iter::once(first).chain(rest(row)).collect();
    Some((named(index, titles_row), named(String::new(), symbols_row), if index_row.is_some() { 3 } else { 2 }))
}

/// Returns the width of the rows, and whether they have an additional empty cell at the end.
fn trailing(header: &Header, titles: usize, data: &[&SampledRow]) -> (usize, bool) {
    let longer = |row: &&&SampledRow| row.cells.len() == titles + 1 && row.cell(titles).is_empty();
    let long_rows = data.iter().filter(longer).count();
    if long_rows > 0 && long_rows * 2 > data.len() {
        return (titles, true);
    }
    let last_is_untitled = match header {
        Header::Titles(names) => names.len() > 2 && names.last().is_some_and(String::is_empty),
        _ => false,
    };
    let is_empty = |row: &&SampledRow| row.cell(titles - 1).is_empty();
    if last_is_untitled && !data.is_empty() && data.iter().all(is_empty) {
        return (titles - 1, true);
    }
    (titles, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Dialect {
        let sample = Sample::whole(text);
        Dialect::find(&sample, Given::default()).expect("rows")
    }

    fn titles(text: &str) -> Vec<String> {
        match found(text).header {
            Header::Titles(titles) => titles,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_delimiter_is_found() {
        assert_eq!(found("a,b\n1,2\n").delimiter, Delimiter::COMMA);
        for (text, delimiter) in [
            ("date;open;close\n2024-01-02;1,5;2,3\n2024-01-03;1,6;2,4\n", ";"),
            ("date\topen\n2024-01-02\t1\n", "tab"),
            ("date|open\n2024-01-02|1\n", "|"),
            ("20120201 000000;1.3;1.3;1.3;1.3;0\n20120201 000100;1.3;1.3;1.3;1.3;0\n", ";"),
            ("Date,Open\n\"Aug 17, 2023\",\"28,420.3\"\n", ","),
        ] {
            assert_eq!(found(text).delimiter, delimiter.parse().expect("a delimiter"), "{text}");
        }
    }

    #[test]
    fn lines_before_the_header_are_skipped() {
        let text = "https://www.example.com\nunix,date,open\n1,2024-01-02,1\n2,2024-01-03,1\n";
        assert_eq!(titles(text), ["unix", "date", "open"]);
        assert_eq!(found(text).last_header_line, 2);
        let text = "# source: x\n#\n\nDate,Open\n2024-01-02,1\n2024-01-03,1\n";
        assert_eq!((titles(text), found(text).last_header_line), (vec!["Date".into(), "Open".into()], 4));
    }

    #[test]
    fn the_header_ends_with_its_own_row() {
        for (text, line, rows) in [
            ("Symbol,Date\n", 1, 1),
            ("Symbol,Date\n\nA,2024-01-02\n", 1, 1),
            ("Symbol,Date\nA,\"2024\nA,2024-01-02\n", 1, 1),
            ("Symbol,\"Date\nof trade\"\nA,2024-01-02\n", 2, 1),
            ("\nSymbol,Date\nA,2024-01-02\n", 2, 2),
            ("Symbol,Date\rA,2024-01-02\r", 1, 1),
            ("\"A,1\nA,2024-01-02\nA,2024-01-03\n", 0, 0),
        ] {
            let dialect = found(text);
            assert_eq!((dialect.last_header_line, dialect.rows_before_data), (line, rows), "{text:?}");
        }
    }

    #[test]
    fn a_first_row_of_data_is_no_header() {
        for text in ["1637971200000,0.1,0.2\n1637971260000,0.1,0.3\n", "2010.08.20,03:00,0.8,0.9\n", "x,1,2\n"] {
            assert_eq!((found(text).header, found(text).last_header_line), (Header::None, 0), "{text}");
        }
        assert_eq!(titles("Date,2024\n"), ["Date", "2024"]);
    }

    #[test]
    fn an_empty_cell_at_the_end_of_rows_is_none() {
        let dialect = found("Symbol,Date,Close\nA,2024-01-02,1,\nA,2024-01-03,1,\n");
        assert_eq!((dialect.width, dialect.has_trailing_cell), (3, true));
        let dialect = found("Symbol,Date,Close,\nA,2024-01-02,1,\n");
        assert_eq!((dialect.width, dialect.has_trailing_cell), (3, true));
        let dialect = found("Symbol,Date,Close\nA,2024-01-02,\n");
        assert_eq!((dialect.width, dialect.has_trailing_cell), (3, false));
    }

    #[test]
    fn rows_of_data_are_no_symbols() {
        let text = "Date;Open;Close\n22.10.2019;1330,53;1331,05\n23.10.2019;1317,91;1357,71\n";
        assert_eq!((titles(text).len(), found(text).last_header_line), (3, 1));
    }

    #[test]
    fn symbols_that_are_words_for_prices_are_recognised() {
        let text = "Price,Close,High\nTicker,LOW,LOW\nDate,,\n2015-01-02,24.2,24.7\n";
        let Header::TitlesAndSymbols { titles, symbols } = found(text).header else { panic!() };
        assert_eq!((titles.join(" "), symbols.join(" ")), ("Date Close High".to_owned(), " LOW LOW".to_owned()));
    }

    #[test]
    fn headers_of_data_frames_are_recognised() {
        let single = "Price,Close,High\nTicker,AAPL,AAPL\nDate,,\n2015-01-02,24.2,24.7\n";
        let dialect = found(single);
        assert_eq!(dialect.last_header_line, 3);
        let Header::TitlesAndSymbols { titles, symbols } = dialect.header else { panic!() };
        assert_eq!((titles.join(" "), symbols.join(" ")), ("Date Close High".to_owned(), " AAPL AAPL".to_owned()));
        let grouped = "Ticker,AAPL,AAPL,MSFT\nPrice,Open,Close,Close\nDate,,,\n2015-01-02,1,2,3\n";
        let Header::TitlesAndSymbols { titles, symbols } = found(grouped).header else { panic!() };
        assert_eq!(
            (titles.join(" "), symbols.join(" ")),
            ("Date Open Close Close".to_owned(), " AAPL AAPL MSFT".to_owned())
        );
        assert!(matches!(found("Date,Open,Close\n2015-01-02,1,2\n").header, Header::Titles(_)));
    }
}
