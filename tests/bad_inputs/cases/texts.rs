//! Quotes, line ends and encodings.

use crate::bad_inputs::table::{Case, NOTHING, ONE_READ, ONE_RECORD, ONE_REJECTED, file};

pub(in crate::bad_inputs) fn cases() -> Vec<Case> {
    vec![
        Case {
            stderr: ONE_READ,
            records: &[
                r#"{"symbol":"A","trade_date":"2026-01-02","bar":"1d","close":1,"name":"Hang \"Seng\",\nHong Kong"}"#,
            ],
            remedy: NOTHING,
            ..file(
                "Quoted cells with commas, quotes and line breaks",
                b"Symbol,Date,Close,Name\nA,2026-01-02,1,\"Hang \"\"Seng\"\",\nHong Kong\"\n",
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
            rejects: &[r#"3,no date,"A,,2""#],
            exit: 3,
            remedy: "The line ends are fine: rows are read and numbered as with any other. Add the date to the row.",
            ..file("Windows line ends", b"Symbol,Date,Close\r\nA,2026-01-02,1\r\nA,,2\r\n")
        },
        Case {
            stderr: ONE_READ,
            records: ONE_RECORD,
            remedy: NOTHING,
            ..file(
                "A file in UTF-16",
                b"\xff\xfeS\x00y\x00m\x00b\x00o\x00l\x00,\x00D\x00a\x00t\x00e\x00,\x00C\x00l\x00o\x00s\x00e\x00\n\x00A\x00,\x002\x000\x002\x006\x00-\x000\x001\x00-\x000\x002\x00,\x001\x00\n\x00",
            )
        },
        Case {
            stderr: &[
                "quotes.csv: symbol in Symbol, date in Date (ymd), 1d bars; close (Close)",
                "warning: quotes.csv: the file is not UTF-8; it is read as windows-1252, which is a guess; set it with --encoding",
                "1 row read, 1 printed, 0 rejected, 0 blank",
            ],
            records: &[
                r#"{"symbol":"A","trade_date":"2026-01-02","bar":"1d","close":1,"name":"Société"}"#,
            ],
            remedy: "Check the names in the records. If they are wrong, name the encoding with `--encoding`.",
            ..file("Names in another encoding", b"Symbol,Date,Close,Name\nA,2026-01-02,1,Soci\xe9t\xe9\n")
        },
        Case {
            stderr: &[
                "error: quotes.csv: the file is not UTF-8, and windows-1252 is a guess, which decodes one of the cells as Société: add --encoding windows-1252 or --encoding NAME; try: producer --dry-run quotes.csv --encoding windows-1252",
            ],
            exit: 1,
            remedy: "Name the encoding, since a symbol decides what is counted together. Or convert the file, for example with `iconv -f LATIN1 -t UTF-8`.",
            ..file("Symbols in another encoding", b"Symbol,Date,Close\nSoci\xe9t\xe9,2026-01-02,1\n")
        },
        Case {
            arguments: &["--encoding", "utf-8"],
            stderr: ONE_REJECTED,
            records: ONE_RECORD,
            rejects: &[r#"3,not UTF-8 text,"Soci�t�,2026-01-02,1""#],
            exit: 3,
            remedy: "Convert the file, or name its encoding. The rejects file keeps the original bytes.",
            ..file(
                "A byte that is not UTF-8, with `--encoding utf-8`",
                b"Symbol,Date,Close\nA,2026-01-02,1\nSoci\xe9t\xe9,2026-01-02,1\n",
            )
        },
    ]
}
