//! Generates the book's page `reference/errors.md` from the cases.

use std::fmt::Write;

use tickerlake_tests::page::{self, UPDATE_COMMAND};

use super::table::{Case, FILE, Input};
use super::{cases, is_counts};

const INTRODUCTION: &str = "\
Each case on this page shows the input, the output of `producer --dry-run quotes.csv`, and what to do. The tests run
every case. The output leaves out the bytes and seconds in the line of counts. Its first line is the file's
[reading plan](../guides/your-own-files.md#how-a-file-is-read), if there is only one way to read the file.

`tickerlake run` prints the same, with two differences: an error begins with `tickerlake:` instead of `error:`, and the
counts are on standard output and say *delivered* instead of *printed*. [Exit codes](exit-codes.md) has the meaning of
the codes.

No row is dropped silently: rows read are rows delivered plus rows rejected, and blank lines are counted separately.
";

#[test]
fn errors_page_is_current() {
    page::check("reference/errors.md", &page(&cases::groups())).unwrap();
}

fn page(groups: &[(&str, Vec<Case>)]) -> String {
    let mut page = format!(
        "# Errors\n\n<!-- Generated from tests/bad_inputs/cases. Do not edit; write it with\n     {UPDATE_COMMAND} -->\n\n\
         {INTRODUCTION}"
    );
    for (title, cases) in groups {
        page += &format!("\n## {title}\n");
        for case in cases {
            // Writing to a string does not fail.
            let _ = section(case, &mut page);
        }
    }
    page
}

fn section(case: &Case, page: &mut String) -> std::fmt::Result {
    writeln!(page, "\n### {}\n", case.title)?;
    let arguments = case.arguments.iter().copied().map(quoted).collect::<Vec<_>>().join(" ");
    match &case.input {
        // The title describes a file that is no text.
        Input::File(bytes) | Input::Piped(bytes)
            if [&b"\x1f\x8b"[..], b"PK", b"PAR1"].iter().any(|magic| bytes.starts_with(magic)) => {}
        Input::File(bytes) | Input::Piped(bytes) if !bytes.is_empty() => block(&excerpt(bytes), page)?,
        _ => {}
    }
    let (before, name) = if matches!(case.input, Input::Piped(_)) { ("... | ", "-") } else { ("", FILE) };
    let command = format!("$ {before}producer --dry-run {name} {arguments}").trim_end().to_owned();
    // The plans and their warnings are printed before the records.
    let is_result = |line: &&str| {
        is_counts(line) || line.starts_with("error: ") || line.contains("no line ending") || line.contains("no rows")
    };
    let (plans, results) = case.stderr.split_at(case.stderr.iter().position(is_result).unwrap_or(case.stderr.len()));
    let lines: Vec<String> = std::iter::once(command)
        .chain(plans.iter().chain(case.records).chain(results).map(|line| (*line).to_owned()))
        .chain(Some(format!("exit code {}", case.exit)))
        .collect();
    block(&lines.join("\n"), page)?;
    if !case.rejects.is_empty() {
        writeln!(page, "The rejects file:\n")?;
        let mut lines = vec!["line,reason,row".to_owned()];
        lines.extend(case.rejects.iter().map(|line| (*line).to_owned()));
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
