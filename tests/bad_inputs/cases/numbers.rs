//! Decimal signs, thousands and cells that are not numbers.

use crate::bad_inputs::table::{Case, file};

pub(in crate::bad_inputs) fn cases() -> Vec<Case> {
    vec![
        Case {
            stderr: &[
                "error: quotes.csv: 1,234 can be 1234 or 1.234: add --decimal point or --decimal comma; try: producer --dry-run quotes.csv --decimal point",
            ],
            exit: 1,
            remedy: "Give the decimal sign. A single number such as `1,234.5` or `1,5` anywhere in the file makes it certain.",
            ..file(
                "Numbers whose comma can be either sign",
                b"Symbol,Date,Close\nA,2024-01-02,\"1,234\"\nA,2024-01-03,\"1,240\"\n",
            )
        },
        Case {
            arguments: &["--decimal", "point"],
            stderr: &[
                "quotes.csv: symbol in Symbol, date in Date (ymd), 1d bars; close (Close)",
                "2 rows read, 2 printed, 0 rejected, 0 blank",
            ],
            records: &[
                r#"{"symbol":"A","trade_date":"2024-01-02","bar":"1d","close":1234}"#,
                r#"{"symbol":"A","trade_date":"2024-01-03","bar":"1d","close":1240}"#,
            ],
            remedy: "Nothing: this is the remedy for the case above.",
            ..file(
                "The same numbers with their decimal sign",
                b"Symbol,Date,Close\nA,2024-01-02,\"1,234\"\nA,2024-01-03,\"1,240\"\n",
            )
        },
        Case {
            stderr: &[
                "error: quotes.csv: 4.003 can be 4003 or 4.003: add --decimal point or --decimal comma; try: producer --dry-run quotes.csv --decimal point",
            ],
            exit: 1,
            remedy: "Give the decimal sign. With `comma`, 4.003 is four thousand and three.",
            ..file(
                "Whole numbers whose point can be either sign",
                b"Symbol;Date;Open;Close\nA;2024-01-02;4.003;987\nA;2024-01-03;4.005;999\n",
            )
        },
        Case {
            stderr: &[
                "error: quotes.csv: numbers have decimal points (1236.5) and decimal commas (1234,5): add --decimal point or --decimal comma; try: producer --dry-run quotes.csv --decimal point",
            ],
            exit: 1,
            remedy: "Give the sign that is right, and correct the other rows, which are rejected.",
            ..file(
                "Decimal points and decimal commas",
                b"Symbol;Date;Close\nA;2024-01-02;1234,5\nA;2024-01-03;1235,5\nA;2024-01-04;1236.5\n",
            )
        },
        Case {
            arguments: &["--decimal", "comma"],
            stderr: &[
                "quotes.csv: separated by ';', symbol in Symbol, date in Date (ymd), 1d bars, decimal commas; close (Close)",
                "3 rows read, 2 printed, 1 rejected, 0 blank",
                "rejected rows, with their reasons: quotes.csv.rejects.csv",
            ],
            records: &[
                r#"{"symbol":"A","trade_date":"2024-01-02","bar":"1d","close":1234.5}"#,
                r#"{"symbol":"A","trade_date":"2024-01-03","bar":"1d","close":1235.5}"#,
            ],
            rejects: &[
                "4,close has separators that do not fit the file's other numbers: 1236.5,A;2024-01-04;1236.5",
            ],
            exit: 3,
            remedy: "Correct the row. The rejects file always has commas; its third column is the row as it was written.",
            ..file(
                "The same file with its decimal sign",
                b"Symbol;Date;Close\nA;2024-01-02;1234,5\nA;2024-01-03;1235,5\nA;2024-01-04;1236.5\n",
            )
        },
        Case {
            stderr: &[
                "quotes.csv: symbol in Symbol, date in Date (ymd), 1d bars; close (Close)",
                "7 rows read, 4 printed, 3 rejected, 0 blank",
                "rejected rows, with their reasons: quotes.csv.rejects.csv",
            ],
            records: &[
                r#"{"symbol":"A","trade_date":"2026-01-02","bar":"1d","close":1}"#,
                r#"{"symbol":"A","trade_date":"2026-01-05","bar":"1d","close":2}"#,
                r#"{"symbol":"A","trade_date":"2026-01-06","bar":"1d","close":3}"#,
                r#"{"symbol":"A","trade_date":"2026-01-07","bar":"1d","close":4}"#,
            ],
            rejects: &[
                r#"6,close is not a finite number: -Infinity,"A,2026-01-08,-Infinity""#,
                r#"7,close is not a finite number: 1e999,"A,2026-01-09,1e999""#,
                r#"8,close is not a number: halted,"A,2026-01-12,halted""#,
            ],
            exit: 3,
            remedy: "Leave the cell empty if there is no number. A number must fit a double.",
            ..file(
                "Infinities, and texts instead of numbers",
                b"Symbol,Date,Close\nA,2026-01-02,1\nA,2026-01-05,2\nA,2026-01-06,3\nA,2026-01-07,4\nA,2026-01-08,-Infinity\nA,2026-01-09,1e999\nA,2026-01-12,halted\n",
            )
        },
        Case {
            stderr: &[
                "quotes.csv: symbol in Symbol, date in Date (ymd), 1d bars; close (Close)",
                "4 rows read, 4 printed, 0 rejected, 0 blank",
            ],
            records: &[
                r#"{"symbol":"A","trade_date":"2026-01-02","bar":"1d","close":1}"#,
                r#"{"symbol":"A","trade_date":"2026-01-05","bar":"1d","close":null}"#,
                r#"{"symbol":"A","trade_date":"2026-01-06","bar":"1d","close":null}"#,
                r#"{"symbol":"A","trade_date":"2026-01-07","bar":"1d","close":null}"#,
            ],
            remedy: "Nothing: each of these words becomes null, as an empty cell does.",
            ..file(
                "Words for a missing number",
                b"Symbol,Date,Close\nA,2026-01-02,1\nA,2026-01-05,NaN\nA,2026-01-06,n/a\nA,2026-01-07,-\n",
            )
        },
    ]
}
