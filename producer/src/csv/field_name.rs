//! Converts column titles to field names.

/// Converts a title to snake case: `Adj Close`, `adjClose` and `ADJ_CLOSE` become `adj_close`, and `CloseUSD` becomes
/// `close_usd`.
pub(crate) fn snake_case(title: &str) -> String {
    let letters: Vec<char> = title.chars().collect();
    let mut name = String::with_capacity(title.len() + 4);
    for (at, &letter) in letters.iter().enumerate() {
        if !letter.is_alphanumeric() {
            if !name.is_empty() && !name.ends_with('_') {
                name.push('_');
            }
            continue;
        }
        let previous = at.checked_sub(1).map(|before| letters[before]);
        let next_is_lower = letters.get(at + 1).is_some_and(|next| next.is_lowercase());
        let starts_word = is_capital(letter)
            && previous.is_some_and(|previous| previous.is_lowercase() || (is_capital(previous) && next_is_lower));
        if starts_word && !name.ends_with('_') {
            name.push('_');
        }
        name.extend(letter.to_lowercase().filter(|lower| lower.is_alphanumeric()));
    }
    name.truncate(name.trim_end_matches('_').len());
    name
}

/// Returns `true` for an uppercase letter that has a lowercase form; mathematical capitals, for example, have none.
fn is_capital(letter: char) -> bool {
    letter.is_uppercase() && !letter.to_lowercase().eq([letter])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_field_name_is_its_own_field_name(title in "\\PC{0,20}") {
            let name = snake_case(&title);
            prop_assert_eq!(snake_case(&name), name.clone());
            prop_assert!(!name.chars().any(|letter| letter.is_ascii_uppercase() || letter == ' ' || letter == '"'));
        }
    }

    #[test]
    fn titles_become_snake_case() {
        for (title, name) in [
            ("Open Int", "open_int"),
            ("exDividend", "ex_dividend"),
            ("% Chg", "chg"),
            ("Börse", "börse"),
            ("P/E Ratio", "p_e_ratio"),
            ("HTTPCode", "http_code"),
            ("CloseUSD", "close_usd"),
            ("", ""),
        ] {
            assert_eq!(snake_case(title), name);
        }
    }
}
