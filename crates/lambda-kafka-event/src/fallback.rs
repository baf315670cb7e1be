//! The event in whatever way its JSON is written.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use super::Record;

/// What the event says of where it comes from, and its records.
pub(super) fn read(text: &str) -> serde_json::Result<(Option<Cow<'_, str>>, Vec<Record<'_>>)> {
    let Envelope { source, records: Records(records) } = serde_json::from_str(text)?;
    Ok((source, records))
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "eventSource", borrow, default)]
    source: Option<Cow<'a, str>>,
    #[serde(borrow)]
    records: Records<'a>,
}

/// The lists of the map `records`, in one; the map's own names and order mean nothing.
struct Records<'a>(Vec<Record<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for Records<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lists<'a>(Vec<Record<'a>>);

        impl<'de: 'a, 'a> Visitor<'de> for Lists<'a> {
            type Value = Records<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from topic and partition to a list of records")
            }

            fn visit_map<M: MapAccess<'de>>(mut self, mut map: M) -> Result<Self::Value, M::Error> {
                while map.next_key::<IgnoredAny>()?.is_some() {
                    let list: Vec<Record<'a>> = map.next_value()?;
                    if self.0.is_empty() {
                        self.0 = list;
                    } else {
                        self.0.extend(list);
                    }
                }
                Ok(Records(self.0))
            }
        }

        deserializer.deserialize_map(Lists(Vec::new()))
    }
}
