//! Questions about symbols, and rows without them.

use crate::bad_inputs::table::{Case, ONE_RECORD, ONE_REJECTED, file};

pub(in crate::bad_inputs) fn cases() -> Vec<Case> {
    vec![
        Case {
            stderr: &[
                "error: quotes.csv: no column has symbols: add --symbol SYMBOL, --symbol-from file-name (which is quotes) or --symbol-column NAME; try: producer --dry-run quotes.csv --symbol SYMBOL",
            ],
            exit: 1,
            remedy: "Give the symbol of all rows with `--symbol`, or name the file after it: `AAPL.csv` needs no option. `--symbol-from file-name` does the same for names that do not look like a symbol.",
            ..file(
                "A file without symbols",
                b"Date,Open,High,Low,Close,Volume\n2024-01-02,187.15,188.44,183.89,185.64,82488674\n2024-01-03,184.22,185.88,183.43,184.25,58414460\n",
            )
        },
        Case {
            arguments: &["--symbol", "AAPL"],
            stderr: &[
                "quotes.csv: symbol AAPL, date in Date (ymd), 1d bars; open (Open), high (High), low (Low), close (Close), volume (Volume)",
                "2 rows read, 2 printed, 0 rejected, 0 blank",
            ],
            records: &[
                r#"{"symbol":"AAPL","trade_date":"2024-01-02","bar":"1d","open":187.15,"high":188.44,"low":183.89,"close":185.64,"volume":82488674}"#,
                r#"{"symbol":"AAPL","trade_date":"2024-01-03","bar":"1d","open":184.22,"high":185.88,"low":183.43,"close":184.25,"volume":58414460}"#,
            ],
            remedy: "Nothing: this is the remedy for the case above. All files of the command get this symbol.",
            ..file(
                "The same file with `--symbol`",
                b"Date,Open,High,Low,Close,Volume\n2024-01-02,187.15,188.44,183.89,185.64,82488674\n2024-01-03,184.22,185.88,183.43,184.25,58414460\n",
            )
        },
        Case {
            arguments: &["--symbol", "AAPL"],
            stderr: &[
                "error: quotes.csv: --symbol AAPL: column `Ticker` has each row's symbol, such as A; leave out --symbol",
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
            arguments: &["--symbol-column", "Stock"],
            stderr: &[
                "error: quotes.csv: --symbol-column Stock: no column has this name; found: `Name`, `Date`, `Close`",
            ],
            exit: 1,
            remedy: "Give one of the titles that the error lists, or the column's number, counted from 1.",
            ..file("A column that does not exist", b"Name,Date,Close\nA,2026-01-02,1\n")
        },
        Case {
            stderr: &[
                "error: quotes.csv: no column has symbols: add --symbol SYMBOL, --symbol-from file-name (which is quotes) or --symbol-column NAME; try: producer --dry-run quotes.csv --symbol SYMBOL",
            ],
            exit: 1,
            remedy: "Give the symbol. Numbers that count the rows, which pandas writes, are not symbols.",
            ..file(
                "Row numbers in a column Index",
                b"index,Date,Close\n0,2024-01-02,185.64\n1,2024-01-03,184.25\n2,2024-01-04,181.91\n",
            )
        },
        Case {
            stderr: ONE_REJECTED,
            records: ONE_RECORD,
            rejects: &[r#"3,no symbol," ,2026-01-02,1""#],
            exit: 3,
            remedy: "Add the symbol to the row.",
            ..file("A row without a symbol", b"Symbol,Date,Close\nA,2026-01-02,1\n ,2026-01-02,1\n")
        },
        Case {
            arguments: &["--key", "Exchange"],
            stderr: &[
                "quotes.csv: symbol in Symbol, series in Exchange, date in Date (ymd), 1d bars; close (Close)",
                "3 rows read, 2 printed, 1 rejected, 0 blank",
                "rejected rows, with their reasons: quotes.csv.rejects.csv",
            ],
            records: &[
                r#"{"symbol":"A","trade_date":"2024-01-02","bar":"1d","close":1.5,"series":"NSE"}"#,
                r#"{"symbol":"A","trade_date":"2024-01-02","bar":"1d","close":1.6,"series":"BSE"}"#,
            ],
            rejects: &[r#"4,"no Exchange, which is part of --key","A,,2024-01-02,1.7""#],
            exit: 3,
            remedy: "Add the cell to the row, or leave out the column from `--key`.",
            ..file(
                "A row without a part of its key",
                b"Symbol,Exchange,Date,Close\nA,NSE,2024-01-02,1.5\nA,BSE,2024-01-02,1.6\nA,,2024-01-02,1.7\n",
            )
        },
    ]
}
