//! `docs/errors.md`, written from the table; it is compared with it by each test run.

use std::fmt::Write;

use tickerlake_tests::workspace;

use super::table::{self, Case, FILE, Input};

const INTRODUCTION: &str = "\
# What can be wrong with a CSV, what you then see, and what to do

`producer` and `tickerlake run` say the same. Below is what `producer --dry-run quotes.csv` prints, each case with the
whole of its input; of the counts, bytes and seconds are left out. With `run`, errors begin with `tickerlake:` instead of `error:`, and the counts stand on standard output and say
*delivered*. Nothing is dropped in silence: rows read = delivered + rejected, and blank lines are counted apart.

| exit code | meaning |
|---|---|
| 0 | all rows were delivered (by `run`: stored) |
| 1 | failed: the error says why |
| 2 | wrong usage: nothing was done |
| 3 | delivered, but some rows were rejected: they are in `FILE.rejects.csv`, with line number and reason |
| 130 | interrupted before the last row |

This page is written from the table of cases in `tests/bad_inputs/table.rs`, which the tests run:
`UPDATE_PAGES=1 cargo test --workspace --test pipeline -- bad_inputs::page` writes it anew.
";

#[test]
fn the_page_of_errors_is_that_of_the_table() {
    let path = workspace().join("docs/errors.md");
    let page = page(&table::cases());
    if std::env::var_os("UPDATE_PAGES").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let stands = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stands == page,
        "docs/errors.md is not what tests/bad_inputs/table.rs says; write it anew with\n    \
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
        Input::File(bytes) | Input::Piped(bytes) if !bytes.is_empty() => block(&shown(bytes), page)?,
        _ => {}
    }
    let (before, name) = if matches!(case.input, Input::Piped(_)) { ("... | ", "-") } else { ("", FILE) };
    let command = format!("$ {before}producer --dry-run {name} {arguments}").trim_end().to_owned();
    let seen: Vec<String> = std::iter::once(command)
        .chain(case.records.iter().chain(case.says).map(|line| (*line).to_owned()))
        .chain(Some(format!("exit code {}", case.exit)))
        .collect();
    block(&seen.join("\n"), page)?;
    if !case.rejects.is_empty() {
        writeln!(page, "The rejects file:\n")?;
        let mut lines = vec!["line,reason,row".to_owned()];
        lines.extend(case.rejects.iter().map(|line| (*line).to_owned()));
        if case.more_rejects > 0 {
            lines.push(format!("({} more like it)", case.more_rejects));
        }
        block(&lines.join("\n"), page)?;
    }
    writeln!(page, "**What to do:** {}", case.mend)
}

/// As a shell takes it.
fn quoted(argument: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-./%_".contains(&byte);
    if !argument.is_empty() && argument.bytes().all(plain) { argument.to_owned() } else { format!("'{argument}'") }
}

fn block(text: &str, page: &mut String) -> std::fmt::Result {
    writeln!(page, "```text\n{text}\n```\n")
}

/// The input as text, with what cannot be seen written as Rust writes it; not the whole of a long one.
fn shown(bytes: &[u8]) -> String {
    const LONGEST: usize = 200;
    let beginning = &bytes[..bytes.len().min(LONGEST)];
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
        0..=LONGEST => text,
        length => format!("{text}... ({length} bytes)"),
    }
}
