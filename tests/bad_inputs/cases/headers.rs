//! Headers, delimiters and the roles of columns.

use crate::bad_inputs::table::{Case, file};

pub(in crate::bad_inputs) fn cases() -> Vec<Case> {
    vec![
        Case {
            arguments: &["--symbol", "AAPL"],
            stderr: &[
                "error: quotes.csv: the first line is data, not a header: 2024-01-02 09:30:00,187.15,100: add --columns date,c2,c3 (with names such as date, time, symbol, open, high, low, close, volume); try: producer --dry-run quotes.csv --symbol AAPL --columns date,c2,c3",
            ],
            exit: 1,
            remedy: "Name the columns, here with `--columns date,price,volume`. Bars (date, open, high, low, close, volume) and Binance's klines are recognised without it.",
            ..file("Ticks without a header", b"2024-01-02 09:30:00,187.15,100\n2024-01-02 09:30:01,187.2,200\n")
        },
        Case {
            arguments: &["--symbol", "AAPL", "--columns", "date,price,volume"],
            stderr: &[
                "quotes.csv: symbol AAPL, date in date (ymd), ticks; close (price), volume",
                "2 rows read, 2 printed, 0 rejected, 0 blank",
            ],
            records: &[
                r#"{"symbol":"AAPL","trade_date":"2024-01-02","bar":"tick","traded_at":"2024-01-02 09:30:00","close":187.15,"volume":100}"#,
                r#"{"symbol":"AAPL","trade_date":"2024-01-02","bar":"tick","traded_at":"2024-01-02 09:30:01","close":187.2,"volume":200}"#,
            ],
            remedy: "Nothing: this is the remedy for the case above.",
            ..file("The same file with its columns", b"2024-01-02 09:30:00,187.15,100\n2024-01-02 09:30:01,187.2,200\n")
        },
        Case {
            arguments: &["--symbol", "AAPL", "--columns", "date,price"],
            stderr: &[
                "error: quotes.csv: --columns names 2 columns, but rows have 3 cells, for example 2024-01-02 09:30:00,187.15,100",
            ],
            exit: 1,
            remedy: "Name every column; an empty name is allowed, as in `--columns date,price,`.",
            ..file("Too few names in `--columns`", b"2024-01-02 09:30:00,187.15,100\n2024-01-02 09:30:01,187.2,200\n")
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
                "error: quotes.csv: several columns are titled `Close`: add --skip-lines 1 --columns symbol,date,close,close_2 (a different name for each); try: producer --dry-run quotes.csv --skip-lines 1 --columns symbol,date,close,close_2",
            ],
            exit: 1,
            remedy: "Name the columns, and give the name `close` to the one that is the closing price.",
            ..file("Two columns of prices with the same title", b"Symbol,Date,Close,Close\nA,2026-01-02,1,2\n")
        },
        Case {
            stderr: &[
                "quotes.csv: symbol in Symbol, date in Date (ymd), 1d bars; close (Close)",
                "warning: quotes.csv: fields are renamed because their names are taken: Plot becomes plot_2",
                "1 row read, 1 printed, 0 rejected, 0 blank",
            ],
            records: &[r#"{"symbol":"A","trade_date":"2026-01-02","bar":"1d","close":1,"plot":2,"plot_2":3}"#],
            remedy: "Nothing: the second one gets a number. The same happens to a title that the pipeline reserves, such as Kafka Offset.",
            ..file("Two other columns with the same title", b"Symbol,Date,Close,Plot,Plot\nA,2026-01-02,1,2,3\n")
        },
        Case {
            stderr: &[
                "quotes.csv: symbol in Symbol, date in Date (ymd), 1d bars",
                "warning: quotes.csv: no column holds a close, a last price, a bid or an ask; if one does, name it `close` with --skip-lines 1 --columns 'Symbol,Date,Kurs'",
                "2 rows read, 2 printed, 0 rejected, 0 blank",
            ],
            records: &[
                r#"{"symbol":"A","trade_date":"2026-01-02","bar":"1d","kurs":1.5}"#,
                r#"{"symbol":"A","trade_date":"2026-01-05","bar":"1d","kurs":1.6}"#,
            ],
            remedy: "Name the columns, here with `--skip-lines 1 --columns Symbol,Date,close`. Without it, the column is kept under its own name, and the saved queries find no prices.",
            ..file("No column of prices", b"Symbol,Date,Kurs\nA,2026-01-02,1.5\nA,2026-01-05,1.6\n")
        },
        Case {
            stderr: &[
                "quotes.csv: symbol in Symbol, date in Date (ymd), 1d bars",
                "warning: quotes.csv: column `Close` should contain close, but its cells are not numbers (for example up); it is kept as text",
                "warning: quotes.csv: fields are renamed because their names are taken: Close becomes close_2",
                "warning: quotes.csv: no column holds a close, a last price, a bid or an ask; if one does, name it `close` with --skip-lines 1 --columns 'Symbol,Date,Close'",
                "2 rows read, 2 printed, 0 rejected, 0 blank",
            ],
            records: &[
                r#"{"symbol":"A","trade_date":"2026-01-02","bar":"1d","close_2":"up"}"#,
                r#"{"symbol":"A","trade_date":"2026-01-05","bar":"1d","close_2":"down"}"#,
            ],
            remedy: "Name the columns as in the case above. A column of text cannot be the column `close` of the table, so its name gets a number.",
            ..file("A column Close without numbers", b"Symbol,Date,Close\nA,2026-01-02,up\nA,2026-01-05,down\n")
        },
    ]
}
