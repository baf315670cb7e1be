//! Serde fallback: reads events however their JSON is formatted.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::record::Record;

/// Returns an event's `eventSource`, if present, and its records.
pub(crate) fn read(text: &str) -> serde_json::Result<(Option<Cow<'_, str>>, Vec<Record<'_>>)> {
    let Envelope { event_source, records: RecordLists(records) } = serde_json::from_str(text)?;
    Ok((event_source, records))
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(rename = "eventSource", borrow, default)]
    event_source: Option<Cow<'a, str>>,
    #[serde(borrow)]
    records: RecordLists<'a>,
}

/// The lists of the map `records`, concatenated. The map's keys repeat each record's topic and partition, and are
/// ignored.
struct RecordLists<'a>(Vec<Record<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for RecordLists<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<'a>(Vec<Record<'a>>);

        impl<'de: 'a, 'a> Visitor<'de> for ListVisitor<'a> {
            type Value = RecordLists<'a>;

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
                Ok(RecordLists(self.0))
            }
        }

        deserializer.deserialize_map(ListVisitor(Vec::new()))
    }
}
