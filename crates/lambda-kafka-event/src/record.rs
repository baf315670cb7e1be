//! One record of an event, and the serde rules for its fields.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{self, Deserializer};
use serde_json::value::RawValue;

/// One Kafka record.
#[derive(Clone, Debug, Deserialize)]
pub struct Record<'a> {
    #[serde(borrow)]
    pub topic: Cow<'a, str>,
    pub partition: i32,
    pub offset: i64,
    /// Milliseconds since 1970; -1 if the record has no timestamp.
    #[serde(default = "no_timestamp", deserialize_with = "timestamp")]
    pub timestamp: i64,
    #[serde(borrow, default)]
    pub key: Payload<'a>,
    #[serde(borrow, default)]
    pub value: Payload<'a>,
    /// JSON of the headers, unchanged. Lambda sends an array of objects with one field each, which maps a header's name
    /// to an array of signed bytes.
    #[serde(borrow, default)]
    pub headers: Option<&'a RawValue>,
}

/// A key or a value.
#[derive(Clone, Debug, Default)]
pub enum Payload<'a> {
    /// Missing or null.
    #[default]
    Absent,
    /// Content of a JSON string, which should be base64 but is not validated.
    Base64(Cow<'a, [u8]>),
    /// Any other JSON, for example a value that was decoded with a schema registry, or a string that cannot be
    /// unescaped.
    Json(&'a RawValue),
}

impl<'de: 'a, 'a> Deserialize<'de> for Payload<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(raw) = <Option<&'a RawValue>>::deserialize(deserializer)? else {
            return Ok(Payload::Absent);
        };
        match raw.get().strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
            None => Ok(Payload::Json(raw)),
            // Some JSON writers escape the slashes of base64. A string with a lone surrogate cannot be unescaped, so it
            // stays as it was sent.
            Some(content) if content.contains('\\') => {
                let text = serde_json::from_str::<String>(raw.get());
                Ok(text.map_or(Payload::Json(raw), |text| Payload::Base64(Cow::Owned(text.into_bytes()))))
            }
            Some(content) => Ok(Payload::Base64(Cow::Borrowed(content.as_bytes()))),
        }
    }
}

/// Returns the value that Kafka uses for a missing timestamp.
pub(crate) fn no_timestamp() -> i64 {
    -1
}

fn timestamp<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    match <Option<serde_json::Number>>::deserialize(deserializer)? {
        None => Ok(no_timestamp()),
        Some(number) => number.as_i64().ok_or_else(|| de::Error::custom("timestamp is not a whole number")),
    }
}
