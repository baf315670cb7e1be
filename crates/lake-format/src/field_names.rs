//! Decides whether two field names of a record are the same: by default, only if they are equal; on request, also if
//! they differ only in case.
//!
//! Athena folds field names. If a record has the fields `Close` and `close`, Athena returns one of them and ignores the
//! other. Which one it returns depends on the reader of the file format. With [`FieldNames::IgnoreCase`], such a record
//! is invalid.
//!
//! Folding a name converts it to Unicode lowercase, as Hive does with Java's `String.toLowerCase` (see [`fold`]).

use std::borrow::Cow;
use std::str::FromStr;

/// Rule for comparing the field names of a record. The rule decides which records are quarantined, so ledgers store it
/// (see [`KeyLayout::ledger_layout`](crate::keys::KeyLayout::ledger_layout)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldNames {
    /// Names that differ in case are different fields. This is the rule of every ledger that does not name a rule.
    #[default]
    Exact,
    /// A record with two different names that are equal ignoring case is invalid.
    IgnoreCase,
}

impl FieldNames {
    /// Returns the value of `SINK_FIELD_NAMES` for this rule.
    pub fn name(self) -> &'static str {
        match self {
            FieldNames::Exact => "exact",
            FieldNames::IgnoreCase => "ignore-case",
        }
    }
}

/// Error returned when a string is not the name of a [`FieldNames`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected exact or ignore-case")]
pub struct UnknownFieldNames;

impl FromStr for FieldNames {
    type Err = UnknownFieldNames;

    fn from_str(name: &str) -> Result<Self, UnknownFieldNames> {
        [FieldNames::Exact, FieldNames::IgnoreCase]
            .into_iter()
            .find(|rule| rule.name() == name)
            .ok_or(UnknownFieldNames)
    }
}

/// Returns the name of the column into which Athena reads a field: the field's name in lower case, including non-ASCII
/// characters. The Kelvin sign becomes a `k`, `İ` becomes two characters, and `Σ` at the end of a word becomes `ς`; `ß`
/// and `ss` stay different.
pub fn fold(name: &str) -> Cow<'_, str> {
    let is_folded = name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
    if is_folded { Cow::Borrowed(name) } else { Cow::Owned(name.to_lowercase()) }
}

/// Returns `true` if two names are the same column to Athena.
pub fn is_same_name(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || (!(a.is_ascii() && b.is_ascii()) && fold(a) == fold(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_folded_by_lower_case() {
        for (a, b) in [
            ("Close", "cLOSE"),
            ("Größe", "GRÖßE"),
            ("kafka", "\u{212a}afka"),
            ("ΑΣ", "ας"),
            ("\u{130}", "i\u{307}"),
            ("ДАТА", "дата"),
            ("収益", "収益"),
        ] {
            assert!(is_same_name(a, b) && fold(a) == fold(b), "{a} {b}");
        }
        for (a, b) in [("close", "closed"), ("ß", "ss"), ("ΑΣ", "ασ"), ("ı", "i"), ("é", "e\u{301}"), ("a", " a")]
        {
            assert!(!is_same_name(a, b) && fold(a) != fold(b), "{a} {b}");
        }
    }

    #[test]
    fn rule_is_parsed_by_its_name() {
        for rule in [FieldNames::Exact, FieldNames::IgnoreCase] {
            assert_eq!(rule.name().parse(), Ok(rule));
        }
        assert_eq!("Exact".parse::<FieldNames>(), Err(UnknownFieldNames));
    }
}
