//! Name check: finds two fields of a record whose names differ only in case.
//!
//! The field cache numbers each name that it keeps, and names that are the same ignoring case share a second number.
//! Checking a field then means reading and writing one element of a list:
//!
//! ```text
//! record 7   {"Close":1,"close":2}      "Close" has the numbers 0 and 0, "close" has 1 and 0
//!
//! "Close"    last_of[0] = (record 6, name 0)   a different record: now (record 7, name 0)
//! "close"    last_of[0] = (record 7, name 0)   this record, and name 0 is not name 1: invalid
//! ```
//!
//! A record with names that the field cache does not keep is read once more, by [`find_in_text`]. A record that matches
//! the schema cache has the names of a record that was checked, so it is not checked again.

use std::collections::HashMap;

use lake_format::InvalidRecord;
use lake_format::field_names::fold;
use lake_format::json::{self, Field, Visitor};

/// Numbers that identify a field's unescaped name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NameId {
    /// Number that only this name has.
    pub(crate) exact: u16,
    /// Number that this name shares with all names that differ from it only in case.
    pub(crate) folded: u16,
}

/// State of the check, which examines one record after another.
#[derive(Debug, Default)]
pub(crate) struct NameCheck {
    /// Number of the current record, so that entries of earlier records need not be removed.
    record: u64,
    /// The last occurrence of a name, indexed by [`NameId::folded`]: the number of the record, and the name's
    /// [`NameId::exact`].
    last_of: Vec<(u64, u16)>,
    /// `true` if the record has a name without a [`NameId`].
    has_unnumbered: bool,
}

impl NameCheck {
    pub(crate) fn begin_record(&mut self) {
        self.record += 1;
        self.has_unnumbered = false;
    }

    /// Adds a field's name. Returns the [`NameId::exact`] of an earlier name of the record that differs from this one
    /// only in case, if any.
    pub(crate) fn add(&mut self, name: Option<NameId>) -> Option<u16> {
        let Some(NameId { exact, folded }) = name else {
            self.has_unnumbered = true;
            return None;
        };
        let index = usize::from(folded);
        if self.last_of.len() <= index {
            self.last_of.resize(index + 1, (0, 0));
        }
        let (record, other) = std::mem::replace(&mut self.last_of[index], (self.record, exact));
        (record == self.record && other != exact).then_some(other)
    }

    /// Checks all names again if [`NameCheck::add`] could not check a name that has no [`NameId`]. `text` is the
    /// record, which is valid JSON.
    ///
    /// # Errors
    /// [`InvalidRecord::FieldNames`] if two names differ only in case.
    pub(crate) fn finish(&self, text: &str) -> Result<(), InvalidRecord> {
        if self.has_unnumbered { find_in_text(text) } else { Ok(()) }
    }
}

/// Checks all names of a record.
fn find_in_text(text: &str) -> Result<(), InvalidRecord> {
    struct Names(HashMap<String, String>);

    impl<'a> Visitor<'a> for Names {
        type Error = InvalidRecord;

        fn visit_field(&mut self, field: Field<'a>) -> Result<(), InvalidRecord> {
            let name = field.name();
            match self.0.get(&*fold(&name)) {
                Some(first) if *first != name => Err(differ_in_case(first, &name)),
                Some(_) => Ok(()),
                None => {
                    self.0.insert(fold(&name).into_owned(), name.into_owned());
                    Ok(())
                }
            }
        }
    }

    json::validate(text, &mut Names(HashMap::new())).map(|_| ())
}

/// Returns the reason to quarantine a record with these names.
pub(crate) fn differ_in_case(first: &str, second: &str) -> InvalidRecord {
    InvalidRecord::FieldNames { first: truncated(first), second: truncated(second) }
}

/// Truncates a name to 40 characters, so that it cannot fill the reason.
fn truncated(name: &str) -> String {
    const MAX_CHARACTERS: usize = 40;
    match name.char_indices().nth(MAX_CHARACTERS) {
        Some((end, _)) => format!("{}...", &name[..end]),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::Config;
    use crate::validate::{MAX_CACHED_FIELDS, Validator};
    use lake_format::field_names::FieldNames;
    use proptest::prelude::*;
    use proptest::sample::select;
    use serde_json::value::RawValue;

    fn config(rule: FieldNames) -> Config {
        let mut config = Config::new("b");
        config.layout.field_names = rule;
        config
    }

    fn reason(validator: &mut Validator<'_>, value: &str) -> Option<String> {
        validator.validate(&mut value.as_bytes().to_vec(), 0).err().map(|error| error.to_string())
    }

    /// Parses the names in order and compares each with all others.
    fn is_ambiguous(value: &str) -> bool {
        struct Names(Vec<String>);

        impl<'de> serde::Deserialize<'de> for Names {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct Each;

                impl<'de> serde::de::Visitor<'de> for Each {
                    type Value = Names;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<M: serde::de::MapAccess<'de>>(self, mut map: M) -> Result<Names, M::Error> {
                        let mut names = Vec::new();
                        while let Some((name, _)) = map.next_entry::<String, &RawValue>()? {
                            names.push(name);
                        }
                        Ok(Names(names))
                    }
                }

                from.deserialize_map(Each)
            }
        }

        let Names(names) = serde_json::from_str(value).unwrap();
        let differ = |a: &String, b: &String| a != b && a.to_lowercase() == b.to_lowercase();
        names.iter().any(|a| names.iter().any(|b| differ(a, b)))
    }

    #[test]
    fn names_that_differ_in_case_are_ambiguous() {
        let config = config(FieldNames::IgnoreCase);
        let mut validator = Validator::new(&config);
        for (value, expected) in [
            (r#"{"Close":1,"close":2}"#, r#"field "close" is named like field "Close", ignoring case"#),
            (r#"{"a":1,"\u0041":2}"#, r#"field "A" is named like field "a", ignoring case"#),
            ("{\"\u{212a}\":1,\"k\":2}", "field \"k\" is named like field \"\u{212a}\", ignoring case"),
            (r#"{"größe":1,"n":0,"GRÖßE":2}"#, r#"field "GRÖßE" is named like field "größe", ignoring case"#),
        ] {
            for _ in 0..2 {
                assert_eq!(reason(&mut validator, value).as_deref(), Some(expected));
            }
        }
        for valid in [
            r#"{"close":1,"close":2}"#,
            r#"{"close":1,"\u0063lose":2}"#,
            r#"{"a":{"B":1,"b":2},"b":{"A":1}}"#,
            r#"{"ß":1,"ss":2,"SS_":3}"#,
            r#"{"Close":1}"#,
            r#"{"close":1}"#,
        ] {
            assert_eq!(reason(&mut validator, valid), None, "{valid}");
        }
    }

    #[test]
    fn default_rule_accepts_names_that_differ_in_case() {
        let config = config(FieldNames::Exact);
        assert_eq!(reason(&mut Validator::new(&config), r#"{"Close":1,"close":2}"#), None);
    }

    #[test]
    fn long_name_is_truncated_in_the_reason() {
        let config = config(FieldNames::IgnoreCase);
        let value = format!("{{\"{}\":1,\"{}\":2}}", "é".repeat(41), "É".repeat(41));
        let text = reason(&mut Validator::new(&config), &value).unwrap();
        assert_eq!(text.matches("...").count(), 2, "{text}");
        assert!(text.contains(&"É".repeat(40)) && !text.contains(&"É".repeat(41)), "{text}");
    }

    #[test]
    fn names_beyond_the_cache_are_checked() {
        let config = config(FieldNames::IgnoreCase);
        let mut validator = Validator::new(&config);
        let names: Vec<String> = (0..2 * MAX_CACHED_FIELDS).map(|number| format!("\"a{number}\":1")).collect();
        let names = names.join(",");
        assert_eq!(reason(&mut validator, &format!("{{{names}}}")), None);
        for twin in ["A0", "A300", "A511"] {
            for value in [format!("{{{names},\"{twin}\":1}}"), format!("{{\"{twin}\":1,{names}}}")] {
                assert!(reason(&mut validator, &value).is_some_and(|reason| reason.contains(twin)), "{twin}");
            }
        }
        assert_eq!(reason(&mut validator, &format!("{{{names}}}")), None);
    }

    proptest! {
        #[test]
        fn exactly_ambiguous_records_are_invalid(
            records in prop::collection::vec(prop::collection::vec(select(vec![
                "a", "A", "\\u0061", "\\u0041", "b", "B", "close", "Close", "CLOSE", "k", "K", "\u{212a}", "\\u212a", "é", "É",
                "ß", "ss", "İ", "i̇", "ας", "ΑΣ", "ασ", "",
            ]), 0..6), 1..12),
            fill in prop::bool::weighted(0.3),
        ) {
            let config = config(FieldNames::IgnoreCase);
            let mut validator = Validator::new(&config);
            if fill {
                for number in 0..MAX_CACHED_FIELDS - 3 {
                    prop_assert_eq!(reason(&mut validator, &format!("{{\"x{number}\":1}}")), None);
                }
            }
            for names in records {
                let fields: Vec<String> = names.iter().map(|name| format!("\"{name}\":1")).collect();
                let value = format!("{{{}}}", fields.join(","));
                // Twice, because the second record can match the schema cache.
                for _ in 0..2 {
                    let reason = reason(&mut validator, &value);
                    prop_assert_eq!(reason.is_some(), is_ambiguous(&value), "{}: {:?}", value, reason);
                }
            }
        }
    }
}
