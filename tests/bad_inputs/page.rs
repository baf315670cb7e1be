//! Generates `docs/errors.md` from the table. Each test run compares the page with the table.

use std::fmt::Write;

use tickerlake_tests::workspace;

use super::table::{self, Case, FILE, Input};

const INTRODUCTION: &str = "\
# Errors in CSV files, and what to do

Each case has its whole input and what `producer --dry-run quotes.csv` prints, without the bytes and seconds in the line of
counts. `tickerlake run` prints the same, except that errors begin with `tickerlake:` instead of `error:`, and that the
counts are on standard output and say *delivered*. No row is dropped silently: rows read = delivered + rejected, and blank
lines are counted separately.

| exit code | meaning |
|---|---|
| 0 | all rows were delivered (by `run`: stored) |
| 1 | failed; the error says why |
| 2 | wrong usage; nothing was done |
| 3 | delivered, but some rows were rejected; they are in `FILE.rejects.csv`, with line number and reason |
| 130 | interrupted before the last row |

This page is generated from the cases in `tests/bad_inputs/table.rs`, which the tests run. To regenerate it:
`UPDATE_PAGES=1 cargo test --workspace --test pipeline -- bad_inputs::page`.
";

#[test]
fn the_page_is_up_to_date() {
    let path = workspace().join("docs/errors.md");
    let page = page(&table::cases());
    if std::env::var_os("UPDATE_PAGES").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let current = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        current == page,
        "docs/errors.md differs from tests/bad_inputs/table.rs; regenerate it with\n    \
         UPDATE_PAGES=1 cargo test --workspace --test pipeline -- bad_inputs::page"
    );
}

fn page(cases: &[Case]) -> String {
    let mut page = INTRODUCTION.to_owned();
    for case in cases {
        // Writing to a string does not fail.
        let _ = section(case, &mut page);
    }
    page
}

fn section(case: &Case, page: &mut String) -> std::fmt::Result {
    writeln!(page, "\n## {}\n", case.title)?;
    let arguments = case.arguments.iter().copied().map(quoted).collect::<Vec<_>>().join(" ");
    match &case.input {
        Input::File(bytes) if bytes.starts_with(b"\x1f\x8b") => {
            writeln!(page, "A gzip stream whose end is missing.\n")?;
        }
        Input::File(bytes) | Input::Piped(bytes) if !bytes.is_empty() => block(&excerpt(bytes), page)?,
        _ => {}
    }
    let (before, name) = if matches!(case.input, Input::Piped(_)) { ("... | ", "-") } else { ("", FILE) };
    let command = format!("$ {before}producer --dry-run {name} {arguments}").trim_end().to_owned();
    let lines: Vec<String> = std::iter::once(command)
        .chain(case.records.iter().chain(case.stderr).map(|line| (*line).to_owned()))
        .chain(Some(format!("exit code {}", case.exit)))
        .collect();
    block(&lines.join("\n"), page)?;
    if !case.rejects.is_empty() {
        writeln!(page, "The rejects file:\n")?;
        let mut lines = vec!["line,reason,row".to_owned()];
        lines.extend(case.rejects.iter().map(|line| (*line).to_owned()));
        if case.more_rejects > 0 {
            lines.push(format!("({} more like it)", case.more_rejects));
        }
        block(&lines.join("\n"), page)?;
    }
    writeln!(page, "**What to do:** {}", case.remedy)
}

/// Quotes an argument for a shell.
fn quoted(argument: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-./%_".contains(&byte);
    if !argument.is_empty() && argument.bytes().all(plain) { argument.to_owned() } else { format!("'{argument}'") }
}

fn block(text: &str, page: &mut String) -> std::fmt::Result {
    writeln!(page, "```text\n{text}\n```\n")
}

/// Returns the input as text, with invisible bytes escaped as in Rust, and cut after a limit.
fn excerpt(bytes: &[u8]) -> String {
    const MAX_BYTES: usize = 200;
    let beginning = &bytes[..bytes.len().min(MAX_BYTES)];
    let mut text = String::new();
    for (at, byte) in beginning.iter().enumerate() {
        match byte {
            b'\n' if at + 1 == bytes.len() => {}
            b'\n' => text.push('\n'),
            b'"' | b'\'' | b'\\' => text.push(char::from(*byte)),
            byte => text.extend(byte.escape_ascii().map(char::from)),
        }
    }
    match bytes.len() {
        0..=MAX_BYTES => text,
        length => format!("{text}... ({length} bytes)"),
    }
}
