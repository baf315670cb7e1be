//! A JSON checker for one record's value.
//!
//! A line that a JSON reader refuses fails every query over its object, so a value is checked in full
//! before it is spliced: grammar (RFC 8259), surrogate pairs, nesting. The checker copies nothing and
//! hands each field of the outermost object to its caller on the way.

pub mod plain;
mod scanner;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use scanner::Scanner;

/// Objects and arrays may be nested this deep, the outermost object counted.
pub const MAX_DEPTH: usize = 128;

/// What a JSON value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{...}`
    Object,
    /// `[...]`
    Array,
    /// `"..."`
    String,
    /// A number.
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

/// A field of the outermost object, as it stands in the text.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// As it is written.
    pub name: &'a str,
    /// As it is written, a string in its quotation marks.
    pub value: &'a str,
    /// What the value is.
    pub kind: Kind,
    /// Where the name begins, in bytes from the start of the text, and where the value does.
    pub places: (usize, usize),
}

impl<'a> Field<'a> {
    /// The name with its escapes resolved.
    pub fn name(&self) -> Cow<'a, str> {
        unescape(self.name)
    }

    /// The value's text: of a string its content with the escapes resolved, of anything else its JSON.
    pub fn text(&self) -> Cow<'a, str> {
        match self.kind {
            Kind::String => unescape(&self.value[1..self.value.len() - 1]),
            _ => Cow::Borrowed(self.value),
        }
    }
}

/// Resolves the escapes of a string's content that the checker has accepted.
fn unescape(content: &str) -> Cow<'_, str> {
    if !content.contains('\\') {
        return Cow::Borrowed(content);
    }
    // The checker has accepted every escape, so this does not fail; if it did, the raw text would stand.
    serde_json::from_str(&format!("\"{content}\"")).map_or(Cow::Borrowed(content), Cow::Owned)
}

/// Why a text is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not JSON: what was expected, and where (in bytes from the start).
    #[error("not JSON: {expected} expected at byte {at}")]
    NotJson {
        /// What the grammar asks for there.
        expected: &'static str,
        /// Bytes from the start of the value.
        at: usize,
    },
    /// A `\u` escape that is half of a surrogate pair.
    #[error("lone surrogate at byte {at}")]
    LoneSurrogate {
        /// Bytes from the start of the value.
        at: usize,
    },
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH}")]
    TooDeep,
    /// JSON, but something else than an object.
    #[error("not an object but {0}")]
    NotObject(Kind),
}

/// Where a text holds one JSON object, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// From the first brace to the last, in bytes.
    pub range: Range<usize>,
    /// It has no field.
    pub is_empty: bool,
    /// Its white space holds a line feed or a carriage return.
    pub has_line_breaks: bool,
}

impl Object {
    /// An object with fields, on one line, with nothing around it.
    pub fn bare(length: usize) -> Self {
        Object { range: 0..length, is_empty: false, has_line_breaks: false }
    }
}

/// What is told of the outermost object's own fields, in turn.
pub trait Visitor<'a> {
    /// What the object is refused with.
    type Error: From<JsonError>;

    /// The next field.
    ///
    /// # Errors
    /// The object is refused.
    fn field(&mut self, field: Field<'a>) -> Result<(), Self::Error>;
}

/// Nobody asks for the fields.
pub struct IgnoreFields;

impl<'a> Visitor<'a> for IgnoreFields {
    type Error = JsonError;

    fn field(&mut self, _: Field<'a>) -> Result<(), JsonError> {
        Ok(())
    }
}

/// Checks that `text` is one JSON object, and shows each of its own fields.
///
/// # Errors
/// The [`JsonError`] of the first fault, or the visitor's first.
pub fn check<'a, V: Visitor<'a>>(text: &'a str, visitor: &mut V) -> Result<Object, V::Error> {
    let mut scanner = Scanner::new(text);
    scanner.white_space();
    let start = scanner.at;
    if scanner.peek() != Some(b'{') {
        let kind = scanner.value(0)?;
        scanner.end()?;
        return Err(JsonError::NotObject(kind).into());
    }
    scanner.line_breaks = false;
    let is_empty = scanner.fields(1, visitor)?;
    let object = Object { range: start..scanner.at, is_empty, has_line_breaks: scanner.line_breaks };
    scanner.end()?;
    Ok(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn checked(text: &str) -> Result<Object, JsonError> {
        check(text, &mut IgnoreFields)
    }

    /// Keeps all fields.
    #[derive(Default)]
    struct Seen(Vec<(String, Kind, String)>);

    impl<'a> Visitor<'a> for Seen {
        type Error = JsonError;

        fn field(&mut self, field: Field<'a>) -> Result<(), JsonError> {
            self.0.push((field.name().into_owned(), field.kind, field.text().into_owned()));
            Ok(())
        }
    }

    fn nested(depth: usize) -> String {
        format!("{}{}{}", "{\"a\":".repeat(depth - 1), "{}", "}".repeat(depth - 1))
    }

    #[test]
    fn an_object_is_found_between_its_braces_and_its_white_space_described() {
        let text = " \n{\"a\": 1,\r\n\"b\":[]} \n";
        let object = checked(text).unwrap();
        assert_eq!(&text[object.range.clone()], "{\"a\": 1,\r\n\"b\":[]}");
        assert!(object.has_line_breaks && !object.is_empty);
        assert!(!checked("\n{ \"a\":1}\n").unwrap().has_line_breaks, "line breaks around it do not count");
        assert!(checked("{ }").unwrap().is_empty);
    }

    #[test]
    fn fields_come_unescaped_with_kind_and_text() {
        let mut seen = Seen::default();
        check(r#"{"a":"x\u0041\n","\u0062":-1.50e3,"c":[1, 2],"d" :null,"e":true,"f":{}}"#, &mut seen).unwrap();
        let expected = [
            ("a", Kind::String, "xA\n"),
            ("b", Kind::Number, "-1.50e3"),
            ("c", Kind::Array, "[1, 2]"),
            ("d", Kind::Null, "null"),
            ("e", Kind::Boolean, "true"),
            ("f", Kind::Object, "{}"),
        ];
        assert_eq!(seen.0, expected.map(|(name, kind, text)| (name.to_owned(), kind, text.to_owned())));
    }

    #[test]
    fn what_is_not_an_object_is_refused_by_name() {
        for (text, kind) in
            [("[1,2]", Kind::Array), ("\"x\"", Kind::String), ("1", Kind::Number), (" null ", Kind::Null)]
        {
            assert_eq!(checked(text), Err(JsonError::NotObject(kind)), "{text}");
        }
    }

    #[test]
    fn faults_name_the_byte() {
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
            assert_eq!(checked(text), Err(JsonError::NotJson { expected, at }), "{text}");
            // Far from the end, where values are told at a glance.
            if let Some(start) = text.strip_suffix('}').filter(|start| start.len() > 4) {
                let text = format!("{start},\"b\":\"something more\"}}");
                assert_eq!(checked(&text), Err(JsonError::NotJson { expected, at }), "{text}");
            }
        }
    }

    #[test]
    fn a_value_that_is_cut_off_is_told_wherever_the_cut_is() {
        for length in 0..70 {
            let text = format!(r#"{{"a":1.5,"b":"{}""#, "x".repeat(length));
            assert_eq!(checked(&text), Err(JsonError::NotJson { expected: "',' or '}'", at: text.len() }));
            for end in 0..text.len() {
                assert!(checked(&text[..end]).is_err(), "{}", &text[..end]);
            }
            let number = format!(r#"{{"b":{}"#, "1".repeat(length + 1));
            assert_eq!(checked(&number), Err(JsonError::NotJson { expected: "',' or '}'", at: number.len() }));
        }
    }

    #[test]
    fn half_a_surrogate_pair_is_refused_and_a_whole_one_is_not() {
        for lone in [r#"{"a":"\ud800"}"#, r#"{"a":"\udc00"}"#, r#"{"a":"\ud800\u0041"}"#, r#"{"\ud83d":1}"#] {
            assert!(matches!(checked(lone), Err(JsonError::LoneSurrogate { .. })), "{lone}");
        }
        assert!(checked(r#"{"a":"\ud83d\ude00"}"#).is_ok());
    }

    #[test]
    fn nesting_ends_at_the_limit() {
        assert!(checked(&nested(MAX_DEPTH)).is_ok());
        assert_eq!(checked(&nested(MAX_DEPTH + 1)), Err(JsonError::TooDeep));
        let arrays = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(checked(&arrays), Err(JsonError::TooDeep), "no stack is left to overflow");
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
        fn it_accepts_what_serde_json_writes_and_hands_over_every_field(value in json(), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            let mut seen = Seen::default();
            let result = check(&text, &mut seen);
            match value.as_object() {
                Some(object) => {
                    prop_assert_eq!(result.unwrap().is_empty, object.is_empty());
                    let names: Vec<_> = seen.0.iter().map(|(name, ..)| name).collect();
                    prop_assert_eq!(names, object.keys().collect::<Vec<_>>());
                }
                None => prop_assert!(matches!(result, Err(JsonError::NotObject(_)))),
            }
        }

        #[test]
        fn it_agrees_with_serde_json_on_damaged_objects(value in json(), at: prop::sample::Index, byte in prop::sample::select(b"{}[]\",:\\u0d1.e+-tfn \n".as_slice())) {
            let mut text = serde_json::to_string(&serde_json::json!({ "a": value, "b": "something more" })).unwrap().into_bytes();
            let at = at.index(text.len());
            text[at] = byte;
            if let Ok(text) = std::str::from_utf8(&text) {
                let theirs = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text);
                // A number beyond f64 is JSON all the same; serde_json refuses to hold it.
                let out_of_range = theirs.as_ref().is_err_and(|error| error.to_string().contains("out of range"));
                prop_assert!(checked(text).is_ok() == theirs.is_ok() || out_of_range, "{} {:?}", text, theirs);
            }
        }
    }
}
