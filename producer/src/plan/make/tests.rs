//! Tests the plans of whole files: what a plan decides, and what it asks instead of guessing.

use super::make;
use crate::plan::options::PlanOptions;
use crate::plan::sample::Sample;

/// Returns the plan's line, or the error.
fn planned(name: &str, text: &str) -> String {
    let options = PlanOptions { latest: jiff::civil::date(2026, 11, 29), ..PlanOptions::default() };
    let sample = Sample::whole(text);
    match make(Some(name), &sample, &options) {
        Ok(plan) => plan.line(),
        Err(error) => error.to_string(),
    }
}

const BARS: &str = "10,30,10,20,100\n";

#[test]
fn rows_of_one_date_lead_to_a_question() {
    let rows = |title: &str, cells: [&str; 3]| {
        let rows: String = cells.iter().enumerate().map(|(at, cell)| format!("A,2024-01-02,{cell},{at}\n")).collect();
        format!("Symbol,Date,{title},Close\n{rows}")
    };
    for (title, cells, part) in [
        ("Timestamp", ["2024-01-02 09:30:00", "2024-01-02 09:31:00", "2024-01-02 09:32:00"], "--date-column Timestamp"),
        ("Timestamp", ["1704187800", "1704187860", "1704187920"], "--date-column Timestamp"),
        ("Time", ["34200017", "34200500", "34201000"], "--time-column NAME"),
        ("Exchange", ["NYSE", "LSE", "XETRA"], "--key NAME"),
    ] {
        let text = planned("x.csv", &rows(title, cells));
        assert!(text.contains("3 different rows have the symbol A and the date 2024-01-02"), "{title}: {text}");
        assert!(text.contains(part), "{title}: {text}");
    }
    let same = planned("x.csv", "Symbol,Date,Close\nA,2024-01-02,1\nA,2024-01-02,1\nA,2024-01-02,1\n");
    assert!(same.contains("1d bars"), "equal rows are repeats: {same}");
}

#[test]
fn midnight_in_the_date_does_not_hide_the_time() {
    let text = planned(
        "AAPL.csv",
        "Date,Time,Open,High,Low,Close,Volume\n\
         2024-01-02 00:00:00,10:00:00,1,3,1,2,100\n\
         2024-01-02 00:00:00,10:01:00,1,3,1,2,100\n\
         2024-01-02 00:00:00,10:02:00,1,3,1,2,100\n",
    );
    assert!(text.contains("date in Date (ymd) and Time, 1m bars"), "{text}");
}

#[test]
fn lines_before_the_table_are_not_lost() {
    let rows = |first: &str| format!("{first}2024-01-02,{BARS}2024-01-03,{BARS}2024-01-04,{BARS}");
    for header in ["Date,Open,High,Low,Close,Volume,\n", "Date,Open,High,Low,Close Volume\n"] {
        let text = planned("AAPL.csv", &rows(header));
        assert!(text.contains("line 1 may be the header"), "{header}: {text}");
        assert!(text.contains("--skip-lines 1 --columns"), "{header}: {text}");
    }
    let text = planned("AAPL.csv", &rows("2023-12-28,9,10,8\n"));
    assert!(text.contains("line 1 may be a row of the table") && text.contains("--skip-lines 1"), "{text}");
    let text = planned("AAPL.csv", &rows("Apple Inc.,,,,,\nExported,,,,,\nDate,Open,High,Low,Close,Volume\n"));
    assert!(text.starts_with("header on line 3, symbol AAPL, date in Date"), "{text}");
}

#[test]
fn many_symbols_at_one_time_do_not_hide_the_interval() {
    let file = |time: fn(usize) -> String| {
        let rows = (0..5).flat_map(|at| (0..600).map(move |symbol| format!("S{symbol},{},{BARS}", time(at))));
        format!("Symbol,Date,Open,High,Low,Close,Volume\n{}", rows.collect::<String>())
    };
    for (time, bar) in [
        ((|at| format!("2024-01-02 00:0{at}:00")) as fn(usize) -> String, "1m bars"),
        (|at| format!("2024-01-02 09:3{at}:00"), "1m bars"),
        (|at| format!("2024-01-{:02}", 3 + 7 * at), "1w bars"),
        (|at| format!("2024-01-{:02}", 8 + at), "1d bars"),
    ] {
        let text = planned("x.csv", &file(time));
        assert!(text.contains(bar), "{bar}: {text}");
    }
}

#[test]
fn bar_length_of_a_column_must_agree_with_the_times() {
    let file = |cell: &str| {
        let rows = (0..4).map(|at| format!("A,2024-01-02 09:3{at}:00,{cell},{BARS}"));
        format!("Symbol,Date,Interval,Open,High,Low,Close,Volume\n{}", rows.collect::<String>())
    };
    assert!(planned("x.csv", &file("1")).contains("1m bars"));
    let text = planned("x.csv", &file("60"));
    assert!(text.contains("the bar length in `Interval` is 1h, but the rows are 1m apart"), "{text}");
}

#[test]
fn names_do_not_replace_the_symbol_of_the_file() {
    let text = planned("AAPL.csv", "Date,Company,Close\n2024-01-02,Apple,10\n2024-01-03,Apple,11\n");
    assert!(text.contains("--symbol AAPL or --symbol-column Company"), "{text}");
}

#[test]
fn tables_of_other_values_are_not_read_as_closes() {
    let text = "Date,AAPL,MSFT\n2024-01-02,187.15,370.6\n2024-01-03,184.25,370.6\n2024-01-04,181.91,367.94\n";
    for name in ["volume.csv", "sp500_returns.csv", "low.csv"] {
        let line = planned(name, text);
        assert!(line.contains("rename the file"), "{name}: {line}");
    }
    for name in ["prices.csv", "close.csv", "tech.csv"] {
        let line = planned(name, text);
        assert!(line.starts_with("2 symbols side by side"), "{name}: {line}");
    }
}
