//! Inputs that cannot be opened or read.

use std::io::{Cursor, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::bad_inputs::table::{Case, Input, ONE_RECORD, file};

const EMPTY_INPUT: &str = "The export or download has failed; repeat it. A file with only a header is not an error.";

pub(in crate::bad_inputs) fn cases() -> Vec<Case> {
    vec![
        Case {
            stderr: &["error: quotes.csv: No such file or directory (os error 2)"],
            exit: 2,
            remedy: "Check the path.",
            ..Case::new("A file that does not exist", Input::Absent)
        },
        Case {
            stderr: &["error: quotes.csv is a folder; give the paths of the CSV files in it"],
            exit: 2,
            remedy: "Name its files, as with `quotes/*.csv`.",
            ..Case::new("A folder instead of a file", Input::Folder)
        },
        Case {
            stderr: &["error: quotes.csv: the input has no rows; check the file, and --skip-lines if you gave it"],
            exit: 1,
            remedy: EMPTY_INPUT,
            ..file("An empty file", b"")
        },
        Case {
            stderr: &[
                "quotes.csv: symbol in Symbol, date in Date (ymd), 1d bars; close (Close)",
                "warning: quotes.csv: no rows, only a header",
                "0 rows read, 0 printed, 0 rejected, 0 blank",
            ],
            remedy: "Nothing, if no rows were expected.",
            ..file("A header without rows", b"Symbol,Date,Close\n")
        },
        Case {
            stderr: &["error: quotes.csv: failed to read: the gzip stream is truncated"],
            exit: 1,
            remedy: "Download the file again. Nothing has been sent, because the damage is near the beginning. Of a longer file, the rows before the damage are sent; when the whole file is fed again they repeat, which the saved queries allow for.",
            ..Case::new("A truncated gzip file", Input::File(truncated_gzip()))
        },
        Case {
            stderr: &[
                "error: quotes.csv: the zip archive has 2 files, such as AAPL.csv; unpack it and give the paths of the CSV files",
            ],
            exit: 1,
            remedy: "Unpack it. An archive with one file is read as it is.",
            ..Case::new("A zip archive with several files", Input::File(zip(&["AAPL.csv", "MSFT.csv"])))
        },
        Case {
            stderr: &[
                "error: standard input: a zip archive cannot be read from a pipe; give the path of the file instead",
            ],
            exit: 1,
            remedy: "Give the path of the file, because the directory of an archive is at its end.",
            ..Case::new("A zip archive on standard input", Input::Piped(zip(&["AAPL.csv"])))
        },
        Case {
            stderr: &[
                "error: quotes.csv: this is an Excel workbook; save it as CSV, or convert it with `libreoffice --headless --convert-to csv quotes.csv`",
            ],
            exit: 1,
            remedy: "Save it as CSV in Excel, or use the command from the error.",
            ..Case::new("An Excel workbook", Input::File(zip(&["[Content_Types].xml", "xl/workbook.xml"])))
        },
        Case {
            stderr: &[
                r#"error: quotes.csv: this is a Parquet file; convert it, for example with `duckdb -c "COPY (FROM 'quotes.csv') TO 'out.csv'"`"#,
            ],
            exit: 1,
            remedy: "Use the command from the error, and feed its output.",
            ..file("A Parquet file", b"PAR1\x15\x04\x15")
        },
        Case {
            arguments: &["--rejects", "quotes.csv/rejects"],
            stderr: &["error: --rejects: quotes.csv/rejects is not an existing folder; create it first"],
            exit: 2,
            remedy: "Give `--rejects` a folder that exists. No row has been sent.",
            ..file("A rejects folder that is not a folder", b"Symbol,Date,Close\nA,2026-01-02,1\n")
        },
        Case {
            obstacle: Some("quotes.csv.rejects.csv"),
            stderr: &[
                "quotes.csv: symbol in Symbol, date in Date (ymd), 1d bars; close (Close)",
                "error: failed to write rejected rows to quotes.csv.rejects.csv: Is a directory (os error 21); choose another folder with --rejects",
            ],
            exit: 1,
            remedy: "Choose a writable folder with `--rejects`. No row has been sent.",
            ..file("A rejects file that cannot be written", b"Symbol,Date,Close\nA,2026-01-02,1\n")
        },
        Case {
            arguments: &["./quotes.csv"],
            stderr: &[
                "quotes.csv: symbol in Symbol, date in Date (ymd), 1d bars; close (Close)",
                "./quotes.csv: symbol in Symbol, date in Date (ymd), 1d bars; close (Close)",
                "4 rows read, 2 printed, 2 rejected, 0 blank",
                "rejected rows, with their reasons: quotes.csv.rejects.csv",
            ],
            records: &[
                r#"{"symbol":"A","trade_date":"2026-01-02","bar":"1d","close":1}"#,
                r#"{"symbol":"A","trade_date":"2026-01-02","bar":"1d","close":1}"#,
            ],
            rejects: &[r#"3,no date,"A,,2""#],
            exit: 3,
            remedy: "Nothing, if it is intended: rows may repeat, and the saved queries take the newest record of each symbol and date. The rejected rows are written once. Add the date to the rejected row.",
            ..file("The same file twice", b"Symbol,Date,Close\nA,2026-01-02,1\nA,,2\n")
        },
        Case {
            stderr: &["error: standard input: the input has no rows; check the file, and --skip-lines if you gave it"],
            exit: 1,
            remedy: "The program before the pipe wrote nothing; see its own error.",
            ..Case::new("Empty standard input", Input::Piped(Vec::new()))
        },
        Case {
            stderr: &[
                "standard input: symbol in Symbol, date in Date (ymd), 1d bars; close (Close)",
                "warning: standard input: line 3 has no line ending, so the file may be truncated; the line is used as is",
                "2 rows read, 1 printed, 1 rejected, 0 blank",
                "rejected rows, with their reasons: stdin.rejects.csv",
            ],
            records: ONE_RECORD,
            rejects: &[r#"3,2 fields where the header has 3,"A,2026-01-0""#],
            exit: 3,
            remedy: "The program before the pipe ended early; see its own error, and feed the rest.",
            ..Case::new(
                "Truncated standard input",
                Input::Piped(b"Symbol,Date,Close\nA,2026-01-02,1\nA,2026-01-0".to_vec()),
            )
        },
    ]
}

/// Returns a gzip stream whose first row can be read and whose second row cannot.
fn truncated_gzip() -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    let _ = gzip.write_all(b"Symbol,Date,Close\nA,2026-01-02,1\n").and_then(|()| gzip.flush());
    let first = gzip.get_ref().len();
    let _ = gzip.write_all(b"A,2026-01-03,2\n");
    let mut whole = gzip.finish().unwrap_or_default();
    whole.truncate(first + 2);
    whole
}

/// Returns a zip archive with files of these names.
fn zip(names: &[&str]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for name in names {
        // Writing to memory does not fail.
        let _ = archive.start_file(*name, SimpleFileOptions::default());
        let _ = archive.write_all(b"Date,Close\n2024-01-02,1\n");
    }
    archive.finish().map(Cursor::into_inner).unwrap_or_default()
}
