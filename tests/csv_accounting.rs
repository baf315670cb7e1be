//! Accounts for each row of arbitrary inputs: the producer prints it, or rejects it with its line number and its bytes.
//!
//! The oracle splits the whole input in memory and shares no code with the producer.
//! `PROPTEST_CASES=100000 cargo test --workspace --test pipeline -- csv_accounting` runs more cases.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use producer::cli::args::FeedArgs;
use producer::delivery::output::Target;
use producer::feed::Feed;
use producer::inspect::inspect;
use producer::report::summary::Summary;
use producer::run::{RunError, run};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use tempfile::TempDir;
use tickerlake_tests::workspace;
use tokio_util::sync::CancellationToken;

/// A row, as split by the oracle.
#[derive(Debug, PartialEq)]
struct Row<'a> {
    line: usize,
    bytes: &'a [u8],
    blank: bool,
    /// `true` if the row opens a quote and never closes it.
    unclosed: bool,
}

/// Splits an input into rows. An unclosed quote affects its own line only.
fn oracle(input: &[u8], delimiter: u8) -> Vec<Row<'_>> {
    let (mut rest, mut line, mut rows) = (input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input), 1, Vec::new());
    while !rest.is_empty() {
        let (mut length, blank, unclosed) = match end_of_row(rest, delimiter) {
            Some((end, has_text)) => (end, !has_text, false),
            None => (rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len()), false, true),
        };
        let mut bytes = &rest[..length];
        if unclosed {
            bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        }
        rows.push(Row { line, bytes, blank, unclosed });
        length += match &rest[length..] {
            [b'\r', b'\n', ..] => 2,
            [] => 0,
            _ => 1,
        };
        line += rest[..length].iter().filter(|&&byte| byte == b'\n').count();
        rest = &rest[length..];
    }
    rows
}

/// Returns the length of the first row without its line end, and `true` if its cells contain more than white space.
/// Returns `None` if the text ends inside quotes.
fn end_of_row(text: &[u8], delimiter: u8) -> Option<(usize, bool)> {
    let (mut at, mut starts_cell, mut has_text) = (0, true, false);
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'\r' | b'\n' => return Some((at - 1, has_text)),
            b'"' if starts_cell => {
                // Skip to the closing quote, which is not doubled.
                loop {
                    let inside = text.get(at..)?;
                    let length = inside.iter().position(|&byte| byte == b'"')?;
                    has_text |= !inside[..length].trim_ascii().is_empty();
                    at += length + 1;
                    if text.get(at) != Some(&b'"') {
                        break;
                    }
                    has_text = true;
                    at += 1;
                }
                starts_cell = false;
            }
            byte if byte == delimiter => starts_cell = true,
            byte => {
                has_text |= !byte.is_ascii_whitespace();
                starts_cell = false;
            }
        }
    }
    Some((at, has_text))
}

#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Result of a feed.
struct Outcome {
    summary: Summary,
    /// Number of rows before the data, by the producer's reading plan.
    rows_before_data: usize,
    printed: Vec<String>,
    /// Line number and bytes of each rejected row.
    rejected: Vec<(usize, Vec<u8>)>,
}

/// Maximum number of filled rows that a reading plan skips before the data: a preamble, and a header of three rows.
const MAX_SKIPPED: usize = 33;

fn feed(input: &[u8], delimiter: u8) -> Result<Outcome, RunError> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.csv");
    std::fs::write(&path, input).unwrap();
    let delimiter = Some(char::from(delimiter).to_string());
    // Without it, a file that is not UTF-8 would be decoded by a guess, and its rejected rows would have other bytes.
    let encoding = Some("utf-8".to_owned());
    let feed = Feed::try_from(FeedArgs { files: vec![path], delimiter, encoding, ..FeedArgs::default() }).unwrap();
    let output = Output::default();
    let summary = run(&feed, &Target::lines(output.clone()), &Arc::default(), CancellationToken::new())?;
    let text = String::from_utf8(output.0.lock().unwrap().clone()).unwrap();
    let mut rejected = Vec::new();
    if let Some(path) = summary.rejects.first() {
        for record in csv::Reader::from_path(path).unwrap().byte_records() {
            let record = record.unwrap();
            let line = std::str::from_utf8(&record[0]).unwrap().parse().unwrap();
            rejected.push((line, record[2].to_vec()));
        }
    }
    let plan = inspect(&feed, 0)?.remove(0);
    let rows_before_data = usize::try_from(plan.rows_before_data).unwrap();
    Ok(Outcome { summary, rows_before_data, printed: text.lines().map(str::to_owned).collect(), rejected })
}

fn check_accounts(input: &[u8], delimiter: u8) -> Result<(), TestCaseError> {
    let rows = oracle(input, delimiter);
    let Outcome { summary, rows_before_data, printed, rejected } = match feed(input, delimiter) {
        Ok(outcome) => outcome,
        // The file leaves more than one reading, or most of its rows are not quotes. The producer has sent nothing.
        Err(RunError::Input(_)) => return Ok(()),
        Err(error) => return Err(TestCaseError::fail(error.to_string())),
    };
    let (skipped, data) = rows.split_at(rows_before_data);
    let skipped: Vec<_> = skipped.iter().filter(|row| !row.blank && !row.unclosed).collect();
    prop_assert!(skipped.len() <= MAX_SKIPPED, "skipped before the data: {:?}", skipped);
    let (blank, filled): (Vec<_>, Vec<_>) = data.iter().partition(|row| row.blank);
    prop_assert_eq!(summary.read, filled.len() as u64, "rows read");
    prop_assert_eq!(summary.blank, blank.len() as u64, "blank rows");
    prop_assert_eq!(summary.read, summary.printed + summary.rejected);
    prop_assert_eq!(summary.printed, printed.len() as u64);
    prop_assert_eq!(summary.rejected, rejected.len() as u64);
    for line in &printed {
        let value: Value =
            serde_json::from_str(line).map_err(|error| TestCaseError::fail(format!("{error}: {line}")))?;
        prop_assert!(value["symbol"].as_str().is_some_and(|symbol| !symbol.is_empty()));
        prop_assert_eq!(value["trade_date"].as_str().map(str::len), Some(10));
    }
    let mut remaining = filled.iter();
    for (line, bytes) in &rejected {
        let found = remaining.any(|row| row.line == *line && row.bytes == bytes);
        prop_assert!(found, "line {} was rejected as {:?}; the rows are {:?}", line, bytes.escape_ascii(), filled);
    }
    for row in filled.iter().filter(|row| row.unclosed) {
        prop_assert!(
            rejected.iter().any(|(line, _)| *line == row.line),
            "a row with an unclosed quote was not rejected: {:?}",
            row
        );
    }
    Ok(())
}

/// A change to an input at a given position.
#[derive(Clone, Debug)]
pub(super) enum Damage {
    Insert(Vec<u8>),
    Delete(usize),
    Replace(u8),
    /// Inserts a copy of bytes from another position.
    Copy(prop::sample::Index, usize),
    Truncate,
}

pub(super) fn damage() -> impl Strategy<Value = Damage> {
    let separators = prop::sample::select(vec![
        &b"\""[..],
        b"\"\"",
        b",",
        b";",
        b"\t",
        b"\n",
        b"\r",
        b"\r\n",
        b"\n\n",
        b",,\n",
        b"\xef\xbb\xbf",
        b"\xe9",
        b"\0",
        b"NaN",
        b" ",
        b"\\",
        b"'",
    ]);
    prop_oneof![
        6 => separators.prop_map(|bytes| Damage::Insert(bytes.to_vec())),
        1 => vec(any::<u8>(), 1..6).prop_map(Damage::Insert),
        2 => (1usize..40).prop_map(Damage::Delete),
        2 => any::<u8>().prop_map(Damage::Replace),
        2 => (any::<prop::sample::Index>(), 1usize..80).prop_map(|(from, length)| Damage::Copy(from, length)),
        1 => Just(Damage::Truncate),
    ]
}

pub(super) fn apply_damage(mut text: Vec<u8>, all: &[(prop::sample::Index, Damage)]) -> Vec<u8> {
    for (at, damage) in all {
        let at = at.index(text.len() + 1);
        let within = |length: usize| at..text.len().min(at + length);
        match damage {
            Damage::Insert(bytes) => drop(text.splice(at..at, bytes.iter().copied())),
            Damage::Delete(length) => drop(text.drain(within(*length))),
            Damage::Replace(byte) => drop(text.splice(within(1), [*byte])),
            Damage::Copy(from, length) => {
                let from = from.index(text.len() + 1);
                let copy = text[from..text.len().min(from + length)].to_vec();
                drop(text.splice(at..at, copy));
            }
            Damage::Truncate => text.truncate(at),
        }
    }
    text
}

/// Generates the header and some rows of a real file.
fn sample_rows() -> impl Strategy<Value = Vec<u8>> {
    let sample = std::fs::read_to_string(workspace().join("data/us-stocks-sample.csv")).unwrap();
    let lines: Vec<String> = sample.lines().map(str::to_owned).collect();
    let last = lines.len() - 40;
    (1..last, 0usize..40, prop::sample::select(vec!["\n", "\r\n", "\r"])).prop_map(move |(from, count, end)| {
        let rows = std::iter::once(&lines[0]).chain(&lines[from..from + count]);
        rows.map(|line| format!("{line}{end}")).collect::<String>().into_bytes()
    })
}

fn delimiter() -> impl Strategy<Value = u8> {
    prop_oneof![2 => Just(b','), 1 => prop::sample::select(b";\t| ".to_vec())]
}

/// Returns the text with commas and `delimiter` exchanged.
fn swap_delimiter(delimiter: u8, mut text: Vec<u8>) -> Vec<u8> {
    for byte in &mut text {
        match *byte {
            b',' => *byte = delimiter,
            other if other == delimiter => *byte = b',',
            _ => {}
        }
    }
    text
}

#[test]
fn oracle_follows_rfc_4180() {
    let split = |text: &'static [u8]| -> Vec<(usize, &[u8], bool, bool)> {
        oracle(text, b',').into_iter().map(|row| (row.line, row.bytes, row.blank, row.unclosed)).collect()
    };
    assert_eq!(
        split(b"a,\"b\n\"\"c\"\r\n\n ,\"\"\nd\"\n"),
        [
            (1, &b"a,\"b\n\"\"c\""[..], false, false),
            (3, b"", true, false),
            (4, b" ,\"\"", true, false),
            (5, b"d\"", false, false)
        ]
    );
    assert_eq!(oracle(b" ;\"a\nb\"\n", b';').len(), 1, "a quote that begins a cell");
    assert_eq!(oracle(b" ;\"a\nb\"\n", b',').len(), 2, "a quote inside a cell");
    assert_eq!(split(b"\"a\nb"), [(1, &b"\"a"[..], false, true), (2, b"b", false, false)]);
}

#[test]
fn each_sample_row_is_printed() {
    let sample = std::fs::read(workspace().join("data/us-stocks-sample.csv")).unwrap();
    let commas = feed(&sample, b',').unwrap();
    let semicolons = feed(&swap_delimiter(b';', sample.clone()), b';').unwrap();
    assert_eq!(semicolons.printed, commas.printed, "the delimiter changes the records");
    assert_eq!((commas.summary.rejected, semicolons.summary.rejected, commas.rows_before_data), (0, 0, 1));
    assert_eq!(commas.printed.len(), oracle(&sample, b',').len() - 1);
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_accounted_for(rows in vec(any::<u8>(), 0..300), delimiter in delimiter()) {
        check_accounts(&rows, delimiter)?;
        let header = swap_delimiter(delimiter, b"Symbol,Date,Close\n".to_vec());
        check_accounts(&[header, rows].concat(), delimiter)?;
    }

    #[test]
    fn csv_characters_are_accounted_for(
        rows in "([A,;\"]|\n|\r|\r\n| |A,2026-01-02,1\n|\"\"|\u{feff}|é){0,80}",
        delimiter in delimiter(),
    ) {
        check_accounts(&swap_delimiter(delimiter, rows.clone().into_bytes()), delimiter)?;
        let with_header = format!("Symbol,Date,Close\n{rows}").into_bytes();
        check_accounts(&swap_delimiter(delimiter, with_header), delimiter)?;
    }

    #[test]
    fn damaged_files_are_accounted_for(
        text in sample_rows(),
        damage in vec((any::<prop::sample::Index>(), damage()), 1..12),
        delimiter in delimiter(),
    ) {
        check_accounts(&apply_damage(swap_delimiter(delimiter, text), &damage), delimiter)?;
    }
}
