//! Rows that are not quotes, and rows that only look wrong.

use crate::bad_inputs::table::{Case, Input, ONE_RECORD, ONE_REJECTED, file};

pub(in crate::bad_inputs) fn cases() -> Vec<Case> {
    vec![
        Case {
            stderr: &[
                "error: quotes.csv: 3 of the first 4 rows are not quotes, so nothing is sent: line 3: 2 fields where the header has 3; line 5: date does not match 2024-12-31: soon; read as: symbol in Symbol, date in Date (ymd), 1d bars; close (Close)",
            ],
            exit: 1,
            remedy: "Compare the header and the rows with the plan at the end of the message. An option overrides each of its choices. If more than half of the first 100 rows fail, nothing is sent.",
            ..file(
                "Most rows are not quotes",
                b"Symbol,Date,Close\nA,2026-01-02,1\nA,2026-01-05\nA,2026-01-06,2,3\nA,soon,4\n",
            )
        },
        Case {
            stderr: &[
                "quotes.csv: symbol in Symbol, date in Date (ymd), 1d bars; close (Close)",
                "4 rows read, 2 printed, 2 rejected, 0 blank",
                "rejected rows, with their reasons: quotes.csv.rejects.csv",
            ],
            records: &[
                r#"{"symbol":"A","trade_date":"2026-01-02","bar":"1d","close":1}"#,
                r#"{"symbol":"A","trade_date":"2026-01-05","bar":"1d","close":2}"#,
            ],
            rejects: &[
                r#"4,2 fields where the header has 3,"A,2026-01-06""#,
                r#"5,4 fields where the header has 3,"A,2026-01-07,1,2""#,
            ],
            exit: 3,
            remedy: "Correct the rows. A cell that contains a comma must be quoted.",
            ..file(
                "A wrong number of fields",
                b"Symbol,Date,Close\nA,2026-01-02,1\nA,2026-01-05,2\nA,2026-01-06\nA,2026-01-07,1,2\n",
            )
        },
        Case {
            stderr: &[
                "quotes.csv: 2 symbols side by side (AAPL, MSFT), date in Date (ymd), 1d bars; close",
                "3 rows read, 3 printed, 0 rejected, 0 blank",
            ],
            records: &[
                r#"{"symbol":"AAPL","trade_date":"2024-01-02","bar":"1d","close":185.64}"#,
                r#"{"symbol":"MSFT","trade_date":"2024-01-02","bar":"1d","close":370.87}"#,
                r#"{"symbol":"AAPL","trade_date":"2024-01-03","bar":"1d","close":184.25}"#,
            ],
            remedy: "Nothing: a row becomes a record for each symbol that has a price.",
            ..file(
                "Several symbols side by side, one of them missing",
                b"Date,AAPL,MSFT\n2024-01-02,185.64,370.87\n2024-01-03,184.25,\n",
            )
        },
        Case {
            stderr: &[
                "quotes.csv: symbol in Symbol, date in Date (ymd), 1d bars; close (Close)",
                "2 rows read, 2 printed, 0 rejected, 0 blank",
            ],
            records: &[
                r#"{"symbol":"A","trade_date":"2026-01-02","bar":"1d","close":1}"#,
                r#"{"symbol":"A","trade_date":"2026-01-02","bar":"1d","close":2,"seq":2}"#,
            ],
            remedy: "Nothing: both are kept, and the second one gets a number, which is part of its identity. If the rows differ in another column, such as an exchange, name it with `--key`.",
            ..file("The same symbol and date twice", b"Symbol,Date,Close\nA,2026-01-02,1\nA,2026-01-02,2\n")
        },
        Case {
            stderr: &[
                "quotes.csv: symbol in Symbol, date in Date (ymd), 1d bars; close (Close)",
                "1 row read, 1 printed, 0 rejected, 3 blank",
            ],
            records: ONE_RECORD,
            remedy: "Nothing: blank lines and rows of empty cells are skipped and counted.",
            ..file("Blank rows", b"Symbol,Date,Close\n\nA,2026-01-02,1\n,,\n  \n")
        },
        Case {
            stderr: &[
                "quotes.csv: symbol in Symbol, date in Date (ymd), 1d bars; close (Close)",
                "warning: quotes.csv: line 3 has no line ending, so the file may be truncated; the line is used as is",
                "2 rows read, 2 printed, 0 rejected, 0 blank",
            ],
            records: &[
                r#"{"symbol":"A","trade_date":"2026-01-02","bar":"1d","close":1}"#,
                r#"{"symbol":"A","trade_date":"2026-01-05","bar":"1d","close":12}"#,
            ],
            remedy: "Check the last line. If its number is truncated, feed the whole file again: the newest row of a symbol and date counts.",
            ..file("A truncated last row", b"Symbol,Date,Close\nA,2026-01-02,1\nA,2026-01-05,12")
        },
        Case {
            stderr: ONE_REJECTED,
            records: &[r#"{"symbol":"A","trade_date":"2026-01-05","bar":"1d","close":1}"#],
            rejects: &[r#"2,a quoted field starts here and is never closed,"A,2026-01-02,""1""#],
            exit: 3,
            remedy: "Close the quote, or double it if it is part of the text. Only this line is rejected.",
            ..file("A quote that is never closed", b"Symbol,Date,Close\nA,2026-01-02,\"1\nA,2026-01-05,1\n")
        },
        Case {
            stderr: ONE_REJECTED,
            records: ONE_RECORD,
            rejects: &[r#"3,row is longer than 1048576 bytes; only its beginning is kept here,"B,2026-01-02,11111111"#],
            exit: 3,
            remedy: "Look for a missing line end. A record must fit into Kafka's message size, 1 MB by default.",
            ..Case::new("A line of 3 MiB", Input::File(long_line()))
        },
    ]
}

fn long_line() -> Vec<u8> {
    [b"Symbol,Date,Close\nA,2026-01-02,1\nB,2026-01-02,".as_slice(), &vec![b'1'; 3 << 20], b"\n"].concat()
}
