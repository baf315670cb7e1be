//! Comparison of what a command prints with what a page shows.

use std::collections::VecDeque;

/// Replaces the numbers that differ from run to run: ports, times, rates, sizes of compressed objects, and dates from
/// 2025 on, which are the dates of the run. The dates of the pages' market data are earlier.
pub(super) fn mask(line: &str) -> String {
    let mut masked = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(|char: char| char.is_ascii_digit()) {
        masked.push_str(&rest[..at]);
        let number = &rest[at..];
        let end = number.find(|char: char| !char.is_ascii_digit() && !".,:-".contains(char)).unwrap_or(number.len());
        let number = number[..end].trim_end_matches(['.', ',', ':', '-']);
        rest = &rest[at + number.len()..];
        let date = number.len() == 10 && number.matches('-').count() == 2 && number[..4] >= *"2025";
        let word = match () {
            () if number.starts_with("127.0.0.1:") => "ADDRESS",
            () if masked.ends_with("\"kafka_timestamp\":") => "TIMESTAMP",
            () if masked.ends_with("objects, ") && rest.starts_with(" kB") => "SIZE",
            () if masked.ends_with(" in ") && rest.starts_with(" s, ") => "TIME",
            () if rest.starts_with("/s") => "RATE",
            () if date => "DATE",
            () => number,
        };
        masked.push_str(word);
    }
    masked + rest
}

/// Returns `true` if a page shows what a command prints: the lines of standard output and those of standard error, each
/// in their order. The line `...` stands for any lines of standard output.
pub(super) fn matches_lines(shown: &[String], printed: &[String], errors: &[String]) -> bool {
    let Some((first, shown)) = shown.split_first() else { return printed.is_empty() && errors.is_empty() };
    if first == "..." {
        return (0..=printed.len()).any(|at| matches_lines(shown, &printed[at..], errors));
    }
    let is_next = |lines: &[String]| lines.first().is_some_and(|line| matches_line(first, line));
    is_next(printed) && matches_lines(shown, &printed[1..], errors)
        || is_next(errors) && matches_lines(shown, printed, &errors[1..])
}

/// Returns `true` if a printed line is the one that a page shows, where `...` stands for any text.
fn matches_line(shown: &str, printed: &str) -> bool {
    let mut parts: VecDeque<&str> = shown.split("...").collect();
    let (first, last) = (parts.pop_front().unwrap_or_default(), parts.pop_back());
    let Some(mut rest) = printed.strip_prefix(first) else { return false };
    let Some(last) = last else { return rest.is_empty() };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

#[test]
fn only_varying_numbers_are_masked() {
    for (line, masked) in [
        ("broker     embedded, 127.0.0.1:42249, topic quotes", "broker     embedded, ADDRESS, topic quotes"),
        ("1,200 rows; 173.4 kB in 0.1 s, 11,774/s", "1,200 rows; 173.4 kB in TIME s, RATE/s"),
        ("1,200 records in 3 objects, 39.7 kB; 0", "1,200 records in 3 objects, SIZE kB; 0"),
        (r#"dt=2026-11-22/0-1.json "kafka_timestamp":17,"#, r#"dt=DATE/0-1.json "kafka_timestamp":TIMESTAMP,"#),
        ("FB 2012-05-18 38.2318 offsets 0 to 752.", "FB 2012-05-18 38.2318 offsets 0 to 752."),
    ] {
        assert_eq!(mask(line), masked);
    }
}

#[test]
fn dots_stand_for_any_text_and_any_lines() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    for (shown, printed, equal) in [
        ("a\n...\nd", "a\nb\nc\nd", true),
        ("a\n...\nd", "a\nd", true),
        ("a\n...\nd", "a\nd\ne", false),
        ("a\nd", "a\nb\nd", false),
        ("a", "a\nb", false),
        ("a...d", "abcd", true),
        ("a...c...d", "abcd", true),
        ("a...d", "abc", false),
        ("a", "ab", false),
    ] {
        assert_eq!(matches_lines(&lines(shown), &lines(printed), &[]), equal, "{shown:?} {printed:?}");
    }
}

#[test]
fn both_streams_are_shown_in_their_order() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    for (shown, equal) in [
        ("x\na\nb\ny", true),
        ("a\nx\ny\nb", true),
        ("a\n...\nx\ny", true),
        ("y\na\nb\nx", false),
        ("a\nb\nx", false),
        ("x\n...", false),
    ] {
        assert_eq!(matches_lines(&lines(shown), &lines("a\nb"), &lines("x\ny")), equal, "{shown:?}");
    }
}
