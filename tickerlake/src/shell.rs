//! Formats words for command lines that a user can paste into a shell.

/// Quotes a word for a shell if it needs quotes.
pub(crate) fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-=+:@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_only_where_needed() {
        for (text, word) in [("lake/a-b", "lake/a-b"), ("my lake", "'my lake'"), ("", "''"), ("it's", r"'it'\''s'")] {
            assert_eq!(shell_word(text), word);
        }
    }
}
