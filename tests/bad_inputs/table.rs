//! The table of bad inputs: each with the expected output and the remedy. The cases are in `cases`, and the book's page
//! `reference/errors.md` is generated from them.

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
    pub(super) exit: i32,
    /// The remedy, as a sentence for the user.
    pub(super) remedy: &'static str,
}

impl Case {
    pub(super) fn new(title: &'static str, input: Input) -> Self {
        let (stderr, records, rejects): (&[_], &[_], &[_]) = (&[], &[], &[]);
        Case { title, input, arguments: &[], obstacle: None, stderr, records, rejects, exit: 0, remedy: "" }
    }
}

pub(super) fn file(title: &'static str, bytes: &[u8]) -> Case {
    Case::new(title, Input::File(bytes.to_vec()))
}

pub(super) const ONE_RECORD: &[&str] = &[r#"{"symbol":"A","trade_date":"2026-01-02","bar":"1d","close":1}"#];
pub(super) const ONE_REJECTED: &[&str] = &[
    "quotes.csv: symbol in Symbol, date in Date (ymd), 1d bars; close (Close)",
    "2 rows read, 1 printed, 1 rejected, 0 blank",
    "rejected rows, with their reasons: quotes.csv.rejects.csv",
];
pub(super) const ONE_READ: &[&str] = &[
    "quotes.csv: symbol in Symbol, date in Date (ymd), 1d bars; close (Close)",
    "1 row read, 1 printed, 0 rejected, 0 blank",
];
pub(super) const NOTHING: &str = "Nothing: the file is read as intended.";
