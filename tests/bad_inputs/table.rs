//! The table of bad inputs, each with the expected output and the remedy. The book's page `reference/errors.md` is
//! generated from it.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// The file name of a case's input.
pub(super) const FILE: &str = "quotes.csv";

/// The input of a case.
pub(super) enum Input {
    /// A file of these bytes.
    File(Vec<u8>),
    /// Standard input, which ends after these bytes.
    Piped(Vec<u8>),
    /// A file that does not exist.
    Absent,
    /// A folder with the name of the input.
    Folder,
}

/// A bad input and the expected outcome.
pub(super) struct Case {
    /// The heading of the case's section.
    pub(super) title: &'static str,
    pub(super) input: Input,
    /// The arguments, without the input.
    pub(super) arguments: &'static [&'static str],
    /// A folder that exists where the program would write a file.
    pub(super) obstacle: Option<&'static str>,
    /// The lines on standard error; the line with the counts ends before its first semicolon.
    pub(super) stderr: &'static [&'static str],
    /// The records, by line.
    pub(super) records: &'static [&'static str],
    /// The lines of the rejects file, without its header; only the beginning of a long line.
    pub(super) rejects: &'static [&'static str],
    /// Number of similar lines that follow.
    pub(super) more_rejects: usize,
    pub(super) exit: i32,
    /// The remedy, as a sentence for the user.
    pub(super) remedy: &'static str,
}

impl Case {
    fn new(title: &'static str, input: Input) -> Self {
        let (stderr, records, rejects): (&[_], &[_], &[_]) = (&[], &[], &[]);
        Case {
            title,
            input,
            arguments: &[],
            obstacle: None,
            stderr,
            records,
            rejects,
            more_rejects: 0,
            exit: 0,
            remedy: "",
        }
    }
}

fn file(title: &'static str, bytes: &[u8]) -> Case {
    Case::new(title, Input::File(bytes.to_vec()))
}

const RECORD: &str = r#"{"symbol":"A","trade_date":"2026-01-02","close":1}"#;
const ONE_RECORD: &[&str] = &[RECORD];
const ONE_REJECTED: &[&str] =
    &["2 rows read, 1 printed, 1 rejected, 0 blank", "rejected rows, with their reasons: quotes.csv.rejects.csv"];
const ONE_READ: &[&str] = &["1 row read, 1 printed, 0 rejected, 0 blank"];
const EMPTY_INPUT: &str = "The export or download has failed; repeat it. A file with only a header is not an error.";
const TWO_COLUMNS: &str = "Rename or remove one of the two columns, which are named by position and title.";

/// Returns every case.
pub(super) fn cases() -> Vec<Case> {
    groups().into_iter().flat_map(|(_, cases)| cases).collect()
}

/// Returns the cases by section of the page.
pub(super) fn groups() -> [(&'static str, Vec<Case>); 6] {
    [
        ("Files", files()),
        ("Headers and delimiters", headers()),
        ("Rows", rows()),
        ("Dates", dates()),
        ("Numbers", numbers()),
        ("Text", texts()),
    ]
}

fn files() -> Vec<Case> {
    vec![
        Case {
            stderr: &["error: quotes.csv: No such file or directory (os error 2)"],
            exit: 2,
            remedy: "Check the path.",
            ..Case::new("A file that does not exist", Input::Absent)
        },
        Case {
            stderr: &["error: quotes.csv is a folder; name the CSV files in it"],
            exit: 2,
            remedy: "Name its files, as with `quotes/*.csv`.",
            ..Case::new("A folder instead of a file", Input::Folder)
        },
        Case {
            stderr: &["error: quotes.csv: the input is empty; its first line must name the columns"],
            exit: 1,
            remedy: EMPTY_INPUT,
            ..file("An empty file", b"")
        },
        Case {
            stderr: &["warning: quotes.csv: no rows, only a header", "0 rows read, 0 printed, 0 rejected, 0 blank"],
            remedy: "Nothing, if no rows were expected.",
            ..file("A header without rows", b"Symbol,Date,Close\n")
        },
        Case {
            stderr: &["error: quotes.csv: failed to read: the gzip stream is truncated"],
            records: ONE_RECORD,
            exit: 1,
            remedy: "Download the file again. The rows before the damage have been delivered. When the whole file is fed again they repeat, which the saved queries allow for.",
            ..Case::new("A truncated gzip file", Input::File(truncated_gzip()))
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
                "error: failed to write rejected rows to quotes.csv.rejects.csv: Is a directory (os error 21); choose another folder with --rejects",
            ],
            exit: 1,
            remedy: "Choose a writable folder with `--rejects`. No row has been sent.",
            ..file("A rejects file that cannot be written", b"Symbol,Date,Close\nA,2026-01-02,1\n")
        },
        Case {
            arguments: &["./quotes.csv"],
            stderr: &[
                "4 rows read, 2 printed, 2 rejected, 0 blank",
                "rejected rows, with their reasons: quotes.csv.rejects.csv",
            ],
            records: &[RECORD, RECORD],
            rejects: &["3,no date,\"A,,2\""],
            exit: 3,
            remedy: "Nothing, if it is intended: rows may repeat, and the saved queries take the newest row of each symbol and date. The rejected rows are written once. Add the date to the rejected row.",
            ..file("The same file twice", b"Symbol,Date,Close\nA,2026-01-02,1\nA,,2\n")
        },
        Case {
            stderr: &["error: standard input: the input is empty; its first line must name the columns"],
            exit: 1,
            remedy: "The program before the pipe wrote nothing; see its own error.",
            ..Case::new("Empty standard input", Input::Piped(Vec::new()))
        },
        Case {
            stderr: &[
                "warning: standard input: line 3 has no line ending, so the file may be truncated; the line is used as is",
                "2 rows read, 1 printed, 1 rejected, 0 blank",
                "rejected rows, with their reasons: stdin.rejects.csv",
            ],
            records: ONE_RECORD,
            rejects: &["3,2 fields where the header has 3,\"A,2026-01-0\""],
            exit: 3,
            remedy: "The program before the pipe ended early; see its own error, and feed the rest.",
            ..Case::new(
                "Truncated standard input",
                Input::Piped(b"Symbol,Date,Close\nA,2026-01-02,1\nA,2026-01-0".to_vec()),
            )
        },
    ]
}

/// A gzip stream whose first row can be read and whose second cannot.
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

fn headers() -> Vec<Case> {
    vec![
        Case {
            stderr: &[
                "error: quotes.csv: no column for symbol: name it Symbol, Ticker or Index (case-insensitive), or give the symbol of all rows with --symbol; found: Name, Date, Close",
            ],
            exit: 1,
            remedy: "Rename the column. If the file has no header line, add one. If all rows have the same symbol, give it with `--symbol`.",
            ..file("A header without a symbol column", b"Name,Date,Close\nA,2026-01-02,1\n")
        },
        Case {
            arguments: &["--symbol", "AAPL"],
            stderr: ONE_READ,
            records: &[
                r#"{"symbol":"AAPL","trade_date":"2012-05-18","open":19.07,"high":19.41,"low":18.65,"close":18.94,"adj_close":15.99,"volume":732292000}"#,
            ],
            remedy: "Nothing: this is how to feed the download of a single symbol. With several files, all rows get this symbol.",
            ..file(
                "A file of a single symbol, with --symbol",
                b"Date,Open,High,Low,Close,Adj Close,Volume\n2012-05-18,19.07,19.41,18.65,18.94,15.99,732292000\n",
            )
        },
        Case {
            arguments: &["--symbol", "AAPL"],
            stderr: &[
                "error: quotes.csv: --symbol AAPL: column 1 (Ticker) already has each row's symbol; leave out --symbol, or remove the column",
            ],
            exit: 1,
            remedy: "Leave out the argument. Feed files with and without a symbol column with separate commands.",
            ..file("`--symbol` for a file with a symbol column", b"Ticker,Date,Close\nA,2026-01-02,1\n")
        },
        Case {
            arguments: &["--symbol", ""],
            stderr: &["error: --symbol is empty; give the symbol of every row, such as AAPL"],
            exit: 2,
            remedy: "Give a symbol. If it comes from a shell variable, the variable is empty.",
            ..file("An empty symbol", b"Date,Close\n2026-01-02,1\n")
        },
        Case {
            stderr: &[
                "error: quotes.csv: no column for trade_date: name it Date, Datetime or Timestamp (case-insensitive); found: Symbol, Day, Close",
            ],
            exit: 1,
            remedy: "Rename the column.",
            ..file("A header without a date column", b"Symbol,Day,Close\nA,2026-01-02,1\n")
        },
        Case {
            stderr: &[
                "error: quotes.csv: the header has only one column, `Symbol;Date;Close`; if semicolons separate the columns, add --delimiter ';'",
            ],
            exit: 1,
            remedy: "Add the argument from the error. It is suggested for semicolons, tabs and bars.",
            ..file("Semicolons as delimiters", b"Symbol;Date;Close\nA;2026-01-02;1\n")
        },
        Case {
            arguments: &["--delimiter", ";"],
            stderr: &[
                "4 rows read, 1 printed, 3 rejected, 0 blank",
                "rejected rows, with their reasons: quotes.csv.rejects.csv",
            ],
            records: ONE_RECORD,
            rejects: &[
                "3,\"close has a decimal comma, but only decimal points are supported: 1,5\",\"A;2026-01-03;1,5\"",
                "4,\"close has a comma that may be a decimal comma or a thousands separator, but neither is supported: 1,234\",\"A;2026-01-04;1,234\"",
                "5,2 fields where the header has 3,A;2026-01-05",
            ],
            exit: 3,
            remedy: "The semicolons are fine. Export numbers with a decimal point and without thousands separators. The rejects file always has commas; its third column is the row as it was written.",
            ..file(
                "The same file with its delimiter, and with decimal commas",
                b"Symbol;Date;Close\nA;2026-01-02;1\nA;2026-01-03;1,5\nA;2026-01-04;1,234\nA;2026-01-05\n",
            )
        },
        Case {
            arguments: &["--delimiter", ";;"],
            stderr: &["error: --delimiter: `;;` is not one ASCII character; use one such as ';' or '|', or `tab`"],
            exit: 2,
            remedy: "Give one character. Letters, digits, quotes and the characters of dates and numbers cannot separate columns.",
            ..file("An invalid delimiter", b"Symbol;;Date;;Close\nA;;2026-01-02;;1\n")
        },
        Case {
            stderr: &[
                "error: quotes.csv: columns 3 (Close) and 4 (Close) would both become `close`; rename or remove one",
            ],
            exit: 1,
            remedy: TWO_COLUMNS,
            ..file("Two columns with the same name", b"Symbol,Date,Close,Close\nA,2026-01-02,1,2\n")
        },
        Case {
            stderr: &[
                "error: quotes.csv: columns 3 (Adj Close) and 4 (adjClose) would both become `adj_close`; rename or remove one",
            ],
            exit: 1,
            remedy: TWO_COLUMNS,
            ..file("Two columns that become the same field", b"Symbol,Date,Adj Close,adjClose\nA,2026-01-02,1,2\n")
        },
        Case {
            stderr: &[
                "error: quotes.csv: column 3 (Kafka Offset) would become `kafka_offset`, a name that the pipeline reserves; rename or remove it",
            ],
            exit: 1,
            remedy: "Rename or remove the column.",
            ..file("A column with a reserved name", b"Symbol,Date,Kafka Offset\nA,2026-01-02,1\n")
        },
        Case {
            stderr: &[
                "error: quotes.csv: the header line is not UTF-8 text but UTF-16; convert the file, for example with `iconv -f UTF-16 -t UTF-8`",
            ],
            exit: 1,
            remedy: "Convert the file, or export it as UTF-8.",
            ..file("A file in UTF-16", b"\xff\xfeS\0y\0m\0b\0o\0l\0,\0D\0a\0t\0e\0\n\0")
        },
    ]
}

fn rows() -> Vec<Case> {
    let long = [b"Symbol,Date,Close\nA,2026-01-02,1\nB,2026-01-02,".as_slice(), &vec![b'1'; 3 << 20], b"\n"].concat();
    vec![
        Case {
            stderr: &[
                "3 rows read, 1 printed, 2 rejected, 0 blank",
                "rejected rows, with their reasons: quotes.csv.rejects.csv",
            ],
            records: ONE_RECORD,
            rejects: &[
                "3,2 fields where the header has 3,\"A,2026-01-03\"",
                "4,4 fields where the header has 3,\"A,2026-01-04,1,2\"",
            ],
            exit: 3,
            remedy: "Correct the rows. A cell that contains a comma must be quoted.",
            ..file("A wrong number of fields", b"Symbol,Date,Close\nA,2026-01-02,1\nA,2026-01-03\nA,2026-01-04,1,2\n")
        },
        Case {
            stderr: ONE_REJECTED,
            records: ONE_RECORD,
            rejects: &["3,no symbol,\" ,2026-01-02,1\""],
            exit: 3,
            remedy: "Add the symbol to the row.",
            ..file("A row without a symbol", b"Symbol,Date,Close\nA,2026-01-02,1\n ,2026-01-02,1\n")
        },
        Case {
            stderr: &["1 row read, 1 printed, 0 rejected, 3 blank"],
            records: ONE_RECORD,
            remedy: "Nothing: blank lines and rows of empty cells are skipped and counted.",
            ..file("Blank rows", b"Symbol,Date,Close\n\nA,2026-01-02,1\n,,\n  \n")
        },
        Case {
            stderr: &[
                "warning: quotes.csv: line 3 has no line ending, so the file may be truncated; the line is used as is",
                "2 rows read, 2 printed, 0 rejected, 0 blank",
            ],
            records: &[RECORD, r#"{"symbol":"A","trade_date":"2026-01-03","close":12}"#],
            remedy: "Check the last line. If its number is truncated, feed the whole file again: the newest row of a symbol and date counts.",
            ..file("A truncated last row", b"Symbol,Date,Close\nA,2026-01-02,1\nA,2026-01-03,12")
        },
        Case {
            stderr: ONE_REJECTED,
            records: ONE_RECORD,
            rejects: &["2,a quoted field starts here and is never closed,\"A,2026-01-02,\"\"1\""],
            exit: 3,
            remedy: "Close the quote, or double it if it is part of the text. Only this line is rejected.",
            ..file("A quote that is never closed", b"Symbol,Date,Close\nA,2026-01-02,\"1\nA,2026-01-02,1\n")
        },
        Case {
            stderr: ONE_REJECTED,
            records: ONE_RECORD,
            rejects: &["3,row is longer than 1048576 bytes; only its beginning is kept here,\"B,2026-01-02,1"],
            exit: 3,
            remedy: "Look for a missing line end. A record must fit into Kafka's message size, 1 MB by default.",
            ..Case::new("A line of 3 MiB", Input::File(long))
        },
    ]
}

fn dates() -> Vec<Case> {
    vec![
        Case {
            stderr: ONE_REJECTED,
            records: &[r#"{"symbol":"A","trade_date":"1979-06-30","close":2}"#],
            rejects: &[
                "2,\"date is not YYYY-MM-DD: 29/06/1979 (give its format with --date-format, such as %d/%m/%Y)\",\"A,29/06/1979,1\"",
            ],
            exit: 3,
            remedy: "Give the format of the dates with `--date-format`; it applies to the whole file.",
            ..file("A date that is not ISO 8601", b"Symbol,Date,Close\nA,29/06/1979,1\nA,1979-06-30,2\n")
        },
        Case {
            arguments: &["--date-format", "%d/%m/%Y"],
            stderr: ONE_READ,
            records: &[r#"{"symbol":"A","trade_date":"1979-06-29","close":1}"#],
            remedy: "Nothing: this is the remedy for the case above.",
            ..file("The same date with its format", b"Symbol,Date,Close\nA,29/06/1979,1\n")
        },
        Case {
            stderr: &[
                "error: quotes.csv: none of the first 100 rows has a readable date; line 101: date is not YYYY-MM-DD: 29/06/1979 (give its format with --date-format, such as %d/%m/%Y)",
            ],
            rejects: EUROPEAN,
            more_rejects: 99,
            exit: 1,
            remedy: "Give the format of the dates with `--date-format`. No row of the file has been sent, and the rest was not read.",
            ..Case::new(
                "A file whose dates all have another format",
                Input::File(["Symbol,Date\n", &"A,29/06/1979\n".repeat(150)].concat().into_bytes()),
            )
        },
    ]
}

/// The first of many similar lines.
const EUROPEAN: &[&str] = &[
    "2,\"date is not YYYY-MM-DD: 29/06/1979 (give its format with --date-format, such as %d/%m/%Y)\",\"A,29/06/1979\"",
];

fn numbers() -> Vec<Case> {
    vec![
        Case {
            stderr: &[
                "5 rows read, 1 printed, 4 rejected, 0 blank",
                "rejected rows, with their reasons: quotes.csv.rejects.csv",
            ],
            records: ONE_RECORD,
            rejects: &[
                "2,close is not a finite number: NaN,\"A,2026-01-02,NaN\"",
                "3,close is not a finite number: -Infinity,\"A,2026-01-02,-Infinity\"",
                "4,close is not a finite number: 1e999,\"A,2026-01-02,1e999\"",
                "5,close is not a number: n/a,\"A,2026-01-02,n/a\"",
            ],
            exit: 3,
            remedy: "Leave the cell empty if there is no number; it becomes null.",
            ..file(
                "NaN, infinities and other values that are not numbers",
                b"Symbol,Date,Close\nA,2026-01-02,NaN\nA,2026-01-02,-Infinity\nA,2026-01-02,1e999\nA,2026-01-02,n/a\nA,2026-01-02,1\n",
            )
        },
        Case {
            stderr: ONE_REJECTED,
            records: ONE_RECORD,
            rejects: &["2,\"close has thousands separators, which are not supported: 1,234.5\",\"A,2026-01-02,\"\"1,234.5\"\"\""],
            exit: 3,
            remedy: "Export numbers without separators. Whether the comma or the point is the decimal sign is not guessed.",
            ..file("Thousands separators", b"Symbol,Date,Close\nA,2026-01-02,\"1,234.5\"\nA,2026-01-02,1\n")
        },
    ]
}

fn texts() -> Vec<Case> {
    const NOTHING: &str = "Nothing: the file is read as intended.";
    vec![
        Case {
            stderr: ONE_READ,
            records: &[r#"{"symbol":"A","trade_date":"2026-01-02","name":"Hang \"Seng\",\nHong Kong"}"#],
            remedy: NOTHING,
            ..file(
                "Quoted cells with commas, quotes and line breaks",
                b"Symbol,Date,Name\nA,2026-01-02,\"Hang \"\"Seng\"\",\nHong Kong\"\n",
            )
        },
        Case {
            stderr: ONE_READ,
            records: ONE_RECORD,
            remedy: NOTHING,
            ..file("A byte-order mark", b"\xef\xbb\xbfSymbol,Date,Close\nA,2026-01-02,1\n")
        },
        Case {
            stderr: ONE_REJECTED,
            records: ONE_RECORD,
            rejects: &["3,no date,\"A,,2\""],
            exit: 3,
            remedy: "The line ends are fine: rows are read and numbered as with any other. Add the date to the row.",
            ..file("Windows line ends", b"Symbol,Date,Close\r\nA,2026-01-02,1\r\nA,,2\r\n")
        },
        Case {
            stderr: ONE_REJECTED,
            records: ONE_RECORD,
            rejects: &["3,not UTF-8 text,\"Soci\u{fffd}t\u{fffd},2026-01-02,1\""],
            exit: 3,
            remedy: "Convert the file, for example with `iconv -f LATIN1 -t UTF-8`. The rejects file keeps the original bytes.",
            ..file("A byte that is not UTF-8", b"Symbol,Date,Close\nA,2026-01-02,1\nSoci\xe9t\xe9,2026-01-02,1\n")
        },
    ]
}
