//! The parts of a record besides its value that the sink adds to the record's line, after the coordinates.
//!
//! ```text
//! {"kafka_partition":3,...,"kafka_key":"SFNJ","kafka_headers":"[{\"h\":[104,-61,-85]}]","symbol":"HSI",...}
//! ```
//!
//! Keys and headers are bytes that need not be UTF-8, so both are written as the event has them: the key as base64, and
//! the headers as the JSON text of a list, with signed bytes. Both are strings, because a table's column of strings
//! cannot hold a list.

use std::str::FromStr;

use crate::field_names::is_same_name;

/// Name of the field that contains a record's key.
pub const KEY: &str = "kafka_key";

/// Name of the field that contains a record's headers.
pub const HEADERS: &str = "kafka_headers";

/// The parts of a record that the sink adds to its line. They decide the line's bytes, so ledgers store them (see
/// [`KeyLayout::ledger_layout`](crate::keys::KeyLayout::ledger_layout)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Adds [`KEY`].
    pub key: bool,
    /// Adds [`HEADERS`].
    pub headers: bool,
}

impl Metadata {
    /// No metadata. This applies to every ledger that does not name metadata.
    pub const NONE: Metadata = Metadata { key: false, headers: false };

    /// Every possible value.
    pub const ALL: [Metadata; 4] = [
        Metadata::NONE,
        Metadata { key: true, headers: false },
        Metadata { key: false, headers: true },
        Metadata { key: true, headers: true },
    ];

    /// Returns the value of `SINK_METADATA` for this metadata.
    pub fn name(self) -> &'static str {
        match (self.key, self.headers) {
            (false, false) => "none",
            (true, false) => "key",
            (false, true) => "headers",
            (true, true) => "key,headers",
        }
    }

    /// Returns `true` if Athena cannot distinguish a field with this name from a field that the sink adds.
    pub fn adds(self, name: &str) -> bool {
        (self.key && is_same_name(KEY, name)) || (self.headers && is_same_name(HEADERS, name))
    }
}

/// Error returned when a string is not a valid value of `SINK_METADATA`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected key, headers, key,headers or none")]
pub struct UnknownMetadata;

impl FromStr for Metadata {
    type Err = UnknownMetadata;

    /// Parses a list such as `key,headers`, in any order, or `none`.
    fn from_str(text: &str) -> Result<Self, UnknownMetadata> {
        let mut metadata = Metadata::NONE;
        if text == metadata.name() {
            return Ok(metadata);
        }
        for part in text.split(',').map(str::trim) {
            let is_added = match part {
                "key" => &mut metadata.key,
                "headers" => &mut metadata.headers,
                _ => return Err(UnknownMetadata),
            };
            if std::mem::replace(is_added, true) {
                return Err(UnknownMetadata);
            }
        }
        Ok(metadata)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_parsed_by_its_name() {
        for metadata in Metadata::ALL {
            assert_eq!(metadata.name().parse(), Ok(metadata));
        }
        assert_eq!("headers, key".parse(), Ok(Metadata { key: true, headers: true }));
        for wrong in ["", "Key", "key,", "key,key", "none,key", "timestamp"] {
            assert_eq!(wrong.parse::<Metadata>(), Err(UnknownMetadata), "{wrong}");
        }
    }

    #[test]
    fn only_added_names_are_taken() {
        let key = Metadata { key: true, headers: false };
        assert!(key.adds("kafka_key") && key.adds("\u{212a}AFKA_KEY"));
        assert!(!key.adds("kafka_headers") && !key.adds("key") && !Metadata::NONE.adds("kafka_key"));
        assert!(Metadata { key: false, headers: true }.adds("Kafka_Headers"));
    }
}
