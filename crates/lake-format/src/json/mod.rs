//! Validates the JSON value of a record.
//!
//! A line that a JSON parser rejects makes every query over the line's object fail. A value is therefore validated in
//! full before it becomes part of a line: grammar (RFC 8259), surrogate pairs and nesting depth. The validator copies
//! nothing, and passes each field of the outermost object to a visitor.
//!
//! `serde_json` is not suitable: parsing into values rejects numbers beyond the range of a double, skipping values does
//! not check surrogate pairs, and neither reports the position of a field.
//!
//! ```text
//! validate ---> Scanner: validates byte by byte, following the grammar
//!                  |
//!                  +--> plain: scans numbers and ASCII strings, sixteen bytes at a time
//!                  |
//!                  +--> Visitor: receives each field of the outermost object, borrowed from the input
//! ```

pub mod plain;
mod scanner;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use scanner::Scanner;

/// Maximum nesting depth of objects and arrays, including the outermost object. A value that is nested deeper is
/// invalid.
pub const MAX_DEPTH: usize = 128;

/// The type of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{...}`
    Object,
    /// `[...]`
    Array,
    /// `"..."`
    String,
    /// `-1.5e3`
    Number,
    /// `true` or `false`.
    Boolean,
    /// `null`
    Null,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Object => "an object",
            Kind::Array => "an array",
            Kind::String => "a string",
            Kind::Number => "a number",
            Kind::Boolean => "a boolean",
            Kind::Null => "null",
        })
    }
}

/// A field of the outermost object, as it is written in the input.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// The name as it is written, escapes included, without quotation marks.
    pub name: &'a str,
    /// The value as it is written. A string includes its quotation marks.
    pub value: &'a str,
    pub kind: Kind,
    /// Byte indexes of `name` and `value` in the input.
    pub starts: (usize, usize),
}

impl<'a> Field<'a> {
    /// Returns the name with its escapes resolved.
    pub fn name(&self) -> Cow<'a, str> {
        unescape(self.name)
    }

    /// Returns the content of a string with its escapes resolved, or any other value as it is written.
    pub fn text(&self) -> Cow<'a, str> {
        match self.kind {
            Kind::String => unescape(&self.value[1..self.value.len() - 1]),
            _ => Cow::Borrowed(self.value),
        }
    }
}

/// Resolves the escapes of a validated string's content.
fn unescape(content: &str) -> Cow<'_, str> {
    if !content.contains('\\') {
        return Cow::Borrowed(content);
    }
    // This cannot fail, because every escape has been validated. If it did, the escapes would stay unresolved.
    serde_json::from_str(&format!("\"{content}\"")).map_or(Cow::Borrowed(content), Cow::Owned)
}

/// Error returned when a string is not a valid JSON object.
///
/// Quarantine reasons contain these messages, so the messages must not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The string is not JSON.
    #[error("not JSON: {expected} expected at byte {at}")]
    NotJson {
        /// The element that the grammar requires at this position.
        expected: &'static str,
        /// Byte index of the error in the string.
        at: usize,
    },
    /// A `\u` escape is half of a surrogate pair, and the other half is missing.
    #[error("lone surrogate at byte {at}")]
    LoneSurrogate {
        /// Byte index of the escape in the string.
        at: usize,
    },
    /// The value is nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// The string is JSON, but not an object.
    #[error("not an object but {0}")]
    NotObject(Kind),
}

/// Position and layout of a JSON object in the input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Byte range from the opening brace to the closing brace, both included.
    pub range: Range<usize>,
    /// `true` if the object has no fields.
    pub is_empty: bool,
    /// `true` if the white space in the object contains a line feed or a carriage return.
    pub has_line_breaks: bool,
}

impl Object {
    /// Returns the description of a non-empty object without line breaks that spans an input of `length` bytes.
    pub fn bare(length: usize) -> Self {
        Object { range: 0..length, is_empty: false, has_line_breaks: false }
    }
}

/// Receiver of the fields of the outermost object, in order.
pub trait Visitor<'a> {
    /// The visitor's reason to reject an object. Must be able to represent every [`JsonError`].
    type Error: From<JsonError>;

    /// Receives the next field.
    ///
    /// # Errors
    /// If the visitor rejects the object. Validation then stops.
    fn visit_field(&mut self, field: Field<'a>) -> Result<(), Self::Error>;
}

/// A visitor that accepts every field.
pub(crate) struct IgnoreFields;

impl<'a> Visitor<'a> for IgnoreFields {
    type Error = JsonError;

    fn visit_field(&mut self, _: Field<'a>) -> Result<(), JsonError> {
        Ok(())
    }
}

/// Checks that `text` is a single JSON object, and passes each of the object's fields to the visitor.
///
/// # Errors
/// The first error: a [`JsonError`], or an error that the visitor returns.
pub fn validate<'a, V: Visitor<'a>>(text: &'a str, visitor: &mut V) -> Result<Object, V::Error> {
    let mut scanner = Scanner::new(text);
    scanner.eat_white_space();
    let start = scanner.at;
    if scanner.peek() != Some(b'{') {
        let kind = scanner.eat_value(0)?;
        scanner.expect_end()?;
        return Err(JsonError::NotObject(kind).into());
    }
    scanner.line_breaks = false;
    let is_empty = scanner.eat_object(1, visitor)?;
    let object = Object { range: start..scanner.at, is_empty, has_line_breaks: scanner.line_breaks };
    scanner.expect_end()?;
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn validated(text: &str) -> Result<Object, JsonError> {
        validate(text, &mut IgnoreFields)
    }

    #[derive(Default)]
    struct Fields(Vec<(String, Kind, String)>);

    impl<'a> Visitor<'a> for Fields {
        type Error = JsonError;

        fn visit_field(&mut self, field: Field<'a>) -> Result<(), JsonError> {
            self.0.push((field.name().into_owned(), field.kind, field.text().into_owned()));
            Ok(())
        }
    }

    fn nested(depth: usize) -> String {
        format!("{}{}{}", "{\"a\":".repeat(depth - 1), "{}", "}".repeat(depth - 1))
    }

    #[test]
    fn object_range_is_from_brace_to_brace() {
        let text = " \n{\"a\": 1,\r\n\"b\":[]} \n";
        let object = validated(text).unwrap();
        assert_eq!(&text[object.range.clone()], "{\"a\": 1,\r\n\"b\":[]}");
        assert!(object.has_line_breaks && !object.is_empty);
        assert!(!validated("\n{ \"a\":1}\n").unwrap().has_line_breaks, "line breaks around the object do not count");
        assert!(validated("{ }").unwrap().is_empty);
    }

    #[test]
    fn visitor_receives_unescaped_fields() {
        let mut fields = Fields::default();
        validate(r#"{"a":"x\u0041\n","\u0062":-1.50e3,"c":[1, 2],"d" :null,"e":true,"f":{}}"#, &mut fields).unwrap();
        let expected = [
            ("a", Kind::String, "xA\n"),
            ("b", Kind::Number, "-1.50e3"),
            ("c", Kind::Array, "[1, 2]"),
            ("d", Kind::Null, "null"),
            ("e", Kind::Boolean, "true"),
            ("f", Kind::Object, "{}"),
        ];
        assert_eq!(fields.0, expected.map(|(name, kind, text)| (name.to_owned(), kind, text.to_owned())));
    }

    #[test]
    fn value_that_is_not_an_object_is_rejected_by_type() {
        for (text, kind) in
            [("[1,2]", Kind::Array), ("\"x\"", Kind::String), ("1", Kind::Number), (" null ", Kind::Null)]
        {
            assert_eq!(validated(text), Err(JsonError::NotObject(kind)), "{text}");
        }
    }

    #[test]
    fn error_names_the_byte() {
        for (text, expected, at) in [
            ("", "a value", 0),
            ("{", "'\"'", 1),
            ("{\"a\"}", "':'", 4),
            ("{\"a\":1,}", "'\"'", 7),
            ("{\"a\":01}", "',' or '}'", 6),
            ("{\"a\":1.}", "a digit", 7),
            ("{\"a\":+1}", "a value", 5),
            ("{\"a\":NaN}", "a value", 5),
            ("{\"a\":1}x", "end of the value", 7),
            ("{\"a\":\"\n\"}", "an escape instead of a control character", 6),
            ("{\"a\":\"\\x\"}", "an escape", 7),
            ("{\"a\":tru}", "a value", 5),
            ("\u{feff}{}", "a value", 0),
        ] {
            assert_eq!(validated(text), Err(JsonError::NotJson { expected, at }), "{text}");
            // Repeats the error far from the end of the input, where values are scanned in blocks.
            if let Some(start) = text.strip_suffix('}').filter(|start| start.len() > 4) {
                let text = format!("{start},\"b\":\"something more\"}}");
                assert_eq!(validated(&text), Err(JsonError::NotJson { expected, at }), "{text}");
            }
        }
    }

    #[test]
    fn truncated_value_is_rejected_at_every_length() {
        for length in 0..70 {
            let text = format!(r#"{{"a":1.5,"b":"{}""#, "x".repeat(length));
            assert_eq!(validated(&text), Err(JsonError::NotJson { expected: "',' or '}'", at: text.len() }));
            for end in 0..text.len() {
                assert!(validated(&text[..end]).is_err(), "{}", &text[..end]);
            }
            let number = format!(r#"{{"b":{}"#, "1".repeat(length + 1));
            assert_eq!(validated(&number), Err(JsonError::NotJson { expected: "',' or '}'", at: number.len() }));
        }
    }

    #[test]
    fn lone_surrogate_is_rejected() {
        for lone in [r#"{"a":"\ud800"}"#, r#"{"a":"\udc00"}"#, r#"{"a":"\ud800\u0041"}"#, r#"{"\ud83d":1}"#] {
            assert!(matches!(validated(lone), Err(JsonError::LoneSurrogate { .. })), "{lone}");
        }
        assert!(validated(r#"{"a":"\ud83d\ude00"}"#).is_ok());
    }

    #[test]
    fn nesting_beyond_the_limit_is_rejected() {
        assert!(validated(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(validated(&nested(MAX_DEPTH + 1)), Err(JsonError::TooDeep));
        let arrays = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(validated(&arrays), Err(JsonError::TooDeep), "the stack does not overflow");
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_filter_map("finite", |n| serde_json::Number::from_f64(n).map(Into::into)),
            any::<String>().prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::hash_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn every_value_that_serde_json_writes_is_accepted(value in json(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            let mut fields = Fields::default();
            let result = validate(&text, &mut fields);
            match value.as_object() {
                Some(object) => {
                    prop_assert_eq!(result.unwrap().is_empty, object.is_empty());
                    let names: Vec<_> = fields.0.iter().map(|(name, ..)| name).collect();
                    prop_assert_eq!(names, object.keys().collect::<Vec<_>>());
                }
                None => prop_assert!(matches!(result, Err(JsonError::NotObject(_)))),
            }
        }

        #[test]
        fn validator_agrees_with_serde_json_on_damaged_objects(value in json(), at: prop::sample::Index, byte in prop::sample::select(b"{}[]\",:\\u0d1.e+-tfn \n".as_slice())) {
            let mut text = serde_json::to_string(&serde_json::json!({ "a": value, "b": "something more" })).unwrap().into_bytes();
            let at = at.index(text.len());
            text[at] = byte;
            if let Ok(text) = std::str::from_utf8(&text) {
                let theirs = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text);
                // A number beyond the range of f64 is valid JSON, but serde_json rejects it.
                let out_of_range = theirs.as_ref().is_err_and(|error| error.to_string().contains("out of range"));
                prop_assert!(validated(text).is_ok() == theirs.is_ok() || out_of_range, "{} {:?}", text, theirs);
            }
        }
    }
}
