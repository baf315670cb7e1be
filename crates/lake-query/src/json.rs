//! Parses a line into its fields, in order, with each value as raw JSON.

use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::columns::Kind;

/// The fields of a JSON object, in order.
pub(super) struct Fields<'a>(pub(super) Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        from.deserialize_map(Collect)
    }
}

/// Returns the kind of column that fits a value, or `None` for null, which fits every kind.
pub(super) fn kind(value: &RawValue) -> Option<Kind> {
    match value.get().as_bytes().first()? {
        b'n' => None,
        b't' | b'f' => Some(Kind::Boolean),
        b'"' | b'{' | b'[' => Some(Kind::Json),
        _ => Some(Kind::Double),
    }
}

/// Converts a value to the text in its cell: the contents of a string, `None` for null, and the JSON of any other
/// value.
pub(super) fn text(value: &RawValue) -> serde_json::Result<Option<String>> {
    match value.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str(value.get()).map(Some),
        Some(b'n') | None => Ok(None),
        Some(_) => Ok(Some(value.get().to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order_and_text() {
        let line = r#"{"z":1.50,"a":"q\"\u00e9","n":null,"o":{"b":[1, 2]},"t":true}"#;
        let Fields(fields) = serde_json::from_str(line).unwrap();
        let seen: Vec<_> =
            fields.iter().map(|(name, value)| (name.as_str(), kind(value), text(value).unwrap())).collect();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            seen,
            [
                ("z", Some(Kind::Double), some("1.50")),
                ("a", Some(Kind::Json), some("q\"é")),
                ("n", None, None),
                ("o", Some(Kind::Json), some(r#"{"b":[1, 2]}"#)),
                ("t", Some(Kind::Boolean), some("true")),
            ]
        );
    }

    #[test]
    fn only_an_object_has_fields() {
        assert!(serde_json::from_str::<Fields>("[1]").is_err());
    }
}
