//! Formats the command that the user ran, for messages that suggest a different one.

use std::borrow::Cow;
use std::path::Path;

/// Returns the program's name and its arguments, quoted for a POSIX shell.
#[must_use]
pub fn command_line() -> String {
    let mut arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    let program = arguments.next().unwrap_or_default();
    let name = Path::new(&program).file_name().map_or(Cow::Borrowed(program.as_str()), |name| name.to_string_lossy());
    let rest: Vec<String> = arguments.map(|argument| quoted(&argument)).collect();
    std::iter::once(name.into_owned()).chain(rest).collect::<Vec<_>>().join(" ")
}

fn quoted(argument: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./=:,@%+^".contains(&byte);
    match !argument.is_empty() && argument.bytes().all(is_plain) {
        true => argument.to_owned(),
        false => format!("'{}'", argument.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_quoted_where_a_shell_needs_it() {
        assert_eq!(quoted("data/BRK-B.csv"), "data/BRK-B.csv");
        assert_eq!(quoted("my file.csv"), "'my file.csv'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
