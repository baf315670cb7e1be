//! Every row of any input is accounted for: it is printed, or it is rejected with its line and its very bytes.
//!
//! The judge is a splitter of the tests' own, which has the whole input before it and shares no code with the producer's.
//! `PROPTEST_CASES=100000 cargo test --workspace --test pipeline -- csv_accounting` runs at length.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use producer::cli::args::FeedArgs;
use producer::feed::Feed;
use producer::report::summary::Summary;
use producer::run::{RunError, Target, run};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use tempfile::TempDir;
use tickerlake_tests::workspace;
use tokio_util::sync::CancellationToken;

/// A row as the judge sees it.
#[derive(Debug, PartialEq)]
struct Row<'a> {
    line: usize,
    bytes: &'a [u8],
    blank: bool,
    /// It opens a quote that nothing closes.
    open: bool,
}

/// The rows of an input. A quote that nothing closes costs its own line only.
fn judged(input: &[u8], delimiter: u8) -> Vec<Row<'_>> {
    let (mut rest, mut line, mut rows) = (input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input), 1, Vec::new());
    while !rest.is_empty() {
        let (mut length, blank, open) = match end_of_row(rest, delimiter) {
            Some((end, says_something)) => (end, !says_something, false),
            None => (rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len()), false, true),
        };
        let mut bytes = &rest[..length];
        if open {
            bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        }
        rows.push(Row { line, bytes, blank, open });
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

/// Where the first row ends, its line end excluded, and whether its cells hold more than white space; `None` if it
/// ends inside quotes.
fn end_of_row(text: &[u8], delimiter: u8) -> Option<(usize, bool)> {
    let (mut at, mut starts_cell, mut says_something) = (0, true, false);
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'\r' | b'\n' => return Some((at - 1, says_something)),
            b'"' if starts_cell => {
                // To the quote that is not doubled.
                loop {
                    let inside = text.get(at..)?;
                    let length = inside.iter().position(|&byte| byte == b'"')?;
                    says_something |= !inside[..length].trim_ascii().is_empty();
                    at += length + 1;
                    if text.get(at) != Some(&b'"') {
                        break;
                    }
                    says_something = true;
                    at += 1;
                }
                starts_cell = false;
            }
            byte if byte == delimiter => starts_cell = true,
            byte => {
                says_something |= !byte.is_ascii_whitespace();
                starts_cell = false;
            }
        }
    }
    Some((at, says_something))
}

#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A fed input: its summary, the lines printed, the rejected rows as line and bytes.
type Fed = (Summary, Vec<String>, Vec<(usize, Vec<u8>)>);

fn fed(input: &[u8], delimiter: u8) -> Result<Fed, RunError> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.csv");
    std::fs::write(&path, input).unwrap();
    let delimiter = Some(char::from(delimiter).to_string());
    let feed = Feed::try_from(FeedArgs { files: vec![path], delimiter, ..FeedArgs::default() }).unwrap();
    let printed = Printed::default();
    let summary = run(&feed, &Target::lines(printed.clone()), &Arc::default(), CancellationToken::new())?;
    let text = String::from_utf8(printed.0.lock().unwrap().clone()).unwrap();
    let mut rejected = Vec::new();
    if let Some(path) = summary.rejects.first() {
        for record in csv::Reader::from_path(path).unwrap().byte_records() {
            let record = record.unwrap();
            let line = std::str::from_utf8(&record[0]).unwrap().parse().unwrap();
            rejected.push((line, record[2].to_vec()));
        }
    }
    Ok((summary, text.lines().map(str::to_owned).collect(), rejected))
}

fn accounted_for(input: &[u8], delimiter: u8) -> Result<(), TestCaseError> {
    let rows = judged(input, delimiter);
    let (summary, printed, rejected) = match fed(input, delimiter) {
        Ok(fed) => fed,
        // The header cannot be used, or no date can be read: nothing was fed, and the error says so.
        Err(RunError::Input { .. } | RunError::Dates { .. }) => return Ok(()),
        Err(error) => return Err(TestCaseError::fail(error.to_string())),
    };
    let header = rows.iter().position(|row| !row.blank).unwrap();
    let (blank, of_rows): (Vec<_>, Vec<_>) = rows[header + 1..].iter().partition(|row| row.blank);
    prop_assert_eq!(summary.read, of_rows.len() as u64, "rows read");
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
    let mut left = of_rows.iter();
    for (line, bytes) in &rejected {
        let found = left.any(|row| row.line == *line && row.bytes == bytes);
        prop_assert!(found, "line {} was rejected as {:?}; there were {:?}", line, bytes.escape_ascii(), of_rows);
    }
    for row in of_rows.iter().filter(|row| row.open) {
        prop_assert!(rejected.iter().any(|(line, _)| *line == row.line), "an open quote was let through: {:?}", row);
    }
    Ok(())
}

/// What is done to a file, at a place between 0 and its end.
#[derive(Clone, Debug)]
pub(super) enum Damage {
    Put(Vec<u8>),
    Cut(usize),
    Change(u8),
    /// Copies some bytes from elsewhere.
    Copy(prop::sample::Index, usize),
    End,
}

pub(super) fn damage() -> impl Strategy<Value = Damage> {
    let awkward = prop::sample::select(vec![
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
        6 => awkward.prop_map(|bytes| Damage::Put(bytes.to_vec())),
        1 => vec(any::<u8>(), 1..6).prop_map(Damage::Put),
        2 => (1usize..40).prop_map(Damage::Cut),
        2 => any::<u8>().prop_map(Damage::Change),
        2 => (any::<prop::sample::Index>(), 1usize..80).prop_map(|(from, length)| Damage::Copy(from, length)),
        1 => Just(Damage::End),
    ]
}

pub(super) fn damaged(mut text: Vec<u8>, all: &[(prop::sample::Index, Damage)]) -> Vec<u8> {
    for (at, damage) in all {
        let at = at.index(text.len() + 1);
        let within = |length: usize| at..text.len().min(at + length);
        match damage {
            Damage::Put(bytes) => drop(text.splice(at..at, bytes.iter().copied())),
            Damage::Cut(length) => drop(text.drain(within(*length))),
            Damage::Change(byte) => drop(text.splice(within(1), [*byte])),
            Damage::Copy(from, length) => {
                let from = from.index(text.len() + 1);
                let copy = text[from..text.len().min(from + length)].to_vec();
                drop(text.splice(at..at, copy));
            }
            Damage::End => text.truncate(at),
        }
    }
    text
}

/// The header and some rows of a real file.
fn real_rows() -> impl Strategy<Value = Vec<u8>> {
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

/// The text with `delimiter` for commas, and commas for it.
fn separated_by(delimiter: u8, mut text: Vec<u8>) -> Vec<u8> {
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
fn the_judge_reads_as_rfc_4180_says() {
    let of = |text: &'static [u8]| -> Vec<(usize, &[u8], bool, bool)> {
        judged(text, b',').into_iter().map(|row| (row.line, row.bytes, row.blank, row.open)).collect()
    };
    assert_eq!(
        of(b"a,\"b\n\"\"c\"\r\n\n ,\"\"\nd\"\n"),
        [
            (1, &b"a,\"b\n\"\"c\""[..], false, false),
            (3, b"", true, false),
            (4, b" ,\"\"", true, false),
            (5, b"d\"", false, false)
        ]
    );
    assert_eq!(judged(b" ;\"a\nb\"\n", b';').len(), 1, "the quote begins a cell");
    assert_eq!(judged(b" ;\"a\nb\"\n", b',').len(), 2, "the quote stands in a cell");
    assert_eq!(of(b"\"a\nb"), [(1, &b"\"a"[..], false, true), (2, b"b", false, false)]);
}

#[test]
fn the_sample_is_printed_whole() {
    let sample = std::fs::read(workspace().join("data/us-stocks-sample.csv")).unwrap();
    let (summary, printed, rejected) = fed(&sample, b',').unwrap();
    let by_semicolons = fed(&separated_by(b';', sample.clone()), b';').unwrap();
    assert_eq!((&by_semicolons.1, by_semicolons.2.len()), (&printed, 0), "the delimiter does not show");
    assert_eq!((summary.rejected, rejected.len(), printed.len()), (0, 0, judged(&sample, b',').len() - 1));
}

proptest! {
    #[test]
    fn of_arbitrary_bytes(rows in vec(any::<u8>(), 0..300), delimiter in delimiter()) {
        accounted_for(&rows, delimiter)?;
        let header = separated_by(delimiter, b"Symbol,Date,Close\n".to_vec());
        accounted_for(&[header, rows].concat(), delimiter)?;
    }

    #[test]
    fn of_the_characters_that_csv_is_made_of(
        rows in "([A,;\"]|\n|\r|\r\n| |A,2026-01-02,1\n|\"\"|\u{feff}|é){0,80}",
        delimiter in delimiter(),
    ) {
        accounted_for(&separated_by(delimiter, rows.clone().into_bytes()), delimiter)?;
        let headed = format!("Symbol,Date,Close\n{rows}").into_bytes();
        accounted_for(&separated_by(delimiter, headed), delimiter)?;
    }

    #[test]
    fn of_real_files_that_were_damaged(
        text in real_rows(),
        damage in vec((any::<prop::sample::Index>(), damage()), 1..12),
        delimiter in delimiter(),
    ) {
        accounted_for(&damaged(separated_by(delimiter, text), &damage), delimiter)?;
    }
}
