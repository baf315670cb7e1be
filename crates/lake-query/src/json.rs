//! Parses a line into its fields, in order, with each value as raw JSON.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::columns::Kind;

/// The fields of a JSON object, in order.
pub(super) struct Fields<'a>(pub(super) Vec<(Cow<'a, str>, &'a RawValue)>);

/// A name that is borrowed unless it has escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

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
                while let Some((Name(name), value)) = map.next_entry()? {
                    fields.push((name, value));
                }
                Ok(Fields(fields))
            }
        }
        from.deserialize_map(Collect)
    }
}

/// Kind of a JSON value. Values of the same kind can be stored in the same type of column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Boolean,
    /// A number without fraction and exponent that fits into 64 bits.
    Integer,
    /// A number without fraction and exponent that does not fit into 64 bits.
    LongInteger,
    /// Any other number.
    Double,
    /// A string, an array or an object.
    Text,
}

impl Value {
    pub(super) fn of(value: &RawValue) -> Self {
        let text = value.get();
        match text.as_bytes().first() {
            Some(b'n') | None => Self::Null,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'"' | b'{' | b'[') => Self::Text,
            // Doubles have a negative zero; integers do not.
            Some(_) if text.contains(['.', 'e', 'E']) || text == "-0" => Self::Double,
            Some(_) if text.parse::<i64>().is_ok() => Self::Integer,
            Some(_) => Self::LongInteger,
        }
    }

    /// Returns the kind that can represent the values of both kinds.
    pub(super) fn merge(self, other: Self) -> Self {
        use Value::{Double, Integer, LongInteger, Null, Text};
        match (self, other) {
            (one, two) if one == two => one,
            (Null, one) | (one, Null) => one,
            (Integer, LongInteger) | (LongInteger, Integer) => LongInteger,
            (Integer | LongInteger | Double, Integer | LongInteger | Double) => Double,
            _ => Text,
        }
    }

    /// Returns the kind of column for values of this kind. Integers of more than 64 bits are text, because a double
    /// would round them.
    pub(super) fn column(self) -> Kind {
        match self {
            Self::Null => Kind::String,
            Self::Boolean => Kind::Boolean,
            Self::Integer => Kind::Integer,
            Self::Double => Kind::Double,
            Self::LongInteger | Self::Text => Kind::Json,
        }
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
            fields.iter().map(|(name, value)| (name.as_ref(), Value::of(value), text(value).unwrap())).collect();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            seen,
            [
                ("z", Value::Double, some("1.50")),
                ("a", Value::Text, some("q\"é")),
                ("n", Value::Null, None),
                ("o", Value::Text, some(r#"{"b":[1, 2]}"#)),
                ("t", Value::Boolean, some("true")),
            ]
        );
    }

    #[test]
    fn a_column_fits_all_its_values() {
        let column = |values: &[&str]| {
            let values = values.iter().map(|text| Value::of(serde_json::from_str(text).unwrap()));
            values.reduce(Value::merge).unwrap().column()
        };
        assert_eq!(column(&["null"]), Kind::String);
        assert_eq!(column(&["null", "1", "-9223372036854775808"]), Kind::Integer);
        assert_eq!(column(&["1", "9223372036854775808", "null"]), Kind::Json);
        assert_eq!(column(&["1", "9223372036854775808", "0.5"]), Kind::Double);
        for double in ["1.0", "1e3", "2E1", "-0"] {
            assert_eq!(column(&["1", double]), Kind::Double, "{double}");
        }
        assert_eq!(column(&["true", "false"]), Kind::Boolean);
        for other in ["1", "1.5", "\"x\"", "[]", "{}"] {
            assert_eq!(column(&["true", other]), Kind::Json, "{other}");
        }
    }

    #[test]
    fn only_an_object_has_fields() {
        assert!(serde_json::from_str::<Fields>("[1]").is_err());
    }
}
