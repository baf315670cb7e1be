//! Dates, times and zones.

use crate::bad_inputs::table::{Case, ONE_RECORD, ONE_REJECTED, file};

pub(in crate::bad_inputs) fn cases() -> Vec<Case> {
    vec![
        Case {
            stderr: &[
                "error: quotes.csv: `Date`: 01/02/2024 can be 2024-01-02 (mdy) or 2024-02-01 (dmy): add --date-format mdy or --date-format dmy; try: producer --dry-run quotes.csv --date-format mdy",
            ],
            exit: 1,
            remedy: "Choose one: `mdy` for American dates, `dmy` for European ones. A file with a day above 12 needs no option.",
            ..file(
                "Dates whose day and month can be exchanged",
                b"Symbol,Date,Close\nA,01/02/2024,1.5\nA,03/02/2024,1.6\n",
            )
        },
        Case {
            arguments: &["--date-format", "dmy"],
            stderr: &[
                "quotes.csv: symbol in Symbol, date in Date (dmy), 1d bars; close (Close)",
                "2 rows read, 2 printed, 0 rejected, 0 blank",
            ],
            records: &[
                r#"{"symbol":"A","trade_date":"2024-02-01","bar":"1d","close":1.5}"#,
                r#"{"symbol":"A","trade_date":"2024-02-03","bar":"1d","close":1.6}"#,
            ],
            remedy: "Nothing: this is the remedy for the case above.",
            ..file(
                "The same dates with their format",
                b"Symbol,Date,Close\nA,01/02/2024,1.5\nA,03/02/2024,1.6\n",
            )
        },
        Case {
            stderr: &[
                "error: quotes.csv: `Date` mixes formats: 01/15/2024 and 16/01/2024: add --date-format FORMAT (rows in another format are rejected); try: producer --dry-run quotes.csv --date-format FORMAT",
            ],
            exit: 1,
            remedy: "Correct the file, since rows such as `01/02/2024` can be in either format. With `--date-format`, the rows of the other format are rejected.",
            ..file("Dates in two formats", b"Symbol,Date,Close\nA,01/15/2024,1.5\nA,16/01/2024,1.6\n")
        },
        Case {
            stderr: &[
                "quotes.csv: symbol in Symbol, date in Date (ymd), 1d bars; close (Close)",
                "11 rows read, 10 printed, 1 rejected, 0 blank",
                "rejected rows, with their reasons: quotes.csv.rejects.csv",
            ],
            records: &[
                r#"{"symbol":"A","trade_date":"2024-01-02","bar":"1d","close":1}"#,
                r#"{"symbol":"A","trade_date":"2024-01-03","bar":"1d","close":1}"#,
                r#"{"symbol":"A","trade_date":"2024-01-04","bar":"1d","close":1}"#,
                r#"{"symbol":"A","trade_date":"2024-01-05","bar":"1d","close":1}"#,
                r#"{"symbol":"A","trade_date":"2024-01-08","bar":"1d","close":1}"#,
                r#"{"symbol":"A","trade_date":"2024-01-09","bar":"1d","close":1}"#,
                r#"{"symbol":"A","trade_date":"2024-01-10","bar":"1d","close":1}"#,
                r#"{"symbol":"A","trade_date":"2024-01-11","bar":"1d","close":1}"#,
                r#"{"symbol":"A","trade_date":"2024-01-12","bar":"1d","close":1}"#,
                r#"{"symbol":"A","trade_date":"2024-01-16","bar":"1d","close":1}"#,
            ],
            rejects: &[r#"12,date does not match 2024-12-31: 17/01/2024,"A,17/01/2024,1""#],
            exit: 3,
            remedy: "Correct the row. One format reads nearly all dates, and no other format reads any of them differently.",
            ..file(
                "A few dates in another format",
                b"Symbol,Date,Close\nA,2024-01-02,1\nA,2024-01-03,1\nA,2024-01-04,1\nA,2024-01-05,1\nA,2024-01-08,1\nA,2024-01-09,1\nA,2024-01-10,1\nA,2024-01-11,1\nA,2024-01-12,1\nA,2024-01-16,1\nA,17/01/2024,1\n",
            )
        },
        Case {
            arguments: &["--date-format", "dmy"],
            stderr: &[
                "error: quotes.csv: --date-format dmy matches no cell of `Date`, for example 01/15/2024; leave it out, or give another format",
            ],
            exit: 1,
            remedy: "Leave out the argument, or give the right format.",
            ..file("A format that reads no date", b"Symbol,Date,Close\nA,01/15/2024,1.5\nA,01/16/2024,1.6\n")
        },
        Case {
            arguments: &["--date-format", "%m/%d/%Y"],
            stderr: &[
                "error: quotes.csv: none of the first 2 rows is a quote, so nothing is sent: line 2: date is implausible: 0017-11-09; a year of two digits is %y, not %Y; read as: symbol in Symbol, date in Date (%m/%d/%Y), 1d bars; close (Close)",
            ],
            exit: 1,
            remedy: "Use `%y` for years of two digits, or leave out the argument.",
            ..file(
                "Years of two digits read as years of four",
                b"Symbol,Date,Close\nSPX,11/09/17,2584.62\nSPX,11/29/17,2626.07\n",
            )
        },
        Case {
            arguments: &["--date-format", "DD.MM.YYYY"],
            stderr: &[
                "error: --date-format: `DD.MM.YYYY` is neither the name of a date format (ymd, dmy, mdy, yymmdd, compact, d-mon-y, mon-d-y, epoch-s, epoch-ms, epoch-us, epoch-ns) nor a strftime pattern such as %d/%m/%Y",
            ],
            exit: 2,
            remedy: "Use a name from the error, or a pattern.",
            ..file("An unknown date format", b"Symbol,Date,Close\nA,29.06.1979,1\n")
        },
        Case {
            stderr: &[
                "error: quotes.csv: no column has dates: add --date-column NAME; try: producer --dry-run quotes.csv --date-column NAME",
            ],
            exit: 1,
            remedy: "Name the column with the dates. If the file has none, add one.",
            ..file("A file without dates", b"Symbol,Open,Close\nA,1.5,1.6\nB,2.5,2.6\n")
        },
        Case {
            stderr: &[
                "error: quotes.csv: the dates in `Date` cannot be read, for example Monday: add --date-format FORMAT, such as %d/%m/%Y, or --date-column NAME; try: producer --dry-run quotes.csv --date-format FORMAT",
            ],
            exit: 1,
            remedy: "Give the format of the dates, or the column that has them. Dates before 1700 and dates in the future do not count.",
            ..file("A column Date without dates", b"Symbol,Date,Close\nA,Monday,1.5\nA,Tuesday,1.6\n")
        },
        Case {
            arguments: &["--date-column", "Datum"],
            stderr: &[
                "error: quotes.csv: --date-column Datum: no column has this name; found: `Symbol`, `Date`, `Close`",
            ],
            exit: 1,
            remedy: "Give one of the titles that the error lists, or the column's number, counted from 1.",
            ..file("A date column that does not exist", b"Symbol,Date,Close\nA,2026-01-02,1\n")
        },
        Case {
            stderr: &[
                "error: quotes.csv: rows have a time but no date: add --date YYYY-MM-DD; try: producer --dry-run quotes.csv --date YYYY-MM-DD",
            ],
            exit: 1,
            remedy: "Give the date of all rows, as for a day of LOBSTER's messages.",
            ..file("Times without a date", b"Symbol,Time,Price\nA,09:30:00.5,1.5\nA,09:30:01.25,1.6\n")
        },
        Case {
            arguments: &["--date", "2024-01-02"],
            stderr: &[
                "quotes.csv: symbol in Symbol, date 2024-01-02, time in Time, ticks; close (Price)",
                "2 rows read, 2 printed, 0 rejected, 0 blank",
            ],
            records: &[
                r#"{"symbol":"A","trade_date":"2024-01-02","bar":"tick","traded_at":"2024-01-02 09:30:00.5","close":1.5}"#,
                r#"{"symbol":"A","trade_date":"2024-01-02","bar":"tick","traded_at":"2024-01-02 09:30:01.25","close":1.6}"#,
            ],
            remedy: "Nothing: this is the remedy for the case above.",
            ..file(
                "The same times with `--date`",
                b"Symbol,Time,Price\nA,09:30:00.5,1.5\nA,09:30:01.25,1.6\n",
            )
        },
        Case {
            stderr: &[
                "quotes.csv: symbol in Symbol, date in Date (ymd), 1d bars; close (Close)",
                "4 rows read, 2 printed, 2 rejected, 0 blank",
                "rejected rows, with their reasons: quotes.csv.rejects.csv",
            ],
            records: &[
                r#"{"symbol":"A","trade_date":"2024-01-02","bar":"1d","close":1}"#,
                r#"{"symbol":"A","trade_date":"2024-01-03","bar":"1d","close":1}"#,
            ],
            rejects: &[
                r#"4,"date is implausible: 0024-01-04; a year of two digits is %y, not %Y","A,0024-01-04,1""#,
                r#"5,date is implausible: 2204-01-05,"A,2204-01-05,1""#,
            ],
            exit: 3,
            remedy: "Correct the rows. Dates before 1700 and dates more than a day ahead are rejected.",
            ..file(
                "Implausible dates",
                b"Symbol,Date,Close\nA,2024-01-02,1\nA,2024-01-03,1\nA,0024-01-04,1\nA,2204-01-05,1\n",
            )
        },
        Case {
            stderr: ONE_REJECTED,
            records: ONE_RECORD,
            rejects: &[r#"3,no date,"A,,2""#],
            exit: 3,
            remedy: "Add the date to the row.",
            ..file("A row without a date", b"Symbol,Date,Close\nA,2026-01-02,1\nA,,2\n")
        },
        Case {
            stderr: &[
                "quotes.csv: symbol in Symbol, date in Date (ymd) and Time, ticks; close (Price)",
                "3 rows read, 2 printed, 1 rejected, 0 blank",
                "rejected rows, with their reasons: quotes.csv.rejects.csv",
            ],
            records: &[
                r#"{"symbol":"A","trade_date":"2024-01-02","bar":"tick","traded_at":"2024-01-02 09:30:00","close":1.5}"#,
                r#"{"symbol":"A","trade_date":"2024-01-02","bar":"tick","traded_at":"2024-01-02 09:31:00","close":1.6}"#,
            ],
            rejects: &[r#"4,time is not a time of day: 24:31:00,"A,2024-01-02,24:31:00,1.7""#],
            exit: 3,
            remedy: "Correct the row.",
            ..file(
                "A time of day that does not exist",
                b"Symbol,Date,Time,Price\nA,2024-01-02,09:30:00,1.5\nA,2024-01-02,09:31:00,1.6\nA,2024-01-02,24:31:00,1.7\n",
            )
        },
        Case {
            arguments: &["--timezone", "America/New_York", "--bar", "tick"],
            stderr: &[
                "quotes.csv: symbol in Symbol, date in Date (ymd), times in America/New_York, ticks; close (Price)",
                "5 rows read, 3 printed, 2 rejected, 0 blank",
                "rejected rows, with their reasons: quotes.csv.rejects.csv",
            ],
            records: &[
                r#"{"symbol":"A","trade_date":"2024-03-10","bar":"tick","traded_at":"2024-03-10 06:30:00","zone":"UTC","close":1.5}"#,
                r#"{"symbol":"A","trade_date":"2024-03-10","bar":"tick","traded_at":"2024-03-10 07:30:00","zone":"UTC","close":1.7}"#,
                r#"{"symbol":"A","trade_date":"2024-11-03","bar":"tick","traded_at":"2024-11-03 04:30:00","zone":"UTC","close":1.8}"#,
            ],
            rejects: &[
                r#"3,local time does not exist in America/New_York: 2024-03-10 02:30,"A,2024-03-10 02:30,1.6""#,
                r#"6,local time occurs twice in America/New_York: 2024-11-03 01:30,"A,2024-11-03 01:30,1.9""#,
            ],
            exit: 3,
            remedy: "Export the times with their offset from UTC. In spring, clocks skip an hour; in autumn, they show one twice.",
            ..file(
                "Local times that clocks skip or repeat",
                b"Symbol,Date,Price\nA,2024-03-10 01:30,1.5\nA,2024-03-10 02:30,1.6\nA,2024-03-10 03:30,1.7\nA,2024-11-03 00:30,1.8\nA,2024-11-03 01:30,1.9\n",
            )
        },
        Case {
            arguments: &["--timezone", "EST5"],
            stderr: &[
                "error: --timezone: `EST5` is neither the name of a time zone, such as UTC or America/New_York, nor an offset, such as -05:00",
            ],
            exit: 2,
            remedy: "Give the name of a zone of the IANA database.",
            ..file("An unknown time zone", b"Symbol,Date,Close\nA,2026-01-02,1\n")
        },
    ]
}
