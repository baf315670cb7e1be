//! The table of bad inputs: what is fed, and what a user then sees. `docs/errors.md` is written from it.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// The name under which a case's input is fed.
pub(super) const FILE: &str = "quotes.csv";

/// Where a case's bytes come from.
pub(super) enum Input {
    /// A file of these bytes.
    File(Vec<u8>),
    /// Standard input, which ends after these bytes.
    Piped(Vec<u8>),
    /// No such file.
    Absent,
    /// A folder of that name.
    Folder,
}

/// One bad input.
pub(super) struct Case {
    /// What is the matter; the heading of its section.
    pub(super) title: &'static str,
    /// What is fed.
    pub(super) input: Input,
    /// Arguments besides the input.
    pub(super) arguments: &'static [&'static str],
    /// A folder that is there already, where something else would have to be.
    pub(super) in_the_way: Option<&'static str>,
    /// What is said, by line; of the counts, what stands before the first semicolon.
    pub(super) says: &'static [&'static str],
    /// The records.
    pub(super) records: &'static [&'static str],
    /// The rejects file, line by line without its header; of a long line, its beginning.
    pub(super) rejects: &'static [&'static str],
    /// How many lines like them follow.
    pub(super) more_rejects: usize,
    /// The exit code.
    pub(super) exit: i32,
    /// What the user does about it.
    pub(super) mend: &'static str,
}

impl Case {
    fn new(title: &'static str, input: Input) -> Self {
        let (says, records, rejects): (&[_], &[_], &[_]) = (&[], &[], &[]);
        Case {
            title,
            input,
            arguments: &[],
            in_the_way: None,
            says,
            records,
            rejects,
            more_rejects: 0,
            exit: 0,
            mend: "",
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
const ALL_READ: &[&str] = &["1 rows read, 1 printed, 0 rejected, 0 blank"];
const EMPTY_INPUT: &str = "The export or download that made it has failed: make it again. A header alone is no error.";
const TWO_COLUMNS: &str = "Rename or remove one of the two columns named, by position and title.";

/// Every case.
pub(super) fn cases() -> Vec<Case> {
    [files(), headers(), rows(), dates(), numbers(), texts()].into_iter().flatten().collect()
}

fn files() -> Vec<Case> {
    vec![
        Case {
            says: &["error: quotes.csv: No such file or directory (os error 2)"],
            exit: 2,
            mend: "Check the path.",
            ..Case::new("A file that does not exist", Input::Absent)
        },
        Case {
            says: &["error: quotes.csv: is a folder; name the CSV files in it"],
            exit: 2,
            mend: "Name its files, as with `quotes/*.csv`.",
            ..Case::new("A folder", Input::Folder)
        },
        Case {
            says: &["error: quotes.csv: it is empty; its first line must name the columns"],
            exit: 1,
            mend: EMPTY_INPUT,
            ..file("An empty file", b"")
        },
        Case {
            says: &["warning: quotes.csv: no rows, only a header", "0 rows read, 0 printed, 0 rejected, 0 blank"],
            mend: "Nothing, if no rows were to come.",
            ..file("A header and no rows", b"Symbol,Date,Close\n")
        },
        Case {
            says: &["error: quotes.csv: cannot be read: its gzip stream is cut short"],
            records: ONE_RECORD,
            exit: 1,
            mend: "Fetch the file again. What could be read has been delivered; fed again whole, its rows repeat, which the saved queries allow for.",
            ..Case::new("A gzipped file that is cut short", Input::File(cut_gzip()))
        },
        Case {
            arguments: &["--rejects", "quotes.csv/rejects"],
            says: &["error: --rejects: quotes.csv/rejects is not a folder"],
            exit: 2,
            mend: "Give `--rejects` a folder that exists. Nothing has been fed.",
            ..file("A rejects folder that cannot be one", b"Symbol,Date,Close\nA,2026-01-02,1\n")
        },
        Case {
            in_the_way: Some("quotes.csv.rejects.csv"),
            says: &[
                "error: quotes.csv.rejects.csv: rejected rows cannot be written there: Is a directory (os error 21); --rejects names another folder",
            ],
            exit: 1,
            mend: "Give a folder that can be written with `--rejects`. Nothing has been fed.",
            ..file("A rejects file that cannot be written", b"Symbol,Date,Close\nA,2026-01-02,1\n")
        },
        Case {
            arguments: &["./quotes.csv"],
            says: &[
                "4 rows read, 2 printed, 2 rejected, 0 blank",
                "rejected rows, with their reasons: quotes.csv.rejects.csv",
            ],
            records: &[RECORD, RECORD],
            rejects: &["3,no date,\"A,,2\""],
            exit: 3,
            mend: "Nothing, if it is meant: rows may repeat, and the saved queries take the newest of each symbol and date. Its rejected rows are written once. Give the row its date.",
            ..file("A file that is named twice", b"Symbol,Date,Close\nA,2026-01-02,1\nA,,2\n")
        },
        Case {
            says: &["error: standard input: it is empty; its first line must name the columns"],
            exit: 1,
            mend: "The program before the pipe wrote nothing: look at its own error.",
            ..Case::new("Standard input that ends at once", Input::Piped(Vec::new()))
        },
        Case {
            says: &[
                "warning: standard input: line 3 has no line end, so the file may be cut short; the line counts as it stands",
                "2 rows read, 1 printed, 1 rejected, 0 blank",
                "rejected rows, with their reasons: stdin.rejects.csv",
            ],
            records: ONE_RECORD,
            rejects: &["3,2 fields where the header has 3,\"A,2026-01-0\""],
            exit: 3,
            mend: "The program before the pipe has ended early: look at its own error, and feed the rest.",
            ..Case::new(
                "Standard input that ends early",
                Input::Piped(b"Symbol,Date,Close\nA,2026-01-02,1\nA,2026-01-0".to_vec()),
            )
        },
    ]
}

/// The first row can be read; the second cannot.
fn cut_gzip() -> Vec<u8> {
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
            says: &[
                "error: quotes.csv: no column for symbol: one must be called Symbol, Ticker or Index (any case), or --symbol gives the symbol of every row; found: Name, Date, Close",
            ],
            exit: 1,
            mend: "Rename the column. Without a header line, add one. If all rows are of one symbol, give it with `--symbol`.",
            ..file("A header without a symbol column", b"Name,Date,Close\nA,2026-01-02,1\n")
        },
        Case {
            arguments: &["--symbol", "AAPL"],
            says: ALL_READ,
            records: &[
                r#"{"symbol":"AAPL","trade_date":"2012-05-18","open":19.07,"high":19.41,"low":18.65,"close":18.94,"adj_close":15.99,"volume":732292000}"#,
            ],
            mend: "Nothing: this is how the download of a single symbol is fed. Of several files, all rows get the one symbol.",
            ..file(
                "A file of one symbol, which the argument names",
                b"Date,Open,High,Low,Close,Adj Close,Volume\n2012-05-18,19.07,19.41,18.65,18.94,15.99,732292000\n",
            )
        },
        Case {
            arguments: &["--symbol", "AAPL"],
            says: &[
                "error: quotes.csv: --symbol AAPL: column 1 (Ticker) says each row's symbol; leave out --symbol, or remove the column",
            ],
            exit: 1,
            mend: "Leave out the argument. Files with and without a symbol column are fed by a command each.",
            ..file("A symbol for a file that has a symbol column", b"Ticker,Date,Close\nA,2026-01-02,1\n")
        },
        Case {
            arguments: &["--symbol", ""],
            says: &["error: --symbol: is empty; give the symbol of every row, such as AAPL"],
            exit: 2,
            mend: "Give a symbol. If it was to come from a variable of the shell, that one is empty.",
            ..file("A symbol that is empty", b"Date,Close\n2026-01-02,1\n")
        },
        Case {
            says: &[
                "error: quotes.csv: no column for trade_date: one must be called Date, Datetime or Timestamp (any case); found: Symbol, Day, Close",
            ],
            exit: 1,
            mend: "Rename the column.",
            ..file("A header without a date column", b"Symbol,Day,Close\nA,2026-01-02,1\n")
        },
        Case {
            says: &[
                "error: quotes.csv: its header has one column only: Symbol;Date;Close; if semicolons separate columns, give --delimiter ';'",
            ],
            exit: 1,
            mend: "Give the argument that the error names. It does so for semicolons, tabs and bars.",
            ..file("Semicolons between the columns", b"Symbol;Date;Close\nA;2026-01-02;1\n")
        },
        Case {
            arguments: &["--delimiter", ";"],
            says: &[
                "4 rows read, 1 printed, 3 rejected, 0 blank",
                "rejected rows, with their reasons: quotes.csv.rejects.csv",
            ],
            records: ONE_RECORD,
            rejects: &[
                "3,\"close is a number with a decimal comma, where only a decimal point is read: 1,5\",\"A;2026-01-03;1,5\"",
                "4,\"close is a number with a comma that may be decimal or of thousands: 1,234\",\"A;2026-01-04;1,234\"",
                "5,2 fields where the header has 3,A;2026-01-05",
            ],
            exit: 3,
            mend: "Nothing about the semicolons. Export numbers with a decimal point and without separators. The rejects file itself is always separated by commas; its third column is the row as it was written.",
            ..file(
                "The same file with its delimiter, and decimal commas",
                b"Symbol;Date;Close\nA;2026-01-02;1\nA;2026-01-03;1,5\nA;2026-01-04;1,234\nA;2026-01-05\n",
            )
        },
        Case {
            arguments: &["--delimiter", ";;"],
            says: &["error: --delimiter: `;;` is not one ASCII character; give one such as ';' or '|', or `tab`"],
            exit: 2,
            mend: "Give one character. Letters, digits, quotes and the signs of dates and numbers cannot separate columns.",
            ..file("A delimiter that is none", b"Symbol;;Date;;Close\nA;;2026-01-02;;1\n")
        },
        Case {
            says: &[
                "error: quotes.csv: columns 3 (Close) and 4 (Close) would both become `close`; rename or remove one",
            ],
            exit: 1,
            mend: TWO_COLUMNS,
            ..file("Two columns of one name", b"Symbol,Date,Close,Close\nA,2026-01-02,1,2\n")
        },
        Case {
            says: &[
                "error: quotes.csv: columns 3 (Adj Close) and 4 (adjClose) would both become `adj_close`; rename or remove one",
            ],
            exit: 1,
            mend: TWO_COLUMNS,
            ..file("Two columns that become one name", b"Symbol,Date,Adj Close,adjClose\nA,2026-01-02,1,2\n")
        },
        Case {
            says: &[
                "error: quotes.csv: column 3 (Kafka Offset) would become `kafka_offset`, a name that the pipeline uses itself; rename or remove it",
            ],
            exit: 1,
            mend: "Rename or remove the column.",
            ..file("A column named like a record's coordinate", b"Symbol,Date,Kafka Offset\nA,2026-01-02,1\n")
        },
        Case {
            says: &[
                "error: quotes.csv: its header line is not UTF-8 text but UTF-16; convert it, as with `iconv -f UTF-16 -t UTF-8`",
            ],
            exit: 1,
            mend: "Convert the file, or export it as UTF-8.",
            ..file("A file in UTF-16", b"\xff\xfeS\0y\0m\0b\0o\0l\0,\0D\0a\0t\0e\0\n\0")
        },
    ]
}

fn rows() -> Vec<Case> {
    let long = [b"Symbol,Date,Close\nA,2026-01-02,1\nB,2026-01-02,".as_slice(), &vec![b'1'; 3 << 20], b"\n"].concat();
    vec![
        Case {
            says: &[
                "3 rows read, 1 printed, 2 rejected, 0 blank",
                "rejected rows, with their reasons: quotes.csv.rejects.csv",
            ],
            records: ONE_RECORD,
            rejects: &[
                "3,2 fields where the header has 3,\"A,2026-01-03\"",
                "4,4 fields where the header has 3,\"A,2026-01-04,1,2\"",
            ],
            exit: 3,
            mend: "Mend the rows; a cell that holds a comma is written in quotes.",
            ..file("A wrong number of fields", b"Symbol,Date,Close\nA,2026-01-02,1\nA,2026-01-03\nA,2026-01-04,1,2\n")
        },
        Case {
            says: ONE_REJECTED,
            records: ONE_RECORD,
            rejects: &["3,no symbol,\" ,2026-01-02,1\""],
            exit: 3,
            mend: "Give the row its symbol.",
            ..file("A row without a symbol", b"Symbol,Date,Close\nA,2026-01-02,1\n ,2026-01-02,1\n")
        },
        Case {
            says: &["1 rows read, 1 printed, 0 rejected, 3 blank"],
            records: ONE_RECORD,
            mend: "Nothing: blank lines, and rows of empty cells only, are passed over and counted.",
            ..file("Blank rows", b"Symbol,Date,Close\n\nA,2026-01-02,1\n,,\n  \n")
        },
        Case {
            says: &[
                "warning: quotes.csv: line 3 has no line end, so the file may be cut short; the line counts as it stands",
                "2 rows read, 2 printed, 0 rejected, 0 blank",
            ],
            records: &[RECORD, r#"{"symbol":"A","trade_date":"2026-01-03","close":12}"#],
            mend: "Look at the last line. If its number was cut short, feed the whole file again: the newest row of a symbol and date counts.",
            ..file("A last row that is cut short", b"Symbol,Date,Close\nA,2026-01-02,1\nA,2026-01-03,12")
        },
        Case {
            says: ONE_REJECTED,
            records: ONE_RECORD,
            rejects: &["2,a quoted field is opened here and never closed,\"A,2026-01-02,\"\"1\""],
            exit: 3,
            mend: "Close the quote, or double it if it belongs to the text. Only its own line is rejected.",
            ..file("A quote that is never closed", b"Symbol,Date,Close\nA,2026-01-02,\"1\nA,2026-01-02,1\n")
        },
        Case {
            says: ONE_REJECTED,
            records: ONE_RECORD,
            rejects: &["3,longer than 1048576 bytes; only its beginning is kept here,\"B,2026-01-02,1"],
            exit: 3,
            mend: "Look for a lost line end. A record must fit into Kafka's message size, 1 MB unless set otherwise.",
            ..Case::new("A line of three megabytes", Input::File(long))
        },
    ]
}

fn dates() -> Vec<Case> {
    vec![
        Case {
            says: ONE_REJECTED,
            records: &[r#"{"symbol":"A","trade_date":"1979-06-30","close":2}"#],
            rejects: &[
                "2,\"date is not YYYY-MM-DD: 29/06/1979 (give its format with --date-format, such as %d/%m/%Y)\",\"A,29/06/1979,1\"",
            ],
            exit: 3,
            mend: "Say with `--date-format` how dates are written; one format holds for the whole file.",
            ..file("A date that is not ISO 8601", b"Symbol,Date,Close\nA,29/06/1979,1\nA,1979-06-30,2\n")
        },
        Case {
            arguments: &["--date-format", "%d/%m/%Y"],
            says: ALL_READ,
            records: &[r#"{"symbol":"A","trade_date":"1979-06-29","close":1}"#],
            mend: "Nothing: this is the remedy for the case above.",
            ..file("The same date, with its format", b"Symbol,Date,Close\nA,29/06/1979,1\n")
        },
        Case {
            says: &[
                "error: quotes.csv: none of the first 100 rows has a readable date; line 101: date is not YYYY-MM-DD: 29/06/1979 (give its format with --date-format, such as %d/%m/%Y)",
            ],
            rejects: EUROPEAN,
            more_rejects: 99,
            exit: 1,
            mend: "Say with `--date-format` how dates are written. Nothing of the file has been fed, and its rest was not read.",
            ..Case::new(
                "A file whose dates are all written otherwise",
                Input::File(["Symbol,Date\n", &"A,29/06/1979\n".repeat(150)].concat().into_bytes()),
            )
        },
    ]
}

/// The first of many like it.
const EUROPEAN: &[&str] = &[
    "2,\"date is not YYYY-MM-DD: 29/06/1979 (give its format with --date-format, such as %d/%m/%Y)\",\"A,29/06/1979\"",
];

fn numbers() -> Vec<Case> {
    vec![
        Case {
            says: &[
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
            mend: "Leave the cell empty where there is no number: it becomes null.",
            ..file(
                "NaN, infinities and other words for no number",
                b"Symbol,Date,Close\nA,2026-01-02,NaN\nA,2026-01-02,-Infinity\nA,2026-01-02,1e999\nA,2026-01-02,n/a\nA,2026-01-02,1\n",
            )
        },
        Case {
            says: ONE_REJECTED,
            records: ONE_RECORD,
            rejects: &["2,\"close is a number with thousands separators: 1,234.5\",\"A,2026-01-02,\"\"1,234.5\"\"\""],
            exit: 3,
            mend: "Export numbers without separators: which of comma and point is the decimal one is not guessed.",
            ..file("Thousands separators", b"Symbol,Date,Close\nA,2026-01-02,\"1,234.5\"\nA,2026-01-02,1\n")
        },
    ]
}

fn texts() -> Vec<Case> {
    const NOTHING: &str = "Nothing: it is read as it was meant.";
    vec![
        Case {
            says: ALL_READ,
            records: &[r#"{"symbol":"A","trade_date":"2026-01-02","name":"Hang \"Seng\",\nHong Kong"}"#],
            mend: NOTHING,
            ..file(
                "Quoted cells with commas, quotes and line breaks",
                b"Symbol,Date,Name\nA,2026-01-02,\"Hang \"\"Seng\"\",\nHong Kong\"\n",
            )
        },
        Case {
            says: ALL_READ,
            records: ONE_RECORD,
            mend: NOTHING,
            ..file("A byte-order mark", b"\xef\xbb\xbfSymbol,Date,Close\nA,2026-01-02,1\n")
        },
        Case {
            says: ONE_REJECTED,
            records: ONE_RECORD,
            rejects: &["3,no date,\"A,,2\""],
            exit: 3,
            mend: "Of the line ends, nothing: rows are read and numbered as with any other. Give the row its date.",
            ..file("Line ends of Windows", b"Symbol,Date,Close\r\nA,2026-01-02,1\r\nA,,2\r\n")
        },
        Case {
            says: ONE_REJECTED,
            records: ONE_RECORD,
            rejects: &["3,not UTF-8 text,\"Soci\u{fffd}t\u{fffd},2026-01-02,1\""],
            exit: 3,
            mend: "Convert the file, as with `iconv -f LATIN1 -t UTF-8`. The rejects file keeps the bytes as they are.",
            ..file("A byte that is not UTF-8", b"Symbol,Date,Close\nA,2026-01-02,1\nSoci\xe9t\xe9,2026-01-02,1\n")
        },
    ]
}
